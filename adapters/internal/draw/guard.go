package draw

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"aprm/adapters"
)

// LargestAnswer bounds what is read of one answer of an endpoint, in bytes.
const LargestAnswer = 256 << 20

// ErrTooLarge is what reading an answer beyond LargestAnswer comes to.
var ErrTooLarge = fmt.Errorf("the answer has more than %d MiB", LargestAnswer>>20)

// Client is the HTTP client of an adapter: what it sends goes to the endpoint that was named and to no other, with a
// key of its own or, unless alone, with what the client's own request had along.
func Client(next http.RoundTripper, key string, alone bool) *http.Client {
	return &http.Client{Transport: Authorize{Next: guard{next}, Key: key, Alone: alone}}
}

// guard refuses to be sent on to another host, which would get the key and the question, and bounds answers.
type guard struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if to, err := resp.Location(); resp.StatusCode >= 300 && resp.StatusCode < 400 && err == nil && !at(to, r.URL) && (resp.Request == nil || !at(to, resp.Request.URL)) {
		_ = resp.Body.Close()
		return nil, &adapters.UpstreamError{Op: "upstream", Status: resp.StatusCode,
			Message: fmt.Sprintf("it sends its callers on to %s://%s, which was not named: name that one, should it be the endpoint", to.Scheme, to.Host)}
	}
	resp.Body = &bounded{resp.Body, LargestAnswer}
	return resp, nil
}

// at reports whether both are at one host. Of several endpoints the one that answered may be another one than was
// asked: it may send its callers on to itself.
func at(a, b *url.URL) bool { return a.Host == b.Host && a.Scheme == b.Scheme }

type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Told is the error that the pool of endpoints, or the guard before it, gave in place of an answer; nil where err is
// another's.
func Told(err error) *adapters.UpstreamError {
	var known *adapters.UpstreamError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrTooLarge):
		return &adapters.UpstreamError{Op: "upstream", Status: http.StatusBadGateway, Message: ErrTooLarge.Error(), Err: err}
	}
	return nil
}
