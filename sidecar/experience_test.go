package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/sidecar/access"
	"aprm/sidecar/dataset"
)

// posted posts JSON with a key, and returns the status and what comes back.
func posted(t *testing.T, addr, key, path string, body any, into any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	code, said := posts(t, addr, key, path, text)
	if err := json.Unmarshal(said, into); err != nil {
		t.Fatal(err)
	}
	return code
}

type chat struct {
	Messages []map[string]string `json:"messages"`
	Model    string              `json:"model"`
	Seed     int                 `json:"seed"`
}

func asking(question, model string, seed int) chat {
	return chat{[]map[string]string{{"role": "user", "content": question}}, model, seed}
}

type chatAnswer struct {
	ID    string
	PRM   struct{ Checkpoint, Answer string }
	Error struct{ Message, Param, Code string }
}

// TestExperienceTrains: served answers and what clients say of them become a PRM. Nothing is kept of a key that doesn't
// let it, nor what a pattern takes out.
func TestExperienceTrains(t *testing.T) {
	dir := t.TempDir()
	folder, problems, keys := filepath.Join(dir, "kept"), filepath.Join(dir, "train.jsonl"), filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "40", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	asked, err := dataset.ReadProblems(problems)
	if err != nil {
		t.Fatal(err)
	}
	open, entry := access.New("open", nil)
	shy, shyEntry := access.New("shy", nil)
	if err := os.WriteFile(keys, fmt.Appendf(nil, "keys:\n- {name: open, hash: %q, experience: true}\n- {name: shy, hash: %q}\n", entry.Hash, shyEntry.Hash), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, stop := startServe(t, "--upstream", "builtin", "--keys", keys, "--experience", folder, "--max-tokens", "150", "--temperature", "1", "--experience-redact", `(?i)\bsecret \w+`)
	var answer chatAnswer
	var feedback struct {
		Kept  bool
		Error struct{ Message, Param, Code string }
	}
	if code := posted(t, addr, shy, "/v1/chat/completions", asking(asked.Problems[0].Question, "builtin@vote-2", 1), &answer); code != 200 {
		t.Fatalf("%d: %+v", code, answer)
	}
	if code := posted(t, addr, open, "/v1/prm/feedback", map[string]any{"id": answer.ID, "right": true}, &feedback); code != 404 {
		t.Errorf("another's: %d", code)
	}
	if code := posted(t, addr, shy, "/v1/prm/feedback", map[string]any{"id": answer.ID, "right": true}, &feedback); code != 400 || feedback.Error.Code != "no_experience" {
		t.Errorf("a key whose answers are not kept: %d %+v", code, feedback)
	}
	for i, p := range asked.Problems {
		question := p.Question
		if i == 0 {
			question = "Secret word, SECRET name. " + question
		}
		if code := posted(t, addr, open, "/v1/chat/completions", asking(question, "builtin@vote-4", i+1), &answer); code != 200 {
			t.Fatalf("%d: %+v", code, answer)
		}
		right := answer.PRM.Answer == p.Answer
		if right && i%2 == 0 {
			if code := posted(t, addr, open, "/v1/prm/feedback", map[string]any{"id": answer.ID, "right": false, "answer": p.Answer}, &feedback); code != 400 || feedback.Error.Param != "right" {
				t.Errorf("it contradicts itself: %d %+v", code, feedback)
			}
			if code := posted(t, addr, open, "/v1/prm/feedback", map[string]any{"id": answer.ID, "right": true}, &feedback); code != 200 || !feedback.Kept {
				t.Errorf("%d %+v", code, feedback)
			}
			continue
		}
		if code := posted(t, addr, open, "/v1/prm/feedback", map[string]any{"id": answer.ID, "right": right, "answer": p.Answer}, &feedback); code != 200 {
			t.Errorf("%d %+v", code, feedback)
		}
	}
	var guided chatAnswer
	if code := posted(t, addr, open, "/v1/chat/completions", asking(asked.Problems[1].Question, "builtin@guided-2", 1), &guided); code != 200 {
		t.Fatalf("%d: %+v", code, guided)
	}
	stop()
	kept, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%q, %v", kept, err)
	}
	text, err := os.ReadFile(kept[0])
	if err != nil || strings.Contains(strings.ToLower(string(text)), "secret ") || !strings.Contains(string(text), redacted) {
		t.Errorf("%v: what was to be taken out: %.300s", err, text)
	}
	answered, err := dataset.ReadAnswers(kept...)
	if err != nil || len(answered) < len(asked.Problems) {
		t.Fatalf("%d problems, %v", len(answered), err)
	}
	drawn, built := 0, 0
	for _, a := range answered {
		switch {
		case a.Sampling.Strategy == "guided":
			built += len(a.Answers)
			continue
		case a.Problem.Answer == "" || len(a.Answers) < 4:
			t.Errorf("%+v", a)
		}
		drawn += len(a.Answers)
		if len(a.Answers[0].Tokens) == 0 {
			t.Error("no log-probabilities")
		}
	}
	if drawn != 4*len(asked.Problems) || built != 1 {
		t.Errorf("%d answers drawn, %d built", drawn, built)
	}
	checkpoint := filepath.Join(dir, "my.prm")
	if out := command(t, 0, "train", "--solutions", kept[0], "--out", checkpoint, "--epochs", "1"); !strings.Contains(out, "whole answers: ") {
		t.Error(out)
	}
	if m, err := prm.Load(checkpoint); err != nil || m.Header().Solution == nil {
		t.Errorf("%v", err)
	}
}
