package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// TestRawByteForByte: bodies, headers, queries and escaped paths reach the other side as they were sent, both ways.
func TestRawByteForByte(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, `{"answer":"zipped"}`)
	z.Close()
	const odd = "{ \"b\" : 1e2,\t\"a\":[1 , 2],\r\n \"b\":\"\\u00e9\\/\", \"model\":\"cf@meta\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}] , \"x\":null }\n"
	tests := []struct {
		name, method, path, body string
		header                   http.Header
		reply                    []byte
		replyHeader              http.Header
		status                   int
		wantURI, wantBody        string // "" where they are as sent
	}{
		{name: "odd JSON to chat", method: "POST", path: "/v1/chat/completions?x=1;y=%2f", body: odd, reply: []byte("{ \"z\" :1,\"a\": 2}\n\n"), status: 200},
		{name: "tools to chat", method: "POST", path: "/v1/chat/completions", body: `{"tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"` + question + `"}],"foo":{"bar":[]}}`, reply: []byte(`{}`), status: 200},
		{name: "virtual name", method: "POST", path: "/v1/chat/completions", body: `{"b":1, "model" : "m@raw","prm":{"strategy":"raw"},  "a":2}`, wantBody: `{"b":1, "model" : "m",  "a":2}`, reply: []byte(`{"model":"m"}`), status: 200},
		{name: "completions", method: "POST", path: "/v1/completions", body: `{"prompt" : "x", "model":"m@guided"}`, wantBody: `{"prompt" : "x", "model":"m"}`, reply: []byte(`ok`), status: 200},
		{name: "completions that are no JSON", method: "POST", path: "/v1/completions", body: `{"prompt`, reply: []byte(`bad`), status: 400},
		{name: "embeddings", method: "POST", path: "/v1/embeddings", body: ` {"input":["x"]}`, reply: []byte(`{"data":[]}`), status: 200},
		{name: "a route we don't know", method: "PUT", path: "/v1/files/a%2Fb/c%20d/?q=%7E+", body: "\x00\xff\x01", header: http.Header{"Content-Type": {"application/octet-stream"}}, reply: []byte("\x00\xfe"), status: 207},
		{name: "outside the API", method: "GET", path: "/props", reply: []byte(`{"n_ctx":1}`), status: 200},
		{name: "the root", method: "GET", path: "/", header: http.Header{"Accept": {"text/html,*/*"}}, reply: []byte(`hello`), status: 200},
		{name: "double slashes", method: "GET", path: "/v1//x/../y", reply: []byte(`y`), status: 200},
		{name: "wrong method", method: "GET", path: "/v1/chat/completions", reply: []byte(`no`), status: 405},
		{name: "error of the upstream", method: "POST", path: "/v1/chat/completions", body: `{"messages":[]  ,"n":2}`, reply: []byte(`{"detail" : "no"}`), replyHeader: http.Header{"Retry-After": {"7"}}, status: 429},
		{name: "zipped answer", method: "POST", path: "/v1/chat/completions", body: odd, header: http.Header{"Accept-Encoding": {"gzip, br"}}, reply: zipped.Bytes(), replyHeader: http.Header{"Content-Encoding": {"gzip"}}, status: 200},
		{name: "zipped request", method: "POST", path: "/v1/chat/completions", body: zipped.String(), header: http.Header{"Content-Encoding": {"gzip"}}, reply: []byte(`ok`), status: 200},
		{name: "headers", method: "POST", path: "/v1/chat/completions", body: odd, header: http.Header{
			"Authorization": {"Bearer sk-client"}, "X-Forwarded-For": {"10.0.0.1"}, "X-Many": {"a", "b"}, "User-Agent": {"odd/1"}, "Openai-Organization": {"o"}, "Cookie": {"a=b"},
		}, reply: []byte(`ok`), replyHeader: http.Header{"X-Request-Id": {"r"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"text/odd"}}, status: 201},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.replyHeader {
					w.Header()[k] = v
				}
				w.WriteHeader(tt.status)
				w.Write(tt.reply)
			})
			r := &reasoner{checkpoint: "x"}
			addr := serve(t, Config{Defaults: defaults(guided)}, r, up)
			resp := do(t, tt.method, addr+tt.path, tt.body, tt.header)
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			in := up.last(t)
			wantURI, wantBody := tt.wantURI, tt.wantBody
			if wantURI == "" {
				wantURI = tt.path
			}
			if wantBody == "" {
				wantBody = tt.body
			}
			if in.method != tt.method || in.uri != wantURI {
				t.Errorf("the upstream got %s %s", in.method, in.uri)
			}
			if string(in.body) != wantBody {
				t.Errorf("the upstream got\n%q\nwant\n%q", in.body, wantBody)
			}
			if resp.StatusCode != tt.status || !bytes.Equal(got, tt.reply) {
				t.Errorf("the client got %d %q", resp.StatusCode, got)
			}
			for k, v := range tt.header {
				if !slices.Equal(in.header[k], v) {
					t.Errorf("the upstream got %s: %q, want %q", k, in.header[k], v)
				}
			}
			for _, k := range []string{"Accept-Encoding", "Authorization", "X-Forwarded-For", "User-Agent"} {
				if tt.header.Get(k) == "" && in.header.Get(k) != "" {
					t.Errorf("the upstream got %s: %s, which the client didn't send", k, in.header.Get(k))
				}
			}
			for k, v := range tt.replyHeader {
				if !slices.Equal(resp.Header[k], v) {
					t.Errorf("the client got %s: %q, want %q", k, resp.Header[k], v)
				}
			}
			for k := range resp.Header {
				if k != headerApplied && k != "Date" && k != "Content-Length" && k != "Content-Type" && tt.replyHeader[k] == nil {
					t.Errorf("the client got %s: %q, which the upstream didn't send", k, resp.Header[k])
				}
			}
			if r.searched() > 0 {
				t.Error("it was searched")
			}
		})
	}
}

