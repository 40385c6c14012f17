package metric

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b) }

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		name     string
		scores   []float64
		positive []bool
		want     float64
	}{
		{"perfect", []float64{.9, .8, .1}, []bool{true, true, false}, 1},
		{"reversed", []float64{.1, .9}, []bool{true, false}, 0},
		{"all tied", []float64{.5, .5, .5}, []bool{true, false, true}, .5},
		{"one tie", []float64{.5, .5, .1}, []bool{true, false, false}, .75},
		{"one class", []float64{.5, .4}, []bool{true, true}, math.NaN()},
		{"none", nil, nil, math.NaN()},
		{"NaN score", []float64{math.NaN(), .4}, []bool{true, false}, math.NaN()},
	} {
		if got := AUC(c.scores, c.positive); !near(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// AUC against its definition, pair by pair, over and within groups.
func TestAUCMeetsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		scores, positive, group := make([]float64, n), make([]bool, n), make([]string, n)
		for i := range n {
			scores[i] = float64(rapid.IntRange(0, 5).Draw(t, "score"))
			positive[i] = rapid.Bool().Draw(t, "positive")
			group[i] = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group")
		}
		var won, pairs, wonIn, pairsIn float64
		for i := range n {
			for j := range n {
				if !positive[i] || positive[j] {
					continue
				}
				w := 0.0
				switch {
				case scores[i] > scores[j]:
					w = 1
				case scores[i] == scores[j]:
					w = .5
				}
				won, pairs = won+w, pairs+1
				if group[i] == group[j] {
					wonIn, pairsIn = wonIn+w, pairsIn+1
				}
			}
		}
		if got := AUC(scores, positive); !near(got, won/pairs) {
			t.Fatalf("AUC %v, want %v", got, won/pairs)
		}
		if got := GroupAUC(scores, positive, group); !near(got, wonIn/pairsIn) {
			t.Fatalf("GroupAUC %v, want %v", got, wonIn/pairsIn)
		}
	})
}

func TestGroupAUCIgnoresDifficulty(t *testing.T) {
	// Every score says only which problem it is: all right, yet nothing is known within a problem.
	scores := []float64{.9, .9, .9, .1, .1, .1}
	positive := []bool{true, true, false, true, false, false}
	group := []string{"easy", "easy", "easy", "hard", "hard", "hard"}
	if got := AUC(scores, positive); got <= .6 {
		t.Errorf("AUC %v, want above .6", got)
	}
	if got := GroupAUC(scores, positive, group); got != .5 {
		t.Errorf("GroupAUC %v, want .5", got)
	}
}

func TestECE(t *testing.T) {
	for _, c := range []struct {
		name string
		p    []float64
		y    []bool
		want float64
	}{
		{"calibrated", []float64{.5, .5}, []bool{true, false}, 0},
		{"sure and right", []float64{1, 0}, []bool{true, false}, 0},
		{"sure and wrong", []float64{1, 0}, []bool{false, true}, 1},
		{"too sure", []float64{.95, .95, .95, .95}, []bool{true, true, false, true}, .2},
		{"two bins", []float64{.05, .95}, []bool{true, true}, .5},
		{"none", nil, nil, math.NaN()},
	} {
		if got := ECE(c.p, c.y, 10); !near(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestStepF1(t *testing.T) {
	e, c, f := StepF1([]int{0, 2, 1, -1, -1}, []int{0, 1, -1, -1, 3})
	if !near(e, 1.0/3) || !near(c, .5) || !near(f, .4) {
		t.Errorf("got %v %v %v, want 1/3 1/2 2/5", e, c, f)
	}
	if _, _, f := StepF1([]int{0, -1}, []int{1, 0}); f != 0 {
		t.Errorf("nothing right: got %v, want 0", f)
	}
	if _, _, f := StepF1([]int{0}, []int{0}); !math.IsNaN(f) {
		t.Errorf("no correct solutions: got %v, want NaN", f)
	}
}

func TestBootstrap(t *testing.T) {
	x := make([]float64, 400)
	for i := range x {
		x[i] = float64(i % 2)
	}
	mean := func(idx []int) float64 {
		var s float64
		for _, i := range idx {
			s += x[i]
		}
		return s / float64(len(idx))
	}
	iv := Bootstrap(1, len(x), 2000, mean)
	// The standard error of a fair coin over 400 draws is .025, so the interval is .5 ± .049.
	if iv.Mean != .5 || math.Abs(iv.Low-.451) > .01 || math.Abs(iv.High-.549) > .01 {
		t.Errorf("got %+v, want about .451 .5 .549", iv)
	}
	if again := Bootstrap(1, len(x), 2000, mean); again != iv {
		t.Errorf("same seed: %+v, then %+v", iv, again)
	}
	if none := Bootstrap(1, 0, 10, mean); !math.IsNaN(none.Mean) || !math.IsNaN(none.Low) {
		t.Errorf("no units: got %+v, want NaN", none)
	}
	some := Bootstrap(1, 2, 100, func(idx []int) float64 {
		if idx[0] == 1 {
			return math.NaN()
		}
		return 1
	})
	if some.Low != 1 || some.High != 1 {
		t.Errorf("NaN draws: got %+v, want them left out", some)
	}
}

func TestFigureJSON(t *testing.T) {
	b, err := json.Marshal([]Figure{.25, Figure(math.NaN())})
	if err != nil || string(b) != "[0.25,null]" {
		t.Fatalf("got %s, %v", b, err)
	}
	var back []Figure
	if err := json.Unmarshal(b, &back); err != nil || back[0] != .25 || !math.IsNaN(float64(back[1])) {
		t.Fatalf("got %v, %v", back, err)
	}
}

// The values of Student's t are those of its published table: 2.776 at four degrees of freedom, 12.706 at one.
func TestStudentT(t *testing.T) {
	for _, tt := range []struct {
		values    []float64
		low, high float64
	}{
		{[]float64{1, 2, 3, 4, 5}, 3 - 2.776*math.Sqrt(2.5/5), 3 + 2.776*math.Sqrt(2.5/5)},
		{[]float64{1, 3}, 2 - 12.706, 2 + 12.706},
		{[]float64{4, 4, 4}, 4, 4},
		{[]float64{7}, math.NaN(), math.NaN()},
	} {
		got := StudentT(tt.values)
		if !near(math.Round(1000*got.Low)/1000, math.Round(1000*tt.low)/1000) || !near(math.Round(1000*got.High)/1000, math.Round(1000*tt.high)/1000) {
			t.Errorf("%v: %+v, want [%.3f, %.3f]", tt.values, got, tt.low, tt.high)
		}
	}
	if got := StudentT(nil); !math.IsNaN(got.Mean) {
		t.Errorf("nothing: %+v", got)
	}
}
