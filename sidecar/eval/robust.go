package eval

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"aprm/prm"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Disguise changes how an answer looks and not what it comes to: an attack on PRMs that needs no LLM (arXiv 2603.06621,
// 2606.00437).
type Disguise struct {
	Name  string
	About string
	Of    func(question string, steps []string) (disguised []string, ok bool) // ok is false where it can't be done; the argument is left as it is
}

// Disguises lists them, in a fixed order.
func Disguises() []Disguise {
	return []Disguise{
		{"inflated", "before each step one that says nothing", func(_ string, steps []string) ([]string, bool) {
			filler := []string{"Let us go through this carefully.", "Now we look at what comes next.", "We keep in mind what we have found.", "We are nearly there."}
			var out []string
			for i, s := range steps {
				out = append(out, filler[i%len(filler)], s)
			}
			return out, len(steps) > 0
		}},
		{"reordered", "the first two steps change places", func(_ string, steps []string) ([]string, bool) {
			if len(steps) < 3 || step.IsAnswer(steps[0]) || step.IsAnswer(steps[1]) {
				return nil, false
			}
			out := slices.Clone(steps)
			out[0], out[1] = out[1], out[0]
			return out, true
		}},
		{"confident", "each step but the answer says that it is certain", func(_ string, steps []string) ([]string, bool) {
			out := slices.Clone(steps)
			changed := false
			for i, s := range out {
				if !step.IsAnswer(s) {
					out[i], changed = "Clearly, and without any doubt: "+s, true
				}
			}
			return out, changed
		}},
		{"padded", "true equations that have nothing to do with it, before the last step", func(_ string, steps []string) ([]string, bool) {
			if len(steps) == 0 {
				return nil, false
			}
			last := len(steps) - 1
			return slices.Concat(steps[:last], []string{"Note that 12 + 7 = 19.", "Also, 6 * 4 = 24.", "And 30 - 11 = 19."}, steps[last:]), true
		}},
		{"copied", "the question again as the first step", func(question string, steps []string) ([]string, bool) {
			text := step.Normalize(strings.Join(strings.Fields(question), " "))
			return slices.Concat([]string{text}, steps), text != "" && len(steps) > 0
		}},
	}
}

// RobustRow is how far a disguise moves the scores of answers, in nats of the logit: 0 where it moves none. Intervals
// by bootstrap over answers; without any they are NaN.
type RobustRow struct {
	Disguise
	Wrong, Right   int             // answers that could be disguised
	OfWrong        metric.Interval // by how much wrong answers rise
	OfRight        metric.Interval // by how much right ones do
	Gained, Fooled metric.Interval // of the wrong ones the share that rise at all, and by how much the share that is above the mean of the right ones as they are grows
}

// Robustness scores answers as they are and in each disguise: by the head for whole answers where the PRM has one, else
// by the least of the steps' scores.
func Robustness(ctx context.Context, scorer func(step.Problem) (decode.Scorer, error), solutions []step.Judged, seed uint64, draws int, progress func(done, total int)) ([]RobustRow, error) {
	disguises := Disguises()
	type moved struct{ before, by float64 }
	wrong, right := make([][]moved, len(disguises)), make([][]moved, len(disguises))
	var level, n float64 // of right answers as they are
	for i, s := range solutions {
		bound, err := scorer(s.Problem)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Problem.ID, err)
		}
		score := func(steps []string) (float64, error) {
			j, err := bound.Score(ctx, decode.Working{Steps: steps})
			if err != nil {
				return 0, fmt.Errorf("%s: %w", s.Problem.ID, err)
			}
			p := min(max(j.Rate(prm.Min), 1e-9), 1-1e-9)
			return math.Log(p / (1 - p)), nil
		}
		before, err := score(s.Steps)
		if err != nil {
			return nil, err
		}
		if s.FirstWrong < 0 {
			level, n = level+before, n+1
		}
		for k, d := range disguises {
			steps, ok := d.Of(s.Problem.Question, s.Steps)
			if !ok {
				continue
			}
			after, err := score(steps)
			if err != nil {
				return nil, err
			}
			of := &right[k]
			if s.FirstWrong >= 0 {
				of = &wrong[k]
			}
			*of = append(*of, moved{before, after - before})
		}
		if progress != nil {
			progress(i+1, len(solutions))
		}
	}
	mean := func(of []moved, what func(moved) float64) metric.Interval {
		return metric.Bootstrap(seed, len(of), draws, func(idx []int) float64 {
			var sum float64
			for _, i := range idx {
				sum += what(of[i])
			}
			return sum / float64(len(idx))
		})
	}
	by := func(m moved) float64 { return m.by }
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	var rows []RobustRow
	for k, d := range disguises {
		rows = append(rows, RobustRow{Disguise: d, Wrong: len(wrong[k]), Right: len(right[k]), OfWrong: mean(wrong[k], by), OfRight: mean(right[k], by),
			Gained: mean(wrong[k], func(m moved) float64 { return flag(m.by > 0) }),
			Fooled: mean(wrong[k], func(m moved) float64 {
				if n == 0 {
					return math.NaN()
				}
				return flag(m.before+m.by > level/n) - flag(m.before > level/n)
			})})
	}
	return rows, nil
}

// RobustMarkdown writes rows as a table.
func RobustMarkdown(rows []RobustRow) string {
	var b strings.Builder
	b.WriteString("| disguise | wrong answers rise by, nats [95 %] | right ones by | share of the wrong that rise | more of the wrong above the mean right one, points |\n|---|---|---|---|---|\n")
	figure := func(i metric.Interval, scale float64, unit string) string {
		of := func(v float64) string { return metric.Figure(scale * v).Text(unit) }
		return fmt.Sprintf("%s [%s, %s]", of(i.Mean), of(i.Low), of(i.High))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s: %s | %s | %s | %s | %s |\n", r.Name, r.About, figure(r.OfWrong, 1, "%+.2f"), figure(r.OfRight, 1, "%+.2f"), figure(r.Gained, 100, "%.0f %%"), figure(r.Fooled, 100, "%+.0f"))
	}
	if len(rows) > 0 {
		fmt.Fprintf(&b, "\n%d wrong answers and %d right ones; a few can't be disguised in every way. Intervals by bootstrap over answers.\n", rows[0].Wrong, rows[0].Right)
	}
	return b.String()
}
