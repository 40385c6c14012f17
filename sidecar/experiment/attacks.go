package experiment

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"aprm/generator"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/training"
)

// Attacks is a set of truly wrong attacks, each beside the correct step that it came from, that PRMs are held against:
// those that training one of them made on problems kept out of the training of all, or those of another run, another
// LLM's among them.
type Attacks struct {
	Name       string   `yaml:"name"`
	Of         string   `yaml:"of"`         // a PRM of this plan: each seed is held against the attacks of the same seed
	Steps      string   `yaml:"steps"`      // or labelled steps that a train run wrote, on problems that no PRM here has learned from
	Strategies []string `yaml:"strategies"` // these only; all where there are none
	PRMs       []string `yaml:"prms"`       // who is held against them
}

// AttackSet is how PRMs did against a set of attacks.
type AttackSet struct {
	Name  string      `json:"name"`
	Pairs int         `json:"pairs"` // of the first seed
	Rows  []AttackRow `json:"rows"`
}

// AttackRow is how a PRM did: all seeds, intervals by bootstrap over problems and seeds.
type AttackRow struct {
	PRM    string          `json:"prm"`
	Ranked metric.Interval `json:"ranked"` // share of pairs whose wrong step scores below the correct one; a tie is half
	Caught metric.Interval `json:"caught"` // share of wrong steps below 1/2
	Passed metric.Interval `json:"passed"` // share of their correct partners that are not
}

// pair is a correct step and what an attack made of it.
type pair struct{ right, wrong step.Trace }

// pairs reads a set's for PRMs of a seed, in an order of its own, grouped by problem. PRMs of one seed keep the same
// problems out of training, those of others don't.
func (s *study) pairs(ctx context.Context, a Attacks, chosen []choice, seed int64) ([][]pair, error) {
	path := a.Steps
	if a.Of != "" {
		c := chosen[slices.IndexFunc(chosen, func(c choice) bool { return c.prm.Name == a.Of })]
		u := unit{c.prm, c.trial, seed}
		if _, _, err := s.model(ctx, u); err != nil { // it may have to be trained first
			return nil, err
		}
		path = filepath.Join(s.folder(u), training.StepsFile)
	}
	steps, err := generator.ReadLabelled(path)
	if err != nil {
		return nil, err
	}
	halves := map[string]*pair{}
	for _, l := range steps {
		if l.Pair == "" || a.Of != "" && !l.HeldOut {
			continue
		}
		of := halves[l.Pair]
		if of == nil {
			of = &pair{}
			halves[l.Pair] = of
		}
		switch {
		case l.Source == generator.Attack && l.Step == step.Wrong && (len(a.Strategies) == 0 || slices.Contains(a.Strategies, l.Strategy)):
			of.wrong = l.Trace()
		case l.Step == step.Right && l.Source != generator.Attack: // worded by the solver, or reworded as attacks are
			of.right = l.Trace()
		}
	}
	groups := map[string][]pair{}
	for _, p := range halves {
		if len(p.wrong.Steps) > 0 && len(p.right.Steps) > 0 {
			groups[p.wrong.Problem.ID] = append(groups[p.wrong.Problem.ID], *p)
		}
	}
	var out [][]pair
	for _, g := range groups {
		slices.SortFunc(g, func(x, y pair) int { return cmp.Compare(fmt.Sprint(x.wrong.Steps), fmt.Sprint(y.wrong.Steps)) })
		out = append(out, g)
	}
	slices.SortFunc(out, func(x, y []pair) int { return cmp.Compare(x[0].wrong.Problem.ID, y[0].wrong.Problem.ID) })
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no pair of a correct step and a truly wrong attack on it", path)
	}
	return out, nil
}

// attackSet holds the plan's PRMs against a set of attacks.
func (s *study) attackSet(ctx context.Context, a Attacks, chosen []choice) (AttackSet, error) {
	out := AttackSet{Name: a.Name}
	var pairs [][][]pair // by seed and problem
	for _, seed := range s.plan.Seeds {
		problems, err := s.pairs(ctx, a, chosen, seed)
		if err != nil {
			return out, err
		}
		pairs = append(pairs, problems)
	}
	for _, g := range pairs[0] {
		out.Pairs += len(g)
	}
	for _, c := range chosen {
		if !slices.Contains(a.PRMs, c.prm.Name) {
			continue
		}
		var scores [][][][2]float64 // by seed, problem and pair: of the right step, of the wrong one
		bar := s.Progress(fmt.Sprintf("%s by %s", a.Name, c.prm.Name))
		for n, seed := range s.plan.Seeds {
			m, _, err := s.model(ctx, unit{c.prm, c.trial, seed})
			if err != nil {
				return out, err
			}
			e, err := s.bench(m)
			if err != nil {
				return out, err
			}
			of := make([][][2]float64, len(pairs[n]))
			for i, g := range pairs[n] {
				for _, p := range g {
					var both [2]float64
					for k, t := range []step.Trace{p.right, p.wrong} {
						found, _, err := e.Judge(ctx, t, nil)
						if err != nil {
							return out, err
						}
						both[k] = found[len(found)-1].Step
					}
					of[i] = append(of[i], both)
				}
				bar(i+1, len(pairs[n]), fmt.Sprintf("seed %d", seed))
			}
			scores = append(scores, of)
		}
		mean := func(of func(right, wrong float64) float64) metric.Interval {
			sizes := []int{len(scores)}
			for _, problems := range scores {
				sizes = append(sizes, len(problems))
			}
			return metric.BootstrapOver(1, sizes, draws, func(idx [][]int) float64 {
				sum, n := 0.0, 0.0
				for _, seed := range idx[0] {
					for _, i := range idx[1+seed] { // each seed has problems of its own
						for _, both := range scores[seed][i] {
							sum, n = sum+of(both[0], both[1]), n+1
						}
					}
				}
				return sum / n
			})
		}
		out.Rows = append(out.Rows, AttackRow{PRM: c.prm.Name,
			Ranked: mean(func(right, wrong float64) float64 {
				switch {
				case right > wrong:
					return 1
				case right == wrong:
					return 0.5
				}
				return 0
			}),
			Caught: mean(func(_, wrong float64) float64 { return indicator(wrong < 0.5) }),
			Passed: mean(func(right, _ float64) float64 { return indicator(right >= 0.5) })})
	}
	return out, nil
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
