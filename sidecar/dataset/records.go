package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxRecord bounds an object's length in bytes: what is longer is no data set.
const maxRecord = 16 << 20

// record is one JSON object of a file.
type record struct {
	file string
	line int // that it begins in, from 1 as editors count
	n    int // its place, from 0: in an array among the objects, else the line's
	data []byte
}

// id names the record by its file's base name and its place: "gsm8k_train-17".
func (r record) id() string {
	base := strings.TrimSuffix(filepath.Base(r.file), ".gz")
	return fmt.Sprintf("%s-%d", strings.TrimSuffix(base, filepath.Ext(base)), r.n)
}

// placed is an error that says where it is.
type placed struct{ error }

func (p placed) Unwrap() error { return p.error }

// fail wraps err with where it is, unless it says so.
func (r record) fail(err error) error {
	if errors.As(err, &placed{}) {
		return err
	}
	return r.failAt(err, 0)
}

// failAt wraps err with the line of the record's byte at offset.
func (r record) failAt(err error, offset int) error {
	offset = min(max(offset, 0), len(r.data))
	return placed{fmt.Errorf("%s:%d: %w", r.file, r.line+bytes.Count(r.data[:offset], []byte("\n")), err)}
}

// decode reads the record into v; its error says where it is.
func (r record) decode(v any) error {
	err := json.Unmarshal(r.data, v)
	var mistyped *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return r.failAt(fmt.Errorf("%q has the wrong type: %s", mistyped.Field, mistyped.Value), int(mistyped.Offset)-1)
	case errors.As(err, &syntax):
		return r.failAt(err, int(syntax.Offset)-1)
	case err != nil:
		return r.fail(err)
	}
	return nil
}

// encoded reports text that would not be read as it was meant: bytes that are no UTF-8, and half a character by its
// escape. encoding/json puts a replacement character in their place without a word.
func (r record) encoded() error {
	for i := 0; i < len(r.data); {
		c, size := utf8.DecodeRune(r.data[i:])
		if c == utf8.RuneError && size == 1 {
			return r.failAt(fmt.Errorf("not UTF-8: byte 0x%02x after %q; convert the file first, as by iconv -f ISO-8859-1 -t UTF-8", r.data[i], last(r.data[:i], 20)), i)
		}
		if c == '\\' {
			if half := surrogate(r.data[i:]); half != 0 {
				low := surrogate(r.data[min(i+6, len(r.data)):])
				if half >= 0xdc00 || low < 0xdc00 {
					return r.failAt(fmt.Errorf(`half a character: \u%04x after %q stands without its other half; mend or drop that text`, half, last(r.data[:i], 20)), i)
				}
				size = 12
			} else {
				size = 2
			}
		}
		i += size
	}
	return nil
}

// surrogate returns the half of a character that the escape at the start of b stands for, 0 where there is none.
func surrogate(b []byte) int {
	var half int
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	if n, err := fmt.Sscanf(string(b[2:6]), "%04x", &half); n != 1 || err != nil || half < 0xd800 || half > 0xdfff {
		return 0
	}
	return half
}

// last returns the last n bytes of b at most, from the beginning of a character.
func last(b []byte, n int) []byte {
	b = b[max(len(b)-n, 0):]
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	return b
}

