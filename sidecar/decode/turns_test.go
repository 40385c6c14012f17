package decode

import (
	"context"
	"errors"
	"testing"
)

// mortal gives whole answers in turn; where one is "dead" it fails, and is drawn again as engine does it: the dead one
// stands behind those asked for.
type mortal struct {
	pool  []string
	again bool
	asked int
}

func (m *mortal) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out, dead []Sample
	for range req.N {
		s := Sample{CompletionTokens: 2, Finish: FinishEnd}
		if s.Text, m.asked = m.pool[m.asked%len(m.pool)], m.asked+1; s.Text == "dead" {
			if s.Err = errors.New("cut off"); m.again {
				dead = append(dead, s)
				s = Sample{Text: "#### 1", CompletionTokens: 2, Finish: FinishEnd}
			}
		}
		out = append(out, s)
	}
	return append(out, dead...), nil
}

// TestDeadWavesCostTheirTurns: near its budget a search draws one answer at a time, and one that dies doesn't end it.
func TestDeadWavesCostTheirTurns(t *testing.T) {
	for name, pool := range map[string][]string{"the first": {"dead", "#### 1", "#### 1"}, "one in the middle": {"#### 1", "dead", "#### 1", "#### 1"}} {
		r := solve(t, &mortal{pool: pool}, nil, Options{Strategy: Majority, N: 4, MaxTokens: 8, TokenBudget: 15})
		alive := 0
		for _, c := range r.Candidates {
			if c.Answered {
				alive++
			}
		}
		if r.Answer != "1" || len(r.Candidates) != 4 || alive < 2 {
			t.Errorf("%s dies: %q of %d candidates, %d of them alive", name, r.Answer, len(r.Candidates), alive)
		}
	}
	dead := &mortal{pool: []string{"dead"}}
	if _, err := Solve(t.Context(), dead, nil, Options{Strategy: Majority, N: 64, MaxTokens: 8, TokenBudget: 500}); !errors.Is(err, ErrNoCandidate) || dead.asked >= 64 {
		t.Errorf("where all die: %v after %d", err, dead.asked)
	}
}

// TestWhatIsDrawnAgainIsNoTurn: a candidate that was drawn in the place of a dead one leaves the vote as large as it
// was asked to be.
func TestWhatIsDrawnAgainIsNoTurn(t *testing.T) {
	pool := []string{"dead", "#### 2", "dead", "#### 3"}
	for _, test := range []struct {
		strategy string
		budget   int
	}{{Majority, 0}, {Majority, 60}, {Auto, 0}, {WeightedVote, 60}} {
		r := solve(t, &mortal{pool: pool, again: true}, &table{}, Options{Strategy: test.strategy, N: 8, MaxTokens: 8, TokenBudget: test.budget})
		alive := 0
		for _, c := range r.Candidates {
			if c.Answered {
				alive++
			}
		}
		want := 8
		if test.strategy == Auto {
			want = r.Auto.Drawn
		}
		if alive != want || r.Auto.Drawn > 8 {
			t.Errorf("%s within %d tokens: %d of %d candidates are alive; %+v", test.strategy, test.budget, alive, len(r.Candidates), r.Auto)
		}
	}
}
