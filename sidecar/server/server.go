// Package server speaks to chat clients: the OpenAI and the Ollama dialect of HTTP. To a client it is the endpoint that
// it stands before. Requests worth a search are answered by a Reasoner; every other one is the upstream's, byte for
// byte in both directions, or translated where client and upstream speak different dialects.
//
// Which dialects agree: an Ollama upstream serves /api and /v1 itself, so both are native there and nothing is ever
// translated. Before an OpenAI-compatible upstream /v1 is native and what Ollama's clients need of /api is translated;
// what only Ollama can do (pull, create and the like) is a 501. Paths outside of both go to the upstream as they are,
// /healthz, /readyz and /metrics excepted, which are the sidecar's own.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/access"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
	"aprm/sidecar/trace"
)

// Reasoner answers conversations by searching. It is safe for concurrent use and returns soon after ctx is done.
type Reasoner interface {
	// Solve answers the last message. model is the upstream's own name of the model, "" when the client named none.
	// Messages are the client's; what the Reasoner adds to them is its Instruction. It tells opts.Watch of the search,
	// if that is set.
	Solve(ctx context.Context, model string, messages []adapters.Message, opts decode.Options) (decode.Result, error)

	// Checkpoint names the PRM in use; ok is false when there is none, and then only what needs none is offered.
	Checkpoint() (id string, ok bool)

	// Instruction is the sentence that Solve adds to the system message, "" when it adds none.
	Instruction() string
}

// StepScorer is what a Reasoner may be besides: then POST /v1/prm/score and POST /pooling are served.
type StepScorer interface {
	// Judge returns one score a step, and whether the LLM's hidden states were read for them. tokens are the steps'
	// log-probabilities, nil where there are none.
	Judge(ctx context.Context, t step.Trace, tokens [][]step.Token) (scores []prm.Score, sighted bool, err error)
}

// Config of a Server. Only Upstream and Dialect are needed.
type Config struct {
	// Upstream is the endpoint's address. Before an OpenAI-compatible endpoint it may be the API's base
	// ("http://host:8000/v1") or the root ("http://host:8000", which stands for the same).
	Upstream *url.URL
	Dialect  dialect.Dialect // OpenAI or Ollama
	// UpstreamKey is sent upstream as a bearer token in place of the client's Authorization; "" passes the client's on.
	UpstreamKey string
	// Keys are what clients must present as bearer tokens; nil lets everyone in. They never go upstream. APIKey is one
	// that opens everything, in place of Keys.
	Keys   *access.Keys
	APIKey string
	// Model is searched with when a client names no model.
	Model string
	// Tools says whether the upstream is known to take tools: /api/show tells Ollama clients of an OpenAI-compatible
	// upstream. Nil for no.
	Tools func() bool

	// Defaults are the options of a search that neither the model's name nor the request sets. Defaults.Strategy is
	// what a bare model name gets: "raw" or a strategy of decode; "" means raw.
	Defaults decode.Options
	// Names are the suffixes of the virtual model names ("raw" makes NAME@raw); nil means DefaultNames.
	Names []string
	// Origins are the origins of pages that browsers let use the sidecar ("https://chat.example.org", or "*" for all);
	// none lets none. What the upstream says of it counts for nothing.
	Origins []string

	// What POST /pooling is spoken with: what stands behind each step, "" means <extra_0>; and whether a row of scores
	// has the probability of a good step first, as Math-Shepherd's has, or last, as Qwen2.5-Math-PRM's.
	StepToken string
	GoodFirst bool

	// Hosts are names that clients may call the sidecar by, beside those that no page of another site can make a
	// browser resolve to it; "*" for any.
	Hosts []string

	MaxBody       int64         // bytes of a request that is looked into, a larger one is the upstream's; 0 means 32 MiB
	MaxBodies     int64         // bytes of all requests' bodies that are kept at a time, beyond that it is a 503; 0 means 128 MiB
	BodyTimeout   time.Duration // for a client to send a body in, beside a second for each KiB; 0 means 30 s
	WriteTimeout  time.Duration // for a client to take in what is written to it; 0 means 2 minutes
	HeaderTimeout time.Duration // for the upstream to begin the answer to a request that is passed on; 0 means 15 minutes
	IdleTimeout   time.Duration // longest silence in such an answer; 0 means 5 minutes
	MaxSearches   int           // searches at a time; 0 means 4
	MaxQueued     int           // searches that wait for their turn, beyond that it is a 429; 0 means 64
	SearchTimeout time.Duration // of one search, its wait included; 0 means none
	ShowSearch    bool          // tell of searches as thoughts before the answer, unless the request says no
	KeepAlive     time.Duration // between signs of life on a stream while the search runs; 0 means 10 s
	Grace         time.Duration // for requests under way when Run is told to stop; 0 means 10 s

	Page  fs.FS        // what a browser gets: page.html at / and what that loads from /sidecar/; nil for no page
	Board http.Handler // answers what the page asks below /sidecar/api/, to keys of the scope admin; nil for nothing

	Figures []prometheus.Collector // that /metrics has beside the server's own

	Traces        int           // last searches whose traces are kept; 0 keeps none
	NoTraceTexts  bool          // leaves questions, answers and candidates' texts out of what is kept and exported
	TraceExporter TraceExporter // nil exports none

	Experience Experience // keeps what searches come to; nil keeps nothing

	Refused func() (checkpoint, why string) // a checkpoint that was to be served and isn't, "" for none; nil where none ever is

	// Route is the way to the upstream, over the transport that it is given; nil takes that as it is.
	Route func(http.RoundTripper) http.RoundTripper
	Log   *slog.Logger // nil means slog.Default()
}

