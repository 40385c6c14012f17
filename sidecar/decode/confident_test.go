package decode

import (
	"context"
	"math"
	"testing"

	"aprm/prm"
	"aprm/prm/step"
)

// sure is a tree that gives whole answers with their log-probability as one token; none for those that aren't there.
type sure struct {
	tree
	nats map[string]float64
}

func (s *sure) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	samples, err := s.tree.Sample(ctx, req)
	for i, sample := range samples {
		if lp, ok := s.nats[sample.Text]; ok && req.LogProbs {
			samples[i].Tokens = []step.Token{{Text: sample.Text, LogProb: lp}}
		}
	}
	return samples, err
}

func TestConfidentVote(t *testing.T) {
	pool := []string{"#### 1", "#### 2", "#### 2"}
	for name, test := range map[string]struct {
		nats   map[string]float64
		want   string
		scored bool
	}{
		"one that is sure against two that are not": {map[string]float64{"#### 1": -0.1, "#### 2": -2}, "1", true}, // e^-0.6 against 4·e^-12
		"two that are as sure":                      {map[string]float64{"#### 1": -0.1, "#### 2": -0.1}, "2", true},
		"no log-probabilities":                      {nil, "2", false},
		"some without":                              {map[string]float64{"#### 1": -0.1}, "2", false},
		"no numbers":                                {map[string]float64{"#### 1": -0.1, "#### 2": math.NaN()}, "2", false},
	} {
		llm := &sure{tree{whole: pool}, test.nats}
		r := solve(t, llm, nil, Options{Strategy: Confident, N: 3})
		if r.Answer != test.want || len(r.Tokens) != 0 {
			t.Errorf("%s: %q, want %q; %d tokens returned that nobody asked for", name, r.Answer, test.want, len(r.Tokens))
		}
		for _, c := range r.Candidates {
			if c.Scored != test.scored || c.Scored && (c.Score <= 0 || c.Score >= 1) {
				t.Errorf("%s: candidate %+v", name, c)
			}
		}
		if !llm.requests[0].LogProbs {
			t.Errorf("%s: no log-probabilities were asked for", name)
		}
	}
	llm := &sure{tree: tree{whole: pool}}
	if solve(t, llm, nil, Options{Strategy: Majority, N: 3}); llm.requests[0].LogProbs {
		t.Error("a plain vote asks for log-probabilities")
	}
}

// Without a PRM auto goes by the LLM's own word, and stops the earlier the surer that is.
func TestAutoWithoutAPRM(t *testing.T) {
	drawn := map[float64]int{}
	for _, nats := range []float64{-0.01, -1.5} {
		r := solve(t, &sure{tree{whole: []string{"#### 7"}}, map[string]float64{"#### 7": nats}}, nil, Options{Strategy: Auto, N: 8})
		if drawn[nats] = r.Auto.Drawn; r.Answer != "7" || r.Auto.Vote != "confidence" || r.Auto.Drawn < 8 && r.Auto.Chance < Confidence.Stop.At {
			t.Errorf("%g nats: %q; %+v", nats, r.Answer, r.Auto)
		}
	}
	if drawn[-0.01] >= 8 || drawn[-1.5] <= drawn[-0.01] {
		t.Errorf("%d answers of which the LLM is sure were drawn, %d of others", drawn[-0.01], drawn[-1.5])
	}
	r := solve(t, &sure{tree{whole: []string{"#### 1", "#### 2", "#### 2", "#### 1"}}, map[string]float64{"#### 1": -3, "#### 2": -0.1}}, nil, Options{Strategy: Auto, N: 4})
	if r.Answer != "2" {
		t.Errorf("%q; %+v", r.Answer, r.Auto)
	}
}

// whole is a PRM with a head for whole answers.
type whole map[string]float64

func (w whole) Score(_ context.Context, of Working) (prm.Judgement, error) {
	j := prm.Judgement{Steps: make([]prm.Score, len(of.Steps)), Solution: w[of.Steps[len(of.Steps)-1]], Whole: true}
	for i := range j.Steps {
		j.Steps[i] = prm.Score{Step: 1 - j.Solution, Value: 1 - j.Solution}
	}
	return j, nil
}

// What votes, and best-of-N chooses by, is the head for whole answers where there is one, whatever the steps score.
func TestTheHeadForWholeAnswersVotes(t *testing.T) {
	pool := []string{"#### 1", "#### 2", "#### 3"}
	for _, strategy := range []string{BestOfN, WeightedVote, Auto} {
		r := solve(t, &tree{whole: pool}, whole{"#### 1": 0.3, "#### 2": 0.9, "#### 3": 0.2}, Options{Strategy: strategy, N: 3, Gate: trusting()})
		if r.Answer != "2" || r.Steps[0].Score.Step > 0.2 {
			t.Errorf("%s: %q of steps %+v", strategy, r.Answer, r.Steps)
		}
	}
}