// records yields the JSON objects of r: one a line, over several lines each, or in an array. After an error it ends.
func records(r io.Reader, file string) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		in, err := opened(r)
		if err != nil {
			yield(record{}, fmt.Errorf("%s: %w", file, err))
			return
		}
		sc := scanner{in: in, file: file, line: 1}
		for {
			found, err := sc.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				err = found.encoded()
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

// scanner cuts a stream of JSON into its objects. What is in them it leaves to encoding/json.
type scanner struct {
	in    *bufio.Reader
	file  string
	line  int  // of the next byte
	first bool // the last byte read was the first of its line
	begun bool // something stands in this line already
	array bool // inside of one
	comma bool // must come before the next object, or the array ends
	found int  // objects in this array
}

// fail wraps err with the line that is being read.
func (s *scanner) fail(err error) error { return placed{fmt.Errorf("%s:%d: %w", s.file, s.line, err)} }

func (s *scanner) byte() (byte, error) {
	b, err := s.in.ReadByte()
	if err == nil {
		s.first, s.begun = !s.begun, b != '\n'
	}
	return b, err
}

var errShape = errors.New("want JSON objects, one a line or all in an array")

// next returns the next object, io.EOF where there is none any more.
func (s *scanner) next() (record, error) {
	before := 0 // the line that the object before ended in
	if s.begun && !s.array {
		before = s.line
	}
	for {
		b, err := s.byte()
		switch {
		case err == io.EOF && s.array:
			return record{}, s.fail(errors.New("unexpected end: the array isn't closed; is the file cut off?"))
		case err == io.EOF:
			return record{}, io.EOF
		case err != nil:
			return record{}, s.fail(damaged(err))
		case b == '\n':
			s.line++
		case b == ' ' || b == '\t' || b == '\r':
		case b == mark[0] && s.marked(): // of a file that was joined to another
		case b == '[' && !s.array:
			s.array, s.comma, s.found = true, false, 0
		case b == ']' && s.array && (s.comma || s.found == 0):
			s.array, before = false, 0
		case b == ',' && s.array && s.comma:
			s.comma = false
		case b == '{' && !s.comma && s.line != before:
			return s.object()
		case b == '{' && s.line == before:
			return record{}, s.fail(errors.New("two objects in one line: want one a line, or all in an array"))
		case b == '<':
			return record{}, s.fail(fmt.Errorf("%w; this looks like XML or HTML", errShape))
		default:
			return record{}, s.fail(errShape)
		}
	}
}

// marked skips the rest of a byte order mark, if it is one.
func (s *scanner) marked() bool {
	rest, _ := s.in.Peek(len(mark) - 1)
	if string(rest) != mark[1:] {
		return false
	}
	_, _ = s.in.Discard(len(rest)) // they are in the buffer
	s.begun = false
	return true
}

// object reads the object whose brace has been read.
func (s *scanner) object() (record, error) {
	r := record{file: s.file, line: s.line, n: s.line - 1, data: []byte{'{'}}
	if s.array {
		r.n = s.found
		s.found++
		s.comma = true
	}
	text, escaped := false, false
	for depth := 1; depth > 0; {
		b, err := s.byte()
		switch {
		case err == io.EOF:
			return r, r.fail(errors.New("unexpected end: the object that begins here isn't closed; is the file cut off?"))
		case err != nil:
			return r, s.fail(damaged(err))
		case len(r.data) == maxRecord:
			return r, r.fail(fmt.Errorf("longer than %d MiB: %w", maxRecord>>20, errShape))
		case b == '\n' && text:
			return r, s.fail(errors.New(`a line break within a text: in JSON it is written \n`))
		case b == '\n':
			s.line++
		case escaped:
			escaped = false
		case b == '\\' && text:
			escaped = true
		case b == '"':
			text = !text
		case text:
		case b == '{' && s.first && !s.array:
			return r, r.fail(errors.New("unexpected end: the object that begins here isn't closed before the next line's"))
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		r.data = append(r.data, b)
	}
	return r, nil
}

// Objects yields the JSON objects that r holds, read into T. check says what is wrong with one. After an error, which
// names the line, the sequence ends.
func Objects[T any](r io.Reader, file string, check func(T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r, err := range records(r, file) {
			var v T
			if err == nil {
				if err = r.decode(&v); err == nil {
					err = check(v)
				}
				if err != nil {
					err = r.fail(err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// collect opens the file at path and gathers all that read yields from it.
func collect[T any](path string, read func(io.Reader, string) iter.Seq2[T, error]) ([]T, error) {
	f, err := os.Open(path) // #nosec G304 -- the path is what the person who runs the command names
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []T
	for v, err := range read(f, path) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: empty", path)
	}
	return all, nil
}
