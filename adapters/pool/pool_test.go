package pool_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/pool"
	"aprm/prm/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// endpoint is a server that counts its calls.
type endpoint struct {
	*url.URL
	calls atomic.Int64
}

func start(t *testing.T, handle http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.calls.Add(1)
		handle(w, r)
	}))
	t.Cleanup(srv.Close)
	var err error
	if e.URL, err = url.Parse(srv.URL); err != nil {
		t.Fatal(err)
	}
	return e
}

func over(t *testing.T, endpoints ...*endpoint) *pool.Pool {
	t.Helper()
	var urls []*url.URL
	for _, e := range endpoints {
		urls = append(urls, e.URL)
	}
	p, err := pool.New(urls, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func transport(t *testing.T) *http.Transport {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func ask(ctx context.Context, way http.RoundTripper, to *url.URL) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", to.String()+"/x", strings.NewReader("question"))
	if err != nil {
		return 0, "", err
	}
	resp, err := way.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(said), err
}

func echo(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }

func fails(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "no", http.StatusInternalServerError)
}

// TestAnEndpointIsWellAtTheFirstByte: one that is tried again need not come to the end of a long stream first.
func TestAnEndpointIsWellAtTheFirstByte(t *testing.T) {
	var well atomic.Bool
	e := start(t, func(w http.ResponseWriter, r *http.Request) {
		if !well.Load() {
			fails(w, r)
			return
		}
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	p := over(t, e)
	way := p.Waiting(transport(t))
	for range 30 {
		ask(t.Context(), way, e.URL)
	}
	well.Store(true)
	ctx, leave := context.WithCancel(t.Context())
	for streams := 0; streams < 4; time.Sleep(20 * time.Millisecond) { // twice as many as try it out
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := way.RoundTrip(req)
		if err != nil {
			continue // it is left alone for a while
		}
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		streams++
	}
	for host, state := range p.States() {
		if state != "closed" {
			t.Errorf("%s is %s while it streams", host, state)
		}
	}
	leave()
}

// TestAFailingEndpointIsLeftAlone, and tried again after a while.
func TestAFailingEndpointIsLeftAlone(t *testing.T) {
	var well atomic.Bool
	e := start(t, func(w http.ResponseWriter, r *http.Request) {
		if well.Load() {
			echo(w, r)
		} else {
			fails(w, r)
		}
	})
	p := over(t, e)
	way, passing := p.Waiting(transport(t)), p.Passing(transport(t))
	began := time.Now()
	for range 100 {
		ask(t.Context(), way, e.URL)
	}
	if n, tries := e.calls.Load(), 2*int64(time.Since(began)/time.Second); n > 25+tries { // it is tried again every two seconds, twice
		t.Errorf("%d of 100 calls reached an endpoint that fails", n)
	}
	var up *adapters.UpstreamError
	for before := e.calls.Load(); ; before = e.calls.Load() {
		_, _, err := ask(t.Context(), way, e.URL)
		if e.calls.Load() > before { // it was tried again just then
			continue
		}
		if !errors.As(err, &up) || up.Status != http.StatusServiceUnavailable || up.RetryAfter <= 0 {
			t.Errorf("not asked: %v", err)
		}
		break
	}
	before := e.calls.Load()
	if code, _, err := ask(t.Context(), passing, e.URL); code != 500 || err != nil || e.calls.Load() != before+1 {
		t.Errorf("a client's own request is passed on: %d, %v", code, err)
	}
	well.Store(true)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if code, said, _ := ask(t.Context(), way, e.URL); code == 200 && said == "question" {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("it is never tried again")
		}
	}
}

// TestSomeFaultsAreBorne: an endpoint that fails now and then is asked on, whatever the fault.
func TestSomeFaultsAreBorne(t *testing.T) {
	var n atomic.Int64
	e := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 5 {
		case 0:
			fails(w, r)
		case 1:
			panic(http.ErrAbortHandler)
		default:
			echo(w, r)
		}
	})
	way := over(t, e).Waiting(transport(t))
	for range 200 {
		ask(t.Context(), way, e.URL)
	}
	if e.calls.Load() < 200 {
		t.Errorf("%d of 200 calls", e.calls.Load())
	}
}

// TestALoadingModelIsNoFailure: it is asked until it is there.
func TestALoadingModelIsNoFailure(t *testing.T) {
	e := start(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":{"message":"Loading model"}}`, http.StatusServiceUnavailable)
	})
	way := over(t, e).Waiting(transport(t))
	for range 60 {
		if code, said, err := ask(t.Context(), way, e.URL); code != 503 || !strings.Contains(said, "Loading") || err != nil {
			t.Fatalf("%d %q %v", code, said, err)
		}
	}
}

// TestAllWaitWhenOneIsAskedTo: what an endpoint asks one call to do holds for all of them at once.
func TestAllWaitWhenOneIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var calls atomic.Int64
		e := &url.URL{Scheme: "http", Host: "endpoint"}
		p, err := pool.New([]*url.URL{e}, nil)
		if err != nil {
			t.Fatal(err)
		}
		way := p.Waiting(handler(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if time.Since(began) < time.Second {
				w.Header().Set("Retry-After", "1")
				http.Error(w, "busy", http.StatusTooManyRequests)
				return
			}
			echo(w, r)
		}))
		if code, said, err := ask(t.Context(), way, e); code != 429 || said != "busy\n" || err != nil {
			t.Fatalf("the first: %d %q %v", code, said, err)
		}
		hasty, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, _, err = ask(hasty, way, e)
		var up *adapters.UpstreamError
		if !errors.As(err, &up) || up.Status != 429 || up.RetryAfter <= 0 || up.RetryAfter > time.Second || hasty.Err() != nil {
			t.Errorf("who can't wait is told at once: %v", err)
		}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if code, _, err := ask(t.Context(), way, e); code != 200 || err != nil {
					t.Errorf("%d %v", code, err)
				}
			})
		}
		group.Wait()
		if n := calls.Load(); n != 9 {
			t.Errorf("%d calls, want one that was told to wait and eight that waited", n)
		}
	})
}

