package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

// TestServeBeforeAStalledProbe: the endpoint falls silent in its first answer, which is the probe's. Raw requests and
// searches are answered meanwhile, the searches without what isn't known of the endpoint; and nothing is left of the
// probe.
func TestServeBeforeAStalledProbe(t *testing.T) {
	var stalled atomic.Int32
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", Fault: func(n int) adaptertest.Fault {
		if n == 0 {
			stalled.Add(1)
		}
		return adaptertest.Fault{Stall: n == 0}
	}}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--checkpoint", "builtin.prm", "--upstream-concurrency", "1", "--probe-wait", "50ms")
	client := &http.Client{Transport: &http.Transport{}}
	for _, strategy := range []string{"raw", "majority", "weighted_vote", "best_of_n", "auto"} {
		body := fmt.Sprintf(`{"model":"fake","prm":{"strategy":%q,"n":3,"deadline_ms":60000},"messages":[{"role":"user","content":"Tom has 1 pen and gets 1 more. How many has he?"}]}`, strategy)
		resp, err := client.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		text, mark, err := answerIn(got)
		if err != nil || mark != "" || strategy != "raw" && !strings.Contains(text, "#### 5") || text == "" {
			t.Errorf("%s: %s: %q, stopped %q, %v", strategy, resp.Status, text, mark, err)
		}
	}
	if stalled.Load() != 1 {
		t.Errorf("%d probes have stalled", stalled.Load())
	}
	stop()
	client.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}
