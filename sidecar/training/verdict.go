package training

import (
	"fmt"

	"aprm/sidecar/decode"
)

// Verdict says in a line what a training came to, by what it kept out and by its gate, nil where there is none, and
// what to do now.
func (t Trained) Verdict(gate *decode.Gate) string {
	s := ""
	if n := len(t.Game); n > 0 {
		s = "It " + t.Game[n-1].HeldOut.Verdict() + ". "
	}
	if gate == nil {
		return s + "What it is worth in a vote isn't known: too few of its problems have right and wrong answers. Give it more of them, or draw more answers to each."
	}
	for _, m := range gate.Measured {
		if m.Strategy != decode.WeightedVote {
			continue
		}
		than := fmt.Sprintf("a plain vote of %d by %s to %s points, on %d problems each judged without having learned from it", max(m.N, gate.N), points(m.Low), points(m.High), m.Problems)
		switch {
		case !gate.Weighs():
			return s + "Its votes differ from " + than + ", and too little speaks for its scores: auto takes plain votes. Train with more problems, or draw more answers to each."
		case m.Low > 0:
			return s + "Its votes are better than " + than + ": use it."
		case m.High < 0:
			return s + "Its votes differ from " + than + ": they are worse, so don't use it for votes; train with more problems, or draw more answers to each."
		}
		return s + "Its votes differ from " + than + ": that may be chance, though its scores say more than chance: auto weighs votes by them. Train with more problems before you rely on it."
	}
	return s + "What it is worth in a vote was not measured."
}

// points is a difference of shares as people say it.
func points(share float64) string { return fmt.Sprintf("%.0f", 100*share) }
