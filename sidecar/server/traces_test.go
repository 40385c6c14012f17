package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
	"aprm/sidecar/trace"
)

// exported collects what is exported.
type exported []trace.Trace

func (e *exported) Export(t trace.Trace) { *e = append(*e, t) }
func (e *exported) Passed(trace.Passed)  {}

func get(s *Server, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for key, values := range header {
		r.Header[key] = values
	}
	return send(s, r)
}

func traceIn(t *testing.T, body []byte) trace.Trace {
	t.Helper()
	var found trace.Trace
	if err := json.Unmarshal(body, &found); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return found
}

// TestTraces: a search leaves a trace under its answer's id, in the list, in the export and, on request, in the answer.
func TestTraces(t *testing.T) {
	var out exported
	s := build(t, Config{Defaults: defaults(guided), Traces: 8, TraceExporter: &out}, answers(solved()))
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(`{"model":"m","prm":{"trace":true},"messages":[{"role":"user","content":"`+question+`"}]}`))
	r.Header.Set("traceparent", parent)
	var answer struct {
		ID  string
		PRM struct {
			TraceID string `json:"trace_id"`
			Trace   trace.Trace
		}
	}
	if rec := send(s, r); rec.Code != 200 || json.Unmarshal(rec.Body.Bytes(), &answer) != nil {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	rec := get(s, "/v1/prm/traces/"+answer.ID, nil)
	if rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	found := traceIn(t, rec.Body.Bytes())
	want := solved()
	if found.ID != answer.ID || found.Route != "/v1/chat/completions" || found.TraceParent != parent || found.Question != question ||
		found.Strategy != guided || found.Checkpoint != "ab12cd34" || len(found.Candidates) != len(want.Candidates) || found.Text != want.Text ||
		found.Seconds.Total != 6 || found.Seconds.Read != 2 || found.Seconds.Write != 2 || found.Options["n"] != 4. {
		t.Errorf("%+v", found)
	}
	if whole := answer.PRM.Trace.Written(2 * time.Second); string(dialect.Compact(found)) != string(dialect.Compact(whole)) || len(out) != 1 || string(dialect.Compact(found)) != string(dialect.Compact(out[0])) {
		t.Error("the trace kept, the one in the answer and the one exported differ")
	}
	if answer.PRM.TraceID != "" {
		t.Error("an answer with an id needs no trace_id")
	}
	if rec := post(s, "/v1/chat/completions", askWhole); strings.Contains(rec.Body.String(), `"trace"`) {
		t.Error("a trace nobody asked for")
	}
	var list struct {
		Object string
		Data   []trace.Summary
	}
	for path, n := range map[string]int{"/v1/prm/traces": 2, "/v1/prm/traces?limit=1": 1, "/v1/prm/traces?limit=99": 2} {
		rec := get(s, path, nil)
		if json.Unmarshal(rec.Body.Bytes(), &list) != nil || rec.Code != 200 || list.Object != "list" || len(list.Data) != n {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// TestTraceOfOllama: the answer says by which id.
func TestTraceOfOllama(t *testing.T) {
	s := build(t, Config{Defaults: defaults(guided), Traces: 8}, answers(solved()))
	var answer struct {
		PRM struct {
			TraceID string `json:"trace_id"`
		}
	}
	if rec := post(s, "/api/chat", askWhole); json.Unmarshal(rec.Body.Bytes(), &answer) != nil || answer.PRM.TraceID == "" {
		t.Fatalf("%s", rec.Body)
	}
	if rec := get(s, "/v1/prm/traces/"+answer.PRM.TraceID, nil); rec.Code != 200 || traceIn(t, rec.Body.Bytes()).Route != "/api/chat" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestTracesRefused: faults in the dialect's own form.
func TestTracesRefused(t *testing.T) {
	s := build(t, Config{Defaults: defaults(guided), APIKey: "key", Traces: 8}, answers(solved()))
	key := http.Header{"Authorization": {"Bearer key"}}
	for _, tt := range []struct {
		path   string
		header http.Header
		status int
		want   string
	}{
		{"/v1/prm/traces", nil, 401, `"code":"invalid_api_key"`},
		{"/v1/prm/traces/x", nil, 401, `"code":"invalid_api_key"`},
		{"/v1/prm/traces/x", key, 404, `{"error":{"message":"there is no trace \"x\": only searches leave one, and the last 8 are kept","type":"not_found_error","param":"id","code":"trace_not_found"}}`},
		{"/v1/prm/traces?limit=0", key, 400, `"param":"limit"`},
		{"/v1/prm/traces?limit=many", key, 400, `"param":"limit"`},
		{"/v1/prm/traces?limit=-99999999999999999999", key, 400, `"param":"limit"`},
		{"/v1/prm/traces?limit=99999999999999999999", key, 200, `{"object":"list","data":[]}`},
		{"/v1/prm/traces", key, 200, `{"object":"list","data":[]}`},
	} {
		if rec := get(s, tt.path, tt.header); rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.path, rec.Code, rec.Body)
		}
	}
	for body, param := range map[string]string{`{"prm":{"trace":1}}`: "prm.trace", `{"prm":{"tracing":true}}`: "prm.tracing"} {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
		r.Header = key
		if rec := send(s, r); rec.Code != 400 || !strings.Contains(rec.Body.String(), `"param":"`+param+`"`) {
			t.Errorf("%s: %d %s", body, rec.Code, rec.Body)
		}
	}
}

// TestTracesWithoutTexts: neither kept nor exported; the client's own answer has its texts as ever.
func TestTracesWithoutTexts(t *testing.T) {
	var out exported
	s := build(t, Config{Defaults: defaults(guided), Traces: 8, NoTraceTexts: true, TraceExporter: &out}, answers(solved()))
	rec := post(s, "/v1/chat/completions", `{"model":"m","prm":{"trace":true},"messages":[{"role":"user","content":"`+question+`"}]}`)
	if strings.Count(rec.Body.String(), question) != 1 {
		t.Errorf("the client's own trace has no question: %s", rec.Body)
	}
	for _, text := range []string{get(s, "/v1/prm/traces/chatcmpl-TESTID", nil).Body.String(), get(s, "/v1/prm/traces", nil).Body.String(), string(dialect.Compact(out))} {
		if strings.Contains(text, "pens") || strings.Contains(text, `"12"`) || !strings.Contains(text, "chatcmpl-TESTID") {
			t.Errorf("%s", text)
		}
	}
}

// sluggish is a client that takes its time for each piece of its request and of the answer.
type sluggish struct {
	*httptest.ResponseRecorder
	body        io.Reader
	sent, taken int // pieces
}

func (c *sluggish) Read(p []byte) (int, error) {
	if c.sent++; c.sent == 1 {
		time.Sleep(time.Second)
	}
	return c.body.Read(p)
}

func (c *sluggish) Write(p []byte) (int, error) {
	c.taken++
	time.Sleep(2 * time.Second)
	return c.ResponseRecorder.Write(p)
}

// TestTraceHoldsReadingAndWriting: the sidecar's own share is all that isn't the LLM's, from the first byte to the
// last.
func TestTraceHoldsReadingAndWriting(t *testing.T) {
	for _, body := range []string{askWhole, askStream} {
		synctest.Test(t, func(t *testing.T) {
			result := solved()
			result.LLMTime = 5 * time.Second
			r := &reasoner{checkpoint: "x", solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
				time.Sleep(5 * time.Second)
				return result, nil
			}}
			var out exported
			s := build(t, Config{Defaults: defaults(guided), Traces: 8, TraceExporter: &out}, r)
			s.now = time.Now
			client := &sluggish{ResponseRecorder: httptest.NewRecorder(), body: strings.NewReader(strings.Replace(body, "{", `{"prm":{"trace":true},`, 1))}
			s.Handler().ServeHTTP(client, httptest.NewRequest("POST", "/v1/chat/completions", client))
			if client.Code != 200 || !client.Flushed || client.taken == 0 {
				t.Fatalf("status %d, flushed %v, %d writes", client.Code, client.Flushed, client.taken)
			}
			writing := 2 * float64(client.taken)
			if body == askStream {
				writing -= 2 // the stream's beginning went out while the search ran
			}
			want := trace.Times{Total: 6 + writing, LLM: 5, Own: 1 + writing, Read: 1, Write: writing}
			found := traceIn(t, get(s, "/v1/prm/traces/chatcmpl-TESTID", nil).Body.Bytes())
			if found.Seconds != want || len(out) != 1 || out[0].Seconds != want {
				t.Errorf("kept %+v, exported %+v, want %+v", found.Seconds, out, want)
			}
			if ready := `"seconds":{"total":6,"queued":0,"llm":5,"prm":0,"own":1,"read":1,"write":0}`; !strings.Contains(client.Body.String(), ready) {
				t.Errorf("the answer's own trace should end when it was ready: %s", client.Body)
			}
		})
	}
}

// TestTraceOfAnotherStrategy: where the PRM failed, the answer says what answered, and what was to.
func TestTraceOfAnotherStrategy(t *testing.T) {
	result := solved()
	result.Stopped, result.Instead = decode.StoppedPRM, majority
	s := build(t, Config{Defaults: defaults(guided), Traces: 8}, answers(result))
	var answer struct {
		PRM struct{ Strategy, Asked, Applied, Stopped string }
	}
	if rec := post(s, "/v1/chat/completions", askWhole); json.Unmarshal(rec.Body.Bytes(), &answer) != nil || answer.PRM.Strategy != majority ||
		answer.PRM.Asked != guided || answer.PRM.Stopped != "prm" || !strings.HasPrefix(answer.PRM.Applied, guided) {
		t.Errorf("%s", rec.Body)
	}
	found := traceIn(t, get(s, "/v1/prm/traces/chatcmpl-TESTID", nil).Body.Bytes())
	if found.Strategy != majority || found.Asked != guided {
		t.Errorf("the trace: answered by %q, asked for %q", found.Strategy, found.Asked)
	}
}

// TestTraceOfFailure: a search that fails, or is late, leaves what it told, and how long it waited for its turn.
func TestTraceOfFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reasoner{checkpoint: "x", solve: func(_ context.Context, _ string, _ []adapters.Message, opts decode.Options) (decode.Result, error) {
			opts.Watch(decode.Event{Candidate: &decode.Candidate{ID: 1, Text: "half"}})
			opts.Watch(decode.Event{Settled: "half"})
			time.Sleep(3 * time.Second)
			return decode.Result{}, errors.New("boom")
		}}
		s := build(t, Config{Defaults: defaults(guided), Traces: 8, MaxSearches: 1}, r)
		ids := make(chan string, 2)
		ids <- "one"
		ids <- "two"
		s.newID = func() string { return <-ids }
		done := make(chan int)
		for range 2 {
			go func() { done <- post(s, "/v1/chat/completions", askWhole).Code }()
		}
		for range 2 {
			if code := <-done; code != 500 {
				t.Errorf("status %d", code)
			}
		}
		queued := 0.
		for _, id := range []string{"one", "two"} {
			found := traceIn(t, get(s, "/v1/prm/traces/chatcmpl-"+id, nil).Body.Bytes())
			if found.Error != "boom" || len(found.Candidates) != 1 || found.Candidates[0].Text != "half" {
				t.Errorf("%+v", found)
			}
			queued += found.Seconds.Queued
		}
		if queued != 3 {
			t.Errorf("they waited for %g s, want 3", queued)
		}
	})
}
