package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutIsTriedFirst: where the checkpoint can't be written is said before it is trained, not hours after.
func TestOutIsTriedFirst(t *testing.T) {
	folder := t.TempDir()
	problems := filepath.Join(folder, "problems.jsonl")
	if err := os.WriteFile(problems, []byte(`{"question":"1+1?","answer":"1+1=2\n#### 2"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{folder, filepath.Join(problems, "my.prm")} {
		for _, args := range [][]string{
			{"train", "--upstream", "http://127.0.0.1:1", "--problems", problems, "--run", filepath.Join(folder, "run"), "--out", out},
			{"demo", "--no-serve", "--out", out},
		} {
			var errs bytes.Buffer
			if code := run(t.Context(), args, nil, io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), "--out: ") {
				t.Errorf("%s: status %d: %s", args, code, &errs)
			}
		}
	}
	out := filepath.Join(folder, "new", "my.prm")
	if err := toWrite("--out", out); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// command runs a command that is to end with this status, and returns what it says.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != want {
		t.Fatalf("%v: status %d, want %d: %s", args, code, want, errs.String())
	}
	return out.String() + errs.String()
}
