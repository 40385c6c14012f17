package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"aprm/prm/feature"
	"aprm/prm/step"
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

type versionCommand struct{}

func (c *versionCommand) Run(std streams) error {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary was built without build information")
	}
	revision, changed := "unknown", ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	_, err := fmt.Fprintf(std.out, "sidecar %s (revision %s%s; %s)\ncheckpoints: step splitter %d, inputs %d\n",
		build.Main.Version, revision, changed, build.GoVersion, step.Version, feature.Version)
	return err
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
