package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
)

// dial opens a connection of its own to a server.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(addr, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAnnouncedBodiesCostNothing: memory is for what has come, not for what a client says will come.
func TestAnnouncedBodiesCostNothing(t *testing.T) {
	addr := serve(t, Config{Defaults: defaults(guided)}, &reasoner{checkpoint: "x"}, newFakeUpstream(t, replies("{}")))
	for _, path := range []string{"/v1/chat/completions", "/v1/prm/score", "/pooling", "/v1/embeddings", "/api/show"} {
		before := heap()
		for range 64 {
			fmt.Fprintf(dial(t, addr), "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", path, 32<<20)
		}
		time.Sleep(200 * time.Millisecond)
		if grown := int64(heap()) - int64(before); grown > 32<<20 {
			t.Errorf("%s: 64 clients who announced much and sent nothing have %d MiB", path, grown>>20)
		}
	}
}

// TestBodiesAreBounded: all together, however each is sent.
func TestBodiesAreBounded(t *testing.T) {
	for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n", 1<<20), "Transfer-Encoding: chunked\r\n\r\nf0000\r\n"} {
		s := build(t, Config{MaxBody: 1 << 20, MaxBodies: 2 << 20, Defaults: defaults(guided)}, &reasoner{checkpoint: "x"})
		srv := httptest.NewServer(s.Handler())
		t.Cleanup(srv.Close)
		addr := srv.URL
		var held []net.Conn
		for range 2 { // each leaves out its last bytes
			conn := dial(t, addr)
			fmt.Fprintf(conn, "POST /v1/prm/score HTTP/1.1\r\nHost: localhost\r\n%s%s", head, strings.Repeat(" ", 980_000))
			held = append(held, conn)
		}
		eventually(t, "what has come is counted", func() bool {
			room := s.bodies.TryAcquire(5 * piece)
			if room {
				s.bodies.Release(5 * piece)
			}
			return !room
		})
		body := `{"problem":"p","steps":["` + strings.Repeat("x", 200_000) + `"]}`
		refused := func() bool {
			resp := do(t, "POST", addr+"/v1/prm/score", body, nil)
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return resp.StatusCode == http.StatusServiceUnavailable
		}
		if !refused() {
			t.Error("it has room for more")
		}
		for _, conn := range held {
			conn.Close()
		}
		eventually(t, "what is gone is forgotten", func() bool { return !refused() })
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestASlowBodyIsGivenUp: a client that stalls, and one that sends a byte now and then, also where the body goes to the
// upstream as it comes, or where nobody reads it.
func TestASlowBodyIsGivenUp(t *testing.T) {
	cfg := Config{BodyTimeout: 300 * time.Millisecond, APIKey: "k"}
	for name, tt := range map[string]struct {
		path, kind, key string
		trickle         bool
	}{
		"stalls":                   {"/v1/chat/completions", "application/json", "k", false},
		"trickles":                 {"/v1/prm/score", "application/json", "k", true},
		"a file for the upstream":  {"/v1/files", "application/octet-stream", "k", true},
		"without a key, unread":    {"/v1/chat/completions", "application/json", "", true},
		"to a path that reads not": {"/healthz", "application/json", "k", true},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			conn := serveInMemory(t, cfg, &reasoner{checkpoint: "x"}, drains).conn(t)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n{", tt.path, tt.key, tt.kind)
			gone := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, conn)
				gone <- err
			}()
			late := time.After(10 * time.Second)
			for {
				select {
				case <-gone:
					return
				case <-late:
					t.Fatal("it is waited for still")
				case <-time.After(50 * time.Millisecond):
					if tt.trickle {
						conn.Write([]byte(" ")) // which fails once it is given up
					}
				}
			}
		}))
	}
	t.Run("a steady one isn't, however long it takes", bubble(func(t *testing.T) {
		body, w := io.Pipe()
		go func() {
			for range 20 {
				w.Write([]byte(strings.Repeat(" ", 1000)))
				time.Sleep(50 * time.Millisecond)
			}
			w.Write([]byte(`{"problem":"p"}`))
			w.Close()
		}()
		m := serveInMemory(t, cfg, &reasoner{checkpoint: "x"}, drains)
		if resp := m.send(t, "POST", "/v1/prm/score", body, http.Header{"Authorization": {"Bearer k"}}); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", resp.StatusCode)
		}
	}))
}

