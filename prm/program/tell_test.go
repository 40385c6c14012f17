package program

import (
	"context"
	"math/big"
	"slices"
	"strings"
	"testing"

	"aprm/prm/arith"
	"aprm/prm/step"
)

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"names and values", "boxes = 3\npens = 12\ntotal_pens = boxes * pens\nprint(total_pens)", []string{"boxes = 3", "pens = 12", "total pens = boxes * pens = 3 * 12 = 36"}},
		{"what is printed", "a = 5\nprint(a - 7)", []string{"a = 5", "a - 7 = 5 - 7 = -2"}},
		{"what is returned", "def solution():\n    a = 5\n    return a / 2", []string{"a = 5", "a / 2 = 5 / 2 = 2.5"}},
		{"changed in place", "left = 10\nleft -= 3\nprint(left)", []string{"left = 10", "left - 3 = 10 - 3 = 7"}},
		{"digits of names", "item_1_cost = 2\nx2 = item_1_cost * 3\nprint(x2)", []string{"item ₁ cost = 2", "x₂ = item ₁ cost * 3 = 2 * 3 = 6"}},
		{"rounding", "a = 17\nb = a // 2\nc = int(a / 5)\nd = round(a / 3, 1)\ne = a // 17\nprint(b)", []string{"a = 17", "b = a / 2 = 17 / 2 = 8 rounded down",
			"c = a / 5 = 17 / 5 = 3 rounded down", "d = a / 3 = 17 / 3 = 5.7 rounded", "e = a / 17 = 17 / 17 = 1"}},
		{"negative operands", "a = -3\nb = 4 - a\nc = a ** 2\nprint(c)", []string{"a = -3", "b = 4 - a = 4 - (-3) = 7", "c = a ^ 2 = (-3) ^ 2 = 9"}},
		{"brackets", "a = 2\nb = (a + 1) * (a - (3 - a)) / (a * 4)\nprint(b)", []string{"a = 2", "b = (a + 1) * (a - (3 - a)) / (a * 4) = (2 + 1) * (2 - (3 - 2)) / (2 * 4) = 0.375"}},
		{"lists and dicts", "p = [1, 2.5]\nd = {'big box': 4}\nt = sum(p) * d['big box']\nprint(t)", []string{"p = [1, 2.5]", "t = sum(p) * d big box = (1 + 2.5) * 4 = 14"}},
		{"a loop is folded", "t = 0\nfor i in range(1, 101):\n    t += i\nprint(t)", []string{"t = 0", "t + i = 0 + 1 = 1", "t + i = 1 + 2 = 3", "t + i = 3 + 3 = 6", "t + i = 4950 + 100 = 5050"}},
		{"a call", "def half(x):\n    return x / 2\ny = half(9)\nprint(y)", []string{"x / 2 = 9 / 2 = 4.5", "y = 4.5"}},
		{"several at once", "a, b = 3, 4\na, b = b, a + b\nprint(b)", []string{"a = 3", "b = 4", "a = b = 4", "a + b = 3 + 4 = 7"}},
		{"texts are no numbers", "name = 'Tom 5'\nok = 3 > 2\nprint(7)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(context.Background(), c.source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range r.Steps {
				got = append(got, s.Text)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestFolded holds that a step says how many before it are left out.
func TestFolded(t *testing.T) {
	r, err := Run(context.Background(), "t = 0\nfor i in range(1, 101):\n    t += i\nprint(t)")
	if err != nil {
		t.Fatal(err)
	}
	last := r.Steps[len(r.Steps)-1]
	if last.Left != 96 || last.Name != "t" || last.Line != 3 || last.Value.Cmp(big.NewRat(5050, 1)) != 0 {
		t.Errorf("%+v", last)
	}
}

// TestStepsRead holds that what is told is read as it is meant, for all programs of the corpus: one step a line, no
// equation that the checker finds false, most of those that compute found true, and the result is the value.
func TestStepsRead(t *testing.T) {
	var computing, affirmed int
	for _, r := range corpus(t) {
		got, err := Run(context.Background(), r.Text)
		if err != nil {
			continue
		}
		for _, s := range got.Steps {
			if split := step.Split(s.Text); len(split) != 1 || split[0] != s.Text {
				t.Errorf("%q is split into %q", s.Text, split)
			}
			checks := arith.CheckStep(s.Text)
			for _, c := range checks {
				if c.Verdict == arith.False {
					t.Errorf("%q: %q is false: %s", s.Text, c.Text, c.Reason)
				}
			}
			if s.Value == nil {
				continue
			}
			if result, ok := arith.Result(s.Text); !ok || !near(result, s.Value) {
				t.Errorf("%q is read as %v, not %v", s.Text, result, s.Value)
			}
			if strings.Count(s.Text, "=") > 1 && strings.ContainsAny(s.Text, "+*/^") {
				computing++
				if slices.ContainsFunc(checks, func(c arith.Check) bool { return c.Verdict == arith.True }) {
					affirmed++
				}
			}
		}
	}
	t.Logf("of %d steps that compute %d state an equation that is found true", computing, affirmed)
	if affirmed*10 < computing*9 {
		t.Error("too few")
	}
}

// near tells whether a is b to four decimals, or to four digits.
func near(a, b *big.Rat) bool {
	x, _ := a.Float64()
	y, _ := b.Float64()
	return x-y < 1e-4 && y-x < 1e-4 || close(x/y, 1) || x/y > 0.999 && x/y < 1.001
}