// handler is an endpoint without a network.
type handler http.HandlerFunc

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	h(rec, r)
	return rec.Result(), nil
}

// TestNobodyWaitsLong: an endpoint that asks for more than anybody is to wait is refused for at once, with what it
// asked for.
func TestNobodyWaitsLong(t *testing.T) {
	e := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		http.Error(w, "busy", http.StatusTooManyRequests)
	})
	way := over(t, e).Waiting(transport(t))
	if code, _, err := ask(t.Context(), way, e.URL); code != 429 || err != nil {
		t.Fatalf("the first: %d %v", code, err)
	}
	began := time.Now()
	_, _, err := ask(t.Context(), way, e.URL)
	var up *adapters.UpstreamError
	if !errors.As(err, &up) || up.Status != 429 || up.RetryAfter < 9*time.Minute || time.Since(began) > 10*time.Second || e.calls.Load() != 1 {
		t.Errorf("%v after %v and %d calls", err, time.Since(began), e.calls.Load())
	}
}

// TestSeveralEndpoints: the work is spread, one that fails or is gone is passed over before the first byte, and all of
// them gone is an error.
func TestSeveralEndpoints(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		echo(w, r)
	}
	a, b, bad := start(t, slow), start(t, slow), start(t, fails)
	gone := &endpoint{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}
	var kinds sync.Map
	p, err := pool.New([]*url.URL{bad.URL, a.URL, gone.URL, b.URL}, func(_, kind string) { kinds.Store(kind, true) })
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []http.RoundTripper{p.Waiting(transport(t)), p.Passing(transport(t))} {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 25 {
					if code, said, err := ask(t.Context(), way, bad.URL); code != 200 || said != "question" || err != nil {
						t.Errorf("%d %q %v", code, said, err)
					}
				}
			})
		}
		group.Wait()
	}
	if x, y := a.calls.Load(), b.calls.Load(); x < 60 || y < 60 || x+y != 200 {
		t.Errorf("%d and %d of 200 calls", x, y)
	}
	if n := bad.calls.Load(); n > 60 {
		t.Errorf("%d calls of one that fails", n)
	}
	for _, kind := range []string{pool.Failed, pool.Unreachable, pool.FailedOver} {
		if _, told := kinds.Load(kind); !told {
			t.Errorf("nobody was told of %s", kind)
		}
	}
	if _, err := pool.New([]*url.URL{{Scheme: "http", Host: "a", Path: "/v1"}, {Scheme: "http", Host: "b", Path: "/api"}}, nil); err == nil {
		t.Error("two paths are one")
	}
}

// TestSentOnIsCounted: what becomes of a call that an endpoint beside the first sent on within itself is noted of it.
func TestSentOnIsCounted(t *testing.T) {
	a, b := start(t, echo), start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			fails(w, r)
			return
		}
		http.Redirect(w, r, "http://"+r.Host+"/broken", http.StatusTemporaryRedirect)
	})
	var failed sync.Map
	p, err := pool.New([]*url.URL{a.URL, b.URL}, func(endpoint, kind string) { failed.Store(endpoint+" "+kind, true) })
	if err != nil {
		t.Fatal(err)
	}
	client := draw.Client(p.Passing(transport(t)), "key", true)
	for range 4 {
		resp, err := client.Post(a.String()+"/moved", "text/plain", strings.NewReader("question"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if _, told := failed.Load(b.Host + " " + pool.Failed); !told || b.calls.Load() < 2 {
		t.Errorf("nobody is told that %s fails, after %d calls", b, b.calls.Load())
	}
	if _, over := failed.Load(b.Host + " " + pool.FailedOver); over {
		t.Error("what it sent on within itself was asked of another one")
	}
}

// TestSentOnToItself: an endpoint may send its callers on within itself, whichever of several it is, and to no other.
func TestSentOnToItself(t *testing.T) {
	var other string
	moves := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "http://"+r.Host+"/here", http.StatusTemporaryRedirect)
		case "/gone":
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		default:
			echo(w, r)
		}
	}
	a, b, stranger := start(t, moves), start(t, moves), start(t, echo)
	other = stranger.String() + "/here"
	client := draw.Client(over(t, a, b).Waiting(transport(t)), "key", true)
	for range 4 {
		resp, err := client.Post(a.String()+"/moved", "text/plain", strings.NewReader("question"))
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(said) != "question" {
			t.Errorf("%d %s", resp.StatusCode, said)
		}
		if resp, err := client.Post(a.String()+"/gone", "text/plain", strings.NewReader("question")); err == nil {
			resp.Body.Close()
			t.Error("it went to an endpoint that was not named")
		}
	}
	if a.calls.Load() == 0 || b.calls.Load() == 0 || stranger.calls.Load() > 0 {
		t.Errorf("calls: %d, %d and %d", a.calls.Load(), b.calls.Load(), stranger.calls.Load())
	}
}
