package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

const (
	askStream = `{"model":"m","stream":true,"messages":[{"role":"user","content":"` + question + `"}]}`
	askWhole  = `{"model":"m","stream":false,"messages":[{"role":"user","content":"` + question + `"}]}`
)

// slow is a reasoner that answers after d, or as soon as it is cancelled, or with err if there is one.
func slow(d time.Duration, err error) *reasoner {
	return &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		select {
		case <-time.After(d):
			return solved(), err
		case <-ctx.Done():
			return decode.Result{}, ctx.Err()
		}
	}}
}

// TestKeepAlive: signs of life while the search runs, then the answer as ever.
func TestKeepAlive(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/chat/completions": "data: {\"id\":\"chatcmpl-TESTID\",\"object\":\"chat.completion.chunk\",\"created\":1795428000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n: searching\n: searching\ndata: {\"id\":",
		"/api/chat": `{"model":"m","created_at":"2026-11-23T10:00:06Z","message":{"role":"assistant","content":""},"done":false}` + "\n" +
			`{"model":"m","created_at":"2026-11-23T10:00:08Z","message":{"role":"assistant","content":""},"done":false}` + "\n" +
			`{"model":"m","created_at":"2026-11-23T10:00:10Z","message":{"role":"assistant","content":""},"done":false}` + "\n" +
			`{"model":"m","created_at":"2026-11-23T10:00:14Z","message":{"role":"assistant","content":"3 boxes`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := build(t, Config{Defaults: defaults(guided)}, slow(25*time.Second, nil))
			rec := post(s, path, askStream)
			if rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), want) {
				t.Errorf("%s: %d\n%s\nwant it to begin with\n%s", path, rec.Code, rec.Body, want)
			}
			if n := strings.Count(rec.Body.String(), ": searching"); path == "/v1/chat/completions" && n > 2 {
				t.Errorf("%d signs of life in 25 s", n)
			}
		})
	}
}

// TestNoKeepAliveInAWholeAnswer: a JSON body stays one JSON body.
func TestNoKeepAliveInAWholeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, Config{Defaults: defaults(guided)}, slow(time.Hour, nil))
		rec := post(s, "/v1/chat/completions", askWhole)
		if rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), `{"id":`) {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}

// TestFaultAfterTheFirstByte: the status is gone, so the error comes in the stream's own form.
func TestFaultAfterTheFirstByte(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/chat/completions": "data: {\"id\":\"chatcmpl-TESTID\",\"object\":\"chat.completion.chunk\",\"created\":1795428000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n: searching\ndata: {\"error\":{\"message\":\"generate: upstream answered 500: boom\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"upstream_error\"}}\n\ndata: [DONE]\n\n",
		"/api/generate": `{"model":"m","created_at":"2026-11-23T10:00:06Z","response":"","done":false}` + "\n" +
			`{"model":"m","created_at":"2026-11-23T10:00:08Z","response":"","done":false}` + "\n" +
			`{"error":"generate: upstream answered 500: boom"}` + "\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := build(t, Config{Defaults: defaults(guided)}, slow(15*time.Second, &adapters.UpstreamError{Op: "generate", Status: 500, Message: "boom"}))
			body := askStream
			if path == "/api/generate" {
				body = `{"model":"m","prompt":"` + question + `"}`
			}
			rec := post(s, path, body)
			if rec.Code != 200 || rec.Body.String() != want {
				t.Errorf("%s: %d\n%q\nwant\n%q", path, rec.Code, rec.Body, want)
			}
			if m := scrape(s); !strings.Contains(m, `sidecar_requests_total{route="`+path+`",status="500",strategy="guided"} 1`) {
				t.Error("the metrics don't count it as a 500")
			}
		})
	}
}

func TestSearchTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, Config{Defaults: defaults(guided), SearchTimeout: time.Minute}, slow(time.Hour, nil))
		rec := post(s, "/v1/chat/completions", askWhole)
		if message, _ := errorIn(t, "/v1", rec.Body.Bytes()); rec.Code != 504 || !strings.Contains(message, "time") {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}

// TestQueue: one search at a time, one that waits, the third is told to come back.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, Config{Defaults: defaults(guided), MaxSearches: 1, MaxQueued: 1}, slow(time.Minute, nil))
		recs := make(chan *httptest.ResponseRecorder, 3)
		for range 3 {
			go func() { recs <- post(s, "/api/chat", askWhole) }()
		}
		refused := <-recs
		if message, _ := errorIn(t, "/api", refused.Body.Bytes()); refused.Code != 429 || refused.Header().Get("Retry-After") != "5" || !strings.Contains(message, "waiting") {
			t.Errorf("%d %s", refused.Code, refused.Body)
		}
		began := time.Now()
		for _, after := range []time.Duration{time.Minute, 2 * time.Minute} {
			if rec := <-recs; rec.Code != 200 || time.Since(began) != after {
				t.Errorf("%d after %v", rec.Code, time.Since(began))
			}
		}
		if rec := post(s, "/api/chat", askWhole); rec.Code != 200 { // everything was given back
			t.Errorf("afterwards: %d", rec.Code)
		}
	})
}

