// Package llamaserver reads hidden states from llama-server's own routes, for whatever adapter has such a server at hand.
package llamaserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// Server is a llama-server started with --embeddings --pooling none.
type Server struct {
	Root   string       // without a path
	HTTP   *http.Client // adds what authorization is needed
	Slots  *draw.Slots
	Tries  int // of a request
	Budget *adapters.Budget
}

// At is the server at an endpoint's HiddenURL. It is another one than the endpoint: neither its key nor anything of a client's goes there.
func At(cfg adapters.Endpoint, slots *draw.Slots) Server {
	return Server{Root: cfg.HiddenURL, HTTP: draw.Client(cfg.Transport, cfg.HiddenKey, true), Slots: slots, Tries: cfg.Tries, Budget: cfg.Budget}
}

// Hidden returns the states over each span: POST /embedding gives one for every token of a text, and POST /tokenize says
// which bytes each token stands for. One prefill serves all spans.
func (s Server) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	rows, err := s.embedding(ctx, text)
	if err != nil {
		return nil, err
	}
	ends, err := s.tokenEnds(ctx, text)
	if err != nil {
		return nil, err
	}
	if len(ends) != len(rows) {
		return nil, &adapters.UpstreamError{Op: "hidden", Message: fmt.Sprintf("%d tokens but %d states", len(ends), len(rows))}
	}
	states := make([]adapters.State, len(spans))
	for i, span := range spans {
		if states[i], err = pool(rows, ends, span); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Probe asks for the hidden states of two words and says what came.
func (s Server) Probe(ctx context.Context) (adapters.HiddenCapabilities, error) {
	rows, err := s.embedding(ctx, "two words")
	if err != nil {
		return adapters.HiddenCapabilities{Kind: adapters.HiddenNone}, err
	}
	found := adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: len(rows[0]), Normalised: unit(rows[0])}
	if len(rows) == 1 {
		found.Kind = adapters.HiddenMean // one vector for several tokens: pooled, which is of no use for a step
	}
	return found, nil
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

// embedding returns the rows that /embedding answers for one text.
func (s Server) embedding(ctx context.Context, text string) ([][]float32, error) {
	var answer []struct {
		Embedding json.RawMessage `json:"embedding"`
	}
	if err := s.post(ctx, "/embedding", int64(len(text)+spareTokens)*widest*perFloat, map[string]any{"content": text}, &answer); err != nil {
		return nil, err
	}
	malformed := &adapters.UpstreamError{Op: "hidden", Status: http.StatusBadGateway, Message: "/embedding answered something else than states"}
	if len(answer) != 1 {
		return nil, malformed
	}
	var rows [][]float32
	if json.Unmarshal(answer[0].Embedding, &rows) != nil {
		var row []float32 // older servers give a pooled state bare
		if json.Unmarshal(answer[0].Embedding, &row) != nil {
			return nil, malformed
		}
		rows = [][]float32{row}
	}
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, malformed
	}
	for _, row := range rows {
		if len(row) != len(rows[0]) {
			return nil, malformed
		}
	}
	return rows, nil
}

// tokenEnds returns the byte offset at which each token of the text ends. Special tokens that the server puts around it
// cover no byte.
func (s Server) tokenEnds(ctx context.Context, text string) ([]int, error) {
	var answer struct {
		Tokens []struct {
			Piece json.RawMessage `json:"piece"`
		} `json:"tokens"`
	}
	ask := map[string]any{"content": text, "with_pieces": true, "add_special": true}
	if err := s.post(ctx, "/tokenize", int64(len(text)+spareTokens)*perToken, ask, &answer); err != nil {
		return nil, err
	}
	ends, at := make([]int, len(answer.Tokens)), 0
	for i, token := range answer.Tokens {
		var piece string
		if json.Unmarshal(token.Piece, &piece) != nil {
			var raw []int // part of a character comes as bytes
			if json.Unmarshal(token.Piece, &raw) != nil {
				return nil, &adapters.UpstreamError{Op: "hidden", Message: "/tokenize answered a piece that is neither text nor bytes"}
			}
			b := make([]byte, len(raw))
			for j, x := range raw {
				b[j] = byte(x) // #nosec G115 -- what is no byte spells another text, which is found below
			}
			piece = string(b)
		}
		if at+len(piece) <= len(text) && text[at:at+len(piece)] == piece {
			at += len(piece)
		}
		ends[i] = at
	}
	if at != len(text) {
		return nil, &adapters.UpstreamError{Op: "hidden", Message: "the tokens that /tokenize gives don't spell the text"}
	}
	return ends, nil
}

// What an answer about a text can have at most: a text has no more tokens than bytes, but for a few that the server puts around it.
const (
	spareTokens = 16
	widest      = 16 << 10 // floats of a state
	perFloat    = 24       // bytes of JSON
	perToken    = 256
)

// post asks the server of hidden states. No more than largest bytes of its answer are read.
func (s Server) post(ctx context.Context, path string, largest int64, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := s.Slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.Slots.Release(ctx, 1)
	return draw.Retry(ctx, s.Tries, s.Budget, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Root+path, bytes.NewReader(data))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.HTTP.Do(req)
		if err != nil {
			return broken(ctx, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			var said struct {
				Error struct {
					Message string `json:"message"`
				} `json:"error"`
			}
			if json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&said) != nil || said.Error.Message == "" {
				said.Error.Message = path + ": " + http.StatusText(resp.StatusCode)
			}
			return &adapters.UpstreamError{Op: "hidden", Status: resp.StatusCode, Message: said.Error.Message,
				RetryAfter: adapters.RetryAfter(resp.Header, time.Now())}
		}
		if err := json.NewDecoder(io.LimitReader(resp.Body, largest)).Decode(answer); err != nil {
			return broken(ctx, err)
		}
		return nil
	})
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
