package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// elsewhere is a remote PRM.
type elsewhere struct {
	scores []float64
	failed error
}

func (r elsewhere) Score(context.Context, step.Trace) ([]float64, error) { return r.scores, r.failed }
func (elsewhere) ID() string                                             { return "their-prm" }

// TestRemote: a remote PRM scores without the LLM, and the value of a prefix is its last step's score.
func TestRemote(t *testing.T) {
	llm := seeing()
	llm.answer = func(req adapters.Request) []adapters.Completion {
		var out []adapters.Completion
		for _, text := range []string{"#### 3", "#### 2", "#### 2"}[:req.N] {
			out = append(out, adapters.Completion{Text: text, Finish: adapters.FinishEnd})
		}
		return out
	}
	e := with(t, llm, Config{Remote: elsewhere{scores: []float64{.25, .75}}})
	if id, ok := e.Checkpoint(); !ok || id != "their-prm" {
		t.Errorf("%q, %v", id, ok)
	}
	if err := e.Use(new(prm.Model)); err == nil {
		t.Error("a checkpoint beside it is no error")
	}
	trace := step.Trace{Problem: step.Problem{Question: "Q"}, Steps: []string{"a", "b"}}
	scores, sighted, err := e.Judge(t.Context(), trace, nil)
	if err != nil || sighted || len(scores) != 2 || scores[0] != (prm.Score{Step: .25, Value: .25}) || scores[1] != (prm.Score{Step: .75, Value: .75}) {
		t.Errorf("%+v, %v, %v", scores, sighted, err)
	}
	if len(llm.reads) > 0 {
		t.Errorf("the LLM was read: %q", llm.reads)
	}
	if _, _, err := e.Judge(t.Context(), trace.Prefix(1), nil); err == nil {
		t.Error("two scores for a step are no error")
	}
	if _, ok := e.Bare().Checkpoint(); ok {
		t.Error("a bare engine has a PRM")
	}
	// One that fails costs the guidance, not the answer.
	e = with(t, llm, Config{Remote: elsewhere{failed: errors.New("gone")}})
	r, err := e.Solve(t.Context(), "", []adapters.Message{{Role: adapters.User, Content: "Q"}}, decode.Options{Strategy: decode.WeightedVote, N: 3})
	if err != nil || r.Answer != "2" || r.Stopped != decode.StoppedPRM {
		t.Errorf("%q, stopped %q, %v", r.Answer, r.Stopped, err)
	}
}

// counting is a remote PRM that counts how often it is asked about the same steps; the first time it fails where it is
// told to.
type counting struct {
	mu    sync.Mutex
	asked map[string]int
	fails bool
}

func (r *counting) Score(_ context.Context, t step.Trace) ([]float64, error) {
	key := strings.Join(t.Steps, "|")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked[key]++; r.fails && r.asked[key] == 1 {
		return nil, errors.New("not yet")
	}
	return make([]float64, len(t.Steps)), nil
}
func (*counting) ID() string { return "their-prm" }

// TestRemoteIsAskedOnce: within a search, whatever is word for word the same is sent once, at once or one after the
// other; another search asks anew, and so does one whose first try failed.
func TestRemoteIsAskedOnce(t *testing.T) {
	llm := seeing()
	llm.answer = func(req adapters.Request) []adapters.Completion {
		var out []adapters.Completion
		for i := range req.N {
			out = append(out, adapters.Completion{Text: []string{"#### 2", "1 + 2 = 3\n#### 3"}[i%2], Finish: adapters.FinishEnd})
		}
		return out
	}
	remote := &counting{asked: map[string]int{}}
	e := with(t, llm, Config{Remote: remote})
	for searches := 1; searches <= 2; searches++ {
		r, err := e.Solve(t.Context(), "", []adapters.Message{{Role: adapters.User, Content: "Q"}}, decode.Options{Strategy: decode.BestOfN, N: 8})
		if err != nil || r.ScoringCalls != 8 || remote.asked["#### 2"] != searches || remote.asked["1 + 2 = 3|#### 3"] != searches || len(remote.asked) != 2 {
			t.Errorf("after %d searches: asked %v, %d calls, %v", searches, remote.asked, r.ScoringCalls, err)
		}
	}
	remote = &counting{asked: map[string]int{}, fails: true}
	s, err := with(t, llm, Config{Remote: remote}).Scorer(step.Problem{Question: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range []bool{false, true, true} {
		if scores, err := s.Score(t.Context(), decode.Working{Steps: []string{"a", "b"}}); (err == nil) != ok || ok != (len(scores.Steps) == 2) {
			t.Errorf("call %d: %v, %v", i, scores, err)
		}
	}
	if remote.asked["a|b"] != 2 {
		t.Errorf("asked %d times, want twice: once in vain", remote.asked["a|b"])
	}
}

// TestBeginningsAreKnown: whoever has asked about an answer needn't ask about its beginnings, but about what goes on
// from them in another way.
func TestBeginningsAreKnown(t *testing.T) {
	remote := &places{}
	s, err := with(t, seeing(), Config{Remote: remote}).Scorer(step.Problem{Question: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		steps string
		asked int
	}{{"a b c d", 1}, {"a", 1}, {"a b c", 1}, {"a b", 1}, {"a c", 2}, {"ab c", 3}, {"a b c d e", 4}, {"a b c d", 4}} {
		steps := strings.Fields(test.steps)
		j, err := s.Score(t.Context(), decode.Working{Steps: steps})
		if err != nil || len(j.Steps) != len(steps) || j.Steps[len(steps)-1].Value != float64(len(steps))/10 || remote.asked != test.asked {
			t.Errorf("%s: %+v, %v, asked %d times", test.steps, j.Steps, err, remote.asked)
		}
	}
}

// places is a remote PRM whose score of a step is the tenths of its place.
type places struct{ asked int }

func (r *places) Score(_ context.Context, t step.Trace) (out []float64, err error) {
	r.asked++
	for i := range t.Steps {
		out = append(out, float64(i+1)/10)
	}
	return out, nil
}
func (*places) ID() string { return "their-prm" }
