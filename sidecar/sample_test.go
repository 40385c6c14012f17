package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/sidecar/dataset"
)

// Answers are drawn, gone on with, and learned from without an endpoint.
func TestSampleThenTrain(t *testing.T) {
	folder := t.TempDir()
	problems, answers := filepath.Join(folder, "train.jsonl"), filepath.Join(folder, "answers.jsonl")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "40", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	sample := func(want int, args ...string) string {
		t.Helper()
		return command(t, want, append([]string{"sample", "--upstream", "builtin", "--problems", problems, "--out", answers, "--max-tokens", "150", "--temperature", "1"}, args...)...)
	}
	expect := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q isn't in: %s", w, out)
			}
		}
	}
	expect(sample(0, "--limit", "4", "--n", "2"), "4 of 4 problems have 2 answers", "drawn now: 8 answers")
	expect(sample(0, "--limit", "5", "--n", "3"), "5 of 5 problems have 3 answers", "drawn now: 7 answers") // 4 × 1 + 3
	expect(sample(0, "--limit", "5", "--n", "3"), "drawn now: 0 answers")
	before, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	sampled, err := dataset.ReadAnswers(answers)
	if err != nil || len(sampled) != 5 || len(sampled[0].Answers) != 3 || len(sampled[0].Answers[0].Tokens) == 0 {
		t.Fatalf("%v, %+v", err, sampled)
	}
	// Torn in its last line, which held the three answers of one problem: those are drawn again.
	if err := os.WriteFile(answers, before[:len(before)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	lost := 1
	if strings.Count(string(before[strings.LastIndex(strings.TrimSpace(string(before)), "\n"):]), `"text"`) == 3 {
		lost = 3
	}
	expect(sample(0, "--limit", "5", "--n", "3"), "drawn now: "+string(rune('0'+lost))+" answers")
	before, err = os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	expect(sample(2, "--limit", "5", "--top-p", "0.5"), "name another file", answers)
	if after, err := os.ReadFile(answers); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a file of other answers was changed, %v", err)
	}
	expect(sample(2, "--limit", "5", "--instruction", "none"), "name another file", answers)
	bare := filepath.Join(folder, "bare.jsonl")
	command(t, 0, "sample", "--upstream", "builtin", "--problems", problems, "--out", bare, "--limit", "1", "--n", "1", "--instruction", "none")
	if drawn, err := dataset.ReadAnswers(bare); err != nil || len(drawn) != 1 || drawn[0].Sampling.Instruction != "" {
		t.Fatalf("%v, %+v", err, drawn)
	}
	expect(sample(2, "--skip", "40"), "leaves nothing")

	checkpoint := filepath.Join(folder, "my.prm")
	expect(command(t, 2, "train", "--solutions", answers, "--out", checkpoint, "--epochs", "1"), "draw more answers")
	sample(0, "--n", "4")
	out := command(t, 0, "train", "--solutions", answers, "--out", checkpoint, "--epochs", "1")
	expect(out, "whole answers: ", "AUC, crosswise")
	m, err := prm.Load(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header().Solution
	if h == nil || h.Model != sampled[0].Sampling.Model || h.Problems < 10 || m.Header().Width != 0 {
		t.Fatalf("%+v", h)
	}
	g, err := readGate(checkpoint)
	if err != nil || !g.Of(m.ID(), h.Model) || g.Vote.Beta != h.Vote.Beta || g.Problems < h.Problems || g.N != 4 {
		t.Errorf("%v; the gate is %+v, the head's vote %+v", err, g, h.Vote)
	}
	again := filepath.Join(folder, "again.prm")
	command(t, 0, "train", "--solutions", answers, "--out", again, "--epochs", "1")
	if twin, err := prm.Load(again); err != nil || twin.ID() != m.ID() {
		t.Errorf("the same answers, another PRM: %v", err)
	}

	// Answers that it learned from are a hold-out good enough to see that a spoilt PRM is of no use; no gate is
	// touched.
	gate, err := os.ReadFile(gatePath(checkpoint))
	if err != nil {
		t.Fatal(err)
	}
	test, tested := filepath.Join(folder, "test.jsonl"), filepath.Join(folder, "tested.jsonl")
	if err := os.WriteFile(test, []byte(command(t, 0, "tasks", "--split", "test", "--n", "6", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 0, "sample", "--upstream", "builtin", "--problems", test, "--out", tested, "--max-tokens", "150", "--n", "5")
	measure := []string{"eval", "--solutions", tested, "--checkpoint", checkpoint, "--n", "5", "--strategies", "majority,weighted_vote,auto"}
	expect(command(t, 2, append(measure, "--distort", "noise")...), "--holdout")
	for _, distort := range []string{"noise", "inverted"} {
		out := command(t, 0, append(measure, "--distort", distort, "--holdout", answers)...)
		expect(out, "auto takes plain votes: ", "40 problems of answers.jsonl", distort)
		if got, plain := row(t, out, "weighted-vote-5"), row(t, out, "majority-5"); got[0] != plain[0] {
			t.Errorf("%s: a vote weighed by nothing has %s, a plain one %s", distort, got, plain)
		}
	}
	expect(command(t, 0, append(measure, "--holdout", tested)...), "promises too much", "shared 6")
	others, drawn := filepath.Join(folder, "others.jsonl"), sampled[0].Sampling
	drawn.Model = "another"
	file, err := dataset.OpenAnswers(others, drawn)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Add(sampled[0].Problem, sampled[0].Answers), file.Close()); err != nil {
		t.Fatal(err)
	}
	expect(command(t, 2, append(measure, "--holdout", others)...), "--holdout: answers of another", h.Model)
	if after, err := os.ReadFile(gatePath(checkpoint)); err != nil || !bytes.Equal(gate, after) {
		t.Errorf("a gate was changed by answers replayed, %v", err)
	}
	expect(command(t, 2, "train", "--solutions", answers, "--elsewhere", answers, "--epochs", "1"), "--elsewhere", "those of another LLM")
	expect(command(t, 0, "train", "--solutions", answers, "--prior", "general", "--elsewhere", others, "--epochs", "1"), "With other LLMs (another;")
	expect(command(t, 2, "train", "--solutions", answers, "--prior", "nowhere.prm"), "nowhere.prm")
	expect(command(t, 2, "train", "--solutions", answers, "--ablate", "--disguises", "padded"), "leave out --disguises")
	expect(command(t, 2, "train", "--problems", problems, "--elsewhere", others), "--elsewhere goes with --solutions alone")
	expect(command(t, 0, append(measure[:3:3], "--checkpoint", "general", "--n", "5", "--strategies", "weighted_vote,auto")...), "auto-5")
	if _, err := os.Stat("general.gate.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a gate beside nothing: %v", err)
	}
	expect(command(t, 0, "prm", "show", "general"), `"elsewhere"`)
	expect(command(t, 2, "train", "--solutions", problems, "--out", checkpoint), "as sidecar sample writes them")
	expect(command(t, 2, "train", "--out", checkpoint), "--solutions FILE")
}

// What no training can be done with is said before the LLM is asked for a round of the game.
func TestTrainRefusesAtOnce(t *testing.T) {
	problems := filepath.Join(t.TempDir(), "problems.jsonl")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "2")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ flag, value, want string }{
		{"--pace", "0", "--pace must be above 0"}, {"--pace", "1.5", "--pace must be above 0"}, {"--adversarial", "1.5", "--adversarial must be from 0 to 1"},
		{"--adversarial", "-0.1", "--adversarial must be from 0 to 1"}, {"--attack-programs", "2", "--solutions FILE"},
	} {
		if out := command(t, 2, "train", "--upstream", "http://127.0.0.1:1", "--problems", problems, tt.flag+"="+tt.value); !strings.Contains(out, tt.want) {
			t.Errorf("%s %s: %s", tt.flag, tt.value, out)
		}
	}
}

// row is the cells of a method in a table of eval's.
func row(t *testing.T, out, method string) []string {
	t.Helper()
	for line := range strings.Lines(out) {
		if rest, found := strings.CutPrefix(line, "| "+method+" | "); found {
			return strings.Split(rest, " | ")
		}
	}
	t.Fatalf("no row %s in: %s", method, out)
	return nil
}
