package feature

import (
	"math"

	"aprm/prm/step"
)

// The log-probability block: natural logarithms, scaled to be about in [−1, 1]. None grows with the step's length
// but lpSum, which is damped by a logarithm; it stands for how likely the step is as a whole.
const (
	lpMean         = iota // mean log-probability a token (the length-normalised likelihood), over 2
	lpMin                 // the least likely token's, over 5
	lpSum                 // −log1p(−sum of all), over 5
	lpLast                // the last token's, over 2
	lpNumbers             // mean over tokens that hold a digit, over 2; 0 without any
	lpMinNumber           // the least likely digit token's, over 5; 0 without any
	lpEntropy             // mean entropy of the top alternatives, renormalised, in nats; 0 without alternatives
	lpMaxEntropy          // the highest entropy of a token, in nats, over 2; 0 without alternatives
	lpUnsure              // share of tokens less likely than 1/2
	lpAlternatives        // 1 when alternatives were given, so that an entropy of 0 is one
	NumLogProbs
)

// logProbs returns the block of a step's tokens; nil, masked, when there are none.
func logProbs(tokens []step.Token) *[NumLogProbs]float32 {
	if len(tokens) == 0 {
		return nil
	}
	var sum, lowest, numbers, minNumber, entropy, maxEntropy, unsure float64
	var digits, withTop int
	for _, t := range tokens {
		lp := bounded(t.LogProb)
		if math.IsNaN(lp) {
			return nil
		}
		sum += lp
		lowest = min(lowest, lp)
		if lp < -math.Ln2 {
			unsure++
		}
		if hasDigit(t.Text) {
			digits++
			numbers += lp
			minNumber = min(minNumber, lp)
		}
		if len(t.Top) > 1 {
			withTop++
			h := topEntropy(t.Top)
			entropy += h
			maxEntropy = max(maxEntropy, h)
		}
	}
	n := float64(len(tokens))
	var out [NumLogProbs]float32
	set := func(i int, v float64) { out[i] = float32(v) }
	set(lpMean, sum/n/2)
	set(lpMin, lowest/5)
	set(lpSum, -math.Log1p(-sum)/5)
	set(lpLast, bounded(tokens[len(tokens)-1].LogProb)/2)
	if digits > 0 {
		set(lpNumbers, numbers/float64(digits)/2)
		set(lpMinNumber, minNumber/5)
	}
	if withTop > 0 {
		set(lpEntropy, entropy/float64(withTop))
		set(lpMaxEntropy, maxEntropy/2)
		set(lpAlternatives, 1)
	}
	set(lpUnsure, unsure/n)
	return &out
}

// topEntropy is the entropy, in nats, of the alternatives renormalised to sum to one.
func topEntropy(top []step.Alternative) float64 {
	var total, weighted float64
	for _, a := range top {
		if p := math.Exp(min(a.LogProb, 0)); p > 0 {
			total += p
			weighted += p * a.LogProb
		}
	}
	if total == 0 {
		return 0
	}
	return max(math.Log(total)-weighted/total, 0)
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			return true
		}
	}
	return false
}
