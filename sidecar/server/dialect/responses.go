package dialect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/adapters/wire"
)

// Responses is OpenAI's /v1/responses.
var Responses = Format{Dialect: OpenAI, IDPrefix: "resp_", Raw: responsesRaw, Read: readResponses, Chat: fromResponses,
	Wire: func(Ask) Wire { return &responsesWire{} }}

var responsesFields = map[string]rule{
	"model": ruleUsed, "input": ruleUsed, "instructions": ruleUsed, "stream": ruleUsed, "temperature": ruleUsed, "top_p": ruleUsed, "max_output_tokens": ruleUsed,
	"tools": ruleUsed, "tool_choice": ruleUsed, "text": ruleUsed, "prm": ruleUsed, "seed": ruleUsed, "background": ruleFlag,
	"user": ruleHarmless, "metadata": ruleHarmless, "store": ruleHarmless, "service_tier": ruleHarmless, "truncation": ruleHarmless, "parallel_tool_calls": ruleHarmless,
	"safety_identifier": ruleHarmless, "prompt_cache_key": ruleHarmless, "prompt_cache_retention": ruleHarmless, "include": ruleHarmless, "stream_options": ruleHarmless,
	"reasoning": ruleCarried, "chat_template_kwargs": ruleCarried, "top_logprobs": ruleIgnored,
}

func responsesRaw(o Object) string {
	if v, ok := o.Get("tools"); ok && says(v) {
		return "tools"
	}
	if v, ok := o.Get("tool_choice"); ok && string(v) != `"none"` && string(v) != `"auto"` {
		return "tools"
	}
	if v, ok := o.Get("text"); ok {
		var text struct {
			Format *struct {
				Type string `json:"type"`
			} `json:"format"`
		}
		if json.Unmarshal(v, &text) != nil || text.Format != nil && text.Format.Type != "text" {
			return "text.format"
		}
	}
	if forbidden, _, _ := classify(o, responsesFields); forbidden != "" {
		return "field " + PlainWord(forbidden)
	}
	v, _ := o.Get("input")
	var items []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(v, &items) == nil {
		for _, item := range items {
			if item.Type != "" && item.Type != "message" {
				return "item " + PlainWord(item.Type)
			}
		}
	}
	return messagesRaw(v)
}

func readResponses(o Object) (a Ask, err error) {
	var instructions string
	if err := o.Read("instructions", &instructions, "a string"); err != nil {
		return a, err
	}
	input, ok := o.Get("input")
	if !ok {
		return a, BadRequest("input", "input is missing: send a string or a list of messages")
	}
	var text string
	if json.Unmarshal(input, &text) == nil {
		a.Messages = systemFirst(instructions, adapters.Message{Role: adapters.User, Content: text})
	} else {
		messages, err := readMessages(o, "input")
		if err != nil {
			return a, err
		}
		a.Messages = systemFirst(instructions, messages...)
	}
	_, a.Carried, a.Ignored = classify(o, responsesFields)
	if v := a.Carried["reasoning"]; v != nil { // chat completions have its effort alone
		delete(a.Carried, "reasoning")
		var reasoning struct {
			Effort string `json:"effort"`
		}
		if json.Unmarshal(v, &reasoning) == nil && reasoning.Effort != "" {
			a.Carried["reasoning_effort"] = Compact(reasoning.Effort)
		}
	}
	if err := o.flag("stream", "stream", &a.Stream); err != nil {
		return a, err
	}
	return a, a.readSampling(o, sampling{temperature: "temperature", topP: "top_p", seed: "seed", maxTokens: []string{"max_output_tokens"}})
}

