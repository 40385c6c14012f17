package server

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"aprm/sidecar/decode"
	"aprm/sidecar/trace"
)

// metrics are the server's figures, on a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	inFlight prometheus.Gauge
	seconds  *prometheus.HistogramVec
	tokens   *prometheus.CounterVec
	dropped  prometheus.Counter
	scoring  prometheus.Counter
	queued   prometheus.Histogram
	first    *prometheus.HistogramVec
	changed  prometheus.Counter
	saved    prometheus.Counter
	others   []prometheus.Collector // Config.Figures
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_requests_total", Help: "Requests answered, by route, strategy (raw: by the upstream) and status.",
		}, []string{"route", "strategy", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_requests_in_flight", Help: "Requests being answered.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sidecar_search_seconds", Help: "Time a search took, by strategy.", Buckets: prometheus.ExponentialBuckets(.25, 2, 12),
		}, []string{"strategy"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_search_tokens_total", Help: "Tokens spent by searches, by kind: prompt or completion.",
		}, []string{"kind"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_search_dropped_candidates_total", Help: "Candidates that are no part of an answer: failed, cut off, the same as another, outvoted or scored lower.",
		}),
		scoring: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_search_scoring_calls_total", Help: "Calls of the PRM by searches.",
		}),
	}
	m.queued = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sidecar_search_queue_seconds", Help: "Time that searches waited for their turn.", Buckets: prometheus.ExponentialBuckets(.001, 4, 10),
	})
	m.first = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sidecar_first_byte_seconds", Help: "Time until the first byte of an answer, by strategy (raw: by the upstream).", Buckets: prometheus.ExponentialBuckets(.005, 3, 10),
	}, []string{"strategy"})
	m.saved = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sidecar_search_tokens_saved_total", Help: "Completion tokens that auto left out by stopping early: what the answers that it didn't draw would have cost, at the mean of those that it drew.",
	})
	m.changed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sidecar_search_votes_changed_total", Help: "Votes that came to another answer than a plain majority of the same candidates, by the PRM's or the LLM's own word.",
	})
	m.registry.MustRegister(m.queued, m.first, m.saved, m.changed, m.requests, m.inFlight, m.seconds, m.tokens, m.dropped, m.scoring,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// beside has these figures in place of others' before.
func (m *metrics) beside(others []prometheus.Collector) {
	for _, c := range m.others {
		m.registry.Unregister(c)
	}
	m.others = others
	for _, c := range others {
		m.registry.MustRegister(c)
	}
}

// votes counts what the weights of a vote made of it.
func (m *metrics) votes(asked int, r decode.Result) {
	count, first := map[string]int{}, []string{}
	tokens, drawn := 0, 0
	for _, c := range r.Candidates {
		if c.At > 0 {
			return // of a search step by step
		}
		drawn, tokens = drawn+1, tokens+c.Tokens
		if c.Answered {
			if count[c.Answer] == 0 {
				first = append(first, c.Answer)
			}
			count[c.Answer]++
		}
	}
	most := ""
	for _, answer := range first {
		if count[answer] > count[most] {
			most = answer
		}
	}
	if r.Answer != "" && count[r.Answer] < count[most] {
		m.changed.Inc()
	}
	if drawn > 0 && drawn < asked && r.Stopped == "" {
		m.saved.Add(float64(asked-drawn) * float64(tokens) / float64(drawn))
	}
}

// searched counts what a search has spent, one that failed or whose client left included, and how long it took if it
// came to an answer.
func (m *metrics) searched(strategy string, r decode.Result, err error) {
	if err == nil {
		m.seconds.WithLabelValues(strategy).Observe(r.Elapsed.Seconds())
	}
	m.tokens.WithLabelValues("prompt").Add(float64(r.PromptTokens))
	m.tokens.WithLabelValues("completion").Add(float64(r.CompletionTokens))
	m.scoring.Add(float64(r.ScoringCalls))
	for _, c := range r.Candidates {
		if c.Dropped != "" {
			m.dropped.Inc()
		}
	}
}

// measure counts requests. Routes are the patterns, not the paths, so that clients can't make new series.
func (s *Server) measure(g *gin.Context) {
	s.metrics.inFlight.Inc()
	began := time.Now()
	id := g.GetHeader(headerRequest)
	if !plainID(id) {
		id = randomID()
	}
	g.Header(headerRequest, id)
	defer func() {
		s.metrics.inFlight.Dec()
		route, strategy := g.FullPath(), g.GetString(keyStrategy)
		if route == "" {
			route = "other"
		}
		if strategy == "" {
			strategy = "none"
		}
		if said := g.Writer.Header().Get(headerRequest); plainID(said) { // perhaps the upstream's
			id = said
		}
		status := g.Writer.Status()
		if noted := g.GetInt(keyStatus); noted != 0 {
			status = noted
		}
		if g.Request.Context().Err() != nil {
			status = statusClientGone
		}
		s.metrics.requests.WithLabelValues(route, strategy, strconv.Itoa(status)).Inc()
		first := time.Duration(0)
		if o, ok := g.Writer.(*outlet); ok && !o.first.IsZero() {
			if first = o.first.Sub(began); strategy != "none" {
				s.metrics.first.WithLabelValues(strategy).Observe(first.Seconds())
			}
		}
		if s.cfg.TraceExporter != nil && strategy == strategyRaw {
			s.cfg.TraceExporter.Passed(trace.Passed{Method: g.Request.Method, Route: route, TraceParent: trace.TraceParent(g.GetHeader("traceparent")),
				Status: status, Began: began, First: first, Total: time.Since(began)})
		}
		s.logged(g,
			slog.String("id", id), slog.String("method", g.Request.Method), slog.String("route", route), slog.String("strategy", strategy), slog.Int("status", status),
			slog.Int("bytes", max(0, g.Writer.Size())), slog.Int64("ms", time.Since(began).Milliseconds()), slog.Int64("first_ms", first.Milliseconds()),
			slog.String("key", ownerOf(g)))
	}()
	g.Next()
}

// logged writes the line of a request. It is slog.Logger's LogAttrs but for the look at the call stack, which no line
// has and every request would wait for.
func (s *Server) logged(g *gin.Context, attrs ...slog.Attr) {
	ctx, to := g.Request.Context(), s.log.Handler()
	if !to.Enabled(ctx, slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	line.AddAttrs(attrs...)
	_ = to.Handle(ctx, line) // as slog.Logger has it
}

// headerRequest names a request in the logs of all that it passes.
const headerRequest = "X-Request-Id"

// plainID reports whether a client's own name of a request may stand in a log.
func plainID(id string) bool {
	return id != "" && len(id) <= 128 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") == ""
}
