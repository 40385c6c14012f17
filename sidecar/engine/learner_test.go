package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/train"
)

// What the LLM is asked must not depend on which goroutine was faster, or a recording of it can't be played again.
func TestWhatIsReadDoesNotDependOnWhoIsFaster(t *testing.T) {
	var lessons []generator.Labelled
	for i := range 12 {
		p := string(rune('a' + i))
		for _, last := range []string{"Then 2 + 3 = 5.", "Then 2 + 3 = 9.", "So 5."} {
			lessons = append(lessons, labelled(p, last != "Then 2 + 3 = 9.", last, "First, 1 + 1 = 2.", "And 2 + 1 = 3."), labelled(p, true, "And 2 + 1 = 3.", "First, 1 + 1 = 2."))
		}
	}
	var first []string
	for range 5 {
		llm := seeing()
		l := NewLearner(with(t, llm, Config{}), t.TempDir(), train.Options{Seed: 1, Epochs: 1})
		if _, err := l.Learn(t.Context(), 0, lessons); err != nil {
			t.Fatal(err)
		}
		slices.Sort(llm.reads)
		if first == nil {
			first = llm.reads
		}
		if !slices.Equal(llm.reads, first) {
			t.Fatalf("the LLM read %q, the first time %q", llm.reads, first)
		}
	}
	if len(first) != 3*12 {
		t.Errorf("%d texts were read, want each of the longest ones once", len(first))
	}
}

func TestAPRMSaysWhatItDoesNotRead(t *testing.T) {
	e := with(t, seeing(), Config{})
	l := NewLearner(e, t.TempDir(), train.Options{Seed: 1, Epochs: 2, Without: []feature.Block{feature.BlockLast, feature.BlockMean, feature.BlockWords}})
	if _, err := l.Learn(t.Context(), 0, lesson()); err != nil {
		t.Fatal(err)
	}
	m := l.Model()
	if h := m.Header(); h.Width != 0 || !slices.Contains(h.Without, feature.BlockWords) {
		t.Errorf("the header has width %d and without %v", h.Width, h.Without)
	}
	tr := step.Trace{Problem: step.Problem{Question: "How many pens?"}, Steps: []string{"She buys 2 + 3 = 5 pens."}}
	in := feature.Extract(tr, 0, feature.Evidence{})
	if m.Score(in) != m.Score(in.Without(feature.BlockWords)) {
		t.Error("it reads the words that it was not trained on")
	}
}

func TestARunIsNotGoneOnWithByOtherStrategies(t *testing.T) {
	llm := seeing()
	llm.caps.Prefill = adapters.PrefillContinued
	llm.answer = func(req adapters.Request) []adapters.Completion {
		out := make([]adapters.Completion, max(req.N, 1))
		for i := range out {
			out[i] = adapters.Completion{Text: "First, 1 + 1 = 2.\nThen 2 + 3 = 5.\n#### 5", Finish: adapters.FinishEnd}
		}
		return out
	}
	cfg := generator.DefaultConfig()
	cfg.Rounds, cfg.Problems, cfg.Attacks = 1, 3, 4
	problems := []step.Problem{}
	for _, id := range []string{"a", "b", "c"} {
		problems = append(problems, step.Problem{ID: id, Question: "How many " + id + "?", Answer: "5"})
	}
	training := Training{Game: cfg, Folder: t.TempDir(), PRM: train.Options{Seed: 1, Epochs: 1}}
	if _, err := training.Run(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	training.Game.LeftOut = []string{"operator"}
	if _, err := training.Run(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "other strategies") {
		t.Errorf("the same folder without a strategy: %v", err)
	}
}
