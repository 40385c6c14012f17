package adaptertest

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"aprm/adapters"
)

// Answering is a transport that answers everything with the same bytes.
type Answering []byte

// RoundTrip implements http.RoundTripper.
func (a Answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r}, nil
}

// Bounded holds that what an adapter over Answering makes of the bytes, whatever is asked of it, is a completion or an
// error, in time and within bounds. hidden asks it for hidden states.
func Bounded(t *testing.T, answer []byte, llm adapters.LLM, hidden func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	_, _ = llm.Capabilities(t.Context())
	done, err := llm.Generate(t.Context(), adapters.Request{N: 2, MaxTokens: 8, LogProbs: true, OneStep: true, Messages: []adapters.Message{{Role: adapters.User, Content: "Q"}}})
	_ = hidden()
	runtime.ReadMemStats(&after)
	if took, made := time.Since(began), after.TotalAlloc-before.TotalAlloc; took > 5*time.Second || made > 64<<20+1024*uint64(len(answer)) {
		t.Errorf("%d bytes took %v and %d bytes", len(answer), took, made)
	}
	for _, d := range done {
		if len(d.Text) > 8*64+64 || d.Usage.CompletionTokens < 0 || d.Usage.PromptTokens < 0 {
			t.Errorf("%q came to %d bytes, %+v", answer, len(d.Text), d.Usage)
		}
	}
	if err == nil && len(done) != 2 {
		t.Errorf("%d completions of 2", len(done))
	}
}
