package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// LongestEvent bounds one event of a stream, in bytes.
const LongestEvent = 4 << 20

// Stream reads the server-sent events of a chat completion. It holds no goroutine and needs no closing.
type Stream struct {
	in   *bufio.Reader
	said []byte // what the stream began with
	done bool   // [DONE] has come
}

// saidBytes is how much of a stream's beginning is kept, to tell of one that is none.
const saidBytes = 2 << 10

// NewStream reads from r.
func NewStream(r io.Reader) *Stream { return &Stream{in: bufio.NewReaderSize(r, 16<<10)} }

// Done reports whether the stream came to its mark, [DONE].
func (s *Stream) Done() bool { return s.done }

// Said is what the stream began with, up to 2 KiB.
func (s *Stream) Said() []byte { return s.said }

// Malformed is the error of an event that can't be read.
type Malformed struct{ Err error }

func (m *Malformed) Error() string { return "an event of the stream can't be read: " + m.Err.Error() }

func (m *Malformed) Unwrap() error { return m.Err }

// Next returns the next reply; io.EOF behind [DONE] or, without it, where the bytes end. Comments, also those that
// stand in data, signs of life in a word ("data: ping") and events without data are passed over. A fault told by an
// event of its own kind ("event: error") is a reply with that Fault.
func (s *Stream) Next() (Reply, error) {
	for {
		kind, data, err := s.event()
		switch {
		case err != nil:
			return Reply{}, err
		case len(data) == 0 || data[0] == ':':
			continue
		case string(data) == "[DONE]":
			s.done = true
			return Reply{}, io.EOF
		}
		reply, err := ParseReply(data)
		if kind == "error" && reply.Fault == nil {
			fault := ParseError(data)
			return Reply{Fault: &fault}, nil
		}
		if err != nil {
			return Reply{}, &Malformed{err}
		}
		return reply, nil
	}
}

// word reports whether data is one word, such as ping or keep-alive, which no part of an answer is.
func word(data []byte) bool {
	for _, c := range data {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c != '-' && c != '_' {
				return false
			}
		}
	}
	return len(data) <= 20
}

// event returns the kind and the data of the next event. An event may end without its blank line, as servers' lines all
// stand for themselves: data that is a JSON object or [DONE] is whole.
func (s *Stream) event() (kind string, data []byte, err error) {
	for {
		line, err := s.line()
		if err != nil {
			if errors.Is(err, io.EOF) && len(data) > 0 {
				return kind, data, nil
			}
			return "", nil, err
		}
		if kind == "" && len(data) == 0 && len(line) > 0 && line[0] == '{' {
			return "", s.plain(line), nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(line) == 0:
			if len(data) > 0 {
				return kind, data, nil
			}
			kind = ""
		case string(field) == "event":
			kind = string(value)
		case string(field) == "data" && kind != "error" && len(data) == 0 && word(value):
		case string(field) == "data":
			if len(data) > 0 {
				data = append(data, '\n')
			}
			if data = append(data, value...); len(data) > LongestEvent {
				return "", nil, &Malformed{fmt.Errorf("it has more than %d bytes", LongestEvent)}
			}
			if s.ends(data) {
				return kind, data, nil
			}
		}
	}
}

// plain is a JSON object where an event should be, which begins with line: a chunk of a server that sends a line for
// each, or the whole answer of one that doesn't stream, behind which nothing is read.
func (s *Stream) plain(line []byte) []byte {
	if json.Valid(line) {
		return line
	}
	var whole json.RawMessage
	rest := io.MultiReader(bytes.NewReader(append(line, '\n')), io.LimitReader(s.in, LongestEvent))
	s.in = bufio.NewReader(bytes.NewReader(nil))
	if json.NewDecoder(rest).Decode(&whole) != nil {
		return line
	}
	return whole
}

// ends reports whether data is whole, so that nobody waits for a blank line that comes late or never.
func (s *Stream) ends(data []byte) bool {
	return string(data) == "[DONE]" || len(data) > 0 && data[len(data)-1] == '}' && json.Valid(data)
}

// line returns the next line without its end.
func (s *Stream) line() ([]byte, error) {
	var text []byte
	first := len(s.said) == 0
	for {
		more, err := s.in.ReadSlice('\n')
		s.said = append(s.said, more[:min(len(more), saidBytes-len(s.said))]...)
		text = append(text, more...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(text) > LongestEvent {
				return nil, &Malformed{fmt.Errorf("a line has more than %d bytes", LongestEvent)}
			}
		case err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		default:
			if first {
				text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark
			}
			return bytes.TrimRight(text, "\r\n"), nil
		}
	}
}
