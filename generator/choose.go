package generator

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"aprm/prm/step"
)

// perStep is how often one step may be attacked in a round, each time by another strategy.
const perStep = 2

// roundProblem is a problem of a round.
type roundProblem struct {
	step.Problem
	heldOut bool
}

// chooseProblems returns the problems of a round. All problems, shuffled, are cut once into those learned from and
// those held out; each round takes the next of both, from the start again when they run out.
func chooseProblems(cfg Config, problems []step.Problem, round int) []roundProblem {
	shuffled := slices.Clone(problems)
	slices.SortFunc(shuffled, func(a, b step.Problem) int { return cmp.Compare(a.ID, b.ID) })
	rng := rngOf(cfg.Seed, "problems")
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })

	n := min(cfg.Problems, len(shuffled))
	cut := int(math.Round(cfg.HeldOut * float64(len(shuffled))))
	held := int(math.Round(cfg.HeldOut * float64(n)))
	if cfg.HeldOut > 0 && len(shuffled) > 1 {
		cut, held = max(cut, 1), max(held, 1)
	}
	held = min(held, cut)
	var out []roundProblem
	take := func(from []step.Problem, n int, heldOut bool) {
		n = min(n, len(from))
		for i := range n {
			out = append(out, roundProblem{from[(round*n+i)%len(from)], heldOut})
		}
	}
	take(shuffled[cut:], n-held, false)
	take(shuffled[:cut], held, true)
	return out
}

// oneLine is a step as the adversary is shown it and answers: a formula set below its sentence stands behind it.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// attackable reports whether a step can be corrupted: reasoning that is not too long, new, and not only the answer.
func attackable(prefix []string, text string) bool {
	if text == "" || len(text) > 400 || step.IsAnswer(text) {
		return false
	}
	return !slices.ContainsFunc(prefix, func(s string) bool { return same(s, text) })
}

// ownTargets are the steps of the LLM's own right solutions of a problem, each once.
func ownTargets(solutions []solution) []Target {
	var out []Target
	seen := make(map[string]bool)
	for i := range solutions {
		s := &solutions[i]
		if !s.right {
			continue
		}
		for _, l := range s.steps {
			id := bare(l.Text)
			if !attackable(l.Prefix.Steps, l.Text) || seen[id] {
				continue
			}
			seen[id] = true
			out = append(out, Target{Prefix: l.Prefix, Text: oneLine(l.Text), Source: Own, Kind: l.Kind, From: s})
		}
	}
	return out
}

// workedTargets are the steps of a problem's reference solution, none when it holds a false equation.
func workedTargets(p step.Problem) []Target {
	var out []Target
	var prefix []string
	for _, raw := range p.Worked {
		text := step.Normalize(raw)
		if _, bad := falseEquation(text); bad {
			return nil
		}
		if attackable(prefix, text) {
			t := step.Trace{Problem: bareProblem(p), Steps: prefix[:len(prefix):len(prefix)]}
			out = append(out, Target{Prefix: t, Text: oneLine(text), Source: Worked, Kind: KindOf(text)})
		}
		if text != "" {
			prefix = append(prefix, text)
		}
	}
	return out
}

// chooseTargets returns at most cfg.Attacks targets, at least half of them the LLM's own. Problems take turns; a step
// is attacked again only when there are too few, and steps without arithmetic, of which the oracle can rarely be sure,
// are at most an eighth. Fewer come back when there are too few own steps. own and worked hold a list for each problem.
func chooseTargets(cfg Config, round int, own, worked [][]Target) []Target {
	bareLeft := cfg.Attacks / 8
	deal := func(lists [][]Target, want int) []Target {
		if want <= 0 {
			return nil
		}
		var out []Target
		shuffled := make([][]Target, len(lists))
		for i, l := range lists {
			shuffled[i] = slices.Clone(l)
			if len(l) == 0 {
				continue
			}
			// Of its own for each problem: one more or less leaves the others' order as it was.
			rng := rngOf(cfg.Seed, "targets", strconv.Itoa(round), string(l[0].Source), l[0].Prefix.Problem.ID)
			rng.Shuffle(len(l), func(a, b int) { shuffled[i][a], shuffled[i][b] = shuffled[i][b], shuffled[i][a] })
		}
		for range perStep {
			for turn, more := 0, true; more; turn++ {
				more = false
				for _, l := range shuffled {
					if turn >= len(l) {
						continue
					}
					more = true
					t := l[turn]
					if t.Kind == NoArithmetic {
						if bareLeft == 0 {
							continue
						}
						bareLeft--
					}
					if out = append(out, t); len(out) == want {
						return out
					}
				}
			}
		}
		return out
	}
	w := deal(worked, cfg.Attacks/2)
	o := deal(own, cfg.Attacks-len(w))
	return append(o, w[:min(len(w), len(o))]...)
}
