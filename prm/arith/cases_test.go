package arith_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aprm/prm/arith"
	"aprm/prm/arith/formula"
)

// TestCases holds the checker against pairs of answers that users reported and their like, by kind: the verdict must be among those
// that people accept. With -v it prints how many of each kind are right.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			right, all := 0, 0
			for _, c := range readCases(t, file) {
				all++
				found := arith.Compare(c.Gold, c.Pred, formula.Options{})
				if slices.Contains(c.verdicts(), found.Verdict) {
					right++
					continue
				}
				t.Errorf("%q and %q: %v (%s; %s, %s), want %v", c.Gold, c.Pred, found.Verdict, found.Reason, found.Gold, found.Pred, c.verdicts())
			}
			t.Logf("%d of %d", right, all)
		})
	}
}

type pairCase struct {
	Gold, Pred string
	Expected   []*bool
}

// verdicts are those that are accepted; null is Unknown.
func (c pairCase) verdicts() []arith.Verdict {
	var out []arith.Verdict
	for _, e := range c.Expected {
		switch {
		case e == nil:
			out = append(out, arith.Unknown)
		case *e:
			out = append(out, arith.True)
		default:
			out = append(out, arith.False)
		}
	}
	return out
}

func readCases(t *testing.T, file string) []pairCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []pairCase
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var c pairCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if len(c.Expected) == 0 {
			t.Fatalf("%s: nothing is expected", lines.Text())
		}
		out = append(out, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRepeatedBoxes: a model that repeats its box thousands of times is read as fast as one that doesn't.
func TestRepeatedBoxes(t *testing.T) {
	text := strings.Repeat("\\boxed{5}\n", 3000)
	began := time.Now()
	if v := arith.Equal("5", text); v != arith.True {
		t.Errorf("5 and 3,000 boxes of 5: %v", v)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}
