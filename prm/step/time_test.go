package step

import (
	"flag"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
)

// FuzzSplitTime holds Split to 50 ms of a processor and 50 MB for 100 KB of anything: a text again and again. The
// quickest of a few tries counts, since the collector's work is counted too. While it fuzzes, code is instrumented and
// takes up to three times as long.
func FuzzSplitTime(f *testing.F) {
	for _, unit := range []string{"x:\n  | a |\n|-|\n", "1. \\boxed{\n[\n$\n", "<a>\n\u00a0\n- b:\n```", "\\begin{a}$$ = \\[", "| a | b |\n+-+\n---\n### \n**a**:\n", "a) <think>\n+ \u2000:"} {
		f.Add(unit)
	}
	f.Fuzz(func(t *testing.T, unit string) {
		if unit == "" {
			return
		}
		most := 50 * time.Millisecond * casetest.Slowed
		if fuzzing := flag.Lookup("test.fuzz"); fuzzing != nil && fuzzing.Value.String() != "" {
			most *= 3
		}
		text := strings.Repeat(unit, 100_000/len(unit)+1)[:100_000]
		best, least := casetest.Quickest(most, func() { Split(text) })
		if best > most || least > 50<<20 {
			t.Errorf("%q: %v, %d bytes", unit, best, least)
		}
	})
}
