package dataset

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aprm/prm/casetest"
	"aprm/prm/disk"
	"aprm/prm/step"
)

var (
	drawn = Sampling{Model: "m", Kind: "prose", Temperature: 0.7, MaxTokens: 320, Instruction: "Think."}
	pens  = step.Problem{ID: "p-0", Question: "How many pens?", Answer: "5"}
	cups  = step.Problem{ID: "p-1", Question: "How many cups?", Answer: "6"}
	five  = Answer{Text: "2 + 3 = 5\n#### 5", Spent: 9, Tokens: []step.Token{
		{Text: "2", LogProb: -0.123, Top: []step.Alternative{{Text: "2", LogProb: -0.123}, {Text: "3", LogProb: -4.567}}}, {Text: " +\n", LogProb: math.Inf(-1)}}}
	six = Answer{Text: "6 and on and", Cut: true, Spent: 320}
)

// write makes a file of answers and closes it.
func write(t *testing.T, path string, drawn Sampling, do func(*AnswersFile)) {
	t.Helper()
	f, err := OpenAnswers(path, drawn)
	if err != nil {
		t.Fatal(err)
	}
	do(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, f *AnswersFile, p step.Problem, answers ...Answer) {
	t.Helper()
	if err := f.Add(p, answers); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "answers.jsonl")
	write(t, path, drawn, func(f *AnswersFile) {
		if f.Known(pens.Question) != 0 {
			t.Error("a new file knows answers")
		}
		add(t, f, pens, five, six)
		if f.Known(pens.Question) != 2 || f.Known(cups.Question) != 0 {
			t.Errorf("%d answers known of two, %d of none", f.Known(pens.Question), f.Known(cups.Question))
		}
		add(t, f, cups, six)
	})
	golden := `{"sampling":{"model":"m","kind":"prose","temperature":0.7,"max_tokens":320,"instruction":"Think."},"crc":"51779bc8"}
{"problem":{"id":"p-0","question":"How many pens?","answer":"5"},"answers":[{"text":"2 + 3 = 5\n#### 5","spent":9,"lp":[["2",-0.12,-0.12,-4.57],[" +\n",-99]]},{"text":"6 and on and","cut":true,"spent":320}],"crc":"8587a4fa"}
{"problem":{"id":"p-1","question":"How many cups?","answer":"6"},"answers":[{"text":"6 and on and","cut":true,"spent":320}],"crc":"f52edbe4"}
`
	data, err := os.ReadFile(path)
	if err != nil || string(data) != golden {
		t.Errorf("%v; the file is\n%s\nwant\n%s", err, data, golden)
	}
	kept := five // log-probabilities in two decimals, alternatives without their text
	kept.Tokens = []step.Token{{Text: "2", LogProb: -0.12, Top: []step.Alternative{{LogProb: -0.12}, {LogProb: -4.57}}}, {Text: " +\n", LogProb: -99}}
	want := []Answered{{pens, []Answer{kept, six}, drawn, ""}, {cups, []Answer{six}, drawn, ""}}
	packed := filepath.Join(t.TempDir(), "answers.jsonl.gz")
	if err := os.WriteFile(packed, zipped(t, golden), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, packed} {
		if got, err := ReadAnswers(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v\nwant\n%+v", path, err, got, want)
		}
	}
}

// Answers to one question are joined wherever they stand; those drawn in another way stand for themselves.
func TestAnswersAreJoined(t *testing.T) {
	folder := t.TempDir()
	one, two, joined := filepath.Join(folder, "1"), filepath.Join(folder, "2"), filepath.Join(folder, "both")
	write(t, one, drawn, func(f *AnswersFile) { add(t, f, pens, six); add(t, f, cups, six); add(t, f, pens, six, six) })
	hot := drawn
	hot.Temperature = 1
	write(t, two, hot, func(f *AnswersFile) { add(t, f, pens, six) })
	var text []byte
	for _, path := range []string{one, two, one} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, data...)
	}
	if err := os.WriteFile(joined, text, 0o600); err != nil {
		t.Fatal(err)
	}
	three, twice := []Answer{six, six, six}, []Answer{six, six, six, six, six, six}
	for _, test := range []struct {
		paths []string
		want  []Answered
	}{
		{[]string{one}, []Answered{{pens, three, drawn, ""}, {cups, three[:1], drawn, ""}}},
		{[]string{one, two}, []Answered{{pens, three, drawn, ""}, {cups, three[:1], drawn, ""}, {pens, three[:1], hot, ""}}},
		{[]string{joined}, []Answered{{pens, twice, drawn, ""}, {cups, twice[:2], drawn, ""}, {pens, three[:1], hot, ""}}},
	} {
		if got, err := ReadAnswers(test.paths...); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: %v\n%+v\nwant\n%+v", test.paths, err, got, test.want)
		}
	}
}

