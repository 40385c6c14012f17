package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/adapters/adaptertest"
)

// What can't be had of a model that thinks before it answers isn't measured, and is refused before anything is drawn
// where it was asked for.
func TestEvalOfAModelThatThinks(t *testing.T) {
	llm := (&adaptertest.Upstream{OwnedBy: "vllm", NoHidden: true, Thinks: true}).Start(t)
	folder := t.TempDir()
	problems := filepath.Join(folder, "problems.jsonl")
	if err := os.WriteFile(problems, []byte(`{"question":"What is 2 + 3?","answer":"5"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eval := func(want int, more ...string) string {
		t.Helper()
		return command(t, want, append([]string{"eval", "--upstream", llm.URL, "--upstream-model", "fake", "--problems", problems, "--n", "2", "--no-gate", "--checkpoint", "general",
			"--record", filepath.Join(folder, "answers.jsonl")}, more...)...)
	}
	out := eval(0)
	for _, name := range []string{"greedy", "majority-2", "weighted-vote-2", "auto-2"} {
		if !strings.Contains(out, "| "+name+" ") {
			t.Errorf("no row of %s in\n%s", name, out)
		}
	}
	if strings.Contains(out, "| beam") || !strings.Contains(out, "thinks before it answers") {
		t.Errorf("searches step by step:\n%s", out)
	}
	if out := eval(2, "--strategies", "weighted_vote,beam-2"); !strings.Contains(out, "--strategies: beam: this model thinks") {
		t.Error(out)
	}
}
