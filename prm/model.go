package prm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// Model is a trained PRM. It never changes, so any number of goroutines may use it, and a new one is put in place by
// swapping a pointer.
type Model struct {
	header    Header
	weights   *Weights
	optimiser []byte
	solution  *SolutionHead // nil for none
	prefix    *SolutionHead // of beginnings, nil for none
	id        string

	last, mean projection
}

// projection is standardising and projecting in one: y = Rows·x + Shift, since ((x − c)·s)P = x(sP) − (cs)P.
type projection struct {
	width int
	rows  []float32 // Projected × Width: rows are contiguous, one dot product each
	shift []float32 // Projected
}

// New returns a Model of h and w, which it owns from then on. optimiser is the training's own state, carried along in
// the checkpoint and meaningless here; nil for none. The header must name neither a solution nor a prefix head: see
// Model.Judging and Model.Foreseeing.
func New(h Header, w *Weights, optimiser []byte) (*Model, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if h.Solution != nil || h.Prefix != nil {
		return nil, errors.New("the header names a head that isn't given")
	}
	if err := w.check(h); err != nil {
		return nil, err
	}
	m := &Model{header: h, weights: w, optimiser: optimiser}
	m.last = newProjection(&w.LastProjection, &w.LastCentre, &w.LastScale)
	m.mean = newProjection(&w.MeanProjection, &w.MeanCentre, &w.MeanScale)
	m.id = m.hash()
	return m, nil
}

// Judging returns the model with a solution head, which it owns from then on, in the place of the one it may have. of
// says what it was found to be worth; Units, Without and Programs are the head's own.
func (m *Model) Judging(head *SolutionHead, of SolutionHeader) (*Model, error) {
	if err := head.check(); err != nil {
		return nil, err
	}
	out := *m
	of.Units, of.Without, of.Programs = head.Units(), head.Without, head.ReadsPrograms()
	out.header.Solution, out.solution = &of, head
	if err := out.header.check(); err != nil {
		return nil, err
	}
	out.id = out.hash()
	return &out, nil
}

// Foreseeing returns the model with a prefix head, a linear one that it owns from then on, in the place of the one it
// may have. of says what it was found to be worth; Without is the head's own.
func (m *Model) Foreseeing(head *SolutionHead, of PrefixHeader) (*Model, error) {
	if err := head.check(); err != nil {
		return nil, err
	}
	if head.Units() > 0 || head.ReadsPrograms() {
		return nil, errors.New("a prefix head is linear and reads no programs")
	}
	out := *m
	of.Without = head.Without
	out.header.Prefix, out.prefix = &of, head
	out.id = out.hash()
	return &out, nil
}

// Prefix is the prefix head, nil where it has none. It must not be changed.
func (m *Model) Prefix() *SolutionHead { return m.prefix }

// Solution is the solution head, nil where it has none. It must not be changed.
func (m *Model) Solution() *SolutionHead { return m.solution }

// Judge adds the solution head's word on a whole answer, and the prefix head's on the beginning of one in prose, to the
// scores of its steps: inputs are those of all its steps, tokens as feature.Pool takes them, program what is known of
// its run where it is one.
func (m *Model) Judge(scores []Score, inputs []feature.Input, tokens [][]step.Token, program *feature.Program) Judgement {
	j := Judgement{Steps: scores}
	if len(inputs) == 0 || m.solution == nil && m.prefix == nil {
		return j
	}
	read := feature.Pool(inputs, tokens)
	if m.solution != nil {
		j.Solution, j.Whole = vote.Logistic(m.solution.Logit(read.Of(program))), true
	}
	if m.prefix != nil && program == nil {
		j.Prefix, j.Begun = vote.Logistic(m.prefix.Logit(read)), true
	}
	return j
}

func newProjection(p, centre, scale *Tensor) projection {
	out := projection{width: p.Rows, rows: make([]float32, len(p.Data)), shift: make([]float32, p.Cols)}
	for c := range p.Cols {
		var shift float64
		for r := range p.Rows {
			v := float64(p.Data[r*p.Cols+c]) * float64(scale.Data[r])
			out.rows[c*p.Rows+r] = float32(v)
			shift -= v * float64(centre.Data[r])
		}
		out.shift[c] = float32(shift)
	}
	return out
}

// apply adds the projection of x to y; a masked x, or one of another width, leaves y at zero.
func (p projection) apply(x, y []float32) {
	if len(x) != p.width || p.width == 0 {
		return
	}
	copy(y, p.shift)
	v := blas32.Vector{N: p.width, Inc: 1, Data: x}
	for i := range y {
		y[i] += blas32.Dot(v, blas32.Vector{N: p.width, Inc: 1, Data: p.rows[i*p.width : (i+1)*p.width]})
	}
}

// Header returns what the model says of itself.
func (m *Model) Header() Header { return m.header }

// Weights returns a copy of the weights.
func (m *Model) Weights() *Weights { return m.weights.Clone() }

