package generator

import (
	"context"
	"fmt"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/arith"
	"aprm/prm/step"
)

// roller continues solutions with the game's own LLM: the oracle's view of it.
type roller struct {
	meter *meter
	cfg   Config
}

// Roll implements oracle.Roller.
func (r roller) Roll(ctx context.Context, prefix step.Trace, n int) ([]string, error) {
	answers := make([]string, n)
	if k := len(prefix.Steps); k > 0 && step.IsAnswer(prefix.Steps[k-1]) { // nothing is left to continue
		answer, _ := arith.Extract(prefix.Steps[k-1])
		for i := range answers {
			answers[i] = answer
		}
		return answers, nil
	}
	cs, err := r.meter.generate(ctx, adapters.Request{
		Messages: continueMessages(r.cfg.Instruction, prefix), N: n, Temperature: r.cfg.Temperature, MaxTokens: r.cfg.MaxTokens,
		Seed: seedOf(r.cfg.Seed, "roll", prefix.Problem.ID, prefix.Text()),
	})
	if err != nil {
		return nil, err
	}
	for i, c := range cs {
		if c.Err != nil {
			return nil, c.Err
		}
		if answer, ok := arith.Extract(c.Text); ok && c.Finish != adapters.FinishLength {
			answers[i] = answer
		}
	}
	return answers, nil
}

// continueMessages asks for the rest of a solution.
func continueMessages(instruction string, prefix step.Trace) []adapters.Message {
	messages := solveMessages(instruction, prefix.Problem.Question)
	if len(prefix.Steps) > 0 {
		messages = append(messages, adapters.Message{Role: adapters.Assistant, Content: prefix.Text() + "\n"})
	}
	return messages
}

// rollouts is the oracle's third layer, played by the round's LLM.
func (g *Game) rollouts(m *meter) oracle.Rollouts {
	return oracle.Rollouts{Roller: roller{m, g.cfg}, N: g.cfg.Rollouts}
}

// judgeByRollouts has the third layer, and the fourth where there is one, rule on the attacks that the Judge left open,
// the first Config.RolloutLimit of them. With Config.Consensus it rules on those that the Judge called wrong instead:
// they stay so only if both agree.
func (g *Game) judgeByRollouts(ctx context.Context, m *meter, rep *Report, round int, attacks []*attack) error {
	if g.cfg.Rollouts == 0 {
		return nil
	}
	layer, open := llmLayers(m, g.cfg), step.Unknown
	if g.cfg.Consensus {
		open = step.Wrong
	}
	var units []Unit
	for _, a := range attacks {
		if !a.done || a.why != nil || a.label != open || a.arm.Own() { // an own move's outcome is sure
			continue
		}
		before := a.ground
		if g.cfg.Consensus {
			a.label, a.ground = step.Unknown, "rollouts: not asked"
		}
		if rep.Rolled == g.cfg.RolloutLimit {
			continue
		}
		rep.Rolled++
		units = append(units, Unit{Key: "judge " + a.key(round), Do: func(ctx context.Context) error {
			ruling, err := layer.Rule(ctx, a.inQuestion(a.reply))
			if err != nil {
				return fmt.Errorf("judge an attack on %s: %w", a.target.Prefix.Problem.ID, err)
			}
			found := ruling.Verdict
			switch {
			case !g.cfg.Consensus && found != step.Unknown:
				a.label, a.ground = found, layer.Name()+": "+ruling.Reason
			case g.cfg.Consensus && found == step.Wrong:
				a.label, a.ground = step.Wrong, before
			case g.cfg.Consensus:
				a.ground = layer.Name() + ": " + ruling.Reason
			}
			return nil
		}})
	}
	return g.run(ctx, rep, round, StageJudge, units)
}

