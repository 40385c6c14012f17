package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// What real clients send, kind by kind, each over its variants.

// TestUnderstoodOrRaw: a request that nobody asked to be searched is never refused; what has a clear meaning is read.
func TestUnderstoodOrRaw(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	const poem = `"messages":[{"role":"user","content":"Write a poem about rain."}]`
	up := newFakeUpstream(t, replies(`{"ok":true}`))
	addr := serve(t, Config{Defaults: defaults(majority)}, answers(solved()), up)
	for _, body := range []string{
		`{"max_tokens":-1,` + poem + `}`, `{"max_tokens":0,` + poem + `}`, `{"temperature":3,` + poem + `}`, `{"temperature":"0.7",` + poem + `}`, `{"temperature":-1,` + poem + `}`,
		`{"top_p":1.5,` + poem + `}`, `{"logprobs":true,"top_logprobs":50,` + poem + `}`, `{"top_logprobs":5,` + poem + `}`, `{"stop":[151645],` + ask + `}`, `{"stop":[[1,2]],` + ask + `}`,
		`{"messages":[{"role":"assistant","content":null},{"role":"user","content":"Write a poem."}]}`, `{"messages":[{"role":"system","content":[]},{"role":"user","content":"Write a poem."}]}`,
		`{"messages":[{"role":"assistant"},{"role":"user","content":"Write a poem."}]}`, `{"messages":[{"role":"ipython","content":"x"},{"role":"user","content":"` + question + `"}]}`,
		`{"seed":18446744073709551615,` + poem + `}`, `{"seed":"abc",` + ask + `}`, `{"stream":"perhaps",` + ask + `}`, `{"model":7,` + ask + `}`, `{"messages":"hi"}`, `{"messages":[]}`, `{}`, `[]`, `nonsense`, ``,
	} {
		resp := do(t, "POST", addr+"/v1/chat/completions", body, nil)
		got, _ := io.ReadAll(resp.Body)
		if why := resp.Header.Get(headerApplied); resp.StatusCode != 200 || string(got) != `{"ok":true}` || !strings.HasPrefix(why, "raw; reason=") {
			t.Errorf("%s: %d %s, %s", body, resp.StatusCode, got, why)
		}
		if in := up.last(t); string(in.body) != body {
			t.Errorf("%s went on as %s", body, in.body)
		}
	}
	type meant struct {
		name, path, body string
		want             func(decode.Options) bool
		ignored          string
	}
	r := answers(solved())
	s := build(t, Config{Defaults: defaults(majority)}, r)
	for _, tt := range []meant{
		{"no limit", "/v1/chat/completions", `{"max_tokens":-1,` + ask + `}`, func(o decode.Options) bool { return o.MaxTokens == 512 }, ""},
		{"no limit at all", "/v1/chat/completions", `{"max_tokens":null,` + ask + `}`, func(o decode.Options) bool { return o.MaxTokens == 512 }, ""},
		{"a number in a text", "/v1/chat/completions", `{"temperature":"0.4",` + ask + `}`, func(o decode.Options) bool { return o.Temperature == .4 }, ""},
		{"hotter than hot", "/v1/chat/completions", `{"temperature":3,` + ask + `}`, func(o decode.Options) bool { return o.Temperature == 2 }, `"ignored":["temperature"]`},
		{"a share above one", "/v1/chat/completions", `{"top_p":1.5,` + ask + `}`, func(o decode.Options) bool { return o.TopP == 1 }, `"ignored":["top_p"]`},
		{"many alternatives", "/v1/chat/completions", `{"logprobs":true,"top_logprobs":50,` + ask + `}`, func(o decode.Options) bool { return o.TopLogProbs == 20 }, `"ignored":["top_logprobs"]`},
		{"a seed of 64 bits", "/v1/chat/completions", `{"seed":18446744073709551615,` + ask + `}`, func(o decode.Options) bool { return !o.Unseeded && o.Seed >= 0 }, ""},
		{"a seed that says none", "/v1/chat/completions", `{"seed":-1,` + ask + `}`, func(o decode.Options) bool { return o.Unseeded }, ""},
		{"a seed in a text", "/v1/chat/completions", `{"seed":"7",` + ask + `}`, func(o decode.Options) bool { return o.Seed == 7 && !o.Unseeded }, ""},
		{"null before the question", "/v1/chat/completions", `{"messages":[{"role":"assistant","content":null},{"role":"user","content":"` + question + `"}]}`, func(decode.Options) bool { return true }, ""},
		{"of older roles", "/v1/chat/completions", `{"messages":[{"role":"Human","content":"` + question + `"}]}`, func(decode.Options) bool { return true }, ""},
		{"what else servers sample by", "/v1/chat/completions", `{"samplers":"top_k;top_p","dynatemp_range":0.1,"timings_per_token":true,"ignore_eos":false,"skip_special_tokens":true,` + ask + `}`, func(decode.Options) bool { return true }, `"ignored":["samplers","dynatemp_range"]`},
		{"Ollama, older options", "/api/chat", `{"stream":false,"options":{"mirostat":0,"tfs_z":1,"penalize_newline":true},` + ask + `}`, func(decode.Options) bool { return true }, `"ignored":["tfs_z","penalize_newline"]`},
		{"Ollama, no content", "/api/chat", `{"stream":false,"messages":[{"role":"assistant","thinking":"x"},{"role":"user","content":"` + question + `"}]}`, func(decode.Options) bool { return true }, ""},
		{"Ollama, no limit", "/api/chat", `{"stream":false,"options":{"num_predict":-2},` + ask + `}`, func(o decode.Options) bool { return o.MaxTokens == 512 }, ""},
	} {
		before := r.searched()
		rec := post(s, tt.path, tt.body)
		if r.searched() == before || rec.Code != 200 || !strings.Contains(rec.Body.String(), tt.ignored) || !tt.want(r.last(t).opts) {
			t.Errorf("%s: %d %s, %s", tt.name, rec.Code, rec.Header().Get(headerApplied), rec.Body)
		}
	}
}

