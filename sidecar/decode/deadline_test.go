package decode

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aprm/prm"
	"aprm/prm/step"
)

// halting gives what it is told to when time is up: some whole, some cut off.
type halting []Sample

func (h halting) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	<-ctx.Done()
	out := make([]Sample, req.N)
	for i := range out {
		out[i] = h[i%len(h)]
		out[i].CompletionTokens = 3
	}
	return out, nil
}

// tardy is a PRM that needs the time that there isn't.
type tardy struct{}

func (tardy) Score(ctx context.Context, _ Working) (prm.Judgement, error) {
	return prm.Judgement{}, ctx.Err()
}

// TestDeadlineReturnsTheBestSoFar, whatever the strategy: a plain vote where the PRM came too late, and the beginning
// of an answer where none is whole.
func TestDeadlineReturnsTheBestSoFar(t *testing.T) {
	late := context.DeadlineExceeded
	half := func(text string) Sample { return Sample{Text: text, Err: late, Tokens: []step.Token{{Text: text}}} }
	whole := func(text string) Sample { return Sample{Text: text, Finish: FinishEnd} }
	for _, test := range []struct {
		name     string
		strategy []string
		drawn    halting
		text     string
		finish   Finish
	}{
		{"a vote without scores", []string{WeightedVote, BestOfN, Auto}, halting{whole("#### 3"), whole("#### 4"), whole("#### 4"), half("First, on and on and on")}, "#### 4", FinishEnd},
		{"the longest beginning", []string{Majority, WeightedVote, BestOfN, Guided, Beam, Particle}, halting{half("First"), half("First, 1 +"), half("")}, "First, 1 +", FinishLength},
		{"the one with an answer", []string{Majority, WeightedVote, Auto}, halting{half("#### 4"), half("First, 1 + 1 = 2, and then"), half("")}, "#### 4", FinishLength},
		{"not a word", []string{Majority, WeightedVote, BestOfN, Guided, Beam, Auto}, halting{half(""), half(" ")}, "", ""},
	} {
		for _, strategy := range test.strategy {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				told := ""
				r, err := Solve(ctx, test.drawn, tardy{}, Options{Strategy: strategy, N: 4, LogProbs: true, Fallback: true, Gate: trusting(), Watch: func(e Event) { told += e.Settled }})
				if test.text == "" {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s, %s: %q, %v; want the deadline's error", test.name, strategy, r.Text, err)
					}
					return
				}
				if strategy == Auto && test.name == "a vote without scores" {
					test.text = "#### 3" // it draws one at first
				}
				if err != nil || r.Text != test.text || r.Finish != test.finish || r.Stopped != StoppedDeadline || told != r.Text {
					t.Errorf("%s, %s: %q, %s, stopped %q, told %q, %v; want %q", test.name, strategy, r.Text, r.Finish, r.Stopped, told, err, test.text)
				}
				chosen := 0
				for _, c := range r.Candidates {
					if c.Chosen && c.Dropped == "" && c.Text == r.Text {
						chosen++
					}
				}
				if chosen != 1 || r.CompletionTokens != 3*len(r.Candidates) || test.finish == FinishLength && len(r.Tokens) != 1 {
					t.Errorf("%s, %s: %d chosen of %+v", test.name, strategy, chosen, r.Candidates)
				}
			})
		}
	}
}
