package dialect

import (
	"encoding/json"
	"fmt"

	"aprm/adapters/wire"
)

// Messages is Anthropic's /v1/messages.
var Messages = Format{Dialect: Anthropic, IDPrefix: "msg_", Raw: anthropicRaw, Read: readAnthropic, Chat: fromAnthropic,
	Wire: func(Ask) Wire { return &anthropicWire{} }}

var anthropicFields = map[string]rule{
	"model": ruleUsed, "messages": ruleUsed, "system": ruleUsed, "max_tokens": ruleUsed, "stop_sequences": ruleUsed, "stream": ruleUsed, "temperature": ruleUsed,
	"top_p": ruleUsed, "prm": ruleUsed, "tools": ruleUsed, "tool_choice": ruleUsed, "seed": ruleUsed,
	"metadata": ruleHarmless, "service_tier": ruleHarmless, "container": ruleHarmless, "thinking": ruleCarried, "output_config": ruleCarried, "top_k": ruleIgnored,
}

func anthropicRaw(o Object) string {
	if v, ok := o.Get("tools"); ok && says(v) {
		return "tools"
	}
	if forbidden, _, _ := classify(o, anthropicFields); forbidden != "" {
		return "field " + PlainWord(forbidden)
	}
	if v, ok := o.Get("output_config"); ok && says(v) && effortOf(v) == "" {
		return "output_config"
	}
	if v, ok := o.Get("system"); ok {
		if why := contentRaw(v, "text"); why != "" {
			return why
		}
	}
	v, _ := o.Get("messages")
	return messagesRaw(v)
}

// effortOf is how hard output_config wants the model to think, in OpenAI's words; "" where it says nothing of it, or
// more.
func effortOf(config json.RawMessage) string {
	var in map[string]json.RawMessage
	var effort string
	if json.Unmarshal(config, &in) != nil || len(in) != 1 || json.Unmarshal(in["effort"], &effort) != nil {
		return ""
	}
	return openAIEffort(effort)
}

// openAIEffort puts Anthropic's word for how hard the model is to think into one that others know.
func openAIEffort(effort string) string {
	if effort == "max" {
		return "high"
	}
	return effort
}

func readAnthropic(o Object) (a Ask, err error) {
	messages, err := ReadMessages(o)
	if err != nil {
		return a, err
	}
	value, _ := o.Get("system")
	system, err := readContent(value, "system")
	if err != nil {
		return a, err
	}
	a.Messages = systemFirst(system, messages...)
	_, a.Carried, a.Ignored = classify(o, anthropicFields)
	if err := o.flag("stream", "stream", &a.Stream); err != nil {
		return a, err
	}
	return a, a.readSampling(o, sampling{temperature: "temperature", topP: "top_p", seed: "seed", stop: "stop_sequences", maxTokens: []string{"max_tokens"}})
}

