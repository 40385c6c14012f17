package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aprm/sidecar/dataset"
)

// Recorded answers are read again by the LLM that gave them, problem by problem; nothing that was known of them is lost.
func TestExamineCommand(t *testing.T) {
	folder := t.TempDir()
	problems, answers, read := filepath.Join(folder, "train.jsonl"), filepath.Join(folder, "answers.jsonl"), filepath.Join(folder, "read.jsonl")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "4", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 0, "sample", "--upstream", "builtin", "--problems", problems, "--out", answers, "--max-tokens", "150", "--n", "2")
	examine := func(want int, args ...string) string {
		t.Helper()
		return command(t, want, append([]string{"examine", "--upstream", "builtin", "--solutions", answers, "--out", read}, args...)...)
	}
	if out := examine(0, "--limit", "2", "--ask", "states"); !strings.Contains(out, "4 answers to 2 problems examined now") {
		t.Error(out)
	}
	if out := examine(0, "--ask", "ptrue,states"); !strings.Contains(out, "4 answers to 4 problems examined now") {
		t.Error(out)
	}
	was, err := dataset.ReadAnswers(answers)
	if err != nil {
		t.Fatal(err)
	}
	is, err := dataset.ReadAnswers(read)
	if err != nil || len(is) != len(was) {
		t.Fatal(len(is), err)
	}
	known := map[string]dataset.Answered{}
	for _, of := range is {
		known[of.Problem.Question] = of
	}
	for _, of := range was {
		for i, a := range known[of.Problem.Question].Answers {
			if a.Text != of.Answers[i].Text || len(a.Tokens) != len(of.Answers[i].Tokens) {
				t.Errorf("%s: answer %d is another", of.Problem.ID, i)
			}
			if len(a.States) != 6 || len(a.States["asked"]) == 0 || len(a.States["mean"]) != len(a.States["asked"]) {
				t.Errorf("%s: states of answer %d: %d", of.Problem.ID, i, len(a.States))
			}
		}
	}
	if out := command(t, 2, "train", "--solutions", read, "--ablate"); !strings.Contains(out, "draw more answers") {
		t.Error(out)
	}
	other, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	other = regexp.MustCompile(`,"crc":"[0-9a-f]{8}"`).ReplaceAll(other, nil) // as by hand
	if err := os.WriteFile(answers, bytes.Replace(other, []byte(`"model":"builtin`), []byte(`"model":"another`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := examine(2); !strings.Contains(out, "an LLM can only be asked about its own") {
		t.Error(out)
	}
}
