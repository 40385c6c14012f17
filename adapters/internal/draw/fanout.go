package draw

import (
	"context"
	"sync"

	"aprm/adapters"
)

// FanOut draws n completions side by side, completion i from one(ctx, i). Those that fail carry their own error; an
// error is returned only when all of them failed, and it is the first one's. Each is a call of its own, which has read
// the prompt: one that was cut off, and may report none, as many tokens of it as the others.
func FanOut(ctx context.Context, n int, one func(ctx context.Context, i int) adapters.Completion) ([]adapters.Completion, error) {
	done := make([]adapters.Completion, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { done[i] = one(ctx, i) })
	}
	group.Wait()
	prompt := 0
	for _, c := range done {
		prompt = max(prompt, c.Usage.PromptTokens)
	}
	for i, c := range done {
		if c.Text != "" && c.Usage.PromptTokens == 0 {
			done[i].Usage.PromptTokens = prompt
		}
	}
	return done, AllFailed(done)
}

// AllFailed returns the first completion's error when every completion failed without a word, and nil otherwise.
func AllFailed(done []adapters.Completion) error {
	for _, c := range done {
		if c.Err == nil || c.Text != "" {
			return nil
		}
	}
	return done[0].Err
}

// Single returns the request for completion i alone.
func Single(req adapters.Request, i int) adapters.Request {
	req.N = 1
	if req.Seed != nil {
		seed := *req.Seed + int64(i)
		req.Seed = &seed
	}
	return req
}
