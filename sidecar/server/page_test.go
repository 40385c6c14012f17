package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// paged is a configuration with a page, whose board says what it was asked.
func paged(cfg Config) Config {
	cfg.Page = fstest.MapFS{"page.html": {Data: []byte("<!doctype html>the page")}, "page.js": {Data: []byte("let page;")}}
	cfg.Board = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method+" "+r.URL.Path) })
	return cfg
}

// TestRoot: a browser gets the page, with no key, and all others what they got before there was one.
func TestRoot(t *testing.T) {
	browser := http.Header{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}}
	for _, c := range []struct {
		name    string
		dialect dialect.Dialect
		keyed   bool
		accept  http.Header
		status  int
		want    string
	}{
		{"a browser", dialect.OpenAI, false, browser, 200, "<!doctype html>the page"},
		{"a browser before an Ollama", dialect.Ollama, false, browser, 200, "<!doctype html>the page"},
		{"a browser where there are keys", dialect.OpenAI, true, browser, 200, "<!doctype html>the page"},
		{"an Ollama client", dialect.OpenAI, false, http.Header{"Accept": {"application/json"}}, 200, "Ollama is running"},
		{"curl", dialect.OpenAI, false, http.Header{"Accept": {"*/*"}}, 200, "Ollama is running"},
		{"one that says nothing", dialect.OpenAI, false, nil, 200, "Ollama is running"},
		{"an Ollama client before an Ollama", dialect.Ollama, false, nil, 200, "the upstream's"},
		{"without a key", dialect.OpenAI, true, nil, 401, "API key"},
		{"without a key before an Ollama", dialect.Ollama, true, nil, 401, "API key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := paged(Config{Dialect: c.dialect})
			if c.keyed {
				cfg.APIKey = "sk-secret"
			}
			addr := serve(t, cfg, answers(solved()), newFakeUpstream(t, replies("the upstream's")))
			resp := do(t, "GET", addr+"/", "", c.accept)
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.want) || c.status == 200 && string(body) != c.want {
				t.Errorf("%d %s (%v), want %d %s", resp.StatusCode, body, err, c.status, c.want)
			}
			csp := resp.Header.Get("Content-Security-Policy")
			if page := strings.Contains(c.want, "page"); page != strings.Contains(csp, "default-src 'none'") || page && (strings.Contains(csp, "unsafe") || resp.Header.Get("Vary") != "Accept") {
				t.Errorf("headers: %v", resp.Header)
			}
		})
	}
}

// TestThePageIsOff: then nothing of it is there, and a browser gets the endpoint's own.
func TestThePageIsOff(t *testing.T) {
	addr := serve(t, Config{}, answers(solved()), newFakeUpstream(t, replies("the upstream's")))
	resp := do(t, "GET", addr+"/", "", http.Header{"Accept": {"text/html"}})
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "the upstream's" {
		t.Errorf("the root: %s (%v)", body, err)
	}
	for _, path := range []string{"/sidecar/page.js", "/sidecar/api/state"} {
		if code := do(t, "GET", addr+path, "", nil).StatusCode; code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestWhoMayAskTheBoard: keys of the scope admin; without keys no page of another site, by whatever name it calls.
func TestWhoMayAskTheBoard(t *testing.T) {
	keys, as := keyed(t, map[string]string{"chat": "    scopes: [chat]\n", "metrics": "    scopes: [metrics]\n", "admin": "    scopes: [admin]\n"})
	as["nobody"] = http.Header{}
	addr := serve(t, paged(Config{Keys: keys}), answers(solved()), newFakeUpstream(t, replies("{}")))
	for who, want := range map[string]int{"nobody": 401, "chat": 403, "metrics": 403, "admin": 200} {
		for _, method := range []string{"GET", "POST"} {
			resp := do(t, method, addr+"/sidecar/api/run/start", "{}", as[who])
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != want || want == 200 && string(body) != method+" /run/start" {
				t.Errorf("%s as %s: %d %s (%v)", method, who, resp.StatusCode, body, err)
			}
		}
		if code := do(t, "GET", addr+"/sidecar/page.js", "", as[who]).StatusCode; code != 200 {
			t.Errorf("the page's files as %s: %d", who, code)
		}
	}

	s := build(t, paged(Config{Hosts: []string{"mine.example"}}), answers(solved()))
	for _, c := range []struct {
		name, host, origin string
		status             int
	}{
		{"its own page", "mine.example", "http://mine.example", 200},
		{"by its address", "127.0.0.1:8484", "", 200},
		{"another site", "mine.example", "http://evil.example", 403},
		{"another site's name for it", "evil.example", "", 403},
	} {
		r := httptest.NewRequest("POST", "http://"+c.host+"/sidecar/api/checkpoints/promote", strings.NewReader("{}"))
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if got := send(s, r).Code; got != c.status {
			t.Errorf("%s: %d, want %d", c.name, got, c.status)
		}
	}
	for _, path := range []string{"/", "/sidecar/page.js"} {
		r := httptest.NewRequest("GET", "http://evil.example"+path, nil)
		r.Header.Set("Accept", "text/html")
		if got := send(s, r).Code; got != 403 {
			t.Errorf("%s by a stranger's name: %d", path, got)
		}
	}
}

// TestTheBoardIsItsOwnPagesAlone: pages of other sites that may use the sidecar may neither ask the board nor, where
// there are keys, read what it says.
func TestTheBoardIsItsOwnPagesAlone(t *testing.T) {
	for _, origins := range [][]string{{"*"}, {"https://chat.example.org"}} {
		open := build(t, paged(Config{Origins: origins, Hosts: []string{"mine.example"}}), answers(solved()))
		keyed := build(t, paged(Config{Origins: origins, APIKey: "k"}), answers(solved()))
		for _, c := range []struct {
			name, method, path, origin string
			status                     int
		}{
			{"its own page", "POST", "/sidecar/api/checkpoints/promote", "http://mine.example", 200},
			{"a page that may chat", "POST", "/sidecar/api/checkpoints/promote", "https://chat.example.org", 403},
			{"and looks", "GET", "/sidecar/api/runs", "https://chat.example.org", 403},
			{"and asks whether it may", "OPTIONS", "/sidecar/api/run/start", "https://chat.example.org", 403},
			{"a file of its own", "POST", "/sidecar/api/run/start", "null", 403},
			{"its chat", "OPTIONS", "/v1/chat/completions", "https://chat.example.org", 204},
		} {
			r := httptest.NewRequest(c.method, "http://mine.example"+c.path, strings.NewReader("{}"))
			r.Header.Set("Origin", c.origin)
			if c.method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "POST")
			}
			if got := send(open, r).Code; got != c.status {
				t.Errorf("%q, %s: %d, want %d", origins, c.name, got, c.status)
			}
			if c.status != 403 {
				continue
			}
			r = r.Clone(t.Context())
			r.Body = io.NopCloser(strings.NewReader("{}"))
			r.Header.Set("Origin", c.origin)
			r.Header.Set("Authorization", "Bearer k")
			if lets := send(keyed, r).Header().Get("Access-Control-Allow-Origin"); lets != "" {
				t.Errorf("%q, %s with a key: the browser lets %s read it", origins, c.name, lets)
			}
		}
	}
}