// Server is the HTTP side of the sidecar. It is made by New and starts nothing by itself.
type Server struct {
	cfg      Config
	reasoner Reasoner
	upstream *upstream
	metrics  *metrics
	slots    *semaphore.Weighted // of searches
	judging  *semaphore.Weighted // of solutions that are scored
	traces   *trace.Ring
	bodies   *semaphore.Weighted // bytes of bodies that are kept
	asked    asked               // what the upstream answered lately
	queue    chan struct{}       // a token for each search that runs or waits
	handler  http.Handler
	front    *front
	lacks    sync.Map // paths of routes that the upstream was found to lack
	log      *slog.Logger
	now      func() time.Time
	newID    func() string
}

// New checks the configuration, all of it at once, and fills in the defaults.
func New(cfg Config, reasoner Reasoner) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if reasoner == nil {
		return nil, errors.New("server: no reasoner")
	}
	s := &Server{
		cfg:      cfg,
		reasoner: reasoner,
		metrics:  newMetrics(),
		slots:    semaphore.NewWeighted(int64(cfg.MaxSearches)),
		judging:  semaphore.NewWeighted(scoredAtOnce),
		traces:   trace.NewRing(cfg.Traces, trace.RingBytes),
		bodies:   semaphore.NewWeighted(cfg.MaxBodies),
		queue:    make(chan struct{}, cfg.MaxSearches+cfg.MaxQueued),
		log:      cfg.Log,
		now:      time.Now,
		newID:    randomID,
	}
	s.metrics.beside(cfg.Figures)
	s.front = &front{metrics: s.metrics}
	s.front.now.Store(s)
	s.upstream = newUpstream(cfg, s.log)
	s.handler = canonical(s.routes())
	return s, nil
}

