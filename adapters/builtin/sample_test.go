package builtin

import (
	"math"
	"testing"

	"aprm/adapters"
)

func TestPick(t *testing.T) {
	draw := func(req adapters.Request, logits []float32) []float64 {
		const n = 20000
		req.Seed = seeded(3)
		s := newSampler(req, 0)
		share := make([]float64, len(logits))
		for range n {
			share[s.pick(logits, make([]float32, len(logits)))] += 1.0 / n
		}
		return share
	}
	log := func(p ...float64) []float32 {
		var out []float32
		for _, x := range p {
			out = append(out, float32(math.Log(x)))
		}
		return out
	}
	for _, test := range []struct {
		name   string
		req    adapters.Request
		logits []float32
		want   []float64
	}{
		{"greedy, the first of equals", adapters.Request{}, log(9, 9, .1, 9, .4, .4), []float64{0, 0, 0, 0, 1, 0}},
		{"greedy ends", adapters.Request{}, log(9, 9, .5, 9, .4, .4), []float64{0, 0, 1, 0, 0, 0}},
		{"as it is", adapters.Request{Temperature: 1}, log(9, 9, .1, 9, .3, .6), []float64{0, 0, .1, 0, .3, .6}},
		{"hotter", adapters.Request{Temperature: 2}, log(9, 9, .01, 9, .09, .25), []float64{0, 0, .1 / .9, 0, .3 / .9, .5 / .9}},
		{"nearly cold", adapters.Request{Temperature: 1e-300}, log(9, 9, .1, 9, .3, .6), []float64{0, 0, 0, 0, 0, 1}},
		{"the nucleus", adapters.Request{Temperature: 1, TopP: .7}, log(9, 9, .1, 9, .3, .6), []float64{0, 0, 0, 0, 1. / 3, 2. / 3}},
		{"one in the nucleus", adapters.Request{Temperature: 1, TopP: .01}, log(9, 9, .1, 9, .3, .6), []float64{0, 0, 0, 0, 0, 1}},
		{"all in the nucleus", adapters.Request{Temperature: 1, TopP: 1}, log(9, 9, .1, 9, .3, .6), []float64{0, 0, .1, 0, .3, .6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := draw(test.req, test.logits)
			for id, p := range got {
				if math.Abs(p-test.want[id]) > 0.015 || test.want[id] == 0 && p > 0 {
					t.Errorf("token %d came in %.3f, want %.3f", id, p, test.want[id])
				}
			}
		})
	}
}

// TestSeeds: completion i of a seed is the first of the seed i higher.
func TestSeeds(t *testing.T) {
	logits := make([]float32, 100)
	a := newSampler(adapters.Request{Temperature: 1, Seed: seeded(5)}, 2)
	b := newSampler(adapters.Request{Temperature: 1, Seed: seeded(7)}, 0)
	for range 50 {
		if x, y := a.pick(logits, make([]float32, 100)), b.pick(logits, make([]float32, 100)); x != y {
			t.Fatalf("%d and %d", x, y)
		}
	}
}
