package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
)

// Kinds of problem, as the OpenAI dialect calls them.
const (
	kindInvalid  = "invalid_request_error"
	kindAuth     = "authentication_error"
	kindNotFound = "not_found_error"
	kindRate     = "rate_limit_error"
	kindUpstream = "upstream_error"
	kindServer   = "server_error"
)

// statusClientGone is what metrics say of a request whose client left; nobody receives it. (nginx's number.)
const statusClientGone = 499

// problem is an error as a client is to see it. The message is safe to show.
type problem struct {
	status     int
	kind       string
	param      string // the field at fault, "" when it is none
	code       string
	message    string
	retryAfter time.Duration
	cause      error // for the log only
}

func (p *problem) Error() string { return p.message }

func (p *problem) Unwrap() error { return p.cause }

// badRequest is a 400. param names the field at fault, "" when it is the request as a whole.
func badRequest(param, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, kind: kindInvalid, param: param, message: fmt.Sprintf(format, args...)}
}

// noCheckpoint is the problem of what needs a PRM where none is loaded, and says what to do.
func noCheckpoint(param, why string) *problem {
	p := badRequest(param, "%s, and no checkpoint is loaded: make one with `sidecar train`, then serve with --checkpoint", why)
	p.code = "no_checkpoint"
	return p
}

// problemOf says what of an error a client is told. Anything not known to be safe to show becomes a plain 500.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var up *adapters.UpstreamError
	if errors.As(err, &up) {
		return upstreamProblem(up)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &problem{status: statusClientGone, kind: kindServer, code: "cancelled", message: "the request was cancelled", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{status: http.StatusGatewayTimeout, kind: kindServer, code: "deadline", message: "no answer within the time allowed for a search", cause: err}
	case errors.Is(err, decode.ErrNeedsPRM):
		return noCheckpoint("prm.strategy", "this prm.strategy needs a PRM")
	case errors.Is(err, decode.ErrNoCandidate):
		return &problem{status: http.StatusBadGateway, kind: kindUpstream, code: "no_candidate", message: "every candidate failed or was empty", cause: err}
	case errors.Is(err, adapters.ErrUnsupported):
		return &problem{status: http.StatusNotImplemented, kind: kindUpstream, code: "unsupported", message: err.Error(), cause: err}
	}
	return &problem{status: http.StatusInternalServerError, kind: kindServer, message: "the sidecar failed on this request; its log says why", cause: err}
}

func upstreamProblem(up *adapters.UpstreamError) *problem {
	p := &problem{status: http.StatusBadGateway, kind: kindUpstream, code: "upstream_error", message: up.Error(), cause: up}
	switch {
	case up.Status == http.StatusTooManyRequests:
		p.status, p.kind, p.code, p.retryAfter = up.Status, kindRate, "rate_limited", up.RetryAfter
	case up.Status == http.StatusGatewayTimeout, up.Status == 0 && timedOut(up.Err):
		p.status, p.code = http.StatusGatewayTimeout, "upstream_timeout"
	case up.Op == adapters.OpPRM && (up.Status == http.StatusUnauthorized || up.Status == http.StatusForbidden || up.Status == http.StatusNotFound):
		// The PRM's key, address and name are the sidecar's: a client can't mend them, and must not take its own key for wrong.
	case up.Status == http.StatusUnauthorized, up.Status == http.StatusForbidden:
		p.status, p.kind, p.code = up.Status, kindAuth, "upstream_refused"
	case up.Status == http.StatusNotFound:
		p.status, p.kind, p.code = up.Status, kindNotFound, "not_found"
	case up.Status == http.StatusNotImplemented:
		p.status, p.code = up.Status, "unsupported"
	case up.Status >= 400 && up.Status < 500:
		p.status, p.kind = http.StatusBadRequest, kindInvalid
	case up.Status == 0 && errors.Is(up.Err, context.Canceled):
		p.status, p.kind, p.code = statusClientGone, kindServer, "cancelled"
	}
	return p
}

// unreachable is the problem of a request to the upstream that got no answer.
func unreachable(err error) *problem {
	return upstreamProblem(&adapters.UpstreamError{Op: "upstream", Message: "no answer: " + adapters.PlainCause(err), Err: err})
}

func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}

// shape returns the problem in a dialect's own form.
func (p *problem) shape(d Dialect) any {
	if d == Ollama {
		return map[string]string{"error": p.message}
	}
	type openAIError struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return map[string]openAIError{"error": {Message: p.message, Type: p.kind, Param: orNull(p.param), Code: orNull(p.code)}}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write sends the problem as the whole answer.
func (p *problem) write(w http.ResponseWriter, d Dialect) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.status)
	w.Write(compact(p.shape(d))) // the client may be gone: nobody to tell
}

// compact marshals without HTML escapes: text of a model is not HTML, and clients compare bytes.
func compact(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("server: marshal %T: %v", v, err)) // our own types always marshal
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
