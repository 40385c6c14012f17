package generator

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/arith"
	"aprm/prm/step"
)

// attack is a corruption asked for, and what came of it.
type attack struct {
	target  Target
	problem roundProblem // with its reference solution, which only the judge may read
	arm     Arm
	name    string // of the strategy; of the arm where the move is the solver's own
	turn    int    // 0 for the first attack on the step, 1 for the second try
	ask     []adapters.Message
	shown   []string // the example's steps, where one is shown

	reply  string       // the corrupted step; "" when the reply was of no use
	why    error        // why it was of no use
	label  step.Verdict // the judge's verdict; of an own move, whether the answer ends wrong
	first  step.Verdict // of an own move: the judge's verdict of its first step
	ground string       // the verdict's reason
	branch []Labelled   // of an own move: the wrong answer, all its steps
	reword string       // the correct step in other words; "" for none
	p      float64      // P(correct) that R gives the reply
	damage float64      // chance that a vote of the two prefers the wrong one
	done   bool         // the unit did not fail
}

// verdict is the judge's of the reply as a step.
func (a *attack) verdict() step.Verdict {
	if a.arm.Own() {
		return a.first
	}
	return a.label
}

// key names the attack in data sets: it is the pair's id.
func (a *attack) key(round int) string {
	parts := []string{"attack", strconv.Itoa(round), a.target.Prefix.Problem.ID, a.target.Prefix.Text(), a.target.Text, a.name}
	if a.turn > 0 {
		parts = append(parts, strconv.Itoa(a.turn))
	}
	return key(parts...)
}

// fooled reports whether R took a truly wrong step for correct, or would have had the wrong of two answers win.
func (a *attack) fooled() bool {
	if a.arm.Own() {
		return a.label == step.Wrong && a.damage > 0.5
	}
	return a.label == step.Wrong && a.p > 0.5
}

// inQuestion is a step in the place of the one attacked, for the judge.
func (a *attack) inQuestion(text string) oracle.Case {
	prefix := step.Trace{Problem: a.problem.Problem, Steps: a.target.Prefix.Steps}
	return oracle.Case{Prefix: prefix, Reference: a.target.Text, Step: text}
}

// stepKey names the step that is attacked.
func (t Target) stepKey() string { return key(t.Prefix.Problem.ID, t.Prefix.Text(), t.Text) }

// planAttacks draws a strategy for each target, and its example: half of the time one that fooled R lately, if there is
// one. Each target has draws of its own, so that one more or less, after a unit that failed, leaves the others'
// requests as they were. used holds the strategies that were played on each step in this round, and takes up these.
func planAttacks(cfg Config, round int, targets []Target, used map[string][]string, problems map[string]roundProblem, policy *Policy, memory *Memory) []*attack {
	var out []*attack
	for _, t := range targets {
		id := t.stepKey()
		rng := rngOf(cfg.Seed, "strategy", strconv.Itoa(round), id, strconv.Itoa(len(used[id])))
		arm, name := draw(cfg, rng, t, used, policy)
		out = append(out, plan(cfg, rng, t, problems[t.Prefix.Problem.ID], arm, name, memory, nil))
	}
	return out
}

// planAgain plans a second attack on each step whose first didn't fool R, by another strategy. The adversary is shown
// what it wrote and R's score, where its prompts have room for that.
func planAgain(cfg Config, round int, attacks []*attack, used map[string][]string, policy *Policy, memory *Memory) []*attack {
	var out []*attack
	for _, a := range attacks {
		if !a.done || a.fooled() {
			continue
		}
		id := a.target.stepKey()
		rng := rngOf(cfg.Seed, "again", strconv.Itoa(round), id, strconv.Itoa(len(used[id])))
		arm, name := draw(cfg, rng, a.target, used, policy)
		again := plan(cfg, rng, a.target, a.problem, arm, name, memory, a)
		again.turn = a.turn + 1
		out = append(out, again)
	}
	return out
}

