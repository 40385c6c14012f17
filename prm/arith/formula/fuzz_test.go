package formula

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aprm/prm/arith/internal/bounds"
)

// FuzzParse: any text is read or refused, quickly, and what is read equals itself, with space and wrapping too.
func FuzzParse(f *testing.F) {
	for _, p := range pairs {
		f.Add(p.gold)
		f.Add(p.pred)
	}
	for _, s := range []string{"2^2^2^2^2^2^2", "9^9^9^9", "((((((", `\frac{\frac{`, "1000!!", `\sum_{k=1}^{2000}\sum_{j=1}^{2000} kj`, "1e999", "x^x^x", strings.Repeat(`\frac1`, 300), strings.Repeat("1,", 500), `\sqrt[1000]{2}`, "0^0", "0^{-1}", `\log_1 2`, `\{x|x>3\}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bounds.Check(t, func() {
			if n, err := Parse(text); err == nil {
				Compare(n, n, Options{})
			}
		})
		n, err := Parse(text)
		if (n == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, n, err)
		}
		if err != nil {
			return
		}
		if v := Compare(n, n, Options{}); v != Equal {
			t.Fatalf("%q (%s) is %v to itself", text, n, v)
		}
		for _, other := range []string{" " + text + "\n", "$" + strings.Trim(text, " $") + "$", `\boxed{` + text + "}"} {
			m, err := Parse(other)
			if err != nil {
				continue // a sign that was taken off before may not be now
			}
			if v := Compare(n, m, Options{}); v == Different && balanced(text) {
				t.Fatalf("%q (%s) and %q (%s): %v", text, n, other, m, v)
			}
		}
	})
}

// balanced reports whether wrapping text can't change how it reads.
func balanced(text string) bool {
	return !strings.ContainsAny(text, "\\{}$`\"*.,;:\n\t '")
}

// FuzzCompare: the order of two answers doesn't matter.
func FuzzCompare(f *testing.F) {
	for _, p := range pairs {
		f.Add(p.gold, p.pred)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errX := Parse(a)
		y, errY := Parse(b)
		if errX != nil || errY != nil {
			return
		}
		bounds.Check(t, func() { Compare(x, y, Options{}) })
		one, two := Compare(x, y, Options{}), Compare(y, x, Options{})
		if one != two {
			t.Fatalf("%q (%s), %q (%s): %v one way, %v the other", a, x, b, y, one, two)
		}
	})
}

// Expressions drawn at random equal themselves written otherwise, and differ from themselves plus one.
func TestProperties(t *testing.T) {
	var expression func(depth int) *rapid.Generator[string]
	expression = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
				return rapid.SampledFrom([]string{"x", "y", "2", "3", "7", `\pi`, `\sqrt{2}`, `\frac{1}{3}`, "0.25"}).Draw(t, "atom")
			}
			a, b := expression(depth-1).Draw(t, "a"), expression(depth-1).Draw(t, "b")
			return rapid.SampledFrom([]string{"(" + a + "+" + b + ")", "(" + a + "-" + b + ")", "(" + a + ")(" + b + ")", `\frac{` + a + "}{" + b + "}", "(" + a + ")^2"}).Draw(t, "op")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		e := expression(3).Draw(t, "expression")
		n, err := Parse(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, same := range []string{"0+" + e, "1*" + e, `\frac{2(` + e + ")}{2}", "-(-" + e + ")", "$" + e + "$", e + "."} {
			m, err := Parse(same)
			if err != nil {
				t.Fatalf("%s: %v", same, err)
			}
			if v := Compare(n, m, Options{}); v == Different {
				t.Fatalf("%s and %s differ", e, same)
			}
		}
		m, err := Parse(e + "+1")
		if err != nil {
			t.Fatal(err)
		}
		if v := Compare(n, m, Options{}); v == Equal {
			t.Fatalf("%s and %s are equal", n, m)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for _, pair := range []struct{ name, gold, pred string }{
		{"integers", "18", "18.00"}, {"fractions", `\frac{3}{4}`, "0.75"}, {"surds", `\frac{1}{\sqrt2}`, `\frac{\sqrt2}{2}`}, {"symbols", "(x+1)^2", "x^2+2x+1"}, {"intervals", `(-\infty, 3]`, `x \le 3`}, {"trigonometry", `\sin 2x`, `2\sin x\cos x`},
	} {
		b.Run(pair.name, func(b *testing.B) {
			for b.Loop() {
				x, _ := Parse(pair.gold)
				y, _ := Parse(pair.pred)
				Compare(x, y, Options{})
			}
		})
	}
}
