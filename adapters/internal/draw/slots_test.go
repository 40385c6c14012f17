package draw

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
)

// search draws n completions of a second each within one search, and returns when the last is there.
func search(t *testing.T, slots *Slots, n int) {
	ctx := adapters.WithSearch(t.Context())
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := slots.Acquire(ctx, 1); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Second)
			slots.Release(ctx, 1)
		})
	}
	group.Wait()
}

// TestShortSearchIsNotStarved: sixteen candidates are ahead on four slots, which take them four seconds.
func TestShortSearchIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(4)
		began := time.Now()
		var short, long time.Duration
		var group sync.WaitGroup
		group.Go(func() { search(t, slots, 16); long = time.Since(began) })
		synctest.Wait()
		group.Go(func() { search(t, slots, 2); short = time.Since(began) })
		group.Wait()
		if short != 2*time.Second { // one that all slots were busy, one of its own
			t.Errorf("the short search took %v", short)
		}
		if long != 5*time.Second { // 18 candidates on 4 slots: nothing was left idle
			t.Errorf("the long search took %v", long)
		}
	})
}

// TestSearchesShareEvenly: three searches that all want more than there is get a third each.
func TestSearchesShareEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(6)
		var group sync.WaitGroup
		ends := make([]time.Duration, 3)
		began := time.Now()
		for i := range ends {
			group.Go(func() { search(t, slots, 12); ends[i] = time.Since(began) })
			synctest.Wait()
		}
		time.Sleep(1500 * time.Millisecond)
		slots.mu.Lock()
		for search, n := range slots.held {
			if n != 2 && len(slots.held) == 3 {
				t.Errorf("search %v holds %d of 6 slots", search, n)
			}
		}
		if len(slots.held) != 3 {
			t.Errorf("%d searches hold slots, want 3", len(slots.held))
		}
		slots.mu.Unlock()
		group.Wait()
	})
}

// TestManySlotsAtOnce: who wants all is not passed over by those who want one, and who gives up is in nobody's way.
func TestManySlotsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(4)
		one, all, other := adapters.WithSearch(t.Context()), adapters.WithSearch(t.Context()), adapters.WithSearch(t.Context())
		if err := slots.Acquire(one, 1); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 2)
		leaving, leave := context.WithCancel(all)
		go func() {
			if err := slots.Acquire(leaving, 4); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		}()
		synctest.Wait()
		go func() {
			if err := slots.Acquire(other, 3); err != nil {
				t.Error(err)
			}
			order <- "three"
		}()
		synctest.Wait()
		select {
		case <-order:
			t.Error("three slots were given past the one who waited for four")
		default:
		}
		leave()
		<-order
		slots.Release(one, 1)
		slots.Release(other, 3)
		if slots.free != 4 || len(slots.held) != 0 || len(slots.waiting) != 0 {
			t.Errorf("left: %d free, %v held, %d waiting", slots.free, slots.held, len(slots.waiting))
		}
		if err := slots.Acquire(leaving, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended got %v", err)
		}
	})
}
