package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/scope"
	"aprm/sidecar/server/dialect"
	"aprm/sidecar/trace"
)

// headerApplied tells how a request was answered and why: "raw; reason=tools", "guided; reason=question". Searched
// answers have the same in prm.applied; raw ones have only this header, their bytes being the upstream's.
const headerApplied = "X-Sidecar-Applied"

// call is a request to a route, as far as it is understood.
type call struct {
	route
	body  []byte         // as the client sent it, until bare is called
	sent  dialect.Object // the same; none where it is no JSON object
	name  string         // the model as the client named it, Config.Model where it named none
	model string         // the upstream's name of it
	ask   dialect.Ask    // for a search only
	opts  decode.Options
	ov    overrides
	why   string    // the reason, as headerApplied has it
	came  time.Time // before its body was read
}

// bare is the body for the upstream: without what is only the sidecar's. It is made of the client's bytes, which are
// lost, and what was read of them with them.
func (c *call) bare() []byte {
	if c.sent.Is() {
		c.body, c.sent = upstreamBytes(c.sent), dialect.Object{}
	}
	return c.body
}

func (c *call) applied() string { return c.opts.Strategy + "; reason=" + c.why }

// understand decides what becomes of a request: opts.Strategy is "raw" or the search's.
//
// A model's name chooses how reasoning problems are answered; what is none, such as a chat page's own tasks, is the
// upstream's all the same. Only prm.strategy in the body forces a search. What can't be understood is the upstream's
// too, which may well take it; an error is only what was wrong with the sidecar's own words, or with a request that was
// to be searched by force.
func (s *Server) understand(r route, body []byte) (*call, error) {
	c := &call{route: r, body: body, name: s.cfg.Model, opts: decode.Options{Strategy: strategyRaw}}
	o, err := dialect.Parse(body)
	if err != nil {
		c.why = "no JSON object"
		return c, nil
	}
	c.sent = o
	var name string
	if o.Read("model", &name, "a string") != nil {
		c.why = "not understood, field model"
		return c, nil
	}
	if name != "" {
		c.name = name
	}
	model, pick, named := splitName(c.name)
	c.model = model
	if c.ov, err = readOverrides(o); err != nil {
		return nil, err
	}
	forced := c.ov.Strategy != nil
	param := "model"
	switch {
	case forced:
		pick, param = c.ov.way.over(pick), "prm.strategy"
	case !named:
		pick = choice{strategy: s.cfg.Defaults.Strategy}
		if r.plain {
			pick = choice{strategy: strategyRaw}
		}
		if forced = c.ov.kinds.HavePrograms() && pick.strategy == strategyRaw; forced { // that can only mean a vote
			pick.strategy, param = "", "prm.kinds"
		}
	}
	_, trained := s.reasoner.Checkpoint()
	pick = pick.voted(trained)
	if pick.n > 0 {
		if err := checkN(pick.n, "model"); err != nil {
			return nil, err
		}
	}
	if forced || named {
		if err := s.checkOffered(pick.strategy, param); err != nil {
			return nil, err
		}
	}
	if pick.strategy == strategyRaw {
		c.why = "default"
		if forced || named {
			c.why = "asked"
		}
		return c, nil
	}
	if c.why = r.Raw(o); c.why != "" {
		return c, nil
	}
	if !forced && !named && s.checkOffered(pick.strategy, param) != nil {
		c.why = "no checkpoint"
		return c, nil
	}
	if c.ask, err = r.Read(o); err != nil {
		if forced {
			return nil, err
		}
		c.why = "not understood"
		if p := problemOf(err); p.Param != "" {
			c.why += ", field " + dialect.PlainWord(p.Param)
		}
		return c, nil
	}
	if !forced {
		if c.why = scope.Out(c.ask.Messages); c.why != "" {
			return c, nil
		}
	}
	c.why = "question"
	if forced || named {
		c.why = "asked"
	}
	opts := options(s.cfg.Defaults, pick, c.ov, c.ask)
	if err := opts.Validate(); err != nil {
		return nil, dialect.BadRequest("prm", "%v", err)
	}
	c.opts = opts
	return c, nil
}

// generating handles a route.
func (s *Server) generating(r route) gin.HandlerFunc {
	return func(g *gin.Context) {
		came := s.now()
		if encoding := g.GetHeader("Content-Encoding"); encoding != "" && encoding != "identity" {
			if s.lacking(r) {
				s.fail(g, r.Dialect, &dialect.Problem{Status: http.StatusUnsupportedMediaType, Kind: dialect.Invalid,
					Message: "a body with Content-Encoding can't be translated: send it plain"})
				return
			}
			s.pass(g, "content-encoding", nil)
			return
		}
		body, large, err := s.peekBody(g.Request)
		if large && s.lacking(r) {
			err = tooLarge(s.cfg.MaxBody)
		}
		if err != nil {
			s.fail(g, r.Dialect, err)
			return
		}
		if large {
			s.pass(g, "large body", nil)
			return
		}
		c, err := s.understand(r, body)
		if err == nil {
			err = s.checkName(g.Request, c.name)
		}
		if err != nil {
			s.fail(g, r.Dialect, err)
			return
		}
		c.came = came
		switch {
		case c.opts.Strategy != strategyRaw:
			s.decided(g, c.opts.Strategy, c.why)
			s.search(g, c)
		case s.lacking(r):
			s.decided(g, strategyRaw, c.why)
			s.translate(g, c)
		case r.Chat != nil && r.Dialect != dialect.Ollama:
			s.perhaps(g, c)
		default:
			s.pass(g, c.why, c.bare())
		}
	}
}

