package ollama

import (
	"context"
	"net/http"
	"time"

	"aprm/adapters"
)

type waitKey struct{}

// withWait makes a place in ctx for what the server asks to wait: Ollama's client keeps no header of a refusal.
func withWait(ctx context.Context) context.Context {
	return context.WithValue(ctx, waitKey{}, new(time.Duration))
}

// askedToWait is the Retry-After of the last answer under ctx, 0 when there was none.
func askedToWait(ctx context.Context) time.Duration {
	if wait, ok := ctx.Value(waitKey{}).(*time.Duration); ok {
		return *wait
	}
	return 0
}

// waitReader is the RoundTripper that notes it there.
type waitReader struct{ next http.RoundTripper }

func (w waitReader) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if wait, ok := r.Context().Value(waitKey{}).(*time.Duration); ok && err == nil {
		*wait = adapters.RetryAfter(resp.Header, time.Now())
	}
	return resp, err
}
