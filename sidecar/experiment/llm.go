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

// desk is the experiment's LLM. While PRMs are trained it answers what was asked before from memory, as PRMs trained on
// the same problems do ask, and charges what the answer took when it was made: its share of the time in which the LLM
// was at work.
type desk struct {
	adapters.LLM

	mu     sync.Mutex
	keep   bool
	known  map[[sha256.Size]byte]known
	active int // calls that the LLM is working on
	since  time.Time
	share  time.Duration // of one call that began at the very start: each moment is shared by the calls active in it
	spent  time.Duration // by all calls
	saved  time.Duration // by what was answered from memory
}

type known struct {
	cs   []adapters.Completion
	took time.Duration
}

func newDesk(llm adapters.LLM) *desk { return &desk{LLM: llm, known: map[[sha256.Size]byte]known{}} }

// remember says whether answers are to be kept.
func (d *desk) remember(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep = on
}

// Generate implements adapters.LLM.
func (d *desk) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	text, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("experiment: %w", err)
	}
	key := sha256.Sum256(text)
	d.mu.Lock()
	if was, ok := d.known[key]; ok {
		d.saved += was.took
		d.mu.Unlock()
		return was.cs, nil
	}
	d.mu.Unlock()
	end := d.begin()
	cs, err := d.LLM.Generate(ctx, req)
	took := end()
	for _, c := range cs {
		if c.Err != nil {
			return cs, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.keep {
		d.known[key] = known{cs, took}
	}
	return cs, err
}

// Hidden implements adapters.LLM.
func (d *desk) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	defer d.begin()()
	return d.LLM.Hidden(ctx, text, spans)
}

// begin notes that a call begins, and returns what notes its end and says what share of the time was its own.
func (d *desk) begin() func() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tick()
	d.active++
	from := d.share
	return func() time.Duration {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tick()
		d.active--
		took := d.share - from
		d.spent += took
		return took
	}
}

// tick shares the time since the last change among the active calls.
func (d *desk) tick() {
	now := time.Now()
	if d.active > 0 {
		d.share += now.Sub(d.since) / time.Duration(d.active)
	}
	d.since = now
}

// worked is how long the LLM has been at work, and how long it would have been on what was answered from memory.
func (d *desk) worked() (spent, saved time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spent, d.saved
}