// Where a file says no kind its answers are prose, and those to a question are joined with those of a file that says
// so.
func TestAnswersOfNoKindAreProse(t *testing.T) {
	folder := t.TempDir()
	said, unsaid := filepath.Join(folder, "1"), filepath.Join(folder, "2")
	write(t, said, drawn, func(f *AnswersFile) { add(t, f, pens, six) })
	none := drawn
	none.Kind = ""
	write(t, unsaid, none, func(f *AnswersFile) { add(t, f, pens, six) })
	if got, err := ReadAnswers(said, unsaid); err != nil || !reflect.DeepEqual(got, []Answered{{pens, []Answer{six, six}, drawn, ""}}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnswersAreGoneOnWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	write(t, path, drawn, func(f *AnswersFile) { add(t, f, pens, six, six); add(t, f, cups, six) })
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.Index(string(whole), "\n") + 1
	second := first + strings.Index(string(whole[first:]), "\n") + 1
	for cut, known := range map[int][2]int{len(whole): {2, 1}, len(whole) - 1: {2, 1}, len(whole) - 2: {2, 0}, second + 5: {2, 0}, second: {2, 0}, second - 1: {2, 0}, second - 2: {0, 0}, first: {0, 0}, 0: {0, 0}} {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, path, drawn, func(f *AnswersFile) {
			if got := [2]int{f.Known(pens.Question), f.Known(cups.Question)}; got != known {
				t.Errorf("torn at %d of %d: %v known, want %v", cut, len(whole), got, known)
			}
			add(t, f, pens, make([]Answer, 2-known[0])...)
			add(t, f, cups, make([]Answer, 1-known[1])...)
		})
		got, err := ReadAnswers(path)
		if err != nil || len(got) != 2 || len(got[0].Answers) != 2 || len(got[1].Answers) != 1 {
			t.Errorf("torn at %d and gone on with: %v, %+v", cut, err, got)
		}
		if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), `"sampling"`) != 1 {
			t.Errorf("torn at %d: %v, %s", cut, err, text)
		}
	}
}

// What isn't a file of such answers is refused, and stays as it is to the byte.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	header := `{"sampling":{"model":"m","kind":"prose","temperature":0.7,"max_tokens":320,"instruction":"Think."}}` + "\n"
	hot := drawn
	hot.Temperature = 1
	for name, test := range map[string]struct {
		text  string
		drawn Sampling
		want  string
	}{
		"one line without an end": {"my notes", drawn, "name another file"},
		"notes":                   {"my notes\nand more", drawn, ":1:"},
		"problems":                {`{"question":"How many?","answer":"#### 5"}` + "\n", drawn, "as sidecar sample writes them"},
		"answers of nothing":      {`{"problem":{"question":"?"},"answers":[]}` + "\n", drawn, `no line {"sampling":{…}} before`},
		"another way":             {header + `{"problem":{"question":"?"},"answers":[]}` + "\n", hot, "name another file"},
		"another way, no answer":  {header, hot, "name another file"},
		"another way at the end":  {header + strings.Replace(header, "0.7", "1", 1), drawn, "name another file"},
		"a bad token":             {header + `{"problem":{"question":"?"},"answers":[{"text":"x","lp":[["x"]]}]}` + "\n", drawn, `a token of "lp"`},
		"gzipped":                 {string(zipped(t, header+"\n\n")) + "\n", drawn, "answers.jsonl"},
	} {
		path := filepath.Join(t.TempDir(), "answers.jsonl")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAnswers(path, test.drawn); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the path and %q", name, err, test.want)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != test.text {
			t.Errorf("%s: it was changed: %q, %v", name, data, err)
		}
	}
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	write(t, path, drawn, func(*AnswersFile) {
		if _, err := OpenAnswers(path, drawn); !errors.Is(err, disk.ErrInUse) {
			t.Errorf("a file that is being written: %v", err)
		}
	})
	if _, err := ReadAnswers(path); err == nil {
		t.Error("a file without answers was read")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(`{"sampling":{"model":"m"}}` + "\n" + `{"problem":{"question":"?"},"answers":[{"text":"x","spent":1,"lp":[["x",-0.1,-0.2]]}]}`)
	f.Add(`{"sampling":{}}` + "\n" + `{"problem":{"question":"?"},"answers":[{"lp":[[1]]}]}`)
	f.Add(`{"sampling":{"temperature":1e999}}`)
	f.Add(`{"sampling":{"model":"m"}}` + "\n" + `{"problem":{"id":"c-1","question":"?"},"answers":[{"text":"x"}],"given":{"final":"x"}}` + "\n" + `{"feedback":{"id":"c-1","right":true}}`)
	f.Add(`{"feedback":{"right":true}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var all []Answered
		var bad error
		casetest.Bounded(t, len(text), 1024, func() {
			all = nil
			for l, err := range answeredLines(strings.NewReader(text), "fuzz") {
				if bad = err; err != nil {
					return
				}
				if l.feedback != nil {
					continue
				}
				if l.Problem.Question == "" {
					t.Fatal("answers to no question")
				}
				all = append(all, l.Answered)
			}
		})
		if bad != nil || len(all) == 0 {
			return
		}
		// What was read can be written, and is read alike.
		path := filepath.Join(t.TempDir(), "answers.jsonl")
		write(t, path, all[0].Sampling, func(f *AnswersFile) { add(t, f, all[0].Problem, all[0].Answers...) })
		again, err := ReadAnswers(path)
		if err != nil || len(again) != 1 || len(again[0].Answers) != len(all[0].Answers) || again[0].Sampling != all[0].Sampling {
			t.Errorf("%+v, %v; want %+v", again, err, all[0])
		}
	})
}
