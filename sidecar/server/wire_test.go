package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// solved is a result as a search returns it.
func solved() decode.Result {
	return decode.Result{
		Text:     "3 boxes of 4 pens are 3*4 = 12 pens.\n#### 12",
		Answer:   "12",
		Answered: true,
		Finish:   decode.FinishEnd,
		Steps: []decode.ScoredStep{
			{Text: "3 boxes of 4 pens are 3*4 = 12 pens.", Scored: true, Score: prm.Score{Step: .93, Value: .9}},
			{Text: "#### 12", Scored: true, Score: prm.Score{Step: .97, Value: .95}},
		},
		Candidates: []decode.Candidate{
			{Text: "3 boxes of 4 pens are 3*4 = 12 pens.", Score: .93, Scored: true, Tokens: 40, Chosen: true},
			{Text: "3+4 = 7", Tokens: 3, Dropped: "failed: upstream answered 500"},
			{Text: "#### 12", Answer: "12", Answered: true, At: 1, Score: .97, Scored: true, Tokens: 40, Chosen: true},
		},
		Tokens: []step.Token{
			{Text: "3 boxes of 4 pens", LogProb: -.5, Top: []step.Alternative{{Text: "3 boxes of 4 pens", LogProb: -.5}, {Text: "He", LogProb: -1}}},
			{Text: " are 3*4 = 12 pens.\n", LogProb: -.25},
			{Text: "#### 12", LogProb: -.125},
		},
		PromptTokens: 40, CompletionTokens: 83, ScoringCalls: 5, Elapsed: 1500 * time.Millisecond,
	}
}

