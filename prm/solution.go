package prm

import (
	"fmt"

	"aprm/prm/feature"
)

// SolutionWidth is how many numbers the solution head reads.
const SolutionWidth = feature.NumPooledSymbols + feature.NumPooledLogProbs

// SolutionHead tells which of two answers to one problem ends right: their odds are the difference of its logits
// (Bradley–Terry). It reads a feature.Solution, standardised and cut off at two deviations, masked numbers as their
// mean, with a linear part and, where training found that it beats the linear part alone, a dense layer beside it:
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

	// Programs, where it has weights of its own for them (no rows: they are read as prose is):
	//
	//	logit = [x, feature.Program]·Program
	//
	// which stands beside that of prose, so that answers of both kinds can be compared.
	ProgramCentre, ProgramScale Tensor // 1 × SolutionWidth
	Program                     Tensor // (SolutionWidth + feature.NumProgram) × 1

	Without []feature.Block // inputs that it doesn't read

	name string // that its tensors' begin with
}

// furthest is how many deviations from its mean a number counts at most: what is far out, in problems unlike those
// learned from, must not decide alone.
const furthest = 2

// ReadPrograms gives the head weights for programs, all zero, scales one.
func (h *SolutionHead) ReadPrograms() {
	for _, t := range h.programs() {
		t.Data = make([]float32, t.Rows*t.Cols)
	}
	for i := range h.ProgramScale.Data {
		h.ProgramScale.Data[i] = 1
	}
}

// programs names and sizes the tensors for programs.
func (h *SolutionHead) programs() []*Tensor {
	size := func(t *Tensor, name string, rows, cols int) *Tensor {
		t.Name, t.Rows, t.Cols = h.name+".program."+name, rows, cols
		return t
	}
	return []*Tensor{size(&h.ProgramCentre, "centre", 1, SolutionWidth), size(&h.ProgramScale, "scale", 1, SolutionWidth),
		size(&h.Program, "linear", SolutionWidth+feature.NumProgram, 1)}
}

// ReadsPrograms reports whether it has weights of its own for programs.
func (h *SolutionHead) ReadsPrograms() bool { return h.Program.Rows > 0 }

// NewSolutionHead returns a head of so many units whose weights are zero, and whose scales are one.
func NewSolutionHead(units int, without ...feature.Block) *SolutionHead {
	return newHead("solution", units, without)
}

// NewPrefixHead returns a linear head whose weights are zero, and whose scales are one. It reads the beginning of an
// answer as a SolutionHead reads a whole one, and tells which of two beginnings of as many steps ends right.
func NewPrefixHead(without ...feature.Block) *SolutionHead { return newHead("prefix", 0, without) }

func newHead(name string, units int, without []feature.Block) *SolutionHead {
	h := &SolutionHead{Without: without, name: name}
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
		t.Name, t.Rows, t.Cols = h.name+"."+name, rows, cols
		return t
	}
	return []*Tensor{
		size(&h.Centre, "centre", 1, SolutionWidth), size(&h.Scale, "scale", 1, SolutionWidth),
		size(&h.Linear, "linear", SolutionWidth, 1),
		size(&h.Dense, "dense", SolutionWidth, units), size(&h.DenseBias, "dense.bias", 1, units), size(&h.Out, "out", units, 1),
	}
}

func (h *SolutionHead) all() []*Tensor {
	all := []*Tensor{&h.Centre, &h.Scale, &h.Linear, &h.Dense, &h.DenseBias, &h.Out}
	if h.ReadsPrograms() {
		all = append(all, &h.ProgramCentre, &h.ProgramScale, &h.Program)
	}
	return all
}

// Units is the size of the dense layer, 0 for the linear floor.
func (h *SolutionHead) Units() int { return h.Dense.Cols }

// check reports weights that do not fit together, or are not finite.
func (h *SolutionHead) check() error {
	want := SolutionHead{name: h.name}
	units := h.Dense.Cols
	if units < 0 || units > maxUnits {
		return fmt.Errorf("the solution head has %d units", units)
	}
	sizes := want.layout(units)
	if h.ReadsPrograms() {
		sizes = append(sizes, want.programs()...)
	}
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
	centre, scale := &h.Centre, &h.Scale
	if s.Program != nil && h.ReadsPrograms() {
		centre, scale = &h.ProgramCentre, &h.ProgramScale
	}
	standardise(s.Symbols[:], centre, scale, x[:feature.NumPooledSymbols])
	if s.LogProbs != nil {
		for i, v := range s.LogProbs {
			k := feature.NumPooledSymbols + i
			x[k] = (v - centre.Data[k]) * scale.Data[k]
		}
	}
	for i, v := range x {
		x[i] = max(min(v, furthest), -furthest)
	}
}

// Logit returns the head's logit of an answer. The log-probabilities of a program are no prose's: a head without
// weights for programs doesn't read them.
func (h *SolutionHead) Logit(s feature.Solution) float64 {
	if s.Program != nil && !h.ReadsPrograms() {
		s.LogProbs = nil
	}
	x := make([]float32, SolutionWidth)
	h.Read(s, x)
	var out [1]float32
	if s.Program != nil && h.ReadsPrograms() {
		run := s.Program.Numbers()
		multiply(append(x, run[:]...), &h.Program, out[:])
		return float64(out[0])
	}
	multiply(x, &h.Linear, out[:])
	hidden := append([]float32(nil), h.DenseBias.Data...)
	multiply(x, &h.Dense, hidden)
	for i, v := range hidden {
		hidden[i] = max(v, 0)
	}
	multiply(hidden, &h.Out, out[:])
	return float64(out[0])
}
