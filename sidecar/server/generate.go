package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/trace"
)

// headerApplied tells how a request was answered and why: "raw; reason=tools", "guided; reason=question". Searched
// answers have the same in prm.applied; raw ones have only this header, their bytes being the upstream's.
const headerApplied = "X-Sidecar-Applied"

// endpoint is one of the routes that generate: how it is read and what its answers look like.
type endpoint struct {
	dialect Dialect
	raw     func(object) string       // why a request is not for a search, "" when it may be one
	read    func(object) (ask, error) //
	wire    func(ask) wire
}

var (
	openAIChat = endpoint{OpenAI, openAIRaw, readOpenAI, func(a ask) wire { return openAIWire{a.includeUsage, a.logprobs} }}
	chat       = endpoint{Ollama, ollamaChatRaw, readOllamaChat, func(ask) wire { return ollamaWire{} }}
	generate   = endpoint{Ollama, ollamaGenerateRaw, readOllamaGenerate, func(ask) wire { return ollamaWire{generate: true} }}
)

// call is a request to an endpoint, as far as it is understood.
type call struct {
	endpoint
	body  object
	name  string // the model as the client named it, Config.Model where it named none
	model string // the upstream's name of it
	ask   ask    // for a search only
	opts  decode.Options
	ov    overrides
	why   string    // the reason, as headerApplied has it
	came  time.Time // before its body was read
}

func (c *call) applied() string { return c.opts.Strategy + "; reason=" + c.why }

// understand decides what becomes of a request: opts.Strategy is "raw" or the search's.
func (s *Server) understand(e endpoint, body []byte) (*call, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	c := &call{endpoint: e, body: o}
	if err := o.read("model", &c.name, "a string"); err != nil {
		return nil, err
	}
	var pick choice
	var virtual bool
	if c.name == "" {
		c.name = s.cfg.Model
	}
	c.model, pick, virtual = splitName(c.name)
	if c.ov, err = readOverrides(o); err != nil {
		return nil, err
	}
	asked := virtual // the client itself picked a strategy
	param := "model"
	switch {
	case c.ov.Strategy != nil:
		if !virtual || pick.strategy != *c.ov.Strategy {
			pick = choice{strategy: *c.ov.Strategy}
		}
		asked, param = true, "prm.strategy"
	case !virtual:
		pick = choice{strategy: s.cfg.Defaults.Strategy}
	}
	if pick.n > 0 {
		if err := checkN(pick.n, "model"); err != nil {
			return nil, err
		}
	}
	if c.ov.N != nil {
		pick.n = *c.ov.N
	}
	if asked {
		if err := s.checkOffered(pick.strategy, param); err != nil {
			return nil, err
		}
	}
	c.opts.Strategy = strategyRaw
	if pick.strategy == strategyRaw {
		c.why = "default"
		if asked {
			c.why = "asked"
		}
		return c, nil
	}
	if c.why = e.raw(o); c.why != "" {
		return c, nil
	}
	if !asked && s.checkOffered(pick.strategy, param) != nil {
		c.why = "no checkpoint"
		return c, nil
	}
	if c.ask, err = e.read(o); err != nil {
		return nil, err
	}
	c.why = "asked"
	if !asked {
		if c.why = outOfScope(c.ask.messages); c.why != "" {
			return c, nil
		}
		c.why = "question"
	}
	c.opts = c.ask.options(s.cfg.Defaults, pick, c.ov, s.seed(c.ask))
	if err := c.opts.Validate(); err != nil {
		return nil, badRequest("prm", "%v", err)
	}
	return c, nil
}

// seed is the client's, or one drawn so that asking again gives another answer. It stays below 2³¹: some servers' seeds
// have 32 bits, and the candidates count up from it.
func (s *Server) seed(a ask) int64 {
	if a.seed != nil {
		return int64(*a.seed)
	}
	return rand.Int64N(1 << 31)
}

