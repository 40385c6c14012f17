// Package casetest runs cases that are kept as JSON lines, a kind of them a file.
package casetest

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Run decodes each line of the files testdata/cases/*.jsonl into a C and asks what is wrong with it, "" for nothing.
// Each file is a subtest, which with -v logs how many of its cases are right.
func Run[C any](t *testing.T, wrong func(C) string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			cases := read[C](t, file)
			right := 0
			for _, c := range cases {
				if why := wrong(c); why != "" {
					t.Error(why)
					continue
				}
				right++
			}
			t.Logf("%d of %d", right, len(cases))
		})
	}
}

func read[C any](t *testing.T, file string) []C {
	t.Helper()
	f, err := os.Open(file) // #nosec G304 -- a file of cases that a test names
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []C
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var c C
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		out = append(out, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no case", file)
	}
	return out
}
