package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/adapters/wire"
)

const pens = "Tom has 3 boxes of 12 pens and gives 5 away. How many pens are left?"

// cases are the files of testdata/clients of a kind: requests that clients send (req-*.json) and answers that upstreams
// give (up-*), each found in public reports of faults of such proxies. SIDECAR_TEST_CASES names another folder of the
// same kinds.
func cases(t *testing.T, pattern string) map[string]string {
	t.Helper()
	folder := os.Getenv("SIDECAR_TEST_CASES")
	if folder == "" {
		folder = filepath.Join("testdata", "clients")
	}
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, folder, err)
	}
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = string(text)
	}
	return out
}

// answering is an upstream that answers every chat alike, but for the model fake, which reasons.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/models") {
			io.WriteString(w, `{"object":"list","data":[{"id":"fake"}]}`)
			return
		}
		if strings.HasPrefix(strings.TrimSpace(body), "data:") {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv
}

const reasons = `data: {"choices":[{"index":0,"delta":{"content":"3 * 12 = 36.\n36 - 5 = 31.\n#### 31"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"

// TestClientsRequests: none of them is refused, but for a way of answering that there isn't; those that ask for a
// search of a problem get one.
func TestClientsRequests(t *testing.T) {
	up := answering(t, 200, reasons)
	addr, stop := startServe(t, "--upstream", "openai+"+up.URL, "--upstream-model", "fake", "--strategy", "majority", "--n", "2", "--probe-wait", "5s")
	defer stop()
	for name, body := range cases(t, "req-*.json") {
		path := "/v1/chat/completions"
		switch {
		case strings.HasPrefix(name, "req-ollama"):
			path = "/api/chat"
			body = strings.Replace(body, `"stream": false`, `"stream": true`, 1) // the upstream here streams whatever it is asked
		case strings.HasPrefix(name, "req-messages"):
			path = "/v1/messages"
		}
		resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		applied := resp.Header.Get("X-Sidecar-Applied")
		if strings.Contains(name, "typo") {
			if resp.StatusCode != 404 || !strings.Contains(string(got), "@majority") {
				t.Errorf("%s: %d %s", name, resp.StatusCode, got)
			}
			continue
		}
		searched := strings.Contains(body, "@majority") && !strings.Contains(body, "###") && strings.Contains(body, "How many")
		if resp.StatusCode != 200 || applied == "" || strings.HasPrefix(applied, "majority") != searched {
			t.Errorf("%s: %d, %s: %.200s", name, resp.StatusCode, applied, got)
		}
	}
}

// TestUpstreamsStreams: what odd upstreams stream is passed on byte for byte, translated and searched, and nothing of
// it is lost.
func TestUpstreamsStreams(t *testing.T) {
	for name, stream := range cases(t, "up-*.sse") {
		t.Run(name, func(t *testing.T) {
			up := answering(t, 200, stream)
			addr, stop := startServe(t, "--upstream", "openai+"+up.URL, "--upstream-model", "fake", "--probe-wait", "5s")
			defer stop()
			ask := func(path, body string) (int, string) {
				resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				got, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, string(got)
			}
			if code, got := ask("/v1/chat/completions", `{"model":"fake","stream":true,"messages":[{"role":"user","content":"hi"}]}`); code != 200 || got != stream {
				t.Errorf("raw: %d %q", code, got)
			}
			text, thinking, calls := said(t, stream)
			code, got := ask("/api/chat", `{"model":"fake","messages":[{"role":"user","content":"hi"}]}`)
			var told struct{ text, thinking, calls string }
			for line := range strings.Lines(got) {
				var part struct {
					Error   string
					Message struct {
						Content, Thinking string
						ToolCalls         []struct {
							Function struct {
								Name      string
								Arguments json.RawMessage
							}
						} `json:"tool_calls"`
					}
				}
				if err := json.Unmarshal([]byte(line), &part); err != nil || part.Error != "" {
					t.Fatalf("translated: %s, %v", line, err)
				}
				told.text, told.thinking = told.text+part.Message.Content, told.thinking+part.Message.Thinking
				for _, c := range part.Message.ToolCalls {
					told.calls += c.Function.Name + strings.ReplaceAll(string(c.Function.Arguments), " ", "") + ";"
				}
			}
			if code != 200 || told.text != text || told.thinking != thinking || told.calls != calls {
				t.Errorf("translated: %d %+v, want %q, %q, %q", code, told, text, thinking, calls)
			}
			code, got = ask("/v1/chat/completions", `{"model":"fake","prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"`+pens+`"}]}`)
			if text+thinking == "" {
				return // tools alone: nothing to choose from
			}
			if code != 200 || !strings.Contains(got, `"content":"`+text+`"`) || thinking != "" && !strings.Contains(got, `"reasoning_content":"`+thinking+`"`) {
				t.Errorf("searched: %d %s", code, got)
			}
		})
	}
}

// said is what a stream says, as one reader of it all finds it.
func said(t *testing.T, stream string) (text, thinking, calls string) {
	t.Helper()
	var fragments wire.Calls
	for in := wire.NewStream(strings.NewReader(stream)); ; {
		reply, err := in.Next()
		if err != nil {
			break
		}
		for _, c := range reply.Choices {
			text, thinking = text+c.Text, thinking+c.Thinking
			fragments.Add(c.Calls)
		}
	}
	whole, err := fragments.Whole()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range whole {
		calls += c.Function.Name + strings.ReplaceAll(c.Function.Arguments, " ", "") + ";"
	}
	if text+thinking+calls == "" {
		t.Fatal("the stream says nothing")
	}
	return text, thinking, calls
}

// TestUpstreamsRefusals keep their status, words and code, raw, translated and searched.
func TestUpstreamsRefusals(t *testing.T) {
	for name, body := range cases(t, "up-4*.json") {
		up := answering(t, 400, body)
		addr, stop := startServe(t, "--upstream", "openai+"+up.URL, "--upstream-model", "fake", "--probe-wait", "100ms")
		want := wire.ParseError([]byte(body))
		for _, path := range []string{"/v1/chat/completions", "/api/chat"} {
			for _, ask := range []string{`"messages":[{"role":"user","content":"hi"}]`, `"prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"` + pens + `"}]`} {
				resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(`{"model":"fake","stream":false,`+ask+`}`))
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 400 || !strings.Contains(string(got), want.Message) || path != "/api/chat" && !strings.Contains(string(got), want.Code) {
					t.Errorf("%s %s: %d %s", name, path, resp.StatusCode, got)
				}
			}
		}
		stop()
	}
}
