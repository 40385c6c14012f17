// Package states reads hidden states from servers that give those of every token, for whatever adapter has one at hand:
// llama-server started with --embeddings --pooling none, and vLLM started with --runner pooling --convert embed
// --pooler-config.task token_embed.
package states

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// Server gives hidden states. Probe finds out what kind of server it is; until then it is taken for a llama-server.
type Server struct {
	root   string       // without a path
	http   *http.Client // adds what authorization is needed
	slots  *draw.Slots
	tries  int // of a request
	budget *adapters.Budget
	vllm   atomic.Bool
}

// Of is the endpoint itself, as a giver of hidden states, asked by its own client.
func Of(cfg adapters.Endpoint, client *http.Client, slots *draw.Slots) *Server {
	return &Server{root: cfg.URL, http: client, slots: slots, tries: cfg.Tries, budget: cfg.Budget}
}

// At is the server at an endpoint's HiddenURL. It is another one than the endpoint: neither its key nor anything of a
// client's goes there.
func At(cfg adapters.Endpoint, slots *draw.Slots) *Server {
	return &Server{root: cfg.HiddenURL, http: draw.Client(cfg.Transport, cfg.HiddenKey, true), slots: slots, tries: cfg.Tries, budget: cfg.Budget}
}

// Hidden returns the states over each span: those of the tokens that overlap it. One prefill serves all spans.
func (s *Server) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	rows, ends, err := s.read(ctx, text)
	if err != nil {
		return nil, err
	}
	if len(ends) != len(rows) {
		return nil, unfit("%d tokens but %d states", len(ends), len(rows))
	}
	states := make([]adapters.State, len(spans))
	for i, span := range spans {
		if states[i], err = pool(rows, ends, span); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// read returns a state for every token of a text, and the byte offset at which each token ends. Special tokens that the
// server puts around the text cover no byte.
func (s *Server) read(ctx context.Context, text string) (rows [][]float32, ends []int, err error) {
	if s.vllm.Load() {
		ids, ends, err := s.vllmTokens(ctx, text)
		if err != nil {
			return nil, nil, err
		}
		rows, err := s.vllmRows(ctx, ids)
		return rows, ends, err
	}
	if rows, err = s.llamaRows(ctx, text); err != nil {
		return nil, nil, err
	}
	ends, err = s.llamaEnds(ctx, text)
	return rows, ends, err
}

// Probe asks for the hidden states of two words and says what came. A server that has no route of llama-server's is
// asked by vLLM's.
func (s *Server) Probe(ctx context.Context) (adapters.HiddenCapabilities, error) {
	const words = "two words"
	none := adapters.HiddenCapabilities{Kind: adapters.HiddenNone}
	s.vllm.Store(false)
	rows, err := s.llamaRows(ctx, words)
	if absent(err) {
		s.vllm.Store(true)
		rows, _, err = s.read(ctx, words)
		if absent(err) {
			return none, &adapters.UpstreamError{Op: "hidden", Status: http.StatusNotFound, Message: "it gives no hidden states: start llama-server with " +
				"--embeddings --pooling none, or vLLM with --runner pooling --convert embed --pooler-config.task token_embed"}
		}
	}
	if err != nil {
		return none, err
	}
	found := adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: len(rows[0]), Normalised: unit(rows[0])}
	if len(rows) == 1 {
		found.Kind = adapters.HiddenMean // one vector for several tokens: pooled, which is of no use for a step
	}
	return found, nil
}

// absent reports whether there is no such route.
func absent(err error) bool {
	var upstream *adapters.UpstreamError
	return errors.As(err, &upstream) && (upstream.Status == http.StatusNotFound || upstream.Status == http.StatusMethodNotAllowed)
}

// pool takes the states of the tokens that overlap a span; ends holds the byte offset at which each token ends.
func pool(rows [][]float32, ends []int, span adapters.Span) (adapters.State, error) {
	var state adapters.State
	n, begin := 0, 0
	for i, end := range ends {
		if span.Start < span.End && end > span.Start && begin < span.End && end > begin {
			if state.Mean == nil {
				state.Mean = make([]float32, len(rows[i]))
			}
			for j, x := range rows[i] {
				state.Mean[j] += x
			}
			state.Last = rows[i]
			n++
		}
		begin = end
	}
	if n == 0 {
		return state, fmt.Errorf("hidden: no token lies in bytes %d to %d of the text", span.Start, span.End)
	}
	for j := range state.Mean {
		state.Mean[j] /= float32(n)
	}
	return state, nil
}

// spelt returns the byte offset at which each piece of a text ends, a piece being what it may read as, tried in that
// order. One that reads as nothing of what comes next is a special token, which covers no byte.
func spelt(text string, pieces []string, readings func(piece string) []string) ([]int, error) {
	ends, at := make([]int, len(pieces)), 0
	for i, piece := range pieces {
		for _, reading := range readings(piece) {
			if strings.HasPrefix(text[at:], reading) {
				at += len(reading)
				break
			}
		}
		ends[i] = at
	}
	if at != len(text) {
		return nil, unfit("the tokens that /tokenize gives don't spell the text")
	}
	return ends, nil
}

// What an answer about a text can have at most: a text has no more tokens than bytes, but for a few that the server
// puts around it.
const (
	spareTokens = 16
	widest      = 16 << 10 // floats of a state
	perFloat    = 24       // bytes of JSON
	perToken    = 256
)

// post asks the server of hidden states. No more than largest bytes of its answer are read.
func (s *Server) post(ctx context.Context, path string, largest int64, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.slots.Release(ctx, 1)
	return draw.Retry(ctx, s.tries, s.budget, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.root+path, bytes.NewReader(data))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.http.Do(req)
		if err != nil {
			return broken(ctx, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
			return adapters.Refusal("hidden", resp.StatusCode, resp.Header, said)
		}
		if err := json.NewDecoder(io.LimitReader(resp.Body, largest)).Decode(answer); err != nil {
			return broken(ctx, err)
		}
		return nil
	})
}

// unfit is a whole answer that is of no use. The same text gets the same one another time: it isn't asked for again.
func unfit(format string, args ...any) *adapters.UpstreamError {
	return &adapters.UpstreamError{Op: "hidden", Status: http.StatusOK, Message: fmt.Sprintf(format, args...)}
}

// broken turns a fault of the transport, or an answer that is no JSON, into an UpstreamError.
func broken(ctx context.Context, err error) error {
	if told := draw.Told(err); told != nil {
		return told
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &adapters.UpstreamError{Op: "hidden", Message: "no answer from the server of hidden states: " + adapters.PlainCause(err), Err: err}
}

// unit reports whether a vector has length one.
func unit(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Abs(sum-1) < 1e-3
}
