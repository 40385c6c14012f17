package server

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long what the upstream answered counts.
const (
	freshReady = time.Second
	freshList  = 2 * time.Second
)

// mostAsked bounds how many answers are kept, and mostAskedBytes what is in them: clients may send any key and query.
const (
	mostAsked      = 128
	mostAskedBytes = 32 << 20
)

// answered is what the upstream answered to a question about itself.
type answered struct {
	status int
	body   []byte
	err    error
	at     time.Time // zero for never
}

// asked remembers what the upstream answered lately, so that those who look at it often ask it seldom. The zero value
// is ready.
type asked struct {
	mu     sync.Mutex
	known  map[string]remembered
	asking singleflight.Group
}

// remembered is what is known of one question.
type remembered struct {
	last answered
	good answered // the last one that was no failure
}

func (r remembered) bytes() int { return len(r.last.body) + len(r.good.body) }

// about returns what is known of key, or what ask finds now; who wants the same meanwhile waits for that. A failure
// counts too.
func (a *asked) about(key string, fresh time.Duration, ask func() answered) answered {
	a.mu.Lock()
	was := a.known[key].last
	a.mu.Unlock()
	if time.Since(was.at) < fresh {
		return was
	}
	found, _, _ := a.asking.Do(key, func() (any, error) {
		now := ask()
		now.at = time.Now()
		a.keep(key, now)
		return now, nil
	})
	return found.(answered)
}

// good is the last answer to key that was no failure, however old it is.
func (a *asked) good(key string) answered {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[key].good
}

// keep notes an answer, and forgets those that are the oldest where there are too many.
func (a *asked) keep(key string, now answered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]remembered{}
	}
	of := a.known[key]
	if of.last = now; now.err == nil && now.status == http.StatusOK {
		of.good = now
	}
	a.known[key] = of
	bytes := 0
	for _, r := range a.known {
		bytes += r.bytes()
	}
	for len(a.known) > mostAsked || len(a.known) > 1 && bytes > mostAskedBytes {
		oldest := ""
		for k, r := range a.known {
			if k != key && (oldest == "" || r.last.at.Before(a.known[oldest].last.at)) {
				oldest = k
			}
		}
		bytes -= a.known[oldest].bytes()
		delete(a.known, oldest)
	}
}
