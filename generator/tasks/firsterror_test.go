package tasks

import (
	"fmt"
	"testing"
)

func TestFirstErrorFindsNoneInWorkedSolutions(t *testing.T) {
	for _, split := range Splits() {
		for i := range 50 {
			p := Generate(split, 3, i)
			steps := append(p.Worked(), fmt.Sprintf("#### %d", p.Answer))
			if at := p.FirstError(steps); at != -1 {
				t.Fatalf("%s: step %d of %q", p.ID, at, steps)
			}
			for n := range steps {
				if at := p.FirstError(steps[:n]); at != -1 {
					t.Fatalf("%s: step %d of the prefix %q", p.ID, at, steps[:n])
				}
			}
		}
	}
}

func TestFirstErrorFindsEveryMistake(t *testing.T) {
	p := Problem{ID: "x", Answer: 17, Steps: []Step{{Value: 12, expr: calc(3, "*", 4)}, {Value: 17, expr: calc(12, "+", 5)}}}
	for _, tc := range []struct {
		steps []string
		want  int
	}{
		{[]string{"She has 4 * 3 = 12 pens.", "In all 12 + 5 = 17 pens.", "#### 17"}, -1},
		{[]string{"She has 3 * 4 = 13 pens.", "In all 12 + 5 = 17 pens.", "#### 17"}, 0},
		{[]string{"She has 3 + 4 = 7 pens."}, 0},
		{[]string{"She has 3 * 4 = 12 pens.", "In all 12 - 5 = 7 pens.", "#### 7"}, 1},
		{[]string{"She has 3 * 4 = 12 pens.", "#### 12"}, 1},
		{[]string{"She has 3 * 4 = 12 pens.", "#### 17"}, 1}, // right by luck: a step is missing
		{[]string{"She has 3 * 4 = 12 pens.", "In all 12 + 5 = 17 pens.", "#### 71"}, 2},
		{[]string{"She has many pens."}, 0},
	} {
		if got := p.FirstError(tc.steps); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.steps, got, tc.want)
		}
	}
}
