package arith_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aprm/prm/arith"
)

// verdict is a pair of answers, what is true of it, and what Math-Verify 0.9 (PyPI) said: made by
// testdata/mathverify/verify.py.
type verdict struct {
	Set, Rule  string  // of the pairs of public sets: which, and how one was made of the other
	Kind       string  // documented, mutated, rewritten, benchmark (GSM8K and SVAMP), or model: the end of a real completion
	Topic      string  // of a documented ability
	Gold, Pred string  //
	Truth      *bool   // nil where it can be argued
	MathVerify *bool   // nil where it parsed nothing or failed
	Seconds    float64 // that it took
	Note       string
}

func verdicts(tb testing.TB, folder string) []verdict {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", folder, "verdicts.jsonl.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var all []verdict
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatal(err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}

// TestMathVerify compares with Math-Verify and with the truth. With -v it lists every disagreement and prints the
// figures.
func TestMathVerify(t *testing.T) {
	type tally struct{ decided, agree, unknown, oursRight, theirsRight, arguable int }
	kinds := map[string]*tally{}
	var falseEqual, different, falseDifferent, equal int
	for _, v := range verdicts(t, "mathverify") {
		ours := arith.Equal(v.Gold, v.Pred)
		truth := "can be argued"
		if v.Truth != nil && *v.Truth {
			truth = "equal"
			equal++
			if ours == arith.False {
				falseDifferent++
				t.Errorf("called different: %q and %q", v.Gold, v.Pred)
			}
		}
		if v.Truth != nil && !*v.Truth {
			truth = "different"
			different++
			if ours == arith.True {
				falseEqual++
				t.Errorf("called equal: %q and %q", v.Gold, v.Pred)
			}
		}
		if v.MathVerify == nil {
			continue
		}
		agree := ours != arith.Unknown && (ours == arith.True) == *v.MathVerify
		if !agree {
			t.Logf("%s: %q and %q: Math-Verify %v, here %v; in truth %s. %s", v.Kind, v.Gold, v.Pred, *v.MathVerify, ours, truth, v.Note)
		}
		for _, name := range []string{v.Kind, "all"} {
			k := kinds[name]
			if k == nil {
				k = &tally{}
				kinds[name] = k
			}
			k.decided++
			switch {
			case agree:
				k.agree++
			case ours == arith.Unknown:
				k.unknown++
			case v.Truth == nil:
				k.arguable++
			case (ours == arith.True) == *v.Truth:
				k.oursRight++
			default:
				k.theirsRight++
			}
		}
	}
	for _, name := range []string{"documented", "mutated", "rewritten", "benchmark", "model", "all"} {
		k := kinds[name]
		t.Logf("%-10s: of %d pairs that Math-Verify decides, agree %d (%.1f %%); else unknown here %d, this one right %d, Math-Verify right %d, arguable %d",
			name, k.decided, k.agree, 100*float64(k.agree)/float64(k.decided), k.unknown, k.oursRight, k.theirsRight, k.arguable)
	}
	t.Logf("false \"equal\": %d of %d different pairs; false \"different\": %d of %d equal pairs", falseEqual, different, falseDifferent, equal)
}

// TestBenchmarkAnswers compares with Math-Verify on 1,500 pairs drawn from public sets (testdata/benchmarks/draw.py):
// answers rewritten or mutated by rule, and 500 mutated ones of which none may be equal. With -v it lists the
// differences and prints the table. Where the two differ the truth was looked at by hand.
func TestBenchmarkAnswers(t *testing.T) {
	type tally struct{ pairs, decided, agree, unknown, oursWrong, theirsWrong int }
	sets := map[string]*tally{}
	var mutated, falseEqual int
	for _, v := range verdicts(t, "benchmarks") {
		ours := arith.Equal(v.Gold, v.Pred)
		if v.Kind == "must differ" {
			mutated++
			if ours == arith.True {
				falseEqual++
			}
		}
		if ours == arith.True && !*v.Truth {
			t.Errorf("called equal: %q and %q", v.Gold, v.Pred)
		}
		if ours == arith.False && *v.Truth {
			t.Errorf("called different: %q and %q", v.Gold, v.Pred)
		}
		for _, name := range []string{v.Set, "all"} {
			k := sets[name]
			if k == nil {
				k = &tally{}
				sets[name] = k
			}
			k.pairs++
			if ours == arith.Unknown {
				k.unknown++
			} else if (ours == arith.True) != *v.Truth {
				k.oursWrong++
			}
			if v.MathVerify == nil {
				continue
			}
			k.decided++
			if *v.MathVerify != *v.Truth {
				k.theirsWrong++
			}
			if ours != arith.Unknown && (ours == arith.True) == *v.MathVerify {
				k.agree++
			} else if name == "all" {
				t.Logf("%s, %s: %q and %q: Math-Verify %v, here %v, in truth %v", v.Set, v.Rule, v.Gold, v.Pred, *v.MathVerify, ours, *v.Truth)
			}
		}
	}
	for _, name := range []string{"minerva_math", "olympiadbench", "college_math", "gaokao2023en", "asdiv", "all"} {
		k := sets[name]
		t.Logf("%-13s: %d pairs; unknown here %d, wrong here %d; of %d that Math-Verify decides the same verdict for %d, Math-Verify wrong on %d",
			name, k.pairs, k.unknown, k.oursWrong, k.decided, k.agree, k.theirsWrong)
	}
	t.Logf("false \"equal\" among the pairs that must differ: %d of %d", falseEqual, mutated)
	if k := sets["all"]; k.unknown > k.pairs/20 {
		t.Errorf("%d of %d pairs can't be told", k.unknown, k.pairs)
	}
}

// BenchmarkMathVerify prints how long a pair takes, and how often as long Math-Verify took where the verdicts were
// made.
func BenchmarkMathVerify(b *testing.B) {
	pairs := verdicts(b, "mathverify")
	var took, theirs []float64
	for b.Loop() {
		took = took[:0]
		for _, v := range pairs {
			began := time.Now()
			arith.Equal(v.Gold, v.Pred)
			took = append(took, time.Since(began).Seconds())
		}
	}
	for _, v := range pairs {
		theirs = append(theirs, v.Seconds)
	}
	slices.Sort(took)
	slices.Sort(theirs)
	at := func(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1))] }
	b.ReportMetric(at(took, 0.5)*1e6, "µs/median")
	b.ReportMetric(at(took, 0.999)*1e6, "µs/99.9%")
	b.ReportMetric(at(took, 1)*1e6, "µs/worst")
	b.ReportMetric(at(theirs, 0.5)/at(took, 0.5), "×faster/median")
	b.ReportMetric(0, "ns/op")
}
