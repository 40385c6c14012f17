package openai

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// open returns a client of a fake endpoint, and drops the requests of its probes.
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
	cfg := Config{URL: u.URL + "/v1", Model: "fake", Transport: transport}
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
		"as vLLM":             {OwnedBy: "vllm", StopReason: true, NoHidden: true},
		"as llama-server":     {OwnedBy: "llamacpp", Prefill: adapters.PrefillEchoed},
		"as a vLLM of both":   {OwnedBy: "vllm", StopReason: true, Pools: true, Asks: true},
		"as SGLang":           {OwnedBy: "sglang", Matched: true, Asks: true, NoHidden: true},
		"as LM Studio":        {OwnedBy: "organization_owner", NoN: true, NoLogProbs: true, Prefill: adapters.PrefillNone, Anything: true},
		"as llama-cpp-python": {OwnedBy: "me", NoN: true, NoLogProbs: true, NoUsage: true, Interrupts: true, Prefill: adapters.PrefillNone, NoHidden: true},
		"as OpenAI":           {OwnedBy: "openai", Prefill: adapters.PrefillNone, NoHidden: true},
		"without n, logprobs": {NoN: true, NoLogProbs: true, NoHidden: true},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Contract(t, open(t, u, func(cfg *Config) {
				if u.Interrupts {
					cfg.Concurrency = 1
				}
			}))
		})
	}
}

// TestTooMany: of a server that refuses so many completions at once they are asked for one by one.
func TestTooMany(t *testing.T) {
	u := &adaptertest.Upstream{OwnedBy: "llamacpp", MostN: 4, NoHidden: true}
	c := open(t, u, nil)
	seed := int64(20)
	done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: 6, Seed: &seed})
	if err != nil || len(done) != 6 {
		t.Fatalf("%d completions, %v", len(done), err)
	}
	for i, d := range done {
		if want := fmt.Sprintf("(%d)", 20+i); d.Err != nil || !strings.Contains(d.Text, want) {
			t.Errorf("completion %d: %q, %v", i, d.Text, d.Err)
		}
	}
	if n := len(u.Requests()); n != 7 {
		t.Errorf("%d requests, want the one that was refused and six", n)
	}
}

// TestInterrupted: an answer that llama-cpp-python breaks off for the next request, and ends as if it were whole, is
// none, and says what to do.
func TestInterrupted(t *testing.T) {
	u := &adaptertest.Upstream{OwnedBy: "me", NoN: true, NoLogProbs: true, NoUsage: true, Interrupts: true, NoHidden: true}
	c := open(t, u, nil)
	u.Fault = func(n int) adaptertest.Fault { return adaptertest.Fault{Stall: n == 0} }
	done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: 2})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, d := range done {
		if d.Err != nil && strings.Contains(d.Err.Error(), "--upstream-concurrency 1") {
			told++
		} else if d.Err != nil || d.Finish != adapters.FinishEnd {
			t.Errorf("%q, %v", d.Finish, d.Err)
		}
	}
	if told != 1 {
		t.Errorf("%d of two are told to be broken off", told)
	}
}

