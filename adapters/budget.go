package adapters

import (
	"context"
	"sync"
)

// Budget bounds how often what failed is asked again: each first call allows one more, beyond what it begins with. So a
// failing endpoint is asked no more than about twice as much as a good one, however many ask. A nil Budget allows
// everything. It is safe for concurrent use.
type Budget struct {
	mu   sync.Mutex
	left int
	most int
}

// NewBudget returns a budget that begins with so many calls and holds most at most.
func NewBudget(begin, most int) *Budget { return &Budget{left: begin, most: most} }

// First notes a first call.
func (b *Budget) First() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.left+1, b.most)
}

// Again reports whether something may be asked once more, and counts it.
func (b *Budget) Again() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left <= 0 {
		return false
	}
	b.left--
	return true
}

// search is what the calls of one search have in common.
type search struct{ budget *Budget }

// What a search may ask again, beside once for each first call.
const (
	spareOfSearch = 8
	mostOfSearch  = 1 << 20
)

type searchKey struct{}

// WithSearch marks every call made with the context as part of one search: adapters share the endpoint out evenly among
// searches, and what a search asks again comes out of one Budget.
func WithSearch(ctx context.Context) context.Context {
	return context.WithValue(ctx, searchKey{}, &search{NewBudget(spareOfSearch, mostOfSearch)})
}

// Search identifies the search that a context belongs to, nil for none.
func Search(ctx context.Context) any {
	if s, ok := ctx.Value(searchKey{}).(*search); ok {
		return s
	}
	return nil
}

// BudgetOf is the search's that a context belongs to, nil for none.
func BudgetOf(ctx context.Context) *Budget {
	if s, ok := ctx.Value(searchKey{}).(*search); ok {
		return s.budget
	}
	return nil
}
