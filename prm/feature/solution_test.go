package feature

import (
	"math"
	"testing"

	"aprm/prm/step"
)

func close32(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }

// TestPool is by hand: two steps whose inputs hold small numbers.
func TestPool(t *testing.T) {
	a, b := Input{LogProbs: new([NumLogProbs]float32)}, Input{LogProbs: new([NumLogProbs]float32)}
	a.Symbols[3], b.Symbols[3] = 4, -2
	a.LogProbs[1], b.LogProbs[1] = -1, -3
	lines := [][]step.Token{{{Text: "2", LogProb: -0.5}}, {{Text: "3", LogProb: -1.5}}}
	s := Pool([]Input{a, b}, lines)
	for name, test := range map[string]struct{ got, want float32 }{
		"mean":                          {s.Symbols[3], 1},
		"least":                         {s.Symbols[NumSymbols+3], -2},
		"greatest":                      {s.Symbols[2*NumSymbols+3], 4},
		"last":                          {s.Symbols[3*NumSymbols+3], -2},
		"steps":                         {s.Symbols[NumPooledSymbols-1], float32(math.Log(3) / 3)},
		"another":                       {s.Symbols[2*NumSymbols+4], 0},
		"mean of log-probabilities":     {s.LogProbs[1], -2},
		"least of log-probabilities":    {s.LogProbs[NumLogProbs+1], -3},
		"greatest of log-probabilities": {s.LogProbs[2*NumLogProbs+1], -1},
		"last of log-probabilities":     {s.LogProbs[3*NumLogProbs+1], -3},
		"profile":                       {s.LogProbs[pools*NumLogProbs+profMean], -1},
	} {
		if !close32(test.got, test.want) {
			t.Errorf("%s: %g, want %g", name, test.got, test.want)
		}
	}
	masked := b
	masked.LogProbs = nil
	nan := [][]step.Token{{{Text: "2", LogProb: math.NaN()}}, nil}
	for name, s := range map[string]Solution{
		"a step without log-probabilities": Pool([]Input{a, masked}, lines),
		"no tokens":                        Pool([]Input{a, b}, nil),
		"steps without tokens":             Pool([]Input{a, b}, make([][]step.Token, 2)),
		"a token whose chance is NaN":      Pool([]Input{a, b}, nan),
		"log-probabilities left out":       s.Without(BlockLogProbs),
	} {
		if s.LogProbs != nil || s.Symbols[3] != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if blank := s.Without(BlockSymbols, BlockWords); blank.Symbols != ([NumPooledSymbols]float32{}) || blank.LogProbs == nil || s.Symbols[3] != 1 {
		t.Errorf("symbols left out: %+v", blank)
	}
}

// TestProfile is by hand: "4 + 1 = 5 so" with the log-probabilities given, and three alternatives for the 5.
func TestProfile(t *testing.T) {
	ln := math.Log
	lines := [][]step.Token{{
		{Text: "4", LogProb: -0.1}, {Text: " +", LogProb: -0.3}, {Text: " 1", LogProb: -0.7}, {Text: " =", LogProb: 0},
		{Text: " 5", LogProb: ln(0.5), Top: []step.Alternative{{LogProb: ln(0.5)}, {LogProb: ln(0.25)}, {LogProb: ln(0.25)}}},
	}, {{Text: "so", LogProb: math.Inf(-1)}, {Text: ".", LogProb: 0.2}}}
	p := profileOf(lines)
	at := func(class, figure int) float32 { return p[class*profClassSize+figure] }
	want := func(name string, got float32, want float64) {
		t.Helper()
		if !close32(got, float32(want)) {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
	half := ln(0.5)
	want("mean of all", at(classAll, profMean), (-0.1-0.3-0.7+half-30)/7) // −Inf counts −30, 0.2 counts 0
	want("least of all", at(classAll, profMin), -6)
	want("tenth of all", at(classAll, profTenth), -10)
	want("unsure of all", at(classAll, profUnsure), 2./7) // −0.7 and −30; one half isn't less than one half
	want("mean of digits", at(classDigit, profMean), (-0.1-0.7+half)/3)
	want("mean of operands", at(classOperand, profMean), -0.4)
	want("mean of results", at(classResult, profMean), half)
	want("mean of operators", at(classOperator, profMean), -0.15)
	want("mean of words", at(classWord, profMean), -30)
	want("margin", at(classResult, profMargin), ln(2)/5)
	want("entropy", at(classResult, profEntropy), float64(p[profMaxEntropy])) // of the only token with alternatives
	want("entropy of operands", at(classOperand, profEntropy), 0)
	if p[profMaxEntropy] < 1 || p[profMaxEntropy] > 1.2 { // 1.5 ln 2 = 1.04
		t.Errorf("entropy %g", p[profMaxEntropy])
	}
	want("last ten", p[profLastTen], (-0.1-0.3-0.7+half-30)/7)
	want("length", p[profLength], ln(8)/5)
	first := (-0.1 - 0.3 - 0.7 + half) / 5
	want("spread", p[profSpread], (15+first)/2) // of first and −15, from their mean
}

func TestConfidence(t *testing.T) {
	tok := func(text string, lp float64) step.Token { return step.Token{Text: text, LogProb: lp} }
	for name, test := range map[string]struct {
		tokens [][]step.Token
		want   float64
		ok     bool
	}{
		"digits alone count":  {[][]step.Token{{tok("2", -1), tok(" pens", -9)}, {tok(" =", -9), tok(" 15", -3)}}, -2, true},
		"no digits":           {[][]step.Token{{tok("two", -1)}}, 0, false},
		"no tokens":           {nil, 0, false},
		"no number":           {[][]step.Token{{tok("2", math.NaN())}}, 0, false},
		"−Inf is cut off":     {[][]step.Token{{tok("2", math.Inf(-1)), tok("3", 0)}}, -15, true},
		"no more than surely": {[][]step.Token{{tok("2", 5)}}, 0, true},
	} {
		if got, ok := Confidence(test.tokens); ok != test.ok || math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s: %g, %v; want %g, %v", name, got, ok, test.want, test.ok)
		}
	}
}
