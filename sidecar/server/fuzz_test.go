package server

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
	"aprm/sidecar/server/dialect"
)

// said is a way to an upstream that answers everything with the same bytes.
type said []byte

func (s said) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(s)), Request: r}, nil
}

// FuzzTranslated: whatever an Ollama client asks of an OpenAI-compatible upstream, and whatever that answers, comes to
// an answer or an error, in time and within bounds.
func FuzzTranslated(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add(`{"model":"m","stream":false,"messages":[{"role":"user","content":"hi","images":["x"]}]}`, `{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{"}}]}}],"usage":{"prompt_tokens":-1}}`)
	f.Add(`{"model":"m","prompt":"x","suffix":7,"options":{"num_predict":-2}}`, "data: {\"error\":7}\n\n")
	f.Fuzz(func(t *testing.T, ask, answer string) {
		s := build(t, Config{Dialect: dialect.OpenAI, Route: func(http.RoundTripper) http.RoundTripper { return said(answer) }}, &reasoner{})
		size := 0
		took, made := casetest.Cost(func() {
			for _, path := range []string{"/api/chat", "/api/generate", "/api/embed", "/api/show", "/api/tags", "/v1/responses", "/v1/messages"} {
				rec := post(s, path, ask)
				size += rec.Body.Len()
				if rec.Code == http.StatusInternalServerError && !strings.Contains(answer, "500") {
					t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
				}
			}
		})
		if took > 10*time.Second || made > 256<<20+4096*uint64(len(ask)+len(answer)) {
			t.Errorf("%d and %d bytes took %v and %d bytes, %d answered", len(ask), len(answer), took, made, size)
		}
	})
}
