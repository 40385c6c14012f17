package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterrupted: only what is kept is said to be.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	problem := `{"question":"Tom has 3 boxes with 12 pencils in each. How many pencils has Tom?","answer":"3*12=36\n#### 36"}` + "\n"
	if err := os.WriteFile("p.jsonl", []byte(problem), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 0, "sample", "--upstream", "builtin", "--problems", "p.jsonl", "--n", "2", "--out", "a.jsonl")
	over, end := context.WithCancel(t.Context())
	end()
	for line, kept := range map[string]bool{
		"eval --solutions a.jsonl --n 2 --checkpoint general":                                          false,
		"eval --upstream builtin --problems p.jsonl --n 2 --record " + filepath.Join("new", "r.jsonl"): true,
		"sample --upstream builtin --problems p.jsonl --n 2 --out b.jsonl":                             true,
		"train --upstream builtin --problems p.jsonl --run run":                                        true,
		"ask --upstream builtin question":                                                              false,
	} {
		var out, errs bytes.Buffer
		code := run(over, strings.Fields(line), strings.NewReader(""), &out, &errs)
		if code != 130 || strings.Contains(errs.String(), "interrupted"+goesOn) != kept || strings.Contains(errs.String(), "interrupted\n") == kept {
			t.Errorf("%s: status %d: %s", line, code, &errs)
		}
	}
}
