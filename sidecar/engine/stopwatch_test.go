package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/sidecar/decode"
)

type sleepy struct {
	adapters.LLM
	took time.Duration
}

func (s sleepy) Sample(context.Context, decode.SampleRequest) ([]decode.Sample, error) {
	time.Sleep(s.took)
	return nil, errors.New("an error counts too")
}

func (s sleepy) Score(context.Context, decode.Working) (prm.Judgement, error) {
	time.Sleep(s.took)
	return prm.Judgement{}, nil
}

func (s sleepy) Hidden(context.Context, string, []adapters.Span) ([]adapters.State, error) {
	time.Sleep(s.took)
	return nil, nil
}

// TestStopwatch: a moment is the LLM's when any call of it is under way, the PRM's when only that works, else the
// search's own.
func TestStopwatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w stopwatch
		sampler, scorer := w.sampler(sleepy{took: 5 * time.Second}), w.scorer(sleepy{took: 2 * time.Second})
		llm := timedLLM{sleepy{took: time.Second}, &w}
		check := func(llm, prm time.Duration) {
			t.Helper()
			if l, p := w.spent(); l != llm*time.Second || p != prm*time.Second {
				t.Errorf("LLM %v, PRM %v; want %d s and %d s", l, p, llm, prm)
			}
		}
		time.Sleep(time.Hour)
		sampler.Sample(t.Context(), decode.SampleRequest{})
		check(5, 0)
		scorer.Score(t.Context(), decode.Working{})
		check(5, 2)

		done := make(chan bool) // two calls of the LLM and one of the PRM at once: five seconds, all the LLM's
		go func() { sampler.Sample(t.Context(), decode.SampleRequest{}); done <- true }()
		go func() { scorer.Score(t.Context(), decode.Working{}); done <- true }()
		llm.Hidden(t.Context(), "", nil)
		<-done
		<-done
		check(10, 2)
		if w.scorer(nil) != nil {
			t.Error("no scorer has become one")
		}
	})
}

// TestHiddenStatesAreTheLLMs: through Solve, a search's reading of hidden states is no time of the PRM's.
func TestHiddenStatesAreTheLLMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		llm := seeing()
		llm.answer = func(req adapters.Request) []adapters.Completion {
			time.Sleep(4 * time.Second)
			return []adapters.Completion{{Text: "2 + 3 = 5\n#### 5", Finish: adapters.FinishStop, Usage: adapters.Usage{CompletionTokens: 5}}}
		}
		e := with(t, llm, Config{})
		if err := e.Use(taught(t, e)); err != nil {
			t.Fatal(err)
		}
		plain := llm.hiddenOf
		llm.hiddenOf = func(text string, span adapters.Span) adapters.State {
			time.Sleep(time.Second)
			return plain(text, span)
		}
		r, err := e.Solve(t.Context(), "", []adapters.Message{{Role: adapters.User, Content: "How many?"}}, decode.Options{Strategy: decode.BestOfN, N: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.LLMTime != 6*time.Second || r.PRMTime != 0 || r.Elapsed != 6*time.Second {
			t.Errorf("LLM %v, PRM %v of %v; want 4 s of answering and 2 s of reading", r.LLMTime, r.PRMTime, r.Elapsed)
		}
	})
}
