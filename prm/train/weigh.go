package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/stat"

	"aprm/prm/metric"
	"aprm/prm/vote"
)

// Numbers are of each answer, as many of every one; nil where they are not known, which counts as their mean.
type Numbers [][]float32

// width is how many numbers are known of an answer, 0 where none are of any.
func (of Numbers) width() (int, error) {
	width := 0
	for _, x := range of {
		switch {
		case x == nil || len(x) == width:
		case width == 0:
			width = len(x)
		default:
			return 0, fmt.Errorf("of some answers there are %d numbers, of others %d", width, len(x))
		}
	}
	return width, nil
}

// VoteSizes are of how many answers the votes are whose Gains a Worth has.
var VoteSizes = [...]int{4, 8}

// Worth is what a linear head makes of some numbers of answers, by heads that had not learned from their problems.
type Worth struct {
	AUC   metric.Figure                   // within a problem
	Vote  vote.Rule                       // Nats is what its logits gain in a vote
	Gains [len(VoteSizes)]metric.Interval // of accuracy over a plain vote's, in [-1,1], by rules that hadn't learned from their problems either; NaN where no problem has so many answers
}

// Beside is what a head learns from beside the outcomes of answers. The zero value is nothing.
type Beside struct {
	Pairs   [][2]int  // of answers in no group, behind those that were drawn, and so in no vote: two of one problem, of which the first is known to be the better
	Weights []float64 // of a problem's pairs that are tried, where its outcomes weigh 1: that of the least held-out loss stands
	Alone   bool      // outcomes are not learned from
}

// Weigh returns what several kinds of numbers are worth together. Heads are fitted as the linear floor of FitSolution
// is, to everything.
func Weigh(ctx context.Context, answers []Answer, beside Beside, kinds ...Numbers) (Worth, error) {
	byProblem := votersOf(answers)
	read := make([][]float32, len(answers))
	for _, of := range kinds {
		if err := standardised(of, byProblem, read); err != nil {
			return Worth{}, err
		}
	}
	outcomes := &pairs{}
	outcomes.compared(answers, read, byProblem, 1)
	if outcomes.problems < 2*folds {
		return Worth{}, TooFewError{outcomes.problems}
	}
	if len(read[0]) == 0 {
		return Worth{}, errors.New("there are no numbers to weigh")
	}
	weights := beside.Weights
	if len(beside.Pairs) == 0 {
		weights = []float64{0}
	}
	drawn := answers
	for _, i := range beside.Pairs {
		drawn = drawn[:min(len(drawn), i[0], i[1])]
	}
	var best [][]vote.Ballot
	var worth Worth
	least := math.Inf(1)
	for _, weight := range weights {
		p := &pairs{}
		if !beside.Alone {
			*p = *outcomes
			p.rows = slices.Clone(p.rows)
		}
		var contrasts []pair
		for _, i := range beside.Pairs {
			contrasts = append(contrasts, pair{better: read[i[0]], worse: read[i[1]], problem: answers[i[0]].Problem})
		}
		p.contrasted(contrasts, weight)
		logits, err := p.crosswise(ctx, answers, read)
		if err != nil {
			return Worth{}, err
		}
		for _, z := range logits {
			of := ballots(drawn, z)
			if losses, auc := compare(of); stat.Mean(losses, nil) < least {
				least, best, worth.AUC = stat.Mean(losses, nil), of, auc
			}
		}
	}
	worth.Vote = vote.Fit(best)
	worth.Gains = gains(best, foldsOf(drawn))
	return worth, ctx.Err()
}

// crosswise gives every answer a logit for each of penalties, by a linear head that had not learned from its problem.
func (p *pairs) crosswise(ctx context.Context, answers []Answer, read [][]float32) ([][]float64, error) {
	logits := make([][]float64, len(penalties))
	for k := range logits {
		logits[k] = make([]float64, len(answers))
	}
	for f := range folds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d := p.differences(func(problem string) bool { return fold(problem) != f })
		beta, nothing := make([]float64, len(read[0])+1), make([]float64, len(read[0])+1)
		for k := len(penalties) - 1; k >= 0; k-- {
			beta = d.fit(0, penalties[k], nothing, beta)
			for i, a := range answers {
				if fold(a.Problem) == f {
					logits[k][i] = dot(read[i], beta)
				}
			}
		}
	}
	return logits, nil
}

// foldsOf are the folds of the problems of answers, in the order in which they come.
func foldsOf(answers []Answer) (out []int) {
	known := map[string]bool{}
	for _, a := range answers {
		if !known[a.Problem] {
			known[a.Problem], out = true, append(out, fold(a.Problem))
		}
	}
	return out
}

