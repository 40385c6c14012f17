package vote

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
)

// Grids of Fit: coarse enough to be quick, and finer than what a few hundred problems can tell.
var (
	betas  = []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 6}
	powers = []float64{0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3}
	chance = []float64{0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62, 0.64, 0.66, 0.68, 0.7, 0.72, 0.74, 0.76, 0.78, 0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99}
)

// Grids of Fit for what a program's say is beside prose, and what agreement of both kinds is worth.
var (
	says  = []float64{-2, -1.5, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.5, 2}
	boths = []float64{0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3}
)

// unusual is what a Power must gain over a head count's, in nats over all problems, as a normal prior of ln Power with
// deviation 0.35 has it: few problems would else have a far greater Power outvote the logits by chance.
func unusual(power float64) float64 {
	x := math.Log(power) / 0.35
	return x * x / 2
}

const (
	passed   = 3.3  // half of the 99th percentile of χ² with one degree of freedom
	passedBy = 4.6  // half of that with two
	bearable = 0.02 // loss of accuracy for which Stop may save answers
)

// Fit returns how much logits should count: the Beta and Power, no logits at all among the choices, under which a vote
// makes the right answers of the problems that have right and wrong ones most likely, over votes of the first 2, 3, …
// of their answers. The logits must be of a PRM that had not learned from these problems.
//
// Nats is what Beta gains over the best Power without it; twice that, times the problems, is χ² distributed with one
// degree of freedom where the logits say nothing (Wilks), so that a Margin of 3.3 nats over all problems is passed by
// chance in one of a hundred hold-outs; it grows as the hold-out shrinks. What doesn't pass is a plain vote.
//
// Where there are programs beside prose, Mix is found likewise, in turn with Beta and Power, and must pass for its two
// numbers.
//
// Stop is a logistic regression of whether the leader is right, over all beginnings of all problems' answers, from each
// of them on in turn: the order in which they were drawn is chance. At is the least chance at which stopping, answer by
// answer, costs at most two points of accuracy.
func Fit(problems [][]Ballot) Rule {
	questions := make([][][]Ballot, len(problems))
	for i := range problems {
		questions[i] = problems[i : i+1]
	}
	return FitAcross(questions)
}

// FitAcross is Fit where several LLMs may have answered a question, each of which votes by itself. What their answers
// to one question say of logits is no more independent than the answers of one: the margins are those of as many
// problems as there are questions.
func FitAcross(questions [][][]Ballot) Rule {
	var mixed [][]Ballot
	independent := 0
	for _, q := range questions {
		before := len(mixed)
		for _, p := range q {
			right, wrong := false, false
			for _, b := range p {
				right, wrong = right || b.Right, wrong || b.Group >= 0 && !b.Right
			}
			if right && wrong {
				mixed = append(mixed, p)
			}
		}
		if len(mixed) > before {
			independent++
		}
	}
	r := Plain
	if len(mixed) > 0 {
		r.fitLogits(mixed, independent)
		if ofBothKinds(mixed) {
			for range 2 {
				r.fitMix(mixed, independent)
				r.fitLogits(mixed, independent)
			}
		}
	}
	r.Stop = fitStop(slices.Concat(questions...), r)
	return r
}

// fitLogits finds Beta and Power, with Mix as it is, by problems of which so many are independent.
func (r *Rule) fitLogits(problems [][]Ballot, independent int) {
	most, without := math.Inf(-1), math.Inf(-1)
	for _, beta := range betas {
		for k, ll := range likelihoods(problems, Rule{Beta: beta, Mix: r.Mix}, powers) {
			ll -= unusual(powers[k]) / float64(independent)
			if beta == 0 {
				without = max(without, ll)
			}
			if ll > most {
				most, r.Beta, r.Power = ll, beta, powers[k]
			}
		}
	}
	r.Problems, r.Nats, r.Margin = independent, most-without, passed/float64(independent)
	if !r.Trusted() {
		r.Beta, r.Power = 0, 1
	}
}

// fitMix finds Mix, with Beta and Power as they are, likewise.
func (r *Rule) fitMix(problems [][]Ballot, independent int) {
	try := *r
	try.Mix = Mix{}
	without := LogLikelihood(problems, try)
	most, found := without, Mix{Margin: passedBy / float64(independent)}
	for _, try.Mix.Programs = range says {
		for _, try.Mix.Both = range boths {
			if ll := LogLikelihood(problems, try); ll > most {
				most, found.Programs, found.Both = ll, try.Mix.Programs, try.Mix.Both
			}
		}
	}
	if found.Nats = most - without; !(found.Nats > found.Margin) {
		found.Programs, found.Both = 0, 0
	}
	r.Mix = found
}

func ofBothKinds(problems [][]Ballot) bool {
	var prose, programs bool
	for _, p := range problems {
		for _, b := range p {
			prose, programs = prose || b.Group >= 0 && !b.Program, programs || b.Group >= 0 && b.Program
		}
	}
	return prose && programs
}

// LogLikelihood is the mean log of the share that a vote gives the right answers of problems that have right and wrong
// ones, in nats: of each, over the votes of its first 2, 3, … answers in which there are both.
func LogLikelihood(problems [][]Ballot, r Rule) float64 {
	return likelihoods(problems, r, []float64{r.Power})[0]
}

