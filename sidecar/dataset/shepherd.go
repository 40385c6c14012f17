package dataset

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"aprm/prm/step"
)

// stepTag stands behind each step in Math-Shepherd's "input"; "label" has its verdict there.
const stepTag = "ки"

var stepNumber = regexp.MustCompile(`^Step \d+: ?`)

// unnumbered is a step's text without its number, which this format writes before each.
func unnumbered(text string) string {
	return strings.TrimSpace(stepNumber.ReplaceAllString(strings.TrimSpace(text), ""))
}

// shepherdLine is a line of Math-Shepherd.
type shepherdLine struct {
	Input string `json:"input"`
	Label string `json:"label"`
	Task  string `json:"task"`
}

// mathShepherd reads both texts side by side: they differ in the tags only. The question is what stands before "Step
// 1:".
func mathShepherd(r record) ([]Solution, error) {
	var in shepherdLine
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	var steps []string
	var labels []step.Verdict
	pieces := strings.Split(in.Input, stepTag)
	judged := in.Label
	for _, piece := range pieces[:len(pieces)-1] {
		rest, same := strings.CutPrefix(judged, piece)
		if !same || rest == "" {
			return nil, fmt.Errorf(`"label" differs from "input" in step %d`, len(steps)+1)
		}
		switch rest[0] {
		case '+':
			labels = append(labels, step.Right)
		case '-':
			labels = append(labels, step.Wrong)
		default:
			return nil, fmt.Errorf(`step %d is followed by %q in "label": want + or -`, len(steps)+1, rest[:1])
		}
		steps = append(steps, piece)
		judged = rest[1:]
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf(`"input" has no step that ends with %s`, stepTag)
	}
	question, first, found := cutLast(steps[0], "Step 1:")
	if !found {
		return nil, errors.New(`"input" has no "Step 1:" after the question`)
	}
	steps[0] = first
	if last := pieces[len(pieces)-1]; strings.TrimSpace(last) != "" {
		steps, labels = append(steps, last), append(labels, step.Unknown)
	}
	for i, s := range steps {
		steps[i] = unnumbered(s)
	}
	s, err := newSolution(r.id(), strings.TrimSpace(question), steps, labels)
	s.Source = in.Task
	return []Solution{s}, err
}

// shepherd returns the line for a solution whose steps are all labelled.
func shepherd(s Solution) (shepherdLine, error) {
	var input, label strings.Builder
	write := func(text string) { input.WriteString(text); label.WriteString(text) }
	write(strings.TrimSpace(s.Problem.Question) + " ")
	for i, text := range s.Steps {
		text = unnumbered(text)
		if strings.Contains(text, stepTag) || i == 0 && strings.Contains(text, "Step 1:") {
			return shepherdLine{}, fmt.Errorf("step %d holds %q or \"Step 1:\", which Math-Shepherd's format cannot tell from its own marks", i, stepTag)
		}
		if i > 0 {
			write("\n")
		}
		write(fmt.Sprintf("Step %d: %s ", i+1, text))
		input.WriteString(stepTag)
		label.WriteByte("+-"[s.Labels[i]-step.Right])
	}
	return shepherdLine{Input: input.String(), Label: label.String(), Task: s.Source}, nil
}
