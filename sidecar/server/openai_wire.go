package server

import (
	"aprm/prm/step"
)

// The OpenAI dialect's answers, as its API reference gives them for chat completions.
type (
	openAICompletion struct {
		ID      string         `json:"id"`
		Object  string         `json:"object"`
		Created int64          `json:"created"`
		Model   string         `json:"model"`
		Choices []openAIChoice `json:"choices"`
		Usage   openAIUsage    `json:"usage"`
		PRM     *report        `json:"prm,omitempty"`
	}
	openAIChoice struct {
		Index        int             `json:"index"`
		Message      openAIMessage   `json:"message"`
		Logprobs     *openAILogprobs `json:"logprobs"`
		FinishReason string          `json:"finish_reason"`
	}
	openAIMessage struct {
		Role      string `json:"role"`
		Content   string `json:"content"`
		Reasoning string `json:"reasoning_content,omitempty"` // as vLLM, llama-server and DeepSeek call it
	}
	openAIChunk struct {
		ID      string              `json:"id"`
		Object  string              `json:"object"`
		Created int64               `json:"created"`
		Model   string              `json:"model"`
		Choices []openAIChunkChoice `json:"choices"`
		Usage   optional            `json:"usage,omitzero"`
		PRM     *report             `json:"prm,omitempty"`
	}
	openAIChunkChoice struct {
		Index        int             `json:"index"`
		Delta        openAIDelta     `json:"delta"`
		Logprobs     *openAILogprobs `json:"logprobs"`
		FinishReason *string         `json:"finish_reason"`
	}
	openAIDelta struct {
		Role      string  `json:"role,omitempty"`
		Content   *string `json:"content,omitempty"`
		Reasoning string  `json:"reasoning_content,omitempty"`
	}
	openAIUsage struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
	openAILogprobs struct {
		Content []openAILogprob `json:"content"`
	}
	openAILogprob struct {
		openAIAlternative
		Top []openAIAlternative `json:"top_logprobs"`
	}
	openAIAlternative struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Bytes   []int   `json:"bytes"`
	}
)

// optional is a usage that is absent, null or there: with include_usage every chunk but the last says null.
type optional struct {
	asked bool
	usage *openAIUsage
}

func (o optional) MarshalJSON() ([]byte, error) {
	if o.usage == nil {
		return []byte("null"), nil
	}
	return compact(o.usage), nil
}

func (o optional) IsZero() bool { return !o.asked }

// openAIWire is the wire of /v1/chat/completions.
type openAIWire struct{ includeUsage, logprobs bool }

func (openAIWire) dialect() Dialect { return OpenAI }

func (openAIWire) streamType() string { return "text/event-stream; charset=utf-8" }

func (openAIWire) keepAlive(head) []byte { return []byte(": searching\n\n") }

func (w openAIWire) whole(a answer) []byte {
	return compact(openAICompletion{
		ID: a.id, Object: "chat.completion", Created: a.created.Unix(), Model: a.model,
		Choices: []openAIChoice{{
			Message:      openAIMessage{Role: "assistant", Content: a.text, Reasoning: a.thinking},
			Logprobs:     w.tokens(a.tokens),
			FinishReason: a.finish,
		}},
		Usage: a.openAIUsage(),
		PRM:   a.report,
	})
}

func (w openAIWire) chunk(h head, choices []openAIChunkChoice, usage *openAIUsage, rep *report) []byte {
	return event(compact(openAIChunk{
		ID: h.id, Object: "chat.completion.chunk", Created: h.created.Unix(), Model: h.model,
		Choices: choices, Usage: optional{asked: w.includeUsage, usage: usage}, PRM: rep,
	}))
}

func (w openAIWire) begin(h head) [][]byte {
	empty := ""
	return [][]byte{w.chunk(h, []openAIChunkChoice{{Delta: openAIDelta{Role: "assistant", Content: &empty}}}, nil, nil)}
}

func (w openAIWire) part(h head, p piece) []byte {
	if p.thinking != "" {
		return w.chunk(h, []openAIChunkChoice{{Delta: openAIDelta{Reasoning: p.thinking}}}, nil, nil)
	}
	return w.chunk(h, []openAIChunkChoice{{Delta: openAIDelta{Content: &p.text}, Logprobs: w.tokens(p.tokens)}}, nil, nil)
}

func (w openAIWire) end(a answer) [][]byte {
	chunks := [][]byte{w.chunk(a.head, []openAIChunkChoice{{FinishReason: &a.finish}}, nil, a.report)}
	if w.includeUsage {
		usage := a.openAIUsage()
		chunks = append(chunks, w.chunk(a.head, []openAIChunkChoice{}, &usage, nil))
	}
	return append(chunks, event([]byte("[DONE]")))
}

func (openAIWire) broken(p *problem) [][]byte {
	return [][]byte{event(compact(p.shape(OpenAI))), event([]byte("[DONE]"))}
}

// event is one server-sent event; data has no line breaks.
func event(data []byte) []byte {
	return append(append([]byte("data: "), data...), "\n\n"...)
}

func (a answer) openAIUsage() openAIUsage {
	return openAIUsage{PromptTokens: a.prompt, CompletionTokens: a.completion, TotalTokens: a.prompt + a.completion}
}

// tokens are log-probabilities, null where the client asked for none.
func (w openAIWire) tokens(tokens []step.Token) *openAILogprobs {
	if !w.logprobs {
		return nil
	}
	out := &openAILogprobs{Content: make([]openAILogprob, len(tokens))}
	for i, t := range tokens {
		out.Content[i] = openAILogprob{openAIAlternative: alternative(t.Text, t.LogProb), Top: make([]openAIAlternative, len(t.Top))}
		for j, top := range t.Top {
			out.Content[i].Top[j] = alternative(top.Text, top.LogProb)
		}
	}
	return out
}

func alternative(text string, logprob float64) openAIAlternative {
	return openAIAlternative{Token: text, Logprob: logprob, Bytes: bytesOf(text)}
}

// bytesOf are the bytes of a token as JSON numbers: a token may be half a character.
func bytesOf(text string) []int {
	out := make([]int, len(text))
	for i := range len(text) {
		out[i] = int(text[i])
	}
	return out
}
