package train

import (
	"math"

	"aprm/prm"
	"aprm/prm/metric"
)

// calibrate fits Platt's scaling to held-out logits, drawn towards leaving them alone so that a few examples don't bend
// it (Platt 1999). Examples weigh as their makers said (nil: alike), not as they are balanced for training. Without
// both classes the logits stay as they are.
func calibrate(logits []float64, positive []bool, weight []float64) prm.Platt {
	var right int
	for _, y := range positive {
		if y {
			right++
		}
	}
	if right == 0 || right == len(positive) {
		return prm.Platt{A: 1}
	}
	x := make([][]float64, len(logits))
	for i, z := range logits {
		x[i] = []float64{z, 1}
	}
	beta := logistic(x, logits, positive, weight, []float64{4, 0.5})
	// A falling curve would turn the ranking round; a network that ranks so badly should rather say little.
	return prm.Platt{A: max(1+beta[0], 0.02), B: beta[1]}
}

const eceBins = 10

// calibrationError is the ECE of logits read as they are, and after Platt's scaling, fitted on other problems than
// those it is measured on.
func calibrationError(j judged) (before, after float64) {
	logits, positive := j.logits, j.positive
	raw, fitted := make([]float64, len(logits)), make([]float64, len(logits))
	for i, z := range logits {
		raw[i] = prm.Platt{A: 1}.Probability(z)
	}
	crossFit(j.problem, func(outside, inside []int) {
		var z []float64
		var y []bool
		var w []float64
		for _, i := range outside {
			z, y, w = append(z, logits[i]), append(y, positive[i]), append(w, j.weight[i])
		}
		p := calibrate(z, y, w)
		for _, i := range inside {
			fitted[i] = p.Probability(logits[i])
		}
	})
	return metric.ECE(raw, positive, eceBins), metric.ECE(fitted, positive, eceBins)
}

// threshold returns the probability below which a step is best taken for wrong. What it maximises is the ProcessBench
// F1 to be expected of solutions of a typical length whose steps are judged one by one: a correct solution is passed
// when all its steps are, an error found when it is caught and the steps before it, half of them, are passed.
func threshold(p []float64, positive []bool) float64 {
	const steps = 4
	best, at := -1.0, 0.5
	for t := 0.02; t < 0.99; t += 0.01 {
		var passed, caught, right, wrong float64
		for i, v := range p {
			if positive[i] {
				right++
				passed += flag(v >= t)
			} else {
				wrong++
				caught += flag(v < t)
			}
		}
		if right == 0 || wrong == 0 {
			return at
		}
		correct := math.Pow(passed/right, steps)
		found := caught / wrong * math.Pow(passed/right, (steps-1)/2.0)
		if f1 := 2 * correct * found / (correct + found); f1 > best {
			best, at = f1, t
		}
	}
	return at
}
