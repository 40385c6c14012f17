package generator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// Round plays the round that state stands before: problems → natural solutions → correct steps → attacks → the judge's
// verdicts → rewards → both players learn → report. R's probabilities, from which the rewards come, are those before it
// learns. state is left as it is.
func (g *Game) Round(ctx context.Context, state State) (State, error) {
	began := time.Now()
	next, err := state.clone()
	if err != nil {
		return State{}, err
	}
	round := state.Round
	m := &meter{llm: g.LLM}
	rep := newReport(round, state.Policy.Names)

	problems := chooseProblems(g.cfg, g.problems, round)
	byID := make(map[string]roundProblem)
	for _, p := range problems {
		byID[p.ID] = p
	}
	solutions, err := g.solve(ctx, m, &rep, round, problems)
	if err != nil {
		return State{}, err
	}
	for _, list := range solutions {
		for _, s := range list {
			rep.count(s)
		}
	}
	if err := g.hardest(ctx, round, problems, solutions); err != nil {
		return State{}, err
	}
	if err := g.labelFurther(ctx, m, &rep, round, problems, solutions); err != nil {
		return State{}, err
	}

	var own, worked [][]Target
	for i, p := range problems {
		own = append(own, ownTargets(solutions[i]))
		worked = append(worked, workedTargets(p.Problem))
	}
	targets := chooseTargets(g.cfg, round, own, worked)
	if round > 0 {
		next.Policy.Renew()
	}
	var attacks []*attack
	used := make(map[string][]string)
	for wave := range slices.Chunk(targets, g.wave(targets)) {
		next.Policy.Step()
		first := planAttacks(g.cfg, round, wave, used, byID, next.Policy, next.Memory)
		played, err := g.playWave(ctx, m, &rep, round, first, used, next)
		if err != nil {
			return State{}, err
		}
		attacks = append(attacks, played...)
	}
	rep.drawnFrom(next.Policy)
	if err := g.reword(ctx, m, &rep, round, attacks); err != nil {
		return State{}, err
	}

	var entries []Labelled
	for _, list := range solutions {
		for _, s := range list {
			entries = append(entries, s.steps...)
		}
	}
	pairs := pairUp(attacks, round)
	entries = append(entries, pairs...)
	for _, a := range attacks {
		entries = append(entries, a.branch...)
	}
	if err := identifyAll(entries); err != nil {
		return State{}, err
	}
	if _, err := g.Journal.Append(entries...); err != nil {
		return State{}, err
	}

	if err := g.reward(ctx, &rep, attacks, pairs); err != nil {
		return State{}, err
	}

	g.progress(Progress{Round: round, Stage: StageLearn, Total: 1})
	rep.Learn, err = g.Reward.Learn(ctx, round, g.Lessons(round))
	if err != nil {
		return State{}, fmt.Errorf("learn: %w", err)
	}
	if err := g.measure(ctx, &rep, round, attacks); err != nil {
		return State{}, err
	}
	g.progress(Progress{Round: round, Stage: StageLearn, Done: 1, Total: 1})

	rep.Calls, rep.PromptTokens, rep.CompletionTokens = m.calls, m.usage.PromptTokens, m.usage.CompletionTokens
	rep.Minutes = time.Since(began).Minutes()
	rep.finish()
	next.Round++
	next.Reports = append(next.Reports, rep)
	return next, nil
}

// solve draws the natural samples: one unit a problem. Returned are the solutions of each problem.
func (g *Game) solve(ctx context.Context, m *meter, rep *Report, round int, problems []roundProblem) ([][]solution, error) {
	out := make([][]solution, len(problems))
	units := make([]Unit, len(problems))
	for i, p := range problems {
		id := key("solve", strconv.Itoa(round), p.ID, p.Question)
		units[i] = Unit{Key: id, Do: func(ctx context.Context) error {
			cs, err := m.generate(ctx, adapters.Request{
				Messages: solveMessages(g.cfg.Instruction, p.Question), N: max(g.cfg.Samples, g.cfg.Drawn),
				Temperature: g.cfg.Temperature, MaxTokens: g.cfg.MaxTokens,
				Seed: seedOf(g.cfg.Seed, id), LogProbs: true, TopLogProbs: 3,
			})
			if err != nil {
				return fmt.Errorf("solve %s: %w", p.ID, err)
			}
			var failed []error
			for k, c := range cs {
				if c.Err != nil {
					failed = append(failed, fmt.Errorf("solve %s, sample %d: %w", p.ID, k, c.Err))
					continue
				}
				out[i] = append(out[i], label(g.cfg.Natural, p.Problem, c, round, k, p.heldOut))
			}
			if len(out[i]) == 0 {
				return errors.Join(append(failed, errNoCompletion)...)
			}
			return nil
		}}
	}
	return out, g.run(ctx, rep, round, StageSolve, units)
}