// bubble is a test whose time is synctest's.
func bubble(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// drains answers nothing to what it has read to the end.
func drains(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }

// TestAClientThatReadsNothingIsGivenUp, whatever is written to it.
func TestAClientThatReadsNothingIsGivenUp(t *testing.T) {
	left := make(chan struct{}, 8)
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		defer func() { left <- struct{}{} }()
		chunk := []byte(strings.Repeat("x", 1<<20))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	addr := serve(t, Config{WriteTimeout: 300 * time.Millisecond}, &reasoner{}, up)
	conn := dial(t, addr)
	fmt.Fprint(conn, "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Fatal("it is written to still")
	}
}

// TestPagesOfOtherSites may neither ask nor read, by their own name or by one that they have resolved to this machine.
func TestPagesOfOtherSites(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"data":[]}`))
	open := build(t, Config{Upstream: mustURL(t, up.URL), Traces: 8, Origins: []string{"https://chat.example.org"}, Hosts: []string{"sidecar.example.org"}}, &reasoner{checkpoint: "x"})
	keyed := build(t, Config{Upstream: mustURL(t, up.URL), Traces: 8, APIKey: "k"}, &reasoner{checkpoint: "x"})
	paths := []struct{ method, path string }{
		{"GET", "/v1/prm/traces"}, {"GET", "/v1/prm/traces/x"}, {"GET", "/metrics"}, {"GET", "/readyz"}, {"GET", "/v1/models"}, {"GET", "/api/tags"}, {"GET", "/other"},
		{"POST", "/v1/prm/score"}, {"POST", "/pooling"}, {"POST", "/v1/chat/completions"}, {"POST", "/api/chat"}, {"POST", "/api/show"}, {"DELETE", "/v1/files/x"}, {"POST", "/v1/embeddings"},
	}
	for _, p := range paths {
		for _, tt := range []struct {
			host   string
			header map[string]string
			may    bool
		}{
			{"127.0.0.1:8484", nil, true}, {"localhost:8484", nil, true}, {"[::1]:8484", nil, true}, {"192.168.1.9", nil, true}, {"sidecar:8484", nil, true},
			{"host.docker.internal:8484", nil, true}, {"sidecar.default.svc.cluster.local", nil, true}, {"sidecar.example.org", nil, true},
			{"evil.example.com", nil, false}, {"localhost.evil.example.com", nil, false}, {"127.0.0.1.nip.io:8484", nil, false}, {"evil.example.com.", nil, false},
			{"localhost:8484", map[string]string{"Origin": "http://localhost:8484"}, true},
			{"localhost:8484", map[string]string{"Origin": "https://chat.example.org", "Sec-Fetch-Site": "cross-site"}, true},
			{"localhost:8484", map[string]string{"Origin": "https://evil.example.com"}, false},
			{"localhost:8484", map[string]string{"Origin": "null"}, false},
			{"localhost:8484", map[string]string{"Origin": "http://localhost:9999"}, false},
			{"localhost:8484", map[string]string{"Origin": "https://evil.example.com", "Content-Type": "text/plain"}, false},
			{"localhost:8484", map[string]string{"Sec-Fetch-Site": "cross-site"}, p.method == "GET"},
			{"localhost:8484", map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		} {
			r := httptest.NewRequest(p.method, "http://"+tt.host+p.path, strings.NewReader(`{}`))
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			if code := send(open, r).Code; (code != http.StatusForbidden) != tt.may {
				t.Errorf("%s %s as %s with %v: %d", p.method, p.path, tt.host, tt.header, code)
			}
			if p.path == "/metrics" || p.path == "/readyz" {
				continue
			}
			r = r.Clone(t.Context())
			r.Body = io.NopCloser(strings.NewReader(`{}`))
			r.Header.Set("Authorization", "Bearer k")
			if code := send(keyed, r).Code; code == http.StatusForbidden || code == http.StatusUnauthorized {
				t.Errorf("%s %s as %s with %v and the key: %d", p.method, p.path, tt.host, tt.header, code)
			}
		}
	}
}

// TestNothingIsEchoed: what an upstream echoes would hold the sidecar's key for it.
func TestNothingIsEchoed(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	addr := serve(t, Config{UpstreamKey: "secret"}, &reasoner{}, up)
	for _, path := range []string{"/", "/v1/chat/completions", "/api/chat", "/v1/prm/score", "/healthz", "/v1/files/x"} {
		resp := do(t, http.MethodTrace, addr+path, "", nil)
		body, _ := io.ReadAll(resp.Body)
		if message, _ := errorIn(t, path, body); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") == "" || !strings.Contains(message, "TRACE") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if up.requests() > 0 {
		t.Error("something reached the upstream")
	}
}

// TestTheUpstreamIsAskedSeldomAboutItself: whoever watches the sidecar doesn't watch the endpoint, whose answer is one
// for all who ask at once.
func TestTheUpstreamIsAskedSeldomAboutItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // as long as an answer counts, all of these are asked for
		var asked atomic.Int64
		m := serveInMemory(t, Config{}, &reasoner{}, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			replies(`{"data":[{"id":"m"}]}`)(w, r)
		})
		for _, path := range []string{"/readyz", "/v1/models", "/api/tags", "/api/ps"} {
			asked.Store(0)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					if resp := m.send(t, "GET", path, nil, nil); resp.StatusCode != 200 {
						t.Errorf("%s: %d", path, resp.StatusCode)
					}
				})
			}
			group.Wait()
			if n := asked.Load(); n > 1 {
				t.Errorf("%s: %d requests to the upstream for 20", path, n)
			}
		}
		// Another's key may see other models.
		asked.Store(0)
		for _, key := range []string{"a", "b"} {
			m.send(t, "GET", "/v1/models", nil, http.Header{"Authorization": {"Bearer " + key}})
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("%d requests for two keys", n)
		}
		// And so may another organisation's, by whatever header; but each request has an id of its own.
		asked.Store(0)
		for i, organisation := range []string{"a", "b", "b"} {
			m.send(t, "GET", "/v1/models", nil, http.Header{"Openai-Organization": {organisation}, "X-Request-Id": {fmt.Sprint(i)}})
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("%d requests for two organisations", n)
		}
	})
}

// TestRawAnswersDontStall: neither before the first byte nor behind it.
func TestRawAnswersDontStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const within = 200 * time.Millisecond
		m := serveInMemory(t, Config{HeaderTimeout: within, IdleTimeout: within}, &reasoner{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/begins" {
				io.WriteString(w, "beginning")
				http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
		began := time.Now()
		if resp := m.send(t, "GET", "/never", nil, nil); resp.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("no answer: %d", resp.StatusCode)
		}
		said, err := io.ReadAll(m.send(t, "GET", "/begins", nil, nil).Body)
		if string(said) != "beginning" || err == nil {
			t.Errorf("%q, %v: want a broken answer", said, err)
		}
		if took := time.Since(began); took != 2*within {
			t.Errorf("both took %v", took)
		}
	})
}

// TestADeadlineIsKept whatever the search does.
func TestADeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		t.Cleanup(func() { close(end) })
		r := &reasoner{checkpoint: "x", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
			<-end
			return decode.Result{}, errors.New("at last")
		}}
		m := serveInMemory(t, Config{Defaults: defaults(guided)}, r, drains)
		for _, stream := range []bool{false, true} {
			began := time.Now()
			resp := m.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":"m","stream":%t,"prm":{"strategy":"guided","deadline_ms":500},"messages":[{"role":"user","content":"hi"}]}`, stream))
			said, err := io.ReadAll(resp.Body)
			if took := time.Since(began); err != nil || took > 750*time.Millisecond || !strings.Contains(string(said), `"deadline"`) {
				t.Errorf("after %v: %s, %v", took, said, err)
			}
		}
	})
}

// TestTheEndOfAQuietStream: a stream whose last bytes are long written ends as well as any other.
func TestTheEndOfAQuietStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := serveInMemory(t, Config{WriteTimeout: 50 * time.Millisecond}, &reasoner{}, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "data: [DONE]\n\n")
			http.NewResponseController(w).Flush()
			time.Sleep(300 * time.Millisecond)
		})
		for method, body := range map[string]string{"GET": "", "POST": "{}"} {
			resp := m.send(t, method, "/v1/other", strings.NewReader(body), nil)
			if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "data: [DONE]\n\n" {
				t.Errorf("%s: %q, %v", method, text, err)
			}
		}
	})
}
