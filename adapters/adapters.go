// Package adapters is the project's view of an LLM: a few value types and one interface of three methods. Each kind of
// endpoint has a package of its own below this one, and all of them pass the contract suite in adaptertest.
package adapters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aprm/adapters/wire"
	"aprm/prm/step"
)

// LLM is an endpoint that serves one language model. Implementations are safe for concurrent use.
type LLM interface {
	// Generate samples req.N completions. A completion that failed carries its own Err and leaves the others alone; the
	// error returned is for a request of which nothing came back at all. Completions are in the order of their index.
	Generate(ctx context.Context, req Request) ([]Completion, error)

	// Hidden returns, for each span of text, the model's hidden states there: one State a span, in the order of spans.
	// ErrUnsupported when the endpoint gives none.
	Hidden(ctx context.Context, text string, spans []Span) ([]State, error)

	// Capabilities probes the endpoint on the first call and remembers what it found. In a search, and where ctx has a
	// deadline, a slow probe isn't waited for long: the error is ErrUnprobed, and Generate meanwhile asks for nothing
	// that not every endpoint can do.
	Capabilities(ctx context.Context) (Capabilities, error)
}

// Role says who wrote a message.
type Role string

const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation. Text only: requests with tools or images never reach this interface.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

// Request asks for completions of a conversation. It is plain data: equal requests have equal content hashes. When the
// last message is the assistant's, it is a prefill: the model continues it, and Completion.Text holds only what is new,
// whatever the endpoint echoes.
type Request struct {
	Messages    []Message
	N           int           // completions wanted; 0 means 1
	Temperature float64       // 0 is greedy, and is really sent as 0
	TopP        float64       // in (0,1]; 0 leaves the endpoint's default
	MaxTokens   int           // tokens of each completion; 0 leaves the endpoint's default
	Stop        []string      // stop strings; never part of the text
	Seed        *int64        // completion i is drawn with Seed+i; nil leaves it to the endpoint
	LogProbs    bool          // ask for Completion.Tokens
	TopLogProbs int           // alternatives a token, where the endpoint gives them; implies LogProbs
	TopWanted   bool          `json:",omitempty"` // by the client; else an endpoint on which alternatives cost much leaves them out
	Timeout     time.Duration // for the whole call; 0 leaves the adapter's own

	// OneStep ends each completion after its first complete step (step.Next): the adapter watches the text as it
	// streams, stops that completion upstream and returns FinishCut. This tells the end of a step from the end of the
	// answer on servers whose finish_reason does not.
	OneStep bool
}

// FinishReason says why a completion ended.
type FinishReason string

const (
	FinishEnd    FinishReason = "end"    // end of text, or a stop string where the endpoint doesn't tell them apart
	FinishStop   FinishReason = "stop"   // a stop string, known for certain: Completion.StopString
	FinishCut    FinishReason = "cut"    // after a whole step, by Request.OneStep
	FinishLength FinishReason = "length" // MaxTokens or the context ran out
)

// Completion is one sampled answer.
type Completion struct {
	Text       string
	Finish     FinishReason
	StopString string       // the stop string that ended it, when the endpoint says so
	Tokens     []step.Token // log-probabilities, nil when not asked for or not given
	Usage      Usage        // this completion's own
	Err        error        // set when this completion failed; Text holds what came before that
}

// Usage counts tokens, as the endpoint bills them: a call of several completions has read its prompt once, on its first
// completion; completions that took a call each have each read it.
type Usage struct {
	PromptTokens     int
	CompletionTokens int
}

// Add returns the sum of two counts.
func (u Usage) Add(v Usage) Usage {
	return Usage{PromptTokens: u.PromptTokens + v.PromptTokens, CompletionTokens: u.CompletionTokens + v.CompletionTokens}
}

// Span is a half-open range of bytes, [Start, End).
type Span struct{ Start, End int }

// State is what the model's last layer held over a span: vectors of Capabilities.Hidden.Width, as the endpoint gave
// them.
type State struct {
	Last []float32 // at the span's last token, having read everything before it
	Mean []float32 // mean over the span's tokens; nil where the endpoint gives no token states
}

// Prefill says what a server does with a trailing assistant message.
type Prefill string

const (
	PrefillNone      Prefill = "none"      // not continued: the adapter asks for the next step in a prompt
	PrefillContinued Prefill = "continued" // continued, only new text comes back
	PrefillEchoed    Prefill = "echoed"    // continued, the prefix comes back first (the adapter strips it)
)

// HiddenKind says which hidden states a server gives.
type HiddenKind string

const (
	HiddenNone   HiddenKind = "none"
	HiddenTokens HiddenKind = "tokens" // every token's: State has Last and Mean
	HiddenLast   HiddenKind = "last"   // the last token's only
	HiddenMean   HiddenKind = "mean"   // one mean over the whole text: of no use for a step, reported and not used
)

// Capabilities is what a probe of the endpoint found, not what its documentation says.
type Capabilities struct {
	Model       string // the model asked
	Weights     string `json:",omitempty"` // tells these weights from others of that name; "" where nothing does
	Server      string // what kind of server it takes itself for, "" when it doesn't say
	Streaming   bool
	N           bool // several completions a request; else the adapter fans out
	Stop        bool
	StopReason  bool // tells a stop string from the end of text
	Seed        bool // the same seed gave the same text twice
	LogProbs    bool
	TopLogProbs bool
	Tools       bool
	Prefill     Prefill
	Thinks      bool `json:",omitempty"` // begins with thoughts, which an answer begun for it would be without
	Compact     bool `json:",omitempty"` // was trained on the adversary's requests in their short form, generator.Compact
	Hidden      HiddenCapabilities
}

