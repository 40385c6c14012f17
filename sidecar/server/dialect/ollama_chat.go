package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/ollama/ollama/api"

	"aprm/adapters/wire"
)

// decodeBody reads a request into a type of the dialect's own.
func decodeBody(body []byte, v any) error {
	if _, err := Parse(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, v)
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "":
		field := strings.TrimPrefix(mistyped.Field, "ChatRequest.") // which is this program's affair
		return BadRequest(field, "%s must be %s, not %s", field, wanted(mistyped.Type), mistyped.Value)
	case err != nil:
		return BadRequest("", "the body is not valid: %v", err)
	}
	return nil
}

// wanted is a type in words.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// fromOllamaChat translates a request of /api/chat. A request without messages loads or unloads a model, which is
// nothing that the upstream needs to be told.
func fromOllamaChat(body []byte) (t Translation, err error) {
	var in struct {
		api.ChatRequest
		Tools json.RawMessage `json:"tools"` // as they are
	}
	if err := decodeBody(body, &in); err != nil {
		return t, err
	}
	if len(in.Messages) == 0 {
		return Translation{Answer: loaded(in.KeepAlive)}, nil
	}
	t.Request = wire.Request{Model: in.Model, Logprobs: in.Logprobs, TopLogprobs: in.TopLogprobs}
	if says(in.Tools) {
		t.Request.Tools = in.Tools
	}
	if t.Request.Messages, err = turns(in.Messages); err != nil {
		return t, err
	}
	return t, completeOllama(&t.Request, in.Stream, in.Format, in.Think, body)
}

// fromOllamaGenerate translates a request of /api/generate into a chat of one turn.
func fromOllamaGenerate(body []byte) (t Translation, err error) {
	var in api.GenerateRequest
	if err := decodeBody(body, &in); err != nil {
		return t, err
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"suffix", in.Suffix != ""}, {"template", in.Template != ""}, {"raw", in.Raw}, {"context", len(in.Context) > 0},
		{"width", in.Width > 0}, {"height", in.Height > 0}, {"steps", in.Steps > 0},
	} {
		if field.set {
			return t, untranslated(field.name, Ollama)
		}
	}
	if in.Prompt == "" && len(in.Images) == 0 {
		return Translation{Answer: loaded(in.KeepAlive)}, nil
	}
	t.Request = wire.Request{Model: in.Model, Logprobs: in.Logprobs, TopLogprobs: in.TopLogprobs}
	var messages []api.Message
	if in.System != "" {
		messages = append(messages, api.Message{Role: "system", Content: in.System})
	}
	messages = append(messages, api.Message{Role: "user", Content: in.Prompt, Images: in.Images})
	if t.Request.Messages, err = turns(messages); err != nil {
		return t, err
	}
	return t, completeOllama(&t.Request, in.Stream, in.Format, in.Think, body)
}

// loaded answers a request to load a model, or to unload it by a keep_alive of 0.
func loaded(keepAlive *api.Duration) *Answer {
	if keepAlive != nil && keepAlive.Duration == 0 {
		return &Answer{Finish: "unload"}
	}
	return &Answer{Finish: "load"}
}

// completeOllama fills in what chat and generate have in common.
func completeOllama(req *wire.Request, stream *bool, format json.RawMessage, think *api.ThinkValue, body []byte) error {
	setStream(req, stream == nil || *stream)
	switch {
	case !says(format):
	case string(format) == `"json"`:
		req.ResponseFormat = map[string]string{"type": "json_object"}
	case format[0] == '{':
		req.ResponseFormat = jsonSchema("format", format)
	default:
		return BadRequest("format", `format must be "json" or a JSON schema`)
	}
	o, err := Parse(body)
	if err != nil {
		return err
	}
	if v, ok := o.Get("think"); ok && think != nil {
		req.Extra = Carry(map[string]json.RawMessage{"think": v}, Ollama, OpenAI)
	}
	value, ok := o.Get("options")
	if !ok {
		return nil
	}
	options, err := Parse(value)
	if err != nil {
		return BadRequest("options", "options must be an object such as {\"temperature\":0.7}")
	}
	for _, field := range []struct {
		key  string
		into **float64
	}{
		{"temperature", &req.Temperature}, {"top_p", &req.TopP}, {"presence_penalty", &req.PresencePenalty}, {"frequency_penalty", &req.FrequencyPenalty},
	} {
		if *field.into, err = options.number(field.key, "options."+field.key); err != nil {
			return err
		}
	}
	most, err := options.number("num_predict", "options.num_predict")
	if err != nil || most != nil && *most != math.Trunc(*most) {
		return BadRequest("options.num_predict", "options.num_predict must be a whole number")
	}
	if most != nil && *most > 0 { // -1 and -2 are Ollama's words for no limit
		n := int(min(*most, math.MaxInt32))
		req.MaxTokens = &n
	}
	if req.Seed, err = options.seed("seed", "options.seed"); err != nil {
		return err
	}
	for _, key := range []string{"top_k", "min_p", "repeat_penalty"} { // vLLM, llama-server and LM Studio take them; see sampleWords
		if v, ok := options.Get(key); ok {
			for _, name := range sampleWords[key] {
				req.Extra = with(req.Extra, name, v)
			}
		}
	}
	stop, _ := options.Get("stop")
	req.Stop, err = stops(stop, "options.stop")
	return err
}

