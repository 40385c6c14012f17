package draw

import (
	"net/http"
	"slices"

	"aprm/adapters"
)

// Authorize is the RoundTripper that sends what the client's own request had along (adapters.WithClient), and the
// adapter's own key, if it has one, in place of the client's.
type Authorize struct {
	Next  http.RoundTripper
	Key   string
	Alone bool // nothing of the client's goes along
}

// RoundTrip implements http.RoundTripper.
func (a Authorize) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	var client adapters.Client
	if !a.Alone {
		client = adapters.ClientOf(r.Context())
	}
	for name, values := range client.Header {
		if r.Header.Get(name) == "" {
			r.Header[name] = slices.Clone(values)
		}
	}
	if client.Query != "" && r.URL.RawQuery == "" {
		r.URL.RawQuery = client.Query
	}
	if a.Key != "" {
		for _, name := range adapters.KeyHeaders {
			r.Header.Del(name)
		}
		r.Header.Set("Authorization", "Bearer "+a.Key)
	}
	return a.Next.RoundTrip(r)
}
