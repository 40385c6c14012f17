package dialect

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/ollama/ollama/api"

	"aprm/adapters"
	"aprm/adapters/wire"
	"aprm/prm/step"
)

// Ollama's two routes that generate: /api/chat and /api/generate.
var (
	OllamaChat = Format{Dialect: Ollama, IDPrefix: "chatcmpl-", Raw: ollamaChatRaw, Read: readOllamaChat, Chat: fromOllamaChat,
		Wire: func(Ask) Wire { return ollamaWire{} }}
	OllamaGenerate = Format{Dialect: Ollama, IDPrefix: "chatcmpl-", Raw: ollamaGenerateRaw, Read: readOllamaGenerate, Chat: fromOllamaGenerate,
		Wire: func(Ask) Wire { return ollamaWire{generate: true} }}
)

// The fields of Ollama's requests that a search can live with. Options about memory and threads say how the model is
// loaded: another call of it that says otherwise would load it anew, so all calls of a search carry them.
var (
	ollamaFields = map[string]rule{
		"model": ruleUsed, "stream": ruleUsed, "options": ruleUsed, "prm": ruleUsed, "logprobs": ruleUsed, "top_logprobs": ruleUsed,
		"_debug_render_only": ruleFlag, "truncate": ruleHarmless, "shift": ruleHarmless, "keep_alive": ruleCarried, "think": ruleCarried,
	}
	ollamaChatFields     = join(ollamaFields, map[string]rule{"messages": ruleUsed, "tools": ruleUsed})
	ollamaGenerateFields = join(ollamaFields, map[string]rule{"prompt": ruleUsed, "system": ruleUsed, "raw": ruleFlag})
	ollamaOptions        = map[string]rule{
		"temperature": ruleUsed, "top_p": ruleUsed, "seed": ruleUsed, "num_predict": ruleUsed, "stop": ruleUsed,
		"num_ctx": ruleCarried, "num_gpu": ruleCarried, "main_gpu": ruleCarried, "num_thread": ruleCarried, "num_batch": ruleCarried,
		"use_mmap": ruleCarried, "use_mlock": ruleCarried, "low_vram": ruleCarried, "numa": ruleCarried, "f16_kv": ruleCarried, "vocab_only": ruleCarried,
		"num_keep": ruleHarmless,
		"top_k":    ruleIgnored, "min_p": ruleIgnored, "typical_p": ruleIgnored,
		"repeat_last_n": ruleIgnored, "repeat_penalty": ruleIgnored, "presence_penalty": ruleIgnored,
		"frequency_penalty": ruleIgnored, "mirostat": ruleIgnored, "mirostat_tau": ruleIgnored, "mirostat_eta": ruleIgnored, "tfs_z": ruleIgnored,
		"penalize_newline": ruleIgnored,
	}
)

