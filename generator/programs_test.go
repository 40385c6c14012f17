package generator

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"aprm/prm/arith"
	"aprm/prm/program"
)

// Every attack on a program differs from it in one thing and comes, when it is run, to another value; all strategies
// have their turn, and equal seeds give equal attacks.
func TestAttackProgram(t *testing.T) {
	const source = "boxes = 3\npens_per_box = 12\ngiven = 5\npens = boxes * pens_per_box\nprint(pens - given)\n"
	attacks := AttackProgram(t.Context(), rand.New(rand.NewPCG(1, 2)), source, "31", 12)
	if len(attacks) != 12 {
		t.Fatalf("%d attacks", len(attacks))
	}
	seen := map[program.Alteration]int{}
	for _, a := range attacks {
		seen[a.Strategy]++
		differ := 0
		before, after := strings.Split(source, "\n"), strings.Split(a.Source, "\n")
		for i := range before {
			if before[i] != after[i] {
				differ++
			}
		}
		r, err := program.Run(t.Context(), program.Opening+a.Source+program.Closing)
		if err != nil || r.Answer != a.Run.Answer || arith.Equal("31", r.Answer) != arith.False || len(before) != len(after) || differ != 1 {
			t.Errorf("%s: %d lines differ, it comes to %q, %v:\n%s", a.Strategy, differ, r.Answer, err, a.Source)
		}
	}
	if len(seen) != 3 {
		t.Errorf("strategies %v", seen)
	}
	if again := AttackProgram(t.Context(), rand.New(rand.NewPCG(1, 2)), source, "31", 12); !reflect.DeepEqual(attacks, again) {
		t.Error("the same seed, other attacks")
	}
	all := AttackProgram(t.Context(), rand.New(rand.NewPCG(3, 4)), source, "31", 1000)
	for _, a := range all {
		if a.Run.Answer == "31" {
			t.Errorf("still right:\n%s", a.Source)
		}
	}
	if len(all) < 20 || len(all) > 60 {
		t.Errorf("%d in all", len(all))
	}
	for _, source := range []string{"", "print(", "print('31')", "x = 31\nprint(31 if x else 31)"} {
		for _, a := range AttackProgram(t.Context(), rand.New(rand.NewPCG(1, 2)), source, "31", 5) {
			if a.Run.Answer == "31" {
				t.Errorf("%q: %+v", source, a)
			}
		}
	}
}