// TestRealContract holds the contract on a real server: SIDECAR_TEST_OPENAI_URL and SIDECAR_TEST_MODEL name it,
// SIDECAR_TEST_HIDDEN_URL a server of the same model that gives hidden states, and SIDECAR_TEST_NO_SEEDS, where it is
// set, one that dies of seeds.
func TestRealContract(t *testing.T) {
	url, model := os.Getenv("SIDECAR_TEST_OPENAI_URL"), os.Getenv("SIDECAR_TEST_MODEL")
	if url == "" || model == "" {
		t.Skip("SIDECAR_TEST_OPENAI_URL and SIDECAR_TEST_MODEL name no server")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	holds(t, Config{URL: url, Model: model, HiddenURL: os.Getenv("SIDECAR_TEST_HIDDEN_URL"), NoSeeds: os.Getenv("SIDECAR_TEST_NO_SEEDS") != "", Transport: adaptertest.Recording(t, transport)})
}

// TestCassettes holds the contract on what real servers answered, byte for byte. adaptertest.Recording says how they
// are recorded anew.
func TestCassettes(t *testing.T) {
	for server, model := range map[string]string{"llama-server": "qwen2.5-coder:0.5b", "vllm": "qwen2.5-coder:1.5b"} {
		t.Run(server, func(t *testing.T) {
			holds(t, Config{URL: "http://recorded", Model: model, Transport: adaptertest.Play(t, "../testdata/cassettes/"+server+".jsonl.gz")})
		})
	}
}

// TestRealDifferences prints what the server at SIDECAR_TEST_OPENAI_URL makes of requests that such servers answer
// differently. With SIDECAR_TEST_RECORD it makes the cassette that TestDifferences plays, differences-SERVER.jsonl.gz.
func TestRealDifferences(t *testing.T) {
	url, model := os.Getenv("SIDECAR_TEST_OPENAI_URL"), os.Getenv("SIDECAR_TEST_MODEL")
	if url == "" || model == "" {
		t.Skip("SIDECAR_TEST_OPENAI_URL and SIDECAR_TEST_MODEL name no server")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	t.Logf("\n%s", adaptertest.Differences(t, adaptertest.Recording(t, transport), strings.TrimSuffix(url, "/v1"), model))
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestDifferences holds what real servers made of such requests, as their cassettes have it, against golden files,
// which are for people to read too.
func TestDifferences(t *testing.T) {
	for server, model := range map[string]string{"llama-server": "qwen2.5-coder:0.5b", "vllm": "qwen2.5-coder:1.5b", "ollama": "qwen2.5-coder:0.5b"} {
		got := adaptertest.Differences(t, adaptertest.Play(t, "../testdata/cassettes/differences-"+server+".jsonl.gz"), "http://recorded", model)
		golden := "testdata/differences-" + server + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", server, err, got, want)
		}
	}
}

func holds(t *testing.T, cfg Config) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	adaptertest.Contract(t, c)
	t.Run("wire", func(t *testing.T) {
		adaptertest.Wire(t, cfg.Transport, strings.TrimSuffix(cfg.URL, "/v1"), cfg.Model, cfg.NoSeeds)
	})
}

func TestCapabilities(t *testing.T) {
	hidden := adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: 4}
	for _, test := range []struct {
		u    *adaptertest.Upstream
		want adapters.Capabilities
	}{
		{&adaptertest.Upstream{OwnedBy: "vllm", StopReason: true, NoHidden: true}, adapters.Capabilities{Server: "vllm", N: true, StopReason: true,
			LogProbs: true, TopLogProbs: true, Prefill: adapters.PrefillContinued, Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}},
		{&adaptertest.Upstream{OwnedBy: "llamacpp", Prefill: adapters.PrefillEchoed}, adapters.Capabilities{Server: "llamacpp", N: true, LogProbs: true,
			TopLogProbs: true, Prefill: adapters.PrefillEchoed, Hidden: hidden}},
		{&adaptertest.Upstream{OwnedBy: "sglang", Matched: true, Asks: true, NoHidden: true}, adapters.Capabilities{Server: "sglang", N: true, StopReason: true,
			LogProbs: true, TopLogProbs: true, Prefill: adapters.PrefillContinued, Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}},
		{&adaptertest.Upstream{OwnedBy: "organization_owner", NoN: true, NoLogProbs: true, Prefill: adapters.PrefillNone, Anything: true},
			adapters.Capabilities{Server: "organization_owner", Prefill: adapters.PrefillNone, Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}},
		{&adaptertest.Upstream{OwnedBy: "vllm", Thinks: true, NoHidden: true}, adapters.Capabilities{Server: "vllm", N: true, LogProbs: true, TopLogProbs: true,
			Prefill: adapters.PrefillContinued, Thinks: true, Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}},
		{&adaptertest.Upstream{NoN: true, NoLogProbs: true, Prefill: adapters.PrefillNone}, adapters.Capabilities{Prefill: adapters.PrefillNone, Hidden: hidden}},
	} {
		test.want.Model, test.want.Streaming, test.want.Stop, test.want.Seed, test.want.Tools = "fake", true, true, true, true
		got, err := open(t, test.u, nil).Capabilities(t.Context())
		if err != nil || got != test.want {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, test.want)
		}
	}
}

