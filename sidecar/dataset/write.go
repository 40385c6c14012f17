package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"aprm/prm/step"
)

// Writer writes solutions, one a line.
type Writer struct {
	Dropped int // steps of what was written that the format has no place for: those from the first unlabelled one on

	enc    *json.Encoder
	format Format
}

// Unfit is why a solution can't be written in a format.
type Unfit struct{ error }

func (u Unfit) Unwrap() error { return u.error }

// NewWriter returns a Writer to w in a format.
func NewWriter(w io.Writer, format Format) *Writer {
	return &Writer{enc: encoder(w), format: format}
}

func encoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // solutions are full of < and >
	return enc
}

// Write writes one solution. TRL and Math-Shepherd need a label for each step: they get the steps before the first
// unlabelled one. ProcessBench and PRM800K keep all steps. A solution without labels enough is [Unfit], and nothing is
// written.
func (w *Writer) Write(s Solution) error {
	record, err := w.record(s)
	if err != nil {
		return Unfit{fmt.Errorf("solution %s: %w", s.ID, err)}
	}
	return w.enc.Encode(record)
}

func (w *Writer) record(s Solution) (any, error) {
	first, known := s.FirstWrong()
	n := slices.Index(s.Labels, step.Unknown)
	if n < 0 {
		n = len(s.Labels)
	}
	switch w.format {
	case ProcessBench:
		if !known {
			return nil, fmt.Errorf("step %d is unlabelled, so the first wrong one is not known", first)
		}
		out := benchLine{ID: name(s.ID), Generator: s.Source, Problem: s.Problem.Question, Steps: pointers(s.Steps), Label: &first}
		if s.Correct != step.Unknown {
			out.Correct = new(s.Correct == step.Right)
		}
		return out, nil
	case PRM800K:
		if !slices.Contains(s.Labels, step.Right) && !slices.Contains(s.Labels, step.Wrong) {
			return nil, errors.New("no step is labelled")
		}
		return rating(s), nil
	}
	if n == 0 {
		return nil, errors.New("the first step is unlabelled")
	}
	dropped := len(s.Steps) - n
	s.Steps, s.Labels = s.Steps[:n], s.Labels[:n]
	if w.format == MathShepherd {
		line, err := shepherd(s)
		if err == nil {
			w.Dropped += dropped
		}
		return line, err
	}
	w.Dropped += dropped
	out := trlLine{Prompt: s.Problem.Question, Completions: pointers(s.Steps)}
	for _, l := range s.Labels {
		out.Labels = append(out.Labels, new(l == step.Right))
	}
	return out, nil
}

func pointers(of []string) []*string {
	out := make([]*string, len(of))
	for i := range of {
		out[i] = &of[i]
	}
	return out
}

// WriteProblems writes problems as GSM8K has them, one a line: the worked steps, and the final answer behind ####.
func WriteProblems(w io.Writer, problems []step.Problem) error {
	enc := encoder(w)
	for _, p := range problems {
		line := struct {
			ID       string `json:"id"`
			Question string `json:"question"`
			Answer   string `json:"answer"`
		}{p.ID, p.Question, strings.Join(append(slices.Clone(p.Worked), "#### "+strings.Join(strings.Fields(p.Answer), " ")), "\n")}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
