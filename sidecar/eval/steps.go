package eval

import (
	"context"
	"fmt"
	"strings"

	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Solution is a trace whose first wrong step is known.
type Solution struct {
	Trace      step.Trace
	FirstWrong int // 0-based; -1 when every step is right
}

// StepScorer gives one score a step.
type StepScorer func(ctx context.Context, t step.Trace) ([]decode.Score, error)

// StepRow is a PRM, or a baseline, over labelled solutions. Steps after the first wrong one have no label and are left out.
type StepRow struct {
	Name        string          `json:"name"`
	WithinTrace metric.Interval `json:"auc_within_trace"`    // pairs of a right and the wrong step of one solution
	AtPosition  metric.Interval `json:"auc_at_position"`     // pairs of steps that stand at the same place in different solutions
	Pooled      metric.Interval `json:"auc"`                 // all pairs
	FirstError  metric.Interval `json:"lowest_is_the_error"` // share of wrong solutions whose lowest score is the wrong step's
	Solutions   int             `json:"solutions"`
	Steps       int             `json:"steps"`
}

// Position is the baseline that knows only where a step stands: the later, the worse. Within a trace it is perfect, because
// the labelled steps end with the wrong one; a PRM's figure means something only beside AtPosition.
func Position(_ context.Context, t step.Trace) ([]decode.Score, error) {
	scores := make([]decode.Score, len(t.Steps))
	for i := range scores {
		scores[i].Step = 1 / float64(i+2)
	}
	return scores, nil
}

// Steps measures one scorer. progress may be nil.
func Steps(ctx context.Context, name string, score StepScorer, solutions []Solution, seed uint64, draws int, progress func(done, total int)) (StepRow, error) {
	type labelled struct {
		scores []float64
		right  []bool
		wrong  bool // the last labelled step is wrong
		lowest bool // and has the lowest score
	}
	row := StepRow{Name: name, Solutions: len(solutions)}
	all := make([]labelled, len(solutions))
	for i, s := range solutions {
		scores, err := score(ctx, s.Trace)
		if err != nil {
			return row, fmt.Errorf("%s: %w", s.Trace.Problem.ID, err)
		}
		n := len(scores)
		if s.FirstWrong >= 0 {
			n = min(n, s.FirstWrong+1)
		}
		l := labelled{wrong: s.FirstWrong >= 0, lowest: true}
		for j := range n {
			l.scores = append(l.scores, scores[j].Step)
			l.right = append(l.right, j != s.FirstWrong)
			if l.wrong && scores[j].Step < scores[n-1].Step {
				l.lowest = false
			}
		}
		row.Steps += n
		all[i] = l
		if progress != nil {
			progress(i+1, len(solutions))
		}
	}
	// Resampled traces must stay groups of their own, however often one is drawn.
	auc := func(group func(draw, position int) string) func(idx []int) float64 {
		return func(idx []int) float64 {
			var scores []float64
			var right []bool
			var groups []string
			for d, i := range idx {
				for j := range all[i].scores {
					scores, right, groups = append(scores, all[i].scores[j]), append(right, all[i].right[j]), append(groups, group(d, j))
				}
			}
			return metric.GroupAUC(scores, right, groups)
		}
	}
	row.WithinTrace = metric.Bootstrap(seed, len(all), draws, auc(func(d, _ int) string { return fmt.Sprint(d) }))
	row.AtPosition = metric.Bootstrap(seed, len(all), draws, auc(func(_, j int) string { return fmt.Sprint(j) }))
	row.Pooled = metric.Bootstrap(seed, len(all), draws, auc(func(int, int) string { return "" }))
	row.FirstError = metric.Bootstrap(seed, len(all), draws, func(idx []int) float64 {
		found, wrong := 0.0, 0.0
		for _, i := range idx {
			if all[i].wrong {
				wrong++
				if all[i].lowest {
					found++
				}
			}
		}
		return found / wrong
	})
	return row, nil
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
