package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// toWrite says whether a file can be written that a flag names, before the work whose result it is to hold; its folder
// is made.
func toWrite(flag, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return badInput{fmt.Errorf("%s: %s is a folder; name a file", flag, path)}
	}
	folder := filepath.Dir(path)
	err := os.MkdirAll(folder, 0o755) // #nosec G301 -- folders may be looked into: what is private in them is 0600
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(folder, ".sidecar-"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return badInput{fmt.Errorf("%s: nothing can be written there: %w; name another place", flag, err)}
	}
	return nil
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

// printJSON writes a value as JSON for people to read.
func printJSON(std streams, value any) error {
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}
