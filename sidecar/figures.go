package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"aprm/adapters/pool"
)

// faultsOf counts what goes wrong with the calls of an endpoint.
type faultsOf struct{ total *prometheus.CounterVec }

func newFaultsOf() *faultsOf {
	return &faultsOf{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sidecar_upstream_faults_total",
		Help: "What went wrong with calls of the endpoint, by kind: unreachable, limited (429), failed (5xx), broken (off), silent, open (not asked, as it failed too often), failed_over (asked of another).",
	}, []string{"endpoint", "kind"})}
}

func (f *faultsOf) tell(endpoint, kind string) { f.total.WithLabelValues(endpoint, kind).Inc() }

// breakers are the states of a pool's endpoints as figures.
type breakers struct {
	pool *pool.Pool
	desc *prometheus.Desc
}

func newBreakers(p *pool.Pool) breakers {
	return breakers{p, prometheus.NewDesc("sidecar_upstream_open", "Whether an endpoint is left alone because nearly all of its calls failed: 1, half-open 0.5, else 0.", []string{"endpoint"}, nil)}
}

// Describe implements prometheus.Collector.
func (b breakers) Describe(out chan<- *prometheus.Desc) { out <- b.desc }

// Collect implements prometheus.Collector.
func (b breakers) Collect(out chan<- prometheus.Metric) {
	for endpoint, state := range b.pool.States() {
		out <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, map[string]float64{"open": 1, "half-open": 0.5}[state], endpoint)
	}
}

// figures are what /metrics has of the endpoint and of this build, beside the server's own.
func (s service) figures() []prometheus.Collector {
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sidecar_build_info", Help: "1, with this build as labels.", ConstLabels: buildLabels()})
	build.Set(1)
	out := []prometheus.Collector{build}
	if s.upstream.Pool != nil {
		out = append(out, s.upstream.faults.total, newBreakers(s.upstream.Pool))
	}
	return out
}

func buildLabels() prometheus.Labels {
	b := builtAs()
	return prometheus.Labels{"version": b.version, "revision": b.revision, "go": b.compiler}
}