// TestCarried: what a client says of thinking and of how its model is loaded goes along with the search's calls, in the
// endpoint's own words.
func TestCarried(t *testing.T) {
	const ask = `"stream":false,"messages":[{"role":"user","content":"` + question + `"}]`
	for _, tt := range []struct {
		name, path string
		upstream   dialect.Dialect
		fields     string
		want       string
	}{
		{"think, Ollama", "/api/chat", dialect.Ollama, `"think":false`, `{"think":false}`},
		{"loading, Ollama", "/api/chat", dialect.Ollama, `"keep_alive":-1,"options":{"num_ctx":32768,"num_gpu":99,"temperature":1}`, `{"keep_alive":-1,"options":{"num_ctx":32768,"num_gpu":99}}`},
		{"loading, elsewhere", "/api/chat", dialect.OpenAI, `"keep_alive":-1,"options":{"num_ctx":32768}`, `{}`},
		{"think, elsewhere", "/api/chat", dialect.OpenAI, `"think":false`, `{"chat_template_kwargs":{"enable_thinking":false}}`},
		{"think hard, elsewhere", "/api/chat", dialect.OpenAI, `"think":"high"`, `{"reasoning_effort":"high"}`},
		{"effort", "/v1/chat/completions", dialect.OpenAI, `"reasoning_effort":"none"`, `{"reasoning_effort":"none"}`},
		{"template", "/v1/chat/completions", dialect.OpenAI, `"chat_template_kwargs":{"enable_thinking":false}`, `{"chat_template_kwargs":{"enable_thinking":false}}`},
		{"effort, Ollama", "/v1/chat/completions", dialect.Ollama, `"reasoning_effort":"none"`, `{"think":false}`},
		{"little effort, Ollama", "/v1/chat/completions", dialect.Ollama, `"reasoning_effort":"minimal"`, `{"think":"low"}`},
		{"template, Ollama", "/v1/chat/completions", dialect.Ollama, `"chat_template_kwargs":{"enable_thinking":true}`, `{"think":true}`},
		{"how hard, as Anthropic says it", "/v1/messages", dialect.OpenAI, `"output_config":{"effort":"max"}`, `{"reasoning_effort":"high"}`},
		{"think, as Anthropic says it", "/v1/messages", dialect.OpenAI, `"thinking":{"type":"enabled","budget_tokens":1024}`, `{"chat_template_kwargs":{"enable_thinking":true}}`},
		{"think not, as Anthropic says it", "/v1/messages", dialect.Ollama, `"thinking":{"type":"disabled"}`, `{"think":false}`},
		{"no function", "/v1/chat/completions", dialect.OpenAI, `"function_call":"none","tool_choice":"none"`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var fields map[string]json.RawMessage
			r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
				fields = adapters.Fields(ctx)
				return solved(), nil
			}}
			rec := post(build(t, Config{Defaults: defaults(majority), Dialect: tt.upstream}, r), tt.path, `{`+tt.fields+`,`+ask+`}`)
			if fields == nil {
				fields = map[string]json.RawMessage{}
			}
			if got, _ := json.Marshal(fields); r.searched() != 1 || string(got) != tt.want {
				t.Errorf("%s: %s, carried %s, want %s", tt.fields, rec.Header().Get(headerApplied), got, tt.want)
			}
		})
	}
}

