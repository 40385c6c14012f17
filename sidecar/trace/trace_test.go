package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"aprm/prm"
	"aprm/sidecar/decode"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	flag.Parse()
	os.Exit(m.Run())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}

const ms = time.Millisecond

// beam is a result of a search in two steps, with a dead and an odd candidate.
func beam() (Request, decode.Result) {
	q := Request{ID: "chatcmpl-ABC", Route: "/v1/chat/completions", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Model: "m@guided", Applied: "guided; reason=asked", Checkpoint: "ab12cd34", Question: "Tom has 3 boxes of 4 pens and finds one.\nHow many pens has he?",
		Options: decode.Options{Strategy: decode.Guided, N: 3, Temperature: 0.8, TopP: 0.95, MaxTokens: 160, Aggregate: prm.Min, Seed: 1835023467, Watch: func(decode.Event) {}},
		Began:   time.Date(2026, 11, 25, 10, 20, 1, 0, time.UTC), Read: 2 * ms, Total: 1010 * ms, Queued: 10 * ms}
	r := decode.Result{
		Text: "3*4 = 12 pens.\nWith one more 13.\n#### 13", Answer: "13", Answered: true, Finish: decode.FinishEnd, Stopped: decode.StoppedBudget,
		Steps: []decode.ScoredStep{
			{Text: "3*4 = 12 pens.", Scored: true, Score: prm.Score{Step: 0.93, Value: 0.8}},
			{Text: "With one more 13.\n#### 13", Scored: true, Score: prm.Score{Step: 0.62, Value: 0.7}},
		},
		Candidates: []decode.Candidate{
			{ID: 1, Text: "3+4 = 7 pens.", Score: 0.12, Scored: true, Tokens: 9, Dropped: "a lower score", Began: 0, Ended: 300 * ms},
			{ID: 2, Text: "3*4 = 12 pens.", Score: 0.93, Scored: true, Tokens: 10, Chosen: true, Kept: "the best score", Ended: 310 * ms},
			{ID: 3, Dropped: "failed: upstream answered 500: boom in \"Tom has\"", Ended: 20 * ms},
			{ID: 4, Parent: 2, At: 1, Text: "With one more 13.\n#### 13", Answer: "13", Answered: true, Score: 0.62, Scored: true, Tokens: 14, Chosen: true, Kept: "the best score", Began: 400 * ms, Ended: 900 * ms},
			{ID: 5, Parent: 2, At: 1, Text: "\x1b[2J全角の文字は二列を取るので、幅の計算が難しいのです。#### 14", Answer: "14", Answered: true, Score: 0.31, Scored: true, Tokens: 1200, Dropped: "a lower score", Began: 400 * ms, Ended: 880 * ms},
			{ID: 6, Parent: 1, At: 1, Text: "still open", Tokens: 2, Began: 400 * ms, Ended: 500 * ms},
		},
		PromptTokens: 48, CompletionTokens: 1235, ScoringCalls: 5, Elapsed: 990 * ms, LLMTime: 950 * ms, PRMTime: 30 * ms,
	}
	return q, r
}

func build(q Request, r decode.Result) Trace { return new(Recorder).Trace(q, r) }

func TestGolden(t *testing.T) {
	whole := build(beam()).Written(1 * ms)
	for name, v := range map[string]any{"trace.json": whole, "textless.json": whole.WithoutTexts(), "summary.json": whole.Summary()} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(text)+"\n")
	}
	golden(t, "tree.txt", Look{}.Tree(whole))
	golden(t, "tree_80.txt", Look{Width: 80}.Tree(whole))
	golden(t, "tree_color.txt", Look{Color: true}.Tree(whole))
	golden(t, "tree_textless.txt", Look{Width: 80}.Tree(whole.WithoutTexts()))
	text, err := json.Marshal(whole)
	var read Trace
	if err != nil || json.Unmarshal(text, &read) != nil {
		t.Fatal(err)
	}
	golden(t, "tree.txt", Look{}.Tree(read)) // as whoever asks a server has it
	q, r := beam()
	q.Err = errors.New("every candidate failed")
	failed := build(q, decode.Result{Candidates: r.Candidates[2:3]})
	failed.ID = "chatcmpl-ABCDEF"
	golden(t, "tree_failed.txt", Look{}.Tree(failed))
	q, r = beam()
	r.Stopped, r.Instead = decode.StoppedPRM, decode.Majority
	instead := build(q, r)
	if instead.Strategy != decode.Majority || instead.Asked != decode.Guided || instead.Summary().Strategy != decode.Majority {
		t.Errorf("answered by %q, asked for %q", instead.Strategy, instead.Asked)
	}
	golden(t, "tree_instead.txt", Look{}.Tree(instead))
	list := []Summary{whole.Summary(), failed.Summary(), whole.WithoutTexts().Summary()}
	golden(t, "table.txt", Look{Width: 120}.Table(list))
	golden(t, "table_80.txt", Look{Width: 80}.Table(list))
	q, r = beam()
	q.Options.Strategy = decode.Auto
	r.Stopped, r.Auto = "", decode.AutoReport{Vote: "prm", Reason: "the PRM's vote beats a plain one: +7.5 points", Drawn: 6, Of: 8, Lead: 0.4, Escalated: decode.Particle}
	q.Options.ESSThreshold, q.Options.RebaseTemperature = 0.5, 0.2 // of which particles use the first
	auto := build(q, r)
	golden(t, "tree_auto.txt", Look{}.Tree(auto))
	if short := auto.WithoutTexts().Auto.Reason; short != "the PRM's vote beats a plain one" {
		t.Errorf("without texts auto's reason is %q", short)
	}
}

