package arith

import (
	"errors"
	"strings"
	"testing"

	"aprm/prm/arith/internal/bounds"
)

// large are the pieces of texts that a reader of answers or steps might take too long over.
var large = []string{
	`\boxed{5}` + "\n", `\boxed{`, `\boxed{5} and `, `\boxed{}`, `\frac{`, `\frac{1}{2}`, `\frac{\frac{`, "####", "#### 5\n", "#", "The answer is ", "answer: 5 ", "the answer is 5. ", "<answer>", "<answer>5</answer>", "<think>", "</think>",
	"(", ")", "[", "{", "1 + ", "1 + 1 = ", "1 + x = ", "1 = ", "1 + 2 + 3 = 4, ", "((1 + 2) * 3 = ", "9^", "9999999999^64 = ", "1, ", "1,234,", "12,34,567 ", "<<1+1=2>>", "<<", "3 * 4 = 12\n", "a", "a ", "not ", "not 20 but ", "because ", "- ", "--", "-1",
	"**5** ", "*5* ", "*", "**", "__5__", "$", "$5 ", "$5$", `\(5\)`, `\[`, "$$", `\text{`, `\text{a}`, `\left(`, `\sqrt`, `\sqrt{`, "√", "½", "²", "1²", "⁻", "!", "5!", "5! + ", "5:", "5:30 ", "=", "= 5", "5'", `5"`, "Mrs. ", "a. ", "?", "5\n", "\n", " ", "\\", "\\\\", "^{", "^2", "_",
	"twenty-", "one hundred and ", "5 million ", "at least ", "x = 5, ", "x < 5 or ", "5 and ", "5 hours 3 minutes ", "2 dozen ", "3rd ", "½ of ", "(A) ", "suppose ", "false ", "\u00a0", "é", "\xff", "π", "∑", "1/", "1/2 (", "1 1/2 ", "0.", "...", "…", "5 apples (", "(apples) ", "A:", "\nA: 5",
}

const size = 100_000

func fill(piece string) string { return strings.Repeat(piece, size/len(piece)) }

// TestLarge: no text of 100 KB takes long, whatever it repeats (see bounds.Check).
func TestLarge(t *testing.T) {
	for _, piece := range large {
		text := fill(piece)
		for name, f := range map[string]func(){
			"extract": func() { Extract(text) }, "check": func() { CheckStep(text) }, "equal": func() { Equal("5", text) }, "equal to itself": func() { Equal(text, text+" ") },
			"numbers": func() { Numbers(text) }, "eval": func() { Eval(text) }, "result": func() { Result(text) }, "ended": func() { Equal("5", text+"\n#### 5") }, "boxed": func() { Equal("5", `\boxed{`+text+"}") },
		} {
			t.Run(name+" "+piece, func(t *testing.T) { bounds.Check(t, f) })
		}
	}
}

// FuzzLarge: nor does any other text that is repeated up to 100 KB.
func FuzzLarge(f *testing.F) {
	for _, piece := range large {
		f.Add(piece, "5")
	}
	f.Fuzz(func(t *testing.T, piece, end string) {
		if piece == "" || len(piece) > size || len(end) > size {
			return
		}
		text := fill(piece) + end
		bounds.Check(t, func() { Extract(text) })
		bounds.Check(t, func() { CheckStep(text) })
		bounds.Check(t, func() { Equal(end, text) })
	})
}

// TestBeyond: what stands beyond the bound of a step, or across it, is called neither true nor false, and of an
// expression no part is taken for all.
func TestBeyond(t *testing.T) {
	for _, filler := range []string{"She thinks about it.\n", "She thinks about it. ", "and so on, ", "word "} {
		for cut := range 24 {
			text := strings.Repeat(filler, maxText/len(filler)+1)[:maxText-cut] + "\n3 + 4.25 = 7\\frac{1}{4}, 2 + 2 = 4,000 / 1,000 and 1 + 1 = 3."
			for _, c := range CheckStep(text) {
				if c.Verdict != Unknown {
					t.Errorf("%q, %d bytes before the bound: %v (%s)", filler, cut, c.Verdict, c.Text)
				}
			}
			if v, ok := Result(text); !ok || v.RatString() != "3" {
				t.Errorf("%q, %d bytes before the bound: the result is %v", filler, cut, v)
			}
			for _, n := range Numbers(text) {
				t.Errorf("%q, %d bytes before the bound: %v is read", filler, cut, n.Value)
			}
		}
	}
	if v, err := Eval("1" + strings.Repeat(" + 1", maxText)); !errors.Is(err, ErrLimit) {
		t.Errorf("a sum beyond the bound is %v, %v", v, err)
	}
	if checks := CheckStep(strings.Repeat("3 + 4 = 8.\n", maxText)); len(checks) == 0 || checks[0].Verdict != False {
		t.Error("what stands before the bound isn't read")
	}
}
