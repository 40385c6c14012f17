package decode

import (
	"reflect"
	"strings"
	"testing"
)

// watcher follows a search by its events alone.
type watcher struct {
	t          *testing.T
	candidates []Candidate
	settled    []string
}

func (w *watcher) watch(e Event) {
	w.t.Helper()
	switch c := e.Candidate; {
	case c == nil && e.Settled == "", c != nil && e.Settled != "":
		w.t.Errorf("an event of nothing, or of two things: %+v", e)
	case c == nil:
		w.settled = append(w.settled, e.Settled)
	case c.ID < 1:
		w.t.Errorf("candidate %d", c.ID)
	default:
		for len(w.candidates) < c.ID {
			w.candidates = append(w.candidates, Candidate{})
		}
		w.candidates[c.ID-1] = *c
	}
}

// agrees checks that who only watched knows in the end what the result says.
func (w *watcher) agrees(name string, r Result) {
	w.t.Helper()
	if got := strings.Join(w.settled, ""); got != r.Text {
		w.t.Errorf("%s: settled %q, the answer is %q", name, w.settled, r.Text)
	}
	if len(w.candidates) != len(r.Candidates) {
		w.t.Fatalf("%s: told of %d candidates of %d", name, len(w.candidates), len(r.Candidates))
	}
	for i, c := range r.Candidates {
		if !reflect.DeepEqual(w.candidates[i], c) {
			w.t.Errorf("%s: told %+v\nthe result has %+v", name, w.candidates[i], c)
		}
		if c.ID != i+1 || c.Parent >= c.ID || c.Ended < c.Began || c.Ended == 0 {
			w.t.Errorf("%s: %+v at %d", name, c, i)
		}
		if c.Chosen && c.Kept == "" || c.Kept == "" && c.Dropped == "" {
			w.t.Errorf("%s: no fate, or chosen without a reason: %+v", name, c)
		}
	}
}

func TestWatchingTellsAll(t *testing.T) {
	whole := []string{"3 + 4 = 7\n#### 7", "dead", "3 * 4 = 12\n#### 12", "none", "4 + 3 = 7\n#### 7"}
	next := map[string][]string{
		"":                     {"2 * 3 = 6", "2 + 3 = 5", "dead", "2 + 3 = 5", ""},
		"2 + 3 = 5":            {"5 * 4 = 20", "5 - 4 = 1"},
		"2 + 3 = 5|5 * 4 = 20": {"#### 20"},
	}
	scores := map[string]float64{"2 + 3 = 5": 0.9, "2 * 3 = 6": 0.4, "5 * 4 = 20": 0.8, "5 - 4 = 1": 0.1}
	for _, d := range Strategies() {
		w := &watcher{t: t}
		sampler := &tree{whole: whole, next: next, fail: map[string]bool{"dead": true}}
		r := solve(t, sampler, &table{scores: scores}, Options{Strategy: d.Name, N: 5, Watch: w.watch})
		w.agrees(d.Name, r)
	}
}

// Guided decoding settles each step that it keeps, as it keeps it.
func TestGuidedSettlesStepByStep(t *testing.T) {
	w := &watcher{t: t}
	sampler := &tree{next: map[string][]string{"": {"a"}, "a": {"b"}, "a|b": {"c■"}}}
	r := solve(t, sampler, &table{}, Options{Strategy: Guided, N: 2, Watch: w.watch})
	if got := strings.Join(w.settled, "|"); got != "a|\nb|\nc" {
		t.Errorf("settled %q", got)
	}
	for _, c := range r.Candidates {
		if c.At > 0 && (c.Parent == 0 || !r.Candidates[c.Parent-1].Chosen || r.Candidates[c.Parent-1].At != c.At-1) {
			t.Errorf("%+v doesn't continue what was kept", c)
		}
	}
}

func TestGuidedTellsOfTheEndDrawnWhole(t *testing.T) {
	w := &watcher{t: t}
	sampler := &capped{tree{next: map[string][]string{"": {strings.Repeat("a word ", 10)}}, whole: []string{"five six\n#### 7"}}}
	r := solve(t, sampler, &table{}, Options{Strategy: Guided, N: 2, TokenBudget: 80, Watch: w.watch})
	w.agrees("guided", r)
	if r.Stopped != StoppedBudget || r.Answer != "7" {
		t.Errorf("%q, stopped %q", r.Text, r.Stopped)
	}
}
