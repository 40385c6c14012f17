package ollama

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/ollama/ollama/api"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// Hidden implements adapters.LLM. Ollama's /api/embed gives the last token's state of a text, at unit length, so every
// span is the text up to its end, all in one request; State.Mean is nil. With Config.HiddenURL that server is asked
// instead.
func (c *Client) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	caps, err := c.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if caps.Hidden.Kind == adapters.HiddenNone {
		return nil, fmt.Errorf("hidden states: %w", adapters.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if c.hidden != nil {
		return c.hidden.Hidden(ctx, text, spans)
	}
	inputs := make([]string, len(spans))
	for i, span := range spans {
		if span.Start < 0 || span.End <= span.Start || span.End > len(text) {
			return nil, fmt.Errorf("hidden: bytes %d to %d are no part of a text of %d", span.Start, span.End, len(text))
		}
		inputs[i] = text[:span.End]
	}
	rows, err := c.embed(ctx, inputs)
	if err != nil {
		return nil, err
	}
	states := make([]adapters.State, len(spans))
	for i, row := range rows {
		states[i] = adapters.State{Last: row}
	}
	return states, nil
}

func (c *Client) embed(ctx context.Context, inputs []string) ([][]float32, error) {
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer c.slots.Release(ctx, 1)
	ctx = withWait(ctx)
	var rows [][]float32
	err := draw.Retry(ctx, c.cfg.Tries, c.cfg.Budget, func() error {
		whole := false // a text cut to fit would end elsewhere
		body := &api.EmbedRequest{}
		if err := fields(ctx, body); err != nil {
			return err
		}
		body.Model, body.Input, body.Truncate = c.cfg.Model, inputs, &whole
		answer, err := c.api.Embed(ctx, body)
		if err != nil {
			return fault(ctx, "hidden", err)
		}
		rows = answer.Embeddings
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(rows) != len(inputs) {
		return nil, &adapters.UpstreamError{Op: "hidden", Status: http.StatusOK, Message: fmt.Sprintf("asked for %d states, got %d", len(inputs), len(rows))}
	}
	for _, row := range rows {
		if len(row) == 0 || len(row) != len(rows[0]) {
			return nil, &adapters.UpstreamError{Op: "hidden", Status: http.StatusOK, Message: "states of no or of different width"}
		}
	}
	return rows, nil
}

// probeHidden finds out what hidden states there are: a refusal means none, unless a server was named for them.
func (c *Client) probeHidden(ctx context.Context) (adapters.HiddenCapabilities, error) {
	none := adapters.HiddenCapabilities{Kind: adapters.HiddenNone}
	if c.hidden != nil {
		found, err := c.hidden.Probe(ctx)
		if err != nil {
			return none, fmt.Errorf("hidden states at %s: %w", c.cfg.HiddenURL, err)
		}
		return found, nil
	}
	rows, err := c.embed(ctx, []string{"two words"})
	switch {
	case err != nil && draw.Refused(err):
		return none, nil
	case err != nil:
		return none, err
	}
	var length float64
	for _, x := range rows[0] {
		length += float64(x) * float64(x)
	}
	return adapters.HiddenCapabilities{Kind: adapters.HiddenLast, Width: len(rows[0]), Normalised: math.Abs(length-1) < 1e-3}, nil
}