// do sends a request with no headers but those given.
func do(t *testing.T, method, to, body string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = nil
	}
	resp, err := plainClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// TestRawStreamComesChunkByChunk: the upstream sends a chunk only after the client has the one before, so a chunk that
// is held back, joined or cut would stop the test.
func TestRawStreamComesChunkByChunk(t *testing.T) {
	chunks := []string{"data: {\"a\":1}\n\n", ": comment\n\n", "data: {\"b\"", ":2}\r\n\r\n", "data: [DONE]\n\n"}
	next := make(chan struct{})
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, chunk := range chunks {
			io.WriteString(w, chunk)
			http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	resp := do(t, "POST", addr+"/v1/chat/completions", `{"stream":true,"messages":[]}`, nil)
	for i, want := range chunks {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("chunk %d: %q, %v", i, got, err)
		}
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v", rest, err)
	}
	if got := resp.Header.Get(headerApplied); got != "raw; reason=default" {
		t.Errorf("%s: %s", headerApplied, got)
	}
}

// TestRawBrokenUpstream: a stream that breaks at the upstream breaks at the client; it doesn't just end.
func TestRawBrokenUpstream(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	resp := do(t, "POST", addr+"/v1/chat/completions", `{"stream":true,"messages":[]}`, nil)
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q looks whole", got)
	}
}

