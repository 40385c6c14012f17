package decode

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/prm"
)

// wordy makes answers that take tokens enough to pay for a search.
var wordy = strings.Repeat("so many words before it, ", 30) + "\n"

// undecided gives whole answers that settle nothing, and leaves steps to a function.
type undecided struct {
	tree
	step func(ctx context.Context, req SampleRequest) ([]Sample, error)
}

func (u *undecided) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if req.OneStep || len(req.Prefix) > 0 {
		return u.step(ctx, req)
	}
	return u.tree.Sample(ctx, req)
}

func TestWhatEndsAnEscalatedSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func(step func(context.Context, SampleRequest) ([]Sample, error)) *undecided {
			return &undecided{tree{whole: []string{wordy + "#### 1", wordy + "#### 2"}}, step}
		}
		scorer := &table{scores: map[string]float64{"#### 1": 0.2, "#### 2": 0.2}}
		gate := trusting()
		gate.Escalate = Beam
		opts := Options{Strategy: Auto, N: 8, MaxSteps: 2, Gate: gate}

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		r, err := Solve(ctx, open(func(ctx context.Context, _ SampleRequest) ([]Sample, error) { <-ctx.Done(); return nil, ctx.Err() }), scorer, opts)
		cancel()
		if err != nil || !r.Answered || r.Stopped != StoppedDeadline {
			t.Errorf("at the deadline: %q, stopped %q, %v", r.Answer, r.Stopped, err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		if _, err = Solve(ctx, open(func(ctx context.Context, _ SampleRequest) ([]Sample, error) { cancel(); return nil, ctx.Err() }), scorer, opts); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that left got %v", err)
		}

		endless := func(_ context.Context, req SampleRequest) ([]Sample, error) {
			out := make([]Sample, req.N)
			for i := range out {
				out[i] = Sample{Text: "and on", Finish: FinishStep, CompletionTokens: 1}
			}
			return out, nil
		}
		if r = solve(t, open(endless), scorer, opts); !r.Answered || r.Auto.Escalated != "" || r.Stopped != "" {
			t.Errorf("after a search without an answer: %q, stopped %q; %+v", r.Answer, r.Stopped, r.Auto)
		}
	})
}

// twoMinds scores a step's correctness one way and its value the other way round.
type twoMinds struct{}

func (twoMinds) Score(_ context.Context, w Working) (prm.Judgement, error) {
	out := make([]prm.Score, len(w.Steps))
	for i, s := range w.Steps {
		out[i] = prm.Score{Step: 0.2, Value: 0.2}
		switch s {
		case "A", "#### 1":
			out[i] = prm.Score{Step: 0.9, Value: 0.1}
		case "B", "#### 2":
			out[i] = prm.Score{Step: 0.6, Value: 0.9}
		}
	}
	return prm.Judgement{Steps: out}, nil
}

// TestEscalatedSearchAggregatesAsMeasured: the gate's strategy is the one that was measured, with the scores made one
// as they were then.
func TestEscalatedSearchAggregatesAsMeasured(t *testing.T) {
	gate := trusting()
	gate.Escalate, gate.Aggregate = Beam, prm.Last
	sampler := &tree{whole: []string{wordy + "#### 8", wordy + "#### 9"}, next: map[string][]string{
		"": {"A", "B"}, "A": {"#### 1"}, "B": {"#### 2"}}}
	r := solve(t, sampler, twoMinds{}, Options{Strategy: Auto, N: 8, Aggregate: prm.Min, Expansion: 8, Gate: gate})
	if r.Auto.Escalated != Beam || r.Answer != "2" {
		t.Errorf("%q; %+v", r.Text, r.Auto)
	}
}
