package ollama

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// open returns a client of a fake server, and drops the requests of its probes.
func open(t *testing.T, u *adaptertest.Upstream, change func(*Config)) *Client {
	t.Helper()
	c := unprobed(t, u, change)
	u.Probed(t, c)
	return c
}

// unprobed returns a client of a fake endpoint that has asked it nothing.
func unprobed(t *testing.T, u *adaptertest.Upstream, change func(*Config)) *Client {
	t.Helper()
	u.Start(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := Config{URL: u.URL, Model: "fake", Transport: transport}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var ask = []adapters.Message{{Role: adapters.User, Content: "What is 2 + 3?"}}

func TestContract(t *testing.T) {
	for name, u := range map[string]*adaptertest.Upstream{
		"as it is":                {},
		"with a closing template": {Prefill: adapters.PrefillNone},
		"old, without embeddings": {NoLogProbs: true, NoHidden: true},
	} {
		t.Run(name, func(t *testing.T) { adaptertest.Contract(t, open(t, u, nil)) })
	}
	t.Run("with a second server", func(t *testing.T) {
		second := (&adaptertest.Upstream{}).Start(t)
		adaptertest.Contract(t, open(t, &adaptertest.Upstream{}, func(cfg *Config) { cfg.HiddenURL = second.URL }))
	})
}

// TestRealContract holds the contract on a real server: SIDECAR_TEST_OLLAMA_URL and SIDECAR_TEST_MODEL name it.
func TestRealContract(t *testing.T) {
	url, model := os.Getenv("SIDECAR_TEST_OLLAMA_URL"), os.Getenv("SIDECAR_TEST_MODEL")
	if url == "" || model == "" {
		t.Skip("SIDECAR_TEST_OLLAMA_URL and SIDECAR_TEST_MODEL name no server")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	holds(t, Config{URL: url, Model: model, Transport: adaptertest.Recording(t, transport)})
}

// TestCassette holds the contract on what a real server answered, byte for byte. adaptertest.Recording says how it is
// recorded anew.
func TestCassette(t *testing.T) {
	holds(t, Config{URL: "http://recorded", Model: "qwen2.5-coder:0.5b-t1", Transport: adaptertest.Play(t, "../testdata/cassettes/ollama.jsonl.gz")})
}

func holds(t *testing.T, cfg Config) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	adaptertest.Contract(t, c)
	t.Run("wire", func(t *testing.T) { adaptertest.Wire(t, cfg.Transport, cfg.URL, cfg.Model, cfg.NoSeeds) })
}

// TestThinks: a model that begins with thoughts is known to.
func TestThinks(t *testing.T) {
	for _, thinks := range []bool{true, false} {
		caps, err := open(t, &adaptertest.Upstream{Thinks: thinks}, nil).Capabilities(t.Context())
		if err != nil || caps.Thinks != thinks || caps.Prefill != adapters.PrefillContinued {
			t.Errorf("%t: %+v, %v", thinks, caps, err)
		}
	}
}

func TestBytes(t *testing.T) {
	u := &adaptertest.Upstream{}
	c := open(t, u, func(cfg *Config) { cfg.Key = "secret" })
	seed := int64(40)
	if _, err := c.Generate(t.Context(), adapters.Request{Messages: ask, Seed: &seed, MaxTokens: 9, N: 2, TopLogProbs: 3, TopWanted: true, TopP: 0.5, Stop: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	asked := u.Requests()
	if len(asked) != 2 {
		t.Fatalf("%d requests; Ollama has no n, so two completions are two", len(asked))
	}
	seeds := map[float64]bool{}
	for _, a := range asked {
		options := adaptertest.Field[map[string]any](a, "options")
		if temperature, sent := options["temperature"]; !sent || temperature != 0.0 {
			t.Errorf("temperature is %v, sent: %v", temperature, sent)
		}
		if options["num_predict"] != 9.0 || options["top_p"] != 0.5 || len(options["stop"].([]any)) != 1 {
			t.Errorf("options %v", options)
		}
		if string(a.Body["logprobs"]) != "true" || string(a.Body["top_logprobs"]) != "3" || a.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("logprobs %s, %s, Authorization %q", a.Body["logprobs"], a.Body["top_logprobs"], a.Header.Get("Authorization"))
		}
		seeds[options["seed"].(float64)] = true
	}
	if !seeds[40] || !seeds[41] {
		t.Errorf("seeds %v, want 40 and 41", seeds)
	}

	// Alternatives cost Ollama a sort of its vocabulary for each token: nobody asks for them but a client who wants
	// them.
	u.Forget()
	if _, err := c.Generate(t.Context(), adapters.Request{Messages: ask, MaxTokens: 9, LogProbs: true, TopLogProbs: 3}); err != nil {
		t.Fatal(err)
	}
	if a := u.Requests()[0]; string(a.Body["logprobs"]) != "true" || a.Body["top_logprobs"] != nil {
		t.Errorf("logprobs %s, top_logprobs %s", a.Body["logprobs"], a.Body["top_logprobs"])
	}
}

func TestHiddenIsTheLastTokens(t *testing.T) {
	c := open(t, &adaptertest.Upstream{}, nil)
	states, err := c.Hidden(t.Context(), "one two three", []adapters.Span{{Start: 0, End: 3}, {Start: 4, End: 7}})
	if err != nil {
		t.Fatal(err)
	}
	// The fake's state is the length of the text it read.
	if states[0].Last[0] != 3 || states[1].Last[0] != 7 || states[0].Mean != nil {
		t.Errorf("%+v", states)
	}
}

func TestHiddenOutsideTheText(t *testing.T) {
	c := open(t, &adaptertest.Upstream{}, nil)
	for _, span := range []adapters.Span{{Start: 0, End: 6}, {Start: -1, End: 2}, {Start: 2, End: 2}, {Start: 3, End: 1}} {
		if _, err := c.Hidden(t.Context(), "short", []adapters.Span{{Start: 0, End: 5}, span}); err == nil {
			t.Errorf("%+v of five bytes has a state", span)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	u := &adaptertest.Upstream{NoHidden: true, Fault: func(int) adaptertest.Fault { return adaptertest.Fault{Status: 429, RetryAfter: "3600"} }}
	_, err := open(t, u, nil).Generate(t.Context(), adapters.Request{Messages: ask})
	var upstream *adapters.UpstreamError
	if !errors.As(err, &upstream) || upstream.RetryAfter != time.Hour || len(u.Requests()) != 1 {
		t.Errorf("%v after %d requests: an hour is longer than anyone waits, and the caller should know", err, len(u.Requests()))
	}
}

func TestFaults(t *testing.T) {
	first := func(f adaptertest.Fault) func(int) adaptertest.Fault {
		return func(n int) adaptertest.Fault {
			if n == 0 {
				return f
			}
			return adaptertest.Fault{}
		}
	}
	for _, test := range []struct {
		name     string
		fault    adaptertest.Fault
		requests int
		err      string
		status   int
	}{
		{"500 once", adaptertest.Fault{Status: 500}, 2, "", 0},
		{"429 once", adaptertest.Fault{Status: 429}, 2, "", 0},
		{"closed before the first byte, once", adaptertest.Fault{CutAfter: -1}, 2, "", 0},
		{"404", adaptertest.Fault{Status: 404}, 1, "the fake says 404", 404},
		{"cut in mid-stream", adaptertest.Fault{CutAfter: 3}, 1, "cut off", 0},
		{"a malformed chunk", adaptertest.Fault{Malformed: true}, 1, "oops", 502},
		{"an error in the stream", adaptertest.Fault{InStream: "out of memory"}, 1, "out of memory", 502},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &adaptertest.Upstream{Fault: first(test.fault)}
			c := open(t, u, func(cfg *Config) { cfg.Tries = 2 })
			done, err := c.Generate(t.Context(), adapters.Request{Messages: ask})
			if err == nil {
				err = done[0].Err // half an answer is kept, and marked
			}
			if got := len(u.Requests()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			if test.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var upstream *adapters.UpstreamError
			if !errors.As(err, &upstream) || !strings.Contains(err.Error(), test.err) || upstream.Status != test.status {
				t.Errorf("%v, want an UpstreamError %d with %q", err, test.status, test.err)
			}
		})
	}
}

func TestCancelAndOneStepStopTheServer(t *testing.T) {
	u := &adaptertest.Upstream{Endless: true}
	c := open(t, u, nil)
	done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, OneStep: true})
	if err != nil || done[0].Finish != adapters.FinishCut {
		t.Fatalf("%+v, %v", done, err)
	}
	<-u.Left
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		done, err := c.Generate(ctx, adapters.Request{Messages: ask})
		if err == nil {
			err = done[0].Err // what came before the client left is kept
		}
		failed <- err
	}()
	for len(u.Requests()) < 2 {
		time.Sleep(time.Millisecond) // until the server has it
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-u.Left
}

func TestNew(t *testing.T) {
	for _, cfg := range []Config{{}, {URL: "localhost:11434", Model: "m"}, {URL: "http://h"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// TestGenerateBeforeAStalledProbe: what doesn't hang on the probe's finds comes without it, in a search; the probe is
// none.
func TestGenerateBeforeAStalledProbe(t *testing.T) {
	u := (&adaptertest.Upstream{Fault: func(n int) adaptertest.Fault { return adaptertest.Fault{Stall: n == 0} }}).Start(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := New(Config{URL: u.URL, Model: "fake", Transport: transport, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second) // a third of it goes by before the probe is not waited for
	defer cancel()
	done, err := c.Generate(ctx, adapters.Request{Messages: ask, N: 2, LogProbs: true})
	if err != nil || len(done) != 2 || done[0].Err != nil || done[1].Err != nil || done[0].Tokens != nil {
		t.Fatalf("%+v, %v", done, err)
	}
	cancel() // and with it the probe
	<-u.Left
	if caps, err := c.Capabilities(t.Context()); err != nil || !caps.LogProbs {
		t.Errorf("the next probe: %+v, %v", caps, err)
	}
}

func TestWithoutSeeds(t *testing.T) {
	u := &adaptertest.Upstream{}
	adaptertest.WithoutSeeds(t, u, unprobed(t, u, func(c *Config) { c.NoSeeds = true }))
}
