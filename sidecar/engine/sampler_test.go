package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// An endpoint that goes on with an unfinished answer is given the beginning of a program, and stopped at its end; any
// other, and a model that thinks first, is asked for it alone. What comes is a whole answer with tokens that spell it,
// however it ended.
func TestProgramsAreBegunForTheLLM(t *testing.T) {
	const code = "boxes = 3\nprint(boxes * 12)"
	for _, test := range []struct {
		name    string
		prefill adapters.Prefill
		thinks  bool
		text    string
		finish  adapters.FinishReason
		want    string
	}{
		{"stopped at the fence", adapters.PrefillContinued, false, code, adapters.FinishStop, "```python\n" + code + "\n```"},
		{"echoed", adapters.PrefillEchoed, false, code + "\n", adapters.FinishEnd, "```python\n" + code + "\n```"},
		{"not stopped", adapters.PrefillContinued, false, code + "\n```\nThat is 36.", adapters.FinishEnd, "```python\n" + code + "\n```\nThat is 36."},
		{"cut off", adapters.PrefillContinued, false, "boxes = 3\npri", adapters.FinishLength, "```python\nboxes = 3\npri"},
		{"begun anew", adapters.PrefillContinued, false, "```python\n" + code, adapters.FinishStop, "```python\n```python\n" + code},
		{"by itself", adapters.PrefillNone, false, "```python\n" + code, adapters.FinishStop, "```python\n" + code + "\n```"},
		{"by itself, with its fence", adapters.PrefillNone, false, "Here:\n```python\n" + code + "\n```", adapters.FinishEnd, "Here:\n```python\n" + code + "\n```"},
		{"after a thought", adapters.PrefillContinued, true, "<think>\nHm.\n</think>\n\n```python\n" + code + "\n```", adapters.FinishEnd, "<think>\nHm.\n</think>\n\n```python\n" + code + "\n```"},
		{"bare", adapters.PrefillNone, false, code, adapters.FinishEnd, code},
		{"bare, closed", adapters.PrefillNone, false, code + "\n```", adapters.FinishEnd, code + "\n```"},
	} {
		llm := seeing()
		llm.caps.Prefill, llm.caps.Thinks = test.prefill, test.thinks
		llm.answer = func(adapters.Request) []adapters.Completion {
			c := adapters.Completion{Text: test.text, Finish: test.finish}
			for line := range strings.SplitAfterSeq(test.text, "\n") {
				c.Tokens = append(c.Tokens, step.Token{Text: line, LogProb: -1})
			}
			return []adapters.Completion{c}
		}
		e := with(t, llm, Config{Instruction: "In short steps."})
		sampler, err := e.Sampler(step.Problem{Question: "How many pens?"})
		if err != nil {
			t.Fatal(err)
		}
		samples, err := sampler.Sample(t.Context(), decode.SampleRequest{N: 1, MaxTokens: 50, Kind: step.Program, LogProbs: true})
		if err != nil {
			t.Fatal(err)
		}
		s := samples[0]
		s.Kind = step.Program
		spelt := ""
		for _, token := range s.Tokens {
			spelt += token.Text
		}
		if s.Text != test.want || spelt != test.want {
			t.Errorf("%s: %q of tokens %q, want %q", test.name, s.Text, spelt, test.want)
		}
		if r := s.Read(t.Context()); (r.Answer == "36") != (test.finish != adapters.FinishLength) {
			t.Errorf("%s: %q, %s", test.name, r.Answer, r.Why)
		}
		begun := test.prefill != adapters.PrefillNone && !test.thinks
		asked := llm.requests[0]
		if last := asked.Messages[len(asked.Messages)-1]; (last == adapters.Message{Role: adapters.Assistant, Content: decode.OpensProgram}) != begun {
			t.Errorf("%s: it was asked by %+v", test.name, asked.Messages)
		}
		want := []string{map[bool]string{true: "\n```", false: "\n```\n\n"}[begun]}
		if test.thinks { // a draft in its thoughts ends no answer
			want = nil
		}
		if !slices.Equal(asked.Stop, want) {
			t.Errorf("%s: it stops at %q", test.name, asked.Stop)
		}
		opening, err := e.Opening(t.Context(), step.Program)
		if err != nil || (opening == decode.OpensProgram) != begun {
			t.Errorf("%s: programs open with %q, %v", test.name, opening, err)
		}
		if opening, err := e.Opening(t.Context(), step.Prose); opening != "" || err != nil {
			t.Errorf("prose opens with %q, %v", opening, err)
		}
		if _, err := sampler.Sample(t.Context(), decode.SampleRequest{N: 1, MaxTokens: 50}); err != nil {
			t.Fatal(err)
		}
		if asked := llm.requests[1]; asked.Stop != nil || asked.Messages[len(asked.Messages)-1].Role != adapters.User {
			t.Errorf("%s: prose is asked for by %+v", test.name, asked)
		}
	}
}

