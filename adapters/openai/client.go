// Package openai is the adapter for OpenAI-compatible endpoints: vLLM, llama-server, LM Studio, Ollama's /v1, OpenAI itself.
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	openai "github.com/sashabaranov/go-openai"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/internal/llamaserver"
)

// Config of a Client.
type Config = adapters.Endpoint

// Client implements adapters.LLM.
type Client struct {
	cfg    Config
	api    *openai.Client
	hidden llamaserver.Server
	slots  *draw.Slots

	probed draw.Probed
}

var _ adapters.LLM = (*Client)(nil)

// New checks the configuration; it asks nothing of the endpoint yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.Complete()
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	transport := draw.Authorize{Next: cfg.Transport, Key: cfg.Key}
	slots := draw.NewSlots(cfg.Concurrency)
	c := &Client{cfg: cfg, slots: slots}
	c.hidden = llamaserver.Server{Root: cfg.URL, HTTP: &http.Client{Transport: transport}, Slots: slots, Tries: cfg.Tries}
	if cfg.HiddenURL != "" {
		c.hidden.Root = cfg.HiddenURL
	}
	sdk := openai.DefaultConfig("")
	sdk.BaseURL = cfg.URL + "/v1"
	sdk.HTTPClient = &http.Client{Transport: extender{next: transport}}
	sdk.EmptyMessagesLimit = 1 << 20 // comments that keep a slow stream alive are no fault
	c.api = openai.NewClientWithConfig(sdk)
	return c, nil
}

// Generate implements adapters.LLM. Several completions are one request where the endpoint takes n, so that it reads the
// prompt once; single steps are drawn each by itself, so that each can be stopped by itself.
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
	if req.N == 1 || caps.N && !req.OneStep {
		done := c.draw(ctx, req, caps)
		return done, draw.AllFailed(done)
	}
	return draw.FanOut(ctx, req.N, func(ctx context.Context, i int) adapters.Completion {
		return c.draw(ctx, draw.Single(req, i), caps)[0]
	})
}

// request builds what the SDK sends, and the extra fields it has no place for.
func (c *Client) request(req adapters.Request, caps adapters.Capabilities) (openai.ChatCompletionRequest, map[string]any) {
	extra := map[string]any{"temperature": req.Temperature} // the SDK leaves a zero out, and the endpoint would sample
	messages := req.Messages
	if draw.Prefill(messages) != "" {
		switch {
		case caps.Prefill == adapters.PrefillNone:
			messages = draw.InWords(messages)
		case caps.Server == vllm:
			extra["continue_final_message"] = true
			extra["add_generation_prompt"] = false
		}
	}
	if req.OneStep { // a stream that is cut never gets to its usage: these servers can count as they go
		switch caps.Server {
		case vllm:
			extra["stream_options"] = map[string]bool{"include_usage": true, "continuous_usage_stats": true}
		case llamaCPP:
			extra["timings_per_token"] = true
		}
	}
	out := openai.ChatCompletionRequest{
		Model:         c.cfg.Model,
		N:             req.N,
		TopP:          float32(req.TopP),
		Stop:          req.Stop,
		Stream:        true,
		StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	}
	for _, m := range messages {
		out.Messages = append(out.Messages, openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Content})
	}
	if req.MaxTokens > 0 {
		if caps.Server == openAI {
			out.MaxCompletionTokens = req.MaxTokens
		} else {
			extra["max_tokens"] = req.MaxTokens // what every other server knows, and the SDK advises against
		}
	}
	if req.Seed != nil {
		seed := int(*req.Seed)
		out.Seed = &seed
	}
	if (req.LogProbs || req.TopLogProbs > 0) && caps.LogProbs {
		out.LogProbs = true
		if caps.TopLogProbs {
			out.TopLogProbs = req.TopLogProbs
		}
	}
	return out, extra
}
