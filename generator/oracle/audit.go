package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"aprm/prm/step"
)

// Audit measures an oracle on worked solutions, whose steps are known to be correct:
//
//   - worked: each step as it stands, against itself. None is wrong; those called so are listed.
//   - displaced: a later step of the same solution in place of the step, and two steps merged into one, with the oracle not
//     shown the solution. They are correct too; those called wrong are listed.
//   - reworded: each step as each rewording rule rewrites it, against itself. All are correct.
//   - corrupted: each step as each corruption rule changes it. All are wrong, as far as a rule can know.
//
// Problems without a worked solution are passed over. The same seed makes the same cases. Judge errors end the audit.
func Audit(ctx context.Context, o *Oracle, problems []step.Problem, seed uint64) (Report, error) {
	a := audit{oracle: o, rng: rand.New(rand.NewPCG(seed, 0))} // #nosec G404 -- a draw that must follow from its seed, and guards nothing
	a.report.Worked, a.report.Displaced = Group{Want: step.Right}, Group{Want: step.Right}
	a.report.Reworded, a.report.Corrupted = Group{Want: step.Right}, Group{Want: step.Wrong}
	for _, p := range problems {
		if len(p.Worked) == 0 {
			continue
		}
		a.report.Problems++
		if err := a.problem(ctx, p); err != nil {
			return Report{}, err
		}
	}
	return a.report, nil
}

// Report is what an audit found.
type Report struct {
	Problems  int   `json:"problems"`
	Steps     int   `json:"steps"`
	Worked    Group `json:"worked"`
	Displaced Group `json:"displaced"`
	Reworded  Group `json:"reworded"`
	Corrupted Group `json:"corrupted"`
}

// Group counts the verdicts on cases of one truth.
type Group struct {
	Want  step.Verdict      `json:"-"`
	Tally                   //
	Rules map[string]*Tally `json:"rules,omitempty"`
	// Opposite lists the cases that were given the opposite of their true verdict.
	Opposite []Finding `json:"opposite"`
	// Solutions that are right from beginning to end, and those of them in which a step was called wrong.
	Solutions int `json:"solutions,omitempty"`
	Misjudged int `json:"misjudged,omitempty"`
}

// solution counts a right solution; before is how many opposite verdicts there were before its steps.
func (g *Group) solution(before int) {
	g.Solutions++
	if len(g.Opposite) > before {
		g.Misjudged++
	}
}

// Tally counts verdicts.
type Tally struct {
	Cases   int `json:"cases"`
	Correct int `json:"correct"`
	Wrong   int `json:"wrong"`
	Unknown int `json:"unknown"`
}

// Share returns the share of cases with this verdict, in [0,1]; 0 without cases.
func (t Tally) Share(v step.Verdict) float64 {
	if t.Cases == 0 {
		return 0
	}
	return float64([...]int{step.Unknown: t.Unknown, step.Right: t.Correct, step.Wrong: t.Wrong}[v]) / float64(t.Cases)
}

func (t *Tally) add(v step.Verdict) {
	t.Cases++
	switch v {
	case step.Right:
		t.Correct++
	case step.Wrong:
		t.Wrong++
	default:
		t.Unknown++
	}
}

// Finding is a case to look at.
type Finding struct {
	Problem   string `json:"problem"` // its ID
	Index     int    `json:"index"`   // of the step in the worked solution
	Rule      string `json:"rule"`
	Reference string `json:"reference"`
	Step      string `json:"step"`
	Layer     string `json:"layer"`
	Reason    string `json:"reason"`
}

type audit struct {
	oracle *Oracle
	rng    *rand.Rand
	report Report
}

