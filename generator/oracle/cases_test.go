package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aprm/prm/step"
)

// TestCases holds the oracle against steps that users reported and their like, by kind: the verdict must be among those that people
// accept. With -v it prints how many of each kind are right.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			right, all := 0, 0
			for lines := bufio.NewScanner(f); lines.Scan(); all++ {
				var c struct {
					Problem, Reference, Step string
					Prefix, Expected         []string
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatalf("%s: %v", lines.Text(), err)
				}
				ruling, err := New().Judge(context.Background(), Case{
					Prefix: step.Trace{Problem: step.Problem{Question: c.Problem}, Steps: c.Prefix}, Reference: c.Reference, Step: c.Step})
				if err != nil {
					t.Fatal(err)
				}
				verdict := map[step.Verdict]string{step.Right: "correct", step.Wrong: "wrong", step.Unknown: "unknown"}[ruling.Verdict]
				if slices.Contains(c.Expected, verdict) {
					right++
					continue
				}
				t.Errorf("%q: %v (%s: %s), want %v", c.Step, verdict, ruling.Layer, ruling.Reason, c.Expected)
			}
			t.Logf("%d of %d", right, all)
		})
	}
}