// wave is how many of the targets are attacked between two updates: all at once where nothing is updated.
func (g *Game) wave(targets []Target) int {
	if g.cfg.Learner == Uniform {
		return max(len(targets), 1)
	}
	return g.cfg.Wave
}

// playWave plays the attacks planned, and again those that did not fool R, as often as Config.Turns says; state's
// policy and memory take up what came of them. Of problems that are held out nothing reaches either.
func (g *Game) playWave(ctx context.Context, m *meter, rep *Report, round int, wave []*attack, used map[string][]string, state State) ([]*attack, error) {
	var all []*attack
	for turn := 1; ; turn++ {
		if err := g.attack(ctx, m, rep, round, wave); err != nil {
			return nil, err
		}
		if err := g.rate(ctx, round, wave); err != nil {
			return nil, err
		}
		all = append(all, wave...)
		if turn == g.cfg.Turns {
			break
		}
		wave = planAgain(g.cfg, round, wave, used, state.Policy, state.Memory)
	}
	var outcomes []Outcome
	for _, a := range all {
		if a.problem.heldOut {
			continue
		}
		if o, sure := a.outcome(); sure {
			outcomes = append(outcomes, o)
		}
		if a.fooled() && !a.arm.Own() {
			state.Memory.Add(Fooled{Trick: a.trick(), Problem: a.target.Prefix.Problem.ID, P: a.p, Round: round})
		}
	}
	return all, state.Policy.Observe(outcomes)
}

// trick is what it made of the step.
func (a *attack) trick() Trick {
	return Trick{Strategy: a.name, Kind: a.target.Kind, Before: a.target.Text, After: a.reply}
}

// outcome is what the attack earned the generator, if the oracle is sure of it: the chance that a vote prefers what is
// wrong; it is still correct too where the reply only repeats the step.
func (a *attack) outcome() (o Outcome, sure bool) {
	o = Outcome{Strategy: a.arm.Name, Kind: a.target.Kind}
	switch {
	case !a.done:
		return o, false
	case a.label == step.Wrong:
		o.Reward = a.damage
	case a.label == step.Right || errors.Is(a.why, errVerbatim):
		o.StillCorrect = true
	default:
		return o, false
	}
	return o, true
}

// attack asks for the corruptions and has them judged.
func (g *Game) attack(ctx context.Context, m *meter, rep *Report, round int, attacks []*attack) error {
	ordered := byPrefix(attacks)
	units := make([]Unit, len(ordered))
	for i, a := range ordered {
		units[i] = Unit{Key: a.key(round), Do: func(ctx context.Context) error {
			if a.arm.Own() {
				if err := g.runBranch(ctx, m, a, round); err != nil {
					return fmt.Errorf("branch off an answer to %s: %w", a.target.Prefix.Problem.ID, err)
				}
				return nil
			}
			if err := g.runAttack(ctx, m, a, round); err != nil {
				return fmt.Errorf("attack %s: %w", a.target.Prefix.Problem.ID, err)
			}
			if a.why != nil {
				return nil
			}
			ruling, err := g.Judge.Judge(ctx, a.inQuestion(a.reply))
			if err != nil {
				return fmt.Errorf("judge an attack on %s: %w", a.target.Prefix.Problem.ID, err)
			}
			a.label, a.ground = ruling.Verdict, ruling.Layer+": "+ruling.Reason
			return nil
		}}
	}
	if err := g.run(ctx, rep, round, StageAttack, units); err != nil {
		return err
	}

	return g.judgeByRollouts(ctx, m, rep, round, ordered)
}

