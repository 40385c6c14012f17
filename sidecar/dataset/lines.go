package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a line's length in bytes: a file without line breaks is no data set.
const maxLine = 16 << 20

// line is one non-empty line of a file.
type line struct {
	file string
	n    int // 0-based
	data []byte
}

// id names the line by its file's base name and 0-based number: "gsm8k_train-17".
func (l line) id() string {
	base := strings.TrimSuffix(filepath.Base(l.file), ".gz")
	return fmt.Sprintf("%s-%d", strings.TrimSuffix(base, filepath.Ext(base)), l.n)
}

// fail wraps err with where it is; lines count from 1 there, as editors do.
func (l line) fail(err error) error {
	return fmt.Errorf("%s:%d: %w", l.file, l.n+1, err)
}

// decode reads the line's JSON object into v.
func (l line) decode(v any) error {
	if l.data[0] != '{' {
		return errors.New("want one JSON object a line")
	}
	err := json.Unmarshal(l.data, v)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return fmt.Errorf("%q has the wrong type: %s", mistyped.Field, mistyped.Value)
	}
	return err
}

// lines yields the non-empty lines of r, which is decompressed if it is gzipped. After an error it ends.
func lines(r io.Reader, file string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		buffered := bufio.NewReader(r)
		if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
			unzipped, err := gzip.NewReader(buffered)
			if err != nil {
				yield(line{}, fmt.Errorf("%s: %w", file, err))
				return
			}
			buffered = bufio.NewReader(unzipped)
		}
		if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
			_, _ = buffered.Discard(3) // they are in the buffer
		}
		l := line{file: file}
		sc := bufio.NewScanner(buffered)
		sc.Buffer(nil, maxLine)
		for ; sc.Scan(); l.n++ {
			if l.data = bytes.TrimSpace(sc.Bytes()); len(l.data) > 0 && !yield(l, nil) {
				return
			}
		}
		err := sc.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d MiB: want one JSON object a line", maxLine>>20)
		}
		if err != nil {
			yield(line{}, l.fail(err))
		}
	}
}

// Objects yields the JSON objects that r holds, one a line, read into T. check says what is wrong with one. After an error,
// which names the line, the sequence ends.
func Objects[T any](r io.Reader, file string, check func(T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for l, err := range lines(r, file) {
			var v T
			if err == nil {
				if err = l.decode(&v); err == nil {
					err = check(v)
				}
				if err != nil {
					err = l.fail(err)
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
	f, err := os.Open(path)
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
