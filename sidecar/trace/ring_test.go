package trace

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func ids(r *Ring, limit int) string {
	var out []string
	for _, s := range r.List(limit, anyone) {
		out = append(out, s.ID)
	}
	return strings.Join(out, " ")
}

func TestRingHoldsTheLast(t *testing.T) {
	r := NewRing(3, RingBytes)
	if r.List(10, anyone) == nil {
		t.Error("an empty list is null in JSON")
	}
	for i := range 5 {
		r.Add(Trace{ID: fmt.Sprint(i)})
	}
	if got := ids(r, 10); got != "4 3 2" {
		t.Errorf("%q", got)
	}
	if got := ids(r, 2); got != "4 3" {
		t.Errorf("limited: %q", got)
	}
	for i := range 5 {
		if got, ok := r.Get(fmt.Sprint(i)); ok != (i >= 2) || ok && got.ID != fmt.Sprint(i) {
			t.Errorf("get %d: %q, %t", i, got.ID, ok)
		}
	}
	r.Add(Trace{ID: "3", Model: "again"}) // an ID twice: the later one counts, also when the earlier has gone
	r.Add(Trace{ID: "5"})
	if got, ok := r.Get("3"); !ok || got.Model != "again" {
		t.Errorf("an ID twice: %+v, %t", got, ok)
	}
	for i := range 1000 {
		r.Add(Trace{ID: fmt.Sprint("x", i)})
	}
	if len(r.position) != 3 {
		t.Errorf("%d IDs are remembered of 3 traces", len(r.position))
	}
}

func TestRingBoundsBytes(t *testing.T) {
	big := func(id string, bytes int) Trace { return Trace{ID: id, Text: strings.Repeat("x", bytes)} }
	r := NewRing(100, 10_000)
	for i := range 9 {
		r.Add(big(fmt.Sprint(i), 1000))
		if r.held > 10_000 {
			t.Fatalf("it holds %d bytes", r.held)
		}
	}
	if got := ids(r, 100); got != "8 7 6 5 4" {
		t.Errorf("%q", got)
	}
	r.Add(big("huge", 10_000))
	if _, ok := r.Get("huge"); ok || ids(r, 1) != "8" {
		t.Error("a trace larger than the ring drives out the others")
	}
	r.Add(big("large", 9000))
	if got := ids(r, 100); got != "large" {
		t.Errorf("%q", got)
	}
	off := NewRing(0, RingBytes)
	off.Add(Trace{ID: "a"})
	if got := ids(off, 1); got != "" {
		t.Errorf("a ring of none holds %q", got)
	}
}

func TestRingConcurrent(t *testing.T) {
	r := NewRing(8, 20_000)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 200 {
				id := fmt.Sprint(worker, "-", i)
				r.Add(Trace{ID: id, Text: strings.Repeat("x", i*10)})
				if got, ok := r.Get(id); ok && got.ID != id {
					t.Errorf("asked for %s, got %s", id, got.ID)
				}
				if n := len(r.List(100, anyone)); n > 8 {
					t.Errorf("%d traces", n)
				}
			}
		})
	}
	all.Wait()
}

// TestRingWritten: a trace is completed where it is, and only that one; one that is gone stays gone.
func TestRingWritten(t *testing.T) {
	r := NewRing(2, 1<<20)
	for _, id := range []string{"a", "b", "c"} {
		r.Add(Trace{ID: id, Seconds: Times{Total: 1, Own: 0.25}})
	}
	r.Written("a", time.Second)
	r.Written("c", time.Second/2)
	if _, ok := r.Get("a"); ok {
		t.Error("a is back")
	}
	if b, _ := r.Get("b"); b.Seconds != (Times{Total: 1, Own: 0.25}) {
		t.Errorf("b: %+v", b.Seconds)
	}
	if c, _ := r.Get("c"); c.Seconds != (Times{Total: 1.5, Own: 0.75, Write: 0.5}) {
		t.Errorf("c: %+v", c.Seconds)
	}
}

func anyone(string) bool { return true }

func TestAListIsOfThoseThatMayBeSeen(t *testing.T) {
	r := NewRing(8, RingBytes)
	for i, owner := range []string{"a", "b", "a"} {
		r.Add(Trace{ID: string(rune('x' + i)), Owner: owner})
	}
	if got := r.List(1, func(owner string) bool { return owner == "b" }); len(got) != 1 || got[0].ID != "y" {
		t.Errorf("%+v", got)
	}
}
