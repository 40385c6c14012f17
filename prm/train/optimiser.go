package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"aprm/prm"
)

// Adam's usual constants.
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// optimiser is Adam made optimistic: what its moments average is 2g_t − g_{t−1} in place of g_t, the step of optimistic
// gradient descent that damps the cycling of two players who learn against each other (Daskalakis et al. 2018, arXiv
// 1711.00141; APRM's OGDA, arXiv 2511.22888). The L2 penalty is decoupled from Adam's scaling (arXiv 1711.05101).
//
// Everything it knows is here and in its state, so that a run taken up again goes on bit for bit.
type optimiser struct {
	round int // of the game
	epoch int // finished in this round

	bestEpoch int     // in this round, 0 before the first
	bestLoss  float64 // held-out, at bestEpoch

	weights *prm.Weights // where the run stands, which may be epochs behind the best
	moments              // of weights.Trained
}

// moments are what Adam remembers of some tensors.
type moments struct {
	steps   int         // taken over all rounds
	follows bool        // g is of the step before: none is before the first of a round
	m, v, g [][]float32 // first and second moment, last gradient: one slice a tensor
}

func newMoments(tensors []*prm.Tensor) moments {
	var o moments
	for _, t := range tensors {
		o.m = append(o.m, make([]float32, len(t.Data)))
		o.v = append(o.v, make([]float32, len(t.Data)))
		o.g = append(o.g, make([]float32, len(t.Data)))
	}
	return o
}

func newOptimiser(w *prm.Weights) *optimiser {
	return &optimiser{weights: w, moments: newMoments(w.Trained())}
}

// step moves params (numbers of the i-th tensor) against gradient. All tensors of one update share a count.
func (o *moments) step(i int, params, gradient []float32, opt Options) {
	m, v, last := o.m[i], o.v[i], o.g[i]
	plain := opt.Plain || !o.follows
	n := float64(o.steps + 1)
	size := float32(opt.Rate / (1 - math.Pow(beta1, n)))
	unbias := float32(1 / (1 - math.Pow(beta2, n)))
	shrink := float32(1 - opt.Rate*opt.Decay)
	for k, g := range gradient {
		d := 2*g - last[k]
		if plain {
			d = g
		}
		last[k] = g
		m[k] = beta1*m[k] + (1-beta1)*d
		v[k] = beta2*v[k] + (1-beta2)*d*d
		params[k] = params[k]*shrink - size*m[k]/(float32(math.Sqrt(float64(v[k]*unbias)))+epsilon)
	}
}

// done ends an update of all tensors.
func (o *moments) done() { o.steps, o.follows = o.steps+1, true }

// begin starts a round, whose first loss to beat is given (NaN when there is none to go by). Moments stay; the last
// gradient was that of other weights and other lessons, so the first step is a plain one.
func (o *optimiser) begin(round int, loss float64) {
	o.follows = false
	o.round, o.epoch, o.bestEpoch, o.bestLoss = round, 0, 0, loss
	if math.IsNaN(loss) {
		o.bestLoss = math.Inf(1)
	}
}

const stateVersion = 1

// marshal returns the whole state.
func (o *optimiser) marshal() []byte {
	var b []byte
	for _, n := range []int{stateVersion, o.round, o.epoch, o.steps, o.bestEpoch} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n)) // #nosec G115 -- counts are not below 0
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(o.bestLoss))
	for i, t := range o.weights.Trained() {
		for _, data := range [][]float32{t.Data, o.m[i], o.v[i], o.g[i]} {
			for _, x := range data {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
		}
	}
	return b
}

// unmarshalOptimiser reads a state of a network whose weights are shaped like w; w's trained numbers are replaced by
// the state's.
func unmarshalOptimiser(b []byte, w *prm.Weights) (*optimiser, error) {
	o := newOptimiser(w)
	want := 6 * 8
	for _, t := range w.Trained() {
		want += 4 * 4 * len(t.Data)
	}
	if len(b) != want {
		return nil, fmt.Errorf("optimiser's state has %d bytes, want %d: start from a checkpoint of this network", len(b), want)
	}
	next := func() uint64 {
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return n
	}
	if v := next(); v != stateVersion {
		return nil, fmt.Errorf("optimiser's state has version %d, this build reads %d: start afresh", v, stateVersion)
	}
	o.round, o.epoch, o.steps, o.bestEpoch = int(next()), int(next()), int(next()), int(next()) // #nosec G115 -- looked at below
	o.bestLoss = math.Float64frombits(next())
	o.follows = o.epoch > 0
	if o.steps < 0 || o.epoch < 0 {
		return nil, errors.New("optimiser's state is damaged: start afresh")
	}
	for i, t := range w.Trained() {
		for _, data := range [][]float32{t.Data, o.m[i], o.v[i], o.g[i]} {
			for k := range data {
				data[k] = math.Float32frombits(binary.LittleEndian.Uint32(b))
				b = b[4:]
			}
		}
	}
	return o, nil
}
