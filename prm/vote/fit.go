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
	chance = []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.88, 0.91, 0.93, 0.95, 0.97, 0.98, 0.99}
)

const (
	passed   = 3.3  // half of the 99th percentile of χ² with one degree of freedom
	bearable = 0.01 // loss of accuracy for which Stop may save answers
)

// Fit returns how much logits should count: the Beta and Power, no logits at all among the choices, under which a vote makes the right answers of
// the problems that have right and wrong ones most likely, over votes of the first 2, 3, … of their answers. The logits must be of a PRM
// that had not learned from these problems.
//
// Nats is what Beta gains over the best Power without it; twice that, times the problems, is χ² distributed with one degree of freedom where the logits
// say nothing (Wilks), so that a Margin of 3.3 nats over all problems is passed by chance in one of a hundred hold-outs; it grows as the
// hold-out shrinks. What doesn't pass is a plain vote.
//
// Stop is a logistic regression of whether the leader is right, over all beginnings of all problems' answers; At is the least chance at which stopping,
// answer by answer, costs at most a point of accuracy.
func Fit(problems [][]Ballot) Rule {
	var mixed [][]Ballot
	for _, p := range problems {
		right, wrong := false, false
		for _, b := range p {
			right, wrong = right || b.Right, wrong || b.Group >= 0 && !b.Right
		}
		if right && wrong {
			mixed = append(mixed, p)
		}
	}
	r := Plain
	if len(mixed) > 0 {
		best := func(betas []float64) (v Rule, most float64) {
			most = math.Inf(-1)
			for _, beta := range betas {
				for _, power := range powers {
					if ll := LogLikelihood(mixed, Rule{Beta: beta, Power: power}); ll > most {
						v, most = Rule{Beta: beta, Power: power}, ll
					}
				}
			}
			return v, most
		}
		_, without := best(betas[:1])
		v, most := best(betas)
		v.Problems, v.Nats, v.Margin = len(mixed), most-without, passed/float64(len(mixed))
		if !v.Trusted() {
			v.Beta, v.Power = 0, 1
		}
		r = v
	}
	r.Stop = fitStop(problems, r)
	return r
}

// LogLikelihood is the mean log of the share that a vote gives the right answers of problems that have right and wrong ones, in nats: of each, over the votes of
// its first 2, 3, … answers in which there are both.
func LogLikelihood(problems [][]Ballot, r Rule) float64 {
	sum, n := 0.0, 0
	for _, p := range problems {
		of, sizes := 0.0, 0
		for k := 2; k <= len(p); k++ {
			c := r.Of(p[:k])
			won := 0.0
			for i, g := range c.Groups {
				if slices.ContainsFunc(p[:k], func(b Ballot) bool { return b.Group == g && b.Right }) {
					won += c.Shares[i]
				}
			}
			if won > 0 && won < 1-1e-12 {
				of += math.Log(max(won, 1e-12))
				sizes++
			}
		}
		if sizes > 0 {
			sum += of / float64(sizes)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// fitStop fits when a vote by r is settled.
func fitStop(problems [][]Ballot, r Rule) Stop {
	var rows [][4]float64
	var right []bool
	for _, p := range problems {
		for k := 1; k <= len(p); k++ {
			if c := r.Of(p[:k]); c.Winner >= 0 {
				row := c.evidence()
				if r.Beta == 0 {
					row[2] = 0 // logits that say nothing of an answer say nothing of a group
				}
				rows, right = append(rows, row), append(right, p[c.Winner].Right)
			}
		}
	}
	if !slices.Contains(right, true) || !slices.Contains(right, false) {
		return Stop{}
	}
	const penalty = 1e-3
	loss := func(x []float64) (sum float64) {
		for i, row := range rows {
			z := row[0]*x[0] + row[1]*x[1] + row[2]*x[2] + row[3]*x[3]
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
			z := row[0]*x[0] + row[1]*x[1] + row[2]*x[2] + row[3]*x[3]
			d := 1 / (1 + math.Exp(-z))
			if right[i] {
				d--
			}
			for k := range grad {
				grad[k] += d * row[k] / float64(len(rows))
			}
		}
	}
	// Strictly convex: where the line search finds nothing better any more it is as near the minimum as numbers go.
	found, _ := optimize.Minimize(optimize.Problem{Func: loss, Grad: slope}, make([]float64, 4), &optimize.Settings{GradientThreshold: 1e-6, MajorIterations: 200}, &optimize.LBFGS{})
	if found == nil || len(found.X) != 4 {
		return Stop{}
	}
	s := Stop{Bias: found.X[0], Lead: found.X[1], Level: found.X[2], Draws: found.X[3]}
	_, all := replay(problems, r, 2)
	for _, at := range slices.Backward(chance) {
		try := r
		try.Stop = s
		try.Stop.At = at
		drawn, correct := replay(problems, try, at)
		if all-correct > bearable {
			break
		}
		s.At, s.Loss, s.Tokens = at, all-correct, drawn
	}
	return s
}

// replay draws answers as long as the leader's chance is below at, and returns the share of them that were drawn and of right outcomes.
func replay(problems [][]Ballot, r Rule, at float64) (drawn, correct float64) {
	total := 0.0
	for _, p := range problems {
		total += float64(len(p))
		k := 1
		for ; k < len(p) && r.Stop.Chance(r.Of(p[:k])) < at; k++ {
		}
		drawn += float64(k)
		if c := r.Of(p[:k]); c.Winner >= 0 && p[c.Winner].Right {
			correct++
		}
	}
	return drawn / total, correct / float64(len(problems))
}