// fromResponses translates what chat completions can do of a request: messages with text and images, functions and
// their results, a JSON schema.
func fromResponses(body []byte) (t Translation, err error) {
	var in struct {
		Model        string          `json:"model"`
		Input        json.RawMessage `json:"input"`
		Instructions string          `json:"instructions"`
		Stream       bool            `json:"stream"`
		Temperature  *float64        `json:"temperature"`
		TopP         *float64        `json:"top_p"`
		MaxTokens    *int            `json:"max_output_tokens"`
		Previous     string          `json:"previous_response_id"`
		Conversation json.RawMessage `json:"conversation"`
		Background   bool            `json:"background"`
		Tools        []struct {
			Type        string          `json:"type"`
			Name        string          `json:"name"`
			Description string          `json:"description,omitempty"`
			Parameters  json.RawMessage `json:"parameters,omitempty"`
			Strict      *bool           `json:"strict,omitempty"`
		} `json:"tools"`
		ToolChoice json.RawMessage `json:"tool_choice"`
		Reasoning  struct {
			Effort string `json:"effort"`
		} `json:"reasoning"`
		Text struct {
			Format struct {
				Type   string          `json:"type"`
				Name   string          `json:"name"`
				Schema json.RawMessage `json:"schema"`
			} `json:"format"`
		} `json:"text"`
	}
	if err := decodeBody(body, &in); err != nil {
		return t, err
	}
	for _, field := range []struct {
		name string
		set  bool
	}{{"previous_response_id", in.Previous != ""}, {"conversation", says(in.Conversation)}, {"background", in.Background}} {
		if field.set {
			return t, lacked(field.name)
		}
	}
	r := &t.Request
	*r = wire.Request{Model: in.Model, Temperature: in.Temperature, TopP: in.TopP, MaxTokens: in.MaxTokens, ReasoningEffort: in.Reasoning.Effort}
	setStream(r, in.Stream)
	switch in.Text.Format.Type {
	case "json_schema":
		r.ResponseFormat = jsonSchema(in.Text.Format.Name, in.Text.Format.Schema)
	case "json_object":
		r.ResponseFormat = map[string]string{"type": "json_object"}
	}
	var tools []any
	for i, tool := range in.Tools {
		if tool.Type != "function" {
			return t, lacked(fmt.Sprintf("tools[%d].type", i))
		}
		tools = append(tools, functionTool(tool.Name, tool.Description, tool.Parameters))
	}
	if tools != nil {
		r.Tools = Compact(tools)
	}
	if says(in.ToolChoice) && tools != nil {
		r.ToolChoice = in.ToolChoice
		var named struct {
			Type string `json:"type"`
			Name string `json:"name"`
		}
		if json.Unmarshal(in.ToolChoice, &named) == nil && named.Type == "function" {
			r.ToolChoice = chosenTool(named.Name)
		}
	}
	if in.Instructions != "" {
		r.Messages = append(r.Messages, wire.Turn{Role: "system", Content: in.Instructions})
	}
	var text string
	if json.Unmarshal(in.Input, &text) == nil {
		r.Messages = append(r.Messages, wire.Turn{Role: "user", Content: text})
		return t, nil
	}
	var items []struct {
		Type      string          `json:"type"`
		Role      string          `json:"role"`
		Content   json.RawMessage `json:"content"`
		CallID    string          `json:"call_id"`
		Name      string          `json:"name"`
		Arguments string          `json:"arguments"`
		Output    json.RawMessage `json:"output"`
	}
	if json.Unmarshal(in.Input, &items) != nil || len(items) == 0 {
		return t, BadRequest("input", "input must be a string or a list of items, at least one")
	}
	for i, item := range items {
		at := fmt.Sprintf("input[%d]", i)
		switch item.Type {
		case "", "message":
			content, err := contentOf(item.Content, at+".content")
			if err != nil {
				return t, err
			}
			role := item.Role
			if role == "developer" {
				role = "system"
			}
			r.Messages = append(r.Messages, wire.Turn{Role: role, Content: content})
		case "function_call":
			addCall(r, wire.ToolCall{ID: item.CallID, Type: "function", Function: wire.Function{Name: item.Name, Arguments: item.Arguments}})
		case "function_call_output":
			content, err := contentOf(item.Output, at+".output")
			if err != nil {
				return t, err
			}
			r.Messages = append(r.Messages, wire.Turn{Role: "tool", Content: content, ToolCallID: item.CallID})
		case "reasoning": // a model's own thoughts of earlier turns are not read again
		default:
			return t, lacked(at + ".type")
		}
	}
	return t, nil
}