// TestBytes holds what really goes over the wire, where the SDK would leave it out or has no field for it. A connection
// that breaks before its first byte, at any of the requests that ask what the endpoint can do, is tried again.
func TestProbesThroughFaults(t *testing.T) {
	whole := &adaptertest.Upstream{NoHidden: true}
	want := capabilities(t, unprobed(t, whole, nil))
	for n := range len(whole.Requests()) {
		u := &adaptertest.Upstream{NoHidden: true, Fault: func(i int) adaptertest.Fault {
			if i == n {
				return adaptertest.Fault{CutAfter: -1}
			}
			return adaptertest.Fault{}
		}}
		if got := capabilities(t, unprobed(t, u, func(cfg *Config) { cfg.Tries = 2 })); got != want {
			t.Errorf("request %d broken: %+v, want %+v", n, got, want)
		}
	}
}

func capabilities(t *testing.T, c *Client) adapters.Capabilities {
	t.Helper()
	caps, err := c.Capabilities(t.Context())
	if err != nil {
		t.Error(err)
	}
	return caps
}

func TestBytes(t *testing.T) {
	u := &adaptertest.Upstream{OwnedBy: "vllm", NoHidden: true}
	c := open(t, u, func(cfg *Config) { cfg.Key = "secret" })
	seed := int64(40)
	prefilled := append(ask[:1:1], adapters.Message{Role: adapters.Assistant, Content: "First"})
	for _, req := range []adapters.Request{
		{Messages: ask, Seed: &seed, MaxTokens: 9, N: 2, TopLogProbs: 3, TopP: 0.5},
		{Messages: prefilled, N: 2, Seed: &seed, OneStep: true},
	} {
		if _, err := c.Generate(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	asked := u.Requests()
	if len(asked) != 3 {
		t.Fatalf("%d requests, want one for two completions and two for two steps", len(asked))
	}
	want := func(i int, field, value string) {
		t.Helper()
		if got := string(asked[i].Body[field]); got != value {
			t.Errorf("request %d: %s is %s, want %s", i, field, got, value)
		}
	}
	want(0, "temperature", "0")
	want(0, "n", "2")
	want(0, "seed", "40")
	want(0, "max_tokens", "9")
	want(0, "top_logprobs", "3")
	want(0, "top_p", "0.5")
	want(0, "stream_options", `{"include_usage":true}`)
	want(0, "continue_final_message", "")
	seeds := map[string]bool{}
	for i := 1; i < 3; i++ {
		want(i, "continue_final_message", "true")
		want(i, "add_generation_prompt", "false")
		want(i, "stream_options", `{"include_usage":true,"continuous_usage_stats":true}`)
		seeds[string(asked[i].Body["seed"])] = true
	}
	if !seeds["40"] || !seeds["41"] {
		t.Errorf("the steps' seeds are %v, want 40 and 41", seeds)
	}
	if got := asked[0].Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("Authorization %q", got)
	}
}

// TestCutStreamsCountTheirPrompt: where the server counts as it goes its count stands, elsewhere an estimate.
func TestCutStreamsCountTheirPrompt(t *testing.T) {
	for owner, want := range map[string]int{"vllm": 7, "llamacpp": 7, "somebody": len("What is 2 + 3?")/4 + 4} { // each step is a call, which reads it
		c := open(t, &adaptertest.Upstream{OwnedBy: owner, NoHidden: true}, nil)
		done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: 2, OneStep: true})
		if err != nil {
			t.Fatal(err)
		}
		if done[0].Finish != adapters.FinishCut || done[0].Usage.PromptTokens != want || done[1].Usage.PromptTokens != want {
			t.Errorf("%s: %+v and %+v, want a prompt of %d, each", owner, done[0], done[1].Usage, want)
		}
	}
}

