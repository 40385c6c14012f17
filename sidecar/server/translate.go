package server

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/ollama/ollama/api"

	"aprm/adapters"
)

// What an Ollama client asks of an OpenAI-compatible upstream. (The other way round nothing needs translating: Ollama
// serves /v1 itself.) Options that the OpenAI API doesn't have (top_k, num_ctx and the like) are left out.
type (
	openAIRequest struct {
		Model            string              `json:"model"`
		Messages         []openAITurn        `json:"messages"`
		Stream           bool                `json:"stream"`
		StreamOptions    *openAIStreamOption `json:"stream_options,omitempty"`
		Tools            json.RawMessage     `json:"tools,omitempty"`
		ResponseFormat   any                 `json:"response_format,omitempty"`
		MaxTokens        *whole              `json:"max_tokens,omitempty"`
		Temperature      *float64            `json:"temperature,omitempty"`
		TopP             *float64            `json:"top_p,omitempty"`
		PresencePenalty  *float64            `json:"presence_penalty,omitempty"`
		FrequencyPenalty *float64            `json:"frequency_penalty,omitempty"`
		Seed             *whole              `json:"seed,omitempty"`
		Stop             []string            `json:"stop,omitempty"`
		Logprobs         bool                `json:"logprobs,omitempty"`
		TopLogprobs      int                 `json:"top_logprobs,omitempty"`
		ReasoningEffort  string              `json:"reasoning_effort,omitempty"`
	}
	openAIStreamOption struct {
		IncludeUsage bool `json:"include_usage"`
	}
	openAITurn struct {
		Role       string           `json:"role"`
		Content    any              `json:"content"` // string or parts
		ToolCalls  []openAIToolCall `json:"tool_calls,omitempty"`
		ToolCallID string           `json:"tool_call_id,omitempty"`
	}
	openAIToolCall struct {
		Index    int            `json:"index"`
		ID       string         `json:"id,omitempty"`
		Type     string         `json:"type,omitempty"`
		Function openAIFunction `json:"function"`
	}
	openAIFunction struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	}
)