// lacked is the problem of what an upstream would need the route itself for.
func lacked(param string) *Problem {
	return &Problem{Status: 501, Kind: Invalid, Param: param, Message: param + " is not translated: the upstream has chat completions only"}
}

func functionTool(name, description string, parameters json.RawMessage) any {
	function := map[string]any{"name": name}
	if description != "" {
		function["description"] = description
	}
	if says(parameters) {
		function["parameters"] = parameters
	}
	return map[string]any{"type": "function", "function": function}
}

func chosenTool(name string) json.RawMessage {
	return Compact(map[string]any{"type": "function", "function": map[string]string{"name": name}})
}

// addCall adds a tool call to the assistant's turn that it belongs to.
func addCall(r *wire.Request, call wire.ToolCall) {
	if n := len(r.Messages); n > 0 && r.Messages[n-1].Role == "assistant" {
		last := &r.Messages[n-1]
		call.Index = len(last.ToolCalls)
		last.ToolCalls = append(last.ToolCalls, call)
		return
	}
	r.Messages = append(r.Messages, wire.Turn{Role: "assistant", Content: "", ToolCalls: []wire.ToolCall{call}})
}

// contentOf translates a content of Responses' or Anthropic's: a text, or parts with texts and images.
func contentOf(value json.RawMessage, param string) (any, error) {
	var text string
	if !says(value) || json.Unmarshal(value, &text) == nil {
		return text, nil
	}
	var list []struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Refusal  string          `json:"refusal"`
		ImageURL json.RawMessage `json:"image_url"`
		Source   struct {
			Type  string `json:"type"`
			Media string `json:"media_type"`
			Data  string `json:"data"`
			URL   string `json:"url"`
		} `json:"source"`
	}
	if json.Unmarshal(value, &list) != nil {
		return nil, BadRequest(param, "%s must be a string or a list of parts", param)
	}
	var parts []any
	var texts []string
	for i, p := range list {
		switch p.Type {
		case "text", "input_text", "output_text":
			texts = append(texts, p.Text)
			parts = append(parts, textPart(p.Text))
		case "refusal":
			texts = append(texts, p.Refusal)
			parts = append(parts, textPart(p.Refusal))
		case "input_image":
			var url string
			if json.Unmarshal(p.ImageURL, &url) != nil || url == "" {
				return nil, lacked(fmt.Sprintf("%s[%d]", param, i))
			}
			parts = append(parts, imagePart(url))
		case "image":
			url := p.Source.URL
			if p.Source.Type == "base64" {
				url = "data:" + p.Source.Media + ";base64," + p.Source.Data
			}
			parts = append(parts, imagePart(url))
		case "thinking", "redacted_thinking":
		case "":
			at := fmt.Sprintf("%s[%d]", param, i)
			return nil, BadRequest(at, "%s must be an object with a type, such as {\"type\":\"text\",\"text\":\"…\"}", at)
		default:
			return nil, lacked(fmt.Sprintf("%s[%d].type", param, i))
		}
	}
	if len(texts) == len(parts) { // every server takes a text
		return strings.Join(texts, "\n"), nil
	}
	return parts, nil
}

