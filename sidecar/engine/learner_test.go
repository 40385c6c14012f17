package engine

import (
	"errors"
	"os"
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

// answering is an LLM, a short game and problems for it.
func answering(t *testing.T) (*script, Training, []step.Problem) {
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
	return llm, Training{Game: cfg, Folder: t.TempDir(), PRM: train.Options{Seed: 1, Epochs: 1}}, problems
}

func TestARunIsNotGoneOnWithByOtherStrategies(t *testing.T) {
	llm, training, problems := answering(t)
	if _, err := training.Run(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	training.Game.LeftOut = []string{"operator"}
	if _, err := training.Run(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "other strategies") {
		t.Errorf("the same folder without a strategy: %v", err)
	}
}

// Else the PRM of other problems would be handed out as what was learned from these.
func TestARunIsGoneOnWithByTheSameSettingsOnly(t *testing.T) {
	llm, training, problems := answering(t)
	if _, err := training.Run(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	drawn := training
	drawn.Folder, drawn.Game.Drawn = t.TempDir(), 8
	if _, err := drawn.Run(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	drawn.Game.Drawn = 0
	if _, err := drawn.Run(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "game.drawn 8, not unset") {
		t.Errorf("fewer drawn: %v", err)
	}
	for name, change := range map[string]func(*Training, *[]step.Problem){
		"problems": func(_ *Training, p *[]step.Problem) {
			*p = append(*p, step.Problem{ID: "d", Question: "And d?", Answer: "5"})
		},
		"game.seed":  func(t *Training, _ *[]step.Problem) { t.Game.Seed = 2 },
		"game.drawn": func(t *Training, _ *[]step.Problem) { t.Game.Drawn = 8 },
		"prm.kl":     func(t *Training, _ *[]step.Problem) { t.PRM.KL = 0.5 },
		"no_hidden":  func(t *Training, _ *[]step.Problem) { t.NoHidden = true },
	} {
		other, otherProblems := training, slices.Clone(problems)
		change(&other, &otherProblems)
		if _, err := other.Run(t.Context(), llm, otherProblems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	training.Game.Rounds, training.Game.Concurrency = 2, 1
	trained, err := training.Run(t.Context(), llm, problems)
	if err != nil || len(trained.Game) != 2 {
		t.Errorf("one more round, fewer calls at a time: %d rounds, %v", len(trained.Game), err)
	}
}

// A run that got nowhere may be begun again in any way.
func TestARunThatGotNowhereHoldsNoSettings(t *testing.T) {
	llm, training, problems := answering(t)
	answer := llm.answer
	llm.answer = func(adapters.Request) []adapters.Completion { return nil }
	if _, err := training.Run(t.Context(), llm, problems); err == nil {
		t.Fatal("a game with nobody to play it")
	}
	llm.answer = answer
	training.Game.Seed = 2
	if _, err := training.Run(t.Context(), llm, problems); err != nil {
		t.Error(err)
	}
}

func TestARunWhoseCheckpointIsBrokenSaysWhatToDo(t *testing.T) {
	llm, training, problems := answering(t)
	if _, err := training.Run(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(RoundPath(training.Folder, 0), []byte("APRM-PRM, but of another version"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := training.Run(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("%v", err)
	}
}