// openAIReply is a completion or a chunk of one, as far as an Ollama client can be told of it.
type openAIReply struct {
	Choices []struct {
		Message      openAIReplyMessage `json:"message"`
		Delta        openAIReplyMessage `json:"delta"`
		FinishReason string             `json:"finish_reason"`
		Logprobs     *openAILogprobs    `json:"logprobs"`
	} `json:"choices"`
	Usage *openAIUsage    `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type openAIReplyMessage struct {
	Content          string           `json:"content"`
	ReasoningContent string           `json:"reasoning_content"`
	Reasoning        string           `json:"reasoning"`
	ToolCalls        []openAIToolCall `json:"tool_calls"`
}

func (m openAIReplyMessage) thinking() string { return m.ReasoningContent + m.Reasoning }

// longestEvent bounds one line of an upstream's stream, and largestReply a whole answer, in bytes.
const (
	longestEvent = 4 << 20
	largestReply = 64 << 20
)

// translate answers an Ollama request from an OpenAI-compatible upstream, without a search.
func (s *Server) translate(g *gin.Context, c *call) {
	body := upstreamBytes(c.body)
	isGenerate := g.FullPath() == "/api/generate"
	w := ollamaWire{generate: isGenerate}
	h := head{created: c.came, model: c.name}
	var req openAIRequest
	var load *part
	var err error
	if isGenerate {
		req, load, err = fromGenerate(body)
	} else {
		req, load, err = fromChat(body)
	}
	switch {
	case err != nil:
		s.fail(g, Ollama, err)
		return
	case load != nil:
		h.sent = s.now()
		g.Data(http.StatusOK, "application/json; charset=utf-8", compact(w.chunk(h, *load)))
		return
	}
	if req.Model == "" {
		req.Model = s.cfg.Model
	}
	resp, err := s.upstream.do(g.Request.Context(), http.MethodPost, "/v1/chat/completions", compact(req), g.GetHeader("Authorization"))
	if err != nil {
		s.fail(g, Ollama, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.fail(g, Ollama, refusal(resp))
		return
	}
	if !req.Stream {
		p, err := readReply(resp.Body)
		if err != nil {
			s.fail(g, Ollama, err)
			return
		}
		h.sent = s.now()
		p.took(h.sent.Sub(h.created), 0)
		g.Data(http.StatusOK, "application/json; charset=utf-8", compact(w.chunk(h, p)))
		return
	}
	out := streamer{g: g, wire: w}
	var reading time.Duration // the prompt, which ends with the first part
	err = readStream(resp.Body, func(p part) error {
		h.sent = s.now()
		if reading == 0 {
			reading = h.sent.Sub(h.created)
		}
		if p.done != "" {
			p.took(h.sent.Sub(h.created), reading)
		}
		if err := out.send(line(w.chunk(h, p))); err != nil {
			return clientGone{err}
		}
		return nil
	})
	if gone := (clientGone{}); err != nil && !errors.As(err, &gone) {
		s.failed(g, &out, problemOf(err))
	}
}

// clientGone is an error of writing to the client, as against one of reading from the upstream.
type clientGone struct{ error }

// refusal is an upstream's answer that is not a 200.
func refusal(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
	err := &adapters.UpstreamError{Op: "chat", Status: resp.StatusCode, Message: errorMessage(body)}
	if seconds, e := strconv.Atoi(resp.Header.Get("Retry-After")); e == nil {
		err.RetryAfter = time.Duration(seconds) * time.Second
	}
	return err
}

// errorMessage finds the message in an error of either dialect's shape.
func errorMessage(body []byte) string {
	var wrapped struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &wrapped) != nil {
		return strings.ToValidUTF8(string(body[:min(len(body), 300)]), "")
	}
	if text := messageIn(wrapped.Error); text != "" {
		return text
	}
	if wrapped.Message != "" {
		return wrapped.Message
	}
	return messageIn(wrapped.Detail)
}

func messageIn(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var inner struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(value, &inner) == nil {
		return inner.Message
	}
	return string(value)
}

// decodeBody reads a request into Ollama's own type.
func decodeBody(body []byte, v any) error {
	if _, err := parseObject(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, v)
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return badRequest(mistyped.Field, "%s must be of type %s, not %s", mistyped.Field, mistyped.Type, mistyped.Value)
	case err != nil:
		return badRequest("", "the body is not valid: %v", err)
	}
	return nil
}

// fromChat translates a request of /api/chat. A request without messages loads or unloads a model, which is nothing that
// the upstream needs to be told: load is the answer to it.
func fromChat(body []byte) (req openAIRequest, load *part, err error) {
	var in struct {
		api.ChatRequest
		Tools json.RawMessage `json:"tools"` // as they are
	}
	if err := decodeBody(body, &in); err != nil {
		return req, nil, err
	}
	if len(in.Messages) == 0 {
		return req, loaded(in.KeepAlive), nil
	}
	req = openAIRequest{Model: in.Model, Tools: in.Tools, Logprobs: in.Logprobs, TopLogprobs: in.TopLogprobs}
	if !says(req.Tools) {
		req.Tools = nil
	}
	if req.Messages, err = turns(in.Messages); err != nil {
		return req, nil, err
	}
	return req, nil, req.complete(in.Stream, in.Format, in.Think, body)
}

// fromGenerate translates a request of /api/generate into a chat of one turn.
func fromGenerate(body []byte) (req openAIRequest, load *part, err error) {
	var in api.GenerateRequest
	if err := decodeBody(body, &in); err != nil {
		return req, nil, err
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"suffix", in.Suffix != ""}, {"template", in.Template != ""}, {"raw", in.Raw}, {"context", len(in.Context) > 0},
		{"width", in.Width > 0}, {"height", in.Height > 0}, {"steps", in.Steps > 0},
	} {
		if field.set {
			return req, nil, &problem{status: http.StatusNotImplemented, kind: kindInvalid, param: field.name,
				message: field.name + " is not translated: the upstream is OpenAI-compatible, not Ollama"}
		}
	}
	if in.Prompt == "" && len(in.Images) == 0 {
		return req, loaded(in.KeepAlive), nil
	}
	req = openAIRequest{Model: in.Model, Logprobs: in.Logprobs, TopLogprobs: in.TopLogprobs}
	var messages []api.Message
	if in.System != "" {
		messages = append(messages, api.Message{Role: "system", Content: in.System})
	}
	messages = append(messages, api.Message{Role: "user", Content: in.Prompt, Images: in.Images})
	if req.Messages, err = turns(messages); err != nil {
		return req, nil, err
	}
	return req, nil, req.complete(in.Stream, in.Format, in.Think, body)
}

// loaded answers a request to load a model, or to unload it by a keep_alive of 0.
func loaded(keepAlive *api.Duration) *part {
	if keepAlive != nil && keepAlive.Duration == 0 {
		return &part{done: "unload"}
	}
	return &part{done: "load"}
}

// complete fills in what chat and generate have in common.
func (req *openAIRequest) complete(stream *bool, format json.RawMessage, think *api.ThinkValue, body []byte) error {
	req.Stream = stream == nil || *stream
	if req.Stream {
		req.StreamOptions = &openAIStreamOption{IncludeUsage: true}
	}
	switch {
	case !says(format):
	case string(format) == `"json"`:
		req.ResponseFormat = map[string]string{"type": "json_object"}
	case format[0] == '{':
		req.ResponseFormat = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "format", "schema": format}}
	default:
		return badRequest("format", `format must be "json" or a JSON schema`)
	}
	if think != nil && think.IsString() {
		req.ReasoningEffort = think.String()
	}
	var in struct {
		Options struct {
			Temperature      *float64        `json:"temperature"`
			TopP             *float64        `json:"top_p"`
			PresencePenalty  *float64        `json:"presence_penalty"`
			FrequencyPenalty *float64        `json:"frequency_penalty"`
			Seed             *whole          `json:"seed"`
			NumPredict       *whole          `json:"num_predict"`
			Stop             json.RawMessage `json:"stop"`
		} `json:"options"`
	}
	if err := decodeBody(body, &in); err != nil {
		return err
	}
	o := in.Options
	req.Temperature, req.TopP, req.Seed = o.Temperature, o.TopP, o.Seed
	req.PresencePenalty, req.FrequencyPenalty = o.PresencePenalty, o.FrequencyPenalty
	if o.NumPredict != nil && *o.NumPredict > 0 { // -1 and -2 are Ollama's words for no limit
		req.MaxTokens = o.NumPredict
	}
	var err error
	req.Stop, err = stops(o.Stop, "options.stop")
	return err
}

// turns translates a conversation. Ollama's tool calls may have no id: then they are numbered, and a tool's answer belongs
// to the first call of its name (of any name, if it has none) that has no answer yet.
func turns(messages []api.Message) ([]openAITurn, error) {
	type pending struct{ id, name string }
	var open []pending
	numbered := 0
	out := make([]openAITurn, 0, len(messages))
	for _, m := range messages {
		t := openAITurn{Role: m.Role, Content: m.Content}
		if len(m.Images) > 0 {
			t.Content = imageParts(m)
		}
		for i, call := range m.ToolCalls {
			arguments, err := json.Marshal(call.Function.Arguments)
			if err != nil {
				return nil, badRequest("messages", "messages: arguments of tool call %s: %v", call.Function.Name, err)
			}
			id := call.ID
			if id == "" {
				id = fmt.Sprintf("call_%d", numbered)
				numbered++
			}
			open = append(open, pending{id, call.Function.Name})
			t.ToolCalls = append(t.ToolCalls, openAIToolCall{Index: i, ID: id, Type: "function",
				Function: openAIFunction{Name: call.Function.Name, Arguments: string(arguments)}})
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
		parts = append(parts, map[string]string{"type": "text", "text": m.Content})
	}
	for _, img := range m.Images {
		url := "data:" + http.DetectContentType(img) + ";base64," + base64.StdEncoding.EncodeToString(img)
		parts = append(parts, map[string]any{"type": "image_url", "image_url": map[string]string{"url": url}})
	}
	return parts
}

// readReply translates a whole answer.
func readReply(body io.Reader) (p part, err error) {
	raw, err := io.ReadAll(io.LimitReader(body, largestReply))
	if err != nil {
		return p, unreachable(err)
	}
	var reply openAIReply
	if err := json.Unmarshal(raw, &reply); err != nil {
		return p, babble(err)
	}
	if says(reply.Error) { // some gateways put it under a 200
		return p, &adapters.UpstreamError{Op: "chat", Message: messageIn(reply.Error)}
	}
	if len(reply.Choices) == 0 {
		return p, babble(errors.New("no choices"))
	}
	choice := reply.Choices[0]
	p = part{text: choice.Message.Content, thinking: choice.Message.thinking(), logprobs: choice.Logprobs.ollama(), done: doneReason(choice.FinishReason), metrics: &ollamaMetrics{}}
	if p.calls, err = toolCalls(choice.Message.ToolCalls); err != nil {
		return p, err
	}
	p.count(reply.Usage)
	return p, nil
}

// readStream translates a stream, part by part as it comes. Tool calls come in fragments and are told once they are whole.
func readStream(body io.Reader, emit func(part) error) error {
	in := bufio.NewReaderSize(body, 16<<10)
	last := part{metrics: &ollamaMetrics{}}
	var calls []openAIToolCall
	for {
		data, err := nextEvent(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || string(data) == "[DONE]" {
			break
		}
		var reply openAIReply
		if err := json.Unmarshal(data, &reply); err != nil {
			return babble(err)
		}
		if says(reply.Error) {
			return &adapters.UpstreamError{Op: "chat", Message: messageIn(reply.Error)}
		}
		last.count(reply.Usage)
		for _, choice := range reply.Choices {
			calls = assemble(calls, choice.Delta.ToolCalls)
			p := part{text: choice.Delta.Content, thinking: choice.Delta.thinking(), logprobs: choice.Logprobs.ollama()}
			if p.text != "" || p.thinking != "" || len(p.logprobs) > 0 {
				if err := emit(p); err != nil {
					return err
				}
			}
			if choice.FinishReason != "" {
				last.done = doneReason(choice.FinishReason)
			}
		}
	}
	if last.done == "" {
		return &adapters.UpstreamError{Op: "chat", Message: "the upstream broke its stream off", Err: io.ErrUnexpectedEOF}
	}
	whole, err := toolCalls(calls)
	if err != nil {
		return err
	}
	if len(whole) > 0 {
		if err := emit(part{calls: whole}); err != nil {
			return err
		}
	}
	return emit(last)
}

// nextEvent returns the data of the next server-sent event; comments and other fields are passed over.
func nextEvent(in *bufio.Reader) ([]byte, error) {
	for {
		var text []byte
		for {
			more, err := in.ReadSlice('\n')
			text = append(text, more...)
			if errors.Is(err, bufio.ErrBufferFull) && len(text) < longestEvent {
				continue
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				return nil, babble(fmt.Errorf("a line of more than %d bytes", longestEvent))
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, unreachable(err)
			}
			if err != nil && len(text) == 0 {
				return nil, io.EOF
			}
			break
		}
		if data, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), "data:"); ok {
			return []byte(strings.TrimSpace(data)), nil
		}
	}
}

// assemble adds fragments of tool calls to the calls they belong to.
func assemble(calls, fragments []openAIToolCall) []openAIToolCall {
	for _, f := range fragments {
		at := -1
		for i := range calls {
			if calls[i].Index == f.Index {
				at = i
			}
		}
		if at < 0 {
			calls = append(calls, f)
			continue
		}
		calls[at].ID += f.ID
		calls[at].Function.Name += f.Function.Name
		calls[at].Function.Arguments += f.Function.Arguments
	}
	return calls
}

func toolCalls(calls []openAIToolCall) ([]api.ToolCall, error) {
	var out []api.ToolCall
	for i, c := range calls {
		call := api.ToolCall{ID: c.ID, Function: api.ToolCallFunction{Index: i, Name: c.Function.Name}}
		arguments := c.Function.Arguments
		if arguments == "" {
			arguments = "{}"
		}
		if err := json.Unmarshal([]byte(arguments), &call.Function.Arguments); err != nil {
			return nil, babble(fmt.Errorf("arguments of tool call %s are no JSON object", c.Function.Name))
		}
		out = append(out, call)
	}
	return out, nil
}

// babble is the problem of an upstream that answers something else than it should.
func babble(err error) error {
	return &adapters.UpstreamError{Op: "chat", Message: "the upstream's answer can't be read: " + err.Error(), Err: err}
}

// doneReason is Ollama's word for how an answer ended; tool calls end one as anything else does.
func doneReason(finish string) string {
	if finish == "length" {
		return "length"
	}
	return "stop"
}

func (p *part) count(u *openAIUsage) {
	if u != nil {
		p.metrics.PromptEvalCount, p.metrics.EvalCount = u.PromptTokens, u.CompletionTokens
	}
}

// took says how long an answer took, of which reading is its prompt's part as far as it is known.
func (p *part) took(total, reading time.Duration) {
	p.metrics.TotalDuration, p.metrics.PromptEvalDuration, p.metrics.EvalDuration = total, reading, total-reading
}

func (l *openAILogprobs) ollama() []api.Logprob {
	if l == nil {
		return nil
	}
	var out []api.Logprob
	for _, t := range l.Content {
		lp := api.Logprob{TokenLogprob: api.TokenLogprob{Token: t.Token, Logprob: t.Logprob, Bytes: t.Bytes}}
		for _, top := range t.Top {
			lp.TopLogprobs = append(lp.TopLogprobs, api.TokenLogprob{Token: top.Token, Logprob: top.Logprob, Bytes: top.Bytes})
		}
		out = append(out, lp)
	}
	return out
}
