package prm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/vote"
)

func TestSaveThenLoad(t *testing.T) {
	state := []byte("optimiser")
	for _, test := range []struct {
		save        func(string, *Model) error
		state, kept []byte
	}{{Save, nil, nil}, {Save, state, nil}, {SaveResumable, nil, nil}, {SaveResumable, state, state}} {
		m := testModel(t, 8, smallShape, test.state)
		h := m.Header()
		h.Created, h.Seed, h.Round, h.Parent = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), -7, 3, "abc"
		h.Trained = Counts{1, 2, 3, 4}
		m, err := New(h, m.Weights(), test.state)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prm.ckpt")
		if err := test.save(path, m); err != nil {
			t.Fatal(err)
		}
		back, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := New(h, m.Weights(), test.kept)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, want) || back.ID() != m.ID() {
			t.Errorf("got %+v, want %+v", back, want)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	}
}

func TestSaveReplacesWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prm.ckpt")
	first, second := testModel(t, 4, smallShape, nil), testModel(t, 6, smallShape, nil)
	for _, m := range []*Model{first, second} {
		if err := Save(path, m); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := Load(path); err != nil || m.ID() != second.ID() {
		t.Errorf("got %v, %v", m, err)
	}
	// Where the rename can't succeed, nothing is left and nothing is lost.
	blocked := filepath.Join(t.TempDir(), "taken")
	if err := os.MkdirAll(filepath.Join(blocked, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Save(blocked, first); err == nil {
		t.Fatal("a folder was replaced")
	}
	files, err := os.ReadDir(filepath.Dir(blocked))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := Save(filepath.Join(blocked, "inside", "new", "prm.ckpt"), first); err != nil {
		t.Errorf("missing folder: %v", err)
	}
}

// reloaded is a model saved, and loaded again.
func reloaded(t *testing.T, m *Model) *Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prm.ckpt")
	if err := Save(path, m); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// judging is a model with a solution head of so many units, none of whose numbers is 0.
func judging(t testing.TB, units int, change func(*SolutionHead, *SolutionHeader)) *Model {
	t.Helper()
	head := NewSolutionHead(units, feature.BlockRoles)
	for k, tensor := range head.all() {
		for i := range tensor.Data {
			tensor.Data[i] = float32(k+1) / float32(i+2)
		}
	}
	of := SolutionHeader{Model: "llm", Problems: 40, AUC: 0.75, Vote: vote.Rule{Beta: 0.5, Power: 1, Nats: 0.1, Margin: 0.05, Problems: 40, Stop: vote.Stop{Lead: 1, At: 0.9}}}
	if change != nil {
		change(head, &of)
	}
	m, err := testModel(t, 4, smallShape, nil).Judging(head, of)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSaveThenLoadWithASolutionHead(t *testing.T) {
	inputs := []feature.Input{testInput(4), testInput(0)}
	for _, units := range []int{0, 3} {
		m := judging(t, units, nil)
		back := reloaded(t, m)
		if !reflect.DeepEqual(back, m) || back.ID() != m.ID() {
			t.Errorf("%d units: got %+v, want %+v", units, back.Header(), m.Header())
		}
		if h := back.Header().Solution; h == nil || h.Units != units || !reflect.DeepEqual(h.Without, []feature.Block{feature.BlockRoles}) || h.Vote.Beta != 0.5 {
			t.Errorf("%d units: the header says %+v", units, h)
		}
		was, is := m.Judge(nil, inputs, nil, nil), back.Judge(nil, inputs, nil, nil)
		if !is.Whole || is.Solution != was.Solution || is.Solution <= 0 || is.Solution >= 1 || is.Rate(Min) != is.Solution {
			t.Errorf("%d units: judged %+v, before %+v", units, is, was)
		}
	}
	plain := testModel(t, 4, smallShape, nil)
	if j := plain.Judge([]Score{{Step: 0.3}, {Step: 0.6}}, inputs, nil, nil); j.Whole || j.Solution != 0 || j.Rate(Min) != 0.3 {
		t.Errorf("without a head: %+v", j)
	}
	ids := map[string]string{plain.ID(): "no head"}
	for name, m := range map[string]*Model{
		"linear":          judging(t, 0, nil),
		"dense":           judging(t, 3, nil),
		"another weight":  judging(t, 3, func(h *SolutionHead, _ *SolutionHeader) { h.Out.Data[2] = 9 }),
		"another scale":   judging(t, 3, func(h *SolutionHead, _ *SolutionHeader) { h.Scale.Data[0] = 9 }),
		"another vote":    judging(t, 3, func(_ *SolutionHead, of *SolutionHeader) { of.Vote.Beta = 1 }),
		"of another LLM":  judging(t, 3, func(_ *SolutionHead, of *SolutionHeader) { of.Model = "other" }),
		"reads something": judging(t, 3, func(h *SolutionHead, _ *SolutionHeader) { h.Without = nil }),
	} {
		if other, taken := ids[m.ID()]; taken {
			t.Errorf("%s has the ID of %s", name, other)
		}
		ids[m.ID()] = name
	}
	if _, err := New(judging(t, 0, nil).Header(), plain.Weights(), nil); err == nil {
		t.Error("a header of a head that isn't there was taken")
	}
	bad := NewSolutionHead(2)
	bad.Out.Data[1] = float32(math.NaN())
	short := NewSolutionHead(2)
	short.Linear.Data = short.Linear.Data[1:]
	for name, head := range map[string]*SolutionHead{"NaN": bad, "a number short": short} {
		if _, err := plain.Judging(head, SolutionHeader{}); err == nil || !strings.Contains(err.Error(), "solution.") {
			t.Errorf("%s: %v, want an error that names the tensor", name, err)
		}
	}
	if _, err := plain.Judging(NewSolutionHead(1), SolutionHeader{Vote: vote.Rule{Beta: -1}}); err == nil || !strings.Contains(err.Error(), "vote: ") {
		t.Errorf("a vote that can't be: %v", err)
	}
}

// A prefix head is kept beside a solution head and without one, is another's word than that, and says nothing of a
// program.
func TestPrefixHead(t *testing.T) {
	inputs := []feature.Input{testInput(4), testInput(0)}
	head := NewPrefixHead(feature.BlockRoles)
	for i := range head.Linear.Data {
		head.Linear.Data[i] = -1 / float32(i+3)
	}
	for name, without := range map[string]*Model{"alone": testModel(t, 4, smallShape, nil), "beside a solution head": judging(t, 3, nil)} {
		m, err := without.Foreseeing(head, PrefixHeader{Problems: 12, AUC: 0.7})
		if err != nil {
			t.Fatal(err)
		}
		back := reloaded(t, m)
		if !reflect.DeepEqual(back, m) || back.ID() != m.ID() || m.ID() == without.ID() {
			t.Errorf("%s: got %+v (%s), want %+v (%s)", name, back.Header(), back.ID(), m.Header(), m.ID())
		}
		if h := back.Header().Prefix; h == nil || h.Problems != 12 || !reflect.DeepEqual(h.Without, []feature.Block{feature.BlockRoles}) {
			t.Errorf("%s: the header says %+v", name, h)
		}
		scores := []Score{{Step: 0.3, Value: 0.2}, {Step: 0.6, Value: 0.4}}
		plain, seen := without.Judge(scores, inputs, nil, nil), back.Judge(scores, inputs, nil, nil)
		if plain.Begun || plain.Begin(Min) != 0.3 {
			t.Errorf("%s: without a prefix head: %+v", name, plain)
		}
		if !seen.Begun || !(seen.Prefix > 0 && seen.Prefix < 1) || seen.Begin(Min) != seen.Prefix || seen.Prefix == seen.Solution || seen.Solution != plain.Solution {
			t.Errorf("%s: judged %+v", name, seen)
		}
		if of := back.Judge(scores, inputs, nil, &feature.Program{}); of.Begun {
			t.Errorf("%s: a program was judged as the beginning of prose: %+v", name, of)
		}
	}
	if _, err := judging(t, 0, nil).Foreseeing(NewSolutionHead(2), PrefixHeader{}); err == nil {
		t.Error("a dense head was taken for a prefix head")
	}
	head.Scale.Data[1] = float32(math.NaN())
	if _, err := judging(t, 0, nil).Foreseeing(head, PrefixHeader{}); err == nil || !strings.Contains(err.Error(), "prefix.scale") {
		t.Errorf("a weight that is none: %v, want an error that names the tensor", err)
	}
}

// A head's weights for programs are kept; one without any reads programs as prose without log-probabilities.
func TestSolutionHeadForPrograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	inputs := []feature.Input{testInput(4), testInput(4)}
	tokens := [][]step.Token{{{Text: "3", LogProb: -0.5}}, {{Text: "4", LogProb: -2}}}
	for i := range inputs {
		inputs[i].LogProbs = new([feature.NumLogProbs]float32)
	}
	program := &feature.Program{Lines: 3, Printed: true, Number: true, Whole: true}
	judge := func(m *Model, p *feature.Program, tokens [][]step.Token) float64 {
		return m.Judge(nil, inputs, tokens, p).Solution
	}
	head := NewSolutionHead(0)
	for i := range head.Linear.Data {
		head.Linear.Data[i] = float32(rng.NormFloat64()) / 10
	}
	old, err := testModel(t, 4, smallShape, nil).Judging(head, SolutionHeader{Model: "llm"})
	if err != nil {
		t.Fatal(err)
	}
	if judge(old, program, tokens) != judge(old, nil, nil) || judge(old, nil, tokens) == judge(old, nil, nil) {
		t.Error("a head that knows no programs reads their log-probabilities")
	}
	with := *head
	with.ReadPrograms()
	for i := range with.Program.Data {
		with.Program.Data[i] = float32(rng.NormFloat64()) / 10
	}
	m, err := old.Judging(&with, SolutionHeader{Model: "llm"})
	if err != nil {
		t.Fatal(err)
	}
	back := reloaded(t, m)
	if !back.Header().Solution.Programs || back.ID() != m.ID() || judge(back, program, tokens) != judge(m, program, tokens) || judge(back, nil, tokens) != judge(old, nil, tokens) {
		t.Errorf("%+v", back.Header().Solution)
	}
	if judge(m, program, tokens) == judge(m, nil, tokens) || judge(m, program, tokens) == judge(m, &feature.Program{Lines: 3}, tokens) {
		t.Error("programs are read as prose, or the run isn't read")
	}
}

func TestLoadRefusesABrokenSolutionHead(t *testing.T) {
	good := encode(judging(t, 3, nil), nil)
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for n := range 40 { // wherever it is cut off
		if _, err := Parse(good[:len(good)-1-n*97]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d bytes short: %v", 1+n*97, err)
		}
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-sumSize-5] ^= 1
	if _, err := Parse(flipped); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a bit flipped: %v", err)
	}
	nan := bytes.Clone(good[:len(good)-sumSize])
	binary.LittleEndian.PutUint32(nan[len(nan)-4:], 0x7fc00000)
	if _, err := Parse(seal(nan)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a weight that is no number: %v", err)
	}
	for old, change := range map[string]struct {
		by   string
		want error
	}{
		`"units":3`:   {`"units":4`, ErrCorrupt},
		`"units": 3`:  {`"units":-1`, ErrVersion},
		`"units":  3`: {`"units":999999999`, ErrVersion},
		`"beta":0.5`:  {`"beta":-1`, ErrVersion},
	} {
		old = strings.ReplaceAll(old, " ", "")
		b := reseal(good, func(head []byte) []byte {
			if !bytes.Contains(head, []byte(old)) {
				t.Fatalf("the header has no %s: %s", old, head)
			}
			return bytes.Replace(head, []byte(old), []byte(change.by), 1)
		})
		if _, err := Parse(b); !errors.Is(err, change.want) {
			t.Errorf("%s: %v, want %v", change.by, err, change.want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := encode(testModel(t, 4, smallShape, nil), []byte("state"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	newer := bytes.Clone(good)
	binary.LittleEndian.PutUint32(newer[len(magic):], format+1)
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint64(huge[len(magic)+4:], 1<<62)
	for _, c := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"empty", nil, ErrNotCheckpoint},
		{"text", []byte("{\"model\": \"something else entirely\"}"), ErrNotCheckpoint},
		{"magic only", []byte(magic), ErrCorrupt},
		{"half", good[:len(good)/2], ErrCorrupt},
		{"one byte short", good[:len(good)-1], ErrCorrupt},
		{"one byte more", append(bytes.Clone(good), 0), ErrCorrupt},
		{"a bit flipped", flipped, ErrCorrupt},
		{"another format", newer, ErrVersion},
		{"absurd length", huge, ErrCorrupt},
	} {
		path := filepath.Join(t.TempDir(), "prm.ckpt")
		if err := os.WriteFile(path, c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %v naming the file", c.name, err, c.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// A checkpoint whose header claims other versions or sizes, with a right checksum, is refused and named for what it is.
func TestLoadChecksHeader(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		want     error
	}{
		{"splitter", `"splitter":1`, `"splitter":9`, ErrVersion},
		{"hidden units", `"hidden":5`, `"hidden":6`, ErrCorrupt},
		{"endless units", `"hidden":5`, `"hidden":999999999`, ErrVersion},
		{"no JSON", `{"model"`, `["model"`, ErrCorrupt},
	} {
		b := reseal(encode(testModel(t, 4, smallShape, nil), nil), func(head []byte) []byte {
			if !bytes.Contains(head, []byte(c.old)) {
				t.Fatalf("%s: header has no %s: %s", c.name, c.old, head)
			}
			return bytes.Replace(head, []byte(c.old), []byte(c.new), 1)
		})
		if _, err := Parse(b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// A checkpoint that scores otherwise here than where it was saved is refused, however right its checksum; one of an
// older build, which has no self-test, is not.
func TestLoadTakesTheExam(t *testing.T) {
	good := encode(testModel(t, 4, smallShape, nil), nil)
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	head := func(change func(*examined)) []byte {
		return reseal(good, func(text []byte) []byte {
			var h examined
			if err := json.Unmarshal(text, &h); err != nil {
				t.Fatal(err)
			}
			if len(h.SelfTest) != len(exam) {
				t.Fatalf("%d trials", len(h.SelfTest))
			}
			change(&h)
			text, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			return text
		})
	}
	weights := bytes.Clone(good)
	for at := len(weights) - sumSize - 400; at < len(weights)-sumSize; at += 4 {
		binary.LittleEndian.PutUint32(weights[at:], math.Float32bits(3))
	}
	for name, tt := range map[string]struct {
		checkpoint []byte
		want       error
	}{
		"other weights":         {seal(weights[:len(weights)-sumSize]), ErrSelfTest},
		"another score":         {head(func(h *examined) { h.SelfTest[1].Scores[2].Step += 0.01 }), ErrSelfTest},
		"another value":         {head(func(h *examined) { h.SelfTest[0].Scores[0].Value -= 0.01 }), ErrSelfTest},
		"other steps":           {head(func(h *examined) { h.SelfTest[0].Steps = h.SelfTest[0].Steps[:1] }), ErrCorrupt},
		"endless trials":        {head(func(h *examined) { h.SelfTest = make([]trial, 999) }), ErrCorrupt},
		"of an older build":     {head(func(h *examined) { h.SelfTest = nil }), nil},
		"scores of a neighbour": {head(func(h *examined) { h.SelfTest[0].Scores[0].Step += 1e-5 }), nil},
	} {
		if _, err := Parse(tt.checkpoint); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// reseal changes a checkpoint's header and makes lengths and checksum right again.
func reseal(b []byte, change func([]byte) []byte) []byte {
	n := int(binary.LittleEndian.Uint64(b[len(magic)+4:]))
	head := change(bytes.Clone(b[preamble : preamble+n]))
	out := append(bytes.Clone(b[:preamble]), head...)
	out = append(out, b[preamble+n:len(b)-sumSize]...)
	binary.LittleEndian.PutUint64(out[len(magic)+4:], uint64(len(head)))
	return seal(out)
}

func FuzzLoad(f *testing.F) {
	good := encode(testModel(f, 2, Shape{1, 1, 1}, nil), []byte("state"))
	// Most of a checkpoint is embeddings; short inputs fuzz better.
	f.Add(good[:200])
	f.Add(good[:preamble])
	f.Add([]byte(magic))
	head := encode(judging(f, 1, nil), nil)
	f.Add(head[:min(len(head), 1200)])
	f.Add(head)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Parse(b); (m == nil) == (err == nil) {
			t.Fatalf("model %v, error %v", m, err)
		}
		// The same behind a valid checksum, so that the fuzzer gets past it.
		if len(b) >= preamble {
			if m, err := Parse(seal(bytes.Clone(b))); (m == nil) == (err == nil) {
				t.Fatalf("sealed: model %v, error %v", m, err)
			}
		}
	})
}
