package generator

import (
	"context"
	"math"

	"aprm/adapters"
	"aprm/prm/step"
)

// runBranch has the solver go on from before the target's step, a few times, and takes of what ends wrong the
// continuation that it finds likeliest. That it is wrong is certain by its final answer; that its first step is, only
// where the judge says so.
func (g *Game) runBranch(ctx context.Context, m *meter, a *attack, round int) error {
	temperature, messages := g.cfg.Temperature, continueMessages(g.cfg.Instruction+a.arm.Aside, a.target.Prefix)
	if a.arm.Heat > 0 {
		temperature = a.arm.Heat
	}
	cs, err := m.generate(ctx, adapters.Request{
		Messages: messages, N: branches, Temperature: temperature, MaxTokens: g.cfg.MaxTokens,
		Seed: seedOf(g.cfg.Seed, a.key(round)), LogProbs: true, TopLogProbs: 3,
	})
	if err != nil {
		return err
	}
	likeliest, right := math.Inf(-1), 0
	for k, c := range cs {
		if c.Err != nil {
			return c.Err
		}
		s := label(Outcomes, a.problem.Problem, c, round, k, a.problem.heldOut)
		if len(s.steps) == 0 || s.untold {
			continue
		}
		if s.steps[0].Value == step.Right {
			right++
		} else if p := meanLogProb(c.Tokens); a.branch == nil || p > likeliest {
			a.branch, likeliest = s.steps, p
		}
	}
	a.done = true
	switch {
	case a.branch == nil && right == 0:
		a.why = errNoStep
		return nil
	case a.branch == nil:
		a.label, a.ground = step.Right, "branch: none of what could be told ended wrong"
		return nil
	}
	a.reply = a.branch[0].Text
	a.label, a.ground = step.Wrong, "branch: "+a.branch[0].Reason
	a.whole(round)
	if step.IsAnswer(a.reply) {
		return nil
	}
	ruling, err := g.Judge.Judge(ctx, a.inQuestion(a.reply))
	if err == nil && ruling.Verdict == step.Wrong {
		a.first, a.ground = step.Wrong, ruling.Layer+": "+ruling.Reason
	}
	return err
}

// whole puts the steps that were kept before the continuation's. Nothing is said of each step, nor of how likely an
// answer that begins so ends right: it was looked for. Under another instruction the solver's log-probabilities are
// others, so those are left out.
func (a *attack) whole(round int) {
	from := a.target.From
	var out []Labelled
	for i, l := range append(from.steps[:len(a.target.Prefix.Steps):len(a.target.Prefix.Steps)], a.branch...) {
		l.Prefix = step.Trace{Problem: bareProblem(a.problem.Problem)}
		for _, before := range out {
			l.Prefix.Steps = append(l.Prefix.Steps, before.Text)
		}
		if a.arm.Aside != "" {
			l.Tokens = nil
		}
		l.Step, l.Value, l.Source, l.Strategy = step.Unknown, step.Unknown, Branched, a.name
		l.Sample, l.Against, l.Reason = a.key(round), from.steps[0].Sample, "an answer that ends wrong"
		l.Answer = a.branch[0].Answer
		if i < len(a.target.Prefix.Steps) {
			l.Reason = "kept of a right answer"
		}
		out = append(out, l)
	}
	a.branch = out
}

// meanLogProb is −∞ of nothing.
func meanLogProb(tokens []step.Token) float64 {
	if len(tokens) == 0 {
		return math.Inf(-1)
	}
	var sum float64
	for _, t := range tokens {
		sum += t.LogProb
	}
	return sum / float64(len(tokens))
}

// candidates are what the attack sets against each other in a vote: a right answer, or its beginning up to the step
// attacked, and what it was made into. Neither of two beginnings has log-probabilities: those of an attack come from
// another prompt; two answers have them, or neither has.
func (a *attack) candidates() (right, wrong Candidate) {
	if a.branch == nil {
		return Candidate{Trace: a.target.Prefix.With(a.target.Text)}, Candidate{Trace: a.target.Prefix.With(a.reply)}
	}
	right, wrong = candidate(a.target.From.steps), candidate(a.branch)
	if wrong.Tokens == nil {
		right.Tokens = nil
	}
	return right, wrong
}

// candidate is the answer with these steps; its log-probabilities are known if those of all steps are.
func candidate(steps []Labelled) Candidate {
	c := Candidate{Trace: steps[len(steps)-1].Trace()}
	for _, l := range steps {
		if l.Tokens == nil {
			c.Tokens = nil
			break
		}
		c.Tokens = append(c.Tokens, l.Tokens)
	}
	return c
}