// TestWithoutTexts: not a word of the client's or the LLM's is left, and the trace it was made from is as it was.
func TestWithoutTexts(t *testing.T) {
	whole := build(beam())
	before, _ := json.Marshal(whole)
	text, err := json.Marshal(whole.WithoutTexts())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Tom", "pens", `"13"`, `"14"`, "boom", "still"} {
		if strings.Contains(string(text), word) {
			t.Errorf("%q is left in %s", word, text)
		}
	}
	if after, _ := json.Marshal(whole); !bytes.Equal(before, after) {
		t.Error("the trace itself was changed")
	}
}

// TestTreeFits: no line of the tree is wider than the terminal, and none obeys a model's escapes, however deep the tree
// is.
func TestTreeFits(t *testing.T) {
	q, r := beam()
	for i := 7; i < 60; i++ {
		r.Candidates = append(r.Candidates, decode.Candidate{ID: i, Parent: i - 1, Text: strings.Repeat("宽 wide ", 20), Tokens: 5, Scored: true, Score: 0.5,
			Answer: strings.Repeat("9", 90), Answered: true, Kept: strings.Repeat("why ", 30)})
	}
	for _, width := range []int{60, 80, 133} {
		var b strings.Builder
		Look{Width: width}.tree(&b, build(q, r).Candidates)
		for line := range strings.Lines(b.String()) {
			if w := uniseg.StringWidth(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns of %d: %q", w, width, line)
			}
		}
		if n := strings.Count(b.String(), "\n"); n != len(r.Candidates) {
			t.Errorf("%d lines for %d candidates", n, len(r.Candidates))
		}
	}
	if s := (Look{}).Tree(build(q, r)); strings.ContainsAny(s, "\x1b\r\a") {
		t.Errorf("control characters reach the terminal: %q", s)
	}
}

// TestOddTrees: every candidate is drawn once, whatever its parent says.
func TestOddTrees(t *testing.T) {
	for _, candidates := range [][]Candidate{
		{{ID: 0}, {ID: 0}},
		{{ID: 1, Parent: 2}, {ID: 2, Parent: 1}},
		{{ID: 1, Parent: 1}},
		{{ID: 5, Parent: 4}, {ID: 0, Parent: 5}},
		nil,
	} {
		var b strings.Builder
		Look{}.tree(&b, candidates)
		if n := strings.Count(b.String(), "\n"); n != len(candidates) {
			t.Errorf("%v: %d lines\n%s", candidates, n, b.String())
		}
	}
}

// TestRecorder: a search that came to nothing leaves what it told, each candidate as it was told of last.
func TestRecorder(t *testing.T) {
	var r Recorder
	r.Watch(decode.Event{Candidate: &decode.Candidate{ID: 1, Text: "a"}})
	r.Watch(decode.Event{Candidate: &decode.Candidate{ID: 2, Text: "b"}})
	r.Watch(decode.Event{Settled: "a"})
	r.Watch(decode.Event{Candidate: &decode.Candidate{ID: 1, Text: "a", Dropped: "a lower score"}})
	got := r.Trace(Request{Err: errors.New("gone")}, decode.Result{}).Candidates
	if len(got) != 2 || got[0].Dropped != "a lower score" || got[1].Text != "b" {
		t.Errorf("%+v", got)
	}
	if got := r.Trace(Request{}, decode.Result{Candidates: make([]decode.Candidate, 3)}).Candidates; len(got) != 3 {
		t.Errorf("the result knows of 3 candidates, the trace of %d", len(got))
	}
}

func TestOptions(t *testing.T) {
	got := settings(decode.Options{Strategy: "guided", N: 2, LogProbs: true, ESSThreshold: 0.4, Watch: func(decode.Event) {}})
	if want := map[string]any{"n": 2, "logprobs": true, "ess_threshold": 0.4}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTimes(t *testing.T) {
	q, r := beam()
	got := build(q, r).Seconds
	if want := (Times{Total: 1.01, Queued: 0.01, LLM: 0.95, PRM: 0.03, Own: 0.02, Read: 0.002}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if share := got.OwnShare(); share < 0.0499 || share > 0.0501 {
		t.Errorf("own share %g", share)
	}
	if share := (Times{}).OwnShare(); share != 0 {
		t.Errorf("own share of nothing: %g", share)
	}
}

func TestTraceParent(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if TraceParent(good) != good {
		t.Error("a good one is refused")
	}
	for _, bad := range []string{"", "00", strings.ToUpper(good), good + "-x", "01" + good[2:], "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", strings.Replace(good, "4", "x", 1)} {
		if got := TraceParent(bad); got != "" {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
}

// FuzzTree: nothing a server answers makes the drawing fail.
func FuzzTree(f *testing.F) {
	text, err := json.Marshal(build(beam()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, 80)
	f.Add([]byte(`{"candidates":[{"id":-1,"parent":-2},{"id":1,"parent":-1,"text":"\n"}]}`), 1)
	f.Fuzz(func(t *testing.T, text []byte, width int) {
		var tr Trace
		if json.Unmarshal(text, &tr) != nil {
			return
		}
		look := Look{Width: width}
		if look.Tree(tr) == "" || look.Table([]Summary{tr.Summary()}) == "" {
			t.Error("nothing is shown")
		}
	})
}