// Optimiser returns the state of the training that made the model, nil when it carries none. Don't write to it.
func (m *Model) Optimiser() []byte { return m.optimiser }

// ID is a short hash of header and weights (not of the time of creation or the optimiser's state): 12 hex digits.
func (m *Model) ID() string { return m.id }

// tensors are all of the model's, in the order of the checkpoint.
func (m *Model) tensors() []*Tensor {
	all := m.weights.all()
	if m.solution != nil {
		all = append(all, m.solution.all()...)
	}
	if m.prefix != nil {
		all = append(all, m.prefix.all()...)
	}
	return all
}

func (m *Model) hash() string {
	h := m.header
	h.Created = time.Time{}
	sum := sha256.New()
	// A Header of finite numbers always marshals: check has seen to it.
	head, _ := json.Marshal(h)
	sum.Write(head)
	var buf []byte
	for _, t := range m.tensors() {
		buf = appendFloats(buf[:0], t.Data)
		sum.Write(buf)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

// Accepts reports whether hidden states of that model and width are the ones this Model was trained on. At any other
// endpoint they must be masked (feature.Input.Without).
func (m *Model) Accepts(model string, width int) bool {
	return m.header.Width > 0 && m.header.Model == model && m.header.Width == width
}

// Sees reports whether the network reads hidden states in this input; those of another width than the model's are
// masked.
func (m *Model) Sees(in feature.Input) bool {
	w := m.header.Width
	in = in.Without(m.header.Without...)
	return w > 0 && (len(in.Last) == w || len(in.Mean) == w)
}

// Reading returns how the logits of this input are read: with hidden states or without.
func (m *Model) Reading(in feature.Input) Reading {
	if m.Sees(in) {
		return m.header.Sighted
	}
	return m.header.Masked
}

// Score returns the calibrated probabilities of one step.
func (m *Model) Score(in feature.Input) Score {
	s, v := m.Logits(in)
	r := m.Reading(in)
	return Score{Step: r.Step.Probability(s), Value: r.Value.Probability(v)}
}

// Logits returns the heads' raw outputs, before calibration.
func (m *Model) Logits(in feature.Input) (step, value float64) {
	in = in.Without(m.header.Without...)
	w, s := m.weights, m.header.Shape
	var z [NumBlocks][]float32
	for b := range NumBlocks {
		z[b] = make([]float32, s.width(b))
	}
	m.last.apply(in.Last, z[LastState])
	m.mean.apply(in.Mean, z[MeanState])
	embed(&w.WordEmbedding, in.Words, z[Words])
	embed(&w.ContextEmbedding, in.Context, z[Context])
	embed(&w.RoleEmbedding, in.Roles, z[Roles])
	for i, v := range z[Words] {
		z[Cross][i] = v * z[Context][i]
	}
	if in.LogProbs != nil {
		standardise(in.LogProbs[:], &w.LogProbsCentre, &w.LogProbsScale, z[LogProbs])
	}
	standardise(in.Symbols[:], &w.SymbolsCentre, &w.SymbolsScale, z[Symbols])

	hidden := append([]float32(nil), w.DenseBias.Data...)
	out := [2]float32{w.OutBias.Data[0], w.OutBias.Data[1]}
	for b := range NumBlocks {
		multiply(z[b], &w.Dense[b], hidden)
		multiply(z[b], &w.Skip[b], out[:])
	}
	for i, v := range hidden {
		hidden[i] = max(v, 0)
	}
	multiply(hidden, &w.Out, out[:])
	return float64(out[0]), float64(out[1])
}

// embed writes the sum of the bag's rows, each weighing 1/√n, to y.
func embed(table *Tensor, bag []uint16, y []float32) {
	if len(bag) == 0 {
		return
	}
	for _, r := range bag {
		row := table.Data[int(r)*table.Cols:][:table.Cols]
		for i, v := range row {
			y[i] += v
		}
	}
	scale := BagWeight(len(bag))
	for i := range y {
		y[i] *= scale
	}
}

// BagWeight is what each of a bag's n indices weighs.
func BagWeight(n int) float32 { return float32(1 / math.Sqrt(float64(n))) }

func standardise(x []float32, centre, scale *Tensor, y []float32) {
	for i, v := range x {
		y[i] = (v - centre.Data[i]) * scale.Data[i]
	}
}

// multiply adds x·w to y.
func multiply(x []float32, w *Tensor, y []float32) {
	for r, v := range x {
		if v == 0 {
			continue
		}
		row := w.Data[r*w.Cols:][:w.Cols]
		for c, u := range row {
			y[c] += v * u // #nosec G602 -- y is as wide as w
		}
	}
}

// String names the model for logs.
func (m *Model) String() string {
	if m.header.Width == 0 {
		return fmt.Sprintf("%s (round %d, without hidden states)", m.id, m.header.Round)
	}
	return fmt.Sprintf("%s (round %d, hidden states of %s)", m.id, m.header.Round, m.header.Model)
}
