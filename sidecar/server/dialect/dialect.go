// Package dialect turns bytes into asks and answers into bytes, in every wire format that clients speak: OpenAI's chat
// completions, completions and responses, Anthropic's messages, Ollama's chat and generate. It is pure: no gin, no
// network.
package dialect

import (
	"time"

	"aprm/adapters/wire"
	"aprm/prm/step"
)

// Dialect is a family of wire formats: the shape of its errors, and which upstreams speak it.
type Dialect string

const (
	OpenAI    Dialect = "openai"
	Ollama    Dialect = "ollama"
	Anthropic Dialect = "anthropic"
)

// of is the name that the dialect's makers write.
func (d Dialect) of() string {
	return map[Dialect]string{OpenAI: "OpenAI", Ollama: "Ollama", Anthropic: "Anthropic"}[d]
}

// Format is the wire format of one route that generates.
type Format struct {
	Dialect  Dialect
	IDPrefix string                                 // of an answer's id, "" where answers have none
	Raw      func(Object) string                    // why a request is not for a search, in plain words that may stand in a header; "" when it may be one
	Read     func(Object) (Ask, error)              // a request for a search; Raw has found nothing against one
	Wire     func(Ask) Wire                         // of one answer
	Chat     func(body []byte) (Translation, error) // what the request asks, as a chat completion; nil where no upstream lacks the format
}

// Translation is a request in OpenAI's words or, where the upstream needn't be asked, the answer.
type Translation struct {
	Request wire.Request
	Answer  *Answer
}

// Head is what every chunk of an answer begins with.
type Head struct {
	ID      string
	Created time.Time // when the request came: of all chunks of OpenAI's the same
	Sent    time.Time // when the chunk at hand was made: Ollama's created_at
	Model   string    // as the client named it
}

// Answer is a whole answer, ready to be put into a dialect's words.
type Answer struct {
	Head
	Thinking   string // what a reasoning model thought, and lines about the search
	Text       string
	Finish     string // "stop", "length", "tool_calls"; Ollama's "load" and "unload"
	Stop       string // the client's stop string that ended it, "" for none
	Tokens     []step.Token
	Calls      []wire.ToolCall
	Prompt     int // tokens really spent, over all candidates
	Completion int
	Total      time.Duration // since the request came, its wait included
	Load       time.Duration // what of it isn't work on the answer: waiting for its turn
	Reading    time.Duration // the prompt; 0 where that isn't told apart from generating
	Working    time.Duration
	Report     any // the prm object, nil for none
}

// Piece is a part of an answer: of its text, with the tokens that is made of, of its thinking, or whole tool calls.
type Piece struct {
	Text     string
	Tokens   []step.Token
	Thinking string
	Calls    []wire.ToolCall
}

// Wire puts one answer into a dialect's words. It returns bytes ready to be sent and does nothing else; between the
// parts of a stream it may remember where it stands.
type Wire interface {
	StreamType() string    // the content type of a stream
	Alive(h Head) [][]byte // a sign of life that clients overlook
	Whole(a Answer) []byte // the answer as one body
	Begin(h Head) [][]byte // the beginning of a stream, one element a write
	Part(h Head, p Piece) [][]byte
	End(a Answer) [][]byte      // the end of a stream all of whose parts were sent
	Broken(p *Problem) [][]byte // the end of a stream that has begun
}

// Watcher is a Wire that has words for what a search does while it runs.
type Watcher interface {
	News(h Head, report any) [][]byte // a part of a stream with no text; report is its prm object
}

// event is one server-sent event; data has no line breaks. kind "" is OpenAI's, which has none.
func event(kind string, v any) []byte {
	var out []byte
	if kind != "" {
		out = append(append(out, "event: "...), kind+"\n"...)
	}
	return append(append(append(out, "data: "...), Compact(v)...), "\n\n"...)
}

const eventStream = "text/event-stream; charset=utf-8"

// comment is a sign of life in a stream of events: one line, because some clients (openai-go 1.12) take the blank line
// behind it for the end of an event, which they then can't read.
func comment() [][]byte { return [][]byte{[]byte(": searching\n")} }