// fromAnthropic translates what chat completions can do of a request: texts, images, tools and their results.
func fromAnthropic(body []byte) (t Translation, err error) {
	var in struct {
		Model    string          `json:"model"`
		System   json.RawMessage `json:"system"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		MaxTokens   *int     `json:"max_tokens"`
		Stop        []string `json:"stop_sequences"`
		Stream      bool     `json:"stream"`
		Temperature *float64 `json:"temperature"`
		TopP        *float64 `json:"top_p"`
		TopK        *int     `json:"top_k"`
		Tools       []struct {
			Type        string          `json:"type"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"input_schema"`
		} `json:"tools"`
		ToolChoice struct {
			Type string `json:"type"`
			Name string `json:"name"`
		} `json:"tool_choice"`
		Thinking json.RawMessage `json:"thinking"`
		Output   struct {
			Effort string `json:"effort"`
			Format struct {
				Type   string          `json:"type"`
				Schema json.RawMessage `json:"schema"`
			} `json:"format"`
		} `json:"output_config"`
	}
	if err := decodeBody(body, &in); err != nil {
		return t, err
	}
	if len(in.Messages) == 0 {
		return t, BadRequest("messages", "messages is empty: send at least one message")
	}
	r := &t.Request
	*r = wire.Request{Model: in.Model, MaxTokens: in.MaxTokens, Stop: in.Stop, Temperature: in.Temperature, TopP: in.TopP}
	setStream(r, in.Stream)
	if in.TopK != nil {
		r.Extra = with(r.Extra, "top_k", Compact(*in.TopK))
	}
	if think := thinkOf("thinking", in.Thinking); think != nil {
		r.Extra = with(r.Extra, "chat_template_kwargs", Compact(map[string]json.RawMessage{"enable_thinking": think}))
	}
	if in.Output.Effort != "" {
		r.Extra = with(r.Extra, "reasoning_effort", Compact(openAIEffort(in.Output.Effort)))
	}
	switch in.Output.Format.Type {
	case "":
	case "json_schema":
		r.Extra = with(r.Extra, "response_format", Compact(map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": in.Output.Format.Schema}}))
	default:
		return t, lacked("output_config.format.type")
	}
	system, err := contentOf(in.System, "system")
	if err != nil {
		return t, err
	}
	if system != "" {
		r.Messages = append(r.Messages, wire.Turn{Role: "system", Content: system})
	}
	var tools []any
	for i, tool := range in.Tools {
		if tool.Type != "" && tool.Type != "custom" {
			return t, lacked(fmt.Sprintf("tools[%d].type", i))
		}
		tools = append(tools, functionTool(tool.Name, tool.Description, tool.Schema))
	}
	if tools != nil {
		r.Tools = Compact(tools)
		switch in.ToolChoice.Type {
		case "auto", "none":
			r.ToolChoice = Compact(in.ToolChoice.Type)
		case "any":
			r.ToolChoice = Compact("required")
		case "tool":
			r.ToolChoice = chosenTool(in.ToolChoice.Name)
		}
	}
	for i, m := range in.Messages {
		if err := addAnthropic(r, m.Role, m.Content, fmt.Sprintf("messages[%d].content", i)); err != nil {
			return t, err
		}
	}
	return t, nil
}

// addAnthropic adds a message, whose uses of tools and their results are turns of their own in chat completions.
func addAnthropic(r *wire.Request, role string, content json.RawMessage, at string) error {
	var blocks []json.RawMessage
	if json.Unmarshal(content, &blocks) != nil {
		plain, err := contentOf(content, at)
		r.Messages = append(r.Messages, wire.Turn{Role: role, Content: plain})
		return err
	}
	var rest []json.RawMessage
	var calls []wire.ToolCall
	for i, block := range blocks {
		var b struct {
			Type    string          `json:"type"`
			ID      string          `json:"id"`
			Name    string          `json:"name"`
			Input   json.RawMessage `json:"input"`
			Use     string          `json:"tool_use_id"`
			Content json.RawMessage `json:"content"`
		}
		if json.Unmarshal(block, &b) != nil {
			return BadRequest(fmt.Sprintf("%s[%d]", at, i), "%s[%d] must be an object with a type", at, i)
		}
		switch b.Type {
		case "tool_use":
			arguments := string(b.Input)
			if !says(b.Input) {
				arguments = "{}"
			}
			calls = append(calls, wire.ToolCall{Index: len(calls), ID: b.ID, Type: "function", Function: wire.Function{Name: b.Name, Arguments: arguments}})
		case "tool_result":
			said, err := contentOf(b.Content, fmt.Sprintf("%s[%d].content", at, i))
			if err != nil {
				return err
			}
			r.Messages = append(r.Messages, wire.Turn{Role: "tool", Content: said, ToolCallID: b.Use})
		default:
			rest = append(rest, block)
		}
	}
	if len(rest) == 0 && len(calls) == 0 {
		return nil
	}
	said, err := contentOf(Compact(rest), at)
	if rest == nil {
		said, err = "", nil
	}
	r.Messages = append(r.Messages, wire.Turn{Role: role, Content: said, ToolCalls: calls})
	return err
}

// Anthropic's answers, as its API reference gives them.
type (
	anthropicMessage struct {
		ID           string         `json:"id"`
		Type         string         `json:"type"`
		Role         string         `json:"role"`
		Model        string         `json:"model"`
		Content      []any          `json:"content"`
		StopReason   *string        `json:"stop_reason"`
		StopSequence *string        `json:"stop_sequence"`
		Usage        anthropicUsage `json:"usage"`
		PRM          any            `json:"prm,omitempty"`
	}
	anthropicUsage struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
	}
	textBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	thinkingBlock struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
	}
	useBlock struct {
		Type  string          `json:"type"`
		ID    string          `json:"id"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	}
)

