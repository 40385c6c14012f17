package generator

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/step"
)

// jurors answer in turn.
type jurors struct {
	say   []string
	asked adapters.Request
}

func (j *jurors) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	j.asked = req
	var out []adapters.Completion
	for _, text := range j.say {
		if text == "fail" {
			out = append(out, adapters.Completion{Err: errors.New("cut")})
			continue
		}
		out = append(out, adapters.Completion{Text: text})
	}
	return out, nil
}

func TestJuryRulesOnlyWhenAllSayTheSame(t *testing.T) {
	cfg := testConfig()
	cfg.Jury = 3
	for _, tc := range []struct {
		say  []string
		want step.Verdict
		fail bool
	}{
		{[]string{"Wrong\n\nBecause", "wrong.", " Incorrect, because"}, step.Wrong, false},
		{[]string{"Right\nThe step", "**Right**", "Correct."}, step.Right, false},
		{[]string{"Right", "Right", "Wrong"}, step.Unknown, false},
		{[]string{"Wrong", "Wrong", "I think so"}, step.Unknown, false},
		{[]string{"Wrong", "Wrong"}, step.Unknown, false}, // one is missing
		{[]string{"Wrong", "", "Wrong"}, step.Unknown, false},
		{[]string{"Wrong", "fail", "Wrong"}, step.Unknown, true},
	} {
		llm := &jurors{say: tc.say}
		c := oracle.Case{Prefix: step.Trace{Problem: step.Problem{Question: "How many?", Answer: "4711"}, Steps: []string{"First."}}, Step: "Then 2 + 2 = 5.", Reference: "Then 2 + 2 = 4."}
		got, err := jury{&meter{llm: llm}, cfg}.Rule(t.Context(), c)
		if got.Verdict != tc.want || (err != nil) != tc.fail {
			t.Errorf("%q: %v, error %v", tc.say, got.Verdict, err)
		}
		var prompt string
		for _, m := range llm.asked.Messages {
			prompt += m.Content
		}
		if !strings.Contains(prompt, c.Step) || !strings.Contains(prompt, "First.") || strings.Contains(prompt, "4711") || strings.Contains(prompt, c.Reference) {
			t.Errorf("the jury reads %q", prompt)
		}
		if llm.asked.N != 3 || llm.asked.Seed == nil {
			t.Errorf("asked %d times, seed %v", llm.asked.N, llm.asked.Seed)
		}
	}
}

func TestLayers(t *testing.T) {
	cfg := testConfig()
	if l := Layers(&scripted{}, cfg); l != nil {
		t.Errorf("without rollouts: %v", l.Name())
	}
	cfg.Rollouts = 8
	if l := Layers(&scripted{}, cfg); l.Name() != "rollouts" {
		t.Error(l.Name())
	}
	cfg.Jury = 2
	if l := Layers(&scripted{}, cfg); l.Name() != "rollouts and jury" {
		t.Error(l.Name())
	}
}
