package train

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"aprm/prm/feature"
	"aprm/prm/step"
)

// random returns a generator for one use of a run's randomness. Uses have names, so that none depends on how much
// another drew, and a resumed run draws what the unbroken one would have.
func random(seed int64, use string, at ...int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, use, at)
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64())) // #nosec G115 G404 -- a seed, of which all bits count; a draw that must follow from it, and guards nothing
}

// split parts the examples by problem, those held out into two halves: one for training to stop by, one for
// calibration. A problem's place follows from its own name and the seed, whatever else is there, so that it never moves
// from one side to the other between rounds. Spare steps keep their label for calibration alone.
func split(examples []Example, seed int64, share float64) (train, stop, calibration []Example) {
	for _, e := range examples {
		place := random(seed, "split "+e.Problem).Float64()
		if place < share/2 {
			calibration = append(calibration, e)
			continue
		}
		if e.Spare && e.Value == step.Unknown {
			continue
		}
		e = e.unspared()
		if place < share {
			stop = append(stop, e)
		} else {
			train = append(train, e)
		}
	}
	return train, stop, calibration
}

// unspared has no label of the step where that is spare.
func (e Example) unspared() Example {
	if e.Spare {
		e.Step, e.Spare = step.Unknown, false
	}
	return e
}

// natural are the examples that are no member of a pair: steps of whole answers, as many of them wrong as there are in
// life. Where they are too few to calibrate by, it is all.
func natural(examples []Example) []Example {
	var out []Example
	for _, e := range examples {
		if e.Pair == "" {
			out = append(out, e)
		}
	}
	if !enough(out) {
		return examples
	}
	return out
}

// enough reports whether the step head can be calibrated by these.
func enough(examples []Example) bool {
	const few = 10
	var count [3]int
	for _, e := range examples {
		count[e.Step]++
	}
	return min(count[step.Right], count[step.Wrong]) >= few
}

// harmonise returns the examples with equal masks within each pair: what one member lacks, the others lose.
// Where one kind of mask holds hardly any of one class, its log-probabilities go too: their being there would tell.
func harmonise(examples []Example) []Example {
	out := append([]Example(nil), examples...)
	type lack struct{ last, mean, logProbs bool }
	pairs := make(map[string]lack)
	for _, e := range out {
		if e.Pair != "" {
			l := pairs[e.Pair]
			pairs[e.Pair] = lack{l.last || e.Input.Last == nil, l.mean || e.Input.Mean == nil, l.logProbs || e.Input.LogProbs == nil}
		}
	}
	for i := range out {
		l, in := pairs[out[i].Pair], &out[i].Input
		if out[i].Pair == "" {
			continue
		}
		if l.last {
			in.Last = nil
		}
		if l.mean {
			in.Mean = nil
		}
		if l.logProbs {
			in.LogProbs = nil
		}
	}

	const few = 10
	classes := make(map[masks][3]int)
	for _, e := range out {
		if e.Spare {
			continue
		}
		c := classes[masksOf(e.Input)]
		c[e.Step]++
		classes[masksOf(e.Input)] = c
	}
	for i := range out {
		if c := classes[masksOf(out[i].Input)]; min(c[step.Right], c[step.Wrong]) < few && c[step.Right]+c[step.Wrong] > 0 {
			out[i].Input.LogProbs = nil
		}
	}
	return out
}

// masks says which blocks of an input are there.
type masks struct{ last, mean, logProbs bool }

func masksOf(in feature.Input) masks {
	return masks{in.Last != nil, in.Mean != nil, in.LogProbs != nil}
}

// weights are an example's for the two heads, step and value; 0 where unlabelled.
type weights [2]float32

// balance weighs the examples so that among those with the same masks right and wrong weigh the same, for either head.
// Else a block's being there would tell: log-probabilities come with the LLM's own steps, most of which are right. The
// mean weight of all labelled examples is 1. What the classes' shares really are, calibration learns.
func balance(examples []Example) []weights {
	out := make([]weights, len(examples))
	for head := range 2 {
		target := func(e Example) step.Verdict { return [2]step.Verdict{e.Step, e.Value}[head] }
		total := make(map[masks][3]float64)
		var all float64
		for _, e := range examples {
			if t := target(e); t != step.Unknown {
				c := total[masksOf(e.Input)]
				c[t] += ownWeight(e)
				total[masksOf(e.Input)] = c
				all++
			}
		}
		var sum float64
		for i, e := range examples {
			t := target(e)
			c := total[masksOf(e.Input)]
			if t == step.Unknown || c[step.Right] == 0 || c[step.Wrong] == 0 {
				continue
			}
			w := ownWeight(e) * (c[step.Right] + c[step.Wrong]) / (2 * c[t])
			// A class of a handful must not outweigh everything.
			w = min(w, 10*ownWeight(e))
			out[i][head] = float32(w)
			sum += w
		}
		if sum > 0 {
			for i := range out {
				out[i][head] *= float32(all / sum)
			}
		}
	}
	return out
}

// mix weighs the step labels of members of pairs against those of lone steps, so that pairs have that share of all; 0,
// and where either are missing, leaves them as they are.
func mix(examples []Example, w []weights, share float64) []weights {
	var total [2]float64 // of lone ones, of members of pairs
	side := func(e Example) int {
		if e.Pair != "" {
			return 1
		}
		return 0
	}
	for i, e := range examples {
		total[side(e)] += float64(w[i][0])
	}
	if share == 0 || total[0] == 0 || total[1] == 0 {
		return w
	}
	all := total[0] + total[1]
	scale := [2]float64{(1 - share) * all / total[0], share * all / total[1]}
	for i, e := range examples {
		w[i][0] *= float32(scale[side(e)])
	}
	return w
}

func ownWeight(e Example) float64 {
	if e.Weight == 0 {
		return 1
	}
	return float64(e.Weight)
}

// check reports the first example that can't be learnt from.
func check(examples []Example, width int) error {
	for i, e := range examples {
		for _, v := range [][]float32{e.Input.Last, e.Input.Mean} {
			if v != nil && len(v) != width {
				return fmt.Errorf("example %d: hidden state of width %d, the model's is %d: mask it, or start a fresh model", i, len(v), width)
			}
			for _, x := range v {
				if math.IsNaN(float64(x)) {
					return fmt.Errorf("example %d: its hidden state holds NaN", i)
				}
			}
		}
		if e.Problem == "" {
			return fmt.Errorf("example %d names no problem: the split is made by problem", i)
		}
		if e.Step < step.Unknown || e.Step > step.Wrong || e.Value < step.Unknown || e.Value > step.Wrong {
			return fmt.Errorf("example %d: targets %d and %d, want 0 to 2", i, e.Step, e.Value)
		}
		if w := float64(e.Weight); w < 0 || math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("example %d: weight %v", i, e.Weight)
		}
	}
	return nil
}
