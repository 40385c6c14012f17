package server

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long what the upstream answered counts.
const (
	freshReady = time.Second
	freshList  = 2 * time.Second
)

// mostAsked bounds how many answers are kept: clients may send any key and query.
const mostAsked = 128

// answered is what the upstream answered to a question about itself.
type answered struct {
	status int
	body   []byte
	err    error
	at     time.Time
}

// asked remembers what the upstream answered lately, so that those who look at it often ask it seldom. The zero value is ready.
type asked struct {
	mu     sync.Mutex
	known  map[string]answered
	asking singleflight.Group
}

// about returns what is known of key, or what ask finds now; who wants the same meanwhile waits for that. A failure counts too.
func (a *asked) about(key string, fresh time.Duration, ask func() answered) answered {
	a.mu.Lock()
	was, ok := a.known[key]
	a.mu.Unlock()
	if ok && time.Since(was.at) < fresh {
		return was
	}
	found, _, _ := a.asking.Do(key, func() (any, error) {
		now := ask()
		now.at = time.Now()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.known) >= mostAsked || a.known == nil {
			a.known = map[string]answered{}
		}
		a.known[key] = now
		return now, nil
	})
	return found.(answered)
}
