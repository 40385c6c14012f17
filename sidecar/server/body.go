package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/sidecar/server/dialect"
)

// slowest is what a client must send its body at, in bytes a second, beyond Config.BodyTimeout.
const slowest = 1 << 10

// piece is what bodies grow by at least, in bytes: what a client announces costs nothing.
const piece = 32 << 10

// intake is a request's body as it comes in: its sender may not stall, and what is kept of it is counted until the
// request is answered.
type intake struct {
	io.ReadCloser
	server   *Server
	control  *http.ResponseController
	waited   time.Duration // for the sender
	received int64
	kept     int64 // bytes of Config.MaxBodies

	mu    sync.Mutex // a proxy may go on reading when the request is over
	begun bool       // it is read, or was closed unread
	ended bool       // all of it has come
	over  bool       // the request is: the connection's deadline is net/http's again
}

// take puts an intake in place of a request's body. It also bounds how long a client may let what is written to it lie.
func (s *Server) take(g *gin.Context) {
	control := http.NewResponseController(g.Writer)
	_ = control.SetWriteDeadline(time.Time{}) // of the request before, on this connection
	out := &outlet{ResponseWriter: g.Writer, control: control, patience: s.cfg.WriteTimeout, pauses: g.Request.ProtoMajor == 2}
	g.Writer = out
	defer func() { out.arm(time.Now()) }() // net/http has the end of the answer still to write
	if g.Request.Body != nil && g.Request.Body != http.NoBody {
		in := &intake{ReadCloser: g.Request.Body, server: s, control: control}
		g.Request.Body, out.in = in, in
		defer func() {
			s.bodies.Release(in.kept)
			in.mu.Lock()
			defer in.mu.Unlock()
			in.over = true
			if !in.ended { // net/http reads some of what is left, for which nobody is to wait
				_ = control.SetReadDeadline(time.Now().Add(time.Second)) // in a test there is no connection
			}
		}()
	}
	g.Next()
}

// Read gives the sender as long as Config.BodyTimeout, all in all, and a second for each KiB that has come.
func (in *intake) Read(into []byte) (int, error) {
	patience := in.server.cfg.BodyTimeout
	left := patience + time.Duration(in.received)*time.Second/slowest - in.waited
	began := time.Now()
	in.until(began.Add(min(max(left, 0), patience)), false)
	n, err := in.ReadCloser.Read(into)
	in.waited += time.Since(began)
	in.received += int64(n)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, &dialect.Problem{Status: http.StatusRequestTimeout, Kind: dialect.Invalid, Code: "body_timeout",
			Message: fmt.Sprintf("the body came too slowly: %d bytes in %v", in.received, in.waited.Round(time.Second)), Cause: err}
	case err == io.EOF:
		in.until(time.Time{}, true)
	}
	return n, err
}

// until sets when a read gives up, the zero time for never, and whether all has come, unless the request is over.
func (in *intake) until(t time.Time, ended bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.begun = true
	if !in.over {
		in.ended = ended
		_ = in.control.SetReadDeadline(t) // in a test there is no connection
	}
}

// Close ends the reading.
func (in *intake) Close() error {
	in.mu.Lock()
	in.begun = true
	in.mu.Unlock()
	return in.ReadCloser.Close()
}

// unfinished reports whether some of it was read, or it was closed, before all had come.
func (in *intake) unfinished() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.begun && !in.ended
}

// keep counts what is kept of the body, and is the error of there being too much of all bodies.
func (in *intake) keep(n int64) error {
	if !in.server.bodies.TryAcquire(n) {
		return &dialect.Problem{Status: http.StatusServiceUnavailable, Kind: dialect.Rate, Code: "too_many_bodies", RetryAfter: time.Second,
			Message: fmt.Sprintf("the bodies of all requests under way have more than %d bytes: try again soon", in.server.cfg.MaxBodies)}
	}
	in.kept += n
	return nil
}

// outlet writes an answer to a client that must take it in.
type outlet struct {
	gin.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	in       *intake   // the request's body; nil for none
	first    time.Time // when the first byte was written
	armed    time.Time // when the deadline was set last
	pauses   bool      // between writes there is none: HTTP/2 ends a stream at its deadline whether something is being written or not
}

// WriteHeader has the connection closed behind an answer that begins before its request was read to the end: what is
// left of that must not be read as another request, to which net/http sees only with bodies of its own.
func (o *outlet) WriteHeader(status int) {
	if o.in != nil && o.in.unfinished() {
		o.Header().Set("Connection", "close")
	}
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (o *outlet) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *outlet) Write(data []byte) (int, error) {
	now := time.Now()
	if o.first.IsZero() {
		o.first = now
	}
	o.arm(now)
	defer o.pause()
	return o.ResponseWriter.Write(data)
}

// FlushError is how http.ResponseController flushes.
func (o *outlet) FlushError() error {
	o.arm(time.Now())
	defer o.pause()
	return http.NewResponseController(o.ResponseWriter).Flush()
}

func (o *outlet) pause() {
	if o.pauses {
		o.armed = time.Time{}
		_ = o.control.SetWriteDeadline(time.Time{})
	}
}

// arm gives the client its time from now on, or nearly: streams have many writes.
func (o *outlet) arm(now time.Time) {
	if now.Sub(o.armed) > o.patience/8 {
		o.armed = now
		_ = o.control.SetWriteDeadline(now.Add(o.patience)) // in a test there is no connection
	}
}

func (o *outlet) WriteString(text string) (int, error) { return o.Write([]byte(text)) }

// gather reads up to limit bytes of a body, and one more where there are more.
func gather(r *http.Request, limit int64) (body *bytes.Buffer, err error) {
	body = new(bytes.Buffer)
	if r.ContentLength > 0 { // most are read in one go then
		body.Grow(int(min(r.ContentLength, piece)) + bytes.MinRead)
	}
	in, counted := r.Body.(*intake)
	for {
		if counted {
			if err := in.keep(piece); err != nil {
				return body, err
			}
		}
		n, err := io.CopyN(body, r.Body, min(piece, limit+1-int64(body.Len())))
		switch {
		case errors.Is(err, io.EOF), err == nil && int64(body.Len()) > limit:
			return body, nil
		case err != nil:
			var known *dialect.Problem
			if errors.As(err, &known) {
				return body, known
			}
			return body, dialect.BadRequest("", "the body could not be read: %v", err)
		case n == 0:
			return body, nil
		}
	}
}

// readBody takes in the whole body of a request, up to limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := gather(r, limit)
	if err == nil && int64(body.Len()) > limit {
		err = tooLarge(limit)
	}
	return body.Bytes(), err
}

// peekBody is readBody for a request that may go to the upstream whatever its size: of one that is too large nothing is
// lost, it can be forwarded.
func (s *Server) peekBody(r *http.Request) (body []byte, large bool, err error) {
	if r.ContentLength > s.cfg.MaxBody {
		return nil, true, nil
	}
	begun, err := gather(r, s.cfg.MaxBody)
	if err == nil && int64(begun.Len()) > s.cfg.MaxBody {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(begun, r.Body), r.Body}
		return nil, true, nil
	}
	return begun.Bytes(), false, err
}

func tooLarge(limit int64) error {
	return &dialect.Problem{Status: http.StatusRequestEntityTooLarge, Kind: dialect.Invalid, Code: "request_too_large",
		Message: fmt.Sprintf("the body is larger than the %d bytes that the sidecar looks into", limit)}
}
