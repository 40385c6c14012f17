// Package wire is OpenAI's wire format, once for all who speak it: what answers and requests look like, and a reader of
// what servers that call themselves compatible really send. It is pure: bytes in, bytes out.
package wire

import (
	"encoding/json"

	"aprm/prm/step"
)

// Answers, in the form of OpenAI's API reference for chat completions.
type (
	Completion struct {
		ID      string   `json:"id"`
		Object  string   `json:"object"` // chat.completion
		Created int64    `json:"created"`
		Model   string   `json:"model"`
		Choices []Choice `json:"choices"`
		Usage   Usage    `json:"usage"`
		PRM     any      `json:"prm,omitempty"` // the sidecar's own
	}
	Choice struct {
		Index        int       `json:"index"`
		Message      Message   `json:"message"`
		Logprobs     *Logprobs `json:"logprobs"`
		FinishReason string    `json:"finish_reason"`
	}
	Message struct {
		Role      string `json:"role"`
		Content   string `json:"content"`
		Reasoning string `json:"reasoning_content,omitempty"` // as vLLM, llama-server and DeepSeek call it
	}
	Chunk struct {
		ID      string        `json:"id"`
		Object  string        `json:"object"` // chat.completion.chunk
		Created int64         `json:"created"`
		Model   string        `json:"model"`
		Choices []ChunkChoice `json:"choices"`
		Usage   ChunkUsage    `json:"usage,omitzero"`
		PRM     any           `json:"prm,omitempty"`
	}
	ChunkChoice struct {
		Index        int       `json:"index"`
		Delta        Delta     `json:"delta"`
		Logprobs     *Logprobs `json:"logprobs"`
		FinishReason *string   `json:"finish_reason"`
	}
	Delta struct {
		Role      string  `json:"role,omitempty"`
		Content   *string `json:"content,omitempty"`
		Reasoning string  `json:"reasoning_content,omitempty"`
	}
	Usage struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
	Logprobs struct {
		Content []Logprob `json:"content"`
	}
	Logprob struct {
		Alternative
		Top []Alternative `json:"top_logprobs"`
	}
	Alternative struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Bytes   []int   `json:"bytes"`
	}
	Models struct {
		Object string  `json:"object"` // list
		Data   []Model `json:"data"`
	}
	Model struct {
		ID      string `json:"id"`
		Object  string `json:"object"` // model
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
)

// ChunkUsage is a chunk's usage: absent, null or there. With include_usage every chunk but the last says null.
type ChunkUsage struct {
	Asked bool
	Usage *Usage
}

// MarshalJSON implements json.Marshaler.
func (u ChunkUsage) MarshalJSON() ([]byte, error) { return json.Marshal(u.Usage) }

// IsZero leaves the member out where nobody asked.
func (u ChunkUsage) IsZero() bool { return !u.Asked }

// UsageOf sums a prompt and what was generated, in tokens.
func UsageOf(prompt, completion int) Usage {
	return Usage{PromptTokens: prompt, CompletionTokens: completion, TotalTokens: prompt + completion}
}

// LogprobsOf are the log-probabilities of tokens.
func LogprobsOf(tokens []step.Token) *Logprobs {
	out := &Logprobs{Content: make([]Logprob, len(tokens))}
	for i, t := range tokens {
		out.Content[i] = Logprob{alternative(t.Text, t.LogProb), make([]Alternative, len(t.Top))}
		for j, top := range t.Top {
			out.Content[i].Top[j] = alternative(top.Text, top.LogProb)
		}
	}
	return out
}

func alternative(text string, logprob float64) Alternative {
	return Alternative{Token: text, Logprob: logprob, Bytes: BytesOf(text)}
}

// BytesOf are the bytes of a token as JSON numbers: a token may be half a character.
func BytesOf(text string) []int {
	out := make([]int, len(text))
	for i := range len(text) {
		out[i] = int(text[i])
	}
	return out
}
