package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"aprm/prm/step"
)

// Format is a file format for solutions with labelled steps.
type Format string

const (
	ProcessBench Format = "processbench"  // {"id","generator","problem","steps","final_answer_correct","label"}; label: first wrong step, −1 if none
	TRL          Format = "trl"           // {"prompt","completions","labels"}: TRL's stepwise supervision
	MathShepherd Format = "math-shepherd" // {"input","label","task"}: a "ки" after each step of input, "+" or "-" in label
	PRM800K      Format = "prm800k"       // {"question","label":{"steps","finish_reason"}}: read only
)

// formats says how to tell each format by the fields of its objects, and how to read it.
var formats = []struct {
	Format
	fields []string
	parse  func(line) ([]Solution, error)
}{
	{ProcessBench, []string{"problem", "steps"}, processBench},
	{TRL, []string{"prompt", "completions"}, trl},
	{MathShepherd, []string{"input", "label"}, mathShepherd},
	{PRM800K, []string{"question", "label"}, prm800k},
}

// ReadJudged reads the file at path; see [Judged].
func ReadJudged(path string, limit int) ([]step.Judged, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	judged, _, err := Judged(f, path, limit)
	return judged, err
}

// Judged reads the solutions in ProcessBench's format that r holds whose first wrong step is known, so many and no more, all for 0, and
// counts those between them of which it isn't. None at all is an error.
func Judged(r io.Reader, file string, limit int) (judged []step.Judged, unlabelled int, err error) {
	for s, err := range Solutions(r, file, ProcessBench) {
		if err != nil {
			return nil, 0, err
		}
		first, known := s.FirstWrong()
		if !known {
			unlabelled++
			continue
		}
		if judged = append(judged, step.Judged{Trace: s.Trace, FirstWrong: first}); len(judged) == limit {
			break
		}
	}
	if len(judged) == 0 {
		return nil, 0, fmt.Errorf("%s: no labelled solution", file)
	}
	return judged, unlabelled, nil
}

// Solutions yields the labelled solutions that r holds. An empty format is told by the fields of the first line. ProcessBench's
// "label" may be missing: then the steps are unlabelled. A line of PRM800K yields the path its labeller took, and
// one more solution for each rated step off that path; problems called bad are left out. After an error the sequence ends.
func Solutions(r io.Reader, file string, format Format) iter.Seq2[Solution, error] {
	return func(yield func(Solution, error) bool) {
		var parse func(line) ([]Solution, error)
		for l, err := range lines(r, file) {
			if err == nil && parse == nil {
				parse, err = parser(l, format)
			}
			var found []Solution
			if err == nil {
				if found, err = parse(l); err != nil {
					err = l.fail(err)
				}
			}
			if err != nil {
				yield(Solution{}, err)
				return
			}
			for _, s := range found {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// parser returns what reads format, or the format of l if that is empty.
func parser(l line, format Format) (func(line) ([]Solution, error), error) {
	var fields map[string]json.RawMessage
	if format == "" {
		if err := l.decode(&fields); err != nil {
			return nil, l.fail(err)
		}
	}
	for _, f := range formats {
		match := f.Format == format
		if format == "" {
			_, first := fields[f.fields[0]]
			_, second := fields[f.fields[1]]
			match = first && second
		}
		if match {
			return f.parse, nil
		}
	}
	if format != "" {
		return nil, fmt.Errorf("unknown format %q: want %s, %s, %s or %s", format, ProcessBench, TRL, MathShepherd, PRM800K)
	}
	return nil, l.fail(errors.New(`unknown format: want the fields "problem" and "steps" (ProcessBench), "prompt" and "completions" (TRL), "input" and "label" (Math-Shepherd) or "question" and "label" (PRM800K)`))
}

// newSolution checks what every format must give.
func newSolution(id, question string, steps []string, labels []step.Verdict) (Solution, error) {
	switch {
	case strings.TrimSpace(question) == "":
		return Solution{}, errors.New("the problem is missing or empty")
	case len(steps) == 0:
		return Solution{}, errors.New("there are no steps")
	case len(labels) != len(steps):
		return Solution{}, fmt.Errorf("%d labels for %d steps", len(labels), len(steps))
	}
	problem := step.Problem{ID: ProblemID(question), Question: question}
	return Solution{ID: id, Trace: step.Trace{Problem: problem, Steps: steps}, Labels: labels}, nil
}

// benchLine is a line of ProcessBench.
type benchLine struct {
	ID        string   `json:"id"`
	Generator string   `json:"generator"`
	Problem   string   `json:"problem"`
	Steps     []string `json:"steps"`
	Correct   *bool    `json:"final_answer_correct,omitempty"`
	Label     *int     `json:"label,omitempty"`
}

func processBench(l line) ([]Solution, error) {
	var in benchLine
	if err := l.decode(&in); err != nil {
		return nil, err
	}
	if in.ID == "" {
		in.ID = l.id()
	}
	labels := make([]step.Verdict, len(in.Steps))
	if in.Label != nil {
		if *in.Label < -1 || *in.Label >= len(in.Steps) {
			return nil, fmt.Errorf(`"label" is %d: want a step, 0 to %d, or -1`, *in.Label, len(in.Steps)-1)
		}
		labels = labelsFor(len(in.Steps), *in.Label)
	}
	s, err := newSolution(in.ID, in.Problem, in.Steps, labels)
	s.Source = in.Generator
	if in.Correct != nil {
		s.Correct = step.VerdictOf(*in.Correct)
	}
	return []Solution{s}, err
}

// trlLine is a line of TRL's stepwise supervision.
type trlLine struct {
	Prompt      string   `json:"prompt"`
	Completions []string `json:"completions"`
	Labels      []bool   `json:"labels"`
}

func trl(l line) ([]Solution, error) {
	var in trlLine
	if err := l.decode(&in); err != nil {
		return nil, err
	}
	labels := make([]step.Verdict, len(in.Labels))
	for i, right := range in.Labels {
		labels[i] = step.VerdictOf(right)
	}
	s, err := newSolution(l.id(), in.Prompt, in.Completions, labels)
	return []Solution{s}, err
}
