package arith

import (
	"strings"
	"testing"

	"aprm/prm/arith/internal/bounds"
)

var seeds = []string{
	"Natalia sold 48/2 = <<48/2=24>>24 clips", `\( 12 \text{ dollars/hour} \times \frac{5}{6} \text{ hours} = 10 \)`, "1 1/2 * 4 = 6", "20% of 50 = $10",
	`\boxed{\frac{1}{2}}`, "#### 1,200", "The answer is **-5**.", "2^64^64", "((((1))))", "10/3 ≈ 3.33", "1/0 = 2", "x = 5 = 3 + 2", "half of 48 is 24", `\frac12 = .5`,
	`\frac{\frac{1}{2}`, "<think>5</think> 6", "9999999999999999^64", "½ + − × ÷", "<<>>", "5 =", "= 5", "1,2,3,456 + 0730", "1 - - - 2",
}

func seed(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
}

// FuzzCheckStep: checks lie within the text, in order, and none is decided without two sides.
func FuzzCheckStep(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		bounds.Check(t, func() { CheckStep(text) })
		last := 0
		for _, c := range CheckStep(text) {
			if c.Start < last || c.End < c.Start || c.End > len(text) || c.Text != text[c.Start:c.End] {
				t.Fatalf("%q: misplaced %+v", text, c)
			}
			last = c.Start
			if c.Verdict != Unknown && (c.Left == nil || c.Right == nil) {
				t.Fatalf("%q: %v without both sides: %+v", text, c.Verdict, c)
			}
			if c.Verdict == False && (c.Reason == "" || c.Left.Cmp(c.Right) == 0) {
				t.Fatalf("%q: false without a reason: %+v", text, c)
			}
		}
	})
}

// FuzzNumbers: what a number spans is in the text, and reads as that number.
func FuzzNumbers(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, n := range Numbers(text) {
			if n.Start < 0 || n.End > len(text) || n.Start >= n.End || n.Value == nil || n.Value.Sign() < 0 {
				t.Fatalf("%q: %+v", text, n)
			}
		}
	})
}

// FuzzEval: there is a value or an error, within the limits.
func FuzzEval(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		bounds.Check(t, func() { Eval(text) })
		v, err := Eval(text)
		if (v == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, v, err)
		}
		if err != nil {
			return
		}
		if v.Num().BitLen() > maxBits || v.Denom().BitLen() > maxBits {
			t.Fatalf("%q: %d bits", text, v.Num().BitLen())
		}
	})
}

// FuzzExtract: an answer isn't empty.
func FuzzExtract(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		bounds.Check(t, func() { Extract(text) })
		if answer, ok := Extract(text); ok != (answer != "") {
			t.Fatalf("%q: %q, %v", text, answer, ok)
		}
	})
}

// FuzzEqual: equality is symmetric, reflexive, and blind to space around it.
func FuzzEqual(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)])
	}
	f.Add("0.5", "50%")
	f.Fuzz(func(t *testing.T, a, b string) {
		bounds.Check(t, func() { Equal(a, b) })
		ab := Equal(a, b)
		if ba := Equal(b, a); ab != ba {
			t.Fatalf("%q, %q: %v one way, %v the other", a, b, ab, ba)
		}
		if padded := Equal("  "+a+" ", b+"\n"); padded != ab {
			t.Fatalf("%q, %q: %v, with space %v", a, b, ab, padded)
		}
		if Equal(a, a) == False {
			t.Fatalf("%q differs from itself", a)
		}
	})
}

func TestLimits(t *testing.T) {
	for name, expr := range map[string]string{
		"depth": strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000), "signs": strings.Repeat("-", 10_000) + "1", "exponent": "2^65",
		"bits": "9999999999999999999999^64", "tower": strings.Repeat("9^", 500) + "9", "fractions": strings.Repeat(`\frac{1}{`, 5000) + "1",
	} {
		if v, err := Eval(expr); err == nil && v.Num().BitLen() > maxBits {
			t.Errorf("%s: %d bits", name, v.Num().BitLen())
		}
	}
	long := strings.Repeat("1 + ", 1<<20) + "1 = 2"
	if len(CheckStep(long)) > 0 || len(Numbers(long)) > maxText {
		t.Error("a text beyond the limits was read whole")
	}
}

func TestEval(t *testing.T) {
	for expr, want := range map[string]string{
		"2 + 3 * 4": "14", "(2 + 3) * 4": "20", "1/2": "1/2", "1 1/2": "3/2", "20% of 50": "10", "$1,200.50": "2401/2", `\frac{3}{4} \times 8`: "6", "2(3+4)": "14",
		"7 · 8": "56", "10 ÷ 4": "5/2", "3 x 5": "15", "2^10": "1024", "2^-1": "1/2", "-3 + 5": "2", "1 - -2": "3", `12 \text{ dollars/hour} \cdot 2 \text{ hours}`: "24",
		"half of 9": "9/2", "50¢": "50", "10/2/5": "1", "2 times 3 plus 1": "7",
	} {
		if got, err := Eval(expr); err != nil || got.RatString() != want {
			t.Errorf("Eval(%q) = %v, %v, want %s", expr, got, err, want)
		}
	}
	for _, expr := range []string{"", "x", "2 +", "1/0", "(1", "2x + 1", "3 apples and 4", "0^-1"} {
		if got, err := Eval(expr); err == nil {
			t.Errorf("Eval(%q) = %v, want an error", expr, got)
		}
	}
}

func TestResult(t *testing.T) {
	for text, want := range map[string]string{
		"Natalia sold 48/2 = 24 clips in May.": "24", "She has 5 apples and 7 pears": "7", "5 + 3 = 8 = 4 * 2": "8", "No number": "", "3 - 5 = -2": "-2",
	} {
		got, ok := Result(text)
		if ok != (want != "") || ok && got.RatString() != want {
			t.Errorf("Result(%q) = %v, %v, want %q", text, got, ok, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	numbers := Numbers("She paid $1,200.50 for 3 boxes, 20% less than in 2019.")
	want := []struct {
		value, unit string
		percent     bool
	}{{"2401/2", "for", false}, {"3", "boxes", false}, {"20", "", true}, {"2019", "", false}}
	if len(numbers) != len(want) {
		t.Fatalf("%+v", numbers)
	}
	for i, n := range numbers {
		if n.Value.RatString() != want[i].value || n.Unit != want[i].unit || n.Percent != want[i].percent {
			t.Errorf("%d: %+v, want %+v", i, n, want[i])
		}
	}
}

func BenchmarkCheckStep(b *testing.B) {
	for b.Loop() {
		CheckStep("This means, Betty needs 100 - 50 - 30 - 15 = $5 more.")
	}
}