// likelihoods are the LogLikelihood of a rule with several Powers in place of its own: from one number of answers to
// the next, and from one Power to the next, the sums of groups stay.
func likelihoods(problems [][]Ballot, r Rule, powers []float64) []float64 {
	type group struct {
		weight   float64 // Σ of what answers say, over the highest
		size     int
		programs int
		right    bool
	}
	longest := 0
	for _, p := range problems {
		longest = max(longest, len(p))
	}
	scale := make([][]float64, len(powers)) // of a group's sum, by its size
	for j, power := range powers {
		scale[j] = make([]float64, longest+1)
		for n := 1; n <= longest; n++ {
			scale[j][n] = math.Pow(float64(n), power-1)
		}
	}
	agree := make([]float64, longest+1) // what a group's weight is multiplied by, by the number of both kinds
	for m := range agree {
		agree[m] = math.Pow(1+float64(m), r.Mix.Both)
	}
	out, of := make([]float64, len(powers)), make([]float64, len(powers))
	won := make([]float64, len(powers)) // a product of shares, whose log isn't in of yet
	problemsCounted := 0
	var groups []group
	at := map[int]int{}
	for _, p := range problems {
		highest := math.Inf(-1)
		for _, b := range p {
			if b.Group >= 0 {
				highest = max(highest, r.say(b))
			}
		}
		groups = groups[:0]
		clear(at)
		for j := range powers {
			of[j], won[j] = 0, 1
		}
		sizes, right := 0, 0
		for k, b := range p {
			if b.Group >= 0 {
				i, known := at[b.Group]
				if !known {
					i = len(groups)
					at[b.Group], groups = i, append(groups, group{})
				}
				g := &groups[i]
				g.weight += math.Exp(max(r.say(b)-highest, -700)) // so little is nothing, but no 0
				g.size++
				if b.Program {
					g.programs++
				}
				if b.Right && !g.right {
					g.right = true
					right++
				}
			}
			if k == 0 || right == 0 || right == len(groups) {
				continue
			}
			sizes++
			for j := range powers {
				right, all := 0.0, 0.0
				for _, g := range groups {
					w := g.weight * scale[j][g.size] * agree[min(g.programs, g.size-g.programs)]
					all += w
					if g.right {
						right += w
					}
				}
				if won[j] *= max(right/all, 1e-12); won[j] < 1e-200 {
					of[j], won[j] = of[j]+math.Log(won[j]), 1
				}
			}
		}
		if sizes > 0 {
			problemsCounted++
			for j := range out {
				out[j] += (of[j] + math.Log(won[j])) / float64(sizes)
			}
		}
	}
	for j := range out {
		out[j] /= float64(max(problemsCounted, 1))
	}
	return out
}

// moment is a vote over the first answers to a problem.
type moment struct {
	evidence evidence
	voted    bool
	right    bool // the leader
}

// fitStop fits when a vote by r is settled.
func fitStop(problems [][]Ballot, r Rule) Stop {
	var rows []evidence
	var right []bool
	var moments [][]moment // of the first 1, 2, … answers, from each on
	for _, p := range problems {
		for from := range p {
			turned := slices.Concat(p[from:], p[:from])
			var of []moment
			for k := 1; k <= len(p); k++ {
				c := r.Of(turned[:k])
				m := moment{evidence: c.evidence(), voted: c.Winner >= 0}
				if r.Beta == 0 {
					m.evidence[2] = 0 // logits that say nothing of an answer say nothing of a group
				}
				if m.voted {
					m.right = turned[c.Winner].Right
					rows, right = append(rows, m.evidence), append(right, m.right)
				}
				of = append(of, m)
			}
			moments = append(moments, of)
		}
	}
	if !slices.Contains(right, true) || !slices.Contains(right, false) {
		return Stop{}
	}
	const penalty = 1e-3
	loss := func(x []float64) (sum float64) {
		for i, row := range rows {
			z := row.times(x)
			if right[i] {
				z = -z
			}
			sum += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
		}
		sum /= float64(len(rows))
		for _, v := range x {
			sum += penalty / 2 * v * v
		}
		return sum
	}
	slope := func(grad, x []float64) {
		for k := range grad {
			grad[k] = penalty * x[k]
		}
		for i, row := range rows {
			z := row.times(x)
			d := Logistic(z)
			if right[i] {
				d--
			}
			for k := range grad {
				grad[k] += d * row[k] / float64(len(rows))
			}
		}
	}
	// Strictly convex: where the line search finds nothing better any more it is as near the minimum as numbers go.
	found, _ := optimize.Minimize(optimize.Problem{Func: loss, Grad: slope}, make([]float64, len(evidence{})), &optimize.Settings{GradientThreshold: 1e-6, MajorIterations: 200}, &optimize.LBFGS{})
	if found == nil || len(found.X) != len(evidence{}) {
		return Stop{}
	}
	s := Stop{Bias: found.X[0], Lead: found.X[1], Level: found.X[2], Draws: found.X[3], Both: found.X[4]}
	for _, p := range problems {
		s.Of = max(s.Of, len(p))
	}
	_, all := s.replay(moments, 2)
	for _, at := range slices.Backward(chance) {
		drawn, correct := s.replay(moments, at)
		if all-correct > bearable {
			break
		}
		s.At, s.Loss, s.Tokens = at, all-correct, drawn
	}
	return s
}

// times is the sum of the products with x.
func (e evidence) times(x []float64) (sum float64) {
	for k, v := range e {
		sum += v * x[k]
	}
	return sum
}

// replay draws answers as long as the leader's chance is below at, and returns the share of them that were drawn and of
// right outcomes.
func (s Stop) replay(problems [][]moment, at float64) (drawn, correct float64) {
	total := 0.0
	for _, of := range problems {
		if len(of) == 0 {
			continue
		}
		total += float64(len(of))
		k := 1
		for ; k < len(of) && (!of[k-1].voted || s.sure(of[k-1].evidence) < at); k++ {
		}
		drawn += float64(k)
		if of[k-1].right {
			correct++
		}
	}
	return drawn / total, correct / float64(len(problems))
}
