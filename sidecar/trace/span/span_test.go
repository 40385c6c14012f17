package span

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	otel "go.opentelemetry.io/otel/trace"

	"aprm/prm/casetest"
	"aprm/sidecar/trace"
)

func TestMain(m *testing.M) { casetest.Main(m) }

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func searched() trace.Trace {
	score := 0.9
	return trace.Trace{ID: "chatcmpl-1", Began: time.Unix(1000, 0), Route: "/v1/chat/completions", TraceParent: parent, Model: "m@guided", Strategy: "guided",
		Applied: "guided; reason=asked", Options: map[string]any{"n": 2, "temperature": 0.8, "seed": int64(7), "aggregate": "min", "entropic": true},
		Checkpoint: "ab12", Question: "SECRET", Text: "SECRET", Answer: "SECRET", Finish: "end",
		Candidates: []trace.Candidate{
			{ID: 1, Text: "SECRET", Score: &score, Tokens: 5, Chosen: true, Kept: "the best score", Began: 0, Ended: 0.5},
			{ID: 2, Dropped: "failed: SECRET", Ended: 0.25},
			{ID: 3, Parent: 1, At: 1, Text: "SECRET", Answer: "SECRET", Tokens: 6, Chosen: true, Began: 0.5, Ended: 1},
		},
		Tokens: trace.Tokens{Prompt: 40, Completion: 11}, ScoringCalls: 2, Seconds: trace.Times{Total: 1.5, Queued: 0.25, LLM: 1, PRM: 0.125, Own: 0.125}}
}

// TestPassed: a request that was passed on is one span, in the client's own trace.
func TestPassed(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	e, err := newExporter(t.Context(), sdk.WithSyncer(memory))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Unix(1000, 0)
	e.Passed(trace.Passed{Method: "GET", Route: "/v1/models", TraceParent: parent, Status: 502, Began: began, First: time.Second, Total: 3 * time.Second})
	spans := memory.GetSpans()
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Name != "GET /v1/models" || s.SpanContext.TraceID().String() != parent[3:35] || s.Parent.SpanID().String() != parent[36:52] ||
		!s.EndTime.Equal(began.Add(3*time.Second)) || s.Status.Code != codes.Error || len(s.Events) != 1 || !s.Events[0].Time.Equal(began.Add(time.Second)) {
		t.Errorf("%+v", s)
	}
}

// TestExport: the spans of a search as a collector in memory gets them.
func TestExport(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	e, err := newExporter(t.Context(), sdk.WithSyncer(memory))
	if err != nil {
		t.Fatal(err)
	}
	e.Export(searched())
	spans := memory.GetSpans()
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(spans) != 5 {
		t.Fatalf("%d spans, want 3 candidates, a search and a request", len(spans))
	}
	request, search := spans[4], spans[3]
	if request.Name != "POST /v1/chat/completions" || request.SpanKind != otel.SpanKindServer || search.Name != "chat m@guided" {
		t.Errorf("request %q (%v), search %q", request.Name, request.SpanKind, search.Name)
	}
	if request.SpanContext.TraceID().String() != parent[3:35] || request.Parent.SpanID().String() != parent[36:52] || !request.Parent.IsRemote() {
		t.Errorf("the client's trace isn't gone on with: %v under %v", request.SpanContext, request.Parent)
	}
	if search.Parent.SpanID() != request.SpanContext.SpanID() {
		t.Error("the search isn't below its request")
	}
	at := func(seconds float64) time.Time { return time.Unix(1000, 0).Add(duration(seconds)) }
	for i, want := range []struct{ began, ended float64 }{{0.25, 0.75}, {0.25, 0.5}, {0.75, 1.25}, {0.25, 1.5}, {0, 1.5}} {
		if !spans[i].StartTime.Equal(at(want.began)) || !spans[i].EndTime.Equal(at(want.ended)) {
			t.Errorf("span %d is from %v to %v", i, spans[i].StartTime, spans[i].EndTime)
		}
		if i < 3 && spans[i].Parent.SpanID() != search.SpanContext.SpanID() {
			t.Errorf("candidate %d isn't below the search", i)
		}
	}
	if l := spans[2].Links; len(l) != 1 || l[0].SpanContext.SpanID() != spans[0].SpanContext.SpanID() || len(spans[1].Links) != 0 {
		t.Errorf("candidate 3 has links %v, want one to candidate 1", l)
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "sidecar", "gen_ai.request.model": "m@guided", "gen_ai.response.id": "chatcmpl-1",
		"gen_ai.usage.input_tokens": "40", "gen_ai.usage.output_tokens": "11", "gen_ai.request.temperature": "0.8", "gen_ai.request.seed": "7",
		"gen_ai.response.finish_reasons": `["stop"]`, "sidecar.strategy": "guided", "sidecar.option.n": "2", "sidecar.option.aggregate": "min",
		"sidecar.option.entropic": "true", "sidecar.seconds.llm": "1", "sidecar.own_share": "0.2", "sidecar.checkpoint": "ab12",
	} {
		if got := find(search, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := find(spans[1], "sidecar.candidate.dropped"); got != "failed" {
		t.Errorf("dropped is %q", got)
	}
	if got := find(spans[0], "sidecar.candidate.score"); got != "0.9" {
		t.Errorf("score is %q", got)
	}
	for _, s := range spans {
		for _, a := range s.Attributes {
			if strings.Contains(a.Value.String(), "SECRET") {
				t.Errorf("a text leaves in %s", a.Key)
			}
		}
	}
}

func find(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if a.Key == attribute.Key(key) {
			return a.Value.String()
		}
	}
	return ""
}

// TestExportOfFailure: an error is marked as one, without what it quotes; a client that says its trace isn't sampled is
// heeded.
func TestExportOfFailure(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	e, err := newExporter(t.Context(), sdk.WithSyncer(memory))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Shutdown(context.WithoutCancel(t.Context())) }()
	e.Export(trace.Trace{TraceParent: parent[:53] + "00"})
	if n := len(memory.GetSpans()); n != 0 {
		t.Errorf("%d spans of a trace that isn't sampled", n)
	}
	e.Export(trace.Trace{Error: "every candidate failed: SECRET"})
	spans := memory.GetSpans()
	if len(spans) != 2 || spans[1].Status.Code != codes.Error || spans[1].Status.Description != "every candidate failed" {
		t.Errorf("%+v", spans)
	}
}

// TestOTLP: Shutdown sends what is left, to the collector's path for traces.
func TestOTLP(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "sidecar.candidate.id") || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%d bytes of %s: %v", len(body), r.Header.Get("Content-Type"), err)
		}
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
	}))
	defer collector.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, env := range []bool{false, true} {
		endpoint := collector.URL
		if env {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
			endpoint = ""
		}
		e, err := OTLP(t.Context(), endpoint)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			e.Export(searched())
		}
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(paths, " "); got != "/v1/traces /v1/traces" {
		t.Errorf("requests at %q, want one a batch", got)
	}
	for _, bad := range []string{"127.0.0.1:4318", "ftp://host", "http://"} {
		if _, err := OTLP(t.Context(), bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
