package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"aprm/prm"
)

type probeCommand struct {
	Upstream upstreamFlags `embed:""`
}

func (c *probeCommand) Run(ctx context.Context, std streams) error {
	if err := c.Upstream.resolve(ctx); err != nil {
		return err
	}
	llm, err := c.Upstream.open("")
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return err
	}
	return printJSON(std, caps)
}

type checkpointCommand struct {
	File string `arg:"" help:"The checkpoint." type:"existingfile"`
}

func (c *checkpointCommand) Run(std streams) error {
	m, err := prm.Load(c.File)
	if err != nil {
		return err
	}
	return printJSON(std, struct {
		ID string `json:"id"`
		prm.Header
	}{m.ID(), m.Header()})
}

type healthyCommand struct {
	URL string `arg:"" help:"Address of a sidecar." default:"http://127.0.0.1:8484"`
}

func (c *healthyCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", c.URL, resp.Status)
	}
	return nil
}

func printJSON(std streams, value any) error {
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}
