package ollama

import (
	"context"

	"github.com/ollama/ollama/api"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// Capabilities implements adapters.LLM: about six short requests on the first call, all within Config.Timeout; see
// draw.Probed for who waits for them how long.
func (c *Client) Capabilities(ctx context.Context) (adapters.Capabilities, error) {
	return c.probed.Or(ctx, c.cfg.Timeout, c.probe)
}

func (c *Client) probe(ctx context.Context) (adapters.Capabilities, error) {
	caps := adapters.Capabilities{Model: c.cfg.Model, Server: "ollama", LogProbs: true, TopLogProbs: true, Prefill: adapters.PrefillNone,
		Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}
	var show *api.ShowResponse
	err := draw.Retry(ctx, c.cfg.Tries, c.cfg.Budget, func() (err error) {
		show, err = c.api.Show(ctx, &api.ShowRequest{Model: c.cfg.Model})
		return fault(ctx, "probe", err)
	})
	if err != nil {
		return caps, err
	}
	for _, capability := range show.Capabilities {
		if capability == "tools" {
			caps.Tools = true
		}
	}
	one := c.draw(ctx, draw.SampleProbe(1), caps)
	if one.Err != nil {
		return caps, one.Err
	}
	caps.Streaming = true
	caps.LogProbs = len(one.Tokens) > 0
	caps.TopLogProbs = caps.LogProbs && len(one.Tokens[0].Top) > 0
	caps.Thinks = draw.Thinks(one)

	caps.Seed, err = draw.Repeats(one.Text, func() (string, error) {
		again := c.draw(ctx, draw.SampleProbe(1), caps)
		return again.Text, again.Err
	})
	if err != nil {
		return caps, err
	}
	caps.Seed = caps.Seed && !c.cfg.NoSeeds

	stopped := c.draw(ctx, draw.StopProbe(), caps)
	if stopped.Err != nil {
		return caps, stopped.Err
	}
	caps.Stop = draw.Stopped(stopped)

	// Asked as if it continued, so that nothing is put into words for it.
	asking := caps
	asking.Prefill = adapters.PrefillContinued
	switch continued := c.draw(ctx, draw.PrefillProbe(), asking); {
	case continued.Err == nil:
		caps.Prefill = draw.Prefilled(continued.Text)
	case !draw.Refused(continued.Err):
		return caps, continued.Err
	}
	caps.Hidden, err = c.probeHidden(ctx)
	return caps, err
}
