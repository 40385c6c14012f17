// Package pool is the endpoints of one model, one or several: it sends each request to one that is well and has least
// to do, passes over those that fail, and has all requests wait that one of them was asked to wait. It looks at what
// comes back and asks nothing by itself.
package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// An endpoint that failed nine calls in ten of the last ten seconds, of twenty at least, is left alone for two; then
// few calls try it.
const (
	span      = 10 * time.Second
	fewest    = 20
	openFor   = 2 * time.Second
	tryOut    = 2
	loadWords = 64 << 10 // bytes of a 503 that are read for whether the model is being loaded
)

// longest is what an endpoint may ask to wait and be waited for. Whatever else it asked, it is asked again after that:
// by then it may be well, or the word was meant for another client.
const longest = time.Minute

// Kinds of what goes wrong with a call.
const (
	Unreachable = "unreachable" // no answer
	Limited     = "limited"     // 429
	Failed      = "failed"      // 5xx
	Broken      = "broken"      // the answer broke off
	Silent      = "silent"      // it stalled until it was given up
	Open        = "open"        // not asked: it failed too often lately
	FailedOver  = "failed_over" // asked of another one, beside the kind of why
)

// Pool is safe for concurrent use.
type Pool struct {
	members []*member
	tell    func(endpoint, kind string)

	mu   sync.Mutex
	turn int // breaks ties
}

// member is one endpoint.
type member struct {
	base    *url.URL
	breaker *gobreaker.TwoStepCircuitBreaker[any]

	mu     sync.Mutex
	busy   int
	opened time.Time
	held   time.Time               // until then it is left alone
	asked  time.Time               // as it asked to be, perhaps for longer
	why    *adapters.UpstreamError // its words
}

// New returns a pool of endpoints that serve the same below their scheme and host. tell is called with what goes wrong,
// nil for nobody.
func New(endpoints []*url.URL, tell func(endpoint, kind string)) (*Pool, error) {
	if len(endpoints) == 0 {
		return nil, errors.New("pool: no endpoint")
	}
	if tell == nil {
		tell = func(string, string) {}
	}
	p := &Pool{tell: tell}
	for _, u := range endpoints {
		if strings.TrimRight(u.Path, "/") != strings.TrimRight(endpoints[0].Path, "/") {
			return nil, fmt.Errorf("the endpoints of one model must serve it at one path: %s and %s differ", endpoints[0].Redacted(), u.Redacted())
		}
		m := &member{base: u}
		m.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Name: u.Host, MaxRequests: tryOut, Interval: span, BucketPeriod: time.Second, Timeout: openFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.Requests >= fewest && 10*c.TotalFailures >= 9*c.Requests },
			IsExcluded:  func(err error) bool { return errors.Is(err, errUntold) },
			OnStateChange: func(_ string, _, to gobreaker.State) {
				if to == gobreaker.StateOpen {
					m.mu.Lock()
					defer m.mu.Unlock()
					m.opened = time.Now()
				}
			},
		})
		p.members = append(p.members, m)
	}
	return p, nil
}

// errUntold is the outcome of a call that says nothing about the endpoint: its caller left.
var errUntold = errors.New("the caller left")

// errFailed is that of a failed one.
var errFailed = errors.New("failed")

// Size is how many endpoints there are.
func (p *Pool) Size() int { return len(p.members) }

// States are the endpoints, by host, each with whether it is asked: "closed" (it is), "half-open" (by few) or "open"
// (it isn't).
func (p *Pool) States() map[string]string {
	out := map[string]string{}
	for _, m := range p.members {
		out[m.base.Host] = m.breaker.State().String()
	}
	return out
}

// Waiting is the RoundTripper of a search: it waits as long as an endpoint asked to be waited for, where there is time,
// and asks none that fails. Its error then is an adapters.UpstreamError. A request is for the first endpoint's host and
// goes to any; one for another endpoint's, which sent its caller on within itself, goes there; one for a stranger's
// passes the pool by.
func (p *Pool) Waiting(next http.RoundTripper) http.RoundTripper { return way{p, next, true} }

// Passing is the RoundTripper of a client's own request, which goes to the endpoint that is best off, however that is.
func (p *Pool) Passing(next http.RoundTripper) http.RoundTripper { return way{p, next, false} }

