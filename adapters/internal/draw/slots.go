package draw

import (
	"context"
	"slices"
	"sync"

	"aprm/adapters"
)

// Slots bounds what an endpoint is asked for at a time, and shares it out evenly among searches (adapters.WithSearch):
// what becomes free goes to the search that holds least, among equals to the one that waits longest. Within a search
// the first come are the first served. So a short search needn't wait for all candidates of a long one. Calls of no
// search are one search together. A probe takes no slots: one that stalls holds up nobody.
type Slots struct {
	mu      sync.Mutex
	free    int
	held    map[any]int // by search; none that holds nothing
	waiting []*waiter   // in the order in which they came
}

type slotlessKey struct{}

func withoutSlots(ctx context.Context) context.Context {
	return context.WithValue(ctx, slotlessKey{}, true)
}

func slotless(ctx context.Context) bool { return ctx.Value(slotlessKey{}) != nil }

type waiter struct {
	search any
	n      int
	ready  chan struct{} // closed when it has its slots
}

// NewSlots returns n free slots.
func NewSlots(n int) *Slots { return &Slots{free: n, held: map[any]int{}} }

// Acquire waits for n slots, at most as many as there are, or for the end of ctx, whose error it returns. Release them
// with the same ctx.
func (s *Slots) Acquire(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slotless(ctx) {
		return nil
	}
	w := &waiter{search: adapters.Search(ctx), n: n, ready: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.deal()
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	} else { // they came at the same moment
		s.giveBack(w.search, w.n)
	}
	s.deal() // others may have stood behind it
	return ctx.Err()
}

// Release gives back n slots that Acquire got with the same ctx.
func (s *Slots) Release(ctx context.Context, n int) {
	if slotless(ctx) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(adapters.Search(ctx), n)
	s.deal()
}

func (s *Slots) giveBack(search any, n int) {
	s.free += n
	if s.held[search] -= n; s.held[search] == 0 {
		delete(s.held, search)
	}
}

// deal gives free slots to those who wait. Nobody is passed over because fewer slots would be enough for another: it
// would wait for ever.
func (s *Slots) deal() {
	for len(s.waiting) > 0 {
		next := 0
		for i, w := range s.waiting {
			if s.held[w.search] < s.held[s.waiting[next].search] {
				next = i
			}
		}
		w := s.waiting[next]
		if w.n > s.free {
			return
		}
		s.waiting = slices.Delete(s.waiting, next, next+1)
		s.free -= w.n
		s.held[w.search] += w.n
		close(w.ready)
	}
}