// TestNothingButThoughts is told to the client, whose answer is else empty without a reason.
func TestNothingButThoughts(t *testing.T) {
	result := solved()
	result.Text, result.Finish = "<think>\nOkay, let me", decode.FinishLength
	rec := post(build(t, Config{Defaults: defaults(majority)}, answers(result)), "/v1/chat/completions", askWhole)
	if body := rec.Body.String(); !strings.Contains(body, `"content":"","reasoning_content":"Okay, let me"`) || !strings.Contains(body, `"note":"the model only thought`) || !strings.Contains(body, `"finish_reason":"length"`) {
		t.Errorf("%s", body)
	}
}

// TestErrorsKeepTheirMeaning: status, type, code and field of an upstream's error reach the client of a search and of a
// translation.
func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		reply  string
		header http.Header
		want   string // of an OpenAI client
		says   string
		after  string
	}{
		{"context", 400, `{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, nil, `"type":"invalid_request_error","param":"messages","code":"context_length_exceeded"`, "too long", ""},
		{"of a type of its own", 400, `{"error":{"message":"too long","type":"exceed_context_size_error","code":400}}`, nil, `"type":"exceed_context_size_error"`, "too long", ""},
		{"detail", 422, `{"detail":"of FastAPI"}`, nil, `"type":"invalid_request_error"`, "of FastAPI", ""},
		{"message", 400, `{"object":"error","message":"older","type":"BadRequestError","code":400}`, nil, `"type":"BadRequestError"`, "older", ""},
		{"unavailable", 503, `{"error":{"message":"busy"}}`, http.Header{"Retry-After": {"7"}}, `"code":"upstream_unavailable"`, "busy", "7"},
		{"rate", 429, `{"error":{"message":"slow down","type":"requests"}}`, http.Header{"Retry-After": {"3"}}, `"type":"requests"`, "slow down", "3"},
		{"boom", 500, `{"error":{"message":"boom","type":"server_error"}}`, nil, `"type":"server_error"`, "boom", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refusal := adapters.Refusal("generate", tt.status, tt.header, []byte(tt.reply))
			rec := post(build(t, Config{Defaults: defaults(majority)}, fails(refusal)), "/v1/chat/completions", askWhole)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) || !strings.Contains(rec.Body.String(), tt.says) || rec.Header().Get("Retry-After") != tt.after {
				t.Errorf("searched: %d %s, Retry-After %q", rec.Code, rec.Body, rec.Header().Get("Retry-After"))
			}
			up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, values := range tt.header {
					w.Header()[name] = values
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.reply)
			})
			resp := do(t, "POST", serve(t, Config{}, &reasoner{}, up)+"/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, nil)
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.says) || resp.Header.Get("Retry-After") != tt.after {
				t.Errorf("translated: %d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestNamesAnywhere: a virtual name and a prm object are the sidecar's, wherever a model is named.
func TestNamesAnywhere(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			io.WriteString(w, `{"data":[{"id":"fake"},{"id":"odd@name"}]}`)
			return
		}
		io.WriteString(w, `{}`)
	})
	addr := serve(t, Config{Model: "fake"}, &reasoner{}, up)
	for _, path := range []string{"/v1/embeddings", "/v1/audio/speech", "/v1/rerank", "/v1/images/generations", "/tokenize", "/api/anything"} {
		do(t, "POST", addr+path, `{"model":"fake@majority-8","x":1,"prm":{"n":2}}`, http.Header{"Content-Type": {"application/json"}})
		if in := up.last(t); in.uri != path || string(in.body) != `{"model":"fake","x":1}` {
			t.Errorf("%s: %s %s", path, in.uri, in.body)
		}
	}
	var form strings.Builder
	w := multipart.NewWriter(&form)
	file, _ := w.CreateFormFile("file", "a.wav")
	io.WriteString(file, "RIFF\r\n\r\nmodel\x00\xff")
	w.WriteField("model", "fake@raw")
	w.WriteField("prm", "x")
	w.WriteField("language", "en")
	w.Close()
	do(t, "POST", addr+"/v1/audio/transcriptions", form.String(), http.Header{"Content-Type": {w.FormDataContentType()}})
	in := up.last(t)
	read, err := multipart.NewReader(strings.NewReader(string(in.body)), w.Boundary()).ReadForm(1 << 20)
	if err != nil || read.Value["model"][0] != "fake" || read.Value["language"][0] != "en" || read.Value["prm"] != nil || !strings.Contains(string(in.body), "RIFF\r\n\r\nmodel\x00\xff") {
		t.Errorf("%q: %v, %v", in.body, read, err)
	}
	do(t, "POST", addr+"/v1/rerank?x=%20&model=fake%40raw&y", `a=%41&model=fake@raw`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if in := up.last(t); in.uri != "/v1/rerank?x=%20&model=fake&y" || string(in.body) != `a=%41&model=fake` {
		t.Errorf("in a query and a form: %s %s", in.uri, in.body)
	}
	for _, path := range []string{"/v1/chat/completions", "/v1/embeddings"} { // curl -d says that JSON is a form, which some endpoints refuse
		do(t, "POST", addr+path, `{"model":"fake@raw","messages":[]}`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		if in := up.last(t); in.header.Get("Content-Type") != "application/json" || string(in.body) != `{"model":"fake","messages":[]}` {
			t.Errorf("%s, as curl sends it: %s %s", path, in.header.Get("Content-Type"), in.body)
		}
	}
	for _, body := range []string{`{"model":"fake@majority4"}`, `{"model":"fake@typo"}`, `{"model":"fake@raw-3"}`} {
		for _, path := range []string{"/v1/chat/completions", "/v1/embeddings", "/api/chat", "/api/show"} {
			before := up.requests()
			resp := do(t, "POST", addr+path, body, nil)
			got, _ := io.ReadAll(resp.Body)
			if message, _ := errorIn(t, path, got); resp.StatusCode != 404 || !strings.Contains(message, "@majority") || up.requests() > before+1 {
				t.Errorf("%s %s: %d %s", path, body, resp.StatusCode, got)
			}
		}
	}
	for _, name := range []string{"odd@name", "unknown@thing"} { // a model's own name; the upstream's to refuse
		if resp := do(t, "POST", addr+"/v1/chat/completions", `{"model":"`+name+`"}`, nil); resp.StatusCode != 200 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// TestPaths: a base URL with a slash or a /v1 too many, or without one, means what it means.
func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/chat/completions": "/v1/chat/completions", "//v1/chat/completions": "/v1/chat/completions", "/v1//chat/completions": "/v1/chat/completions", "/v1/v1/chat/completions": "/v1/chat/completions",
		"/v1/chat/completions/": "/v1/chat/completions", "/chat/completions": "/v1/chat/completions", "//chat/completions/": "/v1/chat/completions", "/v1/v1/v1/models": "/v1/models", "/models": "/v1/models", "/models/": "/v1/models",
		"/v1/v1/models/org/Name%20x": "/v1/models/org/Name%20x", "/models/a//b": "/v1/models/a//b", "/embeddings": "/v1/embeddings", "/messages": "/v1/messages", "/responses": "/v1/responses",
		"/api/chat/": "/api/chat", "//api/chat": "/api/chat", "/v1/api/chat": "/api/chat", "/api/api/tags": "/api/tags", "/api/v1/chat/completions": "/v1/chat/completions",
		"/v1/v1/rerank": "/v1/rerank", "//v1/rerank": "/v1/rerank", "//tokenize": "/tokenize", "//": "/", "/v1/v1": "/v1/v1",
		"/": "/", "/v1": "/v1", "/v1//x/../y": "/v1//x/../y", "/props": "/props", "/completion": "/completion", "/other//path/": "/other//path/", "/api/pull": "/api/pull",
	} {
		if got := meant(path); got != want {
			t.Errorf("%s means %s, want %s", path, got, want)
		}
	}
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{Defaults: defaults(majority)}, answers(solved()), up)
	for _, path := range []string{"//v1/chat/completions", "/v1/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"} {
		if resp := do(t, "POST", addr+path, askWhole, nil); resp.Header.Get(headerApplied) != "majority; reason=question" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get(headerApplied))
		}
	}
}

// TestAppliedIsOnEveryAnswer: lists, errors and pages say who made them.
func TestAppliedIsOnEveryAnswer(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"data":[]}`))
	addr := serve(t, Config{APIKey: "s"}, &reasoner{}, up)
	for _, tt := range []struct{ method, path, body, key, want string }{
		{"GET", "/v1/models", "", "s", "none"}, {"GET", "/api/tags", "", "s", "none"}, {"GET", "/healthz", "", "", "none"}, {"GET", "/v1/models", "", "wrong", "none"},
		{"POST", "/v1/embeddings", `{}`, "s", "raw"}, {"GET", "/props", "", "s", "raw"}, {"POST", "/v1/chat/completions", `{`, "s", "raw"}, {"POST", "/api/pull", `{}`, "s", "none"},
		{"OPTIONS", "/v1/models", "", "", "none"},
	} {
		resp := do(t, tt.method, addr+tt.path, tt.body, http.Header{"X-Api-Key": {tt.key}})
		if got := resp.Header.Values(headerApplied); len(got) != 1 || !strings.HasPrefix(got[0], tt.want+"; reason=") {
			t.Errorf("%s %s: %q", tt.method, tt.path, got)
		}
	}
}

