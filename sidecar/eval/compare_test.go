package eval

import (
	"math"
	"strings"
	"testing"
)

// reportOf is a report of two methods on as many problems as first has outcomes.
func reportOf(first, second []float64) Report {
	var r Report
	rows := []Row{{Method: "a"}, {Method: "b"}}
	for i := range first {
		r.Problems = append(r.Problems, string(rune('p'+i)))
		rows[0].Outcomes = append(rows[0].Outcomes, Outcome{Correct: first[i]})
		rows[1].Outcomes = append(rows[1].Outcomes, Outcome{Correct: second[i]})
	}
	r.Rows = rows
	return r
}

func TestCompare(t *testing.T) {
	one := reportOf([]float64{1, 1, 0, 1}, []float64{0, 0, 0, 0})
	two := reportOf([]float64{0, 1, 0, 0}, []float64{0, 0, 0, 0})
	got, err := Compare(one, two, 1, 500)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if g := got[0].Gain; g.Mean != 0.5 || g.Low < 0 || g.High > 1 || g.Low >= g.High {
		t.Errorf("gain %+v, want half", g)
	}
	if g := got[1].Gain; g.Mean != 0 || g.Low != 0 || g.High != 0 {
		t.Errorf("no gain: %+v", g)
	}
	if back, err := Compare(two, one, 1, 500); err != nil || math.Abs(back[0].Gain.Mean+0.5) > 1e-12 {
		t.Errorf("the other way round: %+v, %v", back, err)
	}
	if table := CompareMarkdown(got, "x", "y"); !strings.Contains(table, "| a |") || !strings.Contains(table, "+50.0") {
		t.Errorf("%s", table)
	}
}

func TestCompareFaults(t *testing.T) {
	one, two := reportOf([]float64{1, 0}, []float64{0, 0}), reportOf([]float64{1}, []float64{0})
	renamed, short := reportOf([]float64{1, 0}, []float64{0, 0}), reportOf([]float64{1, 0}, []float64{0, 0})
	renamed.Rows[0].Method, renamed.Rows[1].Method = "c", "d"
	short.Rows[0].Outcomes = short.Rows[0].Outcomes[:1]
	for want, other := range map[string]Report{"same problems": two, "no method in common": renamed, "1 outcomes": short, "": {}} {
		if _, err := Compare(one, other, 1, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	other := reportOf([]float64{1, 0}, []float64{0, 0}) // another dev.jsonl, whose problems are dev-0 and dev-1 too
	one.Digest, other.Digest = "a", "b"
	if _, err := Compare(one, other, 1, 10); err == nil || !strings.Contains(err.Error(), "questions") {
		t.Errorf("other questions under the same ids: %v", err)
	}
	other.Digest = "" // written before there were digests
	if _, err := Compare(one, other, 1, 10); err != nil {
		t.Error(err)
	}
	if _, err := Compare(Report{}, Report{}, 1, 10); err == nil {
		t.Error("two empty reports were compared")
	}
}
