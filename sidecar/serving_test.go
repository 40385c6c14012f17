package main

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// written is what a command has written so far.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// serving is a command that serves, at ports of its own choice: one that was free may be another's by the time it is
// asked for.
type serving struct {
	out, errs written
	ended     chan int
	cancel    context.CancelFunc
}

func startServing(t testing.TB, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{ended: make(chan int, 1), cancel: cancel}
	go func() { s.ended <- run(ctx, args, strings.NewReader(""), &s.out, &s.errs) }()
	return s
}

// stop ends it, which is to be with success.
func (s *serving) stop(t testing.TB) {
	t.Helper()
	s.cancel()
	if code := <-s.ended; code != 0 {
		t.Errorf("it ended with status %d: %s", code, &s.errs)
	}
}

// Where a command that serves says that it does.
var (
	servesAt   = regexp.MustCompile(`an Ollama client at  https?://(\S+)`)
	profilesAt = regexp.MustCompile(`profiles\W+url\W+https?://([^/]+)/`)
)

// at is an address that it has said, at this machine.
func (s *serving) at(t testing.TB, where *regexp.Regexp) (addr string) {
	t.Helper()
	soon(t, "it says where it serves", func() bool {
		select {
		case code := <-s.ended:
			t.Fatalf("it doesn't start: status %d: %s", code, &s.errs)
		default:
		}
		found := where.FindStringSubmatch(s.out.String() + s.errs.String())
		if found != nil {
			_, port, err := net.SplitHostPort(found[1])
			if err != nil {
				t.Fatal(err)
			}
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return found != nil
	})
	return addr
}

// startServe serves until stop is called.
func startServe(t testing.TB, args ...string) (addr string, stop func()) {
	t.Helper()
	return startServeAt(t, "127.0.0.1", args...)
}

// startServeAt is startServe listening at a host that includes this machine's own address, which addr has.
func startServeAt(t testing.TB, host string, args ...string) (addr string, stop func()) {
	t.Helper()
	s := startServing(t, append([]string{"serve", "--log-level", "error", "--listen", net.JoinHostPort(host, "0")}, args...)...)
	return s.at(t, servesAt), func() {
		t.Helper()
		s.stop(t)
	}
}
