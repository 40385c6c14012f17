package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"aprm/prm/feature"
	"aprm/prm/step"
)

func TestSplitIsByProblemAndStable(t *testing.T) {
	examples := randomExamples(1, 600, 0)
	train, stop, calibration := split(examples, 5, 0.2)
	side := make(map[string]int)
	for k, part := range [][]Example{train, stop, calibration} {
		for _, e := range part {
			if at, ok := side[e.Problem]; ok && at != k {
				t.Fatalf("%s is on two sides", e.Problem)
			}
			side[e.Problem] = k
		}
	}
	for name, part := range map[string][]Example{"to stop by": stop, "to calibrate by": calibration} {
		if share := float64(len(part)) / float64(len(examples)); share < .05 || share > .15 {
			t.Errorf("%.2f are held out %s, want about .1", share, name)
		}
	}
	// More problems beside them must not move any across.
	_, more, others := split(append(randomExamples(1, 600, 0), Example{Problem: "new"}), 5, 0.2)
	for _, list := range []*[]Example{&more, &others} {
		if n := len(*list); (*list)[n-1].Problem == "new" {
			*list = (*list)[:n-1]
		}
	}
	if len(more) != len(stop) || len(others) != len(calibration) {
		t.Errorf("held out %d and %d, with another problem %d and %d", len(stop), len(calibration), len(more), len(others))
	}
}

// What is spare is calibrated by, and learned from by the value head alone.
func TestSpareStepsAreForCalibrationAlone(t *testing.T) {
	examples := randomExamples(1, 600, 0)
	for i := range examples {
		examples[i].Spare, examples[i].Value = true, step.Verdict(i%2) // unknown or right
	}
	train, stop, calibration := split(examples, 5, 0.2)
	for _, e := range append(train, stop...) {
		if e.Step != step.Unknown || e.Value == step.Unknown {
			t.Fatalf("learned from: step %v, value %v", e.Step, e.Value)
		}
	}
	for _, e := range calibration {
		if e.Step == step.Unknown {
			t.Fatal("calibrated by a step without its label")
		}
	}
	if len(train) < 200 || len(train) > 600 || len(calibration) == 0 {
		t.Errorf("%d to train on, %d to calibrate by, of %d", len(train), len(calibration), len(examples))
	}
}

func TestHarmoniseEvensMasksWithinPairs(t *testing.T) {
	examples := randomExamples(1, 100, 4) // every third member lacks log-probabilities
	examples[0].Input.Last = nil
	examples[3].Input.Mean = nil
	lone := Example{Input: examples[10].Input, Problem: "lone", Step: step.Right}
	lone.Input.LogProbs = new([feature.NumLogProbs]float32)
	examples = append(examples, lone)
	out := harmonise(examples)
	seen := make(map[string]masks)
	for _, e := range out[:200] {
		m := masksOf(e.Input)
		if was, ok := seen[e.Pair]; ok && was != m {
			t.Errorf("%s: masks %+v and %+v", e.Pair, was, m)
		}
		seen[e.Pair] = m
	}
	if out[1].Input.Last != nil || out[2].Input.Mean != nil {
		t.Error("what one member lacks, the other kept")
	}
	if masksOf(out[200].Input) != (masks{true, true, true}) {
		t.Error("a lone example lost something")
	}
}

// Log-probabilities that only correct steps carry would tell: they are dropped.
func TestHarmoniseDropsTellingLogProbs(t *testing.T) {
	examples := randomExamples(1, 60, 0)
	for i := range examples {
		examples[i].Input.LogProbs, examples[i].Pair = nil, ""
		if examples[i].Step == step.Right && i%4 == 0 {
			examples[i].Input.LogProbs = new([feature.NumLogProbs]float32)
		}
	}
	for i, e := range harmonise(examples) {
		if e.Input.LogProbs != nil {
			t.Fatalf("example %d kept its log-probabilities", i)
		}
	}
}

// The LLM's own steps carry log-probabilities and are mostly right; attacked ones carry none and are half wrong.
func naturalAndAttacked() []Example {
	rng := rand.New(rand.NewPCG(8, 8))
	examples := randomExamples(1, 300, 0)
	for i := range examples {
		e := &examples[i]
		if i%2 == 0 {
			e.Input.LogProbs = nil
			continue
		}
		e.Pair, e.Step = "", step.Right
		e.Input.LogProbs = new([feature.NumLogProbs]float32)
		if rng.IntN(6) == 0 {
			e.Step = step.Wrong
		}
	}
	return examples
}

func TestMaskProbe(t *testing.T) {
	examples := naturalAndAttacked()
	if got := MaskProbe(examples); math.Abs(float64(got)-.5) > .03 {
		t.Errorf("as trained on: AUC %.3f by the masks alone", got)
	}
	// Unweighed the masks do tell, and the probe sees it.
	var rows [][]float64
	var positive []bool
	var group []string
	for _, e := range examples {
		rows = append(rows, []float64{flag(e.Input.LogProbs != nil)})
		positive, group = append(positive, e.Step == step.Right), append(group, e.Problem)
	}
	if got := Probe(rows, positive, group, nil); got < .6 {
		t.Errorf("as they are: AUC %.3f, want the leak to show", got)
	}
}

