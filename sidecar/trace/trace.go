// Package trace remembers searches: what was asked, which candidates there were, what they scored and took, why each
// was kept or dropped, and where the time went. It holds the type, a ring of the last ones, and the tree that a
// terminal shows.
package trace

import (
	"math"
	"reflect"
	"strings"
	"sync"
	"time"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Trace is one search. Its JSON is what GET /v1/prm/traces/{id} answers and what a prm object shows on request.
type Trace struct {
	ID          string            `json:"id"`                    // the answer's own, where the dialect has one
	Began       time.Time         `json:"began"`                 // when the request came
	Route       string            `json:"route"`                 // that it came by
	Owner       string            `json:"owner,omitempty"`       // the name of the key that it came with; "" where there are no keys
	TraceParent string            `json:"traceparent,omitempty"` // the W3C header of that name that came with it
	Model       string            `json:"model"`                 // as the client named it
	Strategy    string            `json:"strategy"`              // that answered
	Asked       string            `json:"asked,omitempty"`       // the strategy to be used, where another one had to answer: the PRM failed
	Applied     string            `json:"applied"`               // what was decided and why, as in the header X-Sidecar-Applied
	Kinds       step.Kinds        `json:"kinds,omitempty"`       // programs or mixed; absent where all candidates are prose
	Options     map[string]any    `json:"options"`               // of the search, in snake_case; those that are zero are left out
	Checkpoint  string            `json:"checkpoint,omitempty"`
	Question    string            `json:"question,omitempty"`   // the user's last message
	Candidates  []Candidate       `json:"candidates,omitempty"` // in the order in which they were drawn
	Steps       []Step            `json:"steps,omitempty"`      // of the answer
	Text        string            `json:"text,omitempty"`       // of the answer
	Answer      string            `json:"answer,omitempty"`     // the final answer found in Text
	Finish      string            `json:"finish,omitempty"`     // why Text ended: end, step or length
	Auto        decode.AutoReport `json:"auto,omitzero"`        // what auto decided, and why
	Stopped     string            `json:"stopped,omitempty"`    // what ended the search before its time, as decode.Stopped
	Error       string            `json:"error,omitempty"`      // why there is no answer
	Textless    bool              `json:"textless,omitempty"`   // texts were left out
	Tokens      Tokens            `json:"tokens"`               // over all candidates

	ScoringCalls int   `json:"scoring_calls"`
	Seconds      Times `json:"seconds"`
}

// Candidate is a whole answer or, where the answer is built step by step, a next step.
type Candidate struct {
	ID      int       `json:"id"`
	Parent  int       `json:"parent,omitempty"` // ID of the candidate that it continues; 0 for none
	At      int       `json:"at"`               // the 0-based step it was for; 0 for a whole answer
	Kind    step.Kind `json:"kind,omitempty"`   // where there are programs: what it is
	Text    string    `json:"text,omitempty"`   // of its own, without what it continues, as the model wrote it
	Answer  string    `json:"answer,omitempty"`
	Score   *float64  `json:"score,omitempty"` // aggregated over its steps, in [0,1]; absent when it has none
	Tokens  int       `json:"tokens"`          // generated for it
	Chosen  bool      `json:"chosen,omitempty"`
	Kept    string    `json:"kept,omitempty"`    // why it was gone on with or is the answer
	Dropped string    `json:"dropped,omitempty"` // why it was not
	Began   float64   `json:"began"`             // seconds since the search began: when it was asked for
	Ended   float64   `json:"ended"`             // when it was there
}

// Step is a step of the answer, with the PRM's scores where there are any.
type Step struct {
	Text  string   `json:"text,omitempty"`
	Step  *float64 `json:"step,omitempty"`  // chance that the step is correct
	Value *float64 `json:"value,omitempty"` // chance that a solution that begins like this ends right
}

// Tokens are the LLM's.
type Tokens struct {
	Prompt     int `json:"prompt"`     // read
	Completion int `json:"completion"` // generated
}

// Times say where the seconds of a request went. Total is the sum of Queued, LLM, PRM and Own: from before the
// request's body was read until the last byte of the answer was written and flushed, so that a client slow to send or
// to take it shows in Own. In the trace that an answer holds itself it ends when that answer was ready to be written,
// and so it does for whoever asks for a trace while the answer is being written: Write is 0.
type Times struct {
	Total  float64 `json:"total"`
	Queued float64 `json:"queued"` // waiting for other searches
	LLM    float64 `json:"llm"`    // at least one call of the LLM, hidden states included, was under way
	PRM    float64 `json:"prm"`    // the PRM was at work, and the LLM was not
	Own    float64 `json:"own"`    // the rest: search and HTTP
	Read   float64 `json:"read"`   // of Own: reading the request, before it was queued
	Write  float64 `json:"write"`  // of Own: writing the answer, after the search; of a stream what was left of it
}

// OwnShare is the sidecar's own share, PRM included, of the time that wasn't spent in the queue: in [0,1], 0 of no
// time.
func (t Times) OwnShare() float64 {
	if busy := t.Total - t.Queued; busy > 0 {
		return (t.PRM + t.Own) / busy
	}
	return 0
}

// Request is what a server knows of a search besides its result.
type Request struct {
	ID, Owner, Route, TraceParent, Model, Applied, Checkpoint, Question string

	Options decode.Options
	Began   time.Time     // when it came
	Read    time.Duration // until it was read and understood
	Total   time.Duration // until its answer was ready to be written
	Queued  time.Duration // of Total: waiting for its turn
	Err     error         // why there is no answer
}

// Recorder collects what a running search tells, so that one that fails leaves a trace too. The zero value is ready.
type Recorder struct {
	mu   sync.Mutex         // a search that its client no longer waits for may tell on
	seen []decode.Candidate // in the order in which they were first told of
	at   map[int]int        // index of an ID
}

// Watch is a decode.Options.Watch.
func (r *Recorder) Watch(e decode.Event) {
	c := e.Candidate
	if c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, known := r.at[c.ID]; known {
		r.seen[i] = *c
		return
	}
	if r.at == nil {
		r.at = map[int]int{}
	}
	r.at[c.ID] = len(r.seen)
	r.seen = append(r.seen, *c)
}

// Trace is the trace of a search that has ended: of its result where it has candidates, else of what was told while it
// ran.
func (r *Recorder) Trace(q Request, result decode.Result) Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := Trace{
		ID: q.ID, Owner: q.Owner, Began: q.Began, Route: q.Route, TraceParent: q.TraceParent, Model: q.Model, Strategy: q.Options.Strategy, Applied: q.Applied,
		Options: settings(q.Options), Checkpoint: q.Checkpoint, Question: q.Question,
		Text: result.Text, Answer: result.Answer, Finish: string(result.Finish), Stopped: string(result.Stopped), Auto: result.Auto,
		Tokens: Tokens{Prompt: result.PromptTokens, Completion: result.CompletionTokens}, ScoringCalls: result.ScoringCalls,
		Seconds: Times{Total: seconds(q.Total), Queued: seconds(q.Queued), LLM: seconds(result.LLMTime), PRM: seconds(result.PRMTime),
			Own: seconds(max(0, q.Total-q.Queued-result.LLMTime-result.PRMTime)), Read: seconds(q.Read)},
	}
	if result.Kinds.HavePrograms() {
		t.Kinds = result.Kinds
	}
	if result.Instead != "" {
		t.Strategy, t.Asked = result.Instead, q.Options.Strategy
	}
	if q.Err != nil {
		t.Error = q.Err.Error()
	}
	for _, s := range result.Steps {
		out := Step{Text: s.Text}
		if s.Scored {
			out.Step, out.Value = &s.Step, &s.Value
		}
		t.Steps = append(t.Steps, out)
	}
	candidates := result.Candidates
	if len(candidates) < len(r.seen) {
		candidates = r.seen
	}
	for _, c := range candidates {
		out := candidateOf(c)
		if t.Kinds == "" {
			out.Kind = ""
		}
		t.Candidates = append(t.Candidates, out)
	}
	return t
}

