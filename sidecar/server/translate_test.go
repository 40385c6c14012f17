package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestTranslateRequest: what an OpenAI-compatible upstream is asked on behalf of an Ollama client.
func TestTranslateRequest(t *testing.T) {
	const calls = `{"role":"assistant","content":"","tool_calls":[{"function":{"name":"add","arguments":{"b":2,"a":1}}},{"function":{"name":"now","arguments":{}}}]}`
	tests := []struct{ name, path, body, want string }{
		{"chat", "/api/chat", `{"model":"m@raw","stream":false,"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"stream":false}`},
		{"stream is the default", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`},
		{"options", "/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}],"options":{"temperature":0,"top_p":0.5,"seed":3,"num_predict":7,"stop":["a","b"],"presence_penalty":1,"frequency_penalty":-1,"num_ctx":1}}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"max_tokens":7,"temperature":0,"top_p":0.5,"presence_penalty":1,"frequency_penalty":-1,"seed":3,"stop":["a","b"]}`},
		{"no limit", "/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}],"options":{"num_predict":-1,"stop":"x"}}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"stop":["x"]}`},
		{"tools, their schema as it is", "/api/chat", `{"model":"m","stream":false,"tools":[{"type":"function","function":{"name":"add","parameters":{"b":1,"a":2}}}],"messages":[{"role":"user","content":"hi"},` + calls + `,{"role":"tool","tool_name":"now","content":"noon"},{"role":"tool","content":"3"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"","tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"add","arguments":"{\"b\":2,\"a\":1}"}},{"index":1,"id":"call_1","type":"function","function":{"name":"now","arguments":"{}"}}]},` +
				`{"role":"tool","content":"noon","tool_call_id":"call_1"},{"role":"tool","content":"3","tool_call_id":"call_0"}],"stream":false,"tools":[{"type":"function","function":{"name":"add","parameters":{"b":1,"a":2}}}]}`},
		{"ids of its own", "/api/chat", `{"model":"m","stream":false,"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"x7","function":{"name":"f","arguments":{}}}]},{"role":"tool","tool_call_id":"x7","content":"y"}]}`,
			`{"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"index":0,"id":"x7","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"y","tool_call_id":"x7"}],"stream":false}`},
		{"image", "/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"what?","images":["R0lGODlh"]}]}`,
			`{"model":"m","messages":[{"role":"user","content":[{"text":"what?","type":"text"},{"image_url":{"url":"data:image/gif;base64,R0lGODlh"},"type":"image_url"}]}],"stream":false}`},
		{"JSON", "/api/chat", `{"model":"m","stream":false,"format":"json","messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"response_format":{"type":"json_object"}}`},
		{"schema", "/api/chat", `{"model":"m","stream":false,"format":{"type":"object"},"messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"response_format":{"json_schema":{"name":"format","schema":{"type":"object"}},"type":"json_schema"}}`},
		{"whole numbers as a float", "/api/chat", `{"model":"m","stream":false,"options":{"seed":7.0,"num_predict":50.0},"messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"max_tokens":50,"seed":7}`},
		{"logprobs, think", "/api/chat", `{"model":"m","stream":false,"logprobs":true,"top_logprobs":2,"think":"low","messages":[{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"logprobs":true,"top_logprobs":2,"reasoning_effort":"low"}`},
		{"generate", "/api/generate", `{"model":"m","stream":false,"system":"s","prompt":"hi <b>"}`,
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi <b>"}],"stream":false}`},
		{"the default model", "/api/generate", `{"stream":false,"prompt":"hi"}`,
			`{"model":"fallback","messages":[{"role":"user","content":"hi"}],"stream":false}`},
	}
	up := newFakeUpstream(t, replies(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`))
	addr := serve(t, Config{Model: "fallback"}, &reasoner{}, up)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			do(t, "POST", addr+tt.path, tt.body, nil)
			in := up.last(t)
			if in.uri != "/v1/chat/completions" || string(in.body) != tt.want {
				t.Errorf("%s\n got %s\nwant %s", in.uri, in.body, tt.want)
			}
		})
	}
}

// TestTranslateReply: what the Ollama client gets of it, in golden files.
func TestTranslateReply(t *testing.T) {
	const logprobs = `"logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":[104,105],"top_logprobs":[{"token":"ho","logprob":-1,"bytes":null}]}]}`
	stream := func(events ...string) string { return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n" }
	tests := []struct{ name, path, reply string }{
		{"whole", "/api/chat", `{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"<b>hi</b>"},` + logprobs + `,"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`},
		{"whole_tools", "/api/chat", `{"choices":[{"message":{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"b\":2,\"a\":1}"}}]},"finish_reason":"tool_calls"}]}`},
		{"whole_generate", "/api/generate", `{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`},
		{"whole_error", "/api/chat", `{"error":{"message":"the model is overloaded","code":503}}`},
		{"stream", "/api/chat", ": comment\r\n\r\n" + stream(
			`{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
			`{"choices":[{"delta":{"content":"hi"},`+logprobs+`,"finish_reason":null}]}`,
			`{"choices":[{"delta":{"content":" there"},"finish_reason":null}]}`,
			`{"choices":[{"delta":{},"finish_reason":"stop"}]}`,
			`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`,
			`[DONE]`)},
		{"stream_tools", "/api/chat", stream(
			`{"choices":[{"delta":{"role":"assistant","content":null,"reasoning":"hm"}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"add","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"now","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}`,
			`{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`,
			`[DONE]`)},
		{"stream_generate_without_an_end_mark", "/api/generate", stream(`{"choices":[{"delta":{"content":"hi"},"finish_reason":"length"}]}`)},
		{"stream_cut", "/api/chat", stream(`{"choices":[{"delta":{"content":"hi"}}]}`)},
		{"stream_error", "/api/chat", stream(`{"choices":[{"delta":{"content":"hi"}}]}`, `{"error":{"message":"out of memory"}}`)},
		{"stream_babble", "/api/chat", stream(`{"choices":[{"delta":{"content":"hi"}}]}`, `<html>`)},
		{"stream_bad_arguments", "/api/chat", stream(`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{x"}}]},"finish_reason":"tool_calls"}]}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up := newFakeUpstream(t, replies(tt.reply))
			addr := serve(t, Config{}, &reasoner{}, up)
			streamed := "false"
			if strings.HasPrefix(tt.name, "stream") {
				streamed = "true"
			}
			resp := do(t, "POST", addr+tt.path, `{"model":"m","stream":`+streamed+`,"messages":[{"role":"user","content":"hi"}],"prompt":"hi"}`, nil)
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "translated_"+tt.name, append([]byte(resp.Status+" "+resp.Header.Get("Content-Type")+"\n\n"), body...))
		})
	}
}

// TestTranslateFaults: errors before the first byte have a status and Ollama's shape.
func TestTranslateFaults(t *testing.T) {
	tests := []struct {
		status       int
		reply        string
		want         int
		says, header string
	}{
		{404, `{"error":{"message":"The model x does not exist","type":"NotFoundError"}}`, 404, "does not exist", ""},
		{400, `{"object":"error","message":"too long"}`, 400, "too long", ""},
		{422, `{"detail":[{"msg":"bad"}]}`, 422, "bad", ""},
		{401, `{"error":"no key"}`, 401, "no key", ""},
		{429, `{"error":{"message":"busy"}}`, 429, "busy", "9"},
		{500, `<html>oops</html>`, 500, "oops", ""},
		{200, `<html>oops</html>`, 502, "can't be read", ""},
		{200, `{"choices":[]}`, 502, "no choices", ""},
	}
	for _, tt := range tests {
		up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
			if tt.header != "" {
				w.Header().Set("Retry-After", tt.header)
			}
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.reply)
		})
		addr := serve(t, Config{}, &reasoner{}, up)
		resp := do(t, "POST", addr+"/api/chat", `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`, nil)
		body, _ := io.ReadAll(resp.Body)
		if message, _ := errorIn(t, "/api", body); resp.StatusCode != tt.want || !strings.Contains(message, tt.says) || resp.Header.Get("Retry-After") != tt.header {
			t.Errorf("%d %s: %d %s, Retry-After %q", tt.status, tt.reply, resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
	}
}

// TestNotTranslated: what has no counterpart says so.
func TestNotTranslated(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{}, &reasoner{}, up)
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/api/pull", `{"model":"m"}`, 501, "/api/pull"},
		{"POST", "/api/blobs/sha256:1", `x`, 501, "/api/blobs"},
		{"DELETE", "/api/delete", `{}`, 501, "DELETE"},
		{"POST", "/api/generate", `{"prompt":"x","suffix":"y"}`, 501, "suffix"},
		{"POST", "/api/generate", `{"prompt":"x","raw":true}`, 501, "raw"},
		{"POST", "/api/generate", `{"prompt":"x","template":"y"}`, 501, "template"},
		{"POST", "/api/generate", `{"prompt":"x","context":[1]}`, 501, "context"},
		{"POST", "/api/chat", `{"messages":3}`, 400, "messages"},
		{"POST", "/api/chat", `{"messages":[{"role":"user","content":"x"}],"format":3}`, 400, "format"},
		{"POST", "/api/chat", `{"messages":[{"role":"user","content":"x"}],"options":{"seed":"x"}}`, 400, "options.seed"},
		{"POST", "/api/show", `{}`, 400, "model"},
	} {
		resp := do(t, tt.method, addr+tt.path, tt.body, nil)
		body, _ := io.ReadAll(resp.Body)
		if message, _ := errorIn(t, "/api", body); resp.StatusCode != tt.status || !strings.Contains(message, tt.says) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, resp.StatusCode, body)
		}
	}
	if up.requests() > 0 {
		t.Error("something reached the upstream")
	}
}

// TestLoad: Ollama's way to load and unload a model is answered, and nothing more.
func TestLoad(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{}, &reasoner{}, up)
	for _, tt := range []struct{ path, body, reason string }{
		{"/api/chat", `{"model":"m"}`, "load"},
		{"/api/chat", `{"model":"m","messages":[],"keep_alive":0}`, "unload"},
		{"/api/generate", `{"model":"m","keep_alive":"5m"}`, "load"},
		{"/api/generate", `{"model":"m","prompt":"","keep_alive":"0s"}`, "unload"},
	} {
		resp := do(t, "POST", addr+tt.path, tt.body, nil)
		var got struct {
			Done       bool
			DoneReason string `json:"done_reason"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != 200 || !got.Done || got.DoneReason != tt.reason {
			t.Errorf("%s: %d %+v %v", tt.body, resp.StatusCode, got, err)
		}
	}
	if up.requests() > 0 {
		t.Error("something reached the upstream")
	}
}
