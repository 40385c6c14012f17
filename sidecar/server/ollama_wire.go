package server

import (
	"time"

	"github.com/ollama/ollama/api"

	"aprm/prm/step"
)

// Ollama's answers with a prm object beside their own fields. The measures of Ollama's own type leave out zeros, which Ollama itself
// hardly ever has; clients that want all of them or none must find them.
type (
	ollamaChat struct {
		api.ChatResponse
		*ollamaMetrics
		PRM *report `json:"prm,omitempty"`
	}
	ollamaGenerate struct {
		api.GenerateResponse
		*ollamaMetrics
		PRM *report `json:"prm,omitempty"`
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

func (ollamaWire) dialect() Dialect { return Ollama }

func (ollamaWire) streamType() string { return "application/x-ndjson" }

// keepAlive is a chunk without content: Ollama's own client stumbles over a blank line.
func (w ollamaWire) keepAlive(h head) []byte { return line(w.chunk(h, part{})) }

func (w ollamaWire) whole(a answer) []byte {
	return compact(w.chunk(a.head, a.last(part{text: a.text, thinking: a.thinking, logprobs: ollamaLogprobs(a.tokens)})))
}

func (ollamaWire) begin(head) [][]byte { return nil }

func (w ollamaWire) part(h head, p piece) []byte {
	return line(w.chunk(h, part{text: p.text, thinking: p.thinking, logprobs: ollamaLogprobs(p.tokens)}))
}

func (w ollamaWire) end(a answer) [][]byte { return [][]byte{line(w.chunk(a.head, a.last(part{})))} }

func (ollamaWire) broken(p *problem) [][]byte { return [][]byte{line(p.shape(Ollama))} }

func line(v any) []byte { return append(compact(v), '\n') }

// part is what one line of Ollama's stream says.
type part struct {
	text     string
	thinking string
	calls    []api.ToolCall
	logprobs []api.Logprob
	done     string         // why it is done, "" when it isn't
	metrics  *ollamaMetrics // of an answer's end
	report   *report
}

// last completes the part that ends an answer.
func (a answer) last(p part) part {
	p.done, p.report = a.finish, a.report
	p.metrics = &ollamaMetrics{
		TotalDuration:   a.total,
		LoadDuration:    max(0, a.total-a.searching),
		PromptEvalCount: a.prompt,
		EvalCount:       a.completion,
		EvalDuration:    a.searching,
	}
	return p
}

func (w ollamaWire) chunk(h head, p part) any {
	created := h.sent.UTC().Truncate(time.Microsecond)
	if w.generate {
		return ollamaGenerate{PRM: p.report, ollamaMetrics: p.metrics, GenerateResponse: api.GenerateResponse{
			Model: h.model, CreatedAt: created, Response: p.text, Thinking: p.thinking, ToolCalls: p.calls,
			Done: p.done != "", DoneReason: p.done, Logprobs: p.logprobs,
		}}
	}
	return ollamaChat{PRM: p.report, ollamaMetrics: p.metrics, ChatResponse: api.ChatResponse{
		Model: h.model, CreatedAt: created,
		Message: api.Message{Role: "assistant", Content: p.text, Thinking: p.thinking, ToolCalls: p.calls},
		Done:    p.done != "", DoneReason: p.done, Logprobs: p.logprobs,
	}}
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
	return api.TokenLogprob{Token: text, Logprob: logprob, Bytes: bytesOf(text)}
}
