package metric

import (
	"math"
	"testing"
)

func TestPairsWon(t *testing.T) {
	for _, test := range []struct {
		scores     []float64
		positive   []bool
		won, pairs float64
	}{
		{nil, nil, 0, 0},
		{[]float64{1, 2}, []bool{true, true}, 0, 0},
		{[]float64{2, 1}, []bool{true, false}, 1, 1},
		{[]float64{1, 2}, []bool{true, false}, 0, 1},
		{[]float64{1, 1}, []bool{true, false}, 0.5, 1},
		{[]float64{3, 1, 2, 2}, []bool{true, true, false, true}, 1.5, 3},
		{[]float64{3, 1, 2, 2, 0}, []bool{true, true, false, true, false}, 4.5, 6},
	} {
		if won, pairs := PairsWon(test.scores, test.positive); won != test.won || pairs != test.pairs {
			t.Errorf("%v %v: %g of %g, want %g of %g", test.scores, test.positive, won, pairs, test.won, test.pairs)
		}
	}
	if won, _ := PairsWon([]float64{math.NaN(), 1}, []bool{true, false}); !math.IsNaN(won) {
		t.Errorf("a score that is no number wins %g", won)
	}
}
