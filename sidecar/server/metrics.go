package server

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"aprm/sidecar/decode"
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
	m.registry.MustRegister(m.requests, m.inFlight, m.seconds, m.tokens, m.dropped, m.scoring,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// searched counts what a search has spent, one that failed or whose client left included, and how long it took if it came to an answer.
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
	defer func() {
		s.metrics.inFlight.Dec()
		route, strategy := g.FullPath(), g.GetString(keyStrategy)
		if route == "" {
			route = "other"
		}
		if strategy == "" {
			strategy = "none"
		}
		status := g.Writer.Status()
		if noted := g.GetInt(keyStatus); noted != 0 {
			status = noted
		}
		if g.Request.Context().Err() != nil {
			status = statusClientGone
		}
		s.metrics.requests.WithLabelValues(route, strategy, strconv.Itoa(status)).Inc()
	}()
	g.Next()
}