func candidateOf(c decode.Candidate) Candidate {
	out := Candidate{ID: c.ID, Parent: c.Parent, At: c.At, Kind: c.Kind, Text: c.Text, Answer: c.Answer, Tokens: c.Tokens, Chosen: c.Chosen, Kept: c.Kept,
		Dropped: c.Dropped, Began: seconds(c.Began), Ended: seconds(c.Ended)}
	if c.Scored {
		out.Score = &c.Score
	}
	return out
}

// seconds to the microsecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e6 }

// settings are the options of a search that say something, by their names. The strategy has a place of its own.
func settings(o decode.Options) map[string]any {
	out := map[string]any{}
	put := func(name string, value any) {
		if !reflect.ValueOf(value).IsZero() {
			out[name] = value
		}
	}
	for _, s := range decode.Settings() {
		if v := s.Value(o); v != decode.AsMeasured { // what that came to is Trace.Kinds
			put(s.Name, v)
		}
	}
	put("seed", o.Seed)
	put("unseeded", o.Unseeded)
	put("logprobs", o.LogProbs)
	put("top_logprobs", o.TopLogProbs)
	return out
}

// Written is the trace of a request whose answer took so long to be written.
func (t Trace) Written(took time.Duration) Trace {
	s := &t.Seconds
	sum := func(a, b float64) float64 { return math.Round((a+b)*1e6) / 1e6 }
	s.Write = seconds(took)
	s.Total, s.Own = sum(s.Total, s.Write), sum(s.Own, s.Write)
	return t
}

// WithoutTexts is the trace without anything that the client or the LLM wrote: question, texts, answers and what errors
// quote.
func (t Trace) WithoutTexts() Trace {
	t.Textless = true
	t.Question, t.Text, t.Answer, t.Error = "", "", "", head(t.Error)
	t.Auto.Reason = head(t.Auto.Reason) // the PRM's error may quote
	t.Candidates = append([]Candidate(nil), t.Candidates...)
	for i := range t.Candidates {
		c := &t.Candidates[i]
		c.Text, c.Answer, c.Kept, c.Dropped = "", "", head(c.Kept), head(c.Dropped)
	}
	t.Steps = append([]Step(nil), t.Steps...)
	for i := range t.Steps {
		t.Steps[i].Text = ""
	}
	return t
}

// head is a reason without its details: "failed" of "failed: upstream answered 500: …".
func head(reason string) string {
	reason, _, _ = strings.Cut(reason, ":")
	return reason
}

// Passed is a request that was passed on to the endpoint as it is.
type Passed struct {
	Method, Route, TraceParent string
	Status                     int
	Began                      time.Time
	First, Total               time.Duration // until the first byte of the answer, 0 for none, and until its end
}

// TraceParent is the value of a W3C traceparent header, "" when it isn't one of version 00 (w3.org/TR/trace-context).
func TraceParent(header string) string {
	parts := strings.Split(header, "-")
	if len(parts) != 4 || parts[0] != "00" || !hex(parts[1], 32) || !hex(parts[2], 16) || !hex(parts[3], 2) || zero(parts[1]) || zero(parts[2]) {
		return ""
	}
	return header
}

func hex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}

func zero(s string) bool { return strings.Trim(s, "0") == "" }
