package train

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// logistic fits β to minimise Σ w·(softplus(s) − y·s) + ½ Σ penalty_j·β_j², s = offset + x·β, by Newton's method. nil
// offset is zero, nil w is one. penalties must be positive, which makes the minimum unique.
func logistic(x [][]float64, offset []float64, y []bool, w []float64, penalty []float64) []float64 {
	k := len(penalty)
	beta := make([]float64, k)
	loss := func(b []float64) float64 {
		var sum float64
		for i, row := range x {
			s := linear(row, b)
			if offset != nil {
				s += offset[i]
			}
			if y[i] {
				s = -s
			}
			sum += at(w, i) * softplus(s)
		}
		for j, v := range b {
			sum += penalty[j] * v * v / 2
		}
		return sum
	}
	now := loss(beta)
	for range 50 {
		gradient := mat.NewVecDense(k, nil)
		hessian := mat.NewSymDense(k, nil)
		for j := range k {
			gradient.SetVec(j, penalty[j]*beta[j])
			hessian.SetSym(j, j, penalty[j])
		}
		for i, row := range x {
			s := linear(row, beta)
			if offset != nil {
				s += offset[i]
			}
			p := vote.Logistic(s)
			d := p
			if y[i] {
				d--
			}
			wi := at(w, i)
			v := mat.NewVecDense(k, row)
			gradient.AddScaledVec(gradient, wi*d, v)
			hessian.SymRankOne(hessian, wi*p*(1-p), v)
		}
		var chol mat.Cholesky
		if !chol.Factorize(hessian) {
			return beta
		}
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, gradient); err != nil {
			return beta // so ill-conditioned that another step would be noise
		}
		size, moved := 1.0, false
		for range 20 {
			next := make([]float64, k)
			for j := range next {
				next[j] = beta[j] - size*step.AtVec(j)
			}
			if l := loss(next); l < now {
				moved = now-l > 1e-9*(1+math.Abs(now))
				beta, now = next, l
				break
			}
			size /= 2
		}
		if !moved {
			return beta
		}
	}
	return beta
}

func at(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

func linear(x, beta []float64) float64 {
	var s float64
	for j, v := range x {
		s += v * beta[j]
	}
	return s
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

const folds = 5

// fold puts a group into one of the folds, by its name.
func fold(group string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(group))
	return int(h.Sum32() % folds)
}

// crossFit calls fit for each fold with the indices outside of it and those inside. Whole groups share a fold.
func crossFit(group []string, fit func(outside, inside []int)) {
	for f := range folds {
		var outside, inside []int
		for i, g := range group {
			if fold(g) == f {
				inside = append(inside, i)
			} else {
				outside = append(outside, i)
			}
		}
		if len(inside) > 0 {
			fit(outside, inside)
		}
	}
}

// Probe says how well rows of numbers, all equally long, tell positive from negative: the AUC of a logistic regression
// on them, five-fold, whole groups (problems) left out. w weighs examples in the fit and in the AUC; nil weighs them
// alike. NaN when a class is missing.
func Probe(rows [][]float64, positive []bool, group []string, w []float64) float64 {
	if len(rows) == 0 {
		return math.NaN()
	}
	k := len(rows[0])
	penalty := make([]float64, k+1)
	for j := range k {
		penalty[j] = 1
	}
	penalty[k] = 1e-3
	design := make([][]float64, len(rows))
	for i := range design {
		design[i] = make([]float64, k+1)
		design[i][k] = 1
	}
	for j := range k {
		var sum, square float64
		for _, r := range rows {
			sum += r[j]
		}
		m := sum / float64(len(rows))
		for _, r := range rows {
			square += (r[j] - m) * (r[j] - m)
		}
		if deviation := math.Sqrt(square / float64(len(rows))); deviation > 1e-9 {
			for i, r := range rows {
				design[i][j] = (r[j] - m) / deviation
			}
		}
	}
	// Each fold has its own fit, whose scores are not comparable with another's: pairs count within a fold.
	scores := make([]float64, len(rows))
	foldOf := make([]int, len(rows))
	crossFit(group, func(outside, inside []int) {
		var x [][]float64
		var y []bool
		var weight []float64
		for _, i := range outside {
			x, y, weight = append(x, design[i]), append(y, positive[i]), append(weight, at(w, i))
		}
		beta := logistic(x, nil, y, weight, penalty)
		for _, i := range inside {
			scores[i], foldOf[i] = linear(design[i], beta), fold(group[i])
		}
	})
	var won, pairs float64
	for f := range folds {
		a, b := weightedPairs(scores, positive, w, func(i int) bool { return foldOf[i] == f })
		won, pairs = won+a, pairs+b
	}
	return won / pairs
}

// weightedPairs is the weight of rightly ordered pairs among the chosen examples, ties as half, and of all pairs.
func weightedPairs(scores []float64, positive []bool, w []float64, chosen func(i int) bool) (won, pairs float64) {
	var order []int
	for i := range scores {
		if chosen(i) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var below, positives float64
	for i := 0; i < len(order); {
		var p, n float64
		j := i
		for ; j < len(order) && scores[order[j]] == scores[order[i]]; j++ {
			if positive[order[j]] {
				p += at(w, order[j])
			} else {
				n += at(w, order[j])
			}
		}
		won += p*below + p*n/2
		below += n
		positives += p
		i = j
	}
	return won, positives * below
}

// MaskProbe is the AUC of a probe that sees only which blocks of an input are masked, on steps as training weighs them
// (masks evened out within pairs, classes within masks). It must lie within .5 ± .03.
func MaskProbe(examples []Example) metric.Figure {
	examples = harmonise(examples)
	weighed := balance(examples)
	var rows [][]float64
	var positive []bool
	var group []string
	var w []float64
	for i, e := range examples {
		if e.Step == step.Unknown || weighed[i][0] == 0 {
			continue
		}
		m := masksOf(e.Input)
		rows = append(rows, []float64{flag(m.last), flag(m.mean), flag(m.logProbs)})
		positive = append(positive, e.Step == step.Right)
		group = append(group, e.Problem)
		w = append(w, float64(weighed[i][0]))
	}
	return metric.Figure(Probe(rows, positive, group, w))
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
