package adaptertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Differences says in a line each what a server makes of requests that OpenAI-compatible servers answer differently, of
// its own bytes. root is the server's address without /v1. No request has a seed, of which some builds of vLLM die.
func Differences(t *testing.T, via http.RoundTripper, root, model string) string {
	var out strings.Builder
	for _, ask := range []struct{ name, fields string }{
		{"an answer has the members", pens},
		{"logprobs, top_logprobs 5", pens + `,"logprobs":true,"top_logprobs":5`},
		{"logprobs, top_logprobs 20", pens + `,"logprobs":true,"top_logprobs":20`},
		{"logprobs, top_logprobs 21", pens + `,"logprobs":true,"top_logprobs":21`},
		{"prompt_logprobs 1", pens + `,"prompt_logprobs":1`},
		{"n 3, temperature 1", pens + `,"n":3,"temperature":1`},
		{"a stop string", counting + `,"stop":["four"]`},
		{"no stop string came", counting + `,"stop":["nine"]`},
		{"a trailing assistant message", begun},
		{"with continue_final_message", begun + `,"continue_final_message":true,"add_generation_prompt":false`},
		{"tools, tool_choice required", oneTool},
		{"enable_thinking false", pens + `,"chat_template_kwargs":{"enable_thinking":false}`},
		{"max_tokens 0", pens + `,"max_tokens":0`},
		{"temperature -1", pens + `,"temperature":-1`},
		{"n 0", pens + `,"n":0`},
		{"no messages", `"messages":[]`},
		{"a model that isn't there", pens + `,"model":"nobody"`},
	} {
		body := map[string]json.RawMessage{}
		for _, text := range []string{fmt.Sprintf(`{"model":%q,"temperature":0,"max_tokens":16}`, model), "{" + ask.fields + "}"} {
			if err := json.Unmarshal([]byte(text), &body); err != nil {
				t.Fatal(err)
			}
		}
		data, err := json.Marshal(body) // in the order of its names, so that a cassette knows it
		if err != nil {
			t.Fatal(err)
		}
		status, said := server{via, root}.whole(t, http.MethodPost, "/v1/chat/completions", string(data))
		fmt.Fprintf(&out, "%s: %s\n", ask.name, told(status, said))
	}
	return out.String()
}

const (
	counting = `"messages":[{"role":"user","content":"Count from one to six in words, separated by commas: one, two, three, four, five, six."}]`
	begun    = `"messages":[{"role":"user","content":"Recite the months of the year in order, on one line."},{"role":"assistant","content":"January, February, March, April,"}]`
)

// told is what came, but for what differs from time to time.
func told(status int, said []byte) string {
	var answer map[string]json.RawMessage
	if json.Unmarshal(said, &answer) != nil {
		return fmt.Sprintf("%d, no JSON", status)
	}
	if status != http.StatusOK || answer["choices"] == nil {
		return fmt.Sprintf("%d, %s", status, clip(strings.TrimSpace(string(said)), 200))
	}
	var choices []struct {
		Message  map[string]json.RawMessage `json:"message"`
		Finish   string                     `json:"finish_reason"`
		Stop     json.RawMessage            `json:"stop_reason"`
		Logprobs struct {
			Content []struct {
				Top []json.RawMessage `json:"top_logprobs"`
			} `json:"content"`
		} `json:"logprobs"`
	}
	var usage map[string]json.RawMessage
	if json.Unmarshal(answer["choices"], &choices) != nil || len(choices) == 0 {
		return fmt.Sprintf("%d, choices of another shape", status)
	}
	_ = json.Unmarshal(answer["usage"], &usage) // without usage there are no counts
	one := choices[0]
	parts := []string{fmt.Sprintf("%d", status), "message of " + names(one.Message), "finish_reason " + one.Finish, "stop_reason " + cmp.Or(string(one.Stop), "absent")}
	if tokens := one.Logprobs.Content; len(tokens) > 0 {
		parts = append(parts, fmt.Sprintf("log-probabilities of %d tokens, %d alternatives each", len(tokens), len(tokens[0].Top)))
	}
	var prompt []json.RawMessage
	if json.Unmarshal(answer["prompt_logprobs"], &prompt) == nil && len(prompt) > 0 {
		parts = append(parts, fmt.Sprintf("prompt_logprobs of %d tokens", len(prompt)))
	}
	var text string
	_ = json.Unmarshal(one.Message["content"], &text) // null of a call
	if len(choices) > 1 {
		text = fmt.Sprintf("%d choices", len(choices))
	} else {
		text = fmt.Sprintf("%q", clip(text, 60))
	}
	return strings.Join(append(parts, "prompt_tokens "+string(usage["prompt_tokens"]), "completion_tokens "+string(usage["completion_tokens"]), text), "; ")
}

// names are those of an object's members that aren't null.
func names(object map[string]json.RawMessage) string {
	var all []string
	for name, value := range object {
		if string(value) != "null" && string(value) != "[]" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// clip is the beginning of a text.
func clip(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes]) + "…"
	}
	return text
}
