package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm/disk"
)

// TestMergeOfExperience: a file that begins with what a client said goes into one with others, what is said in both
// stands there once, and of a merge that fails nothing is left.
func TestMergeOfExperience(t *testing.T) {
	const (
		drawn    = `{"sampling":{"model":"m","temperature":1,"top_p":1,"max_tokens":10}}`
		answers  = `{"problem":{"id":"a","question":"1+1"},"answers":[{"text":"2","spent":3}],"given":{"final":"2"}}`
		feedback = `{"feedback":{"id":"a","right":true,"at":"2026-01-01T00:00:00Z"}}`
	)
	folder := t.TempDir()
	file := func(name string, lines ...string) string {
		var text []byte
		for _, line := range lines {
			text = append(append(text, disk.Summed([]byte(line))...), '\n')
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first, later := file("first", drawn, answers, feedback), file("later", feedback)
	std, out := streams{out: &bytes.Buffer{}}, filepath.Join(folder, "out")
	if err := (&datasetMergeCommand{Files: []string{first, later}, Out: out}).Run(std); err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(first)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, merged:\n%s\nwant\n%s", err, got, want)
	}
	broken := file("broken", drawn, answers)
	text, _ := os.ReadFile(broken)
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), "1+1", "1+2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join(folder, "none")
	if err := (&datasetMergeCommand{Files: []string{first, broken}, Out: out}).Run(std); err == nil || disk.Exists(out) {
		t.Errorf("of a merge that failed (%v) there is a file: %t", err, disk.Exists(out))
	}
}
