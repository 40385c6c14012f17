// Package span exports traces as OpenTelemetry spans: one of the request, one of its search, one of each candidate.
// They are built when the search has ended, with its own times, so that nothing is done while it runs. A request that
// is passed on as it is has one.
//
// Names follow the semantic conventions for HTTP and for generative AI (opentelemetry.io/docs/specs/semconv/gen-ai);
// what they don't name is sidecar.*. Spans carry no question, text or answer: those stay where `sidecar trace ID` finds
// them.
package span

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	otel "go.opentelemetry.io/otel/trace"

	"aprm/sidecar/trace"
)

// Exporter turns traces into spans. It is safe for concurrent use.
type Exporter struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
}

// OTLP returns an Exporter that sends spans to an OpenTelemetry collector by HTTP, in batches, from a goroutine that
// Shutdown ends. endpoint is the collector's base URL, such as http://127.0.0.1:4318; "" takes what the standard
// variables OTEL_EXPORTER_OTLP_* say. The SDK heeds its other standard variables too, such as OTEL_SERVICE_NAME.
func OTLP(ctx context.Context, endpoint string) (*Exporter, error) {
	var options []otlptracehttp.Option
	if endpoint != "" {
		base, err := url.Parse(endpoint)
		if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
			return nil, fmt.Errorf("%q is no URL of an OpenTelemetry collector (want http://HOST:PORT)", endpoint)
		}
		options = append(options, otlptracehttp.WithEndpointURL(base.JoinPath("v1", "traces").String()))
	}
	spans, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("span: %w", err)
	}
	return newExporter(ctx, sdk.WithBatcher(spans))
}

func newExporter(ctx context.Context, options ...sdk.TracerProviderOption) (*Exporter, error) {
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(semconv.ServiceName("sidecar")), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("span: %w", err)
	}
	provider := sdk.NewTracerProvider(append(options, sdk.WithResource(about))...)
	return &Exporter{provider: provider, tracer: provider.Tracer("aprm/sidecar")}, nil
}

// Shutdown sends what has not been sent yet and ends the Exporter.
func (e *Exporter) Shutdown(ctx context.Context) error { return e.provider.Shutdown(ctx) }

// Export makes the spans of a trace. The request's continues the trace of its traceparent header.
func (e *Exporter) Export(t trace.Trace) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": t.TraceParent})
	began := t.Began
	ended := began.Add(duration(t.Seconds.Total))
	searching := began.Add(duration(t.Seconds.Read + t.Seconds.Queued))

	ctx, request := e.tracer.Start(ctx, "POST "+t.Route, otel.WithSpanKind(otel.SpanKindServer), otel.WithTimestamp(began), otel.WithAttributes(
		semconv.HTTPRequestMethodPost, semconv.HTTPRoute(t.Route), attribute.String("sidecar.trace.id", t.ID)))
	ctx, search := e.tracer.Start(ctx, "chat "+t.Model, otel.WithTimestamp(searching), otel.WithAttributes(searchAttributes(t)...))
	if t.Error != "" {
		for _, s := range []otel.Span{request, search} {
			s.SetStatus(codes.Error, reason(t.Error))
		}
	}
	known := map[int]otel.SpanContext{} // of candidates
	for _, c := range t.Candidates {
		options := []otel.SpanStartOption{otel.WithTimestamp(searching.Add(duration(c.Began))), otel.WithAttributes(candidateAttributes(c)...)}
		if parent, ok := known[c.Parent]; ok && c.Parent != 0 {
			options = append(options, otel.WithLinks(otel.Link{SpanContext: parent, Attributes: []attribute.KeyValue{attribute.String("sidecar.link", "continues")}}))
		}
		_, candidate := e.tracer.Start(ctx, "candidate", options...)
		known[c.ID] = candidate.SpanContext()
		candidate.End(otel.WithTimestamp(searching.Add(duration(c.Ended))))
	}
	search.End(otel.WithTimestamp(ended.Add(-duration(t.Seconds.Write))))
	request.End(otel.WithTimestamp(ended))
}