// TestKeysInAnyHeader: clients send theirs in three headers and any case.
func TestKeysInAnyHeader(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{APIKey: "s"}, &reasoner{}, up)
	for _, h := range []http.Header{{"Authorization": {"Bearer s"}}, {"Authorization": {"bearer s"}}, {"Authorization": {"BEARER  s"}}, {"X-Api-Key": {"s"}}, {"Api-Key": {"s"}}} {
		if resp := do(t, "POST", addr+"/v1/embeddings", `{}`, h); resp.StatusCode != 200 {
			t.Errorf("%v: %d", h, resp.StatusCode)
		}
		for _, name := range adapters.KeyHeaders {
			if up.last(t).header.Get(name) != "" {
				t.Errorf("%v: the sidecar's key went upstream", h)
			}
		}
	}
	for _, h := range []http.Header{{}, {"Authorization": {"Basic s"}}, {"X-Api-Key": {"t"}}} {
		if resp := do(t, "POST", addr+"/v1/embeddings", `{}`, h); resp.StatusCode != 401 {
			t.Errorf("%v: %d", h, resp.StatusCode)
		}
	}
}

// TestOrigins: closed unless opened, and one policy for answers of whoever's making.
func TestOrigins(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "x-upstream")
		io.WriteString(w, `{"data":[]}`)
	})
	for _, tt := range []struct {
		origins   []string
		origin    string
		want      string
		preflight int
	}{
		{nil, "https://evil.example", "", 403},
		{[]string{"https://chat.example"}, "https://chat.example", "https://chat.example", 204},
		{[]string{"https://chat.example"}, "https://evil.example", "", 403},
		{[]string{"*"}, "null", "*", 204},
		{[]string{"https://Chat.example/"}, "https://chat.example", "https://chat.example", 204},
	} {
		addr := serve(t, Config{Origins: tt.origins, APIKey: "s", Defaults: defaults(majority)}, answers(solved()), up)
		for _, req := range []struct{ method, path, body string }{
			{"GET", "/v1/models", ""}, {"POST", "/v1/embeddings", `{}`}, {"POST", "/v1/chat/completions", askWhole}, {"POST", "/v1/chat/completions", askStream}, {"GET", "/healthz", ""},
		} {
			resp := do(t, req.method, addr+req.path, req.body, http.Header{"Origin": {tt.origin}, "Authorization": {"Bearer s"}})
			if got := resp.Header.Values("Access-Control-Allow-Origin"); strings.Join(got, " ") != tt.want || resp.StatusCode != 200 {
				t.Errorf("%v, %s %s from %s: %d, allowed %q", tt.origins, req.method, req.path, tt.origin, resp.StatusCode, got)
			}
			if got := resp.Header.Get("Access-Control-Allow-Headers"); got != "" {
				t.Errorf("%s: the upstream's own policy shows: %s", req.path, got)
			}
		}
		resp := do(t, "OPTIONS", addr+"/v1/chat/completions", "", http.Header{"Origin": {tt.origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,x-stainless-os"},
			"Access-Control-Request-Private-Network": {"true"}})
		if got := resp.Header.Get("Access-Control-Allow-Private-Network"); got == "true" != (tt.preflight == 204) { // pages of the internet ask so for a machine at home
			t.Errorf("%v, preflight from %s: a private network is allowed: %q", tt.origins, tt.origin, got)
		}
		if resp.Header.Get(headerApplied) == "" {
			t.Errorf("preflight from %s: no %s", tt.origin, headerApplied)
		}
		if resp.StatusCode != tt.preflight || resp.Header.Get("Access-Control-Allow-Origin") != tt.want || tt.preflight == 204 && resp.Header.Get("Access-Control-Allow-Headers") != "authorization,x-stainless-os" {
			t.Errorf("%v, preflight from %s: %d %v", tt.origins, tt.origin, resp.StatusCode, resp.Header)
		}
	}
}

