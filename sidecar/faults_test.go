package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

// faults is an endpoint's bad day: of its calls 20 % fail at once, 10 % stall, 10 % are cut off in mid-stream and 5 %
// never end, each call for itself.
func faults(n int64) adaptertest.Fault {
	switch p := rand.New(rand.NewPCG(1, uint64(n))).IntN(100); {
	case p < 7:
		return adaptertest.Fault{Status: http.StatusInternalServerError}
	case p < 14:
		return adaptertest.Fault{Status: http.StatusTooManyRequests}
	case p < 20:
		return adaptertest.Fault{CutAfter: -1} // no answer at all
	case p < 30:
		return adaptertest.Fault{Stall: true}
	case p < 40:
		return adaptertest.Fault{CutAfter: 1 + p%3}
	case p < 45:
		return adaptertest.Fault{Endless: []string{" on", "\nThen 2 + 3 = 5.", "+7", "\n", "<think>"}[p%5]}
	}
	return adaptertest.Fault{}
}

// TestServeThroughFaults: every search ends with an answer by its deadline and 250 ms, what it asks of the endpoint is
// at most three times what it would ask of one without faults, and nothing is left behind. SIDECAR_TEST_REQUESTS=10000
// makes it the long one, which prints how long requests took and how much memory. Client, sidecar and endpoint are one
// process: by how much its timers were late while a request was under way is time in which it had no core, which is
// forgiven, and counted.
func TestServeThroughFaults(t *testing.T) {
	requests := soakRequests(t, 48)
	const clients = 12
	const deadline, late = 4 * time.Second, 250 * time.Millisecond
	var calls atomic.Int64
	var bad atomic.Bool
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
		n := calls.Add(1)
		if !bad.Load() {
			return adaptertest.Fault{}
		}
		return faults(n)
	}}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--checkpoint", "builtin.prm",
		"--upstream-concurrency", "256", "--max-searches", "128")
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	client := &http.Client{Transport: transport}

	strategies := []string{"majority", "weighted_vote", "guided", "best_of_n"}
	var mu sync.Mutex
	var longest, total time.Duration
	stopped, half, refused, overdue := 0, 0, 0, 0
	core, watched := starving()
	ask := func(i int) error {
		strategy := strategies[i%len(strategies)]
		body := fmt.Sprintf(`{"model":"fake","stream":%t,"seed":%d,"prm":{"strategy":%q,"n":3,"deadline_ms":%d,"steps":false},"messages":[{"role":"user","content":"Tom has 1 pen and gets 1 more. How many has he?"}]}`,
			i%3 == 0, i, strategy, deadline.Milliseconds())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			return err
		}
		before, began := core.soFar(), time.Now()
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		took := time.Since(began)
		text, mark, err := answerIn(got)
		wordless := bytes.Contains(got, []byte(`"code":"deadline"`)) // there was no word by then
		if !wordless && (err != nil || resp.StatusCode != http.StatusOK || text == "") {
			return fmt.Errorf("%s after %v: %s: %q, %w\n%s", strategy, took, resp.Status, text, err, got)
		}
		if starved := core.soFar() - before; took > deadline+late+starved {
			return fmt.Errorf("%s: answered after %v, of which %v without a core", strategy, took, starved)
		}
		mu.Lock()
		defer mu.Unlock()
		longest, total = max(longest, took), total+took
		if took > deadline+late {
			overdue++
		}
		switch {
		case wordless:
			refused++
		case mark != "":
			stopped++
			fallthrough
		default:
			if !strings.Contains(text, "#### 5") {
				half++
			}
		}
		return nil
	}
	need := make([]int64, len(strategies)) // calls of one request without faults
	for i := range 1 + len(strategies) {   // at the first the endpoint is probed
		before := calls.Load()
		if err := ask(i); err != nil {
			t.Fatal(err)
		}
		need[i%len(strategies)] = calls.Load() - before
	}
	needed := int64(0)
	for i := range requests {
		needed += need[i%len(strategies)]
	}
	longest, total, stopped, half, refused, overdue = 0, 0, 0, 0, 0, 0
	calls.Store(0)
	bad.Store(true)
	began := time.Now()
	work := make(chan int)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for i := range work {
				if err := ask(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range requests {
		work <- i
		if i%1000 == 0 {
			upstream.Forget() // what the fake remembers is not the sidecar's
			t.Logf("after %d requests: %s resident at most, %d goroutines", i, peakMemory(t), runtime.NumGoroutine())
		}
	}
	close(work)
	group.Wait()
	watched()
	if calls.Load() > 3*needed {
		t.Errorf("%d calls of the endpoint for what needs %d", calls.Load(), needed)
	}
	if refused > requests/20 {
		t.Errorf("%d of %d requests were answered with no word", refused, requests)
	}
	t.Logf("%d requests of %d clients, %d calls where %d were needed (%.2f times): %v in the mean, %v the longest, %d stopped by their deadline of %v, %d later than that and %v by the clock, all of them for want of a core; %d without a final answer, %d of them without a word (504); the process was without a core for %v of %v, for %v at most; %s resident at most, fake endpoint included",
		requests, clients, calls.Load(), needed, float64(calls.Load())/float64(needed), (total / time.Duration(requests)).Round(time.Millisecond), longest.Round(time.Millisecond), stopped, deadline, overdue, late, half+refused, refused,
		time.Duration(core.late.Load()).Round(time.Second), time.Since(began).Round(time.Second), time.Duration(core.worst.Load()).Round(time.Millisecond), peakMemory(t))
	stop()
	transport.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}

// starvation is how long a process has waited for a core: by how much its timers of 10 ms were late, all together.
type starvation struct {
	late  atomic.Int64 // ns
	worst atomic.Int64 // ns, of one
	since atomic.Int64 // when the timer that runs was set, in Unix ns
}

// soFar is all of it, the timer that is overdue just now included.
func (s *starvation) soFar() time.Duration {
	return time.Duration(s.late.Load() + max(0, time.Now().UnixNano()-s.since.Load()-int64(10*time.Millisecond)))
}

// starving watches the process from now on until stop is called.
func starving() (s *starvation, stop func()) {
	s = &starvation{}
	s.since.Store(time.Now().UnixNano())
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.watch(done)
	}()
	return s, func() { close(done); <-ended }
}

