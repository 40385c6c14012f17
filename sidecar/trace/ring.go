package trace

import (
	"sync"
	"time"
)

// RingBytes bounds what a ring holds unless it is told otherwise.
const RingBytes = 32 << 20

// Ring keeps the last traces, bounded in number and in bytes. It is safe for concurrent use. Traces in it are shared:
// nobody may change one.
type Ring struct {
	mu       sync.Mutex
	number   int
	bytes    int
	held     int     // bytes
	traces   []Trace // the oldest first
	position map[string]int
	gone     int // traces that were dropped: position counts from the very first
}

// NewRing returns a ring of the last number traces that take at most so many bytes together, by a count of their texts
// and candidates.
func NewRing(number, bytes int) *Ring {
	return &Ring{number: number, bytes: bytes, position: map[string]int{}}
}

// Add keeps a trace. The oldest go to make room; one that is larger than the whole ring isn't kept.
func (r *Ring) Add(t Trace) {
	size := t.size()
	if r.number < 1 || size > r.bytes {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.traces) >= r.number || r.held+size > r.bytes {
		oldest := r.traces[0]
		r.held -= oldest.size()
		if r.position[oldest.ID] == r.gone { // unless a later one has its ID
			delete(r.position, oldest.ID)
		}
		r.traces[0] = Trace{} // append reuses the array: let go of the texts now
		r.traces = r.traces[1:]
		r.gone++
	}
	r.position[t.ID] = r.gone + len(r.traces)
	r.traces = append(r.traces, t)
	r.held += size
}

// Written completes the trace of that ID, if it is still there, with how long its answer took to be written.
func (r *Ring) Written(id string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.position[id]; ok {
		r.traces[at-r.gone] = r.traces[at-r.gone].Written(took)
	}
}

// Get returns the trace of that ID.
func (r *Ring) Get(id string) (Trace, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.position[id]
	if !ok {
		return Trace{}, false
	}
	return r.traces[at-r.gone], true
}

// List returns summaries of at most limit traces, the newest first, of the owners whose may be seen.
func (r *Ring) List(limit int, may func(owner string) bool) []Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []Summary{} // an empty list in JSON, not null
	for i := len(r.traces) - 1; i >= 0 && len(out) < limit; i-- {
		if may(r.traces[i].Owner) {
			out = append(out, r.traces[i].Summary())
		}
	}
	return out
}

// Summary is a trace in a list.
type Summary struct {
	ID         string    `json:"id"`
	Began      time.Time `json:"began"`
	Model      string    `json:"model"`
	Strategy   string    `json:"strategy"`
	Question   string    `json:"question,omitempty"` // its beginning
	Answer     string    `json:"answer,omitempty"`
	Stopped    string    `json:"stopped,omitempty"`
	Error      string    `json:"error,omitempty"`
	Candidates int       `json:"candidates"`
	Tokens     Tokens    `json:"tokens"`
	Seconds    Times     `json:"seconds"`
}

// questionRunes are shown of a question in a summary.
const questionRunes = 120

// Summary shortens the trace.
func (t Trace) Summary() Summary {
	question, runes := t.Question, 0
	for at := range question { // no further than needed: it may be long
		if runes++; runes > questionRunes {
			question = question[:at] + "…"
			break
		}
	}
	return Summary{ID: t.ID, Began: t.Began, Model: t.Model, Strategy: t.Strategy, Question: question, Answer: t.Answer, Stopped: t.Stopped,
		Error: t.Error, Candidates: len(t.Candidates), Tokens: t.Tokens, Seconds: t.Seconds}
}

// size is about how many bytes a trace takes in memory.
func (t Trace) size() int {
	const itself, option, candidate, step = 800, 64, 200, 80
	n := itself + option*len(t.Options) + len(t.ID) + len(t.Model) + len(t.Question) + len(t.Text) + len(t.Answer) + len(t.Error)
	for _, c := range t.Candidates {
		n += candidate + len(c.Text) + len(c.Answer) + len(c.Kept) + len(c.Dropped)
	}
	for _, s := range t.Steps {
		n += step + len(s.Text)
	}
	return n
}
