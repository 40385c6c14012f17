// Package openai is the adapter for OpenAI-compatible endpoints: vLLM, llama-server, LM Studio, Ollama's /v1, OpenAI
// itself.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/internal/states"
	"aprm/adapters/wire"
)

// Config of a Client.
type Config = adapters.Endpoint

// Client implements adapters.LLM.
type Client struct {
	cfg    Config
	http   *http.Client
	hidden *states.Server
	slots  *draw.Slots
	seeded atomic.Int64 // when a vLLM was last sent a seed, in nanoseconds; 0 for never

	probed draw.Probed
}

var _ adapters.LLM = (*Client)(nil)

// New checks the configuration; it asks nothing of the endpoint yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.Complete()
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	slots := draw.NewSlots(cfg.Concurrency)
	c := &Client{cfg: cfg, slots: slots, http: draw.Client(cfg.Transport, cfg.Key, false)}
	c.hidden = states.Of(cfg, c.http, slots)
	if cfg.HiddenURL != "" {
		c.hidden = states.At(cfg, slots)
	}
	return c, nil
}

// Generate implements adapters.LLM. Several completions are one request where the endpoint takes n, so that it reads
// the prompt once; single steps are drawn each by itself, so that each can be stopped by itself.
func (c *Client) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	caps, err := c.Capabilities(ctx)
	switch {
	case errors.Is(err, adapters.ErrUnprobed):
		caps = draw.Least(c.cfg.Model)
	case err != nil:
		return nil, err
	}
	timeout := c.cfg.Timeout
	if req.Timeout > 0 {
		timeout = req.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req.N = max(req.N, 1)
	if req.N == 1 || caps.N && !req.OneStep && !c.cfg.Spread {
		done := c.draw(ctx, req, caps)
		if err := draw.AllFailed(done); req.N == 1 || !tooMany(err) {
			return done, err
		}
	}
	return draw.FanOut(ctx, req.N, func(ctx context.Context, i int) adapters.Completion {
		return c.draw(ctx, draw.Single(req, i), caps)[0]
	})
}

// tooMany reports whether a request was refused for its n: llama-server takes no more than it has slots.
func tooMany(err error) bool {
	var upstream *adapters.UpstreamError
	return errors.As(err, &upstream) && upstream.Status == http.StatusBadRequest && (upstream.Param == "n" || strings.Contains(upstream.Message, "'n'"))
}

// request builds what is sent, with what the client wants every call to have.
func (c *Client) request(ctx context.Context, req adapters.Request, caps adapters.Capabilities) wire.Request {
	out := wire.Request{
		Model:         c.cfg.Model,
		N:             req.N,
		Temperature:   &req.Temperature, // a zero too, or the endpoint would sample
		Stop:          req.Stop,
		Seed:          c.cfg.Seed(req.Seed),
		Stream:        true,
		StreamOptions: &wire.StreamOptions{IncludeUsage: true},
		Extra:         maps.Clone(adapters.Fields(ctx)),
	}
	extra := func(name, value string) {
		if out.Extra == nil {
			out.Extra = map[string]json.RawMessage{}
		}
		out.Extra[name] = json.RawMessage(value)
	}
	messages := req.Messages
	if draw.Prefill(messages) != "" {
		switch {
		case caps.Prefill == adapters.PrefillNone:
			messages = draw.InWords(messages)
		case caps.Server == vllm, caps.Server == sglang:
			extra("continue_final_message", "true")
			extra("add_generation_prompt", "false")
		}
	}
	for _, m := range messages {
		out.Messages = append(out.Messages, wire.Turn{Role: string(m.Role), Content: m.Content})
	}
	if req.OneStep { // a stream that is cut never gets to its usage: these servers can count as they go
		switch caps.Server {
		case vllm, sglang:
			out.StreamOptions.Continuous = true
		case llamaCPP:
			extra("timings_per_token", "true")
		}
	}
	if req.TopP > 0 {
		out.TopP = &req.TopP
	}
	if req.MaxTokens > 0 {
		if caps.Server == openAI {
			out.MaxCompletion = &req.MaxTokens
		} else {
			out.MaxTokens = &req.MaxTokens // what every other server knows
		}
	}
	if (req.LogProbs || req.TopLogProbs > 0) && caps.LogProbs {
		out.Logprobs = true
		if caps.TopLogProbs {
			out.TopLogprobs = req.TopLogProbs
		}
	}
	return out
}