func join(a, b map[string]rule) map[string]rule {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// ollamaRaw tells why a request is not for a search, whichever of the two routes it came by; "" when it may be one.
func ollamaRaw(o Object, rules map[string]rule) string {
	for _, key := range []string{"tools", "format", "images"} {
		if v, ok := o.Get(key); ok && says(v) {
			return key
		}
	}
	if forbidden, _, _ := classify(o, rules); forbidden != "" {
		return "field " + PlainWord(forbidden)
	}
	if v, ok := o.Get("options"); ok {
		if options, err := Parse(v); err == nil {
			if forbidden, _, _ := classify(options, ollamaOptions); forbidden != "" {
				return "option " + PlainWord(forbidden)
			}
		}
	}
	return ""
}

func ollamaChatRaw(o Object) string {
	if why := ollamaRaw(o, ollamaChatFields); why != "" {
		return why
	}
	v, ok := o.Get("messages")
	if !ok || string(v) == "[]" {
		return "load" // Ollama loads or unloads the model
	}
	return messagesRaw(v)
}

func ollamaGenerateRaw(o Object) string {
	if why := ollamaRaw(o, ollamaGenerateFields); why != "" {
		return why
	}
	if v, ok := o.Get("prompt"); !ok || string(v) == `""` {
		return "load"
	}
	return ""
}

func readOllamaChat(o Object) (a Ask, err error) {
	if a.Messages, err = ReadMessages(o); err != nil {
		return a, err
	}
	return a, a.readOllama(o, ollamaChatFields)
}

func readOllamaGenerate(o Object) (a Ask, err error) {
	var prompt, system string
	if err := o.Read("prompt", &prompt, "a string"); err != nil {
		return a, err
	}
	if err := o.Read("system", &system, "a string"); err != nil {
		return a, err
	}
	a.Messages = systemFirst(system, adapters.Message{Role: adapters.User, Content: prompt})
	return a, a.readOllama(o, ollamaGenerateFields)
}

// systemFirst puts a system message, if there is one, before others.
func systemFirst(system string, others ...adapters.Message) []adapters.Message {
	if system == "" {
		return others
	}
	return append([]adapters.Message{{Role: adapters.System, Content: system}}, others...)
}

// readOllama reads what both routes have.
func (a *Ask) readOllama(o Object, rules map[string]rule) error {
	_, a.Carried, _ = classify(o, rules)
	a.Stream = true
	if err := o.flag("stream", "stream", &a.Stream); err != nil {
		return err
	}
	options := Object{raw: []byte("{}"), open: 1}
	if value, ok := o.Get("options"); ok {
		var err error
		if options, err = Parse(value); err != nil {
			return BadRequest("options", "options must be an object such as {\"temperature\":0.7}")
		}
	}
	_, carried, ignored := classify(options, ollamaOptions)
	if len(carried) > 0 {
		if a.Carried == nil {
			a.Carried = map[string]json.RawMessage{}
		}
		a.Carried["options"] = Compact(carried)
	}
	a.Ignored = append(a.Ignored, ignored...)
	if err := a.readSampling(options, sampling{at: "options.", temperature: "temperature", topP: "top_p", seed: "seed", stop: "stop", maxTokens: []string{"num_predict"}}); err != nil {
		return err
	}
	over := Ask{}
	err := over.readSampling(o, sampling{logprob: "logprobs", top: "top_logprobs"})
	a.Logprobs, a.TopLogprobs, a.Ignored = over.Logprobs, over.TopLogprobs, append(a.Ignored, over.Ignored...)
	return err
}

// Ollama's answers with a prm object beside their own fields. The measures of Ollama's own type leave out zeros, which
// Ollama itself hardly ever has; clients that want all of them or none must find them.
type (
	ollamaChat struct {
		api.ChatResponse
		*ollamaMetrics
		PRM any `json:"prm,omitempty"`
	}
	ollamaGenerate struct {
		api.GenerateResponse
		*ollamaMetrics
		PRM any `json:"prm,omitempty"`
	}
	ollamaMetrics struct {
		TotalDuration      time.Duration `json:"total_duration"` // ns, as all durations here
		LoadDuration       time.Duration `json:"load_duration"`  // what isn't work on the answer: waiting for its turn
		PromptEvalCount    int           `json:"prompt_eval_count"`
		PromptEvalDuration time.Duration `json:"prompt_eval_duration"` // 0 where reading the prompt isn't told apart from generating
		EvalCount          int           `json:"eval_count"`
		EvalDuration       time.Duration `json:"eval_duration"`
	}
)

// ollamaWire is the wire of /api/chat, and of /api/generate where generate is set.
type ollamaWire struct{ generate bool }

func (ollamaWire) StreamType() string { return "application/x-ndjson" }

// Alive is a chunk without content: Ollama's own client stumbles over a blank line.
func (w ollamaWire) Alive(h Head) [][]byte { return [][]byte{line(w.chunk(h, Piece{}, nil))} }

func (w ollamaWire) Whole(a Answer) []byte {
	return Compact(w.chunk(a.Head, Piece{Text: a.Text, Thinking: a.Thinking, Tokens: a.Tokens, Calls: a.Calls}, &a))
}

func (ollamaWire) Begin(Head) [][]byte { return nil }

func (w ollamaWire) Part(h Head, p Piece) [][]byte { return [][]byte{line(w.chunk(h, p, nil))} }

func (w ollamaWire) End(a Answer) [][]byte { return [][]byte{line(w.chunk(a.Head, Piece{}, &a))} }

func (ollamaWire) Broken(p *Problem) [][]byte { return [][]byte{line(p.Shape(Ollama))} }

func line(v any) []byte { return append(Compact(v), '\n') }

// chunk is one line of a stream, or a whole answer; end is the answer that it ends, nil where it ends none.
func (w ollamaWire) chunk(h Head, p Piece, end *Answer) any {
	created := h.Sent.UTC().Truncate(time.Microsecond)
	var metrics *ollamaMetrics
	var done string
	var report any
	if end != nil {
		done, report = end.Finish, end.Report
		switch done {
		case "load", "unload": // Ollama has no measures to tell of these
		case "length":
			metrics = end.ollama()
		default: // tool calls end an answer as anything else does
			done, metrics = "stop", end.ollama()
		}
	}
	calls := ollamaCalls(p.Calls)
	if w.generate {
		return ollamaGenerate{PRM: report, ollamaMetrics: metrics, GenerateResponse: api.GenerateResponse{
			Model: h.Model, CreatedAt: created, Response: p.Text, Thinking: p.Thinking, ToolCalls: calls,
			Done: done != "", DoneReason: done, Logprobs: ollamaLogprobs(p.Tokens),
		}}
	}
	return ollamaChat{PRM: report, ollamaMetrics: metrics, ChatResponse: api.ChatResponse{
		Model: h.Model, CreatedAt: created,
		Message: api.Message{Role: "assistant", Content: p.Text, Thinking: p.Thinking, ToolCalls: calls},
		Done:    done != "", DoneReason: done, Logprobs: ollamaLogprobs(p.Tokens),
	}}
}

func (a *Answer) ollama() *ollamaMetrics {
	return &ollamaMetrics{TotalDuration: a.Total, LoadDuration: a.Load, PromptEvalCount: a.Prompt, PromptEvalDuration: a.Reading,
		EvalCount: a.Completion, EvalDuration: a.Working}
}

// ollamaCalls are tool calls whose arguments are objects: wire.Calls has made sure of it.
func ollamaCalls(calls []wire.ToolCall) []api.ToolCall {
	var out []api.ToolCall
	for i, c := range calls {
		call := api.ToolCall{ID: c.ID, Function: api.ToolCallFunction{Index: i, Name: c.Function.Name}}
		_ = json.Unmarshal([]byte(c.Function.Arguments), &call.Function.Arguments) // it is one
		out = append(out, call)
	}
	return out
}

func ollamaLogprobs(tokens []step.Token) []api.Logprob {
	var out []api.Logprob
	for _, t := range tokens {
		l := api.Logprob{TokenLogprob: ollamaToken(t.Text, t.LogProb)}
		for _, top := range t.Top {
			l.TopLogprobs = append(l.TopLogprobs, ollamaToken(top.Text, top.LogProb))
		}
		out = append(out, l)
	}
	return out
}

func ollamaToken(text string, logprob float64) api.TokenLogprob {
	return api.TokenLogprob{Token: text, Logprob: logprob, Bytes: wire.BytesOf(text)}
}
