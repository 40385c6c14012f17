package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// memory is an Experience that remembers.
type memory struct {
	mu   sync.Mutex
	kept map[string]Searched
	said []string
}

func (m *memory) Keep(_ context.Context, s Searched) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]Searched{}
	}
	m.kept[s.ID] = s
	return nil
}

func (m *memory) Owner(id string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.kept[id]
	if !ok {
		return "", ErrNotKept
	}
	return s.Owner, nil
}

func (m *memory) Say(id string, right bool, answer string) error {
	if answer == "refuse me" {
		return dialect.BadRequest("answer", "answer is refused")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, fmt.Sprint(id, right, answer))
	return nil
}

// TestFeedback: what a client says is checked field by field, and is only of its own answers that are kept.
func TestFeedback(t *testing.T) {
	keys, as := keyed(t, map[string]string{"a": "    experience: true\n", "b": "    experience: true\n", "shy": "", "admin": "    scopes: [admin]\n    experience: true\n"})
	up := newFakeUpstream(t, replies(`{"data":[]}`))
	kept := &memory{}
	addr := serve(t, Config{Keys: keys, Defaults: defaults(guided), Experience: kept}, answers(solved()), up)
	for _, name := range []string{"shy", "a"} {
		if resp := do(t, "POST", addr+"/v1/chat/completions", askWhole, as[name]); resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		if want := map[string]int{"shy": 0, "a": 1}[name]; len(kept.kept) != want {
			t.Fatalf("%s: %d kept", name, len(kept.kept))
		}
	}
	id := "chatcmpl-TESTID"
	if s := kept.kept[id]; s.Owner != "a" || s.Question == "" || s.Result.Answer != solved().Answer || s.Options.Strategy != decode.Guided {
		t.Errorf("kept %+v", s)
	}
	for _, test := range []struct {
		key, body string
		status    int
		param     string
	}{
		{"a", `{"id":"` + id + `","right":true}`, 200, ""},
		{"a", `{"id":"` + id + `","right":false,"answer":36}`, 200, ""},
		{"a", `{"id":"` + id + `","right":false,"answer":"1/2"}`, 200, ""},
		{"admin", `{"id":"` + id + `","right":true}`, 200, ""},
		{"b", `{"id":"` + id + `","right":true}`, 404, "id"},
		{"a", `{"id":"chatcmpl-other","right":true}`, 404, "id"},
		{"shy", `{"id":"` + id + `","right":true}`, 400, ""},
		{"a", `{"right":true}`, 400, "id"},
		{"a", `{"id":7,"right":true}`, 400, "id"},
		{"a", `{"id":"` + id + `"}`, 400, "right"},
		{"a", `{"id":"` + id + `","right":"yes"}`, 400, "right"},
		{"a", `{"id":"` + id + `","right":true,"answer":[36]}`, 400, "answer"},
		{"a", `{"id":"` + id + `","right":true,"answer":""}`, 400, "answer"},
		{"a", `{"id":"` + id + `","right":true,"answer":"` + strings.Repeat("9", longestAnswer+1) + `"}`, 400, "answer"},
		{"a", `{"id":"` + id + `","right":true,"answer":"refuse me"}`, 400, "answer"},
		{"a", `nonsense`, 400, ""},
	} {
		resp := do(t, "POST", addr+"/v1/prm/feedback", test.body, as[test.key])
		text, err := io.ReadAll(resp.Body)
		var said struct {
			Error struct{ Message, Param string }
		}
		if err != nil || resp.StatusCode != test.status || json.Unmarshal(text, &said) != nil || said.Error.Param != test.param || (test.status == 200) != (said.Error.Message == "") {
			t.Errorf("%s %.80s: %d %s", test.key, test.body, resp.StatusCode, text)
		}
	}
	if want := fmt.Sprint([]string{id + "true", id + "false36", id + "false1/2", id + "true"}); fmt.Sprint(kept.said) != want {
		t.Errorf("said %v, want %v", kept.said, want)
	}
	// Where nothing is kept it says how that is asked for.
	addr = serve(t, Config{Defaults: defaults(guided)}, answers(solved()), up)
	resp := do(t, "POST", addr+"/v1/prm/feedback", `{"id":"x","right":true}`, http.Header{})
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(text), "--experience") || !strings.Contains(string(text), "no_experience") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// TestOnlySingleQuestionsAreKept: what needs the conversation before it teaches nothing by itself. An answer of
// Ollama's, which has no id, says which it is.
func TestOnlySingleQuestionsAreKept(t *testing.T) {
	kept := &memory{}
	addr := serve(t, Config{Defaults: defaults(guided), Experience: kept}, answers(solved()), newFakeUpstream(t, replies(`{"data":[]}`)))
	follow := `{"model":"m","prm":{"strategy":"guided"},"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Go on with 3."}]}`
	if resp := do(t, "POST", addr+"/v1/chat/completions", follow, nil); resp.StatusCode != 200 || len(kept.kept) != 0 {
		t.Errorf("%s, %d kept", resp.Status, len(kept.kept))
	}
	resp := do(t, "POST", addr+"/api/chat", `{"model":"m","stream":false,"prm":{"strategy":"guided"},"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"`+question+`"}]}`, nil)
	var answer struct {
		PRM struct {
			TraceID string `json:"trace_id"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || kept.kept[answer.PRM.TraceID].Question != question {
		t.Errorf("%+v, %v; kept %+v", answer, err, kept.kept)
	}
}
