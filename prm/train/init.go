package train

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"aprm/prm"
	"aprm/prm/feature"
)

// initial returns the weights a fresh network starts from: inputs standardised by the training data, hidden states
// projected to their principal components, the layers small and random, embeddings and bypasses zero.
func initial(h prm.Header, items []item, seed int64) *prm.Weights {
	w := prm.NewWeights(h)
	rng := random(seed, "weights")

	column := func(of func(feature.Input) []float32) [][]float32 {
		var rows [][]float32
		for _, e := range items {
			if x := of(e.Input); len(x) > 0 {
				rows = append(rows, x)
			}
		}
		return rows
	}
	last := column(func(in feature.Input) []float32 { return in.Last })
	mean := column(func(in feature.Input) []float32 { return in.Mean })
	logProbs := column(func(in feature.Input) []float32 {
		if in.LogProbs == nil {
			return nil
		}
		return in.LogProbs[:]
	})
	symbols := column(func(in feature.Input) []float32 { return in.Symbols[:] })
	standard(last, 1e-3, &w.LastCentre, &w.LastScale)
	standard(mean, 1e-3, &w.MeanCentre, &w.MeanScale)
	standard(logProbs, 0.1, &w.LogProbsCentre, &w.LogProbsScale)
	standard(symbols, 0.1, &w.SymbolsCentre, &w.SymbolsScale)
	project(last, &w.LastCentre, &w.LastScale, &w.LastProjection, rng)
	project(mean, &w.MeanCentre, &w.MeanScale, &w.MeanProjection, rng)

	fanIn := 0
	for b := range w.Dense {
		fanIn += w.Dense[b].Rows
	}
	for b := range w.Dense {
		normal(&w.Dense[b], math.Sqrt(2/float64(fanIn)), rng)
	}
	// What never varied in training has no weight yet: at a random one it would be noise wherever it does vary. For the
	// same reason embeddings start at zero; the dense layer tells their columns apart.
	forget(logProbs, &w.Dense[prm.LogProbs])
	forget(symbols, &w.Dense[prm.Symbols])
	normal(&w.Out, math.Sqrt(1/float64(h.Shape.Hidden)), rng)
	return w
}

func normal(t *prm.Tensor, deviation float64, rng *rand.Rand) {
	for i := range t.Data {
		t.Data[i] = float32(rng.NormFloat64() * deviation)
	}
}

// forget clears the weights of inputs that are the same in all rows.
func forget(rows [][]float32, dense *prm.Tensor) {
	for c := range dense.Rows {
		varies := false
		for _, r := range rows {
			varies = varies || r[c] != rows[0][c]
		}
		if !varies {
			clear(dense.Data[c*dense.Cols:][:dense.Cols])
		}
	}
}

// standard sets centre and scale so that the rows read through them have mean 0 and deviation 1. What never varies is
// scaled by 1, and deviations count as floor at least: a rare flag must not come in as a giant.
func standard(rows [][]float32, floor float64, centre, scale *prm.Tensor) {
	if len(rows) == 0 {
		return
	}
	n := float64(len(rows))
	for c := range centre.Data {
		var sum, square float64
		for _, r := range rows {
			sum += float64(r[c])
		}
		m := sum / n
		for _, r := range rows {
			d := float64(r[c]) - m
			square += d * d
		}
		centre.Data[c] = float32(m)
		if deviation := math.Sqrt(square / n); deviation > 1e-6 {
			scale.Data[c] = float32(1 / max(deviation, floor))
		}
	}
}

// project sets p to the leading principal components of the standardised rows, each scaled to variance 1. They are
// found by subspace iteration, which needs products of the data with thin matrices only; rows beyond maxRows add
// nothing.
func project(rows [][]float32, centre, scale, p *prm.Tensor, rng *rand.Rand) {
	const iterations, maxRows = 6, 2048
	if p.Rows == 0 {
		return
	}
	if len(rows) > maxRows {
		rows = rows[:maxRows]
	}
	k := min(p.Cols, p.Rows)
	basis := mat.NewDense(p.Rows, k, nil)
	for i := range p.Rows {
		for j := range k {
			basis.Set(i, j, rng.NormFloat64())
		}
	}
	deviation := make([]float64, k)
	if len(rows) > 0 {
		x := mat.NewDense(len(rows), p.Rows, nil)
		for i, r := range rows {
			for c, v := range r {
				x.Set(i, c, float64((v-centre.Data[c])*scale.Data[c]))
			}
		}
		for range iterations {
			var y, back mat.Dense
			y.Mul(x, basis)
			back.Mul(x.T(), &y)
			var svd mat.SVD // only to make the basis orthonormal again
			if !svd.Factorize(&back, mat.SVDThinU) {
				break
			}
			svd.UTo(basis)
		}
		var y mat.Dense
		y.Mul(x, basis)
		for j := range k {
			deviation[j] = mat.Norm(y.ColView(j), 2) / math.Sqrt(float64(len(rows)))
		}
	}
	for i := range p.Rows {
		for j := range k {
			v := basis.At(i, j)
			if deviation[j] > 1e-6 {
				v /= deviation[j]
			} else {
				v = rng.NormFloat64() / math.Sqrt(float64(p.Rows)) // fewer rows than components
			}
			p.Data[i*p.Cols+j] = float32(v)
		}
	}
}
