package train

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aprm/prm/feature"
)

// What decides whether answers are right is worth something in a vote, noise is not, and what is known of half of the
// answers less than what is known of all.
func TestWeigh(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	answers := planted(rng, 150, 8, straight)
	n := len(answers)
	decides, half, noise, ease := make(Numbers, n), make(Numbers, n), make(Numbers, n), make(Numbers, n)
	for i, a := range answers {
		decides[i] = []float32{a.Solution.LogProbs[1], a.Solution.LogProbs[2], a.Solution.Symbols[3]}
		if rng.IntN(2) == 0 {
			half[i] = decides[i]
		}
		noise[i] = []float32{float32(rng.NormFloat64()), float32(rng.NormFloat64())}
		ease[i] = []float32{a.Solution.Symbols[5]}
	}
	weigh := func(kinds ...Numbers) Worth {
		t.Helper()
		w, err := Weigh(t.Context(), answers, Beside{}, kinds...)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	good := weigh(decides)
	if good.AUC < 0.8 || !good.Vote.Trusted() {
		t.Errorf("what decides has an AUC of %.3f, %+v", float64(good.AUC), good.Vote)
	}
	for k, g := range good.Gains {
		if !(g.Low > 0.02 && g.Mean < 0.5) {
			t.Errorf("what decides gains %+v in votes of %d", g, VoteSizes[k])
		}
	}
	for name, numbers := range map[string]Numbers{"noise": noise, "what tells problems apart alone": ease} {
		w := weigh(numbers)
		if w.AUC < 0.45 || w.AUC > 0.55 || w.Vote.Trusted() {
			t.Errorf("%s has an AUC of %.3f, %+v", name, float64(w.AUC), w.Vote)
		}
		for k, g := range w.Gains {
			if math.Abs(float64(g.Mean)) > 0.02 {
				t.Errorf("%s gains %+v in votes of %d", name, g, VoteSizes[k])
			}
		}
	}
	if both := weigh(decides, noise); math.Abs(float64(both.AUC-good.AUC)) > 0.02 {
		t.Errorf("with noise beside it it has %.3f, alone %.3f", float64(both.AUC), float64(good.AUC))
	}
	if w := weigh(half); w.AUC < 0.55 || w.AUC > good.AUC-0.05 {
		t.Errorf("known of half of the answers it has %.3f, of all %.3f", float64(w.AUC), float64(good.AUC))
	}
	four := answers[:0:0]
	for i, a := range answers {
		if i%8 < 4 {
			four = append(four, a)
		}
	}
	known := make(Numbers, len(four))
	for i, a := range four {
		known[i] = []float32{a.Solution.LogProbs[1]}
	}
	if w, err := Weigh(t.Context(), four, Beside{}, known); err != nil || math.IsNaN(float64(w.Gains[0].Mean)) || !math.IsNaN(float64(w.Gains[1].Mean)) {
		t.Errorf("of four answers to each problem: %+v, %v", w.Gains, err)
	}
	if _, err := Weigh(t.Context(), answers, Beside{}); err == nil {
		t.Error("nothing was weighed")
	}
	if _, err := Weigh(t.Context(), answers[:8*5], Beside{}, decides[:8*5]); !errors.As(err, &TooFewError{}) {
		t.Errorf("five problems: %v", err)
	}
}

// What there is most of within problems comes first, however much problems differ; what is not known stays so.
func TestComponents(t *testing.T) {
	const width = 12
	rng := rand.New(rand.NewPCG(5, 1))
	var answers []Answer
	var numbers Numbers
	var along []float64
	for p := range 60 {
		far := rng.NormFloat64() * 50
		for range 6 {
			x, z := make([]float32, width), rng.NormFloat64()
			for k := range x {
				x[k] = float32(0.1*rng.NormFloat64() + far*float64(k%2))
			}
			x[2], x[4] = x[2]+float32(3*z), x[4]-float32(4*z) // 5 along (0.6, -0.8)
			answers, numbers, along = append(answers, Answer{Problem: fmt.Sprint(p)}), append(numbers, x), append(along, z)
		}
	}
	numbers[7] = nil
	got, err := Components(answers, numbers, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got[7] != nil || len(got[0]) != 3 {
		t.Fatalf("%v of what isn't known, %d components", got[7], len(got[0]))
	}
	for p := range 60 {
		i := 6 * p
		if i == 6 {
			continue
		}
		moved, should := math.Abs(float64(got[i][0]-got[i+2][0])), 5*math.Abs(along[i]-along[i+2])
		if math.Abs(moved-should) > 0.1*should+0.6 {
			t.Errorf("problem %d: two answers are %.2f apart in the first component, not %.2f", p, moved, should)
		}
	}
	if few, err := Components(answers, numbers, 40); err != nil || len(few[0]) != width {
		t.Errorf("%d components of %d numbers, %v", len(few[0]), width, err)
	}
	numbers[9] = numbers[9][:width-1]
	_, ofComponents := Components(answers, numbers, 3)
	_, ofWeigh := Weigh(t.Context(), answers, Beside{}, numbers)
	for _, err := range []error{ofComponents, ofWeigh} {
		if err == nil || !strings.Contains(err.Error(), "of some answers there are 11 numbers, of others 12") && !strings.Contains(err.Error(), "of some answers there are 12 numbers, of others 11") {
			t.Errorf("of two widths: %v", err)
		}
	}
}

// Pairs of which the better is known teach where outcomes are few, and by themselves.
func TestWeighLearnsFromPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	answers := planted(rng, 30, 4, straight)
	numbers := make(Numbers, len(answers))
	of := func(s feature.Solution) []float32 { return slices.Concat(s.Symbols[:8], s.LogProbs[:8]) }
	for i, a := range answers {
		numbers[i] = of(a.Solution)
	}
	all, beside := answers, Beside{Weights: []float64{0.1, 1, 10}}
	for p, pair := range planted(rng, 300, 2, straight) {
		pair.Group = -1
		if all, numbers = append(all, pair), append(numbers, of(pair.Solution)); p%2 == 0 {
			continue
		}
		n := len(all) - 2
		if sum := straight(all[n].Solution) - straight(all[n+1].Solution); sum > 0 {
			beside.Pairs = append(beside.Pairs, [2]int{n, n + 1})
		} else {
			beside.Pairs = append(beside.Pairs, [2]int{n + 1, n})
		}
	}
	auc := map[string]float64{}
	for name, b := range map[string]Beside{"outcomes": {}, "both": beside, "pairs": {Pairs: beside.Pairs, Weights: []float64{1}, Alone: true}} {
		w, err := Weigh(t.Context(), all, b, numbers)
		if err != nil {
			t.Fatal(name, err)
		}
		auc[name] = float64(w.AUC)
	}
	t.Log(auc)
	without, err1 := Weigh(t.Context(), answers, Beside{}, numbers[:len(answers)])
	hardly, err2 := Weigh(t.Context(), all, Beside{Pairs: beside.Pairs, Weights: []float64{1e-9}}, numbers)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for k, g := range hardly.Gains {
		if was := without.Gains[k]; !(math.Abs(float64(g.Mean-was.Mean)) < 0.01) && !(math.IsNaN(float64(g.Mean)) && math.IsNaN(float64(was.Mean))) {
			t.Errorf("pairs that weigh nothing change the gain in votes of %d from %.3f to %.3f", VoteSizes[k], was.Mean, g.Mean)
		}
	}
	if auc["both"] < auc["outcomes"]+0.03 || auc["pairs"] < auc["outcomes"]+0.03 {
		t.Errorf("%v", auc)
	}
}
