package program

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"aprm/prm/arith"
)

// reading is what a reader takes from what CPython printed: the last line with a digit, or the value where nothing was
// printed.
func reading(printed string, value *string) string {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.ContainsAny(lines[i], "0123456789") {
			return strings.TrimSpace(lines[i])
		}
	}
	if s := strings.TrimSpace(lines[len(lines)-1]); s != "" || value == nil {
		return s
	}
	return *value
}

// same tells whether an answer of ours and a text of CPython's are the same to a reader: the same text, or the same
// numbers but for the noise of doubles.
func same(ours, cpython string) bool {
	if ours == cpython {
		return true
	}
	if ours == "" || cpython == "" {
		return false
	}
	if a, err := arith.Eval(ours); err == nil {
		x, _ := a.Float64()
		if y, err := strconv.ParseFloat(cpython, 64); err == nil {
			return close(x, y)
		}
	}
	a, b := arith.Numbers(ours), arith.Numbers(cpython)
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i := range a {
		x, _ := a[i].Value.Float64()
		y, _ := b[i].Value.Float64()
		if !close(x, y) {
			return false
		}
	}
	return true
}

func close(x, y float64) bool { return math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y), 1e-3) }

// recorded is an answer of the corpus with what CPython 3.11 makes of it.
type recorded struct {
	Set, Variant, Finish, Text, Gold string
	I, J                             int
	Printed, Error                   string
	Value                            *string // of what stood alone, was returned or assigned last, where nothing was printed
}

func corpus(tb testing.TB) []recorded {
	tb.Helper()
	f, err := os.Open("testdata/corpus.jsonl.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var out []recorded
	for d := json.NewDecoder(z); ; {
		var r recorded
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			tb.Fatal(err)
		}
		out = append(out, r)
	}
}

// TestCorpus holds how often a program that runs under CPython 3.11 has the same value here, how many programs have a
// value at all, and that reading them this way agrees with the reference answers at least as often as reading what they
// print.
func TestCorpus(t *testing.T) {
	var all, run, agree, complete, valued, real, printedRight, cpythonRight, right int
	for _, r := range corpus(t) {
		all++
		got, err := Run(context.Background(), r.Text)
		expected := reading(r.Printed, r.Value)
		if r.Error == "" {
			run++
			if err == nil && same(got.Answer, expected) {
				agree++
			} else {
				t.Logf("%s %d %d %s: %q, %v; CPython: %q", r.Set, r.I, r.J, r.Variant, got.Answer, err, expected)
			}
		}
		if r.Variant != "" {
			continue
		}
		real++
		if !errors.Is(err, ErrNone) && !(r.Finish == "length" && errors.Is(err, ErrCut)) {
			complete++
			if err == nil {
				valued++
			} else {
				t.Logf("%s %d %d: no value: %v; CPython: %s", r.Set, r.I, r.J, err, r.Error)
			}
		}
		isRight := func(s string) int {
			if s != "" && arith.Equal(r.Gold, s) == arith.True {
				return 1
			}
			return 0
		}
		right += isRight(got.Answer)
		if r.Error == "" {
			cpythonRight += isRight(expected)
			printedRight += isRight(reading(r.Printed, nil))
		}
	}
	share := func(a, b int) float64 { return 100 * float64(a) / float64(b) }
	t.Logf("%d programs, %d run under CPython, %.2f %% of them have the same value here", all, run, share(agree, run))
	t.Logf("of %d answers of the model %d hold a program that was not cut off, %.2f %% of which have a value", real, complete, share(valued, complete))
	t.Logf("right: %.1f %% by what is printed, %.1f %% with CPython's values, %.1f %% here", share(printedRight, real), share(cpythonRight, real), share(right, real))
	if all < 800 || share(agree, run) < 97 || share(valued, complete) < 95 || right < cpythonRight {
		t.Error("below the bounds")
	}
}