// Identity names the model and, where they are known, its very weights: what hidden states, and a PRM that reads them,
// belong to.
func (c Capabilities) Identity() string {
	if c.Weights == "" {
		return c.Model
	}
	return c.Model + "@" + c.Weights
}

// HiddenCapabilities is the part of Capabilities about hidden states.
type HiddenCapabilities struct {
	Kind       HiddenKind
	Width      int
	Normalised bool // unit length, so that only the direction is left
}

// OfSteps reports whether a step has states of its own: what is pooled over a whole text says nothing of its steps.
func (h HiddenCapabilities) OfSteps() bool { return h.Kind == HiddenTokens || h.Kind == HiddenLast }

// ErrUnsupported is returned for what the endpoint can't do and the adapter can't supply.
var ErrUnsupported = errors.New("not supported by this endpoint")

// OpPRM is the Op of a request to a PRM of another server: it has the sidecar's key, never the client's.
const OpPRM = "prm"

// ErrUnprobed is returned when it isn't known yet what the endpoint can do: its probe takes long, or failed lately. It
// may be known later.
var ErrUnprobed = errors.New("not known yet")

// UpstreamError is an answer of the endpoint that is an error, or the lack of an answer.
type UpstreamError struct {
	Op         string        // "generate", "hidden", "probe", OpPRM
	Status     int           // HTTP status; 0 when there was no answer, or an error under a 200 that says none; 200 when there was one of no use
	RetryAfter time.Duration // what the endpoint asked for; 0 when it didn't
	Message    string        // the endpoint's own words, safe to show to a user
	Type       string        // its own word for the kind of error, as are Code and Param (the field at fault); "" where it says none
	Code       string
	Param      string
	Err        error // the cause, where there is one
}

func (e *UpstreamError) Error() string {
	switch {
	case e.Status != 0:
		return fmt.Sprintf("%s: upstream answered %d: %s", e.Op, e.Status, e.Message)
	case e.Message != "":
		return fmt.Sprintf("%s: %s", e.Op, e.Message)
	default:
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
}

func (e *UpstreamError) Unwrap() error { return e.Err }

// MayPass reports whether the same request may work another time: there was no answer, or it was 408, 429 or 5xx, but
// for 501.
func (e *UpstreamError) MayPass() bool {
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return e.Status >= http.StatusInternalServerError
}

// Loading reports whether the endpoint is there and its model will be: it is being loaded.
func (e *UpstreamError) Loading() bool {
	return e.Status == http.StatusServiceUnavailable && strings.Contains(strings.ToLower(e.Message), "loading")
}

// Refusal is the error of an answer that is no 200.
func Refusal(op string, status int, header http.Header, body []byte) *UpstreamError {
	said := wire.ParseError(body)
	said.Status = status
	out := Fault(op, said)
	out.RetryAfter = RetryAfter(header, time.Now())
	if out.Message == "" {
		out.Message = http.StatusText(status)
	}
	return out
}

// Fault is the error of an answer that turned out to be one, under a 200 or within a stream.
func Fault(op string, said wire.Error) *UpstreamError {
	return &UpstreamError{Op: op, Status: said.Status, Message: said.Message, Type: said.Type, Code: said.Code, Param: said.Param}
}

// RetryAfter reads the header of that name: seconds or a date. 0 when there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.Atoi(value); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// PlainCause says in a few words why an exchange of HTTP failed, without the URL, which net/http repeats.
func PlainCause(err error) string {
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &op):
		return op.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &syntax):
		return "the answer is no JSON"
	default:
		return "the connection broke"
	}
}

type patienceKey struct{}

// WithPatience has calls made with the context wait for an answer to begin as long as there is time, where else one
// that hasn't begun after half of the time to the deadline fails, so that it can be asked for again.
func WithPatience(ctx context.Context) context.Context {
	return context.WithValue(ctx, patienceKey{}, true)
}

// Patience reports whether WithPatience made ctx.
func Patience(ctx context.Context) bool { return ctx.Value(patienceKey{}) != nil }

type fieldsKey struct{}

// WithFields has calls made with the context send these members too, in the endpoint's own dialect: what a client said
// of how its model is loaded and whether it is to think. What the adapter itself sends wins; of options that are
// objects on both sides the members are joined.
func WithFields(ctx context.Context, fields map[string]json.RawMessage) context.Context {
	return context.WithValue(ctx, fieldsKey{}, fields)
}

// Fields returns what WithFields put into ctx.
func Fields(ctx context.Context) map[string]json.RawMessage {
	fields, _ := ctx.Value(fieldsKey{}).(map[string]json.RawMessage)
	return fields
}

// Client is what a client's own request had beside its body, for the requests that are made for it.
type Client struct {
	Header http.Header // end-to-end ones, its key included where that is for the endpoint
	Query  string      // as it stood in the URL
}

// KeyHeaders are the headers in which clients send their key.
var KeyHeaders = []string{"Authorization", "X-Api-Key", "Api-Key"}

// Thoughtless reports whether WithFields has the model not think, in the words of whichever endpoint.
func Thoughtless(ctx context.Context) bool {
	fields := Fields(ctx)
	var template struct {
		Thinking *bool `json:"enable_thinking"`
	}
	_ = json.Unmarshal(fields["chat_template_kwargs"], &template) // what is no object says nothing
	return string(fields["think"]) == "false" || string(fields["reasoning_effort"]) == `"none"` || template.Thinking != nil && !*template.Thinking
}

type clientKey struct{}

// WithClient hands a client's headers and query on to the endpoint. An adapter with a key of its own sends that in
// place of the client's.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientOf returns what WithClient put into ctx.
func ClientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// LastQuestion is the content of the user's last message, "" without one: the problem that a PRM reads.
func LastQuestion(messages []Message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == User {
			return messages[i].Content
		}
	}
	return ""
}
