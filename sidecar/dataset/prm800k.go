package dataset

import (
	"errors"
	"fmt"
	"slices"

	"aprm/prm/step"
)

// prm800kLine is a line of PRM800K: at each step a labeller rated completions and chose one to go on from, or wrote
// one.
type prm800kLine struct {
	Question struct {
		Problem string `json:"problem"`
		Answer  string `json:"ground_truth_answer,omitempty"`
	} `json:"question"`
	Label struct {
		Steps        []prm800kStep `json:"steps"`
		FinishReason *string       `json:"finish_reason"`
	} `json:"label"`
}

type prm800kStep struct {
	Completions []rated `json:"completions"`
	Human       *rated  `json:"human_completion"`
	Chosen      *int    `json:"chosen_completion"`
}

type rated struct {
	Text   *string `json:"text"`
	Rating *int    `json:"rating"` // 1 right, 0 neutral, −1 wrong
	Flag   *bool   `json:"flagged"`
}

// label: neutral steps stay unlabelled, and so do those nobody rated.
func (r rated) label() (step.Verdict, error) {
	switch {
	case r.Text == nil:
		return step.Unknown, errors.New(`"text" is missing or null`)
	case r.Rating == nil || *r.Rating == 0:
		return step.Unknown, nil
	case *r.Rating == 1:
		return step.Right, nil
	case *r.Rating == -1:
		return step.Wrong, nil
	}
	return step.Unknown, fmt.Errorf("the rating %d is none of -1, 0, 1", *r.Rating)
}

// prm800k follows the labeller's path. Where the labeller chose nothing (an error was found) the first completion ends
// it.
func prm800k(r record) ([]Solution, error) {
	var in prm800kLine
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	reason := ""
	if in.Label.FinishReason != nil {
		reason = *in.Label.FinishReason
	}
	if reason == broken || reason != "" && len(in.Label.Steps) == 0 { // or the labeller gave up at once
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
				return nil, fmt.Errorf("step %d, completion %d: %w", i, j, err)
			}
			if j == chosen || label == step.Unknown {
				continue
			}
			s, err := newSolution(fmt.Sprintf("%s.%d.%d", r.id(), i, j), in.Question.Problem,
				append(slices.Clone(path), *c.Text), append(slices.Clone(labels), label))
			if err != nil {
				return nil, err
			}
			branches = append(branches, s)
		}
		if chosen < len(st.Completions) {
			label, _ := st.Completions[chosen].label() // checked above
			path, labels = append(path, *st.Completions[chosen].Text), append(labels, label)
		}
	}
	s, err := newSolution(r.id(), in.Question.Problem, path, labels)
	if reason == solved {
		s.Correct = step.Right
	}
	all := append([]Solution{s}, branches...)
	for i := range all {
		all[i].Problem.Answer = in.Question.Answer
	}
	return all, err
}

// The reasons to finish a solution that are looked at or written.
const (
	solved = "solution"
	erred  = "found_error"
	broken = "bad_problem"
)

// rating returns the line for a solution, its steps as the only ones proposed. A step without a label is unrated.
func rating(s Solution) prm800kLine {
	var out prm800kLine
	out.Question.Problem, out.Question.Answer = s.Problem.Question, s.Problem.Answer
	for i, text := range s.Steps {
		at := prm800kStep{Completions: []rated{{Text: &text}}, Chosen: new(int)}
		switch s.Labels[i] {
		case step.Right:
			at.Completions[0].Rating = new(1)
		case step.Wrong:
			at.Completions[0].Rating = new(-1)
			out.Label.FinishReason = new(erred)
			if i == len(s.Steps)-1 {
				at.Chosen = nil // nobody goes on from there
			}
		}
		out.Label.Steps = append(out.Label.Steps, at)
	}
	if s.Correct == step.Right && out.Label.FinishReason == nil {
		out.Label.FinishReason = new(solved)
	}
	return out
}
