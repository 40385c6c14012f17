package main

import (
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
)

// faults is an endpoint's bad day: of its calls 20 % fail at once, 10 % stall and 10 % are cut off in mid-stream, each call for itself.
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
	}
	return adaptertest.Fault{}
}

// TestServeThroughFaults: every search ends with an answer by its deadline, and nothing is left behind. SIDECAR_TEST_REQUESTS=10000
// makes it the long one, which prints how long requests took, how many took longer than the deadline and 200 ms, by the client's
// clock, and how much memory. Client, sidecar and endpoint are one process: a request during which it had no core for half of the time
// that the deadline gives, by how late its timers were, shows nothing, and is counted but not judged.
func TestServeThroughFaults(t *testing.T) {
	requests := soakRequests(t, 48)
	const deadline, late = 8 * time.Second, 20 * time.Second // late: what a busy machine is forgiven
	var calls atomic.Int64
	var bad atomic.Bool
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
		if !bad.Load() {
			return adaptertest.Fault{}
		}
		return faults(calls.Add(1))
	}}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--checkpoint", "builtin.prm",
		"--upstream-concurrency", "256", "--max-searches", "128")
	transport := &http.Transport{MaxIdleConnsPerHost: 128}
	client := &http.Client{Transport: transport}

	strategies := []string{"majority", "weighted_vote", "guided", "best_of_n"}
	var mu sync.Mutex
	var longest, total time.Duration
	stopped, half, overdue := 0, 0, 0
	var core starvation
	watched := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { core.watch(watched) })
	once := func(i int) error {
		strategy := strategies[i%len(strategies)]
		body := fmt.Sprintf(`{"model":"fake","stream":%t,"seed":%d,"prm":{"strategy":%q,"n":3,"deadline_ms":%d,"steps":false},"messages":[{"role":"user","content":"Tom has 1 pen and gets 1 more. How many has he?"}]}`,
			i%3 == 0, i, strategy, deadline.Milliseconds())
		ctx, cancel := context.WithTimeout(t.Context(), deadline+late)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			return err
		}
		began := time.Now()
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
		if err != nil || resp.StatusCode != http.StatusOK || text == "" {
			return fmt.Errorf("%s after %v: %s: %q, %w\n%s", strategy, took, resp.Status, text, err, got)
		}
		mu.Lock()
		defer mu.Unlock()
		longest, total = max(longest, took), total+took
		if took > deadline+200*time.Millisecond {
			overdue++
		}
		if mark != "" {
			stopped++
		}
		if !strings.Contains(text, "#### 5") {
			half++
		}
		return nil
	}
	starved := 0
	ask := func(i int) error {
		before := core.soFar()
		err := once(i)
		if err != nil && core.soFar()-before > deadline/2 {
			mu.Lock()
			starved++
			mu.Unlock()
			return nil
		}
		return err
	}
	if err := ask(0); err != nil { // by then the endpoint is probed
		t.Fatal(err)
	}
	bad.Store(true)
	began := time.Now()
	work := make(chan int)
	var group sync.WaitGroup
	for range 96 {
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
	close(watched)
	watching.Wait()
	t.Logf("%d requests, %d calls: %v in the mean, %v the longest, %d stopped by their deadline of %v, %d later than that, %d without a final answer, %d not judged; the process was without a core for %v of %v, for %v at most; %s resident at most, fake endpoint included",
		requests, calls.Load(), (total / time.Duration(requests)).Round(time.Millisecond), longest.Round(time.Millisecond), stopped, deadline, overdue, half, starved,
		time.Duration(core.late.Load()).Round(time.Second), time.Since(began).Round(time.Second), time.Duration(core.worst.Load()).Round(time.Millisecond), peakMemory(t))
	stop()
	transport.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	goleak.VerifyNone(t, leaks)
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

// TestClientGoneReachesTheEndpoint: every call of a search ends at the endpoint when the client leaves, streamed or not.
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
	goleak.VerifyNone(t, leaks)
}
