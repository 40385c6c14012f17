package server

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// TestUnderstand: which requests are searched, by what, and why.
func TestUnderstand(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	const hi = `"messages":[{"role":"user","content":"Hello!"}]`
	tests := []struct {
		name    string
		r       route
		body    string
		applied string
	}{
		{"bare name, a problem", viaChat, `{"model":"m",` + ask + `}`, "guided; reason=question"},
		{"no name at all", viaChat, `{` + ask + `}`, "guided; reason=question"},
		{"bare name, small talk", viaChat, `{"model":"m",` + hi + `}`, "raw; reason=no numbers"},
		{"small talk, though asked by name", viaChat, `{"model":"m@guided",` + hi + `}`, "raw; reason=no numbers"},
		{"a problem, asked by name", viaChat, `{"model":"m@majority-8",` + ask + `}`, "majority; reason=asked"},
		{"small talk, but asked in the body", viaChat, `{"model":"m","prm":{"strategy":"majority"},` + hi + `}`, "majority; reason=asked"},
		{"the body beats the name", viaChat, `{"model":"m@raw","prm":{"strategy":"best_of_n"},` + ask + `}`, "best_of_n; reason=asked"},
		{"a prm object without a strategy asks for none", viaChat, `{"model":"m","prm":{"n":2},` + hi + `}`, "raw; reason=no numbers"},
		{"raw by name", viaChat, `{"model":"m@raw",` + ask + `}`, "raw; reason=asked"},
		{"raw in the body", viaChat, `{"model":"m@guided","prm":{"strategy":"raw"},` + ask + `}`, "raw; reason=asked"},
		{"the last question counts", viaChat, `{"messages":[{"role":"user","content":"` + question + `"},{"role":"assistant","content":"12"},{"role":"user","content":"thanks"}]}`, "raw; reason=no numbers"},
		{"text parts", viaChat, `{"messages":[{"role":"user","content":[{"type":"text","text":"` + question + `"}]}]}`, "guided; reason=question"},
		{"fields that say nothing", viaChat, `{"tools":[],"tool_choice":"none","logit_bias":{},"foo":null,"response_format":{"type":"text"},"n":1,` + ask + `}`, "guided; reason=question"},
		{"sampling fields", viaChat, `{"top_k":40,"frequency_penalty":0.5,` + ask + `}`, "guided; reason=question"},

		{"tools", viaChat, `{"tools":[{"type":"function"}],` + ask + `}`, "raw; reason=tools"},
		{"tools, though guided is asked", viaChat, `{"model":"m@guided","tools":[{"type":"function"}],` + ask + `}`, "raw; reason=tools"},
		{"tool choice", viaChat, `{"tool_choice":"required",` + ask + `}`, "raw; reason=tools"},
		{"a tool's answer", viaChat, `{"messages":[{"role":"tool","content":"4 and 3","tool_call_id":"x"}]}`, "raw; reason=tools"},
		{"a call in the history", viaChat, `{"messages":[{"role":"assistant","tool_calls":[{}]},{"role":"user","content":"` + question + `"}]}`, "raw; reason=tools"},
		{"functions", viaChat, `{"functions":[{}],` + ask + `}`, "raw; reason=field functions"},
		{"JSON mode", viaChat, `{"response_format":{"type":"json_object"},` + ask + `}`, "raw; reason=response_format"},
		{"JSON schema", viaChat, `{"response_format":{"type":"json_schema","json_schema":{}},` + ask + `}`, "raw; reason=response_format"},
		{"image", viaChat, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}`, "raw; reason=content part image_url"},
		{"several answers", viaChat, `{"n":2,` + ask + `}`, "raw; reason=n"},
		{"the best of several", viaChat, `{"best_of":2,` + ask + `}`, "raw; reason=best_of"},
		{"one answer, in other words", viaChat, `{"n":"1","best_of":1.0,` + ask + `}`, "guided; reason=question"},
		{"how a model is loaded and thinks", viaChat, `{"num_ctx":4096,"num_gpu":0,"separate_reasoning":true,` + ask + `}`, "guided; reason=question"},
		{"prefill", viaChat, `{"messages":[{"role":"user","content":"` + question + `"},{"role":"assistant","content":"He has"}]}`, "raw; reason=prefill"},
		{"a server's extension", viaChat, `{"guided_json":{"type":"object"},` + ask + `}`, "raw; reason=field guided_json"},
		{"grammar", viaChat, `{"grammar":"root ::= x",` + ask + `}`, "raw; reason=field grammar"},
		{"a name that has no place in a header", viaChat, `{"a\r\nSet-Cookie: b":1,` + ask + `}`, "raw; reason=field of an odd name"},
		{"logit bias", viaChat, `{"logit_bias":{"1":-100},` + ask + `}`, "raw; reason=field logit_bias"},

		{"Ollama chat", viaOllama, `{"model":"m",` + ask + `}`, "guided; reason=question"},
		{"Ollama chat, tools", viaOllama, `{"model":"m","tools":[{}],` + ask + `}`, "raw; reason=tools"},
		{"Ollama chat, format", viaOllama, `{"model":"m","format":"json",` + ask + `}`, "raw; reason=format"},
		{"Ollama chat, image", viaOllama, `{"messages":[{"role":"user","content":"how many of the 3 cats?","images":["AA=="]}]}`, "raw; reason=images"},
		{"Ollama chat, think", viaOllama, `{"think":true,` + ask + `}`, "guided; reason=question"},
		{"Ollama chat, load", viaOllama, `{"model":"m"}`, "raw; reason=load"},
		{"Ollama chat, unload", viaOllama, `{"model":"m","messages":[],"keep_alive":0}`, "raw; reason=load"},
		{"Ollama chat, options", viaOllama, `{"options":{"num_ctx":8192,"top_k":1,"temperature":0.1},` + ask + `}`, "guided; reason=question"},
		{"Ollama chat, odd option", viaOllama, `{"options":{"warp":2},` + ask + `}`, "raw; reason=option warp"},
		{"Ollama generate", viaGenerate, `{"model":"m","prompt":"` + question + `","system":"be brief","raw":false}`, "guided; reason=question"},
		{"Ollama generate, load", viaGenerate, `{"model":"m"}`, "raw; reason=load"},
		{"Ollama generate, suffix", viaGenerate, `{"prompt":"` + question + `","suffix":"x"}`, "raw; reason=field suffix"},
		{"Ollama generate, raw", viaGenerate, `{"prompt":"` + question + `","raw":true}`, "raw; reason=field raw"},
		{"Ollama generate, template", viaGenerate, `{"prompt":"` + question + `","template":"x"}`, "raw; reason=field template"},
		{"Ollama generate, context", viaGenerate, `{"prompt":"` + question + `","context":[1]}`, "raw; reason=field context"},
		{"Ollama generate, images", viaGenerate, `{"prompt":"` + question + `","images":["AA=="]}`, "raw; reason=images"},
	}
	s := build(t, Config{Defaults: defaults(guided)}, &reasoner{checkpoint: "x"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := s.understand(tt.r, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.applied() != tt.applied {
				t.Errorf("%s\n got %s\nwant %s", tt.body, c.applied(), tt.applied)
			}
		})
	}
}

func TestRawByDefault(t *testing.T) {
	s := build(t, Config{}, &reasoner{checkpoint: "x"})
	c, err := s.understand(viaChat, []byte(`{"messages":[{"role":"user","content":"`+question+`"}]}`))
	if err != nil || c.applied() != "raw; reason=default" {
		t.Errorf("%v, %v", c, err)
	}
}

// TestWithoutCheckpoint: the configured strategy steps back to raw, an explicit wish is refused, majority works.
func TestWithoutCheckpoint(t *testing.T) {
	s := build(t, Config{Defaults: defaults(guided)}, &reasoner{})
	understand := func(head string) (*call, error) {
		return s.understand(viaChat, []byte(`{`+head+`"messages":[{"role":"user","content":"`+question+`"}]}`))
	}
	if c, err := understand(`"model":"m",`); err != nil || c.applied() != "raw; reason=no checkpoint" {
		t.Errorf("bare name: %v, %v", c, err)
	}
	for _, head := range []string{`"model":"m@majority-8",`, `"prm":{"strategy":"majority"},`} {
		if c, err := understand(head); err != nil || c.applied() != "majority; reason=asked" {
			t.Errorf("%s: %v, %v", head, c, err)
		}
	}
	for head, param := range map[string]string{`"model":"m@guided",`: "model", `"prm":{"strategy":"weighted_vote"},`: "prm.strategy"} {
		_, err := understand(head)
		if err == nil {
			t.Errorf("%s is taken", head)
			continue
		}
		p := problemOf(err)
		if p.Status != 400 || p.Param != param || !strings.Contains(p.Message, "prm.strategy") || !strings.Contains(p.Message, "sidecar train") {
			t.Errorf("%s: %d %s %s", head, p.Status, p.Param, p.Message)
		}
	}
}

var viaChat, viaOllama, viaGenerate = routeOf("/v1/chat/completions"), routeOf("/api/chat"), routeOf("/api/generate")

func routeOf(path string) route {
	for _, r := range routes {
		if r.path == path {
			return r
		}
	}
	panic("no route " + path)
}

// TestOptions: what of a request reaches the search.
func TestOptions(t *testing.T) {
	r := answers(decode.Result{Text: "12", Finish: decode.FinishEnd})
	s := build(t, Config{Defaults: defaults(guided), Model: "fallback"}, r)
	with := func(change func(o *decode.Options)) decode.Options {
		o := defaults(guided)
		o.Seed = 7
		change(&o)
		return o
	}
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	tests := []struct {
		path, body, model string
		want              decode.Options
	}{
		{"/v1/chat/completions", `{"model":"m","seed":7,` + ask + `}`, "m", with(func(o *decode.Options) {})},
		{"/v1/chat/completions", `{"seed":7,"temperature":0,"top_p":0,` + ask + `}`, "fallback", with(func(o *decode.Options) {})},
		{"/v1/chat/completions", `{"model":"m@vote-8","seed":7,"temperature":1.5,"top_p":0.5,"max_tokens":100,` + ask + `}`, "m", with(func(o *decode.Options) {
			o.Strategy, o.N, o.Temperature, o.TopP, o.MaxTokens = weightedVote, 8, 1.5, .5, 100
		})},
		{"/v1/chat/completions", `{"seed":7,"max_tokens":5,"max_completion_tokens":6,"logprobs":true,"top_logprobs":3,` + ask + `}`, "fallback", with(func(o *decode.Options) {
			o.MaxTokens, o.LogProbs, o.TopLogProbs, o.TopWanted = 6, true, 3, true
		})},
		{"/v1/chat/completions", `{"model":"m@guided-2","seed":7,"prm":{"n":3,"threshold":0,"aggregate":"last","token_budget":99},` + ask + `}`, "m", with(func(o *decode.Options) {
			o.N, o.Threshold, o.Aggregate, o.TokenBudget = 3, 0, "last", 99
		})},
		{"/v1/chat/completions", `{"model":"m@particle-8","seed":7,"prm":{"expansion":2,"ess_threshold":0.4,"entropic":true,"rebase_temperature":0.1},` + ask + `}`, "m", with(func(o *decode.Options) {
			o.Strategy, o.N, o.Expansion, o.ESSThreshold, o.Entropic, o.RebaseTemperature = decode.Particle, 8, 2, 0.4, true, 0.1
		})},
		{"/v1/chat/completions", `{"model":"m","seed":7,"prm":{"strategy":"best-of-3"},` + ask + `}`, "m", with(func(o *decode.Options) { o.Strategy, o.N = decode.BestOfN, 3 })},
		{"/v1/chat/completions", `{"model":"m@vote-6","seed":7,"prm":{"strategy":"weighted_vote"},` + ask + `}`, "m", with(func(o *decode.Options) { o.Strategy, o.N = weightedVote, 6 })},
		{"/v1/chat/completions", `{"model":"m","seed":7,"prm":{"strategy":"best-of-3","n":2},` + ask + `}`, "m", with(func(o *decode.Options) { o.Strategy, o.N = decode.BestOfN, 2 })},
		{"/v1/chat/completions", `{"model":"m","seed":7,"prm":{"strategy":"beam"},` + ask + `}`, "m", with(func(o *decode.Options) { o.Strategy = decode.Beam })},
		{"/api/chat", `{"model":"m","options":{"seed":7,"temperature":0.4,"top_p":0.8,"num_predict":50},` + ask + `}`, "m", with(func(o *decode.Options) {
			o.Temperature, o.TopP, o.MaxTokens = .4, .8, 50
		})},
		{"/v1/chat/completions", `{"model":"m","seed":7.0,"max_tokens":1e2,` + ask + `}`, "m", with(func(o *decode.Options) { o.MaxTokens = 100 })},
		{"/api/chat", `{"model":"m","options":{"seed":7.0,"num_predict":50.0},` + ask + `}`, "m", with(func(o *decode.Options) { o.MaxTokens = 50 })},
		{"/api/generate", `{"model":"m","options":{"seed":7,"num_predict":-1},"prompt":"` + question + `"}`, "m", with(func(o *decode.Options) {})},
	}
	for _, tt := range tests {
		rec := post(s, tt.path, tt.body)
		if rec.Code != 200 {
			t.Errorf("%s: %d %s", tt.body, rec.Code, rec.Body)
			continue
		}
		got := r.last(t)
		got.opts.Watch = nil // a function is equal to nothing
		if !reflect.DeepEqual(got.opts, tt.want) || got.model != tt.model {
			t.Errorf("%s\n got %q %+v\nwant %q %+v", tt.body, got.model, got.opts, tt.model, tt.want)
		}
	}
}

// TestWayOverName: where both the model's name and prm.strategy say how it is answered, the latter wins in what it says
// and the name says the rest.
func TestWayOverName(t *testing.T) {
	n := defaults(guided).N
	for _, tt := range []struct {
		suffix, strategy, want string
		n                      int
		kinds                  step.Kinds
	}{
		{"", "majority-16", decode.Majority, 16, ""},
		{"", "majority-programs", decode.Majority, n, step.OnlyPrograms},
		{"@majority-4", "majority", decode.Majority, 4, ""},
		{"@majority-4", "majority-16", decode.Majority, 16, ""},
		{"@majority-4", "majority-programs", decode.Majority, 4, step.OnlyPrograms},
		{"@majority-mixed", "majority-16", decode.Majority, 16, step.Mixed},
		{"@majority-mixed-4", "best-of-programs-16", bestOfN, 16, step.OnlyPrograms},
		{"@mixed", "majority", decode.Majority, n, step.Mixed},
		{"@mixed", "majority-16", decode.Majority, 16, step.Mixed},
		{"@mixed", "majority-programs-16", decode.Majority, 16, step.OnlyPrograms},
		{"@programs-4", "majority-mixed", decode.Majority, 4, step.Mixed},
		{"@vote-6", "best-of", bestOfN, 6, ""},
		{"@guided", "vote-programs-2", weightedVote, 2, step.OnlyPrograms},
		{"@raw", "majority-16", decode.Majority, 16, ""},
		{"@mixed-4", "raw", strategyRaw, 0, ""},
		{"@mixed", "guided", "", 0, ""}, // takes no vote
		{"@majority-programs", "beam", "", 0, ""},
	} {
		s := build(t, Config{Defaults: defaults(guided)}, &reasoner{checkpoint: "x"})
		c, err := s.understand(viaChat, []byte(`{"model":"m`+tt.suffix+`","prm":{"strategy":"`+tt.strategy+`"},"messages":[{"role":"user","content":"`+question+`"}]}`))
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s, %s: taken, want it refused", tt.suffix, tt.strategy)
		case tt.want != "" && err != nil:
			t.Errorf("%s, %s: %v", tt.suffix, tt.strategy, err)
		case tt.want != "" && (c.opts.Strategy != tt.want || c.opts.N != tt.n || c.opts.Kinds != tt.kinds):
			t.Errorf("%s, %s: %s, %d of %q; want %s, %d of %q", tt.suffix, tt.strategy, c.opts.Strategy, c.opts.N, c.opts.Kinds, tt.want, tt.n, tt.kinds)
		}
	}
}

// TestSeeds: the endpoint is given one only where the client gave one; what the search itself draws is new each time.
func TestSeeds(t *testing.T) {
	r := answers(decode.Result{Text: "12"})
	s := build(t, Config{Defaults: defaults(guided)}, r)
	seeds := map[int64]bool{}
	for range 4 {
		post(s, "/v1/chat/completions", `{"messages":[{"role":"user","content":"`+question+`"}]}`)
		seed := r.last(t).opts.Seed
		if !r.last(t).opts.Unseeded {
			t.Error("the endpoint is given a seed that nobody asked for")
		}
		if seed < 0 || seed >= 1<<31 {
			t.Errorf("seed %d doesn't fit 31 bits", seed)
		}
		seeds[seed] = true
	}
	if len(seeds) == 1 {
		t.Error("asking again has the same seed")
	}
}

func TestMessages(t *testing.T) {
	r := answers(decode.Result{Text: "12"})
	s := build(t, Config{Defaults: defaults(guided)}, r)
	post(s, "/v1/chat/completions", `{"messages":[{"role":"developer","content":"be brief"},{"role":"user","content":[{"type":"text","text":"`+question+`"},{"type":"text","text":"Think."}]}],"prm":{"strategy":"guided"}}`)
	want := []adapters.Message{{Role: adapters.System, Content: "be brief"}, {Role: adapters.User, Content: question + "\nThink."}}
	if got := r.last(t).messages; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	post(s, "/api/generate", `{"system":"be brief","prompt":"`+question+`"}`)
	want[1].Content = question
	if got := r.last(t).messages; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConfigErrorsComeTogether(t *testing.T) {
	_, err := New(Config{Dialect: "x", Names: []string{"tree-1"}, MaxBody: -1}, &reasoner{})
	for _, want := range []string{"no upstream", `dialect "x"`, `"tree-1"`, "negative"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v says nothing of %s", err, want)
		}
	}
}