// TestClientsHeadersGoAlong: on lists, translations and searches as on raw requests.
func TestClientsHeadersGoAlong(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"data":[],"choices":[{"message":{"content":"x"}}]}`))
	var client adapters.Client
	r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		client = adapters.ClientOf(ctx)
		return solved(), nil
	}}
	addr := serve(t, Config{Defaults: defaults(majority)}, r, up)
	header := http.Header{"Openai-Organization": {"o"}, "X-Tenant": {"t"}, "Api-Key": {"k"}, "Accept": {"text/event-stream"}}
	for _, req := range []struct{ method, path, body string }{
		{"GET", "/v1/models", ""}, {"GET", "/api/tags", ""}, {"POST", "/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`}, {"POST", "/v1/chat/completions", `{"model":"m"}`},
	} {
		do(t, req.method, addr+req.path+"?api-version=1", req.body, header)
		if in := up.last(t); in.header.Get("Openai-Organization") != "o" || in.header.Get("X-Tenant") != "t" || in.header.Get("Api-Key") != "k" || !strings.HasSuffix(in.uri, "?api-version=1") {
			t.Errorf("%s: %s %v", req.path, in.uri, in.header)
		}
	}
	do(t, "POST", addr+"/v1/chat/completions?api-version=1", askWhole, header)
	if client.Query != "api-version=1" || client.Header.Get("X-Tenant") != "t" || client.Header.Get("Api-Key") != "k" || client.Header.Get("Content-Length") != "" || client.Header.Get("Accept") != "" {
		t.Errorf("the search has %+v", client)
	}
}

