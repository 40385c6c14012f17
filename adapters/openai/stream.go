package openai

import (
	"context"
	"errors"
	"io"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/wire"
)

// draw sends one request and gathers its req.N completions. A fault in the stream marks those that had not ended.
func (c *Client) draw(ctx context.Context, req adapters.Request, caps adapters.Capabilities) []adapters.Completion {
	collectors := make([]*draw.Collector, req.N)
	finish := make([]adapters.FinishReason, req.N)
	for i := range collectors {
		collectors[i] = draw.NewCollector(req, caps.Prefill != adapters.PrefillContinued)
	}
	usage, stops, err := c.stream(ctx, req, caps, collectors, finish)
	if err == nil && usage.PromptTokens == 0 { // it counts none in streams
		usage.PromptTokens = collectors[0].Prompt()
	}
	err = c.blameSeed(err)
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

// stream opens one stream, feeds the collectors and sets finish of each completion that ended. stops holds the stop
// strings that the endpoint named, by completion.
func (c *Client) stream(ctx context.Context, req adapters.Request, caps adapters.Capabilities, collectors []*draw.Collector,
	finish []adapters.FinishReason) (usage adapters.Usage, stops map[int]string, err error) {
	// What is generated at a time counts, not the requests: a server that got more than it can do lets the rest wait in
	// silence.
	load := min(req.N, c.cfg.Concurrency)
	if err := c.slots.Acquire(ctx, load); err != nil {
		return usage, nil, err
	}
	defer c.slots.Release(ctx, load)
	ctx, alive, stop := draw.Watch(ctx, c.cfg.Idle)
	defer stop()

	body := c.request(ctx, req, caps)
	if body.Seed != nil && caps.Server == vllm {
		c.seeded.Store(time.Now().UnixNano())
	}
	var answer io.ReadCloser
	var in *wire.Stream
	var chunk wire.Reply
	err = draw.Retry(ctx, c.cfg.Tries, c.cfg.Budget, func() (err error) {
		if answer != nil {
			_ = answer.Close()
		}
		if answer, err = c.post(ctx, "generate", body); err != nil {
			return err
		}
		in = wire.NewStream(answer)
		chunk, err = in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return silent(in, err)
		case err == nil && chunk.Fault != nil:
			return adapters.Fault("generate", *chunk.Fault)
		}
		return fault(ctx, "generate", err)
	})
	if answer != nil {
		defer answer.Close()
	}
	if err != nil {
		return usage, nil, err
	}
	open := len(collectors)
	begun := make([]bool, len(collectors))
	prompt, ended := 0, false // by us
	for {
		alive()
		if u := chunk.Usage; u != nil {
			usage = adapters.Usage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens}
		}
		prompt = max(prompt, chunk.Prompt)
		for _, choice := range chunk.Choices {
			i := choice.Index
			if i < 0 || i >= len(collectors) || finish[i] != "" {
				continue
			}
			begun[i] = true
			if choice.Stop != "" {
				if stops == nil {
					stops = map[int]string{}
				}
				stops[i] = choice.Stop
			}
			if collectors[i].Think(choice.Thinking) || collectors[i].Add(choice.Text, choice.Tokens) {
				finish[i], open, ended = collectors[i].Ended(), open-1, true
			} else if choice.Finish != "" {
				finish[i], open = reason(choice.Finish), open-1
			}
		}
		if open == 0 && ended { // nothing worth waiting for: closing the stream stops the endpoint
			usage.PromptTokens = max(usage.PromptTokens, prompt)
			return usage, stops, nil
		}
		if chunk, err = in.Next(); err != nil {
			break
		}
		if chunk.Fault != nil {
			return usage, stops, adapters.Fault("generate", *chunk.Fault)
		}
	}
	if !errors.Is(err, io.EOF) {
		return usage, stops, fault(ctx, "generate", err)
	}
	if in.Done() && caps.Server == llamaPython && open > 0 { // it does say why an answer ends, where it does
		return usage, stops, &adapters.UpstreamError{Op: "generate", Err: io.ErrUnexpectedEOF,
			Message: "llama-cpp-python broke the answer off for another request: start it with --interrupt_requests false, or give --upstream-concurrency 1"}
	}
	if in.Done() { // some servers say no more than that
		for i := range finish {
			if finish[i] == "" && begun[i] {
				finish[i], open = adapters.FinishEnd, open-1
			}
		}
	}
	if open > 0 {
		return usage, stops, &adapters.UpstreamError{Op: "generate", Message: "the stream was cut off before the answer ended", Err: io.ErrUnexpectedEOF}
	}
	return usage, stops, nil
}

func reason(finish string) adapters.FinishReason {
	if finish == "length" {
		return adapters.FinishLength
	}
	return adapters.FinishEnd
}