// draw has the policy choose an arm, one that was not played on the step yet where there is one left, and by chance one
// of its strategies that was not; an own move is of the solver's own solutions alone.
func draw(cfg Config, rng *rand.Rand, t Target, used map[string][]string, policy *Policy) (arm Arm, name string) {
	id := t.stepKey()
	var never, played []string
	for _, a := range cfg.arms() {
		switch {
		case a.Own() && t.From == nil:
			never = append(never, a.Name)
		case slices.ContainsFunc(used[id], func(name string) bool { return name == a.Name || slices.Contains(a.Tricks, name) }):
			played = append(played, a.Name)
		}
	}
	not := slices.Concat(never, played)
	if !slices.ContainsFunc(policy.Names, func(name string) bool { return !slices.Contains(not, name) }) {
		not = never
	}
	arm = cfg.arm(policy.Draw(rng, t.Kind, not...))
	if name = arm.Name; !arm.Own() {
		left := slices.DeleteFunc(slices.Clone(arm.Tricks), func(name string) bool { return slices.Contains(used[id], name) })
		if len(left) == 0 {
			left = arm.Tricks
		}
		name = left[rng.IntN(len(left))]
	}
	used[id] = append(used[id], name)
	return arm, name
}

// plan makes the request; last is the attack before on the same step, nil for none.
func plan(cfg Config, rng *rand.Rand, t Target, p roundProblem, arm Arm, name string, memory *Memory, last *attack) *attack {
	if arm.Own() {
		return &attack{target: t, problem: p, arm: arm, name: name}
	}
	strategies := Strategies()
	s := strategies[slices.IndexFunc(strategies, func(s Strategy) bool { return s.Name == name })]
	before, after := s.Before, s.After
	if f, ok := memory.Example(s.Name, t.Kind, t.Prefix.Problem.ID); rng.IntN(2) == 0 && ok && cfg.Learner != Uniform {
		before, after = f.Before, f.After
	}
	a := &attack{target: t, problem: p, arm: arm, name: s.Name}
	if cfg.Compact {
		a.ask = Compact(t, s.Name)
		return a
	}
	a.ask, a.shown = attackMessages(t, s.Definition, before, after), []string{before, after}
	if last != nil && last.verdict() == step.Wrong {
		a.ask = againMessages(a.ask, t, last.reply, last.p)
	}
	return a
}

// runAttack asks for the corruption.
func (g *Game) runAttack(ctx context.Context, m *meter, a *attack, round int) error {
	c, err := m.one(ctx, g.oneLine(a.ask, a.key(round)))
	if err != nil {
		return err
	}
	a.reply, a.why = parseStep(c.Text, c.Finish == adapters.FinishLength, a.target, a.shown...)
	a.done = true
	return nil
}

// finalNumber is what a step comes to, as it is written; "" for none.
func finalNumber(text string) string {
	n := arith.Numbers(text)
	if len(n) == 0 {
		return ""
	}
	last := n[len(n)-1]
	return strings.TrimRight(text[last.Start:last.End], ".,")
}

// runReword asks for the correct step in other words. A reply of no use leaves the pair with the step as it was.
func (g *Game) runReword(ctx context.Context, m *meter, a *attack, round int) error {
	ask, shown := rewordMessages(a.target), []string{rewordBefore, rewordAfter}
	if g.cfg.Compact {
		ask, shown = Compact(a.target, Reword), nil
	}
	c, err := m.one(ctx, g.oneLine(ask, "reword "+a.key(round)))
	if err != nil {
		return err
	}
	text, err := parseStep(c.Text, c.Finish == adapters.FinishLength, a.target, shown...)
	if err != nil {
		return nil
	}
	ruling, err := g.Judge.Judge(ctx, a.inQuestion(text))
	if err == nil && ruling.Verdict == step.Right {
		a.reword = text
	}
	return err
}

// oneLine is a request for one step; its seed comes from the unit's content.
func (g *Game) oneLine(messages []adapters.Message, unit string) adapters.Request {
	return adapters.Request{
		Messages: messages, N: 1, Temperature: g.cfg.AttackTemperature, MaxTokens: g.cfg.AttackMaxTokens,
		Stop: []string{"\n"}, Seed: seedOf(g.cfg.Seed, unit),
	}
}

// meter counts what the calls of a round cost. Safe for concurrent use.
type meter struct {
	llm   LLM
	mu    sync.Mutex
	calls int
	usage adapters.Usage
}

var errNoCompletion = errors.New("the endpoint answered without a completion")

func (m *meter) generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	cs, err := m.llm.Generate(ctx, req)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	for _, c := range cs {
		m.usage = m.usage.Add(c.Usage)
	}
	return cs, err
}

func (m *meter) one(ctx context.Context, req adapters.Request) (adapters.Completion, error) {
	cs, err := m.generate(ctx, req)
	if err != nil {
		return adapters.Completion{}, err
	}
	if len(cs) == 0 {
		return adapters.Completion{}, errNoCompletion
	}
	return cs[0], cs[0].Err
}
