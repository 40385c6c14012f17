package prm

import (
	"fmt"
	"math"

	"aprm/prm/feature"
)

// Tensor is a named matrix of weights, row-major: Data[r*Cols+c].
type Tensor struct {
	Name       string
	Rows, Cols int
	Data       []float32
}

// Block is a part of what the dense layer reads.
type Block int

const (
	LastState Block = iota // projected hidden state at the last token
	MeanState              // projected mean hidden state
	Words                  // embedded bag of the step
	Context                // embedded bag of question and earlier steps
	Cross                  // Words ⊙ Context
	Roles                  // embedded bag of number roles
	LogProbs               // standardised log-probabilities
	Symbols                // standardised symbolic checks
	NumBlocks              //
)

var blockNames = [NumBlocks]string{"last", "mean", "words", "context", "cross", "roles", "logprobs", "symbols"}

func (b Block) String() string { return blockNames[b] }

// Weights are all numbers of a network, trained or fixed. Its matrices are shared, not copied, when a Weights is.
type Weights struct {
	// Fixed when training starts: inputs are read as (x − Centre)·Scale, a 1 × n row each.
	LastCentre, LastScale         Tensor // n = Width
	MeanCentre, MeanScale         Tensor // n = Width
	LogProbsCentre, LogProbsScale Tensor // n = feature.NumLogProbs
	SymbolsCentre, SymbolsScale   Tensor // n = feature.NumSymbols

	// Trained.
	LastProjection, MeanProjection                 Tensor            // Width × Projected
	WordEmbedding, ContextEmbedding, RoleEmbedding Tensor            // feature.…Rows × Embedded
	Dense                                          [NumBlocks]Tensor // block's width × Hidden
	DenseBias                                      Tensor            // 1 × Hidden
	Skip                                           [NumBlocks]Tensor // block's width × 2
	Out                                            Tensor            // Hidden × 2
	OutBias                                        Tensor            // 1 × 2
}

// NewWeights returns zero weights, with scales of one, for networks of the header's width and shape.
func NewWeights(h Header) *Weights {
	w := layout(h)
	for _, t := range w.all() {
		t.Data = make([]float32, t.Rows*t.Cols)
	}
	for _, t := range []*Tensor{&w.LastScale, &w.MeanScale, &w.LogProbsScale, &w.SymbolsScale} {
		for i := range t.Data {
			t.Data[i] = 1
		}
	}
	return w
}

// layout returns weights with names and sizes, and no numbers yet.
func layout(h Header) *Weights {
	s := h.Shape
	row := func(name string, n int) Tensor { return Tensor{Name: name, Rows: 1, Cols: n} }
	w := &Weights{
		LastCentre: row("last.centre", h.Width), LastScale: row("last.scale", h.Width),
		MeanCentre: row("mean.centre", h.Width), MeanScale: row("mean.scale", h.Width),
		LogProbsCentre: row("logprobs.centre", feature.NumLogProbs), LogProbsScale: row("logprobs.scale", feature.NumLogProbs),
		SymbolsCentre: row("symbols.centre", feature.NumSymbols), SymbolsScale: row("symbols.scale", feature.NumSymbols),

		LastProjection:   Tensor{Name: "last.projection", Rows: h.Width, Cols: s.Projected},
		MeanProjection:   Tensor{Name: "mean.projection", Rows: h.Width, Cols: s.Projected},
		WordEmbedding:    Tensor{Name: "words.embedding", Rows: feature.WordRows, Cols: s.Embedded},
		ContextEmbedding: Tensor{Name: "context.embedding", Rows: feature.ContextRows, Cols: s.Embedded},
		RoleEmbedding:    Tensor{Name: "roles.embedding", Rows: feature.RoleRows, Cols: s.Embedded},
		DenseBias:        row("dense.bias", s.Hidden),
		Out:              Tensor{Name: "out", Rows: s.Hidden, Cols: 2},
		OutBias:          row("out.bias", 2),
	}
	for b := range NumBlocks {
		w.Dense[b] = Tensor{Name: b.String() + ".dense", Rows: s.width(b), Cols: s.Hidden}
		w.Skip[b] = Tensor{Name: b.String() + ".skip", Rows: s.width(b), Cols: 2}
	}
	return w
}

// floats is how many numbers the weights of a network of this header hold.
func (h Header) floats() int {
	n := 0
	for _, t := range layout(h).all() {
		n += t.Rows * t.Cols
	}
	return n
}

// width is how many numbers of the block the dense layer reads.
func (s Shape) width(b Block) int {
	switch b {
	case LastState, MeanState:
		return s.Projected
	case LogProbs:
		return feature.NumLogProbs
	case Symbols:
		return feature.NumSymbols
	default:
		return s.Embedded
	}
}

// Fixed returns the tensors that training leaves alone once they are set, in the order of the checkpoint.
func (w *Weights) Fixed() []*Tensor {
	return []*Tensor{&w.LastCentre, &w.LastScale, &w.MeanCentre, &w.MeanScale, &w.LogProbsCentre, &w.LogProbsScale,
		&w.SymbolsCentre, &w.SymbolsScale}
}

// Trained returns the tensors that training moves, in the order of the checkpoint, which follows Fixed's.
func (w *Weights) Trained() []*Tensor {
	all := []*Tensor{&w.LastProjection, &w.MeanProjection, &w.WordEmbedding, &w.ContextEmbedding, &w.RoleEmbedding}
	for b := range w.Dense {
		all = append(all, &w.Dense[b], &w.Skip[b])
	}
	return append(all, &w.DenseBias, &w.Out, &w.OutBias)
}

func (w *Weights) all() []*Tensor { return append(w.Fixed(), w.Trained()...) }

// Clone returns a deep copy.
func (w *Weights) Clone() *Weights {
	c := *w
	for _, t := range c.all() {
		t.Data = append([]float32(nil), t.Data...)
	}
	return &c
}

// check reports weights that do not fit h, or are not finite.
func (w *Weights) check(h Header) error {
	want := layout(h).all()
	for i, t := range w.all() {
		if err := t.check(*want[i]); err != nil {
			return err
		}
	}
	return nil
}

// check reports a tensor that isn't of the size of want, or is not finite.
func (t *Tensor) check(want Tensor) error {
	if t.Rows != want.Rows || t.Cols != want.Cols || len(t.Data) != t.Rows*t.Cols {
		return fmt.Errorf("%s is %d × %d with %d numbers, want %d × %d", want.Name, t.Rows, t.Cols, len(t.Data), want.Rows, want.Cols)
	}
	for k, v := range t.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%s[%d] is %v: the weights are not finite", want.Name, k, v)
		}
	}
	return nil
}
