package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"aprm/adapters"
)

// Hidden implements adapters.LLM where the endpoint, or the one at Config.HiddenURL, is a llama-server or a vLLM that
// gives the states of every token.
func (c *Client) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	caps, err := c.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if caps.Hidden.Kind != adapters.HiddenTokens {
		return nil, fmt.Errorf("hidden states of every token: %w", adapters.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	return c.hidden.Hidden(ctx, text, spans)
}

// probeHidden finds out what hidden states there are. A refusal means that there are none, unless they were asked for
// by name.
func (c *Client) probeHidden(ctx context.Context) (adapters.HiddenCapabilities, error) {
	found, err := c.hidden.Probe(ctx)
	var upstream *adapters.UpstreamError
	switch {
	case err != nil && c.cfg.HiddenURL != "":
		return found, fmt.Errorf("hidden states at %s: %w", c.cfg.HiddenURL, err)
	case errors.As(err, &upstream) && (upstream.Status >= http.StatusBadRequest || upstream.Status == http.StatusOK || upstream.Status == 0):
		return found, nil
	}
	return found, err
}
