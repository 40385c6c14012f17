package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
)

// Recorded answers are read again by the LLM that gave them, problem by problem; nothing that was known of them is
// lost.
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
	if out := examine(0, "--limit", "2", "--ask", "states"); !strings.Contains(out, "4 answers examined now") {
		t.Error(out)
	}
	if out := examine(2, "--ask", "ptrue"); !strings.Contains(out, "a pass that didn't ask for ptrue") {
		t.Error(out)
	}
	if out := examine(0, "--ask", "states"); !strings.Contains(out, "4 of 4 problems are in") {
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
	if out := examine(2, "--ask", "states"); !strings.Contains(out, "an LLM can only be asked about its own") {
		t.Error(out)
	}
}

// One server gives log-probabilities, another hidden states: both are asked in one pass. Each problem that fails is
// named, and asked about again by the same command.
func TestExamineAtTwoServers(t *testing.T) {
	var refusing atomic.Bool
	refusing.Store(true)
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"fake","owned_by":"vllm"}]}`)
		case refusing.Load() && bytes.Contains(body, []byte("unlucky")):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"message":"not that one"}}`)
		default:
			fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"Yes"},"finish_reason":"length","logprobs":{"content":[{"token":"Yes","logprob":-0.5108256,"top_logprobs":[{"token":"Yes","logprob":-0.5108256},{"token":"No","logprob":-1.6094379}]}]}}]}`+"\n\ndata: [DONE]\n\n")
		}
	}))
	defer chat.Close()
	states := (&adaptertest.Upstream{OwnedBy: "llamacpp"}).Start(t)
	folder := t.TempDir()
	answers, read := filepath.Join(folder, "answers.jsonl"), filepath.Join(folder, "read.jsonl")
	file, err := dataset.OpenAnswers(answers, dataset.Sampling{Model: "fake", Kind: step.Prose, MaxTokens: 100, Instruction: "Short."})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		p := step.Problem{ID: fmt.Sprint("p", i), Question: fmt.Sprintf("How many pens in %d boxes?", i), Answer: "5"}
		if i == 5 || i == 8 {
			p.Question += " An unlucky one."
		}
		if err := file.Add(p, []dataset.Answer{{Text: "2 + 3 = 5\n#### 5", Spent: 9}, {Text: "6", Spent: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	examine := func(want int) string {
		t.Helper()
		return command(t, want, "examine", "--upstream", "openai+"+chat.URL, "--upstream-hidden-url", states.URL, "--solutions", answers, "--ask", "ptrue,states", "--out", read)
	}
	if out := examine(1); !strings.Contains(out, "20 answers examined now") || !strings.Contains(out, "p5: ") || !strings.Contains(out, "p8: ") || !strings.Contains(out, "not that one") {
		t.Error(out)
	}
	refusing.Store(false)
	if out := examine(0); !strings.Contains(out, "4 answers examined now") || !strings.Contains(out, "12 of 12 problems") {
		t.Error(out)
	}
	found, err := dataset.ReadAnswers(read)
	if err != nil || len(found) != 12 {
		t.Fatal(len(found), err)
	}
	for _, of := range found {
		for _, a := range of.Answers {
			if a.PTrue == nil || math.Abs(*a.PTrue-0.75) > 1e-6 || len(a.States) != 6 || len(a.States["asked"]) != 4 || a.States["asked"][0] <= a.States["last"][0] {
				t.Errorf("%s: %v, %v", of.Problem.ID, a.PTrue, a.States)
			}
		}
	}
}

// yesSayer is an LLM that finds every answer right, and counts.
type yesSayer struct {
	adapters.LLM
	asked atomic.Int64
}

func (y *yesSayer) Generate(context.Context, adapters.Request) ([]adapters.Completion, error) {
	y.asked.Add(1)
	return []adapters.Completion{{Text: "Yes", Tokens: []step.Token{{Text: "Yes"}}}}, nil
}

// Where nothing can be kept nothing more is asked.
func TestExamineEndsWithItsFile(t *testing.T) {
	llm := &yesSayer{}
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }})
	if err != nil {
		t.Fatal(err)
	}
	file, err := dataset.OpenAnswers(filepath.Join(t.TempDir(), "out.jsonl"), dataset.Sampling{Model: "fake", Kind: step.Prose, MaxTokens: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	var answered []dataset.Answered
	for i := range 200 {
		answered = append(answered, dataset.Answered{Problem: step.Problem{Question: fmt.Sprint(i)}, Answers: []dataset.Answer{{Text: "5"}}})
	}
	c := examineCommand{Ask: []string{askPTrue}}
	if err := c.examine(t.Context(), streams{out: io.Discard, err: io.Discard}, e, answered, file); err == nil || llm.asked.Load() > 20 {
		t.Errorf("%d asked: %v", llm.asked.Load(), err)
	}
}