// watch keeps s up to date until done is closed.
func (s *starvation) watch(done <-chan struct{}) {
	for {
		began := time.Now()
		s.since.Store(began.UnixNano())
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
		late := int64(time.Since(began) - 10*time.Millisecond)
		s.late.Add(late)
		s.worst.Store(max(late, s.worst.Load()))
	}
}

// answerIn is the text of an answer of OpenAI's, whole or streamed, and what stopped its search.
func answerIn(body []byte) (text, stopped string, err error) {
	type said struct {
		Choices []struct{ Message, Delta struct{ Content string } }
		PRM     struct{ Stopped string }
		Error   *struct{ Message string }
	}
	lines := strings.Split(string(body), "\n\n")
	for _, line := range lines {
		line = strings.TrimPrefix(line, "data: ")
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return "", "", err
		}
		if s.Error != nil {
			return "", "", fmt.Errorf("an error: %s", s.Error.Message)
		}
		for _, c := range s.Choices {
			text += c.Message.Content + c.Delta.Content
		}
		stopped += s.PRM.Stopped
	}
	return text, stopped, nil
}

// TestClientGoneReachesTheEndpoint: every call of a search ends at the endpoint when the client leaves, streamed or
// not.
func TestClientGoneReachesTheEndpoint(t *testing.T) {
	var stalls atomic.Bool
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
		return adaptertest.Fault{Stall: stalls.Load()}
	}}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake")
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	ask := func(ctx context.Context, stream bool) {
		body := fmt.Sprintf(`{"model":"fake","stream":%t,"prm":{"strategy":"majority","n":4},"messages":[{"role":"user","content":"Go on."}]}`, stream)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := client.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body) // as far as it comes
			resp.Body.Close()
		}
	}
	ask(t.Context(), false) // by then the endpoint is probed
	stalls.Store(true)
	for _, stream := range []bool{true, false} {
		upstream.Forget()
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			ask(ctx, stream)
		}()
		for len(upstream.Requests()) < 4 {
			time.Sleep(5 * time.Millisecond)
		}
		leave()
		began := time.Now()
		for range 4 {
			select {
			case <-upstream.Left:
			case <-time.After(30 * time.Second):
				t.Fatal("a call goes on for nobody")
			}
		}
		t.Logf("stream %t: the last of four calls ended %v after the client had left", stream, time.Since(began).Round(100*time.Microsecond))
		<-gone
	}
	stop()
	transport.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}
