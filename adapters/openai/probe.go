package openai

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/wire"
)

// What servers call themselves in their lists of models.
const (
	vllm        = "vllm"
	sglang      = "sglang"
	llamaCPP    = "llamacpp"
	llamaPython = "me"     // llama-cpp-python
	openAI      = "system" // OpenAI itself, where its own models are concerned
)

// Capabilities implements adapters.LLM: about eight short requests on the first call, all within Config.Timeout; see
// draw.Probed for who waits for them how long.
func (c *Client) Capabilities(ctx context.Context) (adapters.Capabilities, error) {
	return c.probed.Or(ctx, c.cfg.Timeout, c.probe)
}

func (c *Client) probe(ctx context.Context) (adapters.Capabilities, error) {
	caps := adapters.Capabilities{Model: c.cfg.Model, Server: c.server(ctx), Prefill: adapters.PrefillNone,
		Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}

	// A server that refuses log-probabilities is asked again without; one that doesn't answer then isn't there.
	caps.LogProbs, caps.TopLogProbs = true, true
	one, err := c.ask(ctx, draw.SampleProbe(1), caps)
	if err != nil && draw.Refused(err) {
		caps.LogProbs, caps.TopLogProbs = false, false
		one, err = c.ask(ctx, draw.SampleProbe(1), caps)
	}
	if err != nil {
		return caps, err
	}
	caps.Streaming = true
	caps.LogProbs = len(one[0].Tokens) > 0
	caps.TopLogProbs = caps.LogProbs && len(one[0].Tokens[0].Top) > 0
	caps.Thinks = draw.Thinks(one[0])

	for _, probe := range []struct {
		found *bool
		run   func(context.Context) (bool, error)
	}{
		{&caps.Seed, func(ctx context.Context) (bool, error) {
			same, err := draw.Repeats(one[0].Text, func() (string, error) {
				again, err := c.ask(ctx, draw.SampleProbe(1), caps)
				return again[0].Text, err
			})
			return same && !c.cfg.NoSeeds, err
		}},
		{&caps.N, func(ctx context.Context) (bool, error) {
			two, err := c.ask(ctx, draw.SampleProbe(2), caps)
			return err == nil && two[1].Err == nil && two[1].Text != "", err
		}},
		{&caps.Stop, func(ctx context.Context) (bool, error) {
			done, err := c.ask(ctx, draw.StopProbe(), caps)
			if err != nil {
				return false, err
			}
			caps.StopReason = done[0].Finish == adapters.FinishStop
			return draw.Stopped(done[0]), nil
		}},
		{&caps.Tools, c.takesTools},
	} {
		if *probe.found, err = draw.Try(ctx, probe.run); err != nil {
			return caps, err
		}
	}

	// Asked as if it continued, so that nothing is put into words for it.
	asking := caps
	asking.Prefill = adapters.PrefillContinued
	done, err := c.ask(ctx, draw.PrefillProbe(), asking)
	switch {
	case err == nil:
		caps.Prefill = draw.Prefilled(done[0].Text)
	case !draw.Refused(err):
		return caps, err
	}
	caps.Hidden, err = c.probeHidden(ctx)
	return caps, err
}

// ask draws without consulting Capabilities; the error is that of the first completion.
func (c *Client) ask(ctx context.Context, req adapters.Request, caps adapters.Capabilities) ([]adapters.Completion, error) {
	done := c.draw(ctx, req, caps)
	return done, done[0].Err
}

// server returns what the endpoint calls the owner of its models, "" when it doesn't say.
func (c *Client) server(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // it is no more than a hint
	defer cancel()
	answer, err := c.exchange(ctx, "probe", http.MethodGet, "/v1/models", nil)
	if err != nil {
		return ""
	}
	defer answer.Close()
	var list struct {
		Data []struct {
			ID      string `json:"id"`
			OwnedBy string `json:"owned_by"`
		} `json:"data"`
	}
	if json.NewDecoder(answer).Decode(&list) != nil {
		return ""
	}
	for _, m := range list.Data {
		if m.ID == c.cfg.Model {
			return m.OwnedBy
		}
	}
	return ""
}

// takesTools reports whether a request with a tool is accepted; whether the model uses it is its own affair.
func (c *Client) takesTools(ctx context.Context) (bool, error) {
	req := c.request(ctx, adapters.Request{N: 1, MaxTokens: 1, Messages: []adapters.Message{{Role: adapters.User, Content: "Hello"}}},
		adapters.Capabilities{})
	req.Stream, req.StreamOptions = false, nil
	req.Tools = json.RawMessage(`[{"type":"function","function":{"name":"now","description":"the time","parameters":{"type":"object","properties":{}}}}]`)
	err := draw.Retry(ctx, c.cfg.Tries, c.cfg.Budget, func() error {
		answer, err := c.post(ctx, "probe", req)
		if err != nil {
			return err
		}
		defer answer.Close()
		said, err := io.ReadAll(answer)
		if err != nil {
			return fault(ctx, "probe", err)
		}
		if reply, err := wire.ParseReply(said); err == nil && reply.Fault != nil {
			return adapters.Fault("probe", *reply.Fault)
		}
		return nil
	})
	return err == nil, err
}
