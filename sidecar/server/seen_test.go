package server

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/trace"
)

// TestTheAccessLogHasNoTexts: a line of JSON for each request, with the client's own id of it or a new one, and nothing
// of what was asked, answered or shown as a key.
func TestTheAccessLogHasNoTexts(t *testing.T) {
	keys, as := keyed(t, map[string]string{"team": ""})
	var log lockedBuffer
	addr := serve(t, Config{Keys: keys, Defaults: defaults(guided), Log: slog.New(slog.NewJSONHandler(&log, nil))}, answers(solved()), newFakeUpstream(t, replies(`{"choices":[],"said":"SECRET answer"}`)))
	header := as["team"].Clone()
	header.Set("X-Request-Id", "mine-1")
	secret := strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
	for path, body := range map[string]string{
		"/v1/chat/completions":          askWhole,
		"/v1/embeddings?q=SECRET":       `{"input":"SECRET question"}`,
		"/v1/prm/traces/SECRET":         ``,
		"/SECRET/path":                  ``,
		"/v1/chat/completions?x=SECRET": `{"model":"m@raw","messages":[{"role":"user","content":"SECRET"}]}`,
	} {
		io.Copy(io.Discard, do(t, "POST", addr+path, body, header).Body)
		header.Del("X-Request-Id")
	}
	do(t, "GET", addr+"/v1/models", "", http.Header{"Authorization": {"Bearer SECRET-guess"}, "X-Request-Id": {"not plain \"SECRET\""}})
	eventually(t, "each request has its line, behind its answer", func() bool { return strings.Count(log.String(), `"msg":"request"`) >= 6 })
	lines, mine := 0, 0
	for in := bufio.NewScanner(strings.NewReader(log.String())); in.Scan(); {
		var line struct {
			Msg, ID, Route, Strategy, Key string
			Status                        int
		}
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, in.Text())
		}
		if strings.Contains(in.Text(), "SECRET") || strings.Contains(in.Text(), secret) || strings.Contains(in.Text(), question) {
			t.Errorf("it tells: %s", in.Text())
		}
		if line.Msg != "request" {
			continue
		}
		lines++
		if line.ID == "mine-1" {
			mine++
		}
		if line.ID == "" || line.Route == "" || line.Status == 0 || line.Key != "team" && line.Status != 401 {
			t.Errorf("it lacks something: %s", in.Text())
		}
	}
	if lines != 6 || mine != 1 {
		t.Errorf("%d lines for 6 requests, %d by the client's own id:\n%s", lines, mine, log.String())
	}
}

// passing collects what was passed on.
type passing struct {
	mu  sync.Mutex
	all []trace.Passed
}

func (p *passing) Export(trace.Trace) {}
func (p *passing) Passed(one trace.Passed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, one)
}

// TestTraceContext: a client's trace goes on at the endpoint, of raw requests and of what a search asks, and a raw
// request has a span in it.
func TestTraceContext(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	var out passing
	up := newFakeUpstream(t, replies(`{"choices":[]}`))
	searching := make(chan http.Header, 1)
	r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		searching <- adapters.ClientOf(ctx).Header
		return solved(), nil
	}}
	addr := serve(t, Config{Defaults: defaults(guided), TraceExporter: &out}, r, up)
	header := http.Header{"Traceparent": {parent}, "Tracestate": {"vendor=1"}}
	do(t, "POST", addr+"/v1/chat/completions", `{"model":"m@raw","messages":[]}`, header).Body.Close()
	do(t, "POST", addr+"/v1/chat/completions", askWhole, header).Body.Close()
	for what, sent := range map[string]http.Header{"raw": up.seen[0].header, "a search": <-searching} {
		if sent.Get("traceparent") != parent || sent.Get("tracestate") != "vendor=1" {
			t.Errorf("%s: %v", what, sent)
		}
	}
	told := func() int {
		out.mu.Lock()
		defer out.mu.Unlock()
		return len(out.all)
	}
	eventually(t, "what was passed on is told of, behind its answer", func() bool { return told() > 0 })
	out.mu.Lock()
	defer out.mu.Unlock()
	if len(out.all) != 1 || out.all[0].TraceParent != parent || out.all[0].Status != 200 || out.all[0].Total <= 0 || out.all[0].First <= 0 || out.all[0].Route != "/v1/chat/completions" {
		t.Errorf("%+v", out.all)
	}
}

// TestReloadKeepsTheLimits: what is under way since before a reload counts against the limits after it.
func TestReloadKeepsTheLimits(t *testing.T) { synctest.Test(t, reloadKeepsTheLimits) }

func reloadKeepsTheLimits(t *testing.T) {
	release := make(chan struct{})
	begun := make(chan struct{}, 8)
	r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		begun <- struct{}{}
		<-release
		return solved(), nil
	}}
	cfg := Config{Defaults: defaults(guided), MaxSearches: 2, MaxQueued: 1}
	s := build(t, cfg, r)
	var clients sync.WaitGroup
	codes := make(chan int, 8)
	ask := func() { clients.Go(func() { codes <- post(s, "/v1/chat/completions", askWhole).Code }) }
	ask()
	ask()
	<-begun
	<-begun
	again := s.cfg
	if err := s.Become(again, r); err != nil {
		t.Fatal(err)
	}
	ask() // waits
	synctest.Wait()
	if len(begun) > 0 {
		t.Error("a third search of two began after a reload")
	}
	ask()
	if code := <-codes; code != http.StatusTooManyRequests {
		t.Errorf("the fourth of two and one that waits: %d", code)
	}
	close(release)
	clients.Wait()
	for range 3 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
}