// TestFirstByte: a streamed search shows that it is served within 50 ms, then at least every 10 s, in single lines:
// some clients take the blank line behind a comment for an event.
func TestFirstByte(t *testing.T) {
	for path, body := range map[string]string{
		"/v1/chat/completions": askStream, "/api/chat": askStream, "/api/generate": fmt.Sprintf(`{"model":"m","prompt":%q}`, question),
		"/v1/messages": strings.Replace(askStream, "{", `{"max_tokens":99,`, 1), "/v1/responses": fmt.Sprintf(`{"model":"m","stream":true,"input":%q}`, question),
		"/v1/completions": fmt.Sprintf(`{"model":"m@guided","stream":true,"prompt":%q}`, question),
	} {
		synctest.Test(t, func(t *testing.T) {
			s := build(t, Config{Defaults: defaults(guided)}, slow(35*time.Second, nil))
			began := time.Now()
			var at []time.Duration
			w := &clocked{header: http.Header{}, write: func(string) { at = append(at, time.Since(began)) }}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s.Handler().ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)).WithContext(ctx))
			if len(at) == 0 || at[0] > 50*time.Millisecond {
				t.Fatalf("%s: the first byte came at %v", path, at)
			}
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] > 10*time.Second {
					t.Errorf("%s: silence from %v to %v", path, at[i-1], at[i])
				}
			}
		})
	}
}