// Passed makes the span of a request that was passed on. It continues the trace of its traceparent header.
func (e *Exporter) Passed(p trace.Passed) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": p.TraceParent})
	_, request := e.tracer.Start(ctx, p.Method+" "+p.Route, otel.WithSpanKind(otel.SpanKindServer), otel.WithTimestamp(p.Began), otel.WithAttributes(
		semconv.HTTPRequestMethodKey.String(p.Method), semconv.HTTPRoute(p.Route), semconv.HTTPResponseStatusCode(p.Status), attribute.String("sidecar.strategy", "raw")))
	if p.First > 0 {
		request.AddEvent("first byte", otel.WithTimestamp(p.Began.Add(p.First)))
	}
	if p.Status >= 500 {
		request.SetStatus(codes.Error, "")
	}
	request.End(otel.WithTimestamp(p.Began.Add(p.Total)))
}

func searchAttributes(t trace.Trace) []attribute.KeyValue {
	out := []attribute.KeyValue{
		semconv.GenAIOperationNameChat, attribute.String("gen_ai.provider.name", "sidecar"),
		semconv.GenAIRequestModel(t.Model), semconv.GenAIResponseID(t.ID),
		semconv.GenAIUsageInputTokens(t.Tokens.Prompt), semconv.GenAIUsageOutputTokens(t.Tokens.Completion),
		attribute.String("sidecar.strategy", t.Strategy), attribute.String("sidecar.applied", t.Applied), attribute.Int("sidecar.scoring_calls", t.ScoringCalls),
		attribute.Float64("sidecar.seconds.queued", t.Seconds.Queued), attribute.Float64("sidecar.seconds.llm", t.Seconds.LLM),
		attribute.Float64("sidecar.seconds.prm", t.Seconds.PRM), attribute.Float64("sidecar.seconds.own", t.Seconds.Own),
		attribute.Float64("sidecar.seconds.read", t.Seconds.Read), attribute.Float64("sidecar.seconds.write", t.Seconds.Write),
		attribute.Float64("sidecar.own_share", t.Seconds.OwnShare()),
	}
	for name, value := range map[string]string{"sidecar.checkpoint": t.Checkpoint, "sidecar.asked": t.Asked, "sidecar.stopped": t.Stopped} {
		if value != "" {
			out = append(out, attribute.String(name, value))
		}
	}
	if t.Finish != "" {
		finish := "stop"
		if t.Finish == "length" {
			finish = "length"
		}
		out = append(out, semconv.GenAIResponseFinishReasons(finish))
	}
	for name, value := range t.Options {
		key := "sidecar.option." + name
		switch name {
		case "temperature", "top_p", "max_tokens", "seed":
			key = "gen_ai.request." + name
		}
		switch v := value.(type) {
		case int:
			out = append(out, attribute.Int(key, v))
		case int64:
			out = append(out, attribute.Int64(key, v))
		case float64:
			out = append(out, attribute.Float64(key, v))
		case bool:
			out = append(out, attribute.Bool(key, v))
		default:
			out = append(out, attribute.String(key, fmt.Sprint(v)))
		}
	}
	return out
}

func candidateAttributes(c trace.Candidate) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.Int("sidecar.candidate.id", c.ID), attribute.Int("sidecar.candidate.parent", c.Parent), attribute.Int("sidecar.candidate.at", c.At),
		semconv.GenAIUsageOutputTokens(c.Tokens), attribute.Bool("sidecar.candidate.chosen", c.Chosen),
	}
	if c.Score != nil {
		out = append(out, attribute.Float64("sidecar.candidate.score", *c.Score))
	}
	for name, value := range map[string]string{"sidecar.candidate.kept": c.Kept, "sidecar.candidate.dropped": c.Dropped} {
		if value != "" {
			out = append(out, attribute.String(name, reason(value)))
		}
	}
	return out
}

// reason is one without what it quotes, which may be a client's text.
func reason(why string) string {
	why, _, _ = strings.Cut(why, ":")
	return why
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
