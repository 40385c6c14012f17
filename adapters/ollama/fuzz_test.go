package ollama

import (
	"testing"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
)

// FuzzAnswer: whatever an endpoint answers, to whatever it is asked, is a completion or an error, in time and within
// bounds.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"done\":true,\"eval_count\":-3}\n"))
	f.Add([]byte(`{"capabilities":["tools"],"embeddings":[[1,2],[3]],"error":"no"}`))
	f.Add([]byte(`{"embeddings":[]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := New(Config{URL: "http://e", Model: "m", Tries: 1, Timeout: 5 * time.Second, Transport: adaptertest.Answering(answer)})
		if err != nil {
			t.Fatal(err)
		}
		adaptertest.Bounded(t, answer, c, func() error {
			_, err := c.Hidden(t.Context(), "some text", []adapters.Span{{Start: 0, End: 4}})
			return err
		})
	})
}
