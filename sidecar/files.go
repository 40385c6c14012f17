package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// writeJSON writes a value to a file, whole or not at all.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

// writeFile writes a file whole or not at all, and makes its folder.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(parent(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(parent(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already when all went well
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Sync(); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Chmod(temp.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

func parent(path string) string { return filepath.Dir(path) }

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
