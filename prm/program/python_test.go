package program

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// snippet is a program with what CPython 3.11 prints.
type snippet struct{ Source, Printed string }

func snippets(tb testing.TB) []snippet {
	tb.Helper()
	f, err := os.Open("testdata/snippets.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []snippet
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s snippet
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			tb.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// TestLikeCPython holds each kind of statement, function and method to what CPython prints, word by word; numbers may
// differ by the noise of doubles.
func TestLikeCPython(t *testing.T) {
	for _, s := range snippets(t) {
		p, err := Translate(s.Source)
		if err != nil {
			t.Errorf("%v\n%s", err, s.Source)
			continue
		}
		r, err := p.Run(context.Background())
		if err != nil {
			t.Errorf("%v\n%s", err, s.Source)
			continue
		}
		got, want := strings.Fields(r.Printed), strings.Fields(s.Printed)
		if len(got) != len(want) {
			t.Errorf("%s\n got %q\nwant %q", s.Source, r.Printed, s.Printed)
			continue
		}
		for i := range got {
			if got[i] != want[i] && !same(strings.Trim(got[i], "[](),"), strings.Trim(want[i], "[](),")) {
				t.Errorf("%s\n got %q, want %q", s.Source, got[i], want[i])
			}
		}
	}
}
