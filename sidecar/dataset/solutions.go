package dataset

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"aprm/prm/step"
)

// Format is a file format for solutions with labelled steps.
type Format string

const (
	ProcessBench Format = "processbench"  // {"id","generator","problem","steps","final_answer_correct","label"}; label: first wrong step, −1 if none
	TRL          Format = "trl"           // {"prompt","completions","labels"}: TRL's stepwise supervision
	MathShepherd Format = "math-shepherd" // {"input","label","task"}: a "ки" after each step of input, "+" or "-" in label
	PRM800K      Format = "prm800k"       // {"question","label":{"steps","finish_reason"}}: ratings 1, 0 and -1 of the steps proposed at each place
)

// Formats are all of them.
func Formats() []Format { return []Format{ProcessBench, TRL, MathShepherd, PRM800K} }

// layout is how to tell a format by the fields of its objects, and how to read it.
type layout struct {
	Format
	fields []string
	parse  func(record) ([]Solution, error)
}

var layouts = []layout{
	{ProcessBench, []string{"problem", "steps"}, processBench},
	{TRL, []string{"prompt", "completions"}, trl},
	{MathShepherd, []string{"input", "label"}, mathShepherd},
	{PRM800K, []string{"question", "label"}, prm800k},
}

// SolutionFields says which fields do, for help and errors.
const SolutionFields = `"problem" and "steps" (ProcessBench; "label" is the first wrong step, from 0, -1 for none), "prompt", "completions" and "labels" (TRL), ` +
	`"input" and "label" (Math-Shepherd) or "question" and "label" (PRM800K)`

// ReadJudged reads the file at path; see [Judged].
func ReadJudged(path string, limit int) ([]step.Judged, error) {
	f, err := os.Open(path) // #nosec G304 -- the path is what the person who runs the command names
	if err != nil {
		return nil, err
	}
	defer f.Close()
	judged, _, err := Judged(f, path, limit)
	return judged, err
}

// Judged reads the solutions that r holds, in any format, whose first wrong step is known, so many and no more, all for
// 0, and counts those between them of which it isn't. None at all is an error.
func Judged(r io.Reader, file string, limit int) (judged []step.Judged, unlabelled int, err error) {
	for s, err := range Solutions(r, file) {
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
	if len(judged) == 0 && unlabelled > 0 {
		return nil, 0, fmt.Errorf("%s: no labelled solution: of none of %d is known which step is the first wrong one; every step up to it needs a label", file, unlabelled)
	}
	if len(judged) == 0 {
		return nil, 0, fmt.Errorf("%s: no labelled solution", file)
	}
	return judged, unlabelled, nil
}

// Solutions yields the labelled solutions that r holds, in a format that is told by the fields of its first object.
// ProcessBench's "label" may be missing: then the steps are unlabelled. A line of PRM800K yields the path its labeller
// took, and one more solution for each rated step off that path; problems called bad are left out. After an error the
// sequence ends.
func Solutions(r io.Reader, file string) iter.Seq2[Solution, error] {
	return func(yield func(Solution, error) bool) {
		var parse func(record) ([]Solution, error)
		for r, err := range records(r, file) {
			if err == nil && parse == nil {
				parse, err = parser(r)
			}
			var found []Solution
			if err == nil {
				if found, err = parse(r); err != nil {
					err = r.fail(err)
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

// format returns the format of solutions that the fields are of.
func (f fields) format() (layout, bool) {
	i := slices.IndexFunc(layouts, func(l layout) bool {
		return f.any(l.fields[:1]) && f.any(l.fields[1:]) && (l.Format != PRM800K || f[l.fields[0]].value[0] == '{')
	})
	if i < 0 {
		return layout{}, false
	}
	return layouts[i], true
}

// parser returns what reads the format that a record is of.
func parser(r record) (func(record) ([]Solution, error), error) {
	f, err := r.fields()
	if err != nil {
		return nil, err
	}
	if format, ok := f.format(); ok {
		return format.parse, nil
	}
	return nil, r.fail(fmt.Errorf("no labelled solution: the fields are %s; want %s", f.list(), SolutionFields))
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
	ID        name      `json:"id"`
	Generator string    `json:"generator"`
	Problem   string    `json:"problem"`
	Steps     []*string `json:"steps"`
	Correct   *bool     `json:"final_answer_correct,omitempty"`
	Label     *int      `json:"label,omitempty"`
}

func processBench(r record) ([]Solution, error) {
	var in benchLine
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if in.ID == "" {
		in.ID = name(r.id())
	}
	steps, err := texts("steps", in.Steps)
	if err != nil {
		return nil, err
	}
	labels := make([]step.Verdict, len(steps))
	if in.Label != nil {
		if *in.Label < -1 || *in.Label >= len(steps) {
			return nil, fmt.Errorf(`"label" is %d: want a step, 0 to %d, or -1`, *in.Label, len(steps)-1)
		}
		labels = labelsFor(len(steps), *in.Label)
	}
	s, err := newSolution(string(in.ID), in.Problem, steps, labels)
	s.Source = in.Generator
	if in.Correct != nil {
		s.Correct = step.VerdictOf(*in.Correct)
	}
	return []Solution{s}, err
}

// trlLine is a line of TRL's stepwise supervision.
type trlLine struct {
	Prompt      string    `json:"prompt"`
	Completions []*string `json:"completions"`
	Labels      []*bool   `json:"labels"`
}

func trl(r record) ([]Solution, error) {
	var in trlLine
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	steps, err := texts("completions", in.Completions)
	if err != nil {
		return nil, err
	}
	labels := make([]step.Verdict, len(in.Labels))
	for i, right := range in.Labels {
		if right == nil {
			return nil, fmt.Errorf(`"labels": number %d, from 0, is null: want true or false`, i)
		}
		labels[i] = step.VerdictOf(*right)
	}
	s, err := newSolution(r.id(), in.Prompt, steps, labels)
	return []Solution{s}, err
}
