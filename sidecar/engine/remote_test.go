package engine

import (
	"context"
	"errors"
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
	scores, sighted, err := e.Judge(t.Context(), trace)
	if err != nil || sighted || len(scores) != 2 || scores[0] != (decode.Score{Step: .25, Value: .25}) || scores[1] != (decode.Score{Step: .75, Value: .75}) {
		t.Errorf("%+v, %v, %v", scores, sighted, err)
	}
	if len(llm.reads) > 0 {
		t.Errorf("the LLM was read: %q", llm.reads)
	}
	if _, err := e.Score(t.Context(), trace.Prefix(1), nil); err == nil {
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