// gains are those of votes from each answer to a problem on in turn, for the order in which they were drawn is chance;
// a problem's rule is that of the folds it isn't in.
func gains(problems [][]vote.Ballot, in []int) (out [len(VoteSizes)]metric.Interval) {
	var rules [folds]vote.Rule
	for f := range rules {
		var others [][]vote.Ballot
		for i, p := range problems {
			if in[i] != f {
				others = append(others, p)
			}
		}
		rules[f] = vote.Fit(others)
	}
	right := func(r vote.Rule, of []vote.Ballot) float64 {
		if w := r.Of(of).Winner; w >= 0 && of[w].Right {
			return 1
		}
		return 0
	}
	for k, n := range VoteSizes {
		var won []float64
		for i, p := range problems {
			if len(p) < n {
				continue
			}
			sum := 0.0
			for from := range p {
				turned := slices.Concat(p[from:], p[:from])[:n]
				sum += right(rules[in[i]], turned) - right(vote.Plain, turned)
			}
			won = append(won, sum/float64(len(p)))
		}
		out[k] = metric.Bootstrap(1, len(won), 2000, func(idx []int) float64 {
			sum := 0.0
			for _, i := range idx {
				sum += won[i]
			}
			return sum / float64(len(idx))
		})
	}
	return out
}

func dot(x []float32, beta []float64) (sum float64) {
	for k, v := range x {
		sum += float64(v) * beta[k]
	}
	return sum
}

// standardised appends numbers to rows as a head reads them: in deviations within a problem, cut off at two.
func standardised(of Numbers, byProblem [][]int, rows [][]float32) error {
	width, err := of.width()
	if err != nil {
		return err
	}
	centre, square := make([]float64, width), make([]float64, width)
	n := 0.0
	for _, idx := range byProblem {
		mean, known := make([]float64, width), 0.0
		for _, i := range idx {
			for k, v := range of[i] {
				mean[k] += float64(v)
				centre[k] += float64(v)
			}
			if of[i] != nil {
				known++
			}
		}
		for _, i := range idx {
			for k, v := range of[i] {
				square[k] += (float64(v) - mean[k]/known) * (float64(v) - mean[k]/known)
			}
		}
		n += known
	}
	for i := range rows {
		for k := range width {
			z := 0.0
			if of[i] != nil {
				z = (float64(of[i][k]) - centre[k]/n) * perDeviation(square[k]/n)
			}
			rows[i] = append(rows[i], float32(max(min(z, 2), -2)))
		}
	}
	return nil
}

// Components returns the n principal components of numbers about their problems' means, by subspace iteration: what
// there is most of within problems.
func Components(answers []Answer, of Numbers, n int) (Numbers, error) {
	byProblem := votersOf(answers)
	width, err := of.width()
	if err != nil {
		return nil, err
	}
	n = min(n, width)
	var rows []float64
	for _, idx := range byProblem {
		mean, known := make([]float64, width), 0.0
		for _, i := range idx {
			for k, v := range of[i] {
				mean[k] += float64(v)
			}
			if of[i] != nil {
				known++
			}
		}
		for _, i := range idx {
			for k, v := range of[i] {
				rows = append(rows, float64(v)-mean[k]/known)
			}
		}
	}
	basis := make([]float64, width*n) // width × n, its columns orthonormal
	rng := random(1, "components")
	for i := range basis {
		basis[i] = rng.NormFloat64()
	}
	matrix := func(data []float64, cols int) blas64.General {
		return blas64.General{Rows: len(data) / cols, Cols: cols, Stride: cols, Data: data}
	}
	if len(rows) > 0 {
		x, product := matrix(rows, width), make([]float64, len(rows)/width*n)
		for range 12 {
			orthonormal(basis, n)
			blas64.Gemm('N', 'N', 1, x, matrix(basis, n), 0, matrix(product, n))
			blas64.Gemm('T', 'N', 1, x, matrix(product, n), 0, matrix(basis, n))
		}
	}
	orthonormal(basis, n)
	out := make(Numbers, len(of))
	for i, v := range of {
		if v == nil {
			continue
		}
		out[i] = make([]float32, n)
		for k, a := range v {
			for c := range n {
				out[i][c] += a * float32(basis[k*n+c])
			}
		}
	}
	return out, nil
}

// orthonormal makes the n columns of a matrix orthonormal, in order (Gram–Schmidt).
func orthonormal(m []float64, n int) {
	column := func(c int) blas64.Vector { return blas64.Vector{N: len(m) / n, Inc: n, Data: m[c:]} }
	for c := range n {
		for b := range c {
			blas64.Axpy(-blas64.Dot(column(b), column(c)), column(b), column(c))
		}
		if norm := blas64.Nrm2(column(c)); norm > 1e-12 {
			blas64.Scal(1/norm, column(c))
		}
	}
}
