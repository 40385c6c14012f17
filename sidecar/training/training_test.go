package training

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm/casetest"
	"aprm/prm/step"
	"aprm/prm/train"
)

// answering is an LLM, a short game and problems for it.
func answering(t *testing.T) (*script, Run, []step.Problem) {
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
	return llm, Run{Game: cfg, Folder: t.TempDir(), PRM: train.Options{Seed: 1, Epochs: 1}}, problems
}

func TestARunIsNotGoneOnWithByOtherStrategies(t *testing.T) {
	llm, run, problems := answering(t)
	if _, err := run.Play(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	run.Game.LeftOut = []string{"calculation", "count", "unit", "deception"} // all of an arm
	if _, err := run.Play(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "other strategies") {
		t.Errorf("the same folder without a strategy: %v", err)
	}
}

// Else the PRM of other problems would be handed out as what was learned from these.
func TestARunIsGoneOnWithByTheSameSettingsOnly(t *testing.T) {
	llm, run, problems := answering(t)
	if _, err := run.Play(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	drawn := run
	drawn.Folder, drawn.Game.Drawn = t.TempDir(), 8
	if _, err := drawn.Play(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	drawn.Game.Drawn = 0
	if _, err := drawn.Play(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "game.drawn 8, not unset") {
		t.Errorf("fewer drawn: %v", err)
	}
	for name, change := range map[string]func(*Run, *[]step.Problem){
		"problems": func(_ *Run, p *[]step.Problem) {
			*p = append(*p, step.Problem{ID: "d", Question: "And d?", Answer: "5"})
		},
		"game.seed":  func(t *Run, _ *[]step.Problem) { t.Game.Seed = 2 },
		"game.drawn": func(t *Run, _ *[]step.Problem) { t.Game.Drawn = 8 },
		"prm.kl":     func(t *Run, _ *[]step.Problem) { t.PRM.KL = 0.5 },
		"no_hidden":  func(t *Run, _ *[]step.Problem) { t.NoHidden = true },
	} {
		other, otherProblems := run, slices.Clone(problems)
		change(&other, &otherProblems)
		if _, err := other.Play(t.Context(), llm, otherProblems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	run.Game.Rounds, run.Game.Concurrency = 2, 1
	trained, err := run.Play(t.Context(), llm, problems)
	if err != nil || len(trained.Game) != 2 {
		t.Errorf("one more round, fewer calls at a time: %d rounds, %v", len(trained.Game), err)
	}
}

// A run that got nowhere may be begun again in any way.
func TestARunThatGotNowhereHoldsNoSettings(t *testing.T) {
	llm, run, problems := answering(t)
	answer := llm.answer
	llm.answer = func(adapters.Request) []adapters.Completion { return nil }
	if _, err := run.Play(t.Context(), llm, problems); err == nil {
		t.Fatal("a game with nobody to play it")
	}
	llm.answer = answer
	run.Game.Seed = 2
	if _, err := run.Play(t.Context(), llm, problems); err != nil {
		t.Error(err)
	}
}

func TestARunWhoseCheckpointIsBrokenSaysWhatToDo(t *testing.T) {
	llm, run, problems := answering(t)
	if _, err := run.Play(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(RoundPath(run.Folder, 0), []byte("APRM-PRM, but of another version"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Play(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("%v", err)
	}
}

// TestARunIsBoundToItsFiles: what was swapped, cut or deleted since is not gone on with, and nobody gets another PRM
// than was asked for.
func TestARunIsBoundToItsFiles(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, folder string, r *Run) error{
		"another checkpoint": func(t *testing.T, folder string, _ *Run) error {
			other, err := os.ReadFile(RoundPath(folder, 0))
			if err != nil {
				return err
			}
			return os.WriteFile(RoundPath(folder, 1), other, 0o644)
		},
		"no first checkpoint": func(t *testing.T, folder string, _ *Run) error { return os.Remove(RoundPath(folder, 0)) },
		"no labelled steps":   func(t *testing.T, folder string, _ *Run) error { return os.Remove(filepath.Join(folder, StepsFile)) },
		"labelled steps cut": func(t *testing.T, folder string, _ *Run) error {
			path := filepath.Join(folder, StepsFile)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1], 0o600)
		},
		"no settings":      func(t *testing.T, folder string, _ *Run) error { return os.Remove(filepath.Join(folder, settingsFile)) },
		"changed settings": func(t *testing.T, folder string, _ *Run) error { return touch(filepath.Join(folder, settingsFile)) },
		"fewer rounds":     func(t *testing.T, _ string, r *Run) error { r.Game.Rounds = 1; return nil },
		"a state of none": func(t *testing.T, folder string, _ *Run) error {
			return os.WriteFile(filepath.Join(folder, stateFile), []byte(`{"round":1}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			llm, run, problems := answering(t)
			run.Game.Rounds = 2
			if _, err := run.Play(t.Context(), llm, problems); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Play(t.Context(), llm, problems); err != nil {
				t.Fatalf("untouched: %v", err)
			}
			if err := spoil(t, run.Folder, &run); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Play(t.Context(), llm, problems); !errors.As(err, &FolderError{}) || !strings.Contains(err.Error(), "another folder") {
				t.Errorf("it went on: %v", err)
			}
		})
	}
}

// touch changes a file of JSON so that it says the same.
func touch(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, ' '), 0o600)
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"round":1,"policy":{"names":["operator"]},"memory":{},"reports":[{}],"holds":{"settings":"x","steps":-1,"checkpoints":["a"]}}`))
	f.Add([]byte(`{"round":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		llm, run, problems := answering(t)
		if err := os.WriteFile(filepath.Join(run.Folder, stateFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		run.Game.Rounds = 1
		var err error
		if took, made := casetest.Cost(func() { _, err = run.Play(t.Context(), llm, problems) }); took > 20*time.Second || made > 1<<30 { // a whole game of one round
			t.Errorf("it took %v and %d bytes", took, made)
		}
		if err != nil && !errors.As(err, &FolderError{}) {
			t.Errorf("not the folder's fault: %v", err)
		}
	})
}