// TestClientGoneCancelsTheSearch over a real connection, streaming and not.
func TestClientGoneCancelsTheSearch(t *testing.T) {
	for _, body := range []string{askStream, askWhole} {
		begun, ended := make(chan struct{}), make(chan error)
		r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
			close(begun)
			<-ctx.Done()
			ended <- ctx.Err()
			return decode.Result{}, ctx.Err()
		}}
		addr := serve(t, Config{Defaults: defaults(guided)}, r, nil)
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", addr+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		left := make(chan error)
		client := plainClient(t)
		go func() {
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			left <- err
		}()
		<-begun
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the search ended with %v", err)
		}
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the client ended with %v", err)
		}
	}
}

// TestClientGoneCancelsTheUpstream on the raw route.
func TestClientGoneCancelsTheUpstream(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
		close(ended)
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", addr+"/v1/chat/completions", strings.NewReader(askStream))
	resp, err := plainClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	leave()
	<-ended
	resp.Body.Close()
}

// TestPanicsStayInTheirRequest: a panic in a search, and one in a handler, while another request is under way.
func TestPanicsStayInTheirRequest(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	r := &reasoner{checkpoint: "x"}
	r.solve = func(_ context.Context, model string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		if model == "bad" {
			panic("secret of the search")
		}
		close(begun)
		<-release
		return solved(), nil
	}
	r.score = func(context.Context, step.Trace) ([]prm.Score, error) { panic("secret of the handler") }
	var log lockedBuffer
	addr := serve(t, Config{Defaults: defaults(guided), Log: slog.New(slog.NewTextHandler(&log, nil))}, r, nil)
	other := make(chan int)
	client := plainClient(t)
	go func() {
		resp, err := client.Post(addr+"/v1/chat/completions", "application/json", strings.NewReader(askWhole))
		if err != nil {
			t.Error(err)
			other <- 0
			return
		}
		resp.Body.Close()
		other <- resp.StatusCode
	}()
	<-begun
	for path, body := range map[string]string{
		"/v1/chat/completions": strings.Replace(askWhole, `"m"`, `"bad"`, 1),
		"/v1/prm/score":        `{"problem":"p","steps":["s"]}`,
	} {
		resp := do(t, "POST", addr+path, body, http.Header{"Authorization": {"Bearer secret-key"}})
		got, _ := io.ReadAll(resp.Body)
		if message, _ := errorIn(t, path, got); resp.StatusCode != 500 || strings.Contains(message, "secret") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
	close(release)
	if status := <-other; status != 200 {
		t.Errorf("the other request got %d", status)
	}
	for _, want := range []string{"secret of the search", "secret of the handler"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says nothing of %s", want)
		}
	}
	if strings.Contains(log.String(), "secret-key") {
		t.Error("the log has the client's key")
	}
}

// TestRunStopsGracefully: a request under way is finished, new ones are refused, and Run returns.
func TestRunStopsGracefully(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	r := &reasoner{checkpoint: "x", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
		close(begun)
		<-release
		return solved(), nil
	}}
	s := build(t, Config{Defaults: defaults(guided)}, r)
	addr, stop, stopped := run(t, s)
	client := plainClient(t)
	answered := make(chan int)
	go func() {
		resp, err := client.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(askWhole))
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-begun
	stop()
	select {
	case err := <-stopped:
		t.Fatalf("Run returned %v with a request under way", err)
	default:
	}
	close(release)
	if status := <-answered; status != 200 {
		t.Errorf("the request under way got %d", status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

// TestRunCancelsWhatOutlastsTheGrace.
func TestRunCancelsWhatOutlastsTheGrace(t *testing.T) {
	begun := make(chan struct{})
	r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
		close(begun)
		<-ctx.Done()
		return decode.Result{}, ctx.Err()
	}}
	s := build(t, Config{Defaults: defaults(guided), Grace: time.Nanosecond}, r)
	addr, stop, stopped := run(t, s)
	client := plainClient(t)
	go func() {
		if resp, err := client.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(askWhole)); err == nil {
			resp.Body.Close()
		}
	}()
	<-begun
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// run starts Run on a free port.
func run(t *testing.T, s *Server) (addr string, stop func(), stopped <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, ln) }()
	return ln.Addr().String(), cancel, done
}