func (c *Config) complete() error {
	var errs []error
	switch {
	case c.Upstream == nil:
		errs = append(errs, errors.New("server: no upstream URL"))
	case (c.Upstream.Scheme != "http" && c.Upstream.Scheme != "https") || c.Upstream.Host == "":
		errs = append(errs, fmt.Errorf("server: the upstream must be http://HOST or https://HOST, not %s", c.Upstream.Redacted()))
	}
	if c.Dialect != dialect.OpenAI && c.Dialect != dialect.Ollama {
		errs = append(errs, fmt.Errorf("server: dialect %q is neither %q nor %q", c.Dialect, dialect.OpenAI, dialect.Ollama))
	}
	if c.Defaults.Strategy == "" {
		c.Defaults.Strategy = strategyRaw
	}
	if c.Defaults.Strategy != strategyRaw {
		if err := c.Defaults.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("server: default options: %w", err))
		}
	}
	if c.Keys == nil && c.APIKey != "" {
		c.Keys = access.One(c.APIKey)
	}
	if c.StepToken == "" {
		c.StepToken = "<extra_0>"
	}
	if c.Names == nil {
		c.Names = DefaultNames()
	}
	for _, name := range c.Names {
		if _, ok := parseChoice(name); !ok {
			errs = append(errs, fmt.Errorf("server: virtual name %q is none of %s, nor one of those with -N", name, strings.Join(Suffixes(true), ", ")))
		}
	}
	for _, n := range []int64{c.MaxBody, c.MaxBodies, int64(c.BodyTimeout), int64(c.WriteTimeout), int64(c.HeaderTimeout), int64(c.IdleTimeout), int64(c.MaxSearches), int64(c.MaxQueued), int64(c.Traces), int64(c.SearchTimeout), int64(c.KeepAlive), int64(c.Grace)} {
		if n < 0 {
			errs = append(errs, errors.New("server: limits must not be negative"))
			break
		}
	}
	orElse(&c.MaxBody, 32<<20)
	orElse(&c.MaxBodies, 128<<20)
	orElse(&c.BodyTimeout, 30*time.Second)
	orElse(&c.WriteTimeout, 2*time.Minute)
	orElse(&c.HeaderTimeout, 15*time.Minute)
	orElse(&c.IdleTimeout, 5*time.Minute)
	orElse(&c.MaxSearches, 4)
	orElse(&c.MaxQueued, 64)
	orElse(&c.KeepAlive, 10*time.Second)
	orElse(&c.Grace, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return errors.Join(errs...)
}

func orElse[T int | int64 | time.Duration](v *T, fallback T) {
	if *v == 0 {
		*v = fallback
	}
}

// Handler serves every route, as the Server is or has become.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.front.now.Load().handler.ServeHTTP(w, r) })
}

// front is what all that a Server becomes have in common.
type front struct {
	now      atomic.Pointer[Server]
	metrics  *metrics
	stopping atomic.Bool
}

// Become has requests from now on answered by another configuration and Reasoner; those under way end as they began.
// What is wrong with it is the error, and then nothing changes. Figures are counted on, and traces are kept where as
// many are to be.
func (s *Server) Become(cfg Config, reasoner Reasoner) error {
	next, err := New(cfg, reasoner)
	if err != nil {
		return err
	}
	was := s.front.now.Load()
	next.front, next.metrics = s.front, s.front.metrics
	if next.cfg.Traces == was.cfg.Traces {
		next.traces = was.traces
	}
	// What is under way counts against the same limits, else a reload would double them for a while.
	if next.cfg.MaxSearches == was.cfg.MaxSearches {
		next.slots = was.slots
		if next.cfg.MaxQueued == was.cfg.MaxQueued {
			next.queue = was.queue
		}
	}
	if next.cfg.MaxBodies == was.cfg.MaxBodies {
		next.bodies = was.bodies
	}
	next.judging = was.judging
	next.metrics.beside(next.cfg.Figures)
	next.handler = canonical(next.routes())
	s.front.now.Store(next)
	was.upstream.close()
	return nil
}

// errStopping is why requests end that a Server has no more time for.
var errStopping = &dialect.Problem{Status: http.StatusServiceUnavailable, Kind: dialect.Failed, Code: "stopping", RetryAfter: 5 * time.Second,
	Message: "the sidecar is being stopped: ask again"}

// Run serves ln until ctx is done, then lets requests under way finish for Config.Grace, has those that are left end
// with an error in their dialect and returns nil. It closes ln.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	requests, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	srv := &http.Server{
		Handler:           s.Handler(),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	defer func() { s.front.now.Load().upstream.close() }()
	select {
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	s.front.stopping.Store(true)
	grace := s.front.now.Load().cfg.Grace
	err := shutdown(srv, grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("stopping with requests under way", "grace", grace)
		cancel(errStopping)
		if err = shutdown(srv, time.Second); err != nil {
			err = srv.Close()
		}
	}
	<-failed
	if err != nil {
		return fmt.Errorf("server: stop: %w", err)
	}
	return nil
}

func shutdown(srv *http.Server, grace time.Duration) error {
	ctx, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	return srv.Shutdown(ctx)
}
