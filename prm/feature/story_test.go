package feature

import (
	"math"
	"slices"
	"testing"

	"aprm/prm/step"
)

func TestSentences(t *testing.T) {
	for text, want := range map[string]int{
		"Tom has 3.5 kg. Mr. Lee takes half of it! How much is left?": 3,
		"One line\nanother; and a third":                              3,
		"no end":                                                      1,
	} {
		n := 0
		for _, s := range sentences(text) {
			if len(tokenize(s)) > 0 {
				n++
			}
		}
		if n != want {
			t.Errorf("%q: %d sentences, want %d", text, n, want)
		}
	}
}

// A step is held against the order in which the question tells things: what it passes over, and what is left at the
// answer.
func TestStory(t *testing.T) {
	problem := step.Problem{Question: "Tina has 29 eggs. The shop opened 16 years ago. Half of the eggs get lost. Then Tina buys 6 bags of 5 eggs. How many eggs does Tina have?"}
	log := func(n int) float32 { return float32(math.Log1p(float64(n)) / 2) }
	read := func(steps ...string) Input {
		return Extract(step.Trace{Problem: problem, Steps: steps}, len(steps)-1, Evidence{})
	}
	const half, bags, all = "Half of them are left: 29 / 2 = 14.5 eggs.", "In the bags are 6 * 5 = 30 eggs.", "That makes 14.5 + 30 = 44.5 eggs."
	for _, c := range []struct {
		name  string
		steps []string
		want  map[int]float32
	}{
		{"half is taken up with the first sentence, the shop passed over", []string{half}, map[int]float32{
			symNewGivens: log(1), symNewSpoken: log(1), symUnusedSpoken: 0, symSentences: log(2), symSkipped: log(1), symNextTaken: 1, symLeft: log(2)}},
		{"half is passed over", []string{bags}, map[int]float32{symNewSpoken: 0, symUnusedSpoken: log(1), symNextTaken: 0, symSkipped: log(3), symLeftBehind: log(3), symAnswerLeft: 0}},
		{"back to what was passed over", []string{bags, half}, map[int]float32{symBackward: 1, symLeft: log(1)}},
		{"only the shop is left", []string{half, bags, all, "#### 44.5"}, map[int]float32{symAnswerLeft: log(1)}},
		{"half is left", []string{bags, "That makes 29 + 30 = 59 eggs.", "#### 59"}, map[int]float32{symAnswerLeft: log(2)}},
	} {
		got := read(c.steps...).Symbols
		for i, want := range c.want {
			if math.Abs(float64(got[i]-want)) > 1e-6 {
				t.Errorf("%s: symbol %d is %v, want %v", c.name, i, got[i], want)
			}
		}
	}
	shop, eggs := read(half, bags, all, "#### 44.5").Symbols[symAnswerLeftRelevance], read(bags, "That makes 29 + 30 = 59 eggs.", "#### 59").Symbols[symAnswerLeftRelevance]
	if shop >= eggs {
		t.Errorf("the shop matters %v, half of the eggs %v", shop, eggs)
	}
	h := newHashed(RoleRows)
	h.add("left", "half")
	if index := h.sorted()[0]; !slices.Contains(read(bags, "#### 30").Roles, index) || slices.Contains(read(half, "#### 14.5").Roles, index) {
		t.Error("the words left over at the answer are not among the roles")
	}
}

// A number that the question holds twice is taken up twice.
func TestSameNumberTwice(t *testing.T) {
	tr := step.Trace{Problem: step.Problem{Question: "Ann has 20 pens. She buys 4 pens. Then she buys 4 more. How many has she?"}}
	tr = tr.With("She has 20 + 4 = 24 pens.")
	first := Extract(tr, 0, Evidence{}).Symbols
	both := Extract(tr.With("With them she has 24 + 4 = 28."), 1, Evidence{}).Symbols
	if first[symAllUsed] != 0 || both[symAllUsed] != 1 || both[symOldGivens] != 0 {
		t.Errorf("all used: after one %v, after both %v, of which again %v", first[symAllUsed], both[symAllUsed], both[symOldGivens])
	}
}