// decided notes what becomes of a request, for the client and for the metrics.
func (s *Server) decided(g *gin.Context, strategy, why string) {
	g.Header(headerApplied, strategy+"; reason="+why)
	g.Set(keyStrategy, strategy)
}

// firstSign is how long a stream waits for its search to fail: until then an error has its proper status. Then the
// client hears that it is served.
const firstSign = 10 * time.Millisecond

// How long a search may take to come to its answer once its time is up: where the client said when, and where it
// didn't.
const (
	lastWord  = 220 * time.Millisecond
	lastWords = 5 * time.Second
)

// search answers a call by the Reasoner. A stream begins almost at once; it has the text as soon as it is settled, and
// signs of life while the search runs.
func (s *Server) search(g *gin.Context, c *call) {
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
	default:
		s.fail(g, c.Dialect, &dialect.Problem{Status: http.StatusTooManyRequests, Kind: dialect.Rate, Code: "too_many_searches",
			Message: "too many searches are waiting: try again soon, or ask for raw", RetryAfter: 5 * time.Second})
		return
	}
	key := keyOf(g)
	if key != nil {
		end, ok := key.Search()
		if !ok {
			s.fail(g, c.Dialect, &dialect.Problem{Status: http.StatusTooManyRequests, Kind: dialect.Rate, Code: "key_limit",
				Message: fmt.Sprintf("this key may have %d searches at a time", key.Searches), RetryAfter: 5 * time.Second})
			return
		}
		defer end()
	}
	ctx, cancel := context.WithCancel(s.onBehalf(g.Request))
	defer cancel()
	if limit := s.timeFor(c); limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if fields := dialect.Carry(c.ask.Carried, c.Dialect, s.cfg.Dialect); len(fields) > 0 {
		ctx = adapters.WithFields(ctx, fields)
	}
	read := s.now().Sub(c.came)
	h := dialect.Head{ID: c.IDPrefix + s.newID(), Created: c.came, Model: c.name}
	w := c.Wire(c.ask)
	out := streamer{g: g, wire: w, head: h, now: s.now, teller: teller{stops: c.ask.Stop}}
	news := trace.NewProgress(s.shows(c), c.ask.Stream && !c.ask.Logprobs) // log-probabilities are known at the end only
	watcher, watched := w.(dialect.Watcher)
	news.Each = watched && c.ask.Stream && c.ov.Candidates != nil && *c.ov.Candidates
	var tell func(decode.Event)
	if news.Shows || news.Early || news.Each {
		tell = news.Watch
	}
	var rec trace.Recorder
	done := make(chan outcome, 1)
	run := *c
	run.opts.Watch = watchers(tell, rec.Watch)
	go func() {
		o := s.solve(ctx, &run)
		if key != nil { // a client that is gone has spent it all the same
			key.Spend(time.Now(), o.result.PromptTokens+o.result.CompletionTokens)
		}
		done <- o
	}()

	var first, tick <-chan time.Time
	var told <-chan struct{}
	if c.ask.Stream {
		ticker := time.NewTicker(s.cfg.KeepAlive)
		defer ticker.Stop()
		first, tick, told = time.After(firstSign), ticker.C, news.Told
	}
	var o outcome
	for waiting := true; waiting; {
		var err error
		select {
		case o = <-done:
			waiting = false
		case <-first:
			select {
			case o = <-done: // on a busy machine both may have come
				waiting = false
			default:
				if !out.begun {
					err = out.alive()
				}
			}
		case <-tick:
			err = out.alive()
		case <-told:
			if err = out.tell(news.Text(), false, news.Notes(false), nil); err == nil && news.Each {
				err = out.seen(watcher, news.Candidates())
			}
		case <-ctx.Done():
			// What is best so far is the answer, and comes at once; whatever should take longer is not waited for.
			last := lastWord
			if c.ov.DeadlineMS == nil { // nobody counts on the moment
				last = lastWords
			}
			overdue := time.NewTimer(last)
			select {
			case o = <-done:
			case <-overdue.C:
				o.err = ctx.Err()
			}
			overdue.Stop()
			waiting = false
		}
		if err != nil { // the client is gone, or misled; the search ends soon
			cancel()
			first, tick, told = nil, nil, nil
		}
	}
	switch {
	case out.misled != nil:
		o.err = out.misled // which is why it was cancelled
	case o.err != nil && errors.Is(context.Cause(g.Request.Context()), errStopping):
		o.err = errStopping
	}
	ready := s.now()
	total := ready.Sub(c.came)
	t := s.trace(g, c, h, o, &rec, read, total)
	defer func() { s.written(t, s.now().Sub(ready)) }()
	if o.err != nil {
		s.failed(g, c.Dialect, &out, problemOf(o.err))
		return
	}
	s.keep(g, c, h, o.result)
	notes := news.Notes(true)
	a := answerOf(h, c.ask, o.result, notes, s.report(c, o.result, t))
	a.Total, a.Load, a.Sent = total, max(0, total-a.Working), ready
	if !c.ask.Stream {
		body := w.Whole(a)
		g.Header("Content-Length", strconv.Itoa(len(body))) // as net/http would have it, but for the flush
		g.Data(http.StatusOK, "application/json; charset=utf-8", body)
		_ = http.NewResponseController(g.Writer).Flush() // the trace ends with the last byte; a client that is gone needs none
		return
	}
	if err := out.tell(o.result.Text, true, notes, a.Tokens); err != nil {
		if out.misled != nil {
			s.failed(g, c.Dialect, &out, problemOf(out.misled))
		}
		return
	}
	a.Head = out.at()
	_ = out.sendAll(w.End(a)) // a client that is gone needs no end
}

