package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"aprm/sidecar/server/dialect"
)

// readBody takes in the whole body of a request, up to limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, dialect.BadRequest("", "the body could not be read: %v", err)
	}
	return buf.Bytes(), nil
}

// peekBody is readBody for a request that may go to the upstream whatever its size: of one that is too large nothing is lost, it can be forwarded.
func (s *Server) peekBody(r *http.Request) (body []byte, large bool, err error) {
	if r.ContentLength > s.cfg.MaxBody {
		return nil, true, nil
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, s.cfg.MaxBody+1))
	switch {
	case err != nil:
		return nil, false, dialect.BadRequest("", "the body could not be read: %v", err)
	case n > s.cfg.MaxBody:
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&buf, r.Body), r.Body}
		return nil, true, nil
	}
	return buf.Bytes(), false, nil
}

func tooLarge(limit int64) error {
	return &dialect.Problem{Status: http.StatusRequestEntityTooLarge, Kind: dialect.Invalid, Code: "request_too_large",
		Message: fmt.Sprintf("the body is larger than the %d bytes that the sidecar looks into", limit)}
}