// reword has some of the correct partners said in other words.
func (g *Game) reword(ctx context.Context, m *meter, rep *Report, round int, attacks []*attack) error {
	var units []Unit
	for _, a := range byPrefix(attacks) {
		// What the solver did by itself has no dialect of an adversary's to be evened out.
		if a.arm.Own() || a.label != step.Wrong || rngOf(g.cfg.Seed, "reword", a.key(round)).Float64() >= g.cfg.Paraphrases {
			continue
		}
		units = append(units, Unit{Key: "reword " + a.key(round), Do: func(ctx context.Context) error {
			if err := g.runReword(ctx, m, a, round); err != nil {
				return fmt.Errorf("reword a step of %s: %w", a.target.Prefix.Problem.ID, err)
			}
			return nil
		}})
	}
	return g.run(ctx, rep, round, StageReword, units)
}

// byPrefix orders attacks so that those on one problem follow each other: the server still holds their common
// beginning.
func byPrefix(attacks []*attack) []*attack {
	ordered := slices.Clone(attacks)
	slices.SortStableFunc(ordered, func(a, b *attack) int {
		return cmp.Or(cmp.Compare(a.target.Prefix.Problem.ID, b.target.Prefix.Problem.ID), cmp.Compare(a.target.Prefix.Text(), b.target.Prefix.Text()))
	})
	return ordered
}

// rate gives the wrong attacks R's probabilities, and the chances that they win a vote.
func (g *Game) rate(ctx context.Context, round int, attacks []*attack) error {
	var steps []Labelled
	var candidates []Candidate
	var ofSteps, ofCandidates []*attack
	for _, a := range attacks {
		if a.verdict() == step.Wrong {
			steps, ofSteps = append(steps, a.labelled(round)), append(ofSteps, a)
		}
		if a.label == step.Wrong {
			right, wrong := a.candidates()
			candidates, ofCandidates = append(candidates, right, wrong), append(ofCandidates, a)
		}
	}
	p, err := g.score(ctx, steps)
	if err != nil {
		return err
	}
	for i := range p {
		ofSteps[i].p = p[i]
	}
	w, err := g.Reward.Weigh(ctx, candidates)
	if err != nil {
		return fmt.Errorf("weigh: %w", err)
	}
	if len(w) != len(candidates) {
		return fmt.Errorf("weigh: the reward model returned %d weights for %d candidates", len(w), len(candidates))
	}
	for i, a := range ofCandidates {
		if a.damage = vote.Logistic(w[2*i+1] - w[2*i]); math.IsNaN(a.damage) {
			return fmt.Errorf("weigh: candidates weigh %v and %v", w[2*i], w[2*i+1])
		}
	}
	return nil
}

// run does the units of a stage and notes those that failed; an error when most did.
func (g *Game) run(ctx context.Context, rep *Report, round int, stage Stage, units []Unit) error {
	p := Progress{Round: round, Stage: stage, Total: len(units)}
	g.progress(p)
	errs, err := g.Queue.Run(ctx, units, func(err error) {
		p.Done++
		if err != nil {
			p.Failed++
		}
		g.progress(p)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", stage, err)
	}
	for _, err := range errs {
		if err != nil {
			rep.Failures = append(rep.Failures, err.Error())
		}
	}
	return tooManyFailed(stage, errs)
}

func (g *Game) progress(p Progress) {
	if g.cfg.Progress != nil {
		g.cfg.Progress(p)
	}
}

// pairUp turns the attacks into labelled steps: each wrong one with its correct partner, the step itself or its
// paraphrase; the others alone. None has tokens: an attack's come from the attack prompt, and a pair is masked alike.
func pairUp(attacks []*attack, round int) []Labelled {
	var out []Labelled
	for _, a := range attacks {
		if !a.done || a.why != nil || a.arm.Own() && a.first != step.Wrong {
			continue
		}
		l := a.labelled(round)
		out = append(out, l)
		if a.verdict() != step.Wrong {
			continue
		}
		l.Text, l.Step, l.Source, l.Strategy, l.Reason = a.target.Text, step.Right, a.target.Source, "", "the step that was attacked"
		if a.reword != "" {
			l.Text, l.Source, l.Reason = a.reword, Paraphrase, "the attacked step in other words"
		}
		out = append(out, l)
	}
	return out
}

// labelled is the corrupted step, as the data set has it.
func (a *attack) labelled(round int) Labelled {
	return Labelled{
		Prefix: a.target.Prefix, Text: a.reply, Step: a.verdict(), Source: Attack, Strategy: a.name, Kind: a.target.Kind,
		Round: round, Pair: a.key(round), HeldOut: a.problem.heldOut, Reason: a.ground,
	}
}

// reward has R judge the pairs and reports what that earned it, and what came of the attacks.
func (g *Game) reward(ctx context.Context, rep *Report, attacks []*attack, pairs []Labelled) error {
	p, err := g.score(ctx, pairs)
	if err != nil {
		return err
	}
	var earned, n float64
	for i, l := range pairs {
		switch l.Step {
		case step.Right:
			earned, n = earned+p[i], n+1
		case step.Wrong:
			earned, n = earned+1-p[i], n+1
		}
	}
	rep.RewardR = figure(earned / n)
	for _, a := range attacks {
		if a.done {
			rep.attacked(a)
		}
	}
	return nil
}

// score asks R, with the labels taken off.
func (g *Game) score(ctx context.Context, examples []Labelled) ([]float64, error) {
	if len(examples) == 0 {
		return nil, nil
	}
	blind := slices.Clone(examples)
	for i := range blind {
		blind[i].Step, blind[i].Value, blind[i].Reason = step.Unknown, step.Unknown, ""
	}
	p, err := g.Reward.Score(ctx, blind)
	if err != nil {
		return nil, fmt.Errorf("score: %w", err)
	}
	if len(p) != len(examples) {
		return nil, fmt.Errorf("score: the reward model returned %d scores for %d steps", len(p), len(examples))
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("score: P(correct) of step %d is %v, not in [0,1]", i, v)
		}
	}
	return p, nil
}

