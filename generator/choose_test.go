package generator

import (
	"fmt"
	"slices"
	"testing"

	"aprm/prm/step"
)

// Requests are what a resumed run finds again. A problem whose unit failed at first and is there the next time must not
// change those of the others.
func TestOneProblemMoreLeavesTheOtherRequests(t *testing.T) {
	cfg := testConfig()
	var own, worked [][]Target
	problems := make(map[string]roundProblem)
	for i := range 6 {
		p := step.Problem{ID: fmt.Sprint("p", i), Question: fmt.Sprint("Question ", i, "?")}
		problems[p.ID] = roundProblem{Problem: p}
		list := func(source Source) (out []Target) {
			for k := range 3 {
				out = append(out, Target{Prefix: step.Trace{Problem: p}, Text: fmt.Sprintf("%s: %d + %d = %d.", source, i, k, i+k), Source: source, Kind: Additive})
			}
			return out
		}
		own, worked = append(own, list(Own)), append(worked, list(Worked))
	}
	requests := func(own [][]Target) map[string]string {
		start := (&Game{cfg: cfg}).Start()
		out := make(map[string]string)
		for _, a := range planAttacks(cfg, 1, chooseTargets(cfg, 1, own, worked), map[string][]string{}, problems, start.Policy, start.Memory) {
			out[a.key(1)] = a.ask[len(a.ask)-1].Content
		}
		return out
	}
	all, less := requests(own), requests(slices.Concat([][]Target{nil}, own[1:]))
	same := 0
	for id, ask := range less {
		if all[id] == ask {
			same++
		}
	}
	if len(less) < 30 || same < len(less)*3/4 {
		t.Errorf("%d of %d requests are the same", same, len(less))
	}
}

// One natural correct step to learn from for each wrong one, of its own problem where there is one; the others are
// spare; what has no label goes. A step that is attacked again is so by another strategy while there is one, also where
// the arms are fewer than the attacks: the same one would ask for the same again.
func TestAStepIsAttackedByEachStrategyOnce(t *testing.T) {
	cfg := testConfig()
	for _, a := range Arms() {
		if a.Name != "result" {
			cfg.LeftOut = append(cfg.LeftOut, a.Tricks...)
		}
	}
	start := (&Game{cfg: cfg}).Start()
	for i := range 20 {
		target := Target{Prefix: step.Trace{Problem: step.Problem{ID: fmt.Sprint("p", i), Question: "How many?"}}, Text: "1 + 2 = 3.", Source: Worked, Kind: Additive}
		keys := make(map[string]bool)
		for _, a := range planAttacks(cfg, 1, slices.Repeat([]Target{target}, 4), map[string][]string{}, map[string]roundProblem{}, start.Policy, start.Memory) {
			keys[a.key(1)] = true
		}
		if len(keys) != 4 {
			t.Errorf("%d of 4 attacks differ", len(keys))
		}
	}
}

func TestBalance(t *testing.T) {
	at := func(problem string, s step.Verdict, v step.Verdict, source Source) Labelled {
		return Labelled{Prefix: step.Trace{Problem: step.Problem{ID: problem}}, Step: s, Value: v, Source: source, Text: problem}
	}
	in := []Labelled{
		at("a", step.Wrong, step.Wrong, Natural), at("a", step.Right, step.Right, Natural), at("a", step.Right, step.Right, Natural),
		at("b", step.Wrong, step.Wrong, Natural),
		at("c", step.Right, step.Right, Natural), at("c", step.Right, step.Right, Natural),
		at("d", step.Unknown, step.Wrong, Natural), at("d", step.Unknown, step.Unknown, Natural),
		at("e", step.Unknown, step.Unknown, Attack), at("e", step.Wrong, step.Unknown, Attack), at("e", step.Right, step.Unknown, Own),
	}
	count := make(map[string]int)
	for _, l := range Balance(in) {
		if l.Spare {
			count["spare"]++
			continue
		}
		count[fmt.Sprint(l.Text, " ", l.Source, " ", l.Step)]++
	}
	for what, want := range map[string]int{
		"a natural wrong": 1, "b natural wrong": 1, "d natural unknown": 1, "e attack wrong": 1, "e own right": 1, "e attack unknown": 0,
	} {
		if count[what] != want {
			t.Errorf("%s: %d, want %d", what, count[what], want)
		}
	}
	if a, c := count["a natural right"], count["c natural right"]; a+c != 2 || a < 1 {
		t.Errorf("%d correct steps of a and %d of c for one wrong of a and one of b", a, c)
	}
	if count["spare"] != 2 {
		t.Errorf("%d correct steps are spare, want 2", count["spare"])
	}
}
