// Package ollama is the adapter for Ollama's own API.
package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ollama/ollama/api"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/internal/states"
	"aprm/prm/step"
)

// Config of a Client.
type Config = adapters.Endpoint

// Client implements adapters.LLM.
type Client struct {
	cfg    Config
	api    *api.Client
	hidden *states.Server // nil without Config.HiddenURL
	slots  *draw.Slots

	probed draw.Probed
}

var _ adapters.LLM = (*Client)(nil)

// New checks the configuration; it asks nothing of the server yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.Complete()
	if err != nil {
		return nil, fmt.Errorf("ollama: %w", err)
	}
	root, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("ollama: %w", err)
	}
	client := draw.Client(waitReader{cfg.Transport}, cfg.Key, false)
	c := &Client{cfg: cfg, api: api.NewClient(root, client), slots: draw.NewSlots(cfg.Concurrency)}
	if cfg.HiddenURL != "" {
		c.hidden = states.At(cfg, c.slots)
	}
	return c, nil
}

// Generate implements adapters.LLM. Ollama has no n: several completions are several requests, and its cache of
// prefixes saves most of reading the prompt again.
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
	return draw.FanOut(ctx, max(req.N, 1), func(ctx context.Context, i int) adapters.Completion {
		return c.draw(ctx, draw.Single(req, i), caps)
	})
}

// errEnough ends a stream of which enough has come.
var errEnough = errors.New("enough")

// draw draws one completion.
func (c *Client) draw(ctx context.Context, req adapters.Request, caps adapters.Capabilities) adapters.Completion {
	collector := draw.NewCollector(req, caps.Prefill != adapters.PrefillContinued)
	var finish adapters.FinishReason
	var usage adapters.Usage
	err := c.slots.Acquire(ctx, 1)
	if err == nil {
		defer c.slots.Release(ctx, 1)
		var body *api.ChatRequest
		if body, err = c.request(ctx, req, caps); err == nil {
			finish, usage, err = c.stream(ctx, body, collector)
		}
	}
	return collector.Completion(finish, usage, err)
}

func (c *Client) stream(ctx context.Context, body *api.ChatRequest, collector *draw.Collector) (finish adapters.FinishReason, usage adapters.Usage, err error) {
	ctx, alive, stop := draw.Watch(withWait(ctx), c.cfg.Idle)
	defer stop()
	begun := false
	err = draw.Retry(ctx, c.cfg.Tries, c.cfg.Budget, func() error {
		err := c.api.Chat(ctx, body, func(r api.ChatResponse) error {
			alive()
			begun = true
			if collector.Think(r.Message.Thinking) || collector.Add(r.Message.Content, tokens(r.Logprobs)) {
				finish = collector.Ended()
				return errEnough
			}
			if r.Done {
				finish = adapters.FinishEnd
				if r.DoneReason == "length" {
					finish = adapters.FinishLength
				}
				usage = adapters.Usage{PromptTokens: r.PromptEvalCount, CompletionTokens: r.EvalCount}
			}
			return nil
		})
		if begun && err != nil && finish == "" {
			return final{fault(ctx, "generate", err)}
		}
		if finish != "" {
			return nil
		}
		if err == nil && !begun {
			return &adapters.UpstreamError{Op: "generate", Message: "the server closed the stream without a word"}
		}
		return fault(ctx, "generate", err)
	})
	var f final
	if errors.As(err, &f) {
		err = f.error
	}
	if err == nil && finish == "" { // Ollama's client takes any end of a stream for a good one
		if ctx.Err() != nil {
			return finish, usage, fault(ctx, "generate", ctx.Err())
		}
		err = &adapters.UpstreamError{Op: "generate", Message: "the stream was cut off before the answer ended", Err: io.ErrUnexpectedEOF}
	}
	return finish, usage, err
}

// final is an error after the first byte, which isn't tried again: it hides what Retry looks for.
type final struct{ error }

// request is what Ollama is sent, with what the client wants every call to have: another num_ctx than its other
// requests' would load the model anew. Every option is sent even when it is zero.
func (c *Client) request(ctx context.Context, req adapters.Request, caps adapters.Capabilities) (*api.ChatRequest, error) {
	messages := req.Messages
	if caps.Prefill == adapters.PrefillNone {
		messages = draw.InWords(messages)
	}
	out := &api.ChatRequest{}
	if err := fields(ctx, out); err != nil {
		return nil, err
	}
	if out.Options == nil {
		out.Options = map[string]any{}
	}
	out.Model, out.Options["temperature"] = c.cfg.Model, req.Temperature
	for _, m := range messages {
		out.Messages = append(out.Messages, api.Message{Role: string(m.Role), Content: m.Content})
	}
	if req.TopP > 0 {
		out.Options["top_p"] = req.TopP
	}
	if req.MaxTokens > 0 {
		out.Options["num_predict"] = req.MaxTokens
	}
	if len(req.Stop) > 0 {
		out.Options["stop"] = req.Stop
	}
	if seed := c.cfg.Seed(req.Seed); seed != nil {
		out.Options["seed"] = *seed
	}
	if (req.LogProbs || req.TopLogProbs > 0) && caps.LogProbs {
		out.Logprobs = true
		if req.TopWanted { // Ollama sorts its whole vocabulary for them, for every token, which more than doubles the time
			out.TopLogprobs = req.TopLogProbs
		}
	}
	return out, nil
}

// fields reads what the client wants every call to have into a request.
func fields(ctx context.Context, request any) error {
	wanted := adapters.Fields(ctx)
	if len(wanted) == 0 {
		return nil
	}
	data, err := json.Marshal(wanted)
	if err == nil {
		err = json.Unmarshal(data, request)
	}
	if err != nil {
		return fmt.Errorf("ollama: the client's own fields: %w", err)
	}
	return nil
}

func tokens(logprobs []api.Logprob) []step.Token {
	out := make([]step.Token, 0, len(logprobs))
	for _, t := range logprobs {
		token := step.Token{Text: t.Token, LogProb: t.Logprob}
		for _, alt := range t.TopLogprobs {
			token.Top = append(token.Top, step.Alternative{Text: alt.Token, LogProb: alt.Logprob})
		}
		out = append(out, token)
	}
	return out
}

// fault turns an error of Ollama's client into one of ours; nil stays nil.
func fault(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if told := draw.Told(err); told != nil {
		return told
	}
	if errors.Is(context.Cause(ctx), draw.ErrIdle) {
		return &adapters.UpstreamError{Op: op, Status: http.StatusGatewayTimeout, Message: draw.ErrIdle.Error(), Err: err}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	out := &adapters.UpstreamError{Op: op, RetryAfter: askedToWait(ctx), Err: err}
	var status api.StatusError
	var auth api.AuthorizationError
	var transport *url.Error
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &status):
		out.Status, out.Message = status.StatusCode, status.ErrorMessage
	case errors.As(err, &auth):
		out.Status, out.Message = auth.StatusCode, "the server wants a key"
	case errors.As(err, &transport), errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		out.Message = "no answer from the server: " + adapters.PlainCause(err)
	default: // an error object inside a stream comes as its bare words
		out.Status, out.Message = http.StatusBadGateway, err.Error()
	}
	return out
}
