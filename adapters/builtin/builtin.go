// Package builtin is a language model that needs no server: a small decoder-only transformer that runs in this process,
// in Go. It knows the one kind of text that it was trained on, and serves demonstrations and tests of everything that
// takes an LLM.
package builtin

import (
	"context"
	"fmt"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// LLM is a loaded model. It is an adapters.LLM, with every capability but tools.
//
// A completion depends on the request and its seed alone, not on what else is asked for at the time. Calls made at once
// are decoded as one batch, on as many cores as GOMAXPROCS allows, by the goroutines of the callers: nothing runs
// between calls. What is kept between them are the prompts seen last, so that one that goes on where another ended is
// read from there.
type LLM struct {
	scheduler *scheduler
	words     *tokenizer
}

var _ adapters.LLM = (*LLM)(nil)

// New loads a model from the contents of a file of weights. The file begins with "APRMLM1\n", the length of a header in
// four bytes and the header; then follow the weights in float16 and a SHA-256 of everything. One that is damaged, or
// that asks for more than a small model, is an error.
func New(weights []byte) (*LLM, error) {
	m, words, err := load(weights)
	if err != nil {
		return nil, fmt.Errorf("loading the builtin model: %w", err)
	}
	return &LLM{scheduler: newScheduler(m), words: words}, nil
}

// Capabilities implements adapters.LLM; they are constant.
func (l *LLM) Capabilities(context.Context) (adapters.Capabilities, error) {
	return adapters.Capabilities{
		Model: l.scheduler.model.Name, Weights: l.scheduler.model.digest, Server: "builtin",
		Streaming: true, N: true, Stop: true, StopReason: true, Seed: true, LogProbs: true, TopLogProbs: true,
		Prefill: adapters.PrefillContinued, Compact: true,
		Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: l.scheduler.model.Dim},
	}, nil
}

// Generate implements adapters.LLM. System messages are left out: the model has learned none. A conversation that fills
// the context is refused like a server would, by an UpstreamError of status 400; an answer that comes to its end is cut
// there.
func (l *LLM) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	return l.generate(ctx, req, nil)
}

// generate is Generate that tells of completions as they grow. emit is called by whoever drives the batch: it must not
// wait.
func (l *LLM) generate(ctx context.Context, req adapters.Request, emit func(event)) ([]adapters.Completion, error) {
	if req.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.Timeout)
		defer cancel()
	}
	prompt := l.words.prompt(req.Messages)
	budget := l.scheduler.model.Context - len(prompt)
	if budget < 1 {
		return nil, tooLong("generate", len(prompt), l.scheduler.model.Context)
	}
	if req.MaxTokens > 0 {
		budget = min(budget, req.MaxTokens)
	}
	sequences := make([]*sequence, max(req.N, 1))
	for i := range sequences {
		sequences[i] = newSequence(l.words, req, i, budget)
		sequences[i].emit = emit
	}
	l.scheduler.do(&call{ctx: ctx, prompt: prompt, from: len(prompt), waiting: sequences})

	done := make([]adapters.Completion, len(sequences))
	for i, s := range sequences {
		counted := 0
		if i == 0 {
			counted = len(prompt)
		}
		done[i] = s.completion(counted)
	}
	return done, draw.AllFailed(done)
}
