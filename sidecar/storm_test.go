package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

// TestAFailingEndpointIsNotStormed: whatever goes wrong, a search of 64 candidates asks little more than they need, and
// the client is told when to come again.
func TestAFailingEndpointIsNotStormed(t *testing.T) {
	for name, tt := range map[string]struct {
		fault adaptertest.Fault
		most  int
		code  int
	}{
		"500":                 {adaptertest.Fault{Status: 500}, 64 + 72, 0},
		"no answer":           {adaptertest.Fault{CutAfter: -1}, 64 + 72, 0},
		"429":                 {adaptertest.Fault{Status: 429}, 64 + 72, 429},
		"429 for 7 seconds":   {adaptertest.Fault{Status: 429, RetryAfter: "7"}, 16, 429},
		"503 for ten minutes": {adaptertest.Fault{Status: 503, RetryAfter: "600"}, 16, 503},
		"cut in the middle":   {adaptertest.Fault{CutAfter: 1}, 64 + 72, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			var bad atomic.Bool
			upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
				if !bad.Load() {
					return adaptertest.Fault{}
				}
				calls.Add(1)
				return tt.fault
			}}
			upstream.Start(t)
			addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake")
			defer stop()
			if code, said, _ := searchFor(t.Context(), addr, "majority", 2, 0); code != 200 {
				t.Fatalf("%d %s", code, said)
			}
			bad.Store(true)
			code, said, header := searchFor(t.Context(), addr, "majority", 64, 5*time.Second)
			if n := calls.Load(); n > int64(tt.most) {
				t.Errorf("%d calls for 64 candidates: %d %s", n, code, said)
			}
			if tt.code != 0 && (code != tt.code || tt.fault.RetryAfter != "" && header.Get("Retry-After") == "") {
				t.Errorf("%d, Retry-After %q: %s", code, header.Get("Retry-After"), said)
			}
			t.Logf("%d calls, then %d", calls.Load(), code)
		})
	}
}

// searchFor asks for a search, within a deadline if that isn't 0.
func searchFor(ctx context.Context, addr, strategy string, n int, deadline time.Duration) (code int, said string, header http.Header) {
	limit := ""
	if deadline > 0 {
		limit = fmt.Sprintf(`,"deadline_ms":%d`, deadline.Milliseconds())
	}
	body := fmt.Sprintf(`{"model":"fake","prm":{"strategy":%q,"n":%d,"steps":false%s},"messages":[{"role":"user","content":"Tom has 1 pen and gets 1 more. How many has he?"}]}`, strategy, n, limit)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0, err.Error(), nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(got), resp.Header
}

// TestEndlessAnswersKeepToTheDeadline, huge ones too, in every search: what was asked for is taken, and no more.
func TestEndlessAnswersKeepToTheDeadline(t *testing.T) {
	const deadline = 2 * time.Second
	for name, fault := range map[string]adaptertest.Fault{
		"endless words":     {Endless: " on"},
		"endless lines":     {Endless: "\nThen 2 + 3 = 5."},
		"endless sums":      {Endless: "+7"},
		"endless silence":   {Endless: "\n"},
		"a huge token":      {Huge: 3 << 20},
		"huge tokens":       {Huge: 1 << 20, Endless: strings.Repeat("7 + ", 1<<16)},
		"one that stalls":   {Stall: true},
		"thoughts, endless": {Endless: "<think>"},
	} {
		t.Run(name, func(t *testing.T) {
			var bad atomic.Bool
			upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
				if !bad.Load() {
					return adaptertest.Fault{}
				}
				return fault
			}}
			upstream.Start(t)
			leaks := goleak.IgnoreCurrent()
			addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--checkpoint", "builtin.prm")
			if code, said, _ := searchFor(t.Context(), addr, "majority", 2, 0); code != 200 {
				t.Fatalf("%d %s", code, said)
			}
			bad.Store(true)
			core, watched := starving()
			for _, strategy := range []string{"weighted_vote", "guided", "auto"} {
				before, began := core.soFar(), time.Now()
				code, said, _ := searchFor(t.Context(), addr, strategy, 4, deadline)
				took := time.Since(began)
				if late := core.soFar() - before; took > deadline+250*time.Millisecond+late || code != 200 && code != 504 && code != 502 {
					t.Errorf("%s: %d after %v (%v without a core): %.200s", strategy, code, took, late, said)
				}
				if len(said) > 2<<20 {
					t.Errorf("%s: %d bytes", strategy, len(said))
				}
			}
			watched()
			stop()
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
			casetest.NoLeaks(t, leaks) // the endpoint may have much to write still
		})
	}
}

// TestNothingIsSentOnToAnotherHost: an endpoint that sends its callers elsewhere would have the key and the question go
// there.
func TestNothingIsSentOnToAnotherHost(t *testing.T) {
	var caught atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { caught.Add(1) }))
	t.Cleanup(other.Close)
	for _, scheme := range []string{"openai+", "ollama+"} {
		var bad atomic.Bool
		upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoN: true, Fault: func(int) adaptertest.Fault {
			if !bad.Load() {
				return adaptertest.Fault{}
			}
			return adaptertest.Fault{Redirect: other.URL + "/v1/chat/completions"}
		}}
		upstream.Start(t)
		addr, stop := startServe(t, "--upstream", scheme+upstream.URL, "--upstream-model", "fake", "--upstream-key", "secret")
		bad.Store(true)
		code, said, _ := searchFor(t.Context(), addr, "majority", 4, 5*time.Second)
		if caught.Load() > 0 || code != http.StatusBadGateway || !strings.Contains(said, "which was not named") {
			t.Errorf("%s: %d requests went on; %d %s", scheme, caught.Load(), code, said)
		}
		stop()
	}
}

// TestTheHiddenServerHasItsOwnKey, and gets neither the endpoint's nor what clients send.
func TestTheHiddenServerHasItsOwnKey(t *testing.T) {
	for _, scheme := range []string{"openai+", "ollama+"} {
		upstream := (&adaptertest.Upstream{OwnedBy: "llamacpp"}).Start(t)
		var mu sync.Mutex
		seen := map[string]bool{}
		states := (&adaptertest.Upstream{}).Start(t)
		hidden := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[r.Header.Get("Authorization")+r.Header.Get("X-Mine")] = true
			mu.Unlock()
			resp, err := http.Post(states.URL+r.URL.Path, "application/json", r.Body)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			io.Copy(w, resp.Body)
		}))
		t.Cleanup(hidden.Close)
		addr, stop := startServe(t, "--upstream", scheme+upstream.URL, "--upstream-model", "fake", "--upstream-key", "secret", "--upstream-hidden-url", hidden.URL, "--upstream-hidden-key", "own",
			"--checkpoint", "builtin.prm")
		body := `{"model":"fake","prm":{"strategy":"best_of_n","n":2},"messages":[{"role":"user","content":"Go on."}]}`
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
		req.Header.Set("X-Mine", "mine")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		stop()
		mu.Lock()
		if len(seen) != 1 || !seen["Bearer own"] {
			t.Errorf("%s: the server of hidden states saw %v", scheme, seen)
		}
		mu.Unlock()
	}
}
