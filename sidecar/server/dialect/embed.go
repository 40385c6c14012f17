package dialect

import (
	"encoding/json"
	"time"
)

// EmbedFormat is one of Ollama's two routes that embed, in terms of OpenAI's /v1/embeddings.
type EmbedFormat struct {
	Request func(o Object, model string) (any, error)                                         // OpenAI's
	Answer  func(model string, vectors []json.RawMessage, tokens int, took time.Duration) any // Ollama's
}

// Embed is /api/embed, and Embeddings the older /api/embeddings.
var (
	Embed = EmbedFormat{
		Request: func(o Object, model string) (any, error) { return embedRequest(o, model, "input", "dimensions") },
		Answer: func(model string, vectors []json.RawMessage, tokens int, took time.Duration) any {
			return struct {
				Model      string            `json:"model"`
				Embeddings []json.RawMessage `json:"embeddings"`
				Total      time.Duration     `json:"total_duration"`
				Load       time.Duration     `json:"load_duration"`
				Tokens     int               `json:"prompt_eval_count"`
			}{model, vectors, took, 0, tokens}
		},
	}
	Embeddings = EmbedFormat{
		Request: func(o Object, model string) (any, error) { return embedRequest(o, model, "prompt", "") },
		Answer: func(_ string, vectors []json.RawMessage, _ int, _ time.Duration) any {
			return map[string]json.RawMessage{"embedding": vectors[0]}
		},
	}
)

func embedRequest(o Object, model, input, dimensions string) (any, error) {
	value, ok := o.Get(input)
	if !ok {
		return nil, BadRequest(input, "%s is missing: send the text", input)
	}
	out := map[string]json.RawMessage{"model": Compact(model), "input": value}
	if n, ok := o.Get(dimensions); ok && dimensions != "" {
		out["dimensions"] = n
	}
	return out, nil
}