type way struct {
	pool  *Pool
	next  http.RoundTripper
	waits bool
}

// CloseIdleConnections has the one below do so.
func (w way) CloseIdleConnections() {
	if t, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper. What fails before the first byte of an answer is asked of another endpoint,
// if there is one that is well and the request can be sent again.
func (w way) RoundTrip(r *http.Request) (*http.Response, error) {
	tried, known := w.pool.outOfTheQuestion(r.URL.Host)
	if !known {
		return w.next.RoundTrip(r)
	}
	for again := false; ; again = true {
		c, err := w.pool.take(r.Context(), w.waits, tried)
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close() // as a RoundTripper must
			}
			return nil, err
		}
		m, out := c.member, r
		if again || m.base.Host != r.URL.Host {
			out = r.Clone(r.Context())
			out.URL.Scheme, out.URL.Host, out.Host = m.base.Scheme, m.base.Host, ""
		}
		if again && r.GetBody != nil {
			if out.Body, err = r.GetBody(); err != nil {
				c.end(errUntold)
				return nil, err
			}
		}
		tried = append(tried, m)
		resp, err := w.next.RoundTrip(out)
		kind := ""
		switch {
		case err != nil && errors.Is(context.Cause(r.Context()), draw.ErrIdle):
			kind = Silent
		case err != nil && r.Context().Err() != nil:
			c.end(errUntold)
			return nil, err
		case err != nil:
			kind = Unreachable
		case resp.StatusCode == http.StatusTooManyRequests:
			kind = Limited
		case resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented && !loading(resp):
			kind = Failed
		}
		if kind == "" && resp.StatusCode == http.StatusSwitchingProtocols { // the connection is the client's from here on
			c.end(nil)
			return resp, nil
		}
		if kind == "" {
			resp.Body = &body{ReadCloser: resp.Body, ctx: r.Context(), call: c, tell: func(kind string) { w.pool.tell(m.base.Host, kind) }}
			return resp, nil
		}
		w.pool.tell(m.base.Host, kind)
		if resp != nil {
			m.hold(resp)
		}
		outcome := errFailed
		if kind == Limited { // it is well, and has enough to do
			outcome = errUntold
		}
		c.end(outcome)
		if (r.Body == nil || r.Body == http.NoBody || r.GetBody != nil) && r.Context().Err() == nil && w.pool.another(tried) {
			if resp != nil {
				_ = resp.Body.Close()
			}
			w.pool.tell(m.base.Host, FailedOver)
			continue
		}
		return resp, err
	}
}

// outOfTheQuestion are the endpoints that a request for a host is not for: none where it is the first one's, else all
// but the one that it is; known is whether there is one.
func (p *Pool) outOfTheQuestion(host string) (others []*member, known bool) {
	if host == p.members[0].base.Host {
		return nil, true
	}
	for _, m := range p.members {
		if m.base.Host == host {
			known = true
		} else {
			others = append(others, m)
		}
	}
	return others, known
}

// take picks an endpoint that was not tried. The call must be ended.
func (p *Pool) take(ctx context.Context, waits bool, tried []*member) (*call, error) {
	for {
		var wait time.Duration
		var why error
		for _, m := range p.order(tried) {
			left, said := m.holding()
			if left > 0 && waits {
				if wait == 0 || left < wait {
					wait, why = left, said
				}
				continue
			}
			done, err := m.breaker.Allow()
			if err == nil {
				return m.begin(done), nil
			}
			if why == nil {
				why = m.open()
			}
		}
		if !waits { // the one that is best off, however that is
			m := p.order(tried)[0]
			return m.begin(func(error) {}), nil
		}
		if until, timed := ctx.Deadline(); wait == 0 || wait > longest || timed && time.Until(until) <= wait {
			p.tell(p.members[0].base.Host, Open)
			return nil, why
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, why
		}
	}
}

// another reports whether there is an endpoint that wasn't tried and is well.
func (p *Pool) another(tried []*member) bool {
	for _, m := range p.members {
		left, _ := m.holding()
		if !slices.Contains(tried, m) && m.breaker.State() == gobreaker.StateClosed && left == 0 {
			return true
		}
	}
	return false
}

