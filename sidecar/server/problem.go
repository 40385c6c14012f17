package server

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// statusClientGone is what metrics say of a request whose client left; nobody receives it. (nginx's number.)
const statusClientGone = 499

// noCheckpoint is the problem of what needs a PRM where none is loaded, and says what to do.
func noCheckpoint(param, why string) *dialect.Problem {
	p := dialect.BadRequest(param, "%s, and no checkpoint is loaded: make one with `sidecar train`, then serve with --checkpoint", why)
	p.Code = "no_checkpoint"
	return p
}

// problemOf says what of an error a client is told. Anything not known to be safe to show becomes a plain 500.
func problemOf(err error) *dialect.Problem {
	var p *dialect.Problem
	if errors.As(err, &p) {
		return p
	}
	var up *adapters.UpstreamError
	if errors.As(err, &up) {
		return upstreamProblem(up)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &dialect.Problem{Status: statusClientGone, Kind: dialect.Failed, Code: "cancelled", Message: "the request was cancelled", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &dialect.Problem{Status: http.StatusGatewayTimeout, Kind: dialect.Failed, Code: "deadline", Message: "no answer within the time allowed for a search", Cause: err}
	case errors.Is(err, decode.ErrNeedsPRM):
		return noCheckpoint("prm.strategy", "this prm.strategy needs a PRM")
	case errors.Is(err, decode.ErrNoPrograms):
		p := dialect.BadRequest("prm.kinds", "prm.kinds: %v, and prm.strategy and the model's name without programs or mixed", decode.ErrNoPrograms)
		p.Code = "no_programs"
		return p
	case errors.Is(err, decode.ErrThinks):
		p := dialect.BadRequest("prm.strategy", "prm.strategy: %v, such as weighted_vote", decode.ErrThinks)
		p.Code = "thinks"
		return p
	case errors.Is(err, decode.ErrNoCandidate):
		return &dialect.Problem{Status: http.StatusBadGateway, Kind: dialect.Upstream, Code: "no_candidate", Message: "every candidate failed or was empty", Cause: err}
	case errors.Is(err, adapters.ErrUnsupported):
		return &dialect.Problem{Status: http.StatusNotImplemented, Kind: dialect.Upstream, Code: "unsupported", Message: err.Error(), Cause: err}
	}
	return &dialect.Problem{Status: http.StatusInternalServerError, Kind: dialect.Failed, Message: "the sidecar failed on this request; its log says why", Cause: err}
}

// upstreamProblem passes an error of the upstream on with its meaning: its status and, where the upstream says them,
// its type, code and field, which clients act on (context_length_exceeded). What the client can't mend is the sidecar's
// own gateway error.
func upstreamProblem(up *adapters.UpstreamError) *dialect.Problem {
	p := &dialect.Problem{Status: http.StatusBadGateway, Kind: dialect.Upstream, Code: "upstream_error", Message: up.Error(), RetryAfter: up.RetryAfter, Cause: up}
	switch {
	case up.Status == http.StatusGatewayTimeout, up.Status == 0 && timedOut(up.Err):
		p.Status, p.Code = http.StatusGatewayTimeout, "upstream_timeout"
	case up.Op == adapters.OpPRM && up.Status != http.StatusBadRequest && up.Status != http.StatusTooManyRequests:
		// The PRM's key, address and name are the sidecar's: a client can't mend them, and must not take its own key
		// for wrong.
		return p
	case up.Status == 0 && errors.Is(up.Err, context.Canceled):
		p.Status, p.Kind, p.Code = statusClientGone, dialect.Failed, "cancelled"
	case up.Status == http.StatusTooManyRequests:
		p.Status, p.Kind, p.Code = up.Status, dialect.Rate, "rate_limited"
	case up.Status == http.StatusUnauthorized, up.Status == http.StatusForbidden:
		p.Status, p.Kind, p.Code = up.Status, dialect.Auth, "upstream_refused"
	case up.Status == http.StatusNotFound:
		p.Status, p.Kind, p.Code = up.Status, dialect.NotFound, "not_found"
	case up.Status == http.StatusNotImplemented:
		p.Status, p.Code = up.Status, "unsupported"
	case up.Status >= 400 && up.Status < 500:
		p.Status, p.Kind, p.Code = up.Status, dialect.Invalid, ""
		p.Message = cmp.Or(up.Message, p.Message) // as the client would have it from the endpoint, some read it
	case up.Status == http.StatusServiceUnavailable:
		p.Status, p.Code, p.RetryAfter = up.Status, "upstream_unavailable", cmp.Or(up.RetryAfter, 5*time.Second)
	case up.Status >= 500:
		p.Status = up.Status
	}
	p.Kind, p.Param = cmp.Or(up.Type, p.Kind), up.Param
	p.Code = cmp.Or(up.Code, p.Code)
	return p
}

// unreachable is the problem of a request to the upstream that got no answer.
func unreachable(err error) *dialect.Problem {
	return upstreamProblem(&adapters.UpstreamError{Op: "upstream", Message: "no answer: " + adapters.PlainCause(err), Err: err})
}

func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}

// write sends the problem as the whole answer.
func write(w http.ResponseWriter, p *dialect.Problem, d dialect.Dialect) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(dialect.Compact(p.Shape(d))) // the client may be gone: nobody to tell
}
