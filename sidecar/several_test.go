package main

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters/adaptertest"
)

// TestSeveralUpstreams: the draws of one search are spread over all endpoints, one that fails or is gone is made up for
// by the others, raw requests too, and the figures say so.
func TestSeveralUpstreams(t *testing.T) {
	for _, scheme := range []string{"openai+", "ollama+"} {
		var bad atomic.Bool
		fake := func(fails bool) *adaptertest.Upstream {
			u := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, Fault: func(int) adaptertest.Fault {
				if fails && bad.Load() {
					return adaptertest.Fault{Status: 500}
				}
				time.Sleep(20 * time.Millisecond)
				return adaptertest.Fault{}
			}}
			return u.Start(t)
		}
		a, b, c := fake(true), fake(false), fake(false)
		addr, stop := startServe(t, "--upstream", scheme+a.URL, "--upstream", scheme+b.URL, "--upstream", scheme+c.URL, "--upstream-model", "fake")
		for _, u := range []*adaptertest.Upstream{a, b, c} {
			u.Forget()
		}
		if code, said, _ := searchFor(t.Context(), addr, "majority", 12, 0); code != 200 {
			t.Fatalf("%s: %d %s", scheme, code, said)
		}
		for _, u := range []*adaptertest.Upstream{a, b, c} {
			if n := len(u.Requests()); n < 2 || n > 8 {
				t.Errorf("%s: one of three endpoints drew %d of 12", scheme, n)
			}
		}
		bad.Store(true)
		for range 6 {
			for _, strategy := range []string{"majority", "raw"} {
				if code, said, _ := searchFor(t.Context(), addr, strategy, 4, 0); code != 200 || !strings.Contains(said, map[string]string{"majority": "#### 5", "raw": "Hi"}[strategy]) {
					t.Errorf("%s, %s: %d %s", scheme, strategy, code, said)
				}
			}
		}
		resp, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		said := bodyOf(t, resp)
		for _, want := range []string{`kind="failed_over"`, `kind="failed"`, "sidecar_upstream_open{", "sidecar_build_info{", "sidecar_first_byte_seconds", "sidecar_search_queue_seconds"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the figures have no %s", scheme, want)
			}
		}
		stop()
	}
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
