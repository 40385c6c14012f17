// Package step holds the unit everything else is about: a step of reasoning, the trace it stands in, and the one
// splitter that cuts text into steps. Train, eval, score and serve all use this splitter; its Version is written into
// every checkpoint, so that a PRM never scores steps of another shape than those it learned from.
//
// The package is pure: it imports nothing of this module and does no I/O.
package step

import "strings"

// Problem is a question to be worked out.
type Problem struct {
	ID       string   `json:"id"`               // unique within a data set; splits are made by it
	Question string   `json:"question"`         //
	Answer   string   `json:"answer,omitempty"` // reference final answer, "" where unknown
	Worked   []string `json:"worked,omitempty"` // steps of a reference solution, nil where unknown
}

// Trace is a problem with the steps of one solution of it, complete or not. A Trace cut off after some step is a
// prefix.
type Trace struct {
	Problem Problem  `json:"problem"`
	Steps   []string `json:"steps"`
}

// Prefix returns the trace cut off after its first n steps. It shares no backing array with t that an append could
// reach.
func (t Trace) Prefix(n int) Trace {
	return Trace{Problem: t.Problem, Steps: t.Steps[:n:n]}
}

// With returns the trace continued by steps; t is left as it is.
func (t Trace) With(steps ...string) Trace {
	joined := make([]string, 0, len(t.Steps)+len(steps))
	return Trace{Problem: t.Problem, Steps: append(append(joined, t.Steps...), steps...)}
}

// Text returns the steps joined by line breaks, as a model would have written them.
func (t Trace) Text() string { return strings.Join(t.Steps, "\n") }

// Judged is a trace of which is known where it first goes wrong. What follows the first wrong step is neither right nor
// wrong.
type Judged struct {
	Trace
	FirstWrong int // 0-based; -1 when every step is right
}

// Labelled is how many of the steps are right or wrong.
func (j Judged) Labelled() int {
	if j.FirstWrong >= 0 {
		return min(len(j.Steps), j.FirstWrong+1)
	}
	return len(j.Steps)
}

// Token is one generated token with its log-probability.
type Token struct {
	Text    string        `json:"t"`
	LogProb float64       `json:"lp"`            // natural logarithm
	Top     []Alternative `json:"top,omitempty"` // most probable first; may or may not contain the token itself
}

// Alternative is a token that could have come instead.
type Alternative struct {
	Text    string  `json:"t"`
	LogProb float64 `json:"lp"`
}