// TestReadyByAnyName where there are keys, as all else is there; without keys by none that is a stranger's.
func TestReadyByAnyName(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"data":[]}`))
	for _, c := range []struct {
		key    string
		status int
	}{{"k", 200}, {"", 403}} {
		s := build(t, Config{Upstream: mustURL(t, up.URL), APIKey: c.key}, answers(solved()))
		if got := send(s, httptest.NewRequest("GET", "http://sidecar.public.example/readyz", nil)).Code; got != c.status {
			t.Errorf("key %q: %d, want %d", c.key, got, c.status)
		}
	}
}

// TestCandidatesAreStreamed where a request asks for that, each as it comes and again when something is decided of it;
// no client that doesn't ask sees any.
func TestCandidatesAreStreamed(t *testing.T) {
	told := make(chan struct{})
	r := &reasoner{checkpoint: "ab12cd34"}
	for _, c := range []struct {
		name, prm string
		want      bool
	}{{"asked", `,"prm":{"candidates":true}`, true}, {"not", ``, false}, {"no", `,"prm":{"candidates":false}`, false}} {
		t.Run(c.name, func(t *testing.T) {
			r.solve = func(_ context.Context, _ string, _ []adapters.Message, opts decode.Options) (decode.Result, error) {
				opts.Watch(decode.Event{Candidate: &decode.Candidate{ID: 1, Text: "3 * 4 = 13"}})
				if c.want {
					<-told // the client has seen it, and the search runs on
				}
				opts.Watch(decode.Event{Candidate: &decode.Candidate{ID: 1, Text: "3 * 4 = 13", Scored: true, Score: 0.25, Dropped: "scored lower"}})
				opts.Watch(decode.Event{Candidate: &decode.Candidate{ID: 2, Parent: 1, Text: "#### 12", Kept: "best"}})
				return solved(), nil
			}
			addr := serve(t, Config{Defaults: defaults(guided)}, r, nil)
			resp := do(t, "POST", addr+"/v1/chat/completions", `{"model":"m","stream":true,"messages":[{"role":"user","content":"`+question+`"}]`+c.prm+`}`, nil)
			var all strings.Builder
			buffer := make([]byte, 4096)
			for seen := !c.want; ; {
				n, err := resp.Body.Read(buffer)
				all.Write(buffer[:n])
				if !seen && strings.Contains(all.String(), `"prm":{"candidates":[{"id":1,"at":0,"text":"3 * 4 = 13","tokens":0,"began":0,"ended":0}]}`) {
					seen = true
					told <- struct{}{}
				}
				if err != nil {
					break
				}
			}
			text := all.String()
			if got := strings.Contains(text, `"choices":[],"prm":{"candidates":[`) || strings.Contains(text, `"choices":[],"usage":null,"prm":{"candidates":[`); got != c.want {
				t.Errorf("candidates: %t\n%s", got, text)
			}
			if !strings.HasSuffix(text, "data: [DONE]\n\n") {
				t.Errorf("the stream has no end:\n%s", text)
			}
		})
	}
}