// Lessons returns what R learns in a round: the round itself, and rounds t−1 and 0 again or all before it, balanced.
func (g *Game) Lessons(round int) []Labelled {
	rounds := []int{round}
	before := []int{round - 1, 0}
	if g.cfg.Replay == Whole {
		before = nil
		for r := round - 1; r >= 0; r-- {
			before = append(before, r)
		}
	}
	for _, r := range before {
		if r >= 0 && !slices.Contains(rounds, r) {
			rounds = append(rounds, r)
		}
	}
	var out []Labelled
	for _, r := range rounds {
		var of []Labelled
		for _, l := range g.Journal.Rounds(r) {
			if !l.HeldOut {
				of = append(of, l)
			}
		}
		out = append(out, Balance(of)...)
	}
	return out
}

// Balance gives the step head one correct example for each wrong one. Pairs are balanced by making; of the natural
// steps a correct one is learned from for each wrong one, of the same problem where there is one, and the other correct
// ones are Spare. Steps without any label left are dropped, but for those of branched answers, which are whole answers'
// worth.
func Balance(examples []Labelled) []Labelled {
	out := slices.Clone(examples)
	var wrongs []string // problems of natural wrong steps
	rights := make(map[string][]int)
	var order []string
	for i, l := range out {
		if l.Source != Natural {
			continue
		}
		id := l.Prefix.Problem.ID
		switch l.Step {
		case step.Wrong:
			wrongs = append(wrongs, id)
		case step.Right:
			if rights[id] == nil {
				order = append(order, id)
			}
			rights[id] = append(rights[id], i)
		}
	}
	rng := rngOf(0, "balance", strconv.Itoa(len(out)))
	keep := make(map[int]bool)
	pick := func(id string) bool {
		left := rights[id]
		if len(left) == 0 {
			return false
		}
		k := rng.IntN(len(left))
		keep[left[k]] = true
		rights[id] = slices.Delete(left, k, k+1)
		return true
	}
	var unmatched int
	for _, id := range wrongs {
		if !pick(id) {
			unmatched++
		}
	}
	for turn := 0; unmatched > 0 && turn < len(out); turn++ {
		for _, id := range order {
			if unmatched > 0 && pick(id) {
				unmatched--
			}
		}
	}
	for i := range out {
		if out[i].Source == Natural && out[i].Step == step.Right && !keep[i] {
			out[i].Spare = true
		}
	}
	return slices.DeleteFunc(out, func(l Labelled) bool {
		return l.Step == step.Unknown && l.Value == step.Unknown && l.Source != Branched
	})
}

func identifyAll(entries []Labelled) error {
	var err error
	for i := range entries {
		if entries[i], err = entries[i].identify(); err != nil {
			return err
		}
	}
	return nil
}

// clone returns a deep copy.
func (s State) clone() (State, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	var t State
	if err := json.Unmarshal(b, &t); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	return t, nil
}
