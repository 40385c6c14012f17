package train

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"
	G "gorgonia.org/gorgonia"
)

// clocked is gonum's BLAS with a clock and a count on the matrix products that a float32 graph makes.
type clocked struct {
	gonum.Implementation
	nanoseconds, products *atomic.Int64
	dense                 *atomic.Int64 // multiply-adds of the products, zeros counted
	useful                *atomic.Int64 // the same without those by a zero of the left matrix, which gonum skips
}

func newClocked() clocked {
	return clocked{nanoseconds: new(atomic.Int64), products: new(atomic.Int64), dense: new(atomic.Int64), useful: new(atomic.Int64)}
}

func (c clocked) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, out []float32, ldc int) {
	began := time.Now()
	c.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, out, ldc)
	c.nanoseconds.Add(int64(time.Since(began)))
	c.products.Add(1)
	c.dense.Add(int64(m) * int64(n) * int64(k))
	nonzero := 0
	for _, v := range a[:min(m*k, len(a))] {
		if v != 0 {
			nonzero++
		}
	}
	c.useful.Add(int64(nonzero) * int64(n))
}

// A training step at the size of a real round: share_% is the part of the step's time spent in matrix products, GFLOP/s
// their speed (only what gonum really multiplies), both to be read against BenchmarkPeak.
func BenchmarkTrainingStep(b *testing.B) {
	for _, c := range []struct {
		name  string
		width int
	}{{"blind", 0}, {"width896", 896}, {"width1536", 1536}} {
		b.Run(c.name, func(b *testing.B) {
			clock := newClocked()
			G.Use(clock)
			b.Cleanup(func() { G.Use(gonum.Implementation{}) })

			opt := Options{Seed: 1}.WithDefaults()
			r, err := prepare(nil, nil, randomExamples(1, 80, c.width), opt)
			if err != nil {
				b.Fatal(err)
			}
			r.train = append(r.train, r.train...)[:opt.Batch]
			gr, err := newGraph[float32](r.header, opt.Batch)
			if err != nil {
				b.Fatal(err)
			}
			defer gr.close()
			gr.load(r.opti.weights)
			ctx := context.Background()
			if _, err := r.epoch(ctx, gr); err != nil { // the first run allocates
				b.Fatal(err)
			}
			clock.nanoseconds.Store(0)
			clock.useful.Store(0)
			clock.products.Store(0)
			began := time.Now()
			for b.Loop() {
				if _, err := r.epoch(ctx, gr); err != nil {
					b.Fatal(err)
				}
			}
			elapsed, inside := float64(time.Since(began)), float64(clock.nanoseconds.Load())
			b.ReportMetric(100*inside/elapsed, "share_%")
			b.ReportMetric(2*float64(clock.useful.Load())/inside, "GFLOP/s")
			b.ReportMetric(float64(clock.products.Load())/float64(b.N), "products/op")
		})
	}
}

// What this machine's matrix products reach at best: gonum's on large square matrices, in the cores that Go may use.
func BenchmarkPeak(b *testing.B) {
	const n = 1024
	x := make([]float32, n*n)
	for i := range x {
		x[i] = float32(i%7) + 1
	}
	out := make([]float32, n*n)
	m := func(data []float32) blas32.General { return blas32.General{Rows: n, Cols: n, Stride: n, Data: data} }
	for b.Loop() {
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, m(x), m(x), 0, m(out))
	}
	b.ReportMetric(2*n*n*n/float64(b.Elapsed())*float64(b.N), "GFLOP/s")
}

// A whole small Fit.
func BenchmarkFit(b *testing.B) {
	examples := randomExamples(1, 500, 896)
	for b.Loop() {
		if _, _, err := Fit(context.Background(), nil, nil, examples, Options{Epochs: 5}); err != nil {
			b.Fatal(err)
		}
	}
}