// TestBilled: a prompt counts once a call, however many completions that has, and a seed is sent only where one is
// wanted.
func TestBilled(t *testing.T) {
	for name, test := range map[string]struct {
		u     *adaptertest.Upstream
		calls int
	}{"n in one call": {&adaptertest.Upstream{NoHidden: true}, 1}, "a call each": {&adaptertest.Upstream{NoN: true, NoHidden: true}, 3}} {
		c := open(t, test.u, nil)
		prompt := func(n int) (total int) {
			test.u.Forget()
			done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: n, MaxTokens: 8})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range done {
				total += d.Usage.PromptTokens
			}
			return total
		}
		one := prompt(1)
		if all := prompt(3); one == 0 || all != one*test.calls {
			t.Errorf("%s: three completions read %d tokens, one %d", name, all, one)
		}
		asked := test.u.Requests()
		for _, r := range asked {
			if r.Body["seed"] != nil {
				t.Errorf("%s: a seed that nobody gave: %s", name, r.Body["seed"])
			}
		}
		if len(asked) != test.calls {
			t.Errorf("%s: %d calls", name, len(asked))
		}
	}
}

func TestAuthorization(t *testing.T) {
	u := &adaptertest.Upstream{NoHidden: true}
	c := open(t, u, nil)
	if _, err := c.Generate(adapters.WithClient(t.Context(), adapters.Client{Header: http.Header{"Authorization": {"Bearer theirs"}}}), adapters.Request{Messages: ask}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Generate(t.Context(), adapters.Request{Messages: ask}); err != nil {
		t.Fatal(err)
	}
	asked := u.Requests()
	if a, b := asked[0].Header.Get("Authorization"), asked[1].Header.Get("Authorization"); a != "Bearer theirs" || b != "" {
		t.Errorf("sent %q, then %q", a, b)
	}
}

func TestStopReason(t *testing.T) {
	done, err := open(t, &adaptertest.Upstream{StopReason: true, NoHidden: true}, nil).Generate(t.Context(), adapters.Request{Messages: ask, Stop: []string{"Then"}})
	if err != nil || done[0].Finish != adapters.FinishStop || done[0].StopString != "Then" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestWithoutPrefillItAsksInWords(t *testing.T) {
	u := &adaptertest.Upstream{Prefill: adapters.PrefillNone, NoHidden: true}
	c := open(t, u, nil)
	if _, err := c.Generate(t.Context(), adapters.Request{Messages: append(ask[:1:1], adapters.Message{Role: adapters.Assistant, Content: "First, one."})}); err != nil {
		t.Fatal(err)
	}
	messages := adaptertest.Field[[]adapters.Message](u.Requests()[0], "messages")
	last := messages[len(messages)-1]
	if last.Role != adapters.User || !strings.Contains(last.Content, "First, one.") {
		t.Errorf("the last message is %+v", last)
	}
}

func TestOneStepStopsTheEndpoint(t *testing.T) {
	u := &adaptertest.Upstream{Endless: true, NoHidden: true}
	c := open(t, u, nil)
	done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: 2, OneStep: true, LogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range done {
		if d.Finish != adapters.FinishCut || !strings.HasPrefix(d.Text, "First, 1 + 1 = 2") || strings.Contains(d.Text, "\n") {
			t.Errorf("%q, finish %q", d.Text, d.Finish)
		}
		if spelt := len(d.Tokens); spelt == 0 || spelt > 9 {
			t.Errorf("%d tokens for %q", spelt, d.Text)
		}
	}
	<-u.Left
	<-u.Left // both streams were closed, or this test hangs
}

func TestFaults(t *testing.T) {
	on := func(f adaptertest.Fault, requests ...int) func(int) adaptertest.Fault {
		return func(n int) adaptertest.Fault {
			for _, r := range requests {
				if n == r {
					return f
				}
			}
			return adaptertest.Fault{}
		}
	}
	for _, test := range []struct {
		name     string
		fault    func(int) adaptertest.Fault
		requests int    // made for two completions in one request
		err      string // "" for none
		status   int
	}{
		{"500 once", on(adaptertest.Fault{Status: 500}, 0), 2, "", 0},
		{"429 once", on(adaptertest.Fault{Status: 429}, 0), 2, "", 0},
		{"closed before the first byte, once", on(adaptertest.Fault{CutAfter: -1}, 0), 2, "", 0},
		{"400", on(adaptertest.Fault{Status: 400}, 0, 1), 1, "the fake says 400", 400},
		{"401", on(adaptertest.Fault{Status: 401}, 0, 1), 1, "the fake says 401", 401},
		{"500 always", on(adaptertest.Fault{Status: 500}, 0, 1), 2, "the fake says 500", 500},
		{"cut in mid-stream", on(adaptertest.Fault{CutAfter: 3}, 0), 1, "the connection broke", 0},
		{"a malformed chunk", on(adaptertest.Fault{Malformed: true}, 0), 1, "can't be read", 0},
		{"an error under a 200", on(adaptertest.Fault{Status: 200}, 0, 1), 2, "the fake says 200", 0},
		{"an error in the stream", on(adaptertest.Fault{InStream: "out of memory"}, 0), 1, "out of memory", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &adaptertest.Upstream{Fault: test.fault, NoHidden: true}
			c := open(t, u, func(cfg *Config) { cfg.Tries = 2 })
			done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, N: 2})
			if err == nil {
				err = done[1].Err
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

// TestNoStream: what an address answers that is no LLM's is shown, not taken for silence.
func TestNoStream(t *testing.T) {
	for body, want := range map[string]string{
		"":                                 "closed the stream without a word",
		"<html>\n<title>Chat</title>\n":    "no stream: <html> <title>Chat</title>",
		`{"message":"hello"}`:              "generate: hello",
		`{"error":"the model is loading"}`: "the model is loading",
		strings.Repeat("long ", 1000):      "no stream: long long",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		transport := &http.Transport{DisableKeepAlives: true}
		c, err := New(Config{URL: srv.URL, Model: "m", Tries: 1, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.stream(t.Context(), adapters.Request{Messages: ask, N: 1}, adapters.Capabilities{Streaming: true}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
			t.Errorf("%.40q: %v, want %q", body, err, want)
		}
		srv.Close()
	}
}

// TestOneDeadStep: the candidates of a step are requests of their own, so one can die alone.
func TestOneDeadStep(t *testing.T) {
	u := &adaptertest.Upstream{NoHidden: true, Fault: func(n int) adaptertest.Fault {
		if n == 1 {
			return adaptertest.Fault{Status: 400}
		}
		return adaptertest.Fault{}
	}}
	done, err := open(t, u, nil).Generate(t.Context(), adapters.Request{Messages: ask, N: 3, OneStep: true})
	if err != nil {
		t.Fatal(err)
	}
	dead := 0
	for _, d := range done {
		if d.Err != nil {
			dead++
		} else if d.Text == "" {
			t.Error("a survivor says nothing")
		}
	}
	if dead != 1 {
		t.Errorf("%d are dead, want 1", dead)
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

func TestSilence(t *testing.T) {
	release := make(chan struct{})
	u := &adaptertest.Upstream{NoHidden: true}
	c := open(t, u, func(cfg *Config) { cfg.Tries = 1 })
	c.cfg.Idle = 30 * time.Millisecond // only now: the probes may take their time
	u.Fault = func(int) adaptertest.Fault { <-release; return adaptertest.Fault{} }
	_, err := c.Generate(t.Context(), adapters.Request{Messages: ask})
	close(release)
	var upstream *adapters.UpstreamError
	if !errors.As(err, &upstream) || upstream.Status != http.StatusGatewayTimeout {
		t.Errorf("%v, want a gateway time-out", err)
	}
}

func TestCancel(t *testing.T) {
	u := &adaptertest.Upstream{Endless: true, NoHidden: true}
	c := open(t, u, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		got, err := c.Generate(ctx, adapters.Request{Messages: ask, N: 2})
		if err == nil {
			err = got[0].Err // what came before the client left is kept
		}
		done <- err
	}()
	for len(u.Requests()) == 0 {
		time.Sleep(time.Millisecond) // until the endpoint has it
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-u.Left
}

func TestHiddenSpans(t *testing.T) {
	pools := (&adaptertest.Upstream{Pools: true}).Start(t)
	for name, c := range map[string]*Client{
		"llama-server":       open(t, &adaptertest.Upstream{}, nil),
		"vLLM beside a vLLM": open(t, &adaptertest.Upstream{OwnedBy: "vllm", Pools: true, NoHidden: true}, func(cfg *Config) { cfg.HiddenURL = pools.URL }),
	} {
		t.Run(name, func(t *testing.T) { holdsSpans(t, c) })
	}
	none := open(t, &adaptertest.Upstream{NoHidden: true}, nil)
	if _, err := none.Hidden(t.Context(), "a", nil); !errors.Is(err, adapters.ErrUnsupported) {
		t.Errorf("without hidden states: %v", err)
	}
}

// holdsSpans holds that a span's states are those of its tokens.
func holdsSpans(t *testing.T, c *Client) {
	text := "a b×c d\ne"
	states, err := c.Hidden(t.Context(), text, []adapters.Span{{Start: 0, End: 6}, {Start: 6, End: len(text)}})
	if err != nil {
		t.Fatal(err)
	}
	// The fake's state is where a token ends: "a" 1, " b×c" 6, " d" 8, "\n" 9, "e" 10.
	if got := states[0]; got.Last[0] != 6 || got.Mean[0] != 3.5 {
		t.Errorf("first span: last %v, mean %v", got.Last, got.Mean)
	}
	if got := states[1]; got.Last[0] != 10 || got.Mean[0] != 9 {
		t.Errorf("second span: last %v, mean %v", got.Last, got.Mean)
	}
	if _, err := c.Hidden(t.Context(), text, []adapters.Span{{Start: 3, End: 3}}); err == nil {
		t.Error("an empty span has a state")
	}
}

func TestHiddenURLMustAnswer(t *testing.T) {
	u := (&adaptertest.Upstream{NoHidden: true}).Start(t)
	c, err := New(Config{URL: u.URL, Model: "fake", HiddenURL: u.URL, Tries: 1, Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Capabilities(t.Context()); err == nil || !strings.Contains(err.Error(), "hidden states at") {
		t.Errorf("a server named for hidden states that has none: %v", err)
	}
}

func TestNew(t *testing.T) {
	for _, cfg := range []Config{{}, {URL: "localhost:8000", Model: "m"}, {URL: "http://h"}, {URL: "://", Model: "m"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestWithoutSeeds(t *testing.T) {
	u := &adaptertest.Upstream{OwnedBy: "vllm", NoHidden: true}
	adaptertest.WithoutSeeds(t, u, unprobed(t, u, func(c *Config) { c.NoSeeds = true }))
}

// TestDeadOfASeed: where a vLLM dies of a seed, its error and those after it say what to do; where another server, or
// one that was sent none, is gone, nothing is.
func TestDeadOfASeed(t *testing.T) {
	seed := int64(3)
	dead := func(int) adaptertest.Fault { return adaptertest.Fault{CutAfter: -1} }
	engine := func(int) adaptertest.Fault { return adaptertest.Fault{Status: http.StatusInternalServerError} }
	mid := func(int) adaptertest.Fault { return adaptertest.Fault{CutAfter: 2} }
	refused := func(int) adaptertest.Fault { return adaptertest.Fault{Status: http.StatusBadRequest} }
	for name, test := range map[string]struct {
		owner string
		fault func(int) adaptertest.Fault
		seed  *int64
		hint  bool
	}{
		"a connection that is reset": {"vllm", dead, &seed, true},
		"a dead engine":              {"vllm", engine, &seed, true},
		"in the midst of an answer":  {"vllm", mid, &seed, true},
		"no seed":                    {"vllm", dead, nil, false},
		"refused":                    {"vllm", refused, &seed, false},
		"another server":             {"llamacpp", dead, &seed, false},
	} {
		t.Run(name, func(t *testing.T) {
			u := &adaptertest.Upstream{OwnedBy: test.owner, NoHidden: true}
			c := open(t, u, func(cfg *Config) { cfg.Tries = 1 })
			c.seeded.Store(0) // by its probes
			u.Fault = test.fault
			done, err := c.Generate(t.Context(), adapters.Request{Messages: ask, Seed: test.seed})
			if err == nil {
				err = done[0].Err // what came before is kept
			}
			if err == nil || strings.Contains(err.Error(), "--no-upstream-seeds") != test.hint {
				t.Errorf("%v", err)
			}
			_, after := c.Generate(t.Context(), adapters.Request{Messages: ask})
			if test.hint && name != "in the midst of an answer" && (after == nil || !strings.Contains(after.Error(), "--no-upstream-seeds")) {
				t.Errorf("the next request, which has none: %v", after)
			}
		})
	}
}
