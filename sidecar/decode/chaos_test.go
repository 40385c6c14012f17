package decode

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"aprm/prm"
)

// chaos is an LLM and a PRM of which anything may come: dead, empty, cut off, repeated, ended and endless candidates,
// whole requests that fail, more or fewer samples than were asked for, scores that can't be had.
type chaos struct {
	seed uint64
	more bool // samples than were asked for, too
}

func (c chaos) dice(what ...any) *rand.Rand {
	return rand.New(rand.NewPCG(hash(fmt.Sprint(what...)), c.seed))
}

func (c chaos) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := c.dice(req.Prefix, *req.Seed, req.N, req.OneStep)
	if d.IntN(12) == 0 {
		return nil, errors.New("the request failed")
	}
	n := req.N
	switch fate := d.IntN(12); {
	case fate == 0 && c.more:
		n += d.IntN(3) // those that died stand behind the others
	case fate == 1:
		n -= d.IntN(n)
	}
	var out []Sample
	for i := range n {
		words := 1 + d.IntN(6)
		s := Sample{Text: fmt.Sprintf("say %d", d.IntN(4)) + strings.Repeat(" on", words), Finish: FinishStep, PromptTokens: 3, CompletionTokens: words}
		if d.IntN(4) == 0 || !req.OneStep {
			s.Text, s.Finish = s.Text+fmt.Sprintf("\n#### %d", d.IntN(3)), FinishEnd
		}
		switch d.IntN(14) {
		case 0:
			s.Err = errors.New("cut off")
		case 1:
			s.Text = ""
		case 2:
			s.Finish = FinishEnd
		case 3:
			s.Finish = FinishLength
		}
		if i >= req.N {
			s.Err = errors.New("drawn again")
		}
		if req.OneStep {
			s.Text, _, _ = strings.Cut(s.Text, "\n####")
			if d.IntN(4) == 0 {
				s.Text, s.Finish = fmt.Sprintf("#### %d", d.IntN(3)), FinishEnd
			}
		}
		s.CompletionTokens = min(s.CompletionTokens, req.MaxTokens)
		out = append(out, s)
	}
	return out, nil
}

func (c chaos) Score(ctx context.Context, w Working) (prm.Judgement, error) {
	d := c.dice("score", w.Steps)
	if d.IntN(15) == 0 {
		return prm.Judgement{}, errors.New("out of order")
	}
	out := make([]prm.Score, len(w.Steps))
	for i := range out {
		out[i] = prm.Score{Step: float64(d.IntN(6)) / 5, Value: d.Float64()}
	}
	return prm.Judgement{Steps: out, Solution: d.Float64(), Whole: d.IntN(2) == 0}, ctx.Err()
}

// TestWhateverComes: no search panics, none passes its budget, and what it told of itself is what its result says.
func TestWhateverComes(t *testing.T) {
	answers := map[string]int{}
	for seed := range uint64(300) {
		for _, d := range Strategies() {
			dice := rand.New(rand.NewPCG(seed, hash(d.Name)))
			w := &watcher{t: t}
			opts := Options{Strategy: d.Name, N: 1 + dice.IntN(9), MaxTokens: 1 + dice.IntN(60), MaxSteps: 1 + dice.IntN(6), Expansion: 1 + dice.IntN(5),
				Threshold: float64(dice.IntN(2)) / 2, Entropic: dice.IntN(2) == 0, Fallback: dice.IntN(2) == 0, Seed: int64(seed), Watch: w.watch}
			if dice.IntN(2) == 0 {
				opts.TokenBudget = 1 + dice.IntN(200)
			}
			if dice.IntN(2) == 0 {
				opts.Gate = trusting()
				opts.Gate.Escalate = stepwiseNames()[dice.IntN(len(stepwiseNames()))]
			}
			name := fmt.Sprintf("%s, seed %d, %+v", d.Name, seed, opts)
			r, err := Solve(t.Context(), chaos{seed, opts.TokenBudget == 0}, chaos{seed: seed}, opts)
			spent := 0
			for _, c := range r.Candidates {
				spent += c.Tokens
			}
			if spent != r.CompletionTokens || opts.TokenBudget > 0 && spent > opts.TokenBudget {
				t.Errorf("%s: %d tokens, %d billed", name, spent, r.CompletionTokens)
			}
			if err != nil {
				continue
			}
			if r.Answered {
				answers[d.Name]++
			}
			if got := strings.Join(w.settled, ""); got != r.Text {
				t.Errorf("%s: settled %q, the answer is %q", name, w.settled, r.Text)
			}
			var steps []string
			for _, s := range r.Steps {
				steps = append(steps, s.Text)
			}
			if Stepwise(d.Name) && strings.Join(steps, "\n") != r.Text {
				t.Errorf("%s: the steps %q don't make %q", name, steps, r.Text)
			}
			for i, c := range r.Candidates {
				if w.candidates[i].Chosen != c.Chosen || w.candidates[i].Kept != c.Kept || w.candidates[i].Dropped != c.Dropped {
					t.Errorf("%s: told %+v\nthe result has %+v", name, w.candidates[i], c)
				}
				if c.Kept == "" && c.Dropped == "" || c.Parent >= c.ID || c.Chosen && c.Kept == "" {
					t.Errorf("%s: no fate: %+v", name, c)
				}
			}
			if t.Failed() {
				t.Fatalf("%+v", r)
			}
		}
	}
	for _, d := range Strategies() {
		if answers[d.Name] < 200 { // else it tries nothing
			t.Errorf("%s: %d answers of 300", d.Name, answers[d.Name])
		}
	}
}
