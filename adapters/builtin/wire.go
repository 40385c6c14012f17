package builtin

import (
	"aprm/adapters"
	"aprm/prm/step"
)

// Answers in the form of OpenAI's API reference for chat completions. (The client library's own types would say more than a model
// without filters and fingerprints has to say, and leave out what clients read as null.)
type (
	completion struct {
		ID      string   `json:"id"`
		Object  string   `json:"object"`
		Created int64    `json:"created"`
		Model   string   `json:"model"`
		Choices []choice `json:"choices"`
		Usage   counts   `json:"usage"`
	}
	choice struct {
		Index        int       `json:"index"`
		Message      message   `json:"message"`
		Logprobs     *logprobs `json:"logprobs"`
		FinishReason string    `json:"finish_reason"`
	}
	message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	chunk struct {
		ID      string        `json:"id"`
		Object  string        `json:"object"`
		Created int64         `json:"created"`
		Model   string        `json:"model"`
		Choices []chunkChoice `json:"choices"`
	}
	// countedChunk is a chunk of a stream whose client asked for usage: it is null in all but the last.
	countedChunk struct {
		chunk
		Usage *counts `json:"usage"`
	}
	chunkChoice struct {
		Index        int       `json:"index"`
		Delta        delta     `json:"delta"`
		Logprobs     *logprobs `json:"logprobs"`
		FinishReason *string   `json:"finish_reason"`
	}
	delta struct {
		Role    string  `json:"role,omitempty"`
		Content *string `json:"content,omitempty"`
	}
	counts struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
	logprobs struct {
		Content []logprob `json:"content"`
	}
	logprob struct {
		alternative
		Top []alternative `json:"top_logprobs"`
	}
	alternative struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Bytes   []int   `json:"bytes"`
	}
	models struct {
		Object string      `json:"object"`
		Data   []modelCard `json:"data"`
	}
	modelCard struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"` // unknown: 0
		OwnedBy string `json:"owned_by"`
	}
)

func finish(f adapters.FinishReason) string {
	if f == adapters.FinishLength {
		return "length"
	}
	return "stop"
}

func usage(done []adapters.Completion) counts {
	var u adapters.Usage
	for _, c := range done {
		u = u.Add(c.Usage)
	}
	return counts{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: u.PromptTokens + u.CompletionTokens}
}

func logProbs(tokens []step.Token) *logprobs {
	out := &logprobs{Content: make([]logprob, len(tokens))}
	for i, t := range tokens {
		out.Content[i] = logprob{likely(t.Text, t.LogProb), make([]alternative, len(t.Top))}
		for j, o := range t.Top {
			out.Content[i].Top[j] = likely(o.Text, o.LogProb)
		}
	}
	return out
}

// likely gives a token's bytes besides: it may be half a character.
func likely(text string, p float64) alternative {
	a := alternative{Token: text, Logprob: p, Bytes: make([]int, len(text))}
	for i := range len(text) {
		a.Bytes[i] = int(text[i])
	}
	return a
}
