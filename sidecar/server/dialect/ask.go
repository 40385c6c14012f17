package dialect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"aprm/adapters"
)

// Ask is what a search needs to know of a request, whatever the dialect.
type Ask struct {
	Messages     []adapters.Message
	Stream       bool
	IncludeUsage bool     // OpenAI: a last chunk with the usage
	Stop         []string // the answer is cut before the first of them
	Temperature  float64  // in [0,2]; 0: the strategy's own
	TopP         float64  // in [0,1]; 0: the strategy's own
	MaxTokens    int      // of the answer; 0: the strategy's own
	Seed         *int64
	Logprobs     bool
	TopLogprobs  int // 0 to 20

	// Carried are members of the request, in the client's own dialect, that every call of the search has too: whether
	// and how long the model is to think, and how it is loaded.
	Carried map[string]json.RawMessage
	Ignored []string // fields that the search doesn't carry as they are, told to the client
}

// rule says what a search does about a field of a request. A field that has no rule is one we don't know, and then the
// search keeps its hands off the request.
type rule int

const (
	ruleRaw      rule = iota // not for a search, unless it says nothing (null, "", [] or {})
	ruleFlag                 // not for a search, unless it is false
	ruleUsed                 // read by the dialect's own reader
	ruleHarmless             // changes nothing in the answer
	ruleCarried              // goes along with every call of the search
	ruleIgnored              // shapes the sampling; the search samples by its own settings, and says so
)

// classify goes over the fields of an object. It returns the first field that forbids a search, "" when none does, the
// fields that are carried, and those that are ignored.
func classify(o Object, rules map[string]rule) (forbidden string, carried map[string]json.RawMessage, ignored []string) {
	for key, value := range o.All() {
		if saysNothing(value) {
			continue
		}
		switch rules[key] {
		case ruleRaw:
			return key, nil, nil
		case ruleFlag:
			if string(value) != "false" {
				return key, nil, nil
			}
		case ruleCarried:
			carried = with(carried, key, value)
		case ruleIgnored:
			if !isZero(value) && !slices.Contains(ignored, key) {
				ignored = append(ignored, key)
			}
		}
	}
	return "", carried, ignored
}

// PlainWord is a client's word as far as it may stand in a header.
func PlainWord(word string) string {
	if word == "" || len(word) > 64 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]") != "" {
		return "of an odd name"
	}
	return word
}

func saysNothing(value json.RawMessage) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

func says(value json.RawMessage) bool { return len(value) > 0 && !saysNothing(value) }

func isZero(value json.RawMessage) bool {
	var f float64
	return string(value) == "false" || (json.Unmarshal(value, &f) == nil && f == 0)
}

// number reads a number, also one that stands in a text; nil where there is none.
func (o Object) number(key, param string) (*float64, error) {
	value, ok := o.Get(key)
	if !ok || string(value) == `""` {
		return nil, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(value), `"`)), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, BadRequest(param, "%s must be a number", param)
	}
	return &f, nil
}

// flag reads a truth value, also one in a text.
func (o Object) flag(key, param string, into *bool) error {
	value, ok := o.Get(key)
	if !ok {
		return nil
	}
	b, err := strconv.ParseBool(strings.Trim(strings.ToLower(string(value)), `"`))
	if err != nil {
		return BadRequest(param, "%s must be true or false", param)
	}
	*into = b
	return nil
}

// sampling are the names that a dialect gives to what all have; "" for none.
type sampling struct {
	at                                          string // before the names, where they stand within another field: "options."
	temperature, topP, seed, stop, top, logprob string
	maxTokens                                   []string // the last one that is there counts
}

// readSampling reads numbers by their clear meaning: also from texts, and no limit where max_tokens isn't above 0. What
// lies beyond what a search can do is brought within it, and said to be ignored.
func (a *Ask) readSampling(o Object, n sampling) error {
	within := func(key string, high float64) (float64, error) {
		v, err := o.number(key, n.at+key)
		if v == nil || err != nil {
			return 0, err
		}
		switch {
		case *v < 0:
			return 0, BadRequest(n.at+key, "%s must be a number from 0 to %g", n.at+key, high)
		case *v == 0, *v > high: // at 0 all candidates would be alike
			a.Ignored = append(a.Ignored, key)
		}
		return min(*v, high), nil
	}
	var err error
	if a.Temperature, err = within(n.temperature, 2); err != nil {
		return err
	}
	if a.TopP, err = within(n.topP, 1); err != nil {
		return err
	}
	for _, key := range n.maxTokens {
		v, err := o.number(key, n.at+key)
		if err != nil || v != nil && *v != math.Trunc(*v) {
			return BadRequest(n.at+key, "%s must be a whole number", n.at+key)
		}
		if v != nil {
			a.MaxTokens = int(max(0, min(*v, math.MaxInt32)))
		}
	}
	if a.Seed, err = o.seed(n.seed, n.at+n.seed); err != nil {
		return err
	}
	if n.logprob != "" {
		if err := o.flag(n.logprob, n.logprob, &a.Logprobs); err != nil {
			return err
		}
	}
	if n.top != "" {
		v, err := o.number(n.top, n.top)
		switch {
		case err != nil || v != nil && (*v < 0 || *v != math.Trunc(*v)):
			return BadRequest(n.top, "%s must be a whole number from 0 to 20", n.top)
		case v == nil:
		case !a.Logprobs && *v > 0:
			a.Ignored = append(a.Ignored, n.top)
		default:
			a.TopLogprobs = int(min(*v, 20))
			if *v > 20 {
				a.Ignored = append(a.Ignored, n.top)
			}
		}
	}
	stop, _ := o.Get(n.stop)
	a.Stop, err = stops(stop, n.at+n.stop)
	return err
}

