package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Numbers are worth what they tell of problems that were not learned from: those that say nothing, or tell problems alone apart, nothing; those of a few answers alone a part.
func TestWeigh(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	answers := planted(rng, 60, 6, straight)
	of := func(number func(i int) float64) Numbers {
		out := make(Numbers, len(answers))
		for i := range out {
			out[i] = []float32{float32(number(i))}
		}
		return out
	}
	telling := of(func(i int) float64 { return straight(answers[i].Solution) })
	for name, test := range map[string]struct {
		of        []Numbers
		low, high float64 // of the AUC
	}{
		"what tells":     {[]Numbers{telling}, 0.7, 0.95},
		"with noise":     {[]Numbers{of(func(int) float64 { return rng.NormFloat64() }), telling}, 0.68, 0.95},
		"noise":          {[]Numbers{of(func(int) float64 { return rng.NormFloat64() })}, 0.38, 0.62},
		"tells problems": {[]Numbers{of(func(i int) float64 { return float64(answers[i].Solution.Symbols[5]) })}, 0.5, 0.5},
		"of a few":       {[]Numbers{append(make(Numbers, len(telling)/2), telling[len(telling)/2:]...)}, 0.55, 0.85},
	} {
		w, err := Weigh(t.Context(), answers, test.of...)
		if err != nil || float64(w.AUC) < test.low || float64(w.AUC) > test.high {
			t.Errorf("%s: AUC %.3f, want it in [%g, %g]; %v", name, float64(w.AUC), test.low, test.high, err)
		}
	}
	if _, err := Weigh(t.Context(), answers[:6], telling[:6]); err == nil {
		t.Error("a problem is too few")
	}
}

// The first component lies along what varies most within problems, not along what tells problems apart.
func TestComponents(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	answers := planted(rng, 40, 5, straight)
	of, along := make(Numbers, len(answers)), make([]float64, len(answers))
	for i, a := range answers {
		along[i] = rng.NormFloat64()
		of[i] = []float32{100 * a.Solution.Symbols[5], float32(3 * along[i]), float32(0.1 * rng.NormFloat64())}
	}
	of[3] = nil
	got := Components(answers, of, 2)
	if got[3] != nil || len(got[0]) != 2 {
		t.Fatalf("%v, %v", got[0], got[3])
	}
	sign := math.Copysign(1, float64(got[0][0])*along[0])
	for i, z := range got {
		if i != 3 && math.Abs(sign*float64(z[0])-3*along[i]) > 0.6 {
			t.Errorf("answer %d: %.3f, along the axis that varies it is %.3f", i, z[0], 3*along[i])
		}
	}
}