// TestWire holds every form of an answer against a golden file, headers included.
func TestWire(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	tests := []struct{ name, path, body string }{
		{"openai", "/v1/chat/completions", `{"model":"m@guided","seed":7,` + ask + `}`},
		{"openai_logprobs", "/v1/chat/completions", `{"model":"m","seed":7,"logprobs":true,"top_logprobs":2,` + ask + `}`},
		{"openai_ignored_fields", "/v1/chat/completions", `{"model":"m","seed":7,"temperature":0,"top_k":40,"frequency_penalty":0,"prm":{"steps":false},` + ask + `}`},
		{"openai_stop", "/v1/chat/completions", `{"model":"m","seed":7,"stop":["####"],"logprobs":true,"prm":{"steps":false},` + ask + `}`},
		{"openai_stream", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,` + ask + `}`},
		{"openai_stream_usage", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"stream_options":{"include_usage":true},"prm":{"steps":false},` + ask + `}`},
		{"openai_stream_logprobs", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"logprobs":true,"prm":{"steps":false},` + ask + `}`},
		{"ollama_chat", "/api/chat", `{"model":"m@vote-8","stream":false,"options":{"seed":7},` + ask + `}`},
		{"ollama_chat_stream", "/api/chat", `{"model":"m","options":{"seed":7,"num_ctx":8192,"top_p":0},` + ask + `}`},
		{"ollama_chat_stream_logprobs", "/api/chat", `{"model":"m","options":{"seed":7},"logprobs":true,"prm":{"steps":false},` + ask + `}`},
		{"ollama_chat_majority", "/api/chat", `{"model":"m@majority-8","stream":false,"options":{"seed":7},` + ask + `}`},
		{"ollama_generate", "/api/generate", `{"model":"m","stream":false,"options":{"seed":7},"prompt":"` + question + `"}`},
		{"completions", "/v1/completions", `{"model":"m@guided","seed":7,"prompt":"` + question + `"}`},
		{"completions_stream", "/v1/completions", `{"model":"m@guided","seed":7,"stream":true,"stream_options":{"include_usage":true},"prm":{"steps":false},"prompt":"` + question + `"}`},
		{"responses", "/v1/responses", `{"model":"m","seed":7,"input":"` + question + `","instructions":"be brief"}`},
		{"responses_stream", "/v1/responses", `{"model":"m","seed":7,"stream":true,"prm":{"steps":false},"input":[{"role":"user","content":[{"type":"input_text","text":"` + question + `"}]}]}`},
		{"anthropic", "/v1/messages", `{"model":"m","seed":7,"max_tokens":100,"system":"be brief",` + ask + `}`},
		{"anthropic_stream", "/v1/messages", `{"model":"m","seed":7,"max_tokens":100,"stream":true,"prm":{"steps":false},"messages":[{"role":"user","content":[{"type":"text","text":"` + question + `"}]}]}`},
		{"ollama_generate_stream", "/api/generate", `{"model":"m","options":{"seed":7},"prm":{"steps":false},"prompt":"` + question + `"}`},
	}
	r := answers(solved())
	r.instruction = "One short step a line."
	for _, tt := range tests {
		t.Run(tt.name, bubble(func(t *testing.T) { // on a slow machine a stream would begin with a sign of life
			s := build(t, Config{Defaults: defaults(guided)}, r)
			rec := post(s, tt.path, tt.body)
			if rec.Code != http.StatusOK {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			got := "Content-Type: " + rec.Header().Get("Content-Type") + "\n" + headerApplied + ": " + rec.Header().Get(headerApplied) + "\n\n" + rec.Body.String()
			golden(t, tt.name, []byte(got))
		}))
	}
}

func TestLengthIsTheFinish(t *testing.T) {
	result := solved()
	result.Finish = decode.FinishLength
	s := build(t, Config{Defaults: defaults(guided)}, answers(result))
	rec := post(s, "/v1/chat/completions", `{"messages":[{"role":"user","content":"`+question+`"}]}`)
	if !strings.Contains(rec.Body.String(), `"finish_reason":"length"`) {
		t.Error(rec.Body)
	}
	rec = post(s, "/api/generate", `{"stream":false,"prompt":"`+question+`"}`)
	if !strings.Contains(rec.Body.String(), `"done_reason":"length"`) {
		t.Error(rec.Body)
	}
}

// TestPiecesJoinToTheText: for a client that joins the chunks nothing is lost, whatever the tokens are like.
func TestPiecesJoinToTheText(t *testing.T) {
	tokens := []step.Token{{Text: "a\nb"}, {Text: "c"}, {Text: "<end>"}}
	for _, text := range []string{"", "a\nbc", "a\nbc\n", "\n\na", "x"} {
		var joined strings.Builder
		n := 0
		for _, p := range pieces(text, tokens) {
			joined.WriteString(p.Text)
			n += len(p.Tokens)
		}
		if joined.String() != text || (text != "" && n != len(tokens)) {
			t.Errorf("%q became %q with %d tokens", text, joined.String(), n)
		}
	}
}

// TestBadInput: the field at fault is named, in the dialect's own shape.
func TestBadInput(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	tests := []struct{ path, body, param, says string }{
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"model":"m"}`, "messages", "missing"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":"hi"}`, "messages", "a list"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":[]}`, "messages", "empty"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":[3]}`, "messages[0]", "an object"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":[{"role":"cat","content":"x"}]}`, "messages[0].role", "cat"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":[{"role":"user","content":3}]}`, "messages[0].content", "a string"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "messages[0].content[0].text", "a string"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"temperature":"hot",` + ask + `}`, "temperature", "a number"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"top_p":-1,` + ask + `}`, "top_p", "0 to 1"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"max_completion_tokens":1.5,` + ask + `}`, "max_completion_tokens", "whole number"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"seed":"x",` + ask + `}`, "seed", "whole number"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"stop":[1],` + ask + `}`, "stop", "strings"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"stream":"yes",` + ask + `}`, "stream", "true or false"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"stream_options":1,` + ask + `}`, "stream_options", "object"},
		{"/v1/chat/completions", `{"prm":{"strategy":"guided"},"logprobs":true,"top_logprobs":-1,` + ask + `}`, "top_logprobs", "0 to 20"},
		{"/api/chat", ``, "", "empty"},
		{"/api/chat", `{"model":`, "", "not valid JSON"},
		{"/api/chat", `[1]`, "", "not a JSON object"},
		{"/api/chat", `{} {}`, "", "at byte 3"},
		{"/api/chat", `{"model":3,` + ask + `}`, "model", "a string"},
		{"/v1/chat/completions", `{"model":"m@vote-65",` + ask + `}`, "model", "1 to 64"},
		{"/v1/chat/completions", `{"prm":3,` + ask + `}`, "prm", "object"},
		{"/v1/chat/completions", `{"prm":{"strategy":"magic"},` + ask + `}`, "prm.strategy", "weighted_vote"},
		{"/v1/chat/completions", `{"prm":{"strategy":1},` + ask + `}`, "prm.strategy", "or auto"},
		{"/v1/chat/completions", `{"prm":{"n":0},` + ask + `}`, "prm.n", "above 0"},
		{"/v1/chat/completions", `{"prm":{"n":65},` + ask + `}`, "prm.n", "1 to 64"},
		{"/v1/chat/completions", `{"prm":{"threshold":2},` + ask + `}`, "prm.threshold", "0 to 1"},
		{"/v1/chat/completions", `{"prm":{"aggregate":"max"},` + ask + `}`, "prm.aggregate", "min"},
		{"/v1/chat/completions", `{"prm":{"token_budget":-1},` + ask + `}`, "prm.token_budget", "or above"},
		{"/v1/chat/completions", `{"prm":{"temperature":9},` + ask + `}`, "prm.temperature", "at most 2"},
		{"/v1/chat/completions", `{"prm":{"expansion":0},` + ask + `}`, "prm.expansion", "above 0"},
		{"/v1/chat/completions", `{"prm":{"ess_threshold":1.5},` + ask + `}`, "prm.ess_threshold", "at most 1"},
		{"/v1/chat/completions", `{"prm":{"entropic":1},` + ask + `}`, "prm.entropic", "true or false"},
		{"/v1/chat/completions", `{"prm":{"rebase_temperature":0},` + ask + `}`, "prm.rebase_temperature", "above 0"},
		{"/v1/chat/completions", `{"prm":{"steps":"no"},` + ask + `}`, "prm.steps", "true or false"},
		{"/v1/chat/completions", `{"prm":{"deadline_ms":0},` + ask + `}`, "prm.deadline_ms", "above 0"},
		{"/v1/chat/completions", `{"prm":{"deadline_ms":1e18},` + ask + `}`, "prm.deadline_ms", "from 1 to"},
		{"/v1/chat/completions", `{"prm":{"show_search":1},` + ask + `}`, "prm.show_search", "true or false"},
		{"/v1/chat/completions", `{"prm":{"beams":2},` + ask + `}`, "prm.beams", "no setting"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"options":{"temperature":"hot"},` + ask + `}`, "options.temperature", "number"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"options":{"temperature":-1},` + ask + `}`, "options.temperature", "0 to 2"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"options":{"num_predict":1.5},` + ask + `}`, "options.num_predict", "whole number"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"options":3,` + ask + `}`, "options", "object"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"options":{"stop":1},` + ask + `}`, "options.stop", "strings"},
		{"/api/chat", `{"prm":{"strategy":"guided"},"stream":[],` + ask + `}`, "stream", "true or false"},
		{"/api/generate", `{"prm":{"strategy":"guided"},"prompt":3}`, "prompt", "a string"},
		{"/v1/prm/score", `{}`, "problem", "missing"},
		{"/v1/prm/score", `{"problem":"x"}`, "steps", "missing"},
		{"/v1/prm/score", `{"problem":"x","steps":"y"}`, "steps", "list"},
	}
	s := build(t, Config{Defaults: defaults(guided)}, answers(solved()))
	for _, tt := range tests {
		rec := post(s, tt.path, tt.body)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, rec.Code, rec.Body)
			continue
		}
		message, param := errorIn(t, tt.path, rec.Body.Bytes())
		if !strings.Contains(message, tt.says) {
			t.Errorf("%s: %q doesn't say %q", tt.body, message, tt.says)
		}
		if strings.HasPrefix(tt.path, "/v1") && param != tt.param {
			t.Errorf("%s: param %q, want %q", tt.body, param, tt.param)
		}
		if !strings.Contains(message, tt.param) {
			t.Errorf("%s: %q doesn't name %q", tt.body, message, tt.param)
		}
	}
}

// errorIn reads an error strictly in its dialect's shape.
func errorIn(t *testing.T, path string, body []byte) (message, param string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if strings.HasPrefix(path, "/api") {
		var e struct{ Error string }
		if err := dec.Decode(&e); err != nil || e.Error == "" {
			t.Fatalf("%s is no error of Ollama's: %v", body, err)
		}
		return e.Error, ""
	}
	var e struct {
		Error struct {
			Message, Type string
			Param, Code   *string
		}
	}
	if err := dec.Decode(&e); err != nil || e.Error.Message == "" || e.Error.Type == "" {
		t.Fatalf("%s is no error of OpenAI's: %v", body, err)
	}
	if e.Error.Param != nil {
		param = *e.Error.Param
	}
	return e.Error.Message, param
}

// TestFaults: what becomes of the errors of a search.
func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		header string
		says   string
	}{
		{"busy", &adapters.UpstreamError{Op: "generate", Status: 429, RetryAfter: 1500 * time.Millisecond, Message: "slow down"}, 429, "2", "slow down"},
		{"server error", &adapters.UpstreamError{Op: "generate", Status: 500, Message: "boom"}, 500, "", "boom"},
		{"unavailable", &adapters.UpstreamError{Op: "generate", Status: 503, Message: "loading"}, 503, "5", "loading"},
		{"unavailable for a while", &adapters.UpstreamError{Op: "generate", Status: 503, RetryAfter: 30 * time.Second, Message: "busy"}, 503, "30", "busy"},
		{"gateway timeout", &adapters.UpstreamError{Op: "generate", Status: 504}, 504, "", "504"},
		{"no connection", &adapters.UpstreamError{Op: "generate", Message: "connection refused", Err: errors.New("dial")}, 502, "", "refused"},
		{"timeout", &adapters.UpstreamError{Op: "generate", Message: "timed out", Err: context.DeadlineExceeded}, 504, "", "timed out"},
		{"no such model", &adapters.UpstreamError{Op: "generate", Status: 404, Message: "model 'x' not found"}, 404, "", "not found"},
		{"key refused", &adapters.UpstreamError{Op: "generate", Status: 401, Message: "bad key"}, 401, "", "bad key"},
		{"request refused", &adapters.UpstreamError{Op: "generate", Status: 422, Message: "too long"}, 422, "", "too long"},
		{"wrapped", errors.Join(errors.New("all candidates failed"), &adapters.UpstreamError{Op: "generate", Status: 500, Message: "boom"}), 500, "", "boom"},
		{"deadline", context.DeadlineExceeded, 504, "", "time"},
		{"the checkpoint went away", fmt.Errorf("guided: %w", decode.ErrNeedsPRM), 400, "", "sidecar train"},
		{"nothing but empty answers", decode.ErrNoCandidate, 502, "", "every candidate"},
		{"every candidate refused", fmt.Errorf("%w: %w", decode.ErrNoCandidate, &adapters.UpstreamError{Op: "generate", Status: 429, Message: "slow down"}), 429, "", "slow down"},
		{"unsupported", adapters.ErrUnsupported, 501, "", "not supported"},
		{"ours", errors.New("secret detail"), 500, "", "log"},
	}
	synctest.Test(t, func(t *testing.T) { // a stream begins soon: on a busy machine before its search has failed
		for _, tt := range tests {
			s := build(t, Config{Defaults: defaults(guided)}, fails(tt.err))
			for _, path := range []string{"/v1/chat/completions", "/api/chat"} {
				for _, stream := range []string{"true", "false"} { // nothing has been streamed yet: the status is the error's
					rec := post(s, path, `{"stream":`+stream+`,"messages":[{"role":"user","content":"`+question+`"}]}`)
					message, _ := errorIn(t, path, rec.Body.Bytes())
					if rec.Code != tt.status || rec.Header().Get("Retry-After") != tt.header || !strings.Contains(message, tt.says) || strings.Contains(message, "secret") {
						t.Errorf("%s: %s: %d, Retry-After %q, %s", tt.name, path, rec.Code, rec.Header().Get("Retry-After"), rec.Body)
					}
				}
			}
		}
	})
}

// TestUnnamedModel: an answer names the model that gave it, also where the client named none.
func TestUnnamedModel(t *testing.T) {
	r := answers(solved())
	s := build(t, Config{Model: "llm:1b", Defaults: defaults(guided), Traces: 1}, r)
	for _, path := range []string{"/v1/chat/completions", "/api/chat"} {
		for _, stream := range []string{"true", "false"} {
			rec := post(s, path, `{"stream":`+stream+`,"messages":[{"role":"user","content":"`+question+`"}]}`)
			if body := rec.Body.String(); strings.Count(body, `"model":"llm:1b"`) == 0 || strings.Contains(body, `"model":""`) {
				t.Errorf("%s, stream %s: %s", path, stream, body)
			}
			if model := r.last(t).model; model != "llm:1b" {
				t.Errorf("%s: searched with %q", path, model)
			}
		}
	}
	if kept := s.traces.List(1, func(string) bool { return true })[0]; kept.Model != "llm:1b" {
		t.Errorf("the trace says %q", kept.Model)
	}
}
