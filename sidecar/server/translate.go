package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/adapters/wire"
	"aprm/sidecar/server/dialect"
)

// largestReply bounds a whole answer of the upstream, in bytes.
const largestReply = 64 << 20

// translate answers a request whose format the upstream lacks by a chat completion of it, without a search. It reports
// whether the upstream took it.
func (s *Server) translate(g *gin.Context, c *call) (taken bool) {
	asked, err := c.Chat(c.bare())
	if err != nil {
		s.fail(g, c.Dialect, err)
		return false
	}
	w := c.Wire(dialect.Ask{})
	h := dialect.Head{ID: c.IDPrefix + s.newID(), Created: c.came, Model: c.name}
	if a := asked.Answer; a != nil {
		a.Head = h
		a.Sent = s.now()
		g.Data(http.StatusOK, "application/json; charset=utf-8", w.Whole(*a))
		return false
	}
	req := asked.Request
	if req.Model == "" {
		req.Model = s.cfg.Model
	}
	resp, err := s.upstream.do(g.Request, http.MethodPost, "/v1/chat/completions", dialect.Compact(req))
	if err != nil {
		s.fail(g, c.Dialect, err)
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.fail(g, c.Dialect, refusal("chat", resp))
		return resp.StatusCode != http.StatusNotFound
	}
	var said usage // also of an answer that breaks off, or whose client leaves
	defer func() { charge(g, said.tokens(len(c.body))) }()
	body := io.TeeReader(resp.Body, &said)
	if !req.Stream {
		a, err := readReply(body)
		if err != nil {
			s.fail(g, c.Dialect, err)
			return true
		}
		a.Head = h
		a.Sent = s.now()
		a.Total = a.Sent.Sub(h.Created)
		a.Working = a.Total
		g.Data(http.StatusOK, "application/json; charset=utf-8", w.Whole(a))
		return true
	}
	out := streamer{g: g, wire: w, head: h, now: s.now}
	var reading time.Duration // the prompt, which ends with the first part
	a, err := readStream(body, func(p dialect.Piece) error {
		if reading == 0 {
			reading = s.now().Sub(h.Created)
		}
		if err := out.open(); err != nil {
			return clientGone{err}
		}
		if err := out.parts(p); err != nil {
			return clientGone{err}
		}
		return nil
	})
	switch gone := (clientGone{}); {
	case errors.As(err, &gone):
	case err != nil:
		s.failed(g, c.Dialect, &out, problemOf(err))
	default:
		if out.open() != nil {
			return true
		}
		a.Head = out.at()
		a.Total = a.Sent.Sub(h.Created)
		a.Reading, a.Working = reading, a.Total-reading
		_ = out.sendAll(w.End(a)) // a client that is gone needs no end
	}
	return true
}

// clientGone is an error of writing to the client, as against one of reading from the upstream.
type clientGone struct{ error }

// refusal is an upstream's answer that is not a 200.
func refusal(op string, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
	return adapters.Refusal(op, resp.StatusCode, resp.Header, body)
}

// readReply reads a whole answer.
func readReply(body io.Reader) (a dialect.Answer, err error) {
	raw, err := io.ReadAll(io.LimitReader(body, largestReply))
	if err != nil {
		return a, unreachable(err)
	}
	reply, err := wire.ParseReply(raw)
	switch {
	case err != nil:
		return a, babble(err)
	case reply.Fault != nil: // some gateways put it under a 200
		return a, adapters.Fault("chat", *reply.Fault)
	case len(reply.Choices) == 0:
		return a, babble(errors.New("no choices"))
	}
	one := reply.Choices[0]
	var calls wire.Calls
	calls.Add(one.Calls)
	a = dialect.Answer{Text: one.Text, Thinking: one.Thinking, Tokens: one.Tokens}
	err = end(&a, one.Finish, calls, reply.Usage)
	return a, err
}

// readStream reads a stream, part by part as it comes; the answer is what ends it. Tool calls come in fragments and are
// told once they are whole.
func readStream(body io.Reader, emit func(dialect.Piece) error) (a dialect.Answer, err error) {
	in := wire.NewStream(body)
	var calls wire.Calls
	var usage *wire.Usage
	finish, said := "", false
	for {
		reply, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var malformed *wire.Malformed
		switch {
		case errors.As(err, &malformed):
			return a, babble(malformed.Err)
		case err != nil:
			return a, unreachable(err)
		case reply.Fault != nil:
			return a, adapters.Fault("chat", *reply.Fault)
		}
		if reply.Usage != nil {
			usage = reply.Usage
		}
		for _, choice := range reply.Choices {
			said = true
			calls.Add(choice.Calls)
			if choice.Thinking != "" {
				if err := emit(dialect.Piece{Thinking: choice.Thinking}); err != nil {
					return a, err
				}
			}
			if choice.Text != "" || len(choice.Tokens) > 0 {
				if err := emit(dialect.Piece{Text: choice.Text, Tokens: choice.Tokens}); err != nil {
					return a, err
				}
			}
			if choice.Finish != "" {
				finish = choice.Finish
			}
		}
	}
	if finish == "" && !(in.Done() && said) { // some servers say no more than [DONE]
		return a, &adapters.UpstreamError{Op: "chat", Message: "the upstream broke its stream off", Err: io.ErrUnexpectedEOF}
	}
	if err := end(&a, finish, calls, usage); err != nil {
		return a, err
	}
	if len(a.Calls) > 0 {
		if err := emit(dialect.Piece{Calls: a.Calls}); err != nil {
			return a, err
		}
	}
	return a, nil
}

// end completes an answer by what is known at its end.
func end(a *dialect.Answer, finish string, calls wire.Calls, usage *wire.Usage) (err error) {
	if a.Calls, err = calls.Whole(); err != nil {
		return babble(err)
	}
	switch {
	case finish == "length":
		a.Finish = "length"
	case len(a.Calls) > 0:
		a.Finish = "tool_calls"
	default:
		a.Finish = "stop"
	}
	if usage != nil {
		a.Prompt, a.Completion = usage.PromptTokens, usage.CompletionTokens
	}
	return nil
}

// babble is the problem of an upstream that answers something else than it should.
func babble(err error) error {
	return &adapters.UpstreamError{Op: "chat", Message: "the upstream's answer can't be read: " + err.Error(), Err: err}
}
