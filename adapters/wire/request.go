package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Request asks for chat completions. What is zero isn't sent; a pointer to zero is.
type Request struct {
	Model            string          `json:"model"`
	Messages         []Turn          `json:"messages"`
	Stream           bool            `json:"stream"`
	StreamOptions    *StreamOptions  `json:"stream_options,omitempty"`
	Tools            json.RawMessage `json:"tools,omitempty"`
	ToolChoice       json.RawMessage `json:"tool_choice,omitempty"`
	ResponseFormat   any             `json:"response_format,omitempty"`
	N                int             `json:"n,omitempty"`
	MaxTokens        *int            `json:"max_tokens,omitempty"`
	MaxCompletion    *int            `json:"max_completion_tokens,omitempty"` // OpenAI's own newer models take no other
	Temperature      *float64        `json:"temperature,omitempty"`
	TopP             *float64        `json:"top_p,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	Seed             *int64          `json:"seed,omitempty"`
	Stop             []string        `json:"stop,omitempty"`
	Logprobs         bool            `json:"logprobs,omitempty"`
	TopLogprobs      int             `json:"top_logprobs,omitempty"`
	ReasoningEffort  string          `json:"reasoning_effort,omitempty"`

	Extra map[string]json.RawMessage `json:"-"` // members beside those above, which win
}

type (
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
		Continuous   bool `json:"continuous_usage_stats,omitempty"` // vLLM counts as it goes
	}
	Turn struct {
		Role       string     `json:"role"`
		Content    any        `json:"content"` // string or parts
		ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
		ToolCallID string     `json:"tool_call_id,omitempty"`
	}
	ToolCall struct {
		Index    int      `json:"index"`
		ID       string   `json:"id,omitempty"`
		Type     string   `json:"type,omitempty"`
		Function Function `json:"function"`
	}
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"` // JSON
	}
)

// MarshalJSON implements json.Marshaler: Extra's members stand beside the others.
func (r Request) MarshalJSON() ([]byte, error) {
	type plain Request
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // text of a conversation is not HTML
	if err := enc.Encode(plain(r)); err != nil || len(r.Extra) == 0 {
		return out.Bytes(), err
	}
	var own map[string]json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &own); err != nil {
		return nil, err
	}
	out.Truncate(bytes.LastIndexByte(out.Bytes(), '}'))
	for _, name := range slices.Sorted(maps.Keys(r.Extra)) {
		if own[name] == nil {
			fmt.Fprintf(&out, ",%q:%s", name, r.Extra[name])
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
