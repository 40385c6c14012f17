package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/adapters/wire"
)

// post sends a chat request and returns the answer's body, which the caller closes. An answer that is no 200 is an
// error.
func (c *Client) post(ctx context.Context, op string, body wire.Request) (io.ReadCloser, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("openai: the request to be sent: %w", err)
	}
	return c.exchange(ctx, op, http.MethodPost, "/v1/chat/completions", data)
}

func (c *Client) exchange(ctx context.Context, op, method, path string, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream, application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fault(ctx, op, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, adapters.Refusal(op, resp.StatusCode, resp.Header, said)
}

// deadly is how long after a seed a vLLM that answers no more is thought to have died of it: its engine ends at once,
// its other processes some seconds later.
const deadly = time.Minute

// blameSeed adds to the error of a vLLM that answers no more, or says that its engine is dead, what may have killed it.
func (c *Client) blameSeed(err error) error {
	var upstream *adapters.UpstreamError
	if !errors.As(err, &upstream) || upstream.Status != 0 && upstream.Status < http.StatusInternalServerError {
		return err
	}
	if sent := c.seeded.Load(); sent == 0 || time.Since(time.Unix(0, sent)) > deadly {
		return err
	}
	told := *upstream
	told.Message += " (it was sent a seed shortly before, and builds of vLLM for CPUs die of seeds: start it again, and give --no-upstream-seeds)"
	return &told
}

// silent is the error of an answer without a chunk: an endpoint that said nothing, put an error under a 200 or, at a
// wrong address, is no LLM's at all.
func silent(s *wire.Stream, err error) error {
	said := strings.Join(strings.Fields(strings.ToValidUTF8(string(s.Said()), "")), " ")
	var refusal struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(s.Said(), &refusal) == nil && refusal.Error != nil {
		out := adapters.Fault("generate", wire.ParseError(s.Said()))
		out.Err = err
		return out
	}
	message := ""
	switch {
	case said == "", strings.HasPrefix(said, "data:"), strings.HasPrefix(said, ":"):
		message = "the endpoint closed the stream without a word"
	default:
		const runes = 200
		if r := []rune(said); len(r) > runes {
			said = string(r[:runes]) + "…"
		}
		message = "the endpoint's answer is no stream: " + said
	}
	return &adapters.UpstreamError{Op: "generate", Message: message, Err: err}
}

// fault turns an error of an exchange into one of ours; nil stays nil.
func fault(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if told := draw.Told(err); told != nil {
		return told
	}
	if cause := context.Cause(ctx); errors.Is(cause, draw.ErrIdle) {
		return &adapters.UpstreamError{Op: op, Status: http.StatusGatewayTimeout, Message: draw.ErrIdle.Error(), Err: err}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var malformed *wire.Malformed
	if errors.As(err, &malformed) {
		return &adapters.UpstreamError{Op: op, Message: "no answer from the endpoint: " + malformed.Error(), Err: err}
	}
	return &adapters.UpstreamError{Op: op, Message: "no answer from the endpoint: " + adapters.PlainCause(err), Err: err}
}