// TestForOllamasClients: what they ask of a server is there before an OpenAI-compatible one.
func TestForOllamasClients(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models":
			io.WriteString(w, `{"data":[{"id":"Qwen2.5-Coder-1.5B-Instruct","max_model_len":32768},{"id":"nomic-embed-text"}]}`)
		case "/v1/embeddings":
			io.WriteString(w, `{"data":[{"embedding":[0.5,1]},{"embedding":[2,3]}],"usage":{"prompt_tokens":4}}`)
		default:
			w.WriteHeader(404)
		}
	})
	addr := serve(t, Config{Tools: func() bool { return true }}, &reasoner{}, up)
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               []string
		not                string
	}{
		{"GET", "/", "", 200, []string{"Ollama is running"}, ""},
		{"POST", "/api/embed", `{"model":"nomic-embed-text","input":["a","b"]}`, 200, []string{`"embeddings":[[0.5,1],[2,3]]`, `"prompt_eval_count":4`}, ""},
		{"POST", "/api/embeddings", `{"model":"nomic-embed-text","prompt":"a"}`, 200, []string{`{"embedding":[0.5,1]}`}, ""},
		{"POST", "/api/embed", `{"model":"m"}`, 400, []string{"input"}, ""},
		{"GET", "/api/ps", "", 200, []string{`"name":"Qwen2.5-Coder-1.5B-Instruct"`, `"context_length":32768`, `"expires_at"`}, ""},
		{"POST", "/api/show", `{"model":"Qwen2.5-Coder-1.5B-Instruct"}`, 200, []string{`"general.architecture":"qwen2"`, `"qwen2.context_length":32768`, `"capabilities":["completion","tools"]`, `"parameter_size":"1.5B"`}, ""},
		{"POST", "/api/show", `{"model":"nomic-embed-text"}`, 200, []string{`"capabilities":["embedding"]`}, ""},
		{"GET", "/api/tags", "", 200, []string{"Instruct@majority-8"}, "text@"},
		{"GET", "/v1/models", "", 200, []string{"Instruct@majority-8"}, "text@"},
		{"POST", "/api/unknown", `{}`, 404, nil, ""},
		{"POST", "/api/pull", `{}`, 501, []string{"not translated"}, ""},
	} {
		resp := do(t, tt.method, addr+tt.path, tt.body, nil)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != tt.status || tt.not != "" && strings.Contains(string(body), tt.not) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, resp.StatusCode, body)
		}
		for _, says := range tt.says {
			if !strings.Contains(string(body), says) {
				t.Errorf("%s %s: %s lacks %s", tt.method, tt.path, body, says)
			}
		}
	}
}

// TestManyModelsHaveFewNames: in a long list only the configured model's ways of answering are listed.
func TestManyModelsHaveFewNames(t *testing.T) {
	var list []string
	for i := range 50 {
		list = append(list, fmt.Sprintf(`{"id":"m%d"}`, i))
	}
	up := newFakeUpstream(t, replies(`{"data":[`+strings.Join(list, ",")+`]}`))
	for _, path := range []string{"/v1/models", "/api/tags"} {
		resp := do(t, "GET", serve(t, Config{Model: "m7"}, &reasoner{}, up)+path, "", nil)
		body, _ := io.ReadAll(resp.Body)
		if n := strings.Count(string(body), "m7@"); n == 0 || strings.Count(string(body), "@") != n {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// TestSamplingIsTranslated: options that servers beyond OpenAI's own take go on under the names that they know.
func TestSamplingIsTranslated(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"choices":[{"message":{"content":"x"}}]}`))
	do(t, "POST", serve(t, Config{}, &reasoner{}, up)+"/api/chat", `{"model":"m","stream":false,"options":{"top_k":40,"min_p":0.1,"repeat_penalty":1.1},"messages":[{"role":"user","content":"hi"}]}`, nil)
	if got := string(up.last(t).body); !strings.HasSuffix(got, `"min_p":0.1,"repeat_penalty":1.1,"repetition_penalty":1.1,"top_k":40}`) {
		t.Errorf("%s", got)
	}
}
