package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const oneTrace = `{"id":"chatcmpl-1","began":"2026-11-25T10:00:00Z","model":"m","strategy":"majority","applied":"majority; reason=asked","options":{"n":2},` +
	`"candidates":[{"id":1,"at":0,"text":"x","answer":"12","tokens":3,"chosen":true,"kept":"most votes","began":0,"ended":1}],"answer":"12",` +
	`"tokens":{"prompt":1,"completion":3},"scoring_calls":0,"seconds":{"total":1,"queued":0,"llm":0.99,"prm":0,"own":0.01}}`

// TestTraceCommand: what is asked for is shown; what goes wrong says what to do.
func TestTraceCommand(t *testing.T) {
	list := `{"object":"list","data":[` + oneTrace[:strings.Index(oneTrace, `,"applied"`)] + `,"seconds":{"total":1,"llm":0.99,"own":0.01}}]}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer key":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v1/prm/traces":
			w.Write([]byte(list))
		case r.URL.Path == "/v1/prm/traces/chatcmpl-1":
			w.Write([]byte(oneTrace))
		case strings.HasPrefix(r.URL.Path, "/v1/prm/traces/"):
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"error":{"message":"there is no trace","type":"not_found_error","param":"id","code":"trace_not_found"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer srv.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"--url", srv.URL, "--api-key", "key"}, 0, []string{"chatcmpl-1", "majority", "1.0 %"}},
		{[]string{"--url", srv.URL + "/v1/", "--api-key", "key", "last"}, 0, []string{"└─✓ 1*", "most votes", "answer  12", "LLM 99.0 %"}},
		{[]string{"--url", srv.URL, "--api-key", "key", "chatcmpl-1", "--json"}, 0, []string{oneTrace}},
		{[]string{"--url", srv.URL, "--api-key", "key", "--json"}, 0, []string{list}},
		{[]string{"--url", srv.URL, "--api-key", "key", "other"}, 2, []string{"there is no trace", "`sidecar trace` lists"}},
		{[]string{"--url", srv.URL, "last"}, 2, []string{"--api-key"}},
		{[]string{"--url", closed.URL}, 1, []string{"no sidecar answers", "sidecar serve", "--url"}},
		{[]string{"--url", "nonsense"}, 2, []string{"--url", "nonsense"}},
		{[]string{"--limit", "0"}, 2, []string{"--limit"}},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"trace"}, tt.args...), strings.NewReader(""), &out, &errs)
		if code != tt.code {
			t.Errorf("%v: status %d, want %d: %s", tt.args, code, tt.code, errs.String())
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String()+errs.String(), want) {
				t.Errorf("%v: no %q in\n%s%s", tt.args, want, out.String(), errs.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("%v: escapes outside of a terminal", tt.args)
		}
	}
}