// generating handles an endpoint.
func (s *Server) generating(e endpoint) gin.HandlerFunc {
	return func(g *gin.Context) {
		came := s.now()
		if encoding := g.GetHeader("Content-Encoding"); encoding != "" && encoding != "identity" {
			if e.dialect == Ollama && s.cfg.Dialect != Ollama {
				s.fail(g, e.dialect, &problem{status: http.StatusUnsupportedMediaType, kind: kindInvalid,
					message: "a body with Content-Encoding can't be translated: send it plain"})
				return
			}
			s.decided(g, strategyRaw, strategyRaw+"; reason=content-encoding")
			s.forward(g, nil)
			return
		}
		body, err := readBody(g.Writer, g.Request, s.cfg.MaxBody)
		if err != nil {
			s.fail(g, e.dialect, err)
			return
		}
		c, err := s.understand(e, body)
		if err != nil {
			s.fail(g, e.dialect, err)
			return
		}
		c.came = came
		s.decided(g, c.opts.Strategy, c.applied())
		switch {
		case c.opts.Strategy != strategyRaw:
			s.search(g, c)
		case e.dialect == Ollama && s.cfg.Dialect != Ollama:
			s.translate(g, c)
		default:
			s.forward(g, upstreamBytes(c.body))
		}
	}
}

// decided notes what becomes of a request, for the client and for the metrics.
func (s *Server) decided(g *gin.Context, strategy, applied string) {
	g.Header(headerApplied, applied)
	g.Set(keyStrategy, strategy)
}

// search answers a call by the Reasoner. A stream has the text as soon as it is settled, and signs of life while the search runs;
// until the first of either, an error has its proper status.
func (s *Server) search(g *gin.Context, c *call) {
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
	default:
		s.fail(g, c.dialect, &problem{status: http.StatusTooManyRequests, kind: kindRate, code: "too_many_searches",
			message: "too many searches are waiting: try again soon, or ask for raw", retryAfter: 5 * time.Second})
		return
	}
	ctx, cancel := context.WithCancel(s.authorized(g.Request))
	defer cancel()
	if limit := s.timeFor(c); limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	read := s.now().Sub(c.came)
	h := head{id: "chatcmpl-" + s.newID(), created: c.came, model: c.name}
	w := c.wire(c.ask)
	out := streamer{g: g, wire: w, head: h, now: s.now, teller: teller{stops: c.ask.stop}}
	news := newProgress(s.shows(c), c.ask.stream && !c.ask.logprobs) // log-probabilities are known at the end only
	var tell func(decode.Event)
	if news.shows || news.early {
		tell = news.watch
	}
	var rec trace.Recorder
	done := make(chan outcome, 1)
	run := *c
	run.opts.Watch = watchers(tell, rec.Watch)
	go func() { done <- s.solve(ctx, &run) }()

	var tick <-chan time.Time
	var told <-chan struct{}
	if c.ask.stream {
		ticker := time.NewTicker(s.cfg.KeepAlive)
		defer ticker.Stop()
		tick, told = ticker.C, news.told
	}
	var o outcome
	for waiting := true; waiting; {
		var err error
		select {
		case o = <-done:
			waiting = false
		case <-tick:
			err = out.send(w.keepAlive(out.at()))
		case <-told:
			err = out.tell(news.text(), false, news.notes(false), nil)
		}
		if err != nil { // the client is gone, or misled; the search ends soon
			cancel()
			tick, told = nil, nil
		}
	}
	if out.misled != nil {
		o.err = out.misled // which is why it was cancelled
	}
	ready := s.now()
	total := ready.Sub(c.came)
	t := s.trace(g, c, h, o, &rec, read, total)
	defer func() { s.written(t, s.now().Sub(ready)) }()
	if o.err != nil {
		s.failed(g, &out, problemOf(o.err))
		return
	}
	notes := news.notes(true)
	a := answerOf(h, c.ask, o.result, notes, s.report(c, o.result, t))
	a.total, a.sent = total, ready
	if !c.ask.stream {
		body := w.whole(a)
		g.Header("Content-Length", strconv.Itoa(len(body))) // as net/http would have it, but for the flush
		g.Data(http.StatusOK, "application/json; charset=utf-8", body)
		http.NewResponseController(g.Writer).Flush() // the trace ends with the last byte; a client that is gone needs none
		return
	}
	if err := out.tell(o.result.Text, true, notes, a.tokens); err != nil {
		if out.misled != nil {
			s.failed(g, &out, problemOf(out.misled))
		}
		return
	}
	a.head = out.at()
	out.sendAll(w.end(a)) // a client that is gone needs no end
}