func TestMetrics(t *testing.T) {
	up := newFakeUpstream(t, replies(`{}`))
	s := build(t, Config{Upstream: mustURL(t, up.URL), Defaults: defaults(guided)}, answers(solved()))
	t.Cleanup(s.upstream.close)
	post(s, "/v1/chat/completions", askWhole)
	post(s, "/v1/chat/completions", `{"model":"m@raw"}`)
	post(s, "/v1/chat/completions", `{"prm":3}`)
	post(s, "/v1/made/up/1", ``)
	post(s, "/v1/made/up/2", ``)
	m := scrape(s)
	for _, want := range []string{
		`sidecar_requests_total{route="/v1/chat/completions",status="200",strategy="guided"} 1`,
		`sidecar_requests_total{route="/v1/chat/completions",status="200",strategy="raw"} 1`,
		`sidecar_requests_total{route="/v1/chat/completions",status="400",strategy="none"} 1`,
		`sidecar_requests_total{route="other",status="200",strategy="raw"} 2`,
		`sidecar_requests_in_flight 1`, // this one
		`sidecar_search_seconds_count{strategy="guided"} 1`,
		`sidecar_search_tokens_total{kind="completion"} 83`,
		`sidecar_search_tokens_total{kind="prompt"} 40`,
		`sidecar_search_scoring_calls_total 5`,
		`sidecar_search_dropped_candidates_total 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(m, want) {
			t.Errorf("there is no %s in\n%s", want, m)
		}
	}
}

// TestFailedSearchesAreBilled: what a search spent before it failed was spent.
func TestFailedSearchesAreBilled(t *testing.T) {
	s := build(t, Config{Defaults: defaults(guided)}, &reasoner{checkpoint: "x", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
		return decode.Result{PromptTokens: 11, CompletionTokens: 7, ScoringCalls: 2}, decode.ErrNoCandidate
	}})
	if rec := post(s, "/v1/chat/completions", askWhole); rec.Code != http.StatusBadGateway {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	m := scrape(s)
	for _, want := range []string{`sidecar_search_tokens_total{kind="prompt"} 11`, `sidecar_search_tokens_total{kind="completion"} 7`, `sidecar_search_scoring_calls_total 2`} {
		if !strings.Contains(m, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(m, "sidecar_search_seconds_count") {
		t.Error("it counts among the times of searches that came to an answer")
	}
}

func scrape(s *Server) string {
	return send(s, httptest.NewRequest("GET", "/metrics", nil)).Body.String()
}

func TestReady(t *testing.T) {
	for status, want := range map[int]int{200: 200, 401: 200, 503: 503} {
		for _, d := range []dialect.Dialect{dialect.OpenAI, dialect.Ollama} {
			up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			addr := serve(t, Config{Dialect: d}, &reasoner{checkpoint: "x"}, up)
			if resp := do(t, "GET", addr+"/readyz", "", nil); resp.StatusCode != want {
				t.Errorf("%s: upstream %d: %d", d, status, resp.StatusCode)
			}
		}
	}
}

// TestHead: what asks whether anyone is there (wget --spider, uptime checks, Ollama's clients) does so by HEAD.
func TestHead(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/models" {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, `{"data":[{"id":"m"}]}`)
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	for _, path := range []string{"/healthz", "/readyz", "/", "/api/tags", "/api/version"} {
		if resp := do(t, "HEAD", addr+path, "", nil); resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	up.Close()
	time.Sleep(freshReady)
	if resp := do(t, "HEAD", addr+"/readyz", "", nil); resp.StatusCode != 503 {
		t.Errorf("/readyz without an upstream: %d", resp.StatusCode)
	}
}

func TestScore(t *testing.T) {
	r := &reasoner{checkpoint: "ab12", score: func(_ context.Context, tr step.Trace) ([]prm.Score, error) {
		out := make([]prm.Score, len(tr.Steps))
		for i := range out {
			out[i] = prm.Score{Step: .5, Value: float64(len(tr.Problem.Question))}
		}
		return out, nil
	}}
	s := build(t, Config{}, r)
	rec := post(s, "/v1/prm/score", `{"problem":"abc","steps":["x","y"]}`)
	if want := `{"checkpoint":"ab12","hidden_states":false,"scores":[{"step":0.5,"value":3},{"step":0.5,"value":3}]}`; rec.Code != 200 || rec.Body.String() != want {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	r.checkpoint = ""
	if rec := post(s, "/v1/prm/score", `{"problem":"abc","steps":["x","y"]}`); rec.Code != 400 || !strings.Contains(rec.Body.String(), "sidecar train") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
