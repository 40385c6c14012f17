package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aprm/prm/casetest"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// TestYoungerRoutesAreTranslated: what an upstream with chat completions alone is asked, and what the client gets of
// it, whole and streamed, in golden files.
func TestYoungerRoutesAreTranslated(t *testing.T) {
	const whole = `{"choices":[{"message":{"content":"It rains.","reasoning_content":"hm","tool_calls":[{"id":"c1","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	stream := "data: " + strings.Join([]string{`{"choices":[{"delta":{"reasoning":"h"}}]}`, `{"choices":[{"delta":{"reasoning":"m"}}]}`, `{"choices":[{"delta":{"content":"It "}}]}`, `{"choices":[{"delta":{"content":"rains."}}]}`,
		`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"get_weather","arguments":"{\"city\":"}}]}}]}`, `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]}}]}`,
		`{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`, `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, `[DONE]`}, "\n\ndata: ") + "\n\n"
	for _, tt := range []struct{ name, path, body, want string }{
		{"responses", "/v1/responses", `{"model":"m@raw","stream":STREAM,"instructions":"s","max_output_tokens":9,"reasoning":{"effort":"low"},"tools":[{"type":"function","name":"get_weather","parameters":{"type":"object"},"strict":true}],
			"input":[{"role":"user","content":"hi"},{"type":"function_call","call_id":"c0","name":"get_weather","arguments":"{}"},{"type":"function_call_output","call_id":"c0","output":"rain"},{"role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:x"}]}]}`,
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},{"role":"assistant","content":"","tool_calls":[{"index":0,"id":"c0","type":"function","function":{"name":"get_weather","arguments":"{}"}}]},{"role":"tool","content":"rain","tool_call_id":"c0"},` +
				`{"role":"user","content":[{"text":"look","type":"text"},{"image_url":{"url":"data:x"},"type":"image_url"}]}],"stream":STREAM,"tools":[{"function":{"name":"get_weather","parameters":{"type":"object"}},"type":"function"}],"max_tokens":9,"reasoning_effort":"low"}`},
		{"anthropic", "/v1/messages", `{"model":"m@raw","stream":STREAM,"max_tokens":9,"system":[{"type":"text","text":"s"}],"output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"stop_sequences":["x"],"tools":[{"name":"get_weather","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},
			"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"c0","name":"get_weather","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c0","content":"rain"},{"type":"text","text":"so?"}]}]}`,
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},{"role":"assistant","content":"t","tool_calls":[{"index":0,"id":"c0","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","content":"rain","tool_call_id":"c0"},` +
				`{"role":"user","content":"so?"}],"stream":STREAM,"tools":[{"function":{"description":"d","name":"get_weather","parameters":{"type":"object"}},"type":"function"}],"tool_choice":"required","max_tokens":9,"stop":["x"],"reasoning_effort":"low","response_format":{"json_schema":{"name":"answer","schema":{}},"type":"json_schema"}}`},
	} {
		for _, streamed := range []string{"false", "true"} {
			up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/chat/completions" {
					w.WriteHeader(404)
					io.WriteString(w, `{"detail":"Not Found"}`)
					return
				}
				if streamed == "true" {
					io.WriteString(w, stream)
					return
				}
				io.WriteString(w, whole)
			})
			addr := serve(t, Config{}, &reasoner{}, up)
			for range 2 { // the second time it is known
				resp := do(t, "POST", addr+tt.path, strings.ReplaceAll(tt.body, "STREAM", streamed), nil)
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				in := up.last(t)
				sent := strings.Replace(string(in.body), `,"stream_options":{"include_usage":true}`, "", 1)
				if want := strings.ReplaceAll(tt.want, "STREAM", streamed); in.uri != "/v1/chat/completions" || sent != want {
					t.Errorf("%s: %s\n got %s\nwant %s", tt.name, in.uri, sent, want)
				}
				if up.requests() < 3 {
					golden(t, "younger_"+tt.name+"_"+streamed, append([]byte(resp.Status+" "+resp.Header.Get("Content-Type")+"\n\n"), body...))
				}
			}
			if n := up.requests(); n != 3 {
				t.Errorf("%s: %d requests for two, want the route tried once", tt.name, n)
			}
		}
	}
}

// TestYoungerRoutesAreRawWhereThereAre: byte for byte, errors too; and a model that isn't there is no lack of the
// route.
func TestYoungerRoutesAreRawWhereThereAre(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), `"none"`):
			w.WriteHeader(404)
			io.WriteString(w, `{"error":{"message":"model 'none' not found"}}`)
		case strings.Contains(string(body), `"bad"`):
			w.WriteHeader(422)
			io.WriteString(w, "odd  bytes")
		default:
			io.WriteString(w, `{ "odd" : 1 }`)
		}
	})
	addr := serve(t, Config{Defaults: defaults(majority)}, answers(solved()), up)
	for _, path := range []string{"/v1/responses", "/v1/messages"} {
		for _, tt := range []struct {
			body   string
			status int
			want   string
		}{
			{`{"model":"none","input":"hi","messages":[{"role":"user","content":"hi"}]}`, 404, "not found"},
			{`{"model":"m@raw", "input":"hi","messages":[{"role":"user","content":"hi"}]}`, 200, `{ "odd" : 1 }`},
			{`{"model":"bad","input":"hi","tools":[{}]}`, 422, "odd  bytes"},
		} {
			resp := do(t, "POST", addr+path, tt.body, nil)
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) || !strings.HasPrefix(resp.Header.Get(headerApplied), "raw") {
				t.Errorf("%s %s: %d %s", path, tt.body, resp.StatusCode, body)
			}
		}
		if got := up.last(t); got.uri != path {
			t.Errorf("after a model that isn't there %s is asked at %s", path, got.uri)
		}
	}
}

// TestYoungerRoutesSearchTextOnly, and refuse in their own shape.
func TestYoungerRoutesSearchTextOnly(t *testing.T) {
	s := build(t, Config{Defaults: defaults(majority)}, &reasoner{checkpoint: "x"})
	for _, tt := range []struct{ path, body, applied string }{
		{"/v1/responses", `{"input":"` + question + `"}`, "majority; reason=question"},
		{"/v1/responses", `{"input":[{"type":"message","role":"user","content":"` + question + `"}],"reasoning":{"effort":"none"},"store":false,"include":[]}`, "majority; reason=question"},
		{"/v1/responses", `{"input":"` + question + `","tools":[{"type":"web_search"}]}`, "raw; reason=tools"},
		{"/v1/responses", `{"input":"` + question + `","previous_response_id":"r"}`, "raw; reason=field previous_response_id"},
		{"/v1/responses", `{"input":"` + question + `","text":{"format":{"type":"json_schema"}}}`, "raw; reason=text.format"},
		{"/v1/responses", `{"input":[{"type":"item_reference","id":"x"}]}`, "raw; reason=item item_reference"},
		{"/v1/responses", `{"input":[{"role":"user","content":[{"type":"input_image"}]}]}`, "raw; reason=content part input_image"},
		{"/v1/responses", `{"model":"m@auto","input":"Write a poem."}`, "raw; reason=a text to write"},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"` + question + `"}],"thinking":{"type":"enabled","budget_tokens":1024}}`, "majority; reason=question"},
		{"/v1/messages", `{"max_tokens":9,"tools":[{}],"messages":[{"role":"user","content":"` + question + `"}]}`, "raw; reason=tools"},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image"}]}]}`, "raw; reason=content part image"},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"` + question + `"},{"role":"assistant","content":"He"}]}`, "raw; reason=prefill"},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"y"},{"type":"text","text":"hello"}]},{"role":"user","content":"` + question + `"}]}`, "majority; reason=question"},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"thinking","thinking":"x"},{"type":"text","text":"` + question + `"}]}]}`, "raw; reason=content part thinking"},
		{"/v1/messages", `{"max_tokens":9,"output_config":{"effort":"low"},"messages":[{"role":"user","content":"` + question + `"}]}`, "majority; reason=question"},
		{"/v1/messages", `{"max_tokens":9,"output_config":{"effort":"low","format":{"type":"json_schema"}},"messages":[{"role":"user","content":"` + question + `"}]}`, "raw; reason=output_config"},
		{"/v1/completions", `{"model":"m@majority-4","prompt":["` + question + `"]}`, "majority; reason=asked"},
		{"/v1/completions", `{"model":"m@majority-4","prompt":["` + question + `","` + question + `"]}`, "raw; reason=prompt"},
		{"/v1/completions", `{"model":"m","prompt":"` + question + `"}`, "raw; reason=default"},
		{"/v1/completions", `{"model":"m@majority-4","prompt":"` + question + `"}`, "majority; reason=asked"},
		{"/v1/completions", `{"model":"m@majority-4","best_of":1,"metadata":{"a":"b"},"reasoning_effort":"none","keep_alive":"5m","prompt":"` + question + `"}`, "majority; reason=asked"},
		{"/v1/completions", `{"model":"m@majority-4","prompt":"Once upon a time"}`, "raw; reason=no numbers"},
		{"/v1/completions", `{"model":"m@majority-4","prompt":[1,2]}`, "raw; reason=prompt"},
		{"/v1/completions", `{"model":"m@majority-4","suffix":"}","prompt":"` + question + `"}`, "raw; reason=field suffix"},
		{"/v1/completions", `{"model":"m@majority-4","echo":true,"prompt":"` + question + `"}`, "raw; reason=field echo"},
	} {
		c, err := s.understand(routeOf(tt.path), []byte(tt.body))
		if err != nil || c.applied() != tt.applied {
			t.Errorf("%s %s: %v, %v, want %s", tt.path, tt.body, c, err, tt.applied)
		}
	}
	rec := post(s, "/v1/messages", `{"prm":{"n":0},"messages":[{"role":"user","content":"hi"}]}`)
	var shape struct {
		Type  string
		Error struct{ Type, Message string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &shape); err != nil || rec.Code != 400 || shape.Type != "error" || shape.Error.Type != "invalid_request_error" || !strings.Contains(shape.Error.Message, "prm.n") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, path := range []string{"/v1/messages", "/v1/responses"} {
		if rec := post(build(t, Config{Defaults: defaults(majority)}, fails(decode.ErrNoCandidate)), path, fmt.Sprintf(`{"input":%q,"messages":[{"role":"user","content":%q}]}`, question, question)); rec.Code != 502 {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// TestPartsWithoutAType: a part that says nothing of what it is is the client's fault, and no more than the upstream can do.
func TestPartsWithoutAType(t *testing.T) {
	addr := serve(t, Config{}, &reasoner{}, newFakeUpstream(t, http.NotFound))
	for path, field := range map[string]string{"/v1/messages": "messages", "/v1/responses": "input"} {
		for _, part := range []string{`null`, `{}`, `{"text":"x"}`} {
			resp := do(t, "POST", addr+path, fmt.Sprintf(`{"model":"m@raw","max_tokens":9,%q:[{"role":"user","content":[%s]}]}`, field, part), nil)
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != 400 || !strings.Contains(string(body), field+"[0].content[0] must be an object with a type") {
				t.Errorf("%s %s: %d %s", path, part, resp.StatusCode, body)
			}
		}
	}
}

// FuzzTranslate: whatever a client sends to a route that must be translated, what goes upstream is JSON, or the
// client's fault is named.
func FuzzTranslate(f *testing.F) {
	for i, body := range []string{
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"u"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"x"}]}]}],"thinking":{"type":"disabled"}}`,
		`{"model":"m","messages":[{"role":"user","content":"x","images":["AA=="]}],"options":{"top_k":1,"stop":["a"]},"think":"low","format":{}}`,
		`{"model":"m","prompt":"x","system":"s","options":{"num_predict":-1}}`,
	} {
		f.Add(byte(i), []byte(body))
	}
	var translated []route
	for _, r := range routes {
		if r.Chat != nil {
			translated = append(translated, r)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		r := translated[int(which)%len(translated)]
		var asked dialect.Translation
		var err error
		casetest.Bounded(t, len(body), 1024, func() { asked, err = r.Chat(body) })
		if err != nil {
			if p := problemOf(err); p.Status != 400 && p.Status != 501 {
				t.Fatalf("%s %s: %d %s", r.path, body, p.Status, p.Message)
			}
			return
		}
		if data, err := json.Marshal(asked.Request); err != nil || !json.Valid(data) {
			t.Fatalf("%s %s: %s, %v", r.path, body, data, err)
		}
	})
}

// TestAnthropicsStopSequence: what ended an answer is named.
func TestAnthropicsStopSequence(t *testing.T) {
	s := build(t, Config{Defaults: defaults(majority)}, answers(solved()))
	for _, streamed := range []string{"true", "false"} {
		rec := post(s, "/v1/messages", `{"model":"m","max_tokens":99,"stream":`+streamed+`,"stop_sequences":["ZZ","####"],"messages":[{"role":"user","content":"`+question+`"}]}`)
		if body := rec.Body.String(); !strings.Contains(body, `"stop_reason":"stop_sequence","stop_sequence":"####"`) || strings.Contains(body, "#### 12\"}") {
			t.Errorf("streamed %s: %s", streamed, body)
		}
	}
}
