package main

import (
	"strings"
	"testing"

	"aprm/prm/step"
	"aprm/sidecar/dataset"
)

// Answers of both kinds to a problem are joined: n of prose, as many programs as most problems have, in the order in
// which they were drawn. A problem that lacks some is left out; of one kind nothing else is asked for.
func TestReplayedFrom(t *testing.T) {
	of := func(kind step.Kind, question string, texts ...string) dataset.Answered {
		a := dataset.Answered{Problem: step.Problem{ID: question, Question: question}, Sampling: dataset.Sampling{Kind: kind}}
		for _, s := range texts {
			a.Answers = append(a.Answers, dataset.Answer{Text: s})
		}
		return a
	}
	both := []dataset.Answered{of(step.Prose, "q", "a", "b", "c"), of(step.Prose, "alone", "x", "y"), of(step.Program, "q", "A", "B"), of(step.Prose, "few", "a", "b"),
		of(step.Program, "few", "A"), of(step.Prose, "r", "d", "e"), of(step.Program, "r", "D", "E")}
	for _, test := range []struct {
		name     string
		answered []dataset.Answered
		n        int
		want     string
		programs int
	}{
		{"both", both, 2, "q: a b A B; r: d e D E", 2},
		{"fewer programs than there are", both, 1, "q: a A; few: a A; r: d D", 1},
		{"prose alone", both[:2], 2, "q: a b; alone: x y", 0},
		{"programs alone", []dataset.Answered{both[2], both[4]}, 2, "q: A B", 0},
		{"too few", both, 4, "", 2},
	} {
		p := replayedFrom(test.answered, test.n)
		var got []string
		for i, problem := range p.problems {
			line := problem.ID + ":"
			for _, s := range p.samples[i] {
				if line += " " + s.Text; (s.Kind == step.Program) != (strings.ToUpper(s.Text) == s.Text) {
					t.Errorf("%s: %q is of kind %s", test.name, s.Text, s.Kind)
				}
			}
			got = append(got, line)
		}
		if strings.Join(got, "; ") != test.want || p.programs != test.programs {
			t.Errorf("%s: %q with %d programs, want %q with %d", test.name, got, p.programs, test.want, test.programs)
		}
	}
}
