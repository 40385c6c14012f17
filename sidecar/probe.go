package main

import (
	"context"
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
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return c.Upstream.explain(ctx, err)
	}
	return printJSON(std, caps)
}
