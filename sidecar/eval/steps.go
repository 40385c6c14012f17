package eval

import (
	"context"
	"fmt"
	"strings"

	"aprm/prm"
	"aprm/prm/metric"
	"aprm/prm/step"
)

// StepScorer gives one score a step, and says whether hidden states were read. tokens are the steps' log-probabilities,
// nil for none.
type StepScorer func(ctx context.Context, t step.Trace, tokens [][]step.Token) (scores []prm.Score, sighted bool, err error)

// Position is the baseline that knows only where a step stands: the later, the worse. Within a trace it is perfect,
// because the labelled steps end with the wrong one; a PRM's figure means something only beside AtPosition.
func Position(_ context.Context, t step.Trace, _ [][]step.Token) ([]prm.Score, bool, error) {
	scores := make([]prm.Score, len(t.Steps))
	for i := range scores {
		scores[i].Step = 1 / float64(i+2)
	}
	return scores, false, nil
}

// ScoreSteps scores every step of every solution: result[i][j] is P(step j of solution i is correct). progress may be
// nil.
func ScoreSteps(ctx context.Context, score StepScorer, solutions []step.Judged, progress func(done, total int)) ([][]float64, error) {
	all := make([][]float64, len(solutions))
	for i, s := range solutions {
		scores, _, err := score(ctx, s.Trace, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Problem.ID, err)
		}
		if len(scores) != len(s.Steps) {
			return nil, fmt.Errorf("%s: %d scores for %d steps", s.Problem.ID, len(scores), len(s.Steps))
		}
		for _, sc := range scores {
			all[i] = append(all[i], sc.Step)
		}
		if progress != nil {
			progress(i+1, len(solutions))
		}
	}
	return all, nil
}

// StepFigures are what ProcessBench (arXiv 2412.06559) reports, and how well the scores order and mean what they say. A
// figure without data is NaN, null in JSON.
type StepFigures struct {
	N          int           `json:"n"`           // solutions
	ErrorAcc   metric.Figure `json:"error_acc"`   // share of wrong solutions whose first wrong step is found exactly
	CorrectAcc metric.Figure `json:"correct_acc"` // share of right solutions in which none is found
	F1         metric.Figure `json:"f1"`          // their harmonic mean
	Threshold  float64       `json:"threshold"`   // a step that scores below it is called wrong
	AUC        metric.Figure `json:"auc"`         // over all pairs of a right and a wrong step
	InTrace    metric.Figure `json:"auc_within_trace"`
	ECE        metric.Figure `json:"ece"` // over ten bins
}

// MeasureSteps returns the figures for scores as ScoreSteps gave them.
func MeasureSteps(solutions []step.Judged, scores [][]float64, threshold float64) StepFigures {
	var gold, predicted []int
	var p []float64
	var right []bool
	var trace []string
	for i, s := range solutions {
		found := -1
		for j, score := range scores[i] {
			if score < threshold {
				found = j
				break
			}
		}
		gold, predicted = append(gold, s.FirstWrong), append(predicted, found)
		for j := range s.Labelled() {
			p, right, trace = append(p, scores[i][j]), append(right, j != s.FirstWrong), append(trace, fmt.Sprint(i))
		}
	}
	errorAcc, correctAcc, f1 := metric.StepF1(gold, predicted)
	return StepFigures{N: len(solutions), Threshold: threshold,
		ErrorAcc: metric.Figure(errorAcc), CorrectAcc: metric.Figure(correctAcc), F1: metric.Figure(f1),
		AUC:     metric.Figure(metric.AUC(p, right)),
		InTrace: metric.Figure(metric.GroupAUC(p, right, trace)),
		ECE:     metric.Figure(metric.ECE(p, right, 10))}
}

// StepRow is a PRM, or a baseline, over labelled solutions, with intervals by bootstrap over solutions.
type StepRow struct {
	Name        string
	WithinTrace metric.Interval // pairs of a right and the wrong step of one solution
	AtPosition  metric.Interval // pairs of steps that stand at the same place in different solutions
	Pooled      metric.Interval // all pairs
	FirstError  metric.Interval // share of wrong solutions whose lowest score is the wrong step's
	Solutions   int
	Steps       int // that have a label
}

// CompareSteps makes the row for scores as ScoreSteps gave them.
func CompareSteps(name string, solutions []step.Judged, scores [][]float64, seed uint64, draws int) StepRow {
	row := StepRow{Name: name, Solutions: len(solutions)}
	for _, s := range solutions {
		row.Steps += s.Labelled()
	}
	// Resampled traces must stay groups of their own, however often one is drawn.
	auc := func(group func(draw, position int) string) metric.Interval {
		return metric.Bootstrap(seed, len(solutions), draws, func(idx []int) float64 {
			var p []float64
			var right []bool
			var groups []string
			for d, i := range idx {
				s := solutions[i]
				for j := range s.Labelled() {
					p, right, groups = append(p, scores[i][j]), append(right, j != s.FirstWrong), append(groups, group(d, j))
				}
			}
			return metric.GroupAUC(p, right, groups)
		})
	}
	row.WithinTrace = auc(func(d, _ int) string { return fmt.Sprint(d) })
	row.AtPosition = auc(func(_, j int) string { return fmt.Sprint(j) })
	row.Pooled = auc(func(int, int) string { return "" })
	row.FirstError = metric.Bootstrap(seed, len(solutions), draws, func(idx []int) float64 {
		found, wrong := 0.0, 0.0
		for _, i := range idx {
			first := solutions[i].FirstWrong
			if first < 0 {
				continue
			}
			wrong++
			if lowest(scores[i][:first+1]) == first {
				found++
			}
		}
		return found / wrong
	})
	return row
}

// lowest returns the last index of the least score.
func lowest(scores []float64) int {
	at := 0
	for i, s := range scores {
		if s <= scores[at] {
			at = i
		}
	}
	return at
}

// StepsMarkdown writes rows as a table.
func StepsMarkdown(rows []StepRow) string {
	var b strings.Builder
	b.WriteString("| scores | AUC within a trace [95 %] | AUC at the same position | AUC, all steps | lowest score is the first error |\n|---|---|---|---|---|\n")
	figure := func(i metric.Interval) string { return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Mean, i.Low, i.High) }
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, figure(r.WithinTrace), figure(r.AtPosition), figure(r.Pooled), share(r.FirstError))
	}
	if len(rows) > 0 {
		fmt.Fprintf(&b, "\n%d solutions, %d labelled steps; steps after the first wrong one are left out. Intervals by bootstrap over solutions.\n", rows[0].Solutions, rows[0].Steps)
	}
	return b.String()
}
