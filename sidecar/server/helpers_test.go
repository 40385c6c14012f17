package server

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/casetest"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { casetest.Main(m) }

const question = "Tom has 3 boxes of 4 pens. How many pens does he have?"

// reasoner is a Reasoner that a test scripts.
type reasoner struct {
	checkpoint  string
	instruction string
	solve       func(ctx context.Context, model string, messages []adapters.Message, opts decode.Options) (decode.Result, error)
	score       func(ctx context.Context, t step.Trace) ([]prm.Score, error)
	sighted     bool // its scores read hidden states

	mu    sync.Mutex
	calls []solveCall
}

type solveCall struct {
	model    string
	messages []adapters.Message
	opts     decode.Options
}

func (r *reasoner) Solve(ctx context.Context, model string, messages []adapters.Message, opts decode.Options) (decode.Result, error) {
	r.mu.Lock()
	r.calls = append(r.calls, solveCall{model, messages, opts})
	r.mu.Unlock()
	return r.solve(ctx, model, messages, opts)
}

func (r *reasoner) Checkpoint() (string, bool) { return r.checkpoint, r.checkpoint != "" }
func (r *reasoner) Instruction() string        { return r.instruction }
func (r *reasoner) Judge(ctx context.Context, t step.Trace, _ [][]step.Token) ([]prm.Score, bool, error) {
	scores, err := r.score(ctx, t)
	return scores, r.sighted, err
}

// last is the latest call; the test fails if there was none.
func (r *reasoner) last(t *testing.T) solveCall {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == 0 {
		t.Fatal("the request was not searched")
	}
	return r.calls[len(r.calls)-1]
}

func (r *reasoner) searched() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// answers is a reasoner that gives the same result to everything.
func answers(result decode.Result) *reasoner {
	return &reasoner{checkpoint: "ab12cd34", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
		return result, nil
	}}
}

// fails is a reasoner that gives the same error to everything.
func fails(err error) *reasoner {
	return &reasoner{checkpoint: "ab12cd34", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
		return decode.Result{}, err
	}}
}

// seen is a request as an upstream got it.
type seen struct {
	method, uri string
	header      http.Header
	body        []byte
}

// fakeUpstream records requests and answers them by a handler.
type fakeUpstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

func newFakeUpstream(t testing.TB, handle http.HandlerFunc) *fakeUpstream {
	t.Helper()
	up := &fakeUpstream{}
	up.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil && r.Header.Get("Content-Type") != "application/octet-stream" { // which tests break off
			t.Errorf("upstream: read: %v", err)
		}
		up.mu.Lock()
		up.seen = append(up.seen, seen{r.Method, r.RequestURI, r.Header.Clone(), body})
		up.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handle(w, r)
	}))
	t.Cleanup(up.Close)
	return up
}

func (up *fakeUpstream) last(t *testing.T) seen {
	t.Helper()
	up.mu.Lock()
	defer up.mu.Unlock()
	if len(up.seen) == 0 {
		t.Fatal("nothing reached the upstream")
	}
	return up.seen[len(up.seen)-1]
}

func (up *fakeUpstream) requests() int {
	up.mu.Lock()
	defer up.mu.Unlock()
	return len(up.seen)
}

// replies answers every request with the same bytes.
func replies(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}
}

// build makes a server whose clock moves by two seconds each time it is read, and whose ids are all the same.
func build(t testing.TB, cfg Config, r Reasoner) *Server {
	t.Helper()
	if cfg.Upstream == nil {
		cfg.Upstream = &url.URL{Scheme: "http", Host: "upstream.invalid"}
	}
	if cfg.Dialect == "" {
		cfg.Dialect = dialect.OpenAI
	}
	if cfg.Hosts == nil {
		cfg.Hosts = []string{"example.com"} // as httptest calls it
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int64
	s.now = func() time.Time {
		return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).Add(time.Duration(reads.Add(1)-1) * 2 * time.Second)
	}
	s.newID = func() string { return "TESTID" }
	return s
}

// serve puts a server before an upstream and returns its address.
func serve(t testing.TB, cfg Config, r Reasoner, up *fakeUpstream) string {
	t.Helper()
	if up != nil {
		cfg.Upstream = mustURL(t, up.URL)
	}
	s := build(t, cfg, r)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		srv.Close()
		s.upstream.close()
	})
	return srv.URL
}

func mustURL(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// post sends a body straight into the handler.
func post(s *Server, path, body string) *httptest.ResponseRecorder {
	return send(s, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
}

func send(s *Server, r *http.Request) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(r.Context()) // one that can be cancelled, as a server's own
	defer cancel()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r.WithContext(ctx))
	return rec
}

// plainClient neither asks for compression nor unpacks it.
func plainClient(t testing.TB) *http.Client {
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// golden compares got with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}

const (
	guided       = decode.Guided
	majority     = decode.Majority
	weightedVote = decode.WeightedVote
	bestOfN      = decode.BestOfN
)

// defaults are options that pass for whole ones.
func defaults(strategy string) decode.Options {
	return decode.Options{Strategy: strategy, N: 4, Temperature: .7, TopP: .9, MaxTokens: 512, MaxSteps: 16, TokenBudget: 4096, Threshold: .3, Aggregate: "min"}
}

// captureLog collects what net/http's servers log, until the test ends.
func captureLog(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	var said strings.Builder
	before := log.Writer()
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return said.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(before) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// lockedBuffer is a buffer that a server may still write its log to while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
