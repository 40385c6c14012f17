package openai

import (
	"testing"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
)

// FuzzAnswer: whatever an endpoint answers, to whatever it is asked, is a completion or an error, in time and within
// bounds.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"))
	f.Add([]byte("data: {\"choices\":[{\"index\":-1,\"delta\":{\"content\":7}}],\"usage\":{\"completion_tokens\":-9}}\n\n"))
	f.Add([]byte("event: error\ndata: {\"error\":{\"code\":1e999}}\n\n"))
	f.Add([]byte(`[{"embedding":[[1,2],[3]]}]`))
	f.Add([]byte(`{"data":[{"id":"m","owned_by":"vllm"}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := New(Config{URL: "http://e", Model: "m", Tries: 1, Timeout: 5 * time.Second, Transport: adaptertest.Answering(answer)})
		if err != nil {
			t.Fatal(err)
		}
		adaptertest.Bounded(t, answer, c, func() error {
			_, err := c.hidden.Hidden(t.Context(), "some text", []adapters.Span{{Start: 0, End: 4}})
			return err
		})
	})
}