// timeFor is how long a search may take, 0 for as long as it likes: the server's bound, or what the request asks for if
// that is less. Of prm.deadline_ms a fiftieth, 100 ms at most, is kept for what is left to do when the search is
// stopped, so that the client has by then the best so far, marked "stopped":"deadline" (see decode.Solve) or, before
// the first word of any candidate, the error "deadline" with status 504, in a stream that has begun as its last event.
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
	o.result, o.err = s.reasoner.Solve(ctx, c.model, c.ask.Messages, c.opts)
	s.metrics.searched(c.opts.Strategy, o.result, o.err)
	s.metrics.queued.Observe(o.queued.Seconds())
	if o.err == nil {
		s.metrics.votes(c.opts.N, o.result)
	}
	var up *adapters.UpstreamError
	if o.err != nil && ctx.Err() != nil && !(errors.As(o.err, &up) && up.Loading()) { // the model was still loading when time was up: so the client is told
		o.err = ctx.Err() // whatever it ran into, that is why
	}
	if o.err == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && o.result.Stopped == "" {
		o.result.Stopped = decode.StoppedDeadline // candidates may have died of it, though there was enough in hand to go on
	}
	return o
}

// failed ends a search that came to nothing: with a status of its own if nothing has been sent, else within the stream.
func (s *Server) failed(g *gin.Context, d dialect.Dialect, out *streamer, p *dialect.Problem) {
	if !out.begun {
		s.fail(g, d, p)
		return
	}
	s.note(g, p)
	_ = out.sendAll(out.wire.Broken(p)) // to a client that is gone there is nothing to say
}

// streamer sends the chunks of one stream, each flushed; the headers go out with the first.
type streamer struct {
	g      *gin.Context
	wire   dialect.Wire
	begun  bool
	head   dialect.Head
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
	if whole || len(parts) > 0 {
		if err := t.open(); err != nil {
			return err
		}
	}
	return t.parts(parts...)
}

// seen sends news of candidates.
func (t *streamer) seen(w dialect.Watcher, candidates []trace.Candidate) error {
	if len(candidates) == 0 {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	return t.sendAll(w.News(t.at(), struct {
		Candidates []trace.Candidate `json:"candidates"`
	}{candidates}))
}

// parts sends parts of the answer; the stream is open.
func (t *streamer) parts(parts ...dialect.Piece) error {
	for _, p := range parts {
		if err := t.sendAll(t.wire.Part(t.at(), p)); err != nil {
			return err
		}
	}
	return nil
}

// open sends the wire's beginning, once.
func (t *streamer) open() error {
	if t.opened {
		return nil
	}
	t.opened = true
	return t.sendAll(t.wire.Begin(t.at()))
}

// alive sends a sign of life: the stream's beginning, if that is one.
func (t *streamer) alive() error {
	begun := t.opened
	if err := t.open(); err != nil || !begun && t.begun {
		return err
	}
	return t.sendAll(t.wire.Alive(t.at()))
}

// at is the head of a chunk made now.
func (t *streamer) at() dialect.Head {
	h := t.head
	h.Sent = t.now()
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
		t.g.Header("Content-Type", t.wire.StreamType())
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
// The request's own bytes are lost.
func upstreamBytes(o dialect.Object) []byte {
	return o.Spend(func(key string, value json.RawMessage) json.RawMessage {
		if key != "model" && key != "name" { // Ollama's older name of it
			return nil
		}
		return bareName(value)
	}, "prm")
}
