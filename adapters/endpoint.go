package adapters

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Endpoint says where a model is served and how it is asked. Only URL and Model are needed.
type Endpoint struct {
	URL   string // of the server, with or without /v1
	Model string

	// HiddenURL is a server of the same model that gives every token's hidden state: a llama-server at POST /embedding
	// (--embeddings --pooling none), or a vLLM at POST /pooling (--runner pooling --convert embed --pooler-config.task
	// token_embed); "" takes what the endpoint itself gives.
	HiddenURL string

	Key         string            // bearer token; "" sends none but what WithClient put into the context
	HiddenKey   string            // bearer token for HiddenURL, which never gets Key nor what clients send
	Budget      *Budget           // of what is asked again, for all that asks this endpoint; nil for one of its own
	NoSeeds     bool              // it is sent none, and isn't known to take any: some builds of vLLM die of them
	Spread      bool              // several endpoints stand behind URL: completions are asked for each by itself, so that they are spread over all
	Concurrency int               // completions at a time; 0 means 8
	Tries       int               // of a request, before its first byte; 0 means 4
	Idle        time.Duration     // longest silence in an answer, the loading of the model included; 0 means 5 minutes
	Timeout     time.Duration     // of a whole call; 0 means 15 minutes
	Transport   http.RoundTripper // nil means http.DefaultTransport
}

// Seed is what is sent of a request's seed.
func (e Endpoint) Seed(s *int64) *int64 {
	if e.NoSeeds {
		return nil
	}
	return s
}

// What an endpoint may be asked again: at first, and saved up at most.
const (
	spareOfEndpoint = 64
	mostOfEndpoint  = 256
)

// Complete returns e with its URLs stripped of the API's path and its zero values replaced, or says what is missing.
func (e Endpoint) Complete() (Endpoint, error) {
	e.URL, e.HiddenURL = Root(e.URL), Root(e.HiddenURL)
	if u, err := url.Parse(e.URL); err != nil || u.Scheme == "" || u.Host == "" {
		return e, fmt.Errorf("%q is no URL of an endpoint (want http://host:port)", e.URL)
	}
	if e.Model == "" {
		return e, errors.New("no model is named")
	}
	if e.Concurrency <= 0 {
		e.Concurrency = 8
	}
	if e.Tries <= 0 {
		e.Tries = 4
	}
	if e.Idle <= 0 {
		e.Idle = 5 * time.Minute
	}
	if e.Timeout <= 0 {
		e.Timeout = 15 * time.Minute
	}
	if e.Transport == nil {
		e.Transport = http.DefaultTransport
	}
	if e.Budget == nil {
		e.Budget = NewBudget(spareOfEndpoint, mostOfEndpoint)
	}
	return e, nil
}

// Root is an endpoint's address without the path of OpenAI's API.
func Root(url string) string { return strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1") }
