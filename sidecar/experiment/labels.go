package experiment

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"aprm/generator"
	"aprm/prm/step"
	"aprm/sidecar/training"
)

// falseEquation is a ground that holds wherever the step stands, after another mistake too.
const falseEquation = "false equation"

// LabelRow holds a run's labels against the toy world's exact truth: those of one source that rest on one ground.
type LabelRow struct {
	PRM        string `json:"prm"`
	Source     string `json:"source"`
	Ground     string `json:"ground"` // the oracle's layer, or what a natural step is labelled by
	Right      int    `json:"right"`  // labelled so
	TrulyRight int    `json:"truly_right"`
	Wrong      int    `json:"wrong"` // labelled so, where no step before is wrong or an equation is false
	TrulyWrong int    `json:"truly_wrong"`
	Open       int    `json:"open"` // without a label, though no step before is wrong
	OpenWrong  int    `json:"open_truly_wrong"`
}

// labels audits the steps that a choice's first seed labelled, those kept for measuring among them; nil outside the toy
// world, where the truth isn't known.
func (s *study) labels(ctx context.Context, c choice) ([]LabelRow, error) {
	if len(s.toys) == 0 {
		return nil, nil
	}
	u := unit{c.prm, c.trial, s.plan.Seeds[0]}
	if _, _, err := s.model(ctx, u); err != nil {
		return nil, err
	}
	steps, err := generator.ReadLabelled(filepath.Join(s.folder(u), training.StepsFile))
	if err != nil {
		return nil, err
	}
	return audit(c.prm.Name, steps, s.firstError), nil
}

// audit holds labelled steps against the truth.
func audit(name string, steps []generator.Labelled, truth func(step.Trace) (first int, ok bool)) []LabelRow {
	rows := map[[2]string]*LabelRow{}
	for _, l := range steps {
		first, ok := truth(l.Trace())
		follows := first >= 0 && first < len(l.Prefix.Steps) && !(l.Source == generator.Natural && ground(l) == falseEquation)
		if !ok || follows && l.Step != step.Right {
			continue // what follows an error is neither right nor wrong; only to call it right is a mistake
		}
		source := string(l.Source)
		if l.Source == generator.Worked || l.Source == generator.Own {
			source = "pair's right half"
		}
		key := [2]string{source, ground(l)}
		row := rows[key]
		if row == nil {
			row = &LabelRow{PRM: name, Source: key[0], Ground: key[1]}
			rows[key] = row
		}
		switch l.Step {
		case step.Right:
			row.Right++
			row.TrulyRight += int(indicator(first < 0))
		case step.Wrong:
			row.Wrong++
			row.TrulyWrong += int(indicator(first >= 0))
		default:
			row.Open++
			row.OpenWrong += int(indicator(first >= 0))
		}
	}
	var out []LabelRow
	for _, row := range rows {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b LabelRow) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Ground, b.Ground))
	})
	return out
}

// firstError is the toy world's exact truth of a solution of a training problem.
func (s *study) firstError(t step.Trace) (first int, ok bool) {
	p, ok := s.toys[t.Problem.ID]
	if !ok {
		return 0, false
	}
	return p.FirstError(t.Steps), true
}

// ground is what a label rests on, without the case's own figures.
func ground(l generator.Labelled) string {
	before, _, found := strings.Cut(l.Reason, ":")
	switch {
	case l.Step == step.Unknown:
		return "none"
	case found:
		return before
	case l.Source == generator.Natural:
		return "the final answer"
	}
	return l.Reason
}