// A model that thinks before it answers is searched step by step only where the client has it not think: its first step
// would be one of its thoughts. Whole answers it gives as ever, and auto's open questions go to no search of that kind.
func TestThoughtsAreNotLeftOut(t *testing.T) {
	llm := seeing()
	llm.answer = func(req adapters.Request) []adapters.Completion {
		return []adapters.Completion{{Text: "2 + 3 = 5.", Finish: adapters.FinishCut}}
	}
	e := with(t, llm, Config{})
	m := taught(t, e)
	if err := e.Use(m); err != nil {
		t.Fatal(err)
	}
	e.Trust(&decode.Gate{Format: decode.GateFormat, Checkpoint: m.ID(), Model: llm.caps.Identity(), Aggregate: prm.Min, Escalate: decode.Guided})
	fields := func(text string) map[string]json.RawMessage {
		var out map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, test := range []struct {
		thinks   bool
		fields   string
		oneStep  bool
		searched bool
	}{
		{false, `{}`, true, true},
		{true, `{}`, true, false},
		{true, `{}`, false, true},
		{true, `{"think":false}`, true, true},
		{true, `{"think":true}`, true, false},
		{true, `{"think":"low"}`, true, false},
		{true, `{"chat_template_kwargs":{"enable_thinking":false}}`, true, true},
		{true, `{"chat_template_kwargs":{"enable_thinking":true}}`, true, false},
		{true, `{"chat_template_kwargs":"no object"}`, true, false},
		{true, `{"reasoning_effort":"none"}`, true, true},
		{true, `{"reasoning_effort":"high"}`, true, false},
	} {
		llm.caps.Thinks, llm.requests = test.thinks, nil
		ctx := adapters.WithFields(t.Context(), fields(test.fields))
		sampler, err := e.Sampler(step.Problem{Question: "2 + 3?"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := sampler.Sample(ctx, decode.SampleRequest{N: 1, MaxTokens: 64, OneStep: test.oneStep})
		if err == nil {
			err = got[0].Err
		}
		if test.searched != (err == nil) || !test.searched && !errors.Is(err, decode.ErrThinks) || test.searched != (len(llm.requests) == 1) {
			t.Errorf("%+v: %v, %d requests", test, err, len(llm.requests))
		}
		gate, err := e.Gate(ctx)
		if err != nil || gate == nil || (gate.Escalate == "") != (test.thinks && (!test.searched || !test.oneStep)) {
			t.Errorf("%+v: a gate of %+v, %v", test, gate, err)
		}
		if !test.searched {
			_, err := e.Solve(ctx, "", []adapters.Message{{Role: adapters.User, Content: "2 + 3?"}}, decode.Options{Strategy: decode.Particle, N: 2})
			if !errors.Is(err, decode.ErrThinks) || len(llm.requests) > 0 {
				t.Errorf("%+v: particles: %v, %d requests", test, err, len(llm.requests))
			}
		}
	}
}
