package main

import (
	"strings"
	"testing"

	"aprm/prm/step"
	"aprm/sidecar/dataset"
)

// A program is told as the steps it took, and its value is the answer; one without a value can't be voted for.
func TestProgramsAreTold(t *testing.T) {
	good := told(t.Context(), dataset.Answer{Text: "```python\nboxes = 3\npens = boxes * 12\nprint(pens)\n```", Spent: 20, Tokens: []step.Token{{Text: "x"}}})
	if !strings.HasSuffix(good.Text, "\n#### 36") || !strings.Contains(good.Text, "3 * 12 = 36") || good.Cut || good.Tokens != nil || good.Spent != 20 {
		t.Errorf("%+v", good)
	}
	for _, text := range []string{"```python\nprint(apples)\n```", "There are 36 pens.", "```python\nwhile True:\n    pass\n```"} {
		if a := told(t.Context(), dataset.Answer{Text: text}); !a.Cut {
			t.Errorf("%q has an answer: %+v", text, a)
		}
	}
}

// Answers of two kinds to a problem come in turn; a problem that lacks a kind is left out. Of one kind nothing changes.
func TestMixed(t *testing.T) {
	of := func(kind, question string, texts ...string) dataset.Answered {
		a := dataset.Answered{Problem: step.Problem{Question: question}, Sampling: dataset.Sampling{Kind: kind}}
		for _, s := range texts {
			a.Answers = append(a.Answers, dataset.Answer{Text: s})
		}
		return a
	}
	got := mixed([]dataset.Answered{of(prose, "q", "a", "b", "c"), of(prose, "alone", "x"), of(programs, "q", "A", "B")})
	if len(got) != 1 || len(got[0].Answers) != 5 {
		t.Fatalf("%+v", got)
	}
	var order string
	for _, a := range got[0].Answers {
		order += a.Text
	}
	if order != "aAbBc" {
		t.Errorf("order %q, want aAbBc", order)
	}
	if one := mixed([]dataset.Answered{of(prose, "q", "a"), of(prose, "alone", "x")}); len(one) != 2 {
		t.Errorf("%+v", one)
	}
}