// order are the endpoints that were not tried: those that are well before the others, those that have less to do first.
func (p *Pool) order(tried []*member) []*member {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn++
	type rank struct {
		m       *member
		unwell  bool
		busy    int
		arrival int
	}
	var ranks []rank
	for i, m := range p.members {
		if slices.Contains(tried, m) {
			continue
		}
		left, _ := m.holding()
		state := m.breaker.State() // never under m.mu: a breaker that opens holds its own lock while it takes that
		m.mu.Lock()
		ranks = append(ranks, rank{m, left > 0 || state == gobreaker.StateOpen, m.busy, (i + p.turn) % len(p.members)})
		m.mu.Unlock()
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		switch {
		case a.unwell != b.unwell && a.unwell:
			return 1
		case a.unwell != b.unwell:
			return -1
		case a.busy != b.busy:
			return a.busy - b.busy
		}
		return a.arrival - b.arrival
	})
	out := make([]*member, len(ranks))
	for i, r := range ranks {
		out[i] = r.m
	}
	return out
}

// call is one that an endpoint is asked: it is busy with it until its end, and what came of it may be known before.
type call struct {
	*member
	done        func(error)
	known, over sync.Once
}

// begin counts a call.
func (m *member) begin(done func(error)) *call {
	m.mu.Lock()
	m.busy++
	m.mu.Unlock()
	return &call{member: m, done: done}
}

// came tells what came of it; the first word counts.
func (c *call) came(outcome error) { c.known.Do(func() { c.done(outcome) }) }

// end ends it, with what came of it if that isn't known.
func (c *call) end(outcome error) {
	c.over.Do(func() {
		c.mu.Lock()
		c.busy--
		c.mu.Unlock()
		c.came(outcome)
	})
}

// holding is how long the endpoint asked to be left alone still, and its words; 0 where it may be asked.
func (m *member) holding() (time.Duration, *adapters.UpstreamError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Until(m.held) <= 0 {
		return 0, nil
	}
	left := time.Until(m.asked)
	why := *m.why
	why.RetryAfter = left
	return left, &why
}

// hold notes what the endpoint asked for.
func (m *member) hold(resp *http.Response) {
	wait := adapters.RetryAfter(resp.Header, time.Now())
	if wait <= 0 {
		return
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, loadWords)) // as much of it as there is
	resp.Body = rest(said, resp.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if held := now.Add(min(wait, longest)); held.After(m.held) {
		m.held, m.asked, m.why = held, now.Add(wait), adapters.Refusal("upstream", resp.StatusCode, resp.Header, said)
	}
}

// open is the error of an endpoint that isn't asked.
func (m *member) open() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &adapters.UpstreamError{Op: "upstream", Status: http.StatusServiceUnavailable, RetryAfter: max(100*time.Millisecond, openFor-time.Since(m.opened)),
		Message: "nearly all calls of the endpoint failed lately: it is left alone for a moment"}
}

// loading reports whether a refusal says that the model is being loaded, which is no failure.
func loading(resp *http.Response) bool {
	if resp.StatusCode != http.StatusServiceUnavailable {
		return false
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, loadWords)) // as much of it as there is
	resp.Body = rest(said, resp.Body)
	return strings.Contains(strings.ToLower(string(said)), "loading")
}

// rest is a body whose beginning was read already.
func rest(begin []byte, body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), body), body}
}

// body tells what came of an answer: it is good when its first byte is there, so that an endpoint that is tried again
// is well at once and not only when a long stream ends. The endpoint is busy with it until its end.
type body struct {
	io.ReadCloser
	ctx  context.Context
	call *call
	tell func(kind string)
	once sync.Once // of its end
}

func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if n > 0 {
		b.call.came(nil)
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end(nil)
	case errors.Is(context.Cause(b.ctx), draw.ErrIdle):
		b.fail(Silent)
	case b.ctx.Err() != nil:
		b.end(errUntold)
	default:
		b.fail(Broken)
	}
	return n, err
}

// fail ends the call, against the endpoint where not even a first byte came.
func (b *body) fail(kind string) {
	b.once.Do(func() {
		b.tell(kind)
		b.call.end(errFailed)
	})
}

func (b *body) end(outcome error) { b.once.Do(func() { b.call.end(outcome) }) }

func (b *body) Close() error {
	b.end(errUntold)
	return b.ReadCloser.Close()
}