func TestArrangeMasksAPairAsOne(t *testing.T) {
	its := items(harmonise(randomExamples(1, 80, 4)))
	first := arrange(its, Options{Seed: 1, Mask: 0.5}, 0)
	seen := make(map[string]masks)
	masked := 0
	for i, e := range first {
		m := masksOf(e.Input)
		if was, ok := seen[e.Pair]; ok && was != m {
			t.Errorf("%s: masks %+v and %+v", e.Pair, was, m)
		}
		seen[e.Pair] = m
		if !m.last {
			masked++
		}
		if i%2 == 1 && e.Pair != first[i-1].Pair {
			t.Errorf("%s is torn apart", e.Pair)
		}
	}
	if share := float64(masked) / float64(len(first)); share < .3 || share > .7 {
		t.Errorf("hidden states masked in %.2f of the pairs, want about half", share)
	}
	if reflect.DeepEqual(first, arrange(its, Options{Seed: 1, Mask: 0.5}, 1)) {
		t.Error("two epochs are alike")
	}
	for _, e := range its {
		if e.Input.Last == nil {
			t.Fatal("the examples themselves were masked")
		}
	}
}

func TestFormatProbe(t *testing.T) {
	var raw, normalised []string
	var positive []bool
	var group []string
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 200 {
		a, b := 2+rng.IntN(50), 2+rng.IntN(50)
		text := fmt.Sprintf("She buys %d+%d=%d apples.", a, b, a+b)
		if i%2 == 0 {
			text = fmt.Sprintf("Step %d: %s", 1+i%5, text)
		}
		raw, normalised = append(raw, text), append(normalised, step.Normalize(text))
		positive, group = append(positive, i%2 == 0), append(group, fmt.Sprint(i/4))
	}
	if got := FormatProbe(raw, positive, group); got < .99 {
		t.Errorf("raw: AUC %.3f, want the prefix to show", got)
	}
	if got := FormatProbe(normalised, positive, group); math.Abs(float64(got)-.5) > .1 {
		t.Errorf("normalised: AUC %.3f, want about .5", got)
	}
}

func TestCalibrate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var logits, weight []float64
	var positive []bool
	var group []string
	for i := range 2000 {
		truth := rng.NormFloat64() * 2
		logits = append(logits, 3*truth+1) // three times too sure, and shifted
		positive = append(positive, rng.Float64() < 1/(1+math.Exp(-truth)))
		group, weight = append(group, fmt.Sprint(i)), append(weight, 1)
	}
	p := calibrate(logits, positive, nil)
	if math.Abs(p.A-1.0/3) > .05 || math.Abs(p.B+1.0/3) > .15 {
		t.Errorf("got %+v, want about 1/3 and −1/3", p)
	}
	before, after := calibrationError(judged{logits: logits, positive: positive, weight: weight, problem: group})
	if after > before/3 || after > .04 {
		t.Errorf("calibration error %.3f, was %.3f", after, before)
	}
	if p := calibrate([]float64{1, 2}, []bool{true, true}, nil); p.A != 1 || p.B != 0 {
		t.Errorf("one class: got %+v", p)
	}
	if p := calibrate([]float64{-9, -8, 8, 9}, []bool{true, true, false, false}, nil); p.A <= 0 {
		t.Errorf("reversed logits: got %+v, which turns the ranking round", p)
	}
}

func TestThreshold(t *testing.T) {
	var p []float64
	var positive []bool
	for i := range 100 {
		p, positive = append(p, float64(i)/100), append(positive, i >= 30)
	}
	if got := threshold(p, positive); math.Abs(got-.3) > .011 {
		t.Errorf("got %v, want .3", got)
	}
	if got := threshold(p[50:], positive[50:]); got != .5 {
		t.Errorf("one class: got %v, want .5", got)
	}
}

// Every batch holds pairs and lone steps as all do, and pairs have the share of the weight that is asked for.
func TestEveryBatchIsMixedAsAsked(t *testing.T) {
	examples := randomExamples(1, 300, 0)
	for i := range examples[:120] {
		examples[i].Pair = ""
	}
	for _, share := range []float64{0, 0.25, 0.75, 1} {
		var total [2]float64
		before := balance(examples)
		for i, w := range mix(examples, balance(examples), share) {
			k := 0
			if examples[i].Pair != "" {
				k = 1
			}
			total[k] += float64(w[0])
			if share == 0 && w != before[i] {
				t.Fatalf("weighed anew though nothing was asked for: %v, %v", before[i], w)
			}
			if w[1] != before[i][1] {
				t.Fatalf("the value head's weight changed")
			}
		}
		if got := total[1] / (total[0] + total[1]); share > 0 && math.Abs(got-share) > 1e-4 {
			t.Errorf("pairs have %.3f of the weight, want %.3f", got, share)
		}
	}
	items := make([]item, len(examples))
	for i, e := range examples {
		items[i] = item{Example: e}
	}
	of, n := 0.0, 0.0
	for _, e := range items {
		of, n = of+flag(e.Pair != ""), n+1
	}
	ordered := arrange(items, Options{Seed: 1}, 0)
	for at := 0; at+64 <= len(ordered); at += 64 {
		in := 0.0
		for _, e := range ordered[at : at+64] {
			in += flag(e.Pair != "")
		}
		if math.Abs(in/64-of/n) > 0.06 {
			t.Errorf("a batch holds %.2f members of pairs, all of them %.2f", in/64, of/n)
		}
	}
	if other := arrange(items, Options{Seed: 1}, 1); reflect.DeepEqual(other, ordered) {
		t.Error("two epochs have the same order")
	}
}