// TestRawHungUpOn: an endpoint that hangs up on a kept connection as the next request comes gets that request again on
// a new one.
func TestRawHungUpOn(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		kept := connections[r.RemoteAddr]
		connections[r.RemoteAddr] = true
		mu.Unlock()
		if kept {
			panic(http.ErrAbortHandler)
		}
		replies(`{"choices":[{"message":{"content":"12"}}]}`)(w, r)
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	const body = `{"messages":[]}`
	for range 2 {
		resp := do(t, "POST", addr+"/v1/chat/completions", body, nil)
		if got, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	if n, last := up.requests(), up.last(t); n != 3 || string(last.body) != body || last.header["Idempotency-Key"] != nil {
		t.Errorf("%d requests, the last %s with %v", n, last.body, last.header)
	}
	// So does one of another dialect, which the sidecar puts into the endpoint's.
	resp := do(t, "POST", addr+"/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`, nil)
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || up.requests() != 5 {
		t.Errorf("translated: %d %s after %d requests", resp.StatusCode, got, up.requests())
	}
}

// TestUnreachable: a clear error in the dialect of the path.
func TestUnreachable(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	addr := serve(t, Config{Upstream: mustURL(t, dead.URL), Dialect: dialect.Ollama}, &reasoner{}, nil)
	panics := captureLog(t)
	for _, path := range []string{"/v1/chat/completions", "/v1/files", "/api/chat", "/api/pull", "/api/tags", "/v1/models"} {
		method := "POST"
		if path == "/api/tags" || path == "/v1/models" {
			method = "GET"
		}
		resp := do(t, method, addr+path, `{}`, nil)
		body, _ := io.ReadAll(resp.Body)
		if message, _ := errorIn(t, path, body); resp.StatusCode != 502 || !strings.Contains(message, "refused") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if said := panics(); strings.Contains(said, "panic") {
		t.Error(said)
	}
	if resp := do(t, "GET", addr+"/readyz", "", nil); resp.StatusCode != 503 {
		t.Errorf("/readyz: %d", resp.StatusCode)
	}
	if resp := do(t, "GET", addr+"/healthz", "", nil); resp.StatusCode != 200 {
		t.Errorf("/healthz: %d", resp.StatusCode)
	}
}

// TestTooLarge: what is larger than the sidecar looks into goes on as it comes, announced or chunked; what must be
// translated can't.
func TestTooLarge(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{MaxBody: 64, Defaults: defaults(guided)}, &reasoner{checkpoint: "x"}, up)
	body := `{"messages":"` + strings.Repeat("x", 64) + `"}`
	for _, path := range []string{"/v1/chat/completions", "/v1/embeddings", "/v1/other", "/api/chat"} {
		for _, length := range []int64{int64(len(body)), -1} {
			req, err := http.NewRequest("POST", addr+path, io.NopCloser(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			resp, err := plainClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if path == "/api/chat" {
				if message, _ := errorIn(t, path, got); resp.StatusCode != 413 || !strings.Contains(message, "64 bytes") {
					t.Errorf("%s: %d %s", path, resp.StatusCode, got)
				}
				continue
			}
			if in := up.last(t); resp.StatusCode != 200 || string(in.body) != body || in.uri != path || resp.Header.Get(headerApplied) != "raw; reason=large body" {
				t.Errorf("%s: %d %s, upstream %s %s", path, resp.StatusCode, resp.Header.Get(headerApplied), in.uri, in.body)
			}
		}
	}
}

// TestWhereTheUpstreamIs: base addresses of every kind.
func TestWhereTheUpstreamIs(t *testing.T) {
	tests := []struct {
		dialect        dialect.Dialect
		base, path, to string
	}{
		{dialect.OpenAI, "http://h", "/v1/models", "/v1/models"},
		{dialect.OpenAI, "http://h/", "/v1", "/v1"},
		{dialect.OpenAI, "http://h/v1", "/v1/models", "/v1/models"},
		{dialect.OpenAI, "http://h/v1/", "/health", "/health"},
		{dialect.OpenAI, "http://h/openai/v1", "/v1/models", "/openai/v1/models"},
		{dialect.OpenAI, "http://h/openai/v1", "/health", "/openai/health"},
		{dialect.OpenAI, "http://h/api/paas/v4", "/v1/models", "/api/paas/v4/models"},
		{dialect.OpenAI, "http://h/api/paas/v4", "/health", "/health"},
		{dialect.OpenAI, "http://h", "/v1beta/x", "/v1beta/x"},
		{dialect.Ollama, "http://h", "/api/chat", "/api/chat"},
		{dialect.Ollama, "http://h", "/v1/models", "/v1/models"},
		{dialect.Ollama, "http://h/ollama", "/api/chat", "/ollama/api/chat"},
		{dialect.Ollama, "http://h/ollama", "/v1/models", "/ollama/v1/models"},
		{dialect.Ollama, "http://h/v1", "/api/chat", "/api/chat"},
	}
	for _, tt := range tests {
		u := newUpstream(Config{Upstream: mustURL(t, tt.base), Dialect: tt.dialect}, build(t, Config{}, &reasoner{}).log)
		if got := u.locate(tt.path); got != tt.to {
			t.Errorf("%s %s: %s is at %s, want %s", tt.dialect, tt.base, tt.path, got, tt.to)
		}
	}
}

// TestKeys: whose Authorization goes where.
func TestKeys(t *testing.T) {
	tests := []struct {
		name               string
		cfg                Config
		client             string
		status             int
		upstream, searches string // what is sent on, and what the search's own requests are to carry
	}{
		{"the client's own", Config{}, "Bearer c", 200, "Bearer c", "Bearer c"},
		{"none", Config{}, "", 200, "", ""},
		{"configured", Config{UpstreamKey: "u"}, "Bearer c", 200, "Bearer u", ""},
		{"the sidecar's stays here", Config{APIKey: "s"}, "Bearer s", 200, "", ""},
		{"both", Config{APIKey: "s", UpstreamKey: "u"}, "Bearer s", 200, "Bearer u", ""},
		{"wrong", Config{APIKey: "s"}, "Bearer x", 401, "", ""},
		{"missing", Config{APIKey: "s"}, "", 401, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up := newFakeUpstream(t, replies(`{}`))
			r := answers(solved())
			var carried string
			inner := r.solve
			r.solve = func(ctx context.Context, model string, m []adapters.Message, o decode.Options) (decode.Result, error) {
				carried = adapters.ClientOf(ctx).Header.Get("Authorization")
				return inner(ctx, model, m, o)
			}
			tt.cfg.Defaults = defaults(guided)
			addr := serve(t, tt.cfg, r, up)
			header := http.Header{}
			if tt.client != "" {
				header.Set("Authorization", tt.client)
			}
			for _, path := range []string{"/v1/chat/completions", "/api/chat", "/v1/anything", "/api/anything"} {
				resp := do(t, "POST", addr+path, `{"messages":[{"role":"user","content":"`+question+`"}]}`, header)
				body, _ := io.ReadAll(resp.Body)
				if tt.status == 401 {
					errorIn(t, path, body)
				}
				if resp.StatusCode != tt.status && path != "/api/anything" {
					t.Errorf("%s: %d %s", path, resp.StatusCode, body)
				}
			}
			if carried != tt.searches {
				t.Errorf("the search carried %q, want %q", carried, tt.searches)
			}
			if tt.status != 200 {
				if up.requests() > 0 {
					t.Error("it reached the upstream")
				}
				return
			}
			if got := up.last(t).header.Get("Authorization"); got != tt.upstream {
				t.Errorf("the upstream got %q, want %q", got, tt.upstream)
			}
			if resp := do(t, "GET", addr+"/healthz", "", nil); resp.StatusCode != 200 {
				t.Errorf("/healthz: %d", resp.StatusCode)
			}
		})
	}
}

// TestABodyOfNothing stays one of no bytes, not one of unknown length.
func TestABodyOfNothing(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("%s: %d bytes, %v", r.URL.Path, r.ContentLength, r.TransferEncoding)
		}
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	for _, path := range []string{"/v1/chat/completions", "/v1/embeddings", "/other"} {
		do(t, "POST", addr+path, "", nil)
	}
	if len(up.seen) != 3 {
		t.Errorf("%d requests came", len(up.seen))
	}
}
