package dialect

import (
	"encoding/json"
	"strings"

	"aprm/adapters"
	"aprm/adapters/wire"
)

// Completions is OpenAI's older /v1/completions. Its text is continued, not answered: a search is only for those who
// name a way of answering.
var Completions = Format{Dialect: OpenAI, IDPrefix: "cmpl-", Raw: completionsRaw, Read: readCompletions,
	Wire: func(a Ask) Wire { return textWire{a.IncludeUsage} }}

// completionsFields are those of a chat that are no question of its shape, and its own.
var completionsFields = func() map[string]rule {
	out := map[string]rule{
		"model": ruleUsed, "prompt": ruleUsed, "stream": ruleUsed, "stream_options": ruleUsed, "temperature": ruleUsed, "top_p": ruleUsed, "max_tokens": ruleUsed, "seed": ruleUsed,
		"stop": ruleUsed, "n": ruleUsed, "best_of": ruleUsed, "prm": ruleUsed,
	}
	for name, r := range chatFields {
		if r != ruleUsed {
			out[name] = r
		}
	}
	return out
}()

func completionsRaw(o Object) string {
	if several := severalOf(o); several != "" {
		return several
	}
	if strings.TrimSpace(promptOf(o)) == "" {
		return "prompt"
	}
	if forbidden, _, _ := classify(o, completionsFields); forbidden != "" {
		return "field " + PlainWord(forbidden)
	}
	return ""
}

// promptOf is the text of a prompt, also of one in a list, as frameworks send it; "" for several, and for tokens.
func promptOf(o Object) string {
	value, _ := o.Get("prompt")
	var prompt string
	var list []string
	if json.Unmarshal(value, &prompt) != nil && json.Unmarshal(value, &list) == nil && len(list) == 1 {
		return list[0]
	}
	return prompt
}

func readCompletions(o Object) (a Ask, err error) {
	a.Messages = []adapters.Message{{Role: adapters.User, Content: promptOf(o)}}
	return a, a.readOpenAI(o, completionsFields)
}

// textWire is the wire of /v1/completions.
type textWire struct{ includeUsage bool }

type (
	textCompletion struct {
		ID      string          `json:"id"`
		Object  string          `json:"object"`
		Created int64           `json:"created"`
		Model   string          `json:"model"`
		Choices []textChoice    `json:"choices"`
		Usage   wire.ChunkUsage `json:"usage,omitzero"`
		PRM     any             `json:"prm,omitempty"`
	}
	textChoice struct {
		Index    int     `json:"index"`
		Text     string  `json:"text"`
		Logprobs any     `json:"logprobs"`
		Finish   *string `json:"finish_reason"`
	}
)

func (w textWire) of(h Head, text string, finish *string, usage *wire.Usage, report any) textCompletion {
	return textCompletion{ID: h.ID, Object: "text_completion", Created: h.Created.Unix(), Model: h.Model, Choices: []textChoice{{Text: text, Finish: finish}},
		Usage: wire.ChunkUsage{Asked: w.includeUsage || usage != nil, Usage: usage}, PRM: report}
}

func (textWire) StreamType() string { return eventStream }

func (textWire) Alive(Head) [][]byte { return comment() }

func (w textWire) Whole(a Answer) []byte {
	usage := wire.UsageOf(a.Prompt, a.Completion)
	return Compact(w.of(a.Head, a.Text, &a.Finish, &usage, a.Report))
}

func (textWire) Begin(Head) [][]byte { return nil }

// Part has no place for thoughts.
func (w textWire) Part(h Head, p Piece) [][]byte {
	if p.Text == "" {
		return nil
	}
	return [][]byte{event("", w.of(h, p.Text, nil, nil, nil))}
}

func (w textWire) End(a Answer) [][]byte {
	out := [][]byte{event("", w.of(a.Head, "", &a.Finish, nil, a.Report))}
	if w.includeUsage {
		usage := wire.UsageOf(a.Prompt, a.Completion)
		last := w.of(a.Head, "", nil, &usage, nil)
		last.Choices = []textChoice{}
		out = append(out, event("", last))
	}
	return append(out, done())
}

func (textWire) Broken(p *Problem) [][]byte { return [][]byte{event("", p.Shape(OpenAI)), done()} }
