package pool

import (
	"net/url"
	"testing"
	"time"
)

// TestOpeningWhileOthersAsk: that an endpoint is found to fail just while somebody looks which one to ask stops
// neither.
func TestOpeningWhileOthersAsk(t *testing.T) {
	p, err := New([]*url.URL{{Scheme: "http", Host: "a"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := p.members[0]
	var last func(error)
	for range fewest {
		if last, err = m.breaker.Allow(); err != nil {
			t.Fatal(err)
		}
		if m.breaker.Counts().Requests < fewest {
			last(errFailed)
		}
	}
	ended := make(chan struct{}, 2)
	m.mu.Lock() // has both come to it before either goes on
	go func() { p.order(nil); ended <- struct{}{} }()
	time.Sleep(50 * time.Millisecond)
	go func() { last(errFailed); ended <- struct{}{} }()
	time.Sleep(50 * time.Millisecond)
	m.mu.Unlock()
	for range 2 {
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("they wait for each other")
		}
	}
	if state := p.States()["a"]; state != "open" {
		t.Errorf("it is %s", state)
	}
}