// labelFurther labels the steps of natural solutions as Config.Natural says, where that takes more than the solution
// itself.
func (g *Game) labelFurther(ctx context.Context, m *meter, rep *Report, round int, problems []roundProblem, solutions [][]solution) error {
	switch g.cfg.Natural {
	case FirstErrors, MonteCarlo:
	case Exact:
		for i := range solutions {
			for k := range solutions[i] {
				solutions[i][k].follow(g.Truth)
			}
		}
		return nil
	default:
		return nil
	}
	layer := g.rollouts(m)
	var units []Unit
	for i, p := range problems {
		for k := range solutions[i] {
			s := &solutions[i][k]
			if p.Answer == "" || len(s.steps) == 0 || s.steps[0].Value == step.Unknown {
				continue
			}
			units = append(units, Unit{Key: key("label", s.steps[0].Sample), Do: func(ctx context.Context) error {
				var err error
				if g.cfg.Natural == MonteCarlo {
					err = s.estimate(ctx, layer, p.Problem)
				} else {
					err = s.firstError(ctx, layer, p.Problem)
				}
				if err != nil {
					return fmt.Errorf("label a solution of %s: %w", p.ID, err)
				}
				return nil
			}})
		}
	}
	return g.run(ctx, rep, round, StageJudge, units)
}

// follow labels the steps by the truth: those before the first wrong one, and that one.
func (s *solution) follow(truth func(step.Trace) (int, bool)) {
	if len(s.steps) == 0 {
		return
	}
	first, ok := truth(s.steps[len(s.steps)-1].Trace())
	for i := range s.steps {
		s.steps[i].Step, s.steps[i].Reason = step.Unknown, "follows a wrong step"
		switch {
		case !ok:
			s.steps[i].Reason = "the truth is not known"
		case first < 0 || i < first:
			s.steps[i].Step, s.steps[i].Reason = step.Right, "truth: as the problem has it"
		case i == first:
			s.steps[i].Step, s.steps[i].Reason = step.Wrong, "truth: not as the problem has it"
		}
	}
}

// prefix is the solution's beginning, n steps long, with the problem's answer.
func (s *solution) prefix(p step.Problem, n int) step.Trace {
	t := step.Trace{Problem: p}
	for _, l := range s.steps[:n] {
		t.Steps = append(t.Steps, l.Text)
	}
	return t
}

// estimate is Math-Shepherd's hard estimation: a step is right if any rollout from it ends right.
func (s *solution) estimate(ctx context.Context, layer oracle.Rollouts, p step.Problem) error {
	for i := range s.steps {
		s.steps[i].Step, s.steps[i].Reason = step.Unknown, "rollouts: not asked"
	}
	for i := range s.steps {
		right, err := layer.Right(ctx, s.prefix(p, i+1))
		if err != nil {
			return err
		}
		s.steps[i].Step, s.steps[i].Reason = step.Wrong, fmt.Sprintf("rollouts: %d of %d end right", right, layer.N)
		if right > 0 {
			s.steps[i].Step = step.Right
		}
	}
	return nil
}

// firstError looks, in a solution that ends wrong and whose equations hold, for the step from which on no rollout ends
// right, by halving, as OmegaPRM does. It is labelled wrong, and those before it right, where the LLM was able just
// before it; else nothing is.
func (s *solution) firstError(ctx context.Context, layer oracle.Rollouts, p step.Problem) error {
	if s.steps[0].Value != step.Wrong {
		return nil
	}
	for _, l := range s.steps {
		if l.Step == step.Wrong {
			return nil
		}
	}
	able, lost := 0, len(s.steps) // prefixes of so many steps
	before, err := layer.Right(ctx, s.prefix(p, 0))
	if err != nil || before == 0 {
		return err
	}
	for lost-able > 1 {
		half := (able + lost) / 2
		right, err := layer.Right(ctx, s.prefix(p, half))
		if err != nil {
			return err
		}
		if right > 0 {
			able, before = half, right
		} else {
			lost = half
		}
	}
	if !layer.Able(before) {
		return nil
	}
	for i := range s.steps[:lost] {
		s.steps[i].Step, s.steps[i].Reason = step.Right, "rollouts: the way to the right answer is still open"
	}
	s.steps[able].Step = step.Wrong
	s.steps[able].Reason = fmt.Sprintf("rollouts: none of %d end right, %d before this step", layer.N, before)
	return nil
}
