package engine

import (
	"errors"
	"math"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
)

// The chance is what Yes has of Yes and No, in whatever spelling, asked behind the answer in the conversation that it
// was drawn in.
func TestPTrue(t *testing.T) {
	ln := math.Log
	pens := step.Problem{Question: "How many pens?"}
	for _, test := range []struct {
		name  string
		reply adapters.Completion
		want  float64
		ok    bool
	}{
		{"both", adapters.Completion{Tokens: []step.Token{{Text: "Yes", LogProb: ln(.6), Top: []step.Alternative{{Text: "Yes", LogProb: ln(.6)}, {Text: " no", LogProb: ln(.1)}, {Text: "No", LogProb: ln(.1)}, {Text: "Not", LogProb: ln(.2)}}}}}, 0.75, true},
		{"only the word itself", adapters.Completion{Tokens: []step.Token{{Text: " No.", LogProb: ln(.9)}}}, 0, true},
		{"neither", adapters.Completion{Tokens: []step.Token{{Text: "The", Top: []step.Alternative{{Text: "The"}}}}}, 0, false},
	} {
		llm := &script{answer: func(adapters.Request) []adapters.Completion { return []adapters.Completion{test.reply} }}
		chance, ok, err := with(t, llm, Config{Instruction: "Short."}).PTrue(t.Context(), pens, "2 + 3 = 5\n#### 5")
		if err != nil || ok != test.ok || math.Abs(chance-test.want) > 1e-9 {
			t.Errorf("%s: %g, %t, %v", test.name, chance, ok, err)
		}
		asked := llm.requests[0]
		if m := asked.Messages; len(m) != 4 || m[0].Content != "Short." || m[1].Content != pens.Question || m[2].Content != "2 + 3 = 5\n#### 5" || m[3].Role != adapters.User || asked.MaxTokens != 1 || asked.Temperature != 0 {
			t.Errorf("%s: asked %+v", test.name, asked)
		}
	}
	broken := errors.New("gone")
	for name, reply := range map[string][]adapters.Completion{"nothing": nil, "failed": {{Err: broken}}, "no log-probabilities": {{Text: "Yes"}}} {
		llm := &script{answer: func(adapters.Request) []adapters.Completion { return reply }}
		if _, ok, err := with(t, llm, Config{}).PTrue(t.Context(), pens, "5"); ok || err == nil {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
}

// An answer and the question behind it are read at once, steps that are nothing but format passed over.
func TestExamine(t *testing.T) {
	llm := seeing()
	steps, asked, err := with(t, llm, Config{}).Examine(t.Context(), step.Trace{Problem: step.Problem{Question: "How many?"}, Steps: []string{"3 * 3 = 9", "---", "#### 9"}})
	if err != nil || len(llm.reads) != 1 {
		t.Fatalf("%v, %d readings", err, len(llm.reads))
	}
	if text := llm.reads[0]; !strings.HasPrefix(text, "How many?\n\n3 * 3 = 9\n") || !strings.HasSuffix(text, verification) {
		t.Errorf("read %q", text)
	}
	if len(steps) < 2 || steps[0].Last[0] != -1 || asked.Last[0] != 1 {
		t.Errorf("%v, asked %v", steps, asked)
	}
	llm.failed = errors.New("gone")
	if _, _, err := with(t, llm, Config{}).Examine(t.Context(), step.Trace{Steps: []string{"9"}}); !errors.Is(err, llm.failed) {
		t.Error(err)
	}
}
