package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

// TestServeManyRequests runs the whole `serve` before a fake endpoint: raw, voted, streamed and cancelled requests, in
// both dialects. Nothing may be left behind. SIDECAR_TEST_REQUESTS=10000 makes it the long one, which prints the memory
// used.
func TestServeManyRequests(t *testing.T) {
	requests := soakRequests(t, 200)
	upstream := (&adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true}).Start(t)
	leaks := goleak.IgnoreCurrent()
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake")
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	client := &http.Client{Transport: transport}

	const question = `"messages":[{"role":"user","content":"Tom has 3 boxes of 12 pens and gives 5 away. How many are left?"}]`
	kinds := []struct{ path, body string }{
		{"/v1/chat/completions", `{"model":"fake","stream":true,` + question + `}`},
		{"/v1/chat/completions", `{"model":"fake@majority-3",` + question + `}`},
		{"/v1/chat/completions", `{"model":"fake@majority-2","stream":true,` + question + `}`},
		{"/api/chat", `{"model":"fake@majority-2",` + question + `}`},
		{"/api/chat", `{"model":"fake",` + question + `}`},
	}
	work := make(chan int)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range work {
				k := kinds[i%len(kinds)]
				ctx, cancel := context.WithCancel(t.Context())
				if i%17 == 0 {
					time.AfterFunc(time.Millisecond, cancel) // a client that leaves
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+k.path, strings.NewReader(k.body))
				if err != nil {
					t.Error(err)
				}
				resp, err := client.Do(req)
				if err == nil {
					body, _ := io.ReadAll(resp.Body) // a client that left reads no end
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusTooManyRequests {
						t.Errorf("%s %s: %s: %s", k.path, k.body, resp.Status, body)
					}
				} else if ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	for i := range requests {
		work <- i
		if i%1000 == 0 {
			upstream.Forget() // what the fake remembers is not the sidecar's
		}
	}
	close(work)
	group.Wait()
	upstream.Forget()
	runtime.GC()
	t.Logf("after %d requests: %s resident at most, the test and the fake endpoint included, %d goroutines", requests, peakMemory(t), runtime.NumGoroutine())
	stop()
	transport.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}

// soakRequests is how many requests a long test makes: SIDECAR_TEST_REQUESTS, or usual.
func soakRequests(t *testing.T, usual int) int {
	t.Helper()
	s := os.Getenv("SIDECAR_TEST_REQUESTS")
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// peakMemory is the process's largest resident size so far, where the system tells.
func peakMemory(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown memory"
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var n int
			if _, err := fmt.Sscan(kb, &n); err == nil {
				return fmt.Sprintf("%.0f MB", float64(n)/1024)
			}
		}
	}
	return "unknown memory"
}
