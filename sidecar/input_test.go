//go:build unix

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoCommandWaitsForAPipe: a named pipe in place of any file that a command reads is an error at once, not a process
// that nothing but SIGKILL ends.
func TestNoCommandWaitsForAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{
		{"serve", "--upstream", "builtin", "--checkpoint", pipe},
		{"serve", "--upstream", "builtin", "--config", pipe},
		{"config", "check", pipe},
		{"prm", "info", pipe},
		{"train", "--upstream", "builtin", "--problems", pipe},
		{"train", "--solutions", pipe},
		{"eval", "--upstream", "builtin", "--problems", pipe},
		{"eval", "--replay", pipe, "--problems", "builtin.prm"},
		{"eval", "--record", pipe, "--upstream", "builtin", "--problems", "../configs/experiments/toy.yaml"},
		{"experiment", "run", pipe},
		{"recording", "check", pipe},
		{"dataset", "convert", pipe, "--to", "trl"},
		{"compare", pipe, pipe},
	} {
		done := make(chan int, 1)
		var out, errs bytes.Buffer
		go func() { done <- run(t.Context(), args, strings.NewReader(""), &out, &errs) }()
		select {
		case code := <-done:
			if code != 2 {
				t.Errorf("%v: %d %s", args, code, errs.String())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%v waits", args)
		}
	}
}
