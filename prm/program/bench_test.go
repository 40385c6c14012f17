package program

import (
	"context"
	"slices"
	"testing"
	"time"
)

// programs are the sources of those programs of the corpus that a model wrote and that have a value as they stand.
func programs(b *testing.B) []string {
	var out []string
	for _, r := range corpus(b) {
		got, err := Run(context.Background(), r.Text)
		if err != nil || r.Variant != "" {
			continue
		}
		if p, err := Translate(got.Source); err == nil {
			if _, err := p.Run(context.Background()); err == nil {
				out = append(out, got.Source)
			}
		}
	}
	return out
}

// timeEach times f over all inputs, again and again, and reports the median and the 95th percentile of the times.
func timeEach[T any](b *testing.B, inputs []T, f func(T)) {
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		f(inputs[len(took)%len(inputs)])
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "median-µs")
	b.ReportMetric(float64(took[len(took)*95/100].Nanoseconds())/1e3, "p95-µs")
}

func BenchmarkTranslate(b *testing.B) {
	timeEach(b, programs(b), func(source string) {
		if _, err := Translate(source); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	var all []*Program
	for _, source := range programs(b) {
		p, err := Translate(source)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, p)
	}
	timeEach(b, all, func(p *Program) {
		if _, err := p.Run(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkAnswer is all of it: finding the program in an answer, translating and running it.
func BenchmarkAnswer(b *testing.B) {
	var texts []string
	for _, r := range corpus(b) {
		if _, err := Run(context.Background(), r.Text); err == nil && r.Variant == "" {
			texts = append(texts, r.Text)
		}
	}
	timeEach(b, texts, func(text string) {
		if _, err := Run(context.Background(), text); err != nil {
			b.Fatal(err)
		}
	})
}