func (a *audit) problem(ctx context.Context, p step.Problem) error {
	hidden := p
	hidden.Worked = nil
	before := len(a.report.Worked.Opposite)
	defer func() { a.report.Worked.solution(before) }()
	for i, s := range p.Worked {
		a.report.Steps++
		at := place{problem: p, steps: p.Worked, index: i}
		if err := a.judge(ctx, &a.report.Worked, at, "as it stands", s); err != nil {
			return err
		}
		blind := place{problem: hidden, steps: p.Worked, index: i}
		for rule, text := range displaced(p.Worked, i) {
			if err := a.judge(ctx, &a.report.Displaced, blind, rule, text); err != nil {
				return err
			}
		}
		for _, r := range rewordings {
			if text, ok := r.apply(a.rng, s); ok && text != s {
				if err := a.judge(ctx, &a.report.Reworded, at, r.name, text); err != nil {
					return err
				}
			}
		}
		for _, c := range Corrupt(a.rng, p.Question, s) {
			if err := a.judge(ctx, &a.report.Corrupted, at, c.Rule, c.Text); err != nil {
				return err
			}
		}
	}
	return nil
}

// displaced returns correct texts that may stand where step i does, by rule: later steps, and step i merged with its
// neighbour.
func displaced(steps []string, i int) map[string]string {
	out := map[string]string{}
	for d, rule := range map[int]string{1: "the next step instead", 2: "the step after the next instead"} {
		if i+d < len(steps) && steps[i+d] != steps[i] {
			out[rule] = steps[i+d]
		}
	}
	if i+1 < len(steps) {
		out["merged with the next"] = steps[i] + " " + steps[i+1]
	}
	return out
}

// place is where in a worked solution a case stands.
type place struct {
	problem step.Problem
	steps   []string
	index   int
}

func (a *audit) judge(ctx context.Context, g *Group, at place, rule, text string) error {
	prefix := step.Trace{Problem: at.problem, Steps: slices.Clip(at.steps[:at.index])}
	reference := at.steps[at.index]
	ruling, err := a.oracle.Judge(ctx, Case{Prefix: prefix, Reference: reference, Step: text})
	if err != nil {
		return fmt.Errorf("problem %s, step %d: %w", at.problem.ID, at.index, err)
	}
	g.count(ruling, Finding{Problem: at.problem.ID, Index: at.index, Rule: rule, Reference: reference, Step: text})
	return nil
}

// count adds a case.
func (g *Group) count(ruling Ruling, f Finding) {
	g.add(ruling.Verdict)
	if g.Rules == nil {
		g.Rules = map[string]*Tally{}
	}
	if g.Rules[f.Rule] == nil {
		g.Rules[f.Rule] = &Tally{}
	}
	g.Rules[f.Rule].add(ruling.Verdict)
	if ruling.Verdict != step.Unknown && ruling.Verdict != g.Want {
		f.Layer, f.Reason = ruling.Layer, ruling.Reason
		g.Opposite = append(g.Opposite, f)
	}
}

// AuditSolutions measures an oracle on solutions that people labelled, without a worked solution to hold them against,
// as it judges an LLM's own steps: right are the steps before the first wrong one, wrong is that one. What follows it
// is neither. Judge errors end the audit.
func AuditSolutions(ctx context.Context, o *Oracle, solutions []step.Judged) (right, wrong Group, err error) {
	right, wrong = Group{Want: step.Right}, Group{Want: step.Wrong}
	for _, s := range solutions {
		before := len(right.Opposite)
		for i, text := range s.Steps[:s.Labelled()] {
			g := &right
			if i == s.FirstWrong {
				g = &wrong
			}
			prefix := step.Trace{Problem: s.Problem, Steps: slices.Clip(s.Steps[:i])}
			ruling, err := o.Judge(ctx, Case{Prefix: prefix, Step: text})
			if err != nil {
				return right, wrong, fmt.Errorf("solution %s, step %d: %w", s.Problem.ID, i, err)
			}
			g.count(ruling, Finding{Problem: s.Problem.ID, Index: i, Rule: "as it stands", Step: text})
		}
		if s.FirstWrong < 0 {
			right.solution(before)
		}
	}
	return right, wrong, nil
}
