package main

import (
	"context"
	"log/slog"
	"time"

	"aprm/adapters"
)

type probeCommand struct {
	Upstream upstreamFlags `embed:""`
}

func (c *probeCommand) Run(ctx context.Context, std streams) error {
	if err := c.Upstream.resolve(ctx, 0); err != nil {
		return err
	}
	llm, err := c.Upstream.open("")
	if err != nil {
		return err
	}
	caps, err := probed(ctx, llm)
	if err != nil {
		return c.Upstream.explain(ctx, err)
	}
	return printJSON(std, caps)
}

// probed asks an endpoint what it can do, which takes a busy one a while: then it is said what is waited for.
func probed(ctx context.Context, llm adapters.LLM) (adapters.Capabilities, error) {
	slow := time.AfterFunc(3*time.Second, func() {
		slog.Info("the endpoint is asked what it can do, by a few short requests: one that is busy, or that still loads its model, takes a minute or more")
	})
	defer slow.Stop()
	return llm.Capabilities(ctx)
}
