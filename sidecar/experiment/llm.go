package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"aprm/adapters"
)

// desk is the experiment's LLM: it answers what was asked before from memory, as PRMs trained on the same problems do ask, and it
// keeps the time in which the LLM behind it was at work.
type desk struct {
	adapters.LLM

	mu     sync.Mutex
	known  map[[sha256.Size]byte][]adapters.Completion
	active int // calls that the LLM is working on
	since  time.Time
	busy   time.Duration
}

func newDesk(llm adapters.LLM) *desk {
	return &desk{LLM: llm, known: map[[sha256.Size]byte][]adapters.Completion{}}
}

// Generate implements adapters.LLM.
func (d *desk) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	text, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("experiment: %w", err)
	}
	key := sha256.Sum256(text)
	d.mu.Lock()
	cs, ok := d.known[key]
	d.mu.Unlock()
	if ok {
		return cs, nil
	}
	defer d.work()()
	cs, err = d.LLM.Generate(ctx, req)
	for _, c := range cs {
		if c.Err != nil {
			return cs, err
		}
	}
	if err == nil {
		d.mu.Lock()
		d.known[key] = cs
		d.mu.Unlock()
	}
	return cs, err
}

// Hidden implements adapters.LLM.
func (d *desk) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	defer d.work()()
	return d.LLM.Hidden(ctx, text, spans)
}

// work notes that a call begins, and returns what notes its end.
func (d *desk) work() func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active++; d.active == 1 {
		d.since = time.Now()
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.active--; d.active == 0 {
			d.busy += time.Since(d.since)
		}
	}
}

// worked is how long the LLM has been at work.
func (d *desk) worked() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.busy
}
