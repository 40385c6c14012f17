package server

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/sidecar/access"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
	"aprm/sidecar/trace"
)

// TraceExporter is told of every search whose answer has been written, and of every request that was passed on. It must
// not block for long: the end of a stream waits for it.
type TraceExporter interface {
	Export(t trace.Trace)
	Passed(p trace.Passed)
}

// watchers tell several of what a search does, in turn; nil ones are passed over.
func watchers(all ...func(decode.Event)) func(decode.Event) {
	return func(e decode.Event) {
		for _, watch := range all {
			if watch != nil {
				watch(e)
			}
		}
	}
}

// trace remembers a search that has ended, for those who ask later, and returns it whole. total is until now: see
// written.
func (s *Server) trace(g *gin.Context, c *call, h dialect.Head, o outcome, rec *trace.Recorder, read, total time.Duration) trace.Trace {
	checkpoint, _ := s.reasoner.Checkpoint()
	t := rec.Trace(trace.Request{
		ID: h.ID, Route: g.FullPath(), TraceParent: trace.TraceParent(g.GetHeader("traceparent")), Model: c.name, Applied: c.applied(),
		Checkpoint: checkpoint, Question: adapters.LastQuestion(c.ask.Messages), Options: c.opts,
		Owner: ownerOf(g), Began: h.Created, Read: read, Total: total, Queued: o.queued, Err: o.err,
	}, o.result)
	s.traces.Add(s.kept(t)) // before the answer is written: whoever has it finds its trace
	return t
}

// written completes the trace of a search, whose answer took so long to be written, and exports it.
func (s *Server) written(t trace.Trace, took time.Duration) {
	s.traces.Written(t.ID, took)
	if s.cfg.TraceExporter != nil {
		s.cfg.TraceExporter.Export(s.kept(t).Written(took))
	}
}

// kept is what others than the client get to see of a trace.
func (s *Server) kept(t trace.Trace) trace.Trace {
	if s.cfg.NoTraceTexts {
		return t.WithoutTexts()
	}
	return t
}

// listTraces serves GET /v1/prm/traces: summaries of the last searches, the newest first; ?limit=N of N of them.
func (s *Server) listTraces(g *gin.Context) {
	limit := math.MaxInt
	if text, given := g.GetQuery("limit"); given {
		n, err := strconv.Atoi(text) // of one too large for an int, the largest
		if n < 1 || err != nil && !errors.Is(err, strconv.ErrRange) {
			s.fail(g, dialect.OpenAI, dialect.BadRequest("limit", "limit must be a whole number above 0, not %q", text))
			return
		}
		limit = n
	}
	g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(struct {
		Object string          `json:"object"`
		Data   []trace.Summary `json:"data"`
	}{"list", s.traces.List(limit, mine(g))}))
}

// showTrace serves GET /v1/prm/traces/{id}.
func (s *Server) showTrace(g *gin.Context) {
	id := g.Param("id")
	t, ok := s.traces.Get(id)
	if !ok || !mine(g)(t.Owner) {
		s.fail(g, dialect.OpenAI, &dialect.Problem{Status: http.StatusNotFound, Kind: dialect.NotFound, Param: "id", Code: "trace_not_found",
			Message: fmt.Sprintf("there is no trace %q: only searches leave one, and the last %d are kept", id, s.cfg.Traces)})
		return
	}
	g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(t))
}

// ownerOf is whose search a request asks for, "" where there are no keys.
func ownerOf(g *gin.Context) string {
	if key := keyOf(g); key != nil {
		return key.Name
	}
	return ""
}

// mine reports whose traces a request may see: its own, and everybody's with the scope for it. Without keys whoever
// asks is on this machine, or let in by --insecure.
func mine(g *gin.Context) func(owner string) bool {
	key := keyOf(g)
	return func(owner string) bool { return key == nil || owner == key.Name || key.May(access.Admin) }
}
