package openai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/prm/step"
)

// draw sends one request and gathers its req.N completions. A fault in the stream marks those that had not ended.
func (c *Client) draw(ctx context.Context, req adapters.Request, caps adapters.Capabilities) []adapters.Completion {
	collectors := make([]*draw.Collector, req.N)
	finish := make([]adapters.FinishReason, req.N)
	for i := range collectors {
		collectors[i] = draw.NewCollector(req, caps.Prefill != adapters.PrefillContinued)
	}
	usage, stops, err := c.stream(ctx, req, caps, collectors, finish)
	done := make([]adapters.Completion, req.N)
	for i, collector := range collectors {
		own := adapters.Usage{}
		if req.N == 1 {
			own = usage // some servers count only one completion of several: then each collector's own count stands
		} else if i == 0 {
			own.PromptTokens = usage.PromptTokens
		}
		fault := err
		if finish[i] != "" {
			fault = nil
		}
		done[i] = collector.Completion(finish[i], own, fault)
		if stop, ok := stops[i]; ok && done[i].Finish == adapters.FinishEnd {
			done[i].Finish, done[i].StopString = adapters.FinishStop, stop
		}
	}
	return done
}

// stream opens one stream, feeds the collectors and sets finish of each completion that ended. stops holds the stop strings
// that the endpoint named, by completion.
func (c *Client) stream(ctx context.Context, req adapters.Request, caps adapters.Capabilities, collectors []*draw.Collector,
	finish []adapters.FinishReason) (usage adapters.Usage, stops map[int]string, err error) {
	// What is generated at a time counts, not the requests: a server that got more than it can do lets the rest wait in silence.
	load := min(req.N, c.cfg.Concurrency)
	if err := c.slots.Acquire(ctx, load); err != nil {
		return usage, nil, err
	}
	defer c.slots.Release(ctx, load)
	ctx, alive, stop := draw.Watch(ctx, c.cfg.Idle)
	defer stop()

	body, extra := c.request(req, caps)
	call := &call{extra: extra}
	var s *openai.ChatCompletionStream
	var first openai.ChatCompletionStreamResponse
	err = draw.Retry(ctx, c.cfg.Tries, func() error {
		if s != nil {
			s.Close()
		}
		var err error
		if s, err = c.api.CreateChatCompletionStream(withCall(ctx, call), body); err != nil {
			s = nil
			return fault(ctx, "generate", err, call.retryAfter)
		}
		first, err = s.Recv()
		if errors.Is(err, io.EOF) {
			return call.silent(err)
		}
		return fault(ctx, "generate", err, 0)
	})
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return usage, nil, err
	}
	open := len(collectors)
	for chunk := first; ; {
		alive()
		if u := chunk.Usage; u != nil {
			usage = adapters.Usage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens}
		}
		for _, choice := range chunk.Choices {
			i := choice.Index
			if i < 0 || i >= len(collectors) || finish[i] != "" {
				continue
			}
			if collectors[i].Add(choice.Delta.Content, tokens(choice.Logprobs)) {
				finish[i], open = adapters.FinishCut, open-1
			} else if choice.FinishReason != "" {
				finish[i], open = reason(choice.FinishReason), open-1
			}
		}
		if open == 0 && anyCut(finish) { // nothing worth waiting for: closing the stream stops the endpoint
			usage.PromptTokens = max(usage.PromptTokens, call.prompt)
			return usage, call.stops, nil
		}
		if chunk, err = s.Recv(); err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		if open == 0 {
			return usage, call.stops, nil
		}
		return usage, call.stops, &adapters.UpstreamError{Op: "generate", Message: "the stream was cut off before the answer ended", Err: io.ErrUnexpectedEOF}
	}
	return usage, call.stops, fault(ctx, "generate", err, 0)
}

func anyCut(finish []adapters.FinishReason) bool {
	for _, f := range finish {
		if f == adapters.FinishCut {
			return true
		}
	}
	return false
}

func reason(f openai.FinishReason) adapters.FinishReason {
	if f == openai.FinishReasonLength {
		return adapters.FinishLength
	}
	return adapters.FinishEnd
}

func tokens(lp *openai.ChatCompletionStreamChoiceLogprobs) []step.Token {
	if lp == nil {
		return nil
	}
	out := make([]step.Token, 0, len(lp.Content))
	for _, t := range lp.Content {
		token := step.Token{Text: t.Token, LogProb: t.Logprob}
		for _, alt := range t.TopLogprobs {
			token.Top = append(token.Top, step.Alternative{Text: alt.Token, LogProb: alt.Logprob})
		}
		out = append(out, token)
	}
	return out
}

// fault turns an error of the SDK into one of ours; nil stays nil.
func fault(ctx context.Context, op string, err error, retryAfter time.Duration) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); errors.Is(cause, draw.ErrIdle) {
		return &adapters.UpstreamError{Op: op, Status: http.StatusGatewayTimeout, Message: draw.ErrIdle.Error(), Err: err}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	out := &adapters.UpstreamError{Op: op, RetryAfter: retryAfter, Err: err}
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case errors.As(err, &api):
		out.Status, out.Message = api.HTTPStatusCode, api.Message
		if out.Status == 0 { // an error object inside a stream
			out.Status = http.StatusBadGateway
		}
	case errors.As(err, &request):
		out.Status, out.Message = request.HTTPStatusCode, http.StatusText(request.HTTPStatusCode)
	default:
		out.Message = "no answer from the endpoint: " + adapters.PlainCause(err)
	}
	return out
}
