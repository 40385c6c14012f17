//go:build unix

package train

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	G "gorgonia.org/gorgonia"

	"aprm/prm/feature"
)

// processor is the time that this process has had processors for: others' work on a busy machine isn't in it.
func processor() time.Duration {
	var of syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &of); err != nil {
		panic(err)
	}
	return time.Duration(of.Utime.Nano() + of.Stime.Nano())
}

// clocked is gonum's BLAS with a clock and a count on the matrix products that a float32 graph makes.
type clocked struct {
	gonum.Implementation
	nanoseconds, products *atomic.Int64
	useful                *atomic.Int64 // multiply-adds of the products, without those by a zero of the left matrix, which gonum skips
}

func newClocked() clocked {
	return clocked{nanoseconds: new(atomic.Int64), products: new(atomic.Int64), useful: new(atomic.Int64)}
}

func (c clocked) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, out []float32, ldc int) {
	began := processor()
	c.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, out, ldc)
	c.nanoseconds.Add(int64(processor() - began))
	c.products.Add(1)
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
			began := processor()
			for b.Loop() {
				if _, err := r.epoch(ctx, gr); err != nil {
					b.Fatal(err)
				}
			}
			elapsed, inside := float64(processor()-began), float64(clock.nanoseconds.Load())
			b.ReportMetric(elapsed/1e6/float64(b.N), "processor-ms")
			b.ReportMetric(100*inside/elapsed, "share_%")
			b.ReportMetric(2*float64(clock.useful.Load())/inside, "GFLOP/s")
			b.ReportMetric(float64(clock.products.Load())/float64(b.N), "products/op")
		})
	}
}

// What this machine's matrix products reach at best: gonum's on large square matrices, on one core.
func BenchmarkPeak(b *testing.B) {
	const n = 1024
	x := make([]float32, n*n)
	for i := range x {
		x[i] = float32(i%7) + 1
	}
	out := make([]float32, n*n)
	m := func(data []float32) blas32.General { return blas32.General{Rows: n, Cols: n, Stride: n, Data: data} }
	began := processor()
	for b.Loop() {
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, m(x), m(x), 0, m(out))
	}
	b.ReportMetric(2*n*n*n/float64(processor()-began)*float64(b.N), "GFLOP/s")
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

// Gemv of the linear part is measured beside the graph's Sgemm.
func (c clocked) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	began := processor()
	c.Implementation.Dgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
	c.nanoseconds.Add(int64(processor() - began))
	c.products.Add(1)
	c.useful.Add(int64(m) * int64(n))
}

// A whole FitSolution on 400 problems of eight answers, every number of them in use: seconds of the processor, the part
// in products, their speed, and the highest heap that was seen.
func BenchmarkFitSolution(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 1))
	answers := planted(rng, 400, 8, straight)
	for _, a := range answers {
		for k := 8; k < feature.NumPooledLogProbs; k++ {
			a.Solution.LogProbs[k] = float32(rng.NormFloat64())
		}
	}
	for i := range answers {
		for k := 8; k < feature.NumPooledSymbols; k++ {
			answers[i].Solution.Symbols[k] = float32(rng.NormFloat64())
		}
	}
	for name, opt := range map[string]SolutionOptions{"linear": {Units: -1}, "dense": {}} {
		b.Run(name, func(b *testing.B) {
			clock := newClocked()
			G.Use(clock)
			blas64.Use(clock)
			b.Cleanup(func() { G.Use(gonum.Implementation{}); blas64.Use(gonum.Implementation{}) })
			peak := uint64(0)
			opt.Progress = func(int, int) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapSys)
			}
			began := processor()
			for b.Loop() {
				fitSolution(b, answers, nil, opt)
			}
			inside := float64(clock.nanoseconds.Load())
			b.ReportMetric(100*inside/float64(processor()-began), "share_%")
			b.ReportMetric((processor()-began).Seconds()/float64(b.N), "processor-s")
			b.ReportMetric(2*float64(clock.useful.Load())/inside, "GFLOP/s")
			b.ReportMetric(float64(peak)/(1<<20), "heap_MiB")
		})
	}
}
