package dataset

import (
	"encoding/json"
	"fmt"
	"io"

	"aprm/prm/step"
)

// Writer writes solutions, one a line.
type Writer struct {
	enc    *json.Encoder
	format Format
}

// NewWriter returns a Writer to w in one of the formats ProcessBench, TRL and MathShepherd.
func NewWriter(w io.Writer, format Format) (*Writer, error) {
	if format != ProcessBench && format != TRL && format != MathShepherd {
		return nil, fmt.Errorf("cannot write format %q: want %s, %s or %s", format, ProcessBench, TRL, MathShepherd)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // solutions are full of < and >
	return &Writer{enc: enc, format: format}, nil
}

// Write writes one solution. TRL and Math-Shepherd need a label for each step: they get the steps before the first
// unlabelled one. ProcessBench keeps all steps. A solution without labels enough is an error, and nothing is written.
func (w *Writer) Write(s Solution) error {
	record, err := w.record(s)
	if err != nil {
		return fmt.Errorf("solution %s: %w", s.ID, err)
	}
	return w.enc.Encode(record)
}

func (w *Writer) record(s Solution) (any, error) {
	if w.format == ProcessBench {
		first, known := s.FirstWrong()
		if !known {
			return nil, fmt.Errorf("step %d is unlabelled, so the first wrong one is not known", first)
		}
		out := benchLine{ID: s.ID, Generator: s.Source, Problem: s.Problem.Question, Steps: s.Steps, Label: &first}
		if s.Correct != step.Unknown {
			right := s.Correct == step.Right
			out.Correct = &right
		}
		return out, nil
	}
	n := 0
	for n < len(s.Labels) && s.Labels[n] != step.Unknown {
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("the first step is unlabelled")
	}
	s.Steps, s.Labels = s.Steps[:n], s.Labels[:n]
	if w.format == MathShepherd {
		return shepherd(s)
	}
	out := trlLine{Prompt: s.Problem.Question, Completions: s.Steps, Labels: make([]bool, n)}
	for i, l := range s.Labels {
		out.Labels[i] = l == step.Right
	}
	return out, nil
}
