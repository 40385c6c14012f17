package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/server/dialect"
)

// judge is a reasoner whose PRM gives step number i (from 0) the score .875 - i/4, and remembers what it was asked.
func judge() (r *reasoner, asked func() []step.Trace) {
	var mu sync.Mutex
	var seen []step.Trace
	r = &reasoner{checkpoint: "ab12cd34", sighted: true, score: func(_ context.Context, t step.Trace) ([]prm.Score, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, t)
		out := make([]prm.Score, len(t.Steps))
		for i := range out {
			out[i] = prm.Score{Step: .875 - float64(i)/4, Value: .75}
		}
		return out, nil
	}}
	return r, func() []step.Trace {
		mu.Lock()
		defer mu.Unlock()
		out := seen
		seen = nil
		return out
	}
}

func traceOf(question string, steps ...string) step.Trace {
	return step.Trace{Problem: step.Problem{Question: question}, Steps: steps}
}

// TestPooling holds vLLM's shape against golden files, and what the PRM was asked.
func TestPooling(t *testing.T) {
	const chatML = `<|im_start|>system\nReason.<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\ns1<extra_0>s2<extra_0><|im_end|><|endoftext|>`
	for _, tt := range []struct {
		name string
		cfg  Config
		body string
		want []step.Trace
	}{
		{"qwen", Config{}, `{"model":"sidecar-prm","task":"token_classify","messages":[{"role":"system","content":"Reason."},{"role":"user","content":"Q"},{"role":"assistant","content":"s1<extra_0>s2<extra_0>"}]}`,
			[]step.Trace{traceOf("Q", "s1", "s2")}},
		{"parts_and_rest", Config{Model: "m"}, `{"model":"m@prm","use_activation":true,"encoding_format":"float","messages":[{"role":"user","content":[{"type":"text","text":"Q"}]},{"role":"assistant","content":"1+1=2\n\n <extra_0><extra_0>not yet a"}]}`,
			[]step.Trace{traceOf("Q", "1+1=2", "")}},
		{"chatml", Config{}, `{"model":"ab12cd34","input":"` + chatML + `"}`, []step.Trace{traceOf("Q", "s1", "s2")}},
		{"several", Config{}, `{"input":["` + chatML + `","Q2 Step 1: a <extra_0>\nStep 2: b <extra_0>\nStep 3: c <extra_0>"]}`,
			[]step.Trace{traceOf("Q", "s1", "s2"), traceOf("Q2", "a", "b", "c")}},
		{"shepherd", Config{StepToken: "ки", GoodFirst: true}, `{"model":"sidecar-prm","input":"Is Step 1: hard? Step 1: a ки\nStep 2: b ки"}`,
			[]step.Trace{traceOf("Is Step 1: hard?", "a", "b")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, asked := judge()
			rec := post(build(t, tt.cfg, r), "/pooling", tt.body)
			golden(t, "pooling_"+tt.name, fmt.Appendf(nil, "%d %s\n\n%s\n", rec.Code, rec.Header().Get("Content-Type"), rec.Body))
			got := asked()
			if len(got) == 2 && got[0].Problem.Question != tt.want[0].Problem.Question { // they are scored at once
				got[0], got[1] = got[1], got[0]
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("the PRM was asked %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestPoolingPassesOn: what doesn't name the PRM is the upstream's, byte for byte.
func TestPoolingPassesOn(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"s<extra_0>"}]}`
	up := newFakeUpstream(t, replies(`{"of":"upstream"}`))
	for _, tt := range []struct {
		name, checkpoint, body string
		ours                   bool
	}{
		{"the PRM", "ab12", `{"model":"sidecar-prm",` + ask, true},
		{"the LLM's name with a suffix", "ab12", `{"model":"m@prm",` + ask, true},
		{"the checkpoint", "ab12", `{"model":"ab12",` + ask, true},
		{"no model", "ab12", `{` + ask, true},
		{"the LLM", "ab12", `{"model": "m",` + ask, false},
		{"a PRM of the upstream's", "ab12", `{ "model":"Qwen/Qwen2.5-Math-PRM-7B",` + ask, false},
		{"another's suffix", "ab12", `{"model":"x@prm",` + ask, false},
		{"an embedding", "ab12", `{"model":"e","task":"embed","input":[1,2]}`, false},
		{"no model and no PRM", "", `{` + ask, false},
		{"another model and no PRM", "", `{"model":"m",` + ask, false},
	} {
		r, _ := judge()
		r.checkpoint = tt.checkpoint
		before := up.requests()
		resp := do(t, "POST", serve(t, Config{Model: "m"}, r, up)+"/pooling", tt.body, nil)
		if resp.StatusCode != http.StatusOK || (up.requests() == before) != tt.ours {
			t.Errorf("%s: %d, %d requests reached the upstream", tt.name, resp.StatusCode, up.requests()-before)
			continue
		}
		if tt.ours {
			continue
		}
		if got := up.last(t); string(got.body) != tt.body || got.uri != "/pooling" {
			t.Errorf("%s: the upstream got %s %s", tt.name, got.uri, got.body)
		}
	}
	r, _ := judge()
	r.checkpoint = ""
	rec := post(build(t, Config{}, r), "/pooling", `{"model":"sidecar-prm",`+ask)
	if message, param := errorIn(t, "/v1", rec.Body.Bytes()); rec.Code != 400 || param != "model" || !strings.Contains(message, "sidecar train") {
		t.Errorf("the PRM where there is none: %d %s", rec.Code, rec.Body)
	}
}

// TestPRMBadInput: the field at fault is named.
func TestPRMBadInput(t *testing.T) {
	const user = `{"role":"user","content":"Q"}`
	const steps = `{"role":"assistant","content":"s<extra_0>"}`
	many := strings.Repeat("x<extra_0>", maxSteps+1)
	tooMany := "[" + strings.TrimSuffix(strings.Repeat(`"x",`, maxSolutions+1), ",") + "]"
	for _, tt := range []struct{ path, body, param, says string }{
		{"/pooling", ``, "", "empty"},
		{"/pooling", `{"model":`, "", "not valid JSON"},
		{"/pooling", `[]`, "", "not a JSON object"},
		{"/pooling", `{"model":3}`, "model", "a string"},
		{"/pooling", `{}`, "messages", "missing"},
		{"/pooling", `{"task":"embed","messages":[` + user + `,` + steps + `]}`, "task", "token_classify"},
		{"/pooling", `{"task":1,"messages":[` + user + `,` + steps + `]}`, "task", "a string"},
		{"/pooling", `{"encoding_format":"base64","messages":[` + user + `,` + steps + `]}`, "encoding_format", "float"},
		{"/pooling", `{"use_activation":false,"messages":[` + user + `,` + steps + `]}`, "use_activation", "true"},
		{"/pooling", `{"dimensions":8,"messages":[` + user + `,` + steps + `]}`, "dimensions", "embeddings"},
		{"/pooling", `{"input":"x","messages":[` + user + `,` + steps + `]}`, "input", "beside"},
		{"/pooling", `{"messages":"x"}`, "messages", "a list"},
		{"/pooling", `{"messages":[]}`, "messages", "empty"},
		{"/pooling", `{"messages":[` + user + `]}`, "messages[0].role", "assistant"},
		{"/pooling", `{"messages":[` + steps + `]}`, "messages", "no question"},
		{"/pooling", `{"messages":[{"role":"user","content":" "},` + steps + `]}`, "messages", "no question"},
		{"/pooling", `{"messages":[` + user + `,{"role":"assistant","content":"s"}]}`, "messages[1].content", "no <extra_0>"},
		{"/pooling", `{"messages":[` + user + `,{"role":"assistant"}]}`, "messages[1].content", "holds no <extra_0>"},
		{"/pooling", `{"messages":[` + user + `,{"role":"assistant","content":"` + many + `"}]}`, "messages[1].content", "1025 steps"},
		{"/pooling", `{"input":[1,2]}`, "input", "no tokenizer"},
		{"/pooling", `{"input":[[1,2]]}`, "input", "no tokenizer"},
		{"/pooling", `{"input":[]}`, "input", "1 to 256"},
		{"/pooling", `{"input":` + tooMany + `}`, "input", "not 257"},
		{"/pooling", `{"input":[null]}`, "input[0]", "a string"},
		{"/pooling", `{"input":"s<extra_0>"}`, "input", "can't be told"},
		{"/pooling", `{"input":["Q Step 1: a <extra_0>","Q Step 1: a"]}`, "input[1]", "no <extra_0>"},
		{"/pooling", `{"input":"Step 1: a <extra_0>"}`, "input", "no question"},
		{"/pooling", `{"input":"<|im_start|>assistant\na<extra_0>"}`, "input", "no question"},
		{"/v1/prm/score", `{"problem":3,"steps":["x"]}`, "problem", "a string"},
		{"/v1/prm/score", `{"problem":"p","steps":["x",null]}`, "steps[1]", "a string"},
		{"/v1/prm/score", `{"problem":"p","steps":["` + strings.Repeat(`x","`, maxSteps) + `"]}`, "steps", "1025"},
		{"/v1/prm/score", `{"solutions":{}}`, "solutions", "a list"},
		{"/v1/prm/score", `{"solutions":[]}`, "solutions", "1 to 256"},
		{"/v1/prm/score", `{"solutions":` + tooMany + `}`, "solutions", "not 257"},
		{"/v1/prm/score", `{"solutions":["x"]}`, "solutions[0]", "an object"},
		{"/v1/prm/score", `{"solutions":[{"problem":"p","steps":["x"]},{"steps":["x"]}]}`, "solutions[1].problem", "missing"},
		{"/v1/prm/score", `{"solutions":[{"problem":"p","steps":[]}]}`, "solutions[0].steps", "missing"},
		{"/v1/prm/score", `{"solutions":[{"problem":"p","steps":[1]}]}`, "solutions[0].steps", "strings"},
		{"/v1/prm/score", `{"model":{},"problem":"p","steps":["x"]}`, "model", "a string"},
		{"/v1/prm/score", `{"problem":"p","solutions":[]}`, "problem", "beside"},
		{"/v1/prm/score", `{"steps":["x"],"solutions":[]}`, "steps", "beside"},
	} {
		r, _ := judge()
		rec := post(build(t, Config{}, r), tt.path, tt.body)
		shown := tt.body[:min(len(tt.body), 120)]
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", tt.path, shown, rec.Code, rec.Body)
			continue
		}
		message, param := errorIn(t, "/v1", rec.Body.Bytes())
		if param != tt.param || !strings.Contains(message, tt.says) || !strings.Contains(message, tt.param) {
			t.Errorf("%s %s: param %q and %q, want %q and %q", tt.path, shown, param, message, tt.param, tt.says)
		}
	}
	r, _ := judge()
	for _, path := range []string{"/pooling", "/v1/prm/score"} {
		if rec := post(build(t, Config{MaxBody: 20}, r), path, `{"input":"0123456789"}`); rec.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: too large a body: %d", path, rec.Code)
		}
	}
}

// TestScoreBatch: one result a solution, in order, and whether hidden states were read.
func TestScoreBatch(t *testing.T) {
	var body strings.Builder
	for i := range 40 {
		fmt.Fprintf(&body, `,{"problem":"p%d","steps":["x","y"]}`, i)
	}
	r := &reasoner{checkpoint: "ab12", sighted: true, score: func(_ context.Context, t step.Trace) ([]prm.Score, error) {
		return []prm.Score{{Step: .5, Value: float64(len(t.Problem.Question))}, {}}, nil
	}}
	s := build(t, Config{}, r)
	rec := post(s, "/v1/prm/score", `{"solutions":[`+body.String()[1:]+`]}`)
	var got struct {
		Checkpoint string
		Solutions  []struct {
			Hidden bool `json:"hidden_states"`
			Scores []struct{ Step, Value float64 }
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || got.Checkpoint != "ab12" || len(got.Solutions) != 40 {
		t.Fatalf("%v %s", err, rec.Body)
	}
	for i, sol := range got.Solutions {
		if want := float64(len(fmt.Sprint("p", i))); !sol.Hidden || len(sol.Scores) != 2 || sol.Scores[0].Value != want {
			t.Errorf("solution %d: %+v", i, sol)
		}
	}
}

// TestPRMFaults: a PRM that fails is one request's failure, told in OpenAI's shape.
func TestPRMFaults(t *testing.T) {
	const ask = `{"problem":"p","steps":["s"]}`
	for name, tt := range map[string]struct {
		score  func(context.Context, step.Trace) ([]prm.Score, error)
		status int
		says   string
	}{
		"refused": {func(context.Context, step.Trace) ([]prm.Score, error) {
			return nil, &adapters.UpstreamError{Op: "prm", Status: 429, Message: "busy"}
		}, 429, "busy"},
		"of no use": {func(context.Context, step.Trace) ([]prm.Score, error) {
			return nil, &adapters.UpstreamError{Op: "prm", Message: "of no use"}
		}, 502, "of no use"},
		"ours":           {func(context.Context, step.Trace) ([]prm.Score, error) { return nil, errors.New("secret") }, 500, "log"},
		"too few scores": {func(context.Context, step.Trace) ([]prm.Score, error) { return nil, nil }, 500, "log"},
		"panic":          {func(context.Context, step.Trace) ([]prm.Score, error) { panic("secret") }, 500, "log"},
	} {
		for path, body := range map[string]string{"/v1/prm/score": ask, "/pooling": `{"input":["Q Step 1: a <extra_0>","Q Step 1: b <extra_0>"]}`} {
			rec := post(build(t, Config{}, &reasoner{checkpoint: "x", score: tt.score}), path, body)
			if message, _ := errorIn(t, "/v1", rec.Body.Bytes()); rec.Code != tt.status || !strings.Contains(message, tt.says) || strings.Contains(message, "secret") {
				t.Errorf("%s: %s: %d %s", name, path, rec.Code, rec.Body)
			}
		}
	}
}

// FuzzReadPooling: whatever comes is traces with a question and as many steps as step tokens, or a 400.
func FuzzReadPooling(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","task":"token_classify","messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"s1<extra_0>s2<extra_0>"}]}`,
		`{"input":"Q Step 1: a <extra_0>\nStep 2: b <extra_0>"}`,
		`{"input":["<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\na<extra_0><|im_end|>"]}`,
		`{"input":[null]}`, `{"messages":null}`, `{"use_activation":0}`,
	} {
		f.Add([]byte(seed), "<extra_0>")
	}
	f.Fuzz(func(t *testing.T, body []byte, token string) {
		o, err := dialect.Parse(body)
		if err != nil || token == "" {
			return
		}
		traces, err := readPooling(o, token)
		if err != nil {
			if p := problemOf(err); p.Status != http.StatusBadRequest {
				t.Errorf("%v is a %d", err, p.Status)
			}
			return
		}
		if len(traces) == 0 {
			t.Error("nothing to score")
		}
		for _, tr := range traces {
			if tr.Problem.Question == "" || len(tr.Steps) == 0 || len(tr.Steps) > maxSteps {
				t.Errorf("%+v", tr)
			}
		}
	})
}

// FuzzReadTraces: whatever comes is solutions with a question and steps, or a 400.
func FuzzReadTraces(f *testing.F) {
	f.Add([]byte(`{"problem":"p","steps":["a"]}`))
	f.Add([]byte(`{"solutions":[{"problem":"p","steps":["a"]},{"problem":"p","steps":[null]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		traces, batch, err := readTraces(body)
		if err != nil {
			if p := problemOf(err); p.Status != http.StatusBadRequest {
				t.Errorf("%v is a %d", err, p.Status)
			}
			return
		}
		if len(traces) == 0 || !batch && len(traces) != 1 {
			t.Errorf("%d solutions", len(traces))
		}
		for _, tr := range traces {
			if tr.Problem.Question == "" || len(tr.Steps) == 0 {
				t.Errorf("%+v", tr)
			}
		}
	})
}
