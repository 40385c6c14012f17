package train

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Crosswise returns what the step head and the value head say of whole answers, each by the examples of its steps, in
// order: the mean, the least, the greatest and the last of the logits of either. Each answer is judged by a network
// that had not learned from its problem.
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
			var logits [2][]float64 // of the steps, by the step head and by the value head
			for _, e := range answers[i] {
				step, value := m.Logits(e.Input)
				logits[0], logits[1] = append(logits[0], step), append(logits[1], value)
			}
			for _, of := range logits {
				out[i] = append(out[i], float32(stat.Mean(of, nil)), float32(slices.Min(of)), float32(slices.Max(of)), float32(of[len(of)-1]))
			}
		}
	}
	return out, nil
}