func useOf(c wire.ToolCall, i int) useBlock {
	return useBlock{"tool_use", callID(c, i), c.Function.Name, json.RawMessage(c.Function.Arguments)}
}

// stopped is Anthropic's word for how an answer ended, and the stop string that ended it.
func stopped(a Answer) (reason, sequence *string) {
	word := map[string]string{"length": "max_tokens", "tool_calls": "tool_use"}[a.Finish]
	switch {
	case a.Stop != "":
		word = "stop_sequence"
	case word == "":
		word = "end_turn"
	}
	return &word, orNull(a.Stop)
}

// anthropicWire is the wire of /v1/messages. In a stream a block of content is open until one of another kind begins.
type anthropicWire struct {
	index int    // of the block that is open or comes next
	open  string // its kind, "" for none
}

func (*anthropicWire) StreamType() string { return eventStream }

func (*anthropicWire) Alive(Head) [][]byte {
	return [][]byte{event("ping", map[string]string{"type": "ping"})}
}

func (*anthropicWire) Whole(a Answer) []byte {
	m := anthropicMessage{ID: a.ID, Type: "message", Role: "assistant", Model: a.Model, Content: []any{}, Usage: anthropicUsage{a.Prompt, a.Completion}, PRM: a.Report}
	m.StopReason, m.StopSequence = stopped(a)
	if a.Thinking != "" {
		m.Content = append(m.Content, thinkingBlock{Type: "thinking", Thinking: a.Thinking})
	}
	if a.Text != "" || len(a.Calls) == 0 {
		m.Content = append(m.Content, textBlock{"text", a.Text})
	}
	for i, c := range a.Calls {
		m.Content = append(m.Content, useOf(c, i))
	}
	return Compact(m)
}

func (*anthropicWire) Begin(h Head) [][]byte {
	m := anthropicMessage{ID: h.ID, Type: "message", Role: "assistant", Model: h.Model, Content: []any{}}
	return [][]byte{event("message_start", map[string]any{"type": "message_start", "message": m})}
}

func (w *anthropicWire) Part(h Head, p Piece) [][]byte {
	var out [][]byte
	if p.Thinking != "" {
		out = append(out, w.begin("thinking", thinkingBlock{Type: "thinking"})...)
		out = append(out, w.delta(map[string]string{"type": "thinking_delta", "thinking": p.Thinking}))
	}
	if p.Text != "" {
		out = append(out, w.begin("text", textBlock{Type: "text"})...)
		out = append(out, w.delta(map[string]string{"type": "text_delta", "text": p.Text}))
	}
	for i, c := range p.Calls {
		use := useOf(c, i)
		use.Input = json.RawMessage("{}")
		out = append(out, w.close()...)
		out = append(out, w.begin("tool_use", use)...)
		out = append(out, w.delta(map[string]string{"type": "input_json_delta", "partial_json": c.Function.Arguments}))
		out = append(out, w.close()...)
	}
	return out
}

func (w *anthropicWire) begin(kind string, block any) [][]byte {
	if w.open == kind {
		return nil
	}
	out := w.close()
	w.open = kind
	return append(out, event("content_block_start", map[string]any{"type": "content_block_start", "index": w.index, "content_block": block}))
}

func (w *anthropicWire) delta(d any) []byte {
	return event("content_block_delta", map[string]any{"type": "content_block_delta", "index": w.index, "delta": d})
}

func (w *anthropicWire) close() [][]byte {
	if w.open == "" {
		return nil
	}
	w.open = ""
	w.index++
	return [][]byte{event("content_block_stop", map[string]any{"type": "content_block_stop", "index": w.index - 1})}
}

func (w *anthropicWire) End(a Answer) [][]byte {
	reason, sequence := stopped(a)
	end := map[string]any{"type": "message_delta", "delta": map[string]*string{"stop_reason": reason, "stop_sequence": sequence}, "usage": anthropicUsage{a.Prompt, a.Completion}}
	if a.Report != nil {
		end["prm"] = a.Report
	}
	return append(w.close(), event("message_delta", end), event("message_stop", map[string]string{"type": "message_stop"}))
}

func (*anthropicWire) Broken(p *Problem) [][]byte {
	return [][]byte{event("error", p.Shape(Anthropic))}
}