// sampleWords are what OpenAI-compatible servers call Ollama's options that OpenAI's own API doesn't have: llama-server
// and LM Studio as Ollama does, vLLM repetition_penalty. Each reads the name that it knows.
var sampleWords = map[string][]string{"top_k": {"top_k"}, "min_p": {"min_p"}, "repeat_penalty": {"repeat_penalty", "repetition_penalty"}}

func with(fields map[string]json.RawMessage, name string, value json.RawMessage) map[string]json.RawMessage {
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields[name] = bytes.Clone(value)
	return fields
}

func setStream(req *wire.Request, stream bool) {
	if req.Stream = stream; stream {
		req.StreamOptions = &wire.StreamOptions{IncludeUsage: true}
	}
}

func jsonSchema(name string, schema json.RawMessage) any {
	return map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": name, "schema": schema}}
}

// turns translates a conversation. Ollama's tool calls may have no id: then they are numbered, and a tool's answer
// belongs to the first call of its name (of any name, if it has none) that has no answer yet.
func turns(messages []api.Message) ([]wire.Turn, error) {
	type pending struct{ id, name string }
	var open []pending
	numbered := 0
	out := make([]wire.Turn, 0, len(messages))
	for _, m := range messages {
		t := wire.Turn{Role: m.Role, Content: m.Content}
		if len(m.Images) > 0 {
			t.Content = imageParts(m)
		}
		for i, call := range m.ToolCalls {
			arguments, err := json.Marshal(call.Function.Arguments)
			if err != nil {
				return nil, BadRequest("messages", "messages: arguments of tool call %s: %v", call.Function.Name, err)
			}
			id := call.ID
			if id == "" {
				id = fmt.Sprintf("call_%d", numbered)
				numbered++
			}
			open = append(open, pending{id, call.Function.Name})
			t.ToolCalls = append(t.ToolCalls, wire.ToolCall{Index: i, ID: id, Type: "function",
				Function: wire.Function{Name: call.Function.Name, Arguments: string(arguments)}})
		}
		if m.Role == "tool" {
			t.ToolCallID = m.ToolCallID
			for i, p := range open {
				if p.id == m.ToolCallID || (m.ToolCallID == "" && (m.ToolName == "" || m.ToolName == p.name)) {
					t.ToolCallID = p.id
					open = append(open[:i:i], open[i+1:]...)
					break
				}
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// imageParts is a message with images as a list of parts.
func imageParts(m api.Message) []any {
	var parts []any
	if m.Content != "" {
		parts = append(parts, textPart(m.Content))
	}
	for _, img := range m.Images {
		parts = append(parts, imagePart("data:"+imageType(img)+";base64,"+base64.StdEncoding.EncodeToString(img)))
	}
	return parts
}

func textPart(text string) any { return map[string]string{"type": "text", "text": text} }

func imagePart(url string) any {
	return map[string]any{"type": "image_url", "image_url": map[string]string{"url": url}}
}

// imageType tells the kinds of image that models read by their first bytes.
func imageType(data []byte) string {
	for _, kind := range []struct{ begin, name string }{{"\x89PNG\r\n", "image/png"}, {"\xff\xd8\xff", "image/jpeg"}, {"GIF8", "image/gif"}, {"BM", "image/bmp"}} {
		if bytes.HasPrefix(data, []byte(kind.begin)) {
			return kind.name
		}
	}
	if len(data) > 12 && bytes.HasPrefix(data, []byte("RIFF")) && string(data[8:12]) == "WEBP" {
		return "image/webp"
	}
	return "application/octet-stream"
}
