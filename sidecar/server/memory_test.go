package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// network is one within the process, for tests of what takes how long: in a bubble of synctest the clock goes on
// only where all wait, so that no machine is too slow for them.
type network struct {
	calls chan net.Conn
	shut  chan struct{}
	once  sync.Once
}

func (m *network) Accept() (net.Conn, error) {
	select {
	case conn := <-m.calls:
		return conn, nil
	case <-m.shut:
		return nil, net.ErrClosed
	}
}

func (m *network) Close() error {
	m.once.Do(func() { close(m.shut) })
	return nil
}

func (m *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (m *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case m.calls <- there:
		return here, nil
	case <-m.shut:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// conn is a connection of its own.
func (m *network) conn(t *testing.T) net.Conn {
	t.Helper()
	conn, err := m.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// send sends a request, whose answer's body is to be closed before the test ends, as the test's end does.
func (m *network) send(t *testing.T, method, path string, body io.Reader, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+m.Addr().String()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	client := plainClient(t)
	client.Transport.(*http.Transport).DialContext = m.dial
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// post is send of a body.
func (m *network) post(t *testing.T, path, body string) *http.Response {
	t.Helper()
	return m.send(t, http.MethodPost, path, strings.NewReader(body), nil)
}

// unstarted is a server in memory of a handler's.
func unstarted(t *testing.T, handler http.Handler) (*network, *httptest.Server) {
	m := &network{calls: make(chan net.Conn), shut: make(chan struct{})}
	srv := &httptest.Server{Listener: m, Config: &http.Server{Handler: handler}}
	t.Cleanup(srv.Close)
	return m, srv
}

// inMemory is a server before an upstream, both in memory.
func inMemory(t *testing.T, cfg Config, r Reasoner, upstream http.HandlerFunc) (*network, *httptest.Server) {
	t.Helper()
	up, upServer := unstarted(t, upstream)
	upServer.Start()
	cfg.Upstream = mustURL(t, upServer.URL)
	cfg.Route = func(next http.RoundTripper) http.RoundTripper {
		next.(*http.Transport).DialContext, next.(*http.Transport).Proxy = up.dial, nil
		return next
	}
	s := build(t, cfg, r)
	t.Cleanup(s.upstream.close)
	return unstarted(t, s.Handler())
}

// serveInMemory is inMemory, started.
func serveInMemory(t *testing.T, cfg Config, r Reasoner, upstream http.HandlerFunc) *network {
	t.Helper()
	m, srv := inMemory(t, cfg, r, upstream)
	srv.Start()
	return m
}
