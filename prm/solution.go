package prm

import (
	"fmt"

	"aprm/prm/feature"
)

// SolutionWidth is how many numbers the solution head reads.
const SolutionWidth = feature.NumPooledSymbols + feature.NumPooledLogProbs

// SolutionHead tells which of two answers to one problem ends right: their odds are the difference of its logits (Bradley–Terry).
// It reads a feature.Solution, standardised and cut off at two deviations, masked numbers as their mean, with a linear part and, where training
// found that it beats the linear part alone, a dense layer beside it:
//
//	logit = x·Linear + relu(x·Dense + DenseBias)·Out
//
// A logit has no meaning by itself: it isn't comparable between problems.
type SolutionHead struct {
	Centre, Scale Tensor // 1 × SolutionWidth, fixed when training starts
	Linear        Tensor // SolutionWidth × 1
	Dense         Tensor // SolutionWidth × units; no units: the linear floor alone
	DenseBias     Tensor // 1 × units
	Out           Tensor // units × 1

	Without []feature.Block // inputs that it doesn't read
}

// furthest is how many deviations from its mean a number counts at most: what is far out, in problems unlike those learned from, must not decide alone.
const furthest = 2

// NewSolutionHead returns a head of so many units whose weights are zero, and whose scales are one.
func NewSolutionHead(units int, without ...feature.Block) *SolutionHead {
	h := &SolutionHead{Without: without}
	for _, t := range h.layout(units) {
		t.Data = make([]float32, t.Rows*t.Cols)
	}
	for i := range h.Scale.Data {
		h.Scale.Data[i] = 1
	}
	return h
}

// layout names and sizes the tensors, in the order of the checkpoint.
func (h *SolutionHead) layout(units int) []*Tensor {
	size := func(t *Tensor, name string, rows, cols int) *Tensor {
		t.Name, t.Rows, t.Cols = "solution."+name, rows, cols
		return t
	}
	return []*Tensor{
		size(&h.Centre, "centre", 1, SolutionWidth), size(&h.Scale, "scale", 1, SolutionWidth),
		size(&h.Linear, "linear", SolutionWidth, 1),
		size(&h.Dense, "dense", SolutionWidth, units), size(&h.DenseBias, "dense.bias", 1, units), size(&h.Out, "out", units, 1),
	}
}

func (h *SolutionHead) all() []*Tensor {
	return []*Tensor{&h.Centre, &h.Scale, &h.Linear, &h.Dense, &h.DenseBias, &h.Out}
}

// Units is the size of the dense layer, 0 for the linear floor.
func (h *SolutionHead) Units() int { return h.Dense.Cols }

// check reports weights that do not fit together, or are not finite.
func (h *SolutionHead) check() error {
	var want SolutionHead
	units := h.Dense.Cols
	if units < 0 || units > maxUnits {
		return fmt.Errorf("the solution head has %d units", units)
	}
	sizes := want.layout(units)
	for i, t := range h.all() {
		if err := t.check(*sizes[i]); err != nil {
			return err
		}
	}
	return nil
}

// Read writes what the head reads of s to x, SolutionWidth numbers, standardised.
func (h *SolutionHead) Read(s feature.Solution, x []float32) {
	clear(x)
	s = s.Without(h.Without...)
	standardise(s.Symbols[:], &h.Centre, &h.Scale, x[:feature.NumPooledSymbols])
	if s.LogProbs != nil {
		for i, v := range s.LogProbs {
			k := feature.NumPooledSymbols + i
			x[k] = (v - h.Centre.Data[k]) * h.Scale.Data[k]
		}
	}
	for i, v := range x {
		x[i] = max(min(v, furthest), -furthest)
	}
}

// Logit returns the head's logit of an answer.
func (h *SolutionHead) Logit(s feature.Solution) float64 {
	x := make([]float32, SolutionWidth)
	h.Read(s, x)
	var out [1]float32
	multiply(x, &h.Linear, out[:])
	hidden := append([]float32(nil), h.DenseBias.Data...)
	multiply(x, &h.Dense, hidden)
	for i, v := range hidden {
		hidden[i] = max(v, 0)
	}
	multiply(hidden, &h.Out, out[:])
	return float64(out[0])
}
