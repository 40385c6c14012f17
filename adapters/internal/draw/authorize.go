package draw

import (
	"net/http"

	"aprm/adapters"
)

// Authorize is the RoundTripper that presents the adapter's own key or, without one, the client's Authorization.
type Authorize struct {
	Next http.RoundTripper
	Key  string
}

// RoundTrip implements http.RoundTripper.
func (a Authorize) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if auth := adapters.Authorization(r.Context()); a.Key != "" {
		r.Header.Set("Authorization", "Bearer "+a.Key)
	} else if auth != "" {
		r.Header.Set("Authorization", auth)
	}
	return a.Next.RoundTrip(r)
}
