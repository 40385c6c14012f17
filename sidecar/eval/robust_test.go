package eval

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// gullible believes an answer the more, the more of its steps say a word.
type gullible string

func (g gullible) Score(_ context.Context, w decode.Working) (prm.Judgement, error) {
	n := 0
	for _, s := range w.Steps {
		if strings.Contains(s, string(g)) {
			n++
		}
	}
	return prm.Judgement{Steps: make([]prm.Score, len(w.Steps)), Whole: true, Solution: 1 / (1 + math.Exp(1-float64(n)))}, nil
}

// A PRM that falls for one disguise and for no other shows it in that row alone.
func TestRobustnessFindsWhatAPRMFallsFor(t *testing.T) {
	var solutions []step.Judged
	for i := range 12 {
		s := step.Judged{Trace: step.Trace{Problem: step.Problem{ID: fmt.Sprint(i), Question: "How many zebras?"}, Steps: []string{"There are 2 + 3 = 5.", "Then 5 + 1 = 6.", "#### 6"}}, FirstWrong: -1}
		if i%2 == 0 {
			s.FirstWrong = 1
		}
		solutions = append(solutions, s)
	}
	for word, want := range map[string]string{"Clearly": "confident", "Note that": "padded", "zebras": "copied", "Let us": "inflated"} {
		rows, err := Robustness(t.Context(), func(step.Problem) (decode.Scorer, error) { return gullible(word), nil }, solutions, 1, 200, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Wrong != 6 || r.Right != 6 {
				t.Errorf("%s: of %d wrong and %d right ones, want 6 each", r.Name, r.Wrong, r.Right)
			}
			rises := r.OfWrong.Mean > 0.9
			if rises != (r.Name == want) || rises != (r.Gained.Mean == 1) || rises != (r.Fooled.Mean == 1) || !rises && r.OfWrong.Mean != 0 {
				t.Errorf("who falls for %q: %s moves wrong answers by %.2f, %.0f %% of them", word, r.Name, r.OfWrong.Mean, 100*r.Gained.Mean)
			}
		}
		if text := RobustMarkdown(rows); !strings.Contains(text, "| "+want+":") || !strings.Contains(text, "6 wrong answers and 6 right ones") {
			t.Errorf("%s", text)
		}
	}
	for name, some := range map[string][]step.Judged{"wrong": solutions[1:2], "right": solutions[:1]} {
		rows, err := Robustness(t.Context(), func(step.Problem) (decode.Scorer, error) { return gullible("x"), nil }, some, 1, 200, nil)
		if err != nil || strings.Contains(RobustMarkdown(rows), "NaN") || !math.IsNaN(rows[0].Fooled.Mean) {
			t.Errorf("without a %s answer: %v\n%s", name, err, RobustMarkdown(rows))
		}
	}
}

// A disguise says the same: every step is still there, in its own words at least, and the answer is still the last.
func TestDisguisesKeepWhatIsSaid(t *testing.T) {
	steps := []string{"There are 2 + 3 = 5.", "Then 5 + 1 = 6.", "#### 6"}
	for _, d := range Disguises() {
		was := slices.Clone(steps)
		got, ok := d.Of("How many zebras?", was)
		if !ok || slices.Equal(got, steps) || got[len(got)-1] != steps[2] || !slices.Equal(was, steps) {
			t.Errorf("%s: %q", d.Name, got)
		}
		for _, s := range steps {
			if !slices.ContainsFunc(got, func(g string) bool { return strings.HasSuffix(g, s) }) {
				t.Errorf("%s: %q is gone of %q", d.Name, s, got)
			}
		}
		if got, ok := d.Of("", nil); ok {
			t.Errorf("%s of nothing: %q", d.Name, got)
		}
	}
}
