package main

import (
	"encoding/json"
	"io"
	"log/slog"
)

// logClose logs what closing a file said, where there is nobody to return it to.
func logClose(err error) {
	if err != nil {
		slog.Error("closing", "err", err)
	}
}

// writeLine writes a value as one line of JSON.
func writeLine(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// first returns the first n, all when n is 0.
func first[T any](of []T, n int) []T {
	if n > 0 && n < len(of) {
		return of[:n]
	}
	return of
}
