package generator

import (
	"math"
	"testing"
)

// distanceAfter plays min over x, max over y of x·y + λ/2·x² − λ/2·y², whose only equilibrium is (0,0), from (1,1), and
// returns how far from it the last point is.
func distanceAfter(steps int, rate, lambda float64, optimistic bool) float64 {
	x, y := []float64{1}, []float64{1}
	down, up := Optimist{Rate: -rate}, Optimist{Rate: rate}
	for range steps {
		gx, gy := []float64{y[0] + lambda*x[0]}, []float64{x[0] - lambda*y[0]}
		if !optimistic { // a player without a memory takes plain steps
			down.Last, up.Last = nil, nil
		}
		down.Step(x, gx)
		up.Step(y, gy)
	}
	return math.Hypot(x[0], y[0])
}

func TestBilinearGame(t *testing.T) {
	start := math.Sqrt2
	for _, tt := range []struct {
		name         string
		rate, lambda float64
		optimistic   bool
		converges    bool
	}{
		{"plain steps cycle away", 0.1, 0, false, false},
		{"optimistic steps converge", 0.1, 0, true, true},
		{"regularised, plain steps converge", 0.1, 0.3, false, true},
		{"regularised, optimistic steps converge", 0.1, 0.3, true, true},
		{"regularised, plain steps diverge at a larger rate", 0.57, 0.25, false, false},
		{"regularised, optimistic steps converge there", 0.57, 0.25, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := distanceAfter(2000, tt.rate, tt.lambda, tt.optimistic)
			if tt.converges && !(d < 1e-3*start) || !tt.converges && !(d > start) {
				t.Errorf("distance to the equilibrium after 2000 steps: %g, at the start %g", d, start)
			}
		})
	}
}

// matrixGame is a game of two mixed strategies: rows get a, columns get b.
type matrixGame struct{ a, b [][]float64 }

func (g matrixGame) rewards(x, y []float64) (row, col []float64) {
	row, col = make([]float64, len(x)), make([]float64, len(y))
	for i := range x {
		for j := range y {
			row[i] += g.a[i][j] * y[j]
			col[j] += g.b[i][j] * x[i]
		}
	}
	return row, col
}

// play runs simultaneous steps of both players over softmaxes and returns the last strategies and, over the last half,
// the largest change of a probability in one step.
func (g matrixGame) play(steps int, rate, tau float64, optimistic bool) (x, y []float64, change float64) {
	u, v := []float64{1, 0}, []float64{0, 0.5}
	row, col := Optimist{Rate: rate}, Optimist{Rate: rate}
	for n := range steps {
		x, y = softmax(u), softmax(v)
		r, c := g.rewards(x, y)
		if !optimistic {
			row.Last, col.Last = nil, nil
		}
		row.Step(u, advantages(x, x, r, tau, 0))
		col.Step(v, advantages(y, y, c, tau, 0))
		if n > steps/2 {
			change = max(change, math.Abs(softmax(u)[0]-x[0]), math.Abs(softmax(v)[0]-y[0]))
		}
	}
	return softmax(u), softmax(v), change
}

// The adversary picks one of two tricks, the inspector looks for one of the two: zero-sum, with its equilibrium at
// (1/3, 2/3).
var inspection = matrixGame{a: [][]float64{{-2, 1}, {1, -0.5}}, b: [][]float64{{2, -1}, {-1, 0.5}}}

func TestMatrixGame(t *testing.T) {
	eq := 1.0 / 3
	for _, tt := range []struct {
		name       string
		rate, tau  float64
		optimistic bool
		settles    bool
	}{
		{"plain steps never settle", 0.1, 0, false, false},
		{"optimistic steps settle", 0.1, 0, true, true},
		{"regularised, plain steps settle", 0.1, 0.2, false, true},
		{"regularised, optimistic steps settle", 0.1, 0.2, true, true},
		{"regularised, plain steps do not settle at a larger rate", 0.4, 0.1, false, false},
		{"regularised, optimistic steps settle there", 0.4, 0.1, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, y, change := inspection.play(6000, tt.rate, tt.tau, tt.optimistic)
			if settled := change < 1e-6; settled != tt.settles {
				t.Errorf("largest change in a step %g, at %v, %v", change, x, y)
			}
			if tt.settles && tt.tau == 0 && (math.Abs(x[0]-eq) > 1e-4 || math.Abs(y[0]-eq) > 1e-4) {
				t.Errorf("settled at %v, %v, not at the equilibrium %v", x, y, eq)
			}
		})
	}
}

// Where two players settle with regularisation, no one gains by another mixed strategy: it is the quantal response.
func TestRegularisedEquilibrium(t *testing.T) {
	const tau = 0.2
	x, y, _ := inspection.play(4000, 0.1, tau, true)
	r, c := inspection.rewards(x, y)
	for i, want := range softmax([]float64{r[0] / tau, r[1] / tau}) {
		if math.Abs(want-x[i]) > 1e-6 {
			t.Errorf("row plays %v, its best response is %v", x, want)
		}
	}
	for i, want := range softmax([]float64{c[0] / tau, c[1] / tau}) {
		if math.Abs(want-y[i]) > 1e-6 {
			t.Errorf("column plays %v, its best response is %v", y, want)
		}
	}
}

// A general-sum game of three steps a turn: alternating best responses (each player steps until it stands still against
// the other's fixed strategy) reach the same unique equilibrium as simultaneous optimistic steps, when enough
// regularised.
func TestAlternatingBestResponse(t *testing.T) {
	const tau = 2
	game := matrixGame{a: [][]float64{{0.9, 0.2}, {0.4, 0.6}}, b: [][]float64{{0.1, 0.8}, {0.7, -1}}}
	x, y, _ := game.play(2000, 0.1, tau, true)
	u, v := []float64{1, 0}, []float64{0, 0.5}
	for range 60 {
		for _, mine := range []struct {
			logits []float64
			reward func() []float64
		}{
			{u, func() []float64 { r, _ := game.rewards(softmax(u), softmax(v)); return r }},
			{v, func() []float64 { _, c := game.rewards(softmax(u), softmax(v)); return c }},
		} {
			o := Optimist{Rate: 0.2}
			for range 200 {
				pi := softmax(mine.logits)
				o.Step(mine.logits, advantages(pi, pi, mine.reward(), tau, 0))
			}
		}
	}
	bx, by := softmax(u), softmax(v)
	if math.Abs(bx[0]-x[0]) > 1e-6 || math.Abs(by[0]-y[0]) > 1e-6 {
		t.Errorf("best responses end at %v, %v, optimistic steps at %v, %v", bx, by, x, y)
	}
}
