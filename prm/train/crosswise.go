package train

import (
	"context"
	"math"
	"slices"
)

// Crosswise returns what the step head and the value head say of whole answers, each by the examples of its steps, in order: the mean, the least, the greatest and the
// last of the logits of either. Each answer is judged by a network that had not learned from its problem.
func Crosswise(ctx context.Context, answers [][]Example, opt Options) (Numbers, error) {
	out := make(Numbers, len(answers))
	opt.Progress = nil
	for f := range folds {
		var learned [][]Example
		var judged []int
		for i, of := range answers {
			switch {
			case len(of) == 0:
			case fold(of[0].Problem) == f:
				judged = append(judged, i)
			default:
				learned = append(learned, of)
			}
		}
		if len(judged) == 0 || len(learned) == 0 {
			continue
		}
		m, _, err := Fit(ctx, nil, nil, slices.Concat(learned...), opt)
		if err != nil {
			return nil, err
		}
		for _, i := range judged {
			for head := range 2 {
				sum, least, greatest, last := 0.0, math.Inf(1), math.Inf(-1), 0.0
				for _, e := range answers[i] {
					stepLogit, value := m.Logits(e.Input)
					last = [...]float64{stepLogit, value}[head]
					sum, least, greatest = sum+last, min(least, last), max(greatest, last)
				}
				out[i] = append(out[i], float32(sum/float64(len(answers[i]))), float32(least), float32(greatest), float32(last))
			}
		}
	}
	return out, nil
}
