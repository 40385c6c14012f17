package generator

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/step"
)

// attack is a corruption asked for, and what came of it.
type attack struct {
	target  Target
	problem roundProblem // with its reference solution, which only the judge may read
	name    string       // of the strategy
	ask     []adapters.Message
	shown   []string // the example's steps, where one is shown

	reply  string  // the corrupted step; "" when the reply was of no use
	why    error   // why it was of no use
	label  Label   // the judge's verdict
	ground string  // and its reason
	reword string  // the correct step in other words; "" for none
	p      float64 // P(correct) that R gives the reply
	done   bool    // the unit did not fail
}

// key names the attack in data sets: it is the pair's id.
func (a *attack) key(round int) string {
	return key("attack", strconv.Itoa(round), a.target.Prefix.Problem.ID, a.target.Prefix.Text(), a.target.Text, a.name)
}

// inQuestion is a step in the place of the one attacked, for the judge.
func (a *attack) inQuestion(text string) oracle.Case {
	prefix := step.Trace{Problem: a.problem.Problem, Steps: a.target.Prefix.Steps}
	return oracle.Case{Prefix: prefix, Reference: a.target.Text, Step: text}
}

// planAttacks draws a strategy for each target, and its example: half of the time one that fooled R lately, if there is one.
// Each target has draws of its own, so that one more or less, after a unit that failed, leaves the others' requests as they were.
func planAttacks(cfg Config, round int, targets []Target, problems map[string]roundProblem, policy *Policy, memory *Memory) []*attack {
	used := make(map[string][]string)
	known := make(map[string]Strategy)
	for _, s := range Strategies() {
		known[s.Name] = s
	}
	var out []*attack
	for _, t := range targets {
		id := key(t.Prefix.Problem.ID, t.Prefix.Text(), t.Text)
		rng := rngOf(cfg.Seed, "strategy", strconv.Itoa(round), id, strconv.Itoa(len(used[id])))
		s := known[policy.Draw(rng, t.Kind, used[id]...)]
		used[id] = append(used[id], s.Name)
		before, after := s.Before, s.After
		if f, ok := memory.Example(s.Name, t.Kind, t.Prefix.Problem.ID); rng.IntN(2) == 0 && ok {
			before, after = f.Before, f.After
		}
		a := &attack{target: t, problem: problems[t.Prefix.Problem.ID], name: s.Name}
		if cfg.Compact {
			a.ask = Compact(t, s.Name)
		} else {
			a.ask, a.shown = attackMessages(t, s.Definition, before, after), []string{before, after}
		}
		out = append(out, a)
	}
	return out
}

// run asks for the corruption.
func (g *Game) runAttack(ctx context.Context, m *meter, a *attack, round int) error {
	c, err := m.one(ctx, g.oneLine(a.ask, a.key(round)))
	if err != nil {
		return err
	}
	a.reply, a.why = parseStep(c.Text, c.Finish == adapters.FinishLength, a.target, a.shown...)
	a.done = true
	return nil
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
	if err == nil && verdict(ruling.Verdict) == Right {
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