// timeFor is how long a search may take, 0 for as long as it likes: the server's bound, or what the request asks for if that is less.
// Of prm.deadline_ms a fiftieth, 100 ms at most, is kept for what is left to do when the search is stopped, so that the client has by
// then the best so far, marked "stopped":"deadline" (see decode.Solve) or, before the first word of any candidate, the error "deadline"
// with status 504, in a stream that has begun as its last event.
func (s *Server) timeFor(c *call) time.Duration {
	limit := s.cfg.SearchTimeout
	if c.ov.DeadlineMS != nil {
		if asked := time.Duration(*c.ov.DeadlineMS) * time.Millisecond; limit == 0 || asked < limit {
			limit = asked - min(asked/50, 100*time.Millisecond)
		}
	}
	return limit
}

// shows reports whether the client is to be told of the search.
func (s *Server) shows(c *call) bool {
	if c.ov.ShowSearch != nil {
		return *c.ov.ShowSearch
	}
	return s.cfg.ShowSearch
}

type outcome struct {
	result decode.Result
	queued time.Duration // waited for its turn
	err    error
}

// solve waits for its turn and runs the search. It runs in a goroutine of its own, where a panic would take the whole
// process down, so it turns one into an error.
func (s *Server) solve(ctx context.Context, c *call) (o outcome) {
	defer func() {
		if r := recover(); r != nil {
			o.err = fmt.Errorf("panic in a search: %v\n%s", r, debug.Stack())
		}
	}()
	came := time.Now()
	err := s.slots.Acquire(ctx, 1)
	o.queued = time.Since(came)
	if err != nil {
		o.err = err
		return o
	}
	defer s.slots.Release(1)
	o.result, o.err = s.reasoner.Solve(ctx, c.model, c.ask.messages, c.opts)
	s.metrics.searched(c.opts.Strategy, o.result, o.err)
	if o.err != nil && ctx.Err() != nil {
		o.err = ctx.Err() // whatever it ran into, that is why
	}
	if o.err == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && o.result.Stopped == "" {
		o.result.Stopped = decode.StoppedDeadline // candidates may have died of it, though there was enough in hand to go on
	}
	return o
}

// failed ends a search that came to nothing: with a status of its own if nothing has been sent, else within the stream.
func (s *Server) failed(g *gin.Context, out *streamer, p *problem) {
	if !out.begun {
		s.fail(g, out.wire.dialect(), p)
		return
	}
	s.note(g, p)
	out.sendAll(out.wire.broken(p)) // to a client that is gone there is nothing to say
}

// streamer sends the chunks of one stream, each flushed; the headers go out with the first.
type streamer struct {
	g      *gin.Context
	wire   wire
	begun  bool
	head   head
	now    func() time.Time
	opened bool // the wire's beginning was sent
	teller teller
	misled error // why the stream can't end well: the client was told what turned out not to be so
}

// tell sends what is new of an answer; see teller.next.
func (t *streamer) tell(text string, whole bool, notes string, tokens []step.Token) error {
	parts, err := t.teller.next(text, whole, notes, tokens)
	if err != nil {
		t.misled = err
		return err
	}
	if !t.opened && (whole || len(parts) > 0) {
		t.opened = true
		if err := t.sendAll(t.wire.begin(t.at())); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := t.send(t.wire.part(t.at(), p)); err != nil {
			return err
		}
	}
	return nil
}

// at is the head of a chunk made now.
func (t *streamer) at() head {
	h := t.head
	h.sent = t.now()
	return h
}

func (t *streamer) sendAll(chunks [][]byte) error {
	for _, chunk := range chunks {
		if err := t.send(chunk); err != nil {
			return err
		}
	}
	return nil
}

func (t *streamer) send(chunk []byte) error {
	if !t.begun {
		t.begun = true
		t.g.Header("Content-Type", t.wire.streamType())
		t.g.Header("Cache-Control", "no-cache")
		t.g.Header("X-Accel-Buffering", "no") // nginx would hold the stream back
		t.g.Status(http.StatusOK)
	}
	if _, err := t.g.Writer.Write(chunk); err != nil {
		return err
	}
	return http.NewResponseController(t.g.Writer).Flush()
}

// upstreamBytes is a request without what is only the sidecar's: virtual names lose their suffix, the prm object goes.
func upstreamBytes(o object) []byte {
	return o.edit(func(key string, value json.RawMessage) json.RawMessage {
		if key != "model" && key != "name" { // Ollama's older name of it
			return nil
		}
		return bareName(value)
	}, "prm")
}
