package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm"
)

// The whole path with a real model, small: the game is played, a PRM comes out, and it is measured on unseen problems.
func TestDemo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "toy.prm")
	var text, errs bytes.Buffer
	args := strings.Fields("demo --no-serve --rounds 2 --per-round 8 --attacks 12 --unseen 4 --n 2 --out " + out)
	if code := run(t.Context(), args, nil, &text, &errs); code != 0 {
		t.Fatalf("status %d\n%s", code, errs.String())
	}
	for _, want := range []string{"tiny demonstration model", "round 1", "4 unseen problems", "| majority-2 |", "| guided-2 |", "| auto-2 |", "Kept in " + out, "sidecar serve --upstream builtin --checkpoint " + out + "\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	model, err := prm.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	if h := model.Header(); !strings.HasPrefix(h.Model, "builtin@") || h.Width == 0 {
		t.Errorf("%+v", h)
	}
}

// `serve --upstream builtin` answers by both APIs: passed through, streamed, and by a search with the PRM that comes
// with it.
func TestServeBuiltin(t *testing.T) {
	addr, stop := startServe(t, "--upstream", "builtin")
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections()
	})
	const question = "Tom has 3 boxes with 12 marbles in each. Tom gives 5 marbles to Anna. How many marbles does Tom have now?"
	ask := func(path, model, more string) string {
		t.Helper()
		body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, model, question, more)
		resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s, %v: %s", path, model, resp.Status, err, answer)
		}
		return string(answer)
	}
	var chat struct {
		Choices []struct{ Message struct{ Content string } }
		PRM     struct {
			Strategy, Checkpoint string
			Candidates           []any
		}
	}
	for _, model := range []string{"builtin@raw", "builtin@vote-4", "builtin@guided"} {
		if err := json.Unmarshal([]byte(ask("/v1/chat/completions", model, "")), &chat); err != nil || len(chat.Choices) != 1 || !strings.Contains(chat.Choices[0].Message.Content, "####") {
			t.Errorf("%s: %+v, %v", model, chat, err)
		}
	}
	if chat.PRM.Strategy != "guided" || chat.PRM.Checkpoint == "" {
		t.Errorf("guided without its PRM: %+v", chat.PRM)
	}
	if stream := ask("/v1/chat/completions", "builtin@raw", `,"stream":true`); !strings.Contains(stream, "data: [DONE]") || strings.Count(stream, "data: {") < 20 {
		t.Errorf("streamed: %s", stream)
	}
	if stream := ask("/api/chat", "builtin@raw", ""); !strings.Contains(stream, `"done":true`) || strings.Count(stream, "\n") < 20 {
		t.Errorf("Ollama's dialect: %s", stream)
	}
}
