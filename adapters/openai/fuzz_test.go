package openai

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"aprm/adapters"
)

// answering is a transport that answers everything with the same bytes.
type answering []byte

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r}, nil
}

// FuzzAnswer: whatever an endpoint answers, to whatever it is asked, is a completion or an error, in time and within bounds.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"))
	f.Add([]byte("data: {\"choices\":[{\"index\":-1,\"delta\":{\"content\":7}}],\"usage\":{\"completion_tokens\":-9}}\n\n"))
	f.Add([]byte("event: error\ndata: {\"error\":{\"code\":1e999}}\n\n"))
	f.Add([]byte(`[{"embedding":[[1,2],[3]]}]`))
	f.Add([]byte(`{"data":[{"id":"m","owned_by":"vllm"}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := New(Config{URL: "http://e", Model: "m", Tries: 1, Timeout: 5 * time.Second, Transport: answering(answer)})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, _ = c.Capabilities(t.Context())
		done, err := c.Generate(t.Context(), adapters.Request{N: 2, MaxTokens: 8, LogProbs: true, OneStep: true, Messages: []adapters.Message{{Role: adapters.User, Content: "Q"}}})
		_, _ = c.hidden.Hidden(t.Context(), "some text", []adapters.Span{{Start: 0, End: 4}})
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
	})
}