// The answers of /v1/responses, as OpenAI's API reference gives them.
type (
	response struct {
		ID         string          `json:"id"`
		Object     string          `json:"object"`
		CreatedAt  int64           `json:"created_at"`
		Status     string          `json:"status"`
		Background bool            `json:"background"`
		Error      *responseError  `json:"error"`
		Incomplete *reason         `json:"incomplete_details"`
		Model      string          `json:"model"`
		Output     []any           `json:"output"`
		Usage      *responsesUsage `json:"usage"`
		PRM        any             `json:"prm,omitempty"`

		// What a request may have said of itself and clients' types want to see again.
		Instructions *string        `json:"instructions"`
		Metadata     map[string]any `json:"metadata"`
		Parallel     bool           `json:"parallel_tool_calls"`
		ToolChoice   string         `json:"tool_choice"`
		Tools        []any          `json:"tools"`
		Temperature  *float64       `json:"temperature"`
		TopP         *float64       `json:"top_p"`
	}
	reason struct {
		Reason string `json:"reason"`
	}
	responseError struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	responsesUsage struct {
		Input   int `json:"input_tokens"`
		Details struct {
			Cached int `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		Output        int `json:"output_tokens"`
		OutputDetails struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
		Total int `json:"total_tokens"`
	}
	messageItem struct {
		ID      string       `json:"id"`
		Type    string       `json:"type"`
		Status  string       `json:"status"`
		Role    string       `json:"role"`
		Content []outputText `json:"content"`
	}
	outputText struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		Annotations []any  `json:"annotations"`
		Logprobs    []any  `json:"logprobs"`
	}
	reasoningItem struct {
		ID      string        `json:"id"`
		Type    string        `json:"type"`
		Summary []summaryText `json:"summary"`
	}
	summaryText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	callItem struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status"`
		CallID    string `json:"call_id"`
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	}
)

func responseOf(h Head, status string, output []any) response {
	return response{ID: h.ID, Object: "response", CreatedAt: h.Created.Unix(), Status: status, Model: h.Model, Output: output,
		Metadata: map[string]any{}, Parallel: true, ToolChoice: "auto", Tools: []any{}}
}

// finished is the whole response of an answer.
func finished(a Answer, output []any) response {
	r := responseOf(a.Head, "completed", output)
	if a.Finish == "length" {
		r.Status, r.Incomplete = "incomplete", &reason{"max_output_tokens"}
	}
	r.Usage = &responsesUsage{Input: a.Prompt, Output: a.Completion, Total: a.Prompt + a.Completion}
	r.PRM = a.Report
	return r
}

func textOf(text string) outputText {
	return outputText{Type: "output_text", Text: text, Annotations: []any{}, Logprobs: []any{}}
}

func messageOf(h Head, status, text string) messageItem {
	item := messageItem{ID: "msg_" + h.ID, Type: "message", Status: status, Role: "assistant", Content: []outputText{}}
	if status != "in_progress" {
		item.Content = []outputText{textOf(text)}
	}
	return item
}

func thoughtsOf(h Head, text string) reasoningItem {
	item := reasoningItem{ID: "rs_" + h.ID, Type: "reasoning", Summary: []summaryText{}}
	if text != "" {
		item.Summary = []summaryText{{"summary_text", text}}
	}
	return item
}

func callOf(h Head, c wire.ToolCall, i int) callItem {
	return callItem{ID: fmt.Sprintf("fc_%s_%d", h.ID, i), Type: "function_call", Status: "completed", CallID: callID(c, i), Name: c.Function.Name, Arguments: c.Function.Arguments}
}

func callID(c wire.ToolCall, i int) string {
	if c.ID == "" {
		return fmt.Sprintf("call_%d", i)
	}
	return c.ID
}

// responsesWire is the wire of /v1/responses. In a stream an item is open until one of another kind begins: thoughts,
// then the message, then calls.
type responsesWire struct {
	number int // of the next event
	output []any
	open   string // the kind of item that is open, "" for none
	text   strings.Builder
}

func (*responsesWire) StreamType() string { return eventStream }

func (*responsesWire) Alive(Head) [][]byte { return comment() }

func (w *responsesWire) Whole(a Answer) []byte {
	output := []any{}
	if a.Thinking != "" {
		output = append(output, thoughtsOf(a.Head, a.Thinking))
	}
	if a.Text != "" || len(a.Calls) == 0 {
		output = append(output, messageOf(a.Head, "completed", a.Text))
	}
	for i, c := range a.Calls {
		output = append(output, callOf(a.Head, c, i))
	}
	return Compact(finished(a, output))
}

// event is one of a kind, with its number and members.
func (w *responsesWire) event(kind string, members map[string]any) []byte {
	members["type"], members["sequence_number"] = kind, w.number
	w.number++
	return event(kind, members)
}

func (w *responsesWire) Begin(h Head) [][]byte {
	return [][]byte{w.event("response.created", map[string]any{"response": responseOf(h, "in_progress", []any{})}),
		w.event("response.in_progress", map[string]any{"response": responseOf(h, "in_progress", []any{})})}
}

func (w *responsesWire) Part(h Head, p Piece) [][]byte {
	var out [][]byte
	if p.Thinking != "" {
		out = append(out, w.begin(h, "reasoning")...)
		w.text.WriteString(p.Thinking)
		out = append(out, w.event("response.reasoning_summary_text.delta", map[string]any{"item_id": "rs_" + h.ID, "output_index": len(w.output), "summary_index": 0, "delta": p.Thinking}))
	}
	if p.Text != "" {
		out = append(out, w.begin(h, "message")...)
		w.text.WriteString(p.Text)
		out = append(out, w.event("response.output_text.delta", map[string]any{"item_id": "msg_" + h.ID, "output_index": len(w.output), "content_index": 0, "delta": p.Text, "logprobs": []any{}}))
	}
	for i, c := range p.Calls {
		out = append(out, w.close(h)...)
		item := callOf(h, c, i)
		begun := item
		begun.Status, begun.Arguments = "in_progress", ""
		at := len(w.output)
		out = append(out, w.event("response.output_item.added", map[string]any{"output_index": at, "item": begun}),
			w.event("response.function_call_arguments.delta", map[string]any{"item_id": item.ID, "output_index": at, "delta": item.Arguments}),
			w.event("response.function_call_arguments.done", map[string]any{"item_id": item.ID, "output_index": at, "name": item.Name, "arguments": item.Arguments}),
			w.event("response.output_item.done", map[string]any{"output_index": at, "item": item}))
		w.output = append(w.output, item)
	}
	return out
}

// begin opens an item of a kind, if none of it is open.
func (w *responsesWire) begin(h Head, kind string) [][]byte {
	if w.open == kind {
		return nil
	}
	out := w.close(h)
	w.open = kind
	at := len(w.output)
	if kind == "reasoning" {
		return append(out, w.event("response.output_item.added", map[string]any{"output_index": at, "item": thoughtsOf(h, "")}),
			w.event("response.reasoning_summary_part.added", map[string]any{"item_id": "rs_" + h.ID, "output_index": at, "summary_index": 0, "part": summaryText{"summary_text", ""}}))
	}
	return append(out, w.event("response.output_item.added", map[string]any{"output_index": at, "item": messageOf(h, "in_progress", "")}),
		w.event("response.content_part.added", map[string]any{"item_id": "msg_" + h.ID, "output_index": at, "content_index": 0, "part": textOf("")}))
}

// close ends the item that is open.
func (w *responsesWire) close(h Head) [][]byte {
	if w.open == "" {
		return nil
	}
	text, at := w.text.String(), len(w.output)
	defer w.text.Reset()
	kind := w.open
	w.open = ""
	if kind == "reasoning" {
		item := thoughtsOf(h, text)
		w.output = append(w.output, item)
		return [][]byte{w.event("response.reasoning_summary_text.done", map[string]any{"item_id": item.ID, "output_index": at, "summary_index": 0, "text": text}),
			w.event("response.reasoning_summary_part.done", map[string]any{"item_id": item.ID, "output_index": at, "summary_index": 0, "part": item.Summary[0]}),
			w.event("response.output_item.done", map[string]any{"output_index": at, "item": item})}
	}
	item := messageOf(h, "completed", text)
	w.output = append(w.output, item)
	return [][]byte{w.event("response.output_text.done", map[string]any{"item_id": item.ID, "output_index": at, "content_index": 0, "text": text, "logprobs": []any{}}),
		w.event("response.content_part.done", map[string]any{"item_id": item.ID, "output_index": at, "content_index": 0, "part": textOf(text)}),
		w.event("response.output_item.done", map[string]any{"output_index": at, "item": item})}
}

func (w *responsesWire) End(a Answer) [][]byte {
	out := w.close(a.Head)
	kind := "response.completed"
	if a.Finish == "length" {
		kind = "response.incomplete"
	}
	if w.output == nil {
		w.output = []any{}
	}
	return append(out, w.event(kind, map[string]any{"response": finished(a, slices.Clone(w.output))}))
}

func (w *responsesWire) Broken(p *Problem) [][]byte {
	return [][]byte{w.event("error", map[string]any{"code": orNull(p.Code), "message": p.Message, "param": orNull(p.Param)})}
}