// seed reads a seed of any size: what matters is that the same one gives the same draws. -1 is llama-server's and
// Ollama's word for none.
func (o Object) seed(key, param string) (*int64, error) {
	value, ok := o.Get(key)
	if !ok || key == "" {
		return nil, nil
	}
	text := strings.TrimSpace(strings.Trim(string(value), `"`))
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		large, e := strconv.ParseUint(text, 10, 64)
		if err, seed = e, int64(large&math.MaxInt64); err != nil {
			var f float64
			if f, err = strconv.ParseFloat(text, 64); err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 { // beyond that not every whole number is a float
				return nil, BadRequest(param, "%s must be a whole number", param)
			}
			seed = int64(f)
		}
	}
	if seed == -1 {
		return nil, nil
	}
	return &seed, nil
}

// stops reads one stop string or a list of them. Empty strings stop nothing.
func stops(value json.RawMessage, param string) ([]string, error) {
	if len(value) == 0 || string(value) == "null" {
		return nil, nil
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return nonEmpty([]string{one}), nil
	}
	var list []string
	if json.Unmarshal(value, &list) != nil {
		return nil, BadRequest(param, "%s must be a string or a list of strings", param)
	}
	return nonEmpty(list), nil
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// ReadMessages reads a conversation: contents are strings, lists of text parts, or nothing.
func ReadMessages(o Object) ([]adapters.Message, error) { return readMessages(o, "messages") }

func readMessages(o Object, key string) ([]adapters.Message, error) {
	value, ok := o.Get(key)
	if !ok {
		return nil, BadRequest(key, "%s is missing: send a list such as [{\"role\":\"user\",\"content\":\"…\"}]", key)
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, BadRequest(key, "%s must be a list", key)
	}
	if len(list) == 0 {
		return nil, BadRequest(key, "%s is empty: send at least one message", key)
	}
	messages := make([]adapters.Message, len(list))
	for i, raw := range list {
		var m struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}
		at := fmt.Sprintf("%s[%d]", key, i)
		if json.Unmarshal(raw, &m) != nil {
			return nil, BadRequest(at, "%s must be an object with role and content", at)
		}
		switch role := strings.ToLower(m.Role); role {
		case "system", "developer":
			messages[i].Role = adapters.System
		case "user", "human":
			messages[i].Role = adapters.User
		case "assistant", "model", "ai":
			messages[i].Role = adapters.Assistant
		default:
			return nil, BadRequest(at+".role", "%s.role %q is not one of system, developer, user, assistant, tool", at, m.Role)
		}
		text, err := readContent(m.Content, at+".content")
		if err != nil {
			return nil, err
		}
		messages[i].Content = text
	}
	return messages, nil
}

// readContent reads a text, a list of text parts, or nothing.
func readContent(value json.RawMessage, param string) (string, error) {
	if !says(value) {
		return "", nil
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text, nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(value, &parts) != nil {
		return "", BadRequest(param, "%s must be a string or a list of text parts", param)
	}
	var texts []string
	for i, p := range parts {
		var part struct {
			Type string  `json:"type"`
			Text *string `json:"text"`
		}
		var text string
		switch {
		case json.Unmarshal(p, &text) == nil:
		case json.Unmarshal(p, &part) == nil && slices.Contains(thoughts, part.Type):
			continue
		case part.Text == nil:
			return "", BadRequest(fmt.Sprintf("%s[%d].text", param, i), "%s[%d].text must be a string", param, i)
		default:
			text = *part.Text
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "\n"), nil
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
		texts := []string{"text", "input_text", "output_text"}
		if strings.EqualFold(m.Role, string(adapters.Assistant)) {
			texts = append(texts, thoughts...) // of an answer before
		}
		if why := contentRaw(m.Content, texts...); why != "" {
			return why
		}
	}
	if strings.EqualFold(messages[len(messages)-1].Role, string(adapters.Assistant)) {
		return "prefill" // the client wants its own beginning continued
	}
	return ""
}

// thoughts are the types of parts that an answer's thoughts come back in; they are no part of its text.
var thoughts = []string{"thinking", "redacted_thinking", "reasoning"}

// contentRaw tells which part of a content is of another type than those of texts.
func contentRaw(content json.RawMessage, texts ...string) string {
	var parts []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(content, &parts) == nil {
		for _, p := range parts {
			if !slices.Contains(texts, p.Type) {
				return "content part " + PlainWord(p.Type)
			}
		}
	}
	return ""
}
