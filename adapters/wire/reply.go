package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"aprm/prm/step"
)

// Reply is a completion or a chunk of one, as far as it is used. Servers differ in what they write where: numbers as
// floats or texts, texts as lists of parts, thoughts under three names and under two of them at once. Only what can't
// be told is an error.
type Reply struct {
	Choices []ReplyChoice
	Usage   *Usage // nil where it says nothing
	Prompt  int    // tokens of the prompt where llama-server's timings tell, else 0
	Fault   *Error // stands in place of an answer, under a 200 too
}

// ReplyChoice is what a reply says of one completion.
type ReplyChoice struct {
	Index    int
	Text     string
	Thinking string
	Calls    []Fragment // of tool calls
	Tokens   []step.Token
	Finish   string // "" when it hasn't ended
	Stop     string // the stop string that ended it, where the server says so (vLLM)
}

// Fragment is a part of a tool call, or a whole one.
type Fragment struct {
	Index           int // -1 where none is given
	ID, Name        string
	Arguments       string // JSON, or a part of it
	WholeParameters bool   // Arguments came as a JSON value, not as text
}

// ParseReply reads a completion or a chunk.
func ParseReply(data []byte) (Reply, error) {
	var in struct {
		Choices json.RawMessage `json:"choices"`
		Usage   json.RawMessage `json:"usage"`
		Timings json.RawMessage `json:"timings"`
		Error   json.RawMessage `json:"error"`
		Object  text            `json:"object"`
		Message text            `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Reply{}, err
	}
	alone := in.Choices == nil && in.Usage == nil && (in.Message != "" || !empty(in.Detail)) // words, and nothing that an answer has
	if !empty(in.Error) || in.Object == "error" || alone {
		fault := ParseError(data)
		return Reply{Fault: &fault}, nil
	}
	var timings struct {
		Cached count `json:"cache_n"`
		Read   count `json:"prompt_n"`
	}
	_ = json.Unmarshal(in.Timings, &timings) // llama-server's; another's say nothing here
	out := Reply{Prompt: int(timings.Cached + timings.Read), Usage: parseUsage(in.Usage)}
	var choices []struct {
		Index    count           `json:"index"`
		Message  *replyMessage   `json:"message"`
		Delta    *replyMessage   `json:"delta"`
		Text     text            `json:"text"` // of a plain completion
		Finish   text            `json:"finish_reason"`
		Stop     json.RawMessage `json:"stop_reason"`
		Matched  json.RawMessage `json:"matched_stop"` // SGLang's word for it
		Logprobs json.RawMessage `json:"logprobs"`
	}
	if !empty(in.Choices) {
		if err := json.Unmarshal(in.Choices, &choices); err != nil {
			return out, fmt.Errorf("choices: %w", err)
		}
	}
	for _, c := range choices {
		m := cmp.Or(c.Delta, c.Message)
		if m == nil {
			m = &replyMessage{}
		}
		one := ReplyChoice{Index: int(c.Index), Finish: finishOf(c.Finish), Tokens: parseLogprobs(c.Logprobs)}
		content, thoughts := parseContent(m.Content)
		one.Text = cmp.Or(content, string(c.Text), string(m.Refusal))
		one.Thinking = cmp.Or(m.ReasoningContent.plain(), m.Reasoning.plain(), m.Thinking.plain()) + thoughts
		if empty(c.Stop) {
			c.Stop = c.Matched
		}
		if json.Unmarshal(c.Stop, &one.Stop) != nil { // a number is the id of a stop token: the end of the text
			one.Stop = ""
		}
		var err error
		if one.Calls, err = parseCalls(m.ToolCalls); err != nil {
			return out, err
		}
		if !empty(m.FunctionCall) { // OpenAI's older word for a call, of which there is one
			older, err := parseCalls(slices.Concat([]byte(`{"index":0,"function":`), m.FunctionCall, []byte("}")))
			if err != nil {
				return out, err
			}
			one.Calls = append(one.Calls, older...)
		}
		out.Choices = append(out.Choices, one)
	}
	return out, nil
}

type replyMessage struct {
	Content          json.RawMessage `json:"content"`
	ReasoningContent parts           `json:"reasoning_content"`
	Reasoning        parts           `json:"reasoning"`
	Thinking         parts           `json:"thinking"`
	ToolCalls        json.RawMessage `json:"tool_calls"`
	FunctionCall     json.RawMessage `json:"function_call"`
	Refusal          text            `json:"refusal"`
}

// finishOf is OpenAI's word for how an answer ended, whichever the server uses.
func finishOf(said text) string {
	switch strings.ToLower(string(said)) {
	case "length", "max_tokens", "max_length", "model_length":
		return "length"
	}
	return string(said)
}

// text is a string, or what else stands in its place, as text; null is "".
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = ""
	} else if json.Unmarshal(data, (*string)(t)) != nil {
		*t = text(data)
	}
	return nil
}

// count is a number of any spelling; what is none is 0.
type count int

func (c *count) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > math.MaxInt32 {
		f = 0
	}
	*c = count(f)
	return nil
}

// parts is a text or a list of parts with texts.
type parts json.RawMessage

func (p *parts) UnmarshalJSON(data []byte) error {
	*p = append((*p)[:0], data...)
	return nil
}

// plain is what the parts say, whatever their types.
func (p parts) plain() string {
	content, thoughts := parseContent(json.RawMessage(p))
	return thoughts + content
}

// parseContent reads a text, null, one part or a list of parts. Parts of thoughts are told apart.
func parseContent(value json.RawMessage) (content, thoughts string) {
	if empty(value) {
		return "", ""
	}
	switch value[0] {
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return "", ""
		}
		return s, ""
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return "", ""
		}
		for _, part := range list {
			c, t := parseContent(part)
			content, thoughts = content+c, thoughts+t
		}
		return content, thoughts
	case '{':
		var part struct {
			Type     text            `json:"type"`
			Text     json.RawMessage `json:"text"`
			Content  json.RawMessage `json:"content"`
			Thinking json.RawMessage `json:"thinking"`
		}
		if json.Unmarshal(value, &part) != nil {
			return "", ""
		}
		if !empty(part.Thinking) {
			return "", parts(part.Thinking).plain()
		}
		said := part.Text
		if empty(said) {
			said = part.Content
		}
		content = parts(said).plain()
		if strings.Contains(string(part.Type), "think") || strings.Contains(string(part.Type), "reason") {
			return "", content
		}
		return content, ""
	}
	return "", ""
}

func parseUsage(value json.RawMessage) *Usage {
	var in struct {
		Prompt     count `json:"prompt_tokens"`
		Completion count `json:"completion_tokens"`
	}
	if empty(value) || value[0] != '{' || json.Unmarshal(value, &in) != nil {
		return nil
	}
	u := UsageOf(int(in.Prompt), int(in.Completion))
	return &u
}

// parseLogprobs reads log-probabilities in the form of chat, or of plain completions. Those of another form are as good
// as none.
func parseLogprobs(value json.RawMessage) []step.Token {
	type alternative struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
	}
	var in struct {
		Content []struct {
			alternative
			Top []alternative `json:"top_logprobs"`
		} `json:"content"`
		Tokens   []string   `json:"tokens"`
		Logprobs []*float64 `json:"token_logprobs"`
	}
	if empty(value) || json.Unmarshal(value, &in) != nil {
		return nil
	}
	var out []step.Token
	for _, t := range in.Content {
		token := step.Token{Text: t.Token, LogProb: t.Logprob}
		for _, top := range t.Top {
			token.Top = append(token.Top, step.Alternative{Text: top.Token, LogProb: top.Logprob})
		}
		out = append(out, token)
	}
	if out == nil && len(in.Tokens) == len(in.Logprobs) {
		for i, t := range in.Tokens {
			if p := in.Logprobs[i]; p != nil {
				out = append(out, step.Token{Text: t, LogProb: *p})
			}
		}
	}
	return out
}

func parseCalls(value json.RawMessage) ([]Fragment, error) {
	if empty(value) {
		return nil, nil
	}
	var in []struct {
		Index    json.RawMessage `json:"index"`
		ID       text            `json:"id"`
		Function struct {
			Name      text            `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	if value[0] == '{' { // one that should be a list
		value = slices.Concat([]byte("["), value, []byte("]"))
	}
	if err := json.Unmarshal(value, &in); err != nil {
		return nil, fmt.Errorf("tool_calls: %w", err)
	}
	out := make([]Fragment, len(in))
	for i, c := range in {
		f := Fragment{Index: -1, ID: string(c.ID), Name: string(c.Function.Name)}
		if !empty(c.Index) {
			var at count
			if json.Unmarshal(c.Index, &at) == nil {
				f.Index = int(at)
			}
		}
		if arguments := c.Function.Arguments; !empty(arguments) && json.Unmarshal(arguments, &f.Arguments) != nil {
			var plain bytes.Buffer
			if err := json.Compact(&plain, arguments); err != nil {
				return nil, fmt.Errorf("tool_calls: %w", err)
			}
			f.Arguments, f.WholeParameters = plain.String(), true
		}
		out[i] = f
	}
	return out, nil
}

// empty reports whether a member is absent or null.
func empty(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }

// Error is an error as an endpoint words it. What it doesn't say is "" and 0.
type Error struct {
	Message, Type, Code, Param string
	Status                     int // an HTTP status that stands in the body
}

// ParseError reads an error of any known shape: {"error":{"message":…}}, {"error":"…"}, {"message":…} (vLLM's older
// one), {"detail":…} (FastAPI), {"errors":[…]}, {"msg":…}, a list of them (Google), or plain text, whose beginning is
// then the message.
func ParseError(body []byte) Error {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) > 1 && trimmed[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(trimmed, &list) == nil && len(list) > 0 {
			return ParseError(list[0])
		}
	}
	type object struct {
		Error     json.RawMessage `json:"error"`
		Errors    json.RawMessage `json:"errors"`
		Message   text            `json:"message"`
		Msg       text            `json:"msg"`
		Detail    json.RawMessage `json:"detail"`
		Type      text            `json:"type"`
		ErrorType text            `json:"error_type"` // TGI's
		Code      text            `json:"code"`
		Param     text            `json:"param"`
	}
	var in object
	if json.Unmarshal(trimmed, &in) != nil {
		const most = 300
		plain := strings.Join(strings.Fields(strings.ToValidUTF8(string(trimmed[:min(len(trimmed), 4*most)]), "")), " ")
		if runes := []rune(plain); len(runes) > most {
			plain = string(runes[:most-1]) + "…"
		}
		return Error{Message: plain}
	}
	if empty(in.Error) {
		in.Error = in.Errors
	}
	if list := []json.RawMessage(nil); json.Unmarshal(in.Error, &list) == nil && len(list) > 0 {
		in.Error = list[0]
	}
	in.Type = cmp.Or(in.Type, in.ErrorType)
	in.Message = cmp.Or(in.Message, in.Msg)
	if !empty(in.Error) {
		var inner object
		if json.Unmarshal(in.Error, &inner) == nil {
			if deeper := (object{}); inner.Message == "" && json.Unmarshal(inner.Error, &deeper) == nil { // a gateway's, around the one of its own endpoint
				inner = deeper
			}
			in.Message, in.Detail = cmp.Or(inner.Message, inner.Msg, in.Message), inner.Detail
			in.Type, in.Code, in.Param = cmp.Or(inner.Type, inner.ErrorType), inner.Code, inner.Param
		} else {
			var said text
			if json.Unmarshal(in.Error, &said) == nil && said != "" {
				in.Message = said
			}
		}
	}
	if in.Message == "" && !empty(in.Detail) {
		in.Message = text(details(in.Detail))
	}
	out := Error{Message: string(in.Message), Type: string(in.Type), Code: string(in.Code), Param: string(in.Param)}
	if n, err := strconv.Atoi(out.Code); err == nil { // llama-server and vLLM repeat the status there
		out.Code = ""
		if n >= 400 && n < 600 {
			out.Status = n
		}
	}
	return out
}

// details reads FastAPI's detail: a text, or a list of faults each with its place.
func details(value json.RawMessage) string {
	var list []struct {
		Where []any  `json:"loc"`
		Says  string `json:"msg"`
	}
	if json.Unmarshal(value, &list) == nil {
		var out []string
		for _, d := range list {
			where := make([]string, len(d.Where))
			for i, w := range d.Where {
				where[i] = fmt.Sprint(w)
			}
			out = append(out, strings.TrimPrefix(strings.Join(where, ".")+": "+d.Says, ": "))
		}
		return strings.Join(out, "; ")
	}
	var said text
	if json.Unmarshal(value, &said) != nil {
		return string(value)
	}
	return string(said)
}
