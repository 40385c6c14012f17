package dataset

import (
	"fmt"
	"slices"

	"aprm/prm/step"
)

// prm800kLine is a line of PRM800K: at each step a labeller rated completions and chose one to go on from, or wrote one.
type prm800kLine struct {
	Question struct{ Problem string }
	Label    struct {
		Steps []struct {
			Completions []rated
			Chosen      *int   `json:"chosen_completion"`
			Human       *rated `json:"human_completion"`
		}
		FinishReason string `json:"finish_reason"`
	}
}

type rated struct {
	Text   string
	Rating *int // 1 right, 0 neutral, −1 wrong
}

// label: neutral steps stay unlabelled, and so do those nobody rated.
func (r rated) label() (step.Verdict, error) {
	switch {
	case r.Rating == nil || *r.Rating == 0:
		return step.Unknown, nil
	case *r.Rating == 1:
		return step.Right, nil
	case *r.Rating == -1:
		return step.Wrong, nil
	}
	return step.Unknown, fmt.Errorf("the rating %d is none of -1, 0, 1", *r.Rating)
}

// prm800k follows the labeller's path. Where the labeller chose nothing (an error was found) the first completion ends it.
func prm800k(l line) ([]Solution, error) {
	var in prm800kLine
	if err := l.decode(&in); err != nil {
		return nil, err
	}
	if in.Label.FinishReason == "bad_problem" {
		return nil, nil
	}
	var path []string
	var labels []step.Verdict
	var branches []Solution
	ended := false
	for i, st := range in.Label.Steps {
		if ended {
			return nil, fmt.Errorf("step %d follows one for which nothing was chosen", i)
		}
		chosen := 0
		switch {
		case st.Chosen != nil && (*st.Chosen < 0 || *st.Chosen >= len(st.Completions)):
			return nil, fmt.Errorf(`"chosen_completion" of step %d is %d: there are %d completions`, i, *st.Chosen, len(st.Completions))
		case st.Chosen != nil:
			chosen = *st.Chosen
		case st.Human != nil:
			chosen = len(st.Completions)
			right := 1 // what a labeller wrote is right
			st.Completions = append(st.Completions, rated{Text: st.Human.Text, Rating: &right})
		default:
			ended = true
		}
		for j, c := range st.Completions {
			label, err := c.label()
			if err != nil {
				return nil, fmt.Errorf("step %d: %w", i, err)
			}
			if j == chosen || label == step.Unknown {
				continue
			}
			s, err := newSolution(fmt.Sprintf("%s.%d.%d", l.id(), i, j), in.Question.Problem,
				append(slices.Clone(path), c.Text), append(slices.Clone(labels), label))
			if err != nil {
				return nil, err
			}
			branches = append(branches, s)
		}
		if chosen < len(st.Completions) {
			label, _ := st.Completions[chosen].label() // checked above
			path, labels = append(path, st.Completions[chosen].Text), append(labels, label)
		}
	}
	s, err := newSolution(l.id(), in.Question.Problem, path, labels)
	if in.Label.FinishReason == "solution" {
		s.Correct = step.Right
	}
	return append([]Solution{s}, branches...), err
}
