package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// object is a JSON object that remembers its bytes, so that a member can be changed and the rest left as it came: order,
// spacing, duplicate keys, number spelling.
type object struct {
	raw     []byte
	open    int // just behind the opening brace
	members []member
}

// member is one key with its value, raw[start:end]. What separates it from the member before begins at from.
type member struct {
	key              string
	from, start, end int
}

// parseObject checks that body is one JSON object and notes where its members are. It looks no deeper.
func parseObject(body []byte) (object, error) {
	o := object{raw: body}
	if len(bytes.TrimSpace(body)) == 0 {
		return o, badRequest("", "the body is empty: send a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	t, err := dec.Token()
	if err != nil {
		return o, notJSON(dec, err)
	}
	if t != json.Delim('{') {
		return o, badRequest("", "the body is not a JSON object")
	}
	o.open = int(dec.InputOffset())
	from := o.open
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return o, notJSON(dec, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return o, notJSON(dec, err)
		}
		end := int(dec.InputOffset())
		o.members = append(o.members, member{key: key.(string), from: from, start: end - len(value), end: end})
		from = end
	}
	if _, err := dec.Token(); err != nil {
		return o, notJSON(dec, err)
	}
	if rest := bytes.TrimSpace(body[dec.InputOffset():]); len(rest) > 0 {
		return o, badRequest("", "the body goes on after its JSON object, at byte %d", dec.InputOffset())
	}
	return o, nil
}

func notJSON(dec *json.Decoder, err error) error {
	at := dec.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badRequest("", "the body is not valid JSON: it ends too early")
	}
	return badRequest("", "the body is not valid JSON: %v (byte %d)", err, at)
}

// get returns the value of a key: of the last one where the key is repeated, as JSON readers do. null is as good as absent.
func (o object) get(key string) (value json.RawMessage, ok bool) {
	for i := len(o.members) - 1; i >= 0; i-- {
		if m := o.members[i]; m.key == key {
			value = o.raw[m.start:m.end]
			return value, string(value) != "null"
		}
	}
	return nil, false
}

// read decodes the value of a key into v, which stays as it is where the key is absent. want says what is wanted.
func (o object) read(key string, v any, want string) error {
	value, ok := o.get(key)
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return badRequest(key, "%s must be %s", key, want)
	}
	return nil
}

// edit returns the bytes with some values replaced and some members dropped. replace returns the new value of a member, or
// nil to leave it. Nothing to change gives the very bytes that came in.
func (o object) edit(replace func(key string, value json.RawMessage) json.RawMessage, drop string) []byte {
	changed := false
	out := make([]byte, 0, len(o.raw))
	out = append(out, o.raw[:o.open]...)
	first, tail := true, o.open
	for i, m := range o.members {
		tail = m.end
		if m.key == drop {
			changed = true
			continue
		}
		between := o.raw[m.from:m.start]
		if first && i > 0 { // what preceded it is gone: so must be the comma
			between = between[bytes.IndexByte(between, ',')+1:]
		}
		first = false
		out = append(out, between...)
		if value := replace(m.key, o.raw[m.start:m.end]); value != nil {
			changed = true
			out = append(out, value...)
			continue
		}
		out = append(out, o.raw[m.start:m.end]...)
	}
	if !changed {
		return o.raw
	}
	return append(out, o.raw[tail:]...)
}

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
		return nil, badRequest("", "the body could not be read: %v", err)
	}
	return buf.Bytes(), nil
}

func tooLarge(limit int64) error {
	return &problem{status: http.StatusRequestEntityTooLarge, kind: kindInvalid, code: "request_too_large",
		message: fmt.Sprintf("the body is larger than the %d bytes that the sidecar looks into", limit)}
}
