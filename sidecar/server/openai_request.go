package server

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"aprm/adapters"
)

// openAIFields are the fields of a chat completion request that a search can live with.
var openAIFields = map[string]fieldRule{
	"model": fieldUsed, "messages": fieldUsed, "stream": fieldUsed, "stream_options": fieldUsed, "temperature": fieldUsed,
	"top_p": fieldUsed, "max_tokens": fieldUsed, "max_completion_tokens": fieldUsed, "seed": fieldUsed, "stop": fieldUsed,
	"n": fieldUsed, "logprobs": fieldUsed, "top_logprobs": fieldUsed, "prm": fieldUsed, "response_format": fieldUsed,
	"tools": fieldUsed, "tool_choice": fieldUsed,
	"user": fieldHarmless, "metadata": fieldHarmless, "store": fieldHarmless, "service_tier": fieldHarmless,
	"safety_identifier": fieldHarmless, "prompt_cache_key": fieldHarmless, "parallel_tool_calls": fieldHarmless,
	"cache_prompt": fieldHarmless, "keep_alive": fieldHarmless,
	"frequency_penalty": fieldIgnored, "presence_penalty": fieldIgnored, "top_k": fieldIgnored, "min_p": fieldIgnored,
	"repeat_penalty": fieldIgnored, "repetition_penalty": fieldIgnored,
}

// openAIRaw tells why a chat completion request is not for a search; "" when it may be one.
func openAIRaw(o object) string {
	if v, ok := o.get("tools"); ok && !saysNothing(v) {
		return "tools"
	}
	if v, ok := o.get("tool_choice"); ok && string(v) != `"none"` && string(v) != `"auto"` {
		return "tools"
	}
	if v, ok := o.get("response_format"); ok {
		var format struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(v, &format) != nil || format.Type != "text" {
			return "response_format"
		}
	}
	if v, ok := o.get("n"); ok && string(v) != "1" {
		return "n"
	}
	if forbidden, _ := classify(o, openAIFields); forbidden != "" {
		return "field " + plainWord(forbidden)
	}
	v, _ := o.get("messages")
	return messagesRaw(v)
}

// messagesRaw tells why a conversation is not for a search. What is not a list of messages at all is no reason: reading
// it will say what is wrong with it.
func messagesRaw(value json.RawMessage) string {
	var messages []struct {
		Role         string          `json:"role"`
		Content      json.RawMessage `json:"content"`
		ToolCalls    json.RawMessage `json:"tool_calls"`
		FunctionCall json.RawMessage `json:"function_call"`
		Images       json.RawMessage `json:"images"` // Ollama
	}
	if json.Unmarshal(value, &messages) != nil || len(messages) == 0 {
		return ""
	}
	for _, m := range messages {
		switch {
		case m.Role == "tool" || m.Role == "function" || says(m.ToolCalls) || says(m.FunctionCall):
			return "tools"
		case says(m.Images):
			return "images"
		}
		var parts []struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(m.Content, &parts) == nil {
			for _, p := range parts {
				if p.Type != "text" {
					return "content part " + plainWord(p.Type)
				}
			}
		}
	}
	if messages[len(messages)-1].Role == string(adapters.Assistant) {
		return "prefill" // the client wants its own beginning continued
	}
	return ""
}

func says(value json.RawMessage) bool { return len(value) > 0 && !saysNothing(value) }

