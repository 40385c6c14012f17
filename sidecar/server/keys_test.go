package server

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aprm/sidecar/access"
)

// keyed makes keys of entries by name, each with some more lines of the file.
func keyed(t *testing.T, more map[string]string) (*access.Keys, map[string]http.Header) {
	t.Helper()
	var file strings.Builder
	file.WriteString("keys:\n")
	headers := map[string]http.Header{}
	for name, more := range more {
		key, e := access.New(name, nil)
		fmt.Fprintf(&file, "  - name: %s\n    hash: %s\n%s", name, e.Hash, more)
		headers[name] = http.Header{"Authorization": {"Bearer " + key}}
	}
	table, err := access.Parse([]byte(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	return table, headers
}

// TestScopes: a key opens what it is for, and nobody else anything.
func TestScopes(t *testing.T) {
	keys, as := keyed(t, map[string]string{
		"chat": "    scopes: [chat]\n", "score": "    scopes: [score]\n", "traces": "    scopes: [traces]\n", "metrics": "    scopes: [metrics]\n", "admin": "    scopes: [admin]\n",
	})
	as["nobody"] = http.Header{}
	as["stranger"] = http.Header{"Authorization": {"Bearer sk-sidecar-guess"}}
	addr := serve(t, Config{Keys: keys, Traces: 8, Defaults: defaults(guided)}, answers(solved()), newFakeUpstream(t, replies(`{"data":[]}`)))
	for _, p := range []struct{ method, path, scope string }{
		{"POST", "/v1/chat/completions", "chat"}, {"POST", "/api/chat", "chat"}, {"GET", "/v1/models", "chat"}, {"GET", "/v1/anything", "chat"}, {"POST", "/v1/embeddings", "chat"},
		{"POST", "/v1/prm/score", "score"}, {"POST", "/pooling", "score"}, {"GET", "/v1/prm/traces", "traces"}, {"GET", "/v1/prm/traces/x", "traces"}, {"GET", "/metrics", "metrics"},
		{"GET", "//v1/prm/traces", "traces"}, {"GET", "/v1/prm/traces/", "traces"},
	} {
		for name, header := range as {
			code := do(t, p.method, addr+p.path, `{}`, header).StatusCode
			want := http.StatusForbidden
			switch name {
			case p.scope, "admin":
				want = 0
			case "nobody", "stranger":
				want = http.StatusUnauthorized
			}
			if want == 0 && (code == 401 || code == 403) || want != 0 && code != want {
				t.Errorf("%s %s as %s: %d", p.method, p.path, name, code)
			}
		}
	}
}

// TestTracesAreTheirOwners.
func TestTracesAreTheirOwners(t *testing.T) {
	keys, as := keyed(t, map[string]string{"a": "", "b": "", "admin": "    scopes: [admin]\n"})
	addr := serve(t, Config{Keys: keys, Traces: 8, Defaults: defaults(guided)}, answers(solved()), newFakeUpstream(t, replies(`{"data":[]}`)))
	do(t, "POST", addr+"/v1/chat/completions", askWhole, as["a"])
	for name, n := range map[string]int{"a": 1, "b": 0, "admin": 1} {
		var list struct{ Data []struct{ ID string } }
		if err := json.NewDecoder(do(t, "GET", addr+"/v1/prm/traces", "", as[name]).Body).Decode(&list); err != nil || len(list.Data) != n {
			t.Errorf("%s sees %+v, %v", name, list, err)
		}
		if code := do(t, "GET", addr+"/v1/prm/traces/chatcmpl-TESTID", "", as[name]).StatusCode; (code == 200) != (n == 1) {
			t.Errorf("%s: %d", name, code)
		}
	}
}

// TestBudgets: what a search or a raw answer cost is taken off, streamed or not, and the client is told when there is
// more.
func TestBudgets(t *testing.T) {
	stream := "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":50}}\n\ndata: [DONE]\n\n"
	for name, tt := range map[string]struct{ upstream, path, body string }{
		"a search":     {"{}", "/v1/chat/completions", askWhole},
		"a raw answer": {`{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":1}}`, "/v1/chat/completions", `{"model":"m@raw","messages":[]}`},
		"a raw stream": {stream, "/v1/chat/completions", `{"model":"m@raw","stream":true,"messages":[]}`},
		"no usage":     {strings.Repeat("data: {}\n\n", 200), "/v1/other", `{}`},
		"a translation that breaks off": {strings.Repeat("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", 200) + "data: {\"error\":\"gone\"}\n\n",
			"/api/chat", `{"model":"m@raw","messages":[{"role":"user","content":"hi"}]}`},
		"a translation": {`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":1}}`, "/api/chat", `{"model":"m@raw","stream":false,"messages":[{"role":"user","content":"hi"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			result := solved()
			result.PromptTokens, result.CompletionTokens = 60, 60
			keys, as := keyed(t, map[string]string{"a": "    tokens-a-day: 100\n", "b": "    tokens-a-day: 1000\n"})
			addr := serve(t, Config{Keys: keys, Defaults: defaults(guided)}, answers(result), newFakeUpstream(t, replies(tt.upstream)))
			for i := range 2 {
				for who, header := range as {
					resp := do(t, "POST", addr+tt.path, tt.body, header)
					over := who == "a" && i == 1
					if (resp.StatusCode == http.StatusTooManyRequests) != over || over && resp.Header.Get("Retry-After") == "" || !over && resp.StatusCode != 200 {
						t.Errorf("%s, request %d: %d", who, i, resp.StatusCode)
					}
					readAll(t, resp)
				}
			}
		})
	}
}

// readAll waits for the end of an answer.
func readAll(t *testing.T, resp *http.Response) {
	t.Helper()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

// TestWhatAPackedAnswerCosts: an endpoint that would pack its answers isn't asked to where their cost is to be seen.
func TestWhatAPackedAnswerCosts(t *testing.T) {
	keys, as := keyed(t, map[string]string{"a": "    tokens-a-day: 100\n"})
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		answer := `{"choices":[],"usage":{"prompt_tokens":90,"completion_tokens":20}}`
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			fmt.Fprint(w, answer)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		out := gzip.NewWriter(w)
		fmt.Fprint(out, answer)
		out.Close()
	})
	addr := serve(t, Config{Keys: keys, Defaults: defaults(guided)}, answers(solved()), up)
	header := as["a"].Clone()
	header.Set("Accept-Encoding", "gzip")
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		resp := do(t, "POST", addr+"/v1/chat/completions", `{"model":"m@raw","messages":[]}`, header)
		if readAll(t, resp); resp.StatusCode != want {
			t.Errorf("request %d: %d, not %d", i, resp.StatusCode, want)
		}
	}
}
