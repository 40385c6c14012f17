//go:build unix

package builtin

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"aprm/adapters"
)

// flops of the products behind one token at a position.
func flops(h header, pos int) float64 {
	return 2 * float64(h.Layers*(4*h.Dim*h.Dim+2*h.Dim*h.Hidden+2*h.Dim*(pos+1))+len(h.Vocab)*h.Dim)
}

// cpuTime is the time that all cores together have spent on this process: on a machine that others use too, it says
// more than the clock on the wall.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// report tells how fast so many tokens, if any, and floating-point operations were had.
func report(b *testing.B, began time.Duration, tokens, flops float64) {
	wall, spent := b.Elapsed().Seconds(), (cpuTime(b) - began).Seconds()
	if tokens > 0 {
		b.ReportMetric(tokens/wall, "tokens/s")
		b.ReportMetric(tokens/spent, "tokens/cpu-s")
	}
	b.ReportMetric(flops/wall/1e9, "GFLOP/s")
	b.ReportMetric(flops/spent/1e9, "GFLOP/cpu-s")
}

// BenchmarkDecode draws completions of 128 tokens each behind a prompt of 64, which is known.
func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprint("batch=", n), func(b *testing.B) {
			shape := large()
			llm := newLLM(b, shape)
			req := adapters.Request{Messages: ask(strings.Repeat("7", 62)), N: n, MaxTokens: 128, Temperature: 1, Seed: seeded(1)}
			var work, tokens float64
			began := cpuTime(b)
			for b.Loop() {
				done, err := llm.Generate(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range done {
					tokens += float64(c.Usage.CompletionTokens)
					for i := range c.Usage.CompletionTokens {
						work += flops(shape, 64+i)
					}
				}
			}
			report(b, began, tokens, work)
		})
	}
}

// BenchmarkRead reads prompts of 256 tokens, on one core.
func BenchmarkRead(b *testing.B) {
	shape := large()
	m := newLLM(b, shape).scheduler.model
	tokens, s := someTokens(shape, 256), new(scratch)
	work := 0.0
	for i := range tokens {
		work += flops(shape, i) - 2*float64(len(shape.Vocab)*shape.Dim) // no logits
	}
	began := cpuTime(b)
	for b.Loop() {
		c := new(cache)
		m.read(s, []run{{tokens[:portion], c}})
		m.read(s, []run{{tokens[portion:], c}})
	}
	report(b, began, 256*float64(b.N), work*float64(b.N))
}

// BenchmarkPeak runs the tile on numbers that lie in the first cache, on every core: what the rest can't be faster
// than.
func BenchmarkPeak(b *testing.B) {
	const k = 192
	began := cpuTime(b)
	b.RunParallel(func(p *testing.PB) {
		out, w, x := make([]float32, 4*wide), make([]float32, k*wide), make([]float32, 4*k)
		for p.Next() {
			tile4(out, wide, w, x, k, k)
		}
	})
	report(b, began, 0, 2*4*wide*k*float64(b.N))
}