// readOpenAI reads a chat completion request for a search; openAIRaw has found nothing against one.
func readOpenAI(o object) (a ask, err error) {
	if a.messages, err = readMessages(o); err != nil {
		return a, err
	}
	var streamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	}
	var temperature, topP *float64
	var maxTokens, maxCompletion *whole
	for _, field := range []struct {
		key  string
		into any
		want string
	}{
		{"stream", &a.stream, "true or false"},
		{"stream_options", &streamOptions, "an object such as {\"include_usage\":true}"},
		{"temperature", &temperature, "a number from 0 to 2"},
		{"top_p", &topP, "a number from 0 to 1"},
		{"max_tokens", &maxTokens, "a whole number above 0"},
		{"max_completion_tokens", &maxCompletion, "a whole number above 0"},
		{"seed", &a.seed, "a whole number"},
		{"logprobs", &a.logprobs, "true or false"},
		{"top_logprobs", &a.topLogprobs, "a whole number from 0 to 20"},
	} {
		if err := o.read(field.key, field.into, field.want); err != nil {
			return a, err
		}
	}
	a.includeUsage = streamOptions.IncludeUsage
	if a.temperature, err = within("temperature", temperature, 2); err != nil {
		return a, err
	}
	if a.topP, err = within("top_p", topP, 1); err != nil {
		return a, err
	}
	for _, limit := range []struct {
		param string
		value *whole
	}{{"max_tokens", maxTokens}, {"max_completion_tokens", maxCompletion}} {
		if limit.value == nil {
			continue
		}
		if *limit.value < 1 {
			return a, badRequest(limit.param, "%s must be a whole number above 0", limit.param)
		}
		a.maxTokens = int(*limit.value)
	}
	if a.topLogprobs < 0 || a.topLogprobs > 20 {
		return a, badRequest("top_logprobs", "top_logprobs must be a whole number from 0 to 20")
	}
	if a.topLogprobs > 0 && !a.logprobs {
		return a, badRequest("top_logprobs", "top_logprobs needs logprobs to be true")
	}
	stop, _ := o.get("stop")
	if a.stop, err = stops(stop, "stop"); err != nil {
		return a, err
	}
	_, a.ignored = classify(o, openAIFields)
	a.ignored = append(a.ignored, zeros(temperature, topP)...)
	return a, nil
}

// zeros names what of a client's sampling the search doesn't carry though it has the field: at 0 all candidates would be alike.
func zeros(temperature, topP *float64) (names []string) {
	if temperature != nil && *temperature == 0 {
		names = append(names, "temperature")
	}
	if topP != nil && *topP == 0 {
		names = append(names, "top_p")
	}
	return names
}

func within(param string, v *float64, high float64) (float64, error) {
	if v == nil {
		return 0, nil
	}
	switch {
	case *v >= 0 && *v <= high:
		return *v, nil
	case math.IsInf(high, 1):
		return 0, badRequest(param, "%s must be a number of 0 or more", param)
	}
	return 0, badRequest(param, "%s must be a number from 0 to %g", param, high)
}

// readMessages reads a conversation: contents are strings or lists of text parts.
func readMessages(o object) ([]adapters.Message, error) {
	value, ok := o.get("messages")
	if !ok {
		return nil, badRequest("messages", "messages is missing: send a list such as [{\"role\":\"user\",\"content\":\"…\"}]")
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, badRequest("messages", "messages must be a list")
	}
	if len(list) == 0 {
		return nil, badRequest("messages", "messages is empty: send at least one message")
	}
	messages := make([]adapters.Message, len(list))
	for i, raw := range list {
		var m struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}
		at := fmt.Sprintf("messages[%d]", i)
		if json.Unmarshal(raw, &m) != nil {
			return nil, badRequest(at, "%s must be an object with role and content", at)
		}
		switch role := strings.ToLower(m.Role); role {
		case "system", "developer":
			messages[i].Role = adapters.System
		case "user", "assistant":
			messages[i].Role = adapters.Role(role)
		default:
			return nil, badRequest(at+".role", "%s.role %q is not one of system, developer, user, assistant, tool", at, m.Role)
		}
		text, err := readContent(m.Content, at+".content")
		if err != nil {
			return nil, err
		}
		messages[i].Content = text
	}
	return messages, nil
}

func readContent(value json.RawMessage, param string) (string, error) {
	var text string
	if len(value) > 0 && string(value) != "null" && json.Unmarshal(value, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Text *string `json:"text"`
	}
	if json.Unmarshal(value, &parts) != nil || len(parts) == 0 {
		return "", badRequest(param, "%s must be a string or a list of text parts", param)
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		if p.Text == nil {
			return "", badRequest(fmt.Sprintf("%s[%d].text", param, i), "%s[%d].text must be a string", param, i)
		}
		texts[i] = *p.Text
	}
	return strings.Join(texts, "\n"), nil
}
