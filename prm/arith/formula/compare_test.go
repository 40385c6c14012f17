package formula

import "testing"

// Pairs by what they show. Both orders are tried.
var pairs = []struct {
	what       string
	gold, pred string
	want       Verdict
}{
	{"integers", "42", "42.", Equal}, {"integers", "42", "43", Different}, {"integers", "-5", "−5", Equal}, {"integers", "0", "-0", Equal}, {"integers", "007", "7", Equal},
	{"thousands", "1,234,567", "1234567", Equal}, {"thousands", "1{,}234", "1234", Equal}, {"thousands", "1.234.567,5", "1234567.5", Equal}, {"thousands", `10\,000`, "10000", Equal},
	{"thousands", "1 234 567", "1234567", Equal}, {"thousands", "12,34", "1234", Different},
	{"decimals", "0.5", "1/2", Equal}, {"decimals", "0.33", "1/3", Equal}, {"decimals", "0.3", "1/3", Different}, {"decimals", "3.14", `\pi`, Equal}, {"decimals", "3.15", `\pi`, Different}, {"decimals", "1.41", `\sqrt2`, Equal},
	{"decimals", "0.125", "0.13", Different}, {"decimals", "2.0", "2", Equal}, {"decimals", `0.\overline{3}`, "1/3", Equal}, {"decimals", `0.1\overline{6}`, `\frac16`, Equal},
	{"fractions", `\frac{3}{4}`, "3/4", Equal}, {"fractions", `\dfrac{3}{4}`, `\frac34`, Equal}, {"fractions", `\frac{6}{8}`, `\tfrac{3}{4}`, Equal}, {"fractions", `\frac{3}{4}`, `\frac{4}{3}`, Different},
	{"fractions", `2\frac{1}{3}`, `\frac{7}{3}`, Equal}, {"fractions", "2 1/3", "7/3", Equal}, {"fractions", `-\frac{1}{2}`, `\frac{-1}{2}`, Equal}, {"fractions", `-1\frac12`, "-3/2", Equal}, {"fractions", "½", "0.5", Equal}, {"fractions", `\frac1{72}`, "1/72", Equal},
	{"percent", `50\%`, "0.5", Equal}, {"percent", "50%", "50", Equal}, {"percent", "50%", "5", Different}, {"percent", "33.33%", "1/3", Equal}, {"percent", `12.5\%`, `\frac18`, Equal},
	{"currency", `\$5`, "5", Equal}, {"currency", "$1,200.50", "1200.5", Equal}, {"currency", "€3", "3", Equal},
	{"units", "12 in.", "1 ft", Equal}, {"units", "12 inches", "1 foot", Equal}, {"units", `5\text{ cm}`, "5", Equal}, {"units", `5\text{ cm}`, `50\text{ mm}`, Equal}, {"units", "3 hours", "3 minutes", Different}, {"units", "5 kg", "5 meters", Different},
	{"units", `10\text{ cm}^2`, "10", Equal}, {"units", "2 hours", "120 minutes", Equal}, {"units", `60\text{ km/h}`, "60 km per hour", Equal}, {"units", "5 apples", "5", Equal}, {"units", "5m", "5", Equal}, {"units", `90^\circ`, "90", Equal}, {"units", "90°", "45°", Different},
	{"scientific", "1.5e3", "1500", Equal}, {"scientific", `1.5 \times 10^3`, "1500", Equal}, {"scientific", `6.02\cdot10^{23}`, "6.02e23", Equal}, {"scientific", "1e3", "1e4", Different},
	{"powers", "2^{10}", "1024", Equal}, {"powers", "2^10", "1024", Equal}, {"powers", "2**10", "1024", Equal}, {"powers", "2^{-1}", "1/2", Equal}, {"powers", "2^{3^2}", "512", Equal}, {"powers", "-2^2", "-4", Equal}, {"powers", "(-2)^2", "4", Equal}, {"powers", "x²", "x^2", Equal},
	{"powers", "2^{1000000}", "2^{1000001}", Different}, {"powers", "8^{1/3}", "2", Equal}, {"powers", "(-8)^{1/3}", "-2", Equal}, {"powers", "10^{-40}", "2*10^{-40}", Different},
	{"surds", `\sqrt{8}`, `2\sqrt{2}`, Equal}, {"surds", `\sqrt8`, `2\sqrt2`, Equal}, {"surds", `\frac{1}{\sqrt{2}}`, `\frac{\sqrt{2}}{2}`, Equal}, {"surds", `\frac{1}{1+\sqrt2}`, `\sqrt2-1`, Equal}, {"surds", `\sqrt{5+2\sqrt6}`, `\sqrt2+\sqrt3`, Equal}, {"surds", `\sqrt[3]{27}`, "3", Equal},
	{"surds", `\sqrt{2}`, `\sqrt{3}`, Different}, {"surds", "sqrt(12)", `2\sqrt{3}`, Equal}, {"surds", "2√3", `\sqrt{12}`, Equal}, {"surds", `\sqrt[4]{16}`, "2", Equal}, {"surds", `\sqrt{-4}`, "2i", Equal},
	{"constants", `2\pi`, "6.28", Equal}, {"constants", `\pi`, `\frac{22}{7}`, Different}, {"constants", "e^2", "exp(2)", Equal}, {"constants", `e^{i\pi}`, "-1", Equal}, {"constants", `e^{\pi\sqrt{163}}`, "262537412640768744", Different}, {"constants", `\infty`, "infinity", Equal}, {"constants", `\infty`, `-\infty`, Different},
	{"constants", "i^2", "-1", Equal}, {"constants", "3+4i", "4i+3", Equal}, {"constants", "3+4i", "3-4i", Different}, {"constants", `|3+4i|`, "5", Equal}, {"constants", `\frac{1}{i}`, "-i", Equal},
	{"trigonometry", `\sin\frac{\pi}{6}`, `\frac12`, Equal}, {"trigonometry", `\cos(30^\circ)`, `\frac{\sqrt3}{2}`, Equal}, {"trigonometry", `\sin^2 x+\cos^2 x`, "1", Equal}, {"trigonometry", `\tan x`, `\frac{\sin x}{\cos x}`, Equal}, {"trigonometry", `\arctan 1`, `\frac{\pi}{4}`, Equal},
	{"trigonometry", `\sin 2x`, `2\sin x\cos x`, Equal}, {"trigonometry", `\sin x`, `\cos x`, Different}, {"trigonometry", `\arcsin 1`, `\frac{\pi}{2}`, Equal}, {"trigonometry", `\sin(\pi)`, "0", Equal}, {"trigonometry", `\sin^{-1}(1/2)`, `\pi/6`, Equal},
	{"logarithms", `\log_2 8`, "3", Equal}, {"logarithms", `\ln e^3`, "3", Equal}, {"logarithms", `\log 100`, "2", Equal}, {"logarithms", `\ln 6`, `\ln 2+\ln 3`, Equal}, {"logarithms", `\log_{10} 1000`, "3", Equal}, {"logarithms", `\frac{\ln 8}{\ln 2}`, "3", Equal}, {"logarithms", `\ln 2`, `\ln 3`, Different},
	{"factorials", "5!", "120", Equal}, {"factorials", `\binom{5}{2}`, "10", Equal}, {"factorials", `\frac{10!}{8!}`, "90", Equal}, {"factorials", `\binom{5}{2}`, `\binom{5}{3}`, Equal}, {"factorials", `\dbinom{6}{2}`, "14", Different},
	{"absolute values", "|-3|", "3", Equal}, {"absolute values", `\left|-\frac12\right|`, "1/2", Equal}, {"absolute values", `\lfloor 3.7\rfloor`, "3", Equal}, {"absolute values", `\lceil\pi\rceil`, "4", Equal}, {"absolute values", "2|x|", "|2x|", Equal},
	{"series", `\sum_{k=1}^{10} k`, "55", Equal}, {"series", `\prod_{k=1}^{5} k`, "5!", Equal}, {"series", `\sum_{k=0}^{3} x^k`, "1+x+x^2+x^3", Equal}, {"series", `\sum_{i=1}^{3} i^2`, "15", Different},
	{"symbols", "x+1", "1+x", Equal}, {"symbols", "(x+1)^2", "x^2+2x+1", Equal}, {"symbols", "(x+1)^2", "x^2+1", Different}, {"symbols", `\frac{x^2-1}{x-1}`, "x+1", Equal}, {"symbols", "2(x+y)", "2x+2y", Equal}, {"symbols", "ab", "ba", Equal}, {"symbols", "a_1+a_2", "a_2+a_1", Equal},
	{"symbols", "x", "y", Different}, {"symbols", "x+1", "y+1", Different}, {"symbols", `\sqrt{x^2}`, "x", Different}, {"symbols", `\sqrt{x^2}`, "|x|", Equal}, {"symbols", `\alpha+\beta`, `\beta+\alpha`, Equal}, {"symbols", "x^{-1}", `\frac1x`, Equal}, {"symbols", "xy+1", "1+yx", Equal}, {"symbols", "3x", "3", Different},
	{"symbols", "-x+3", "3-x", Equal}, {"symbols", "x*y/z", `\frac{xy}{z}`, Equal}, {"symbols", "e^{x+y}", "e^x e^y", Equal}, {"symbols", "2^{x+1}", `2\cdot 2^x`, Equal},
	{"assignments", "x=5", "5", Equal}, {"assignments", "x = 5", "x = 6", Different}, {"assignments", "5", "y=5", Equal}, {"assignments", "f(x)=x^2", "x^2", Equal}, {"assignments", "x=1, y=2", "y=2, x=1", Equal}, {"assignments", "x=1, y=2", "(1,2)", Equal}, {"assignments", "x=1, y=2", "x=2, y=1", Different},
	{"assignments", "x=2 or x=3", "2, 3", Equal}, {"assignments", "x=2, x=3", `\{3,2\}`, Equal}, {"assignments", "3+4=7", "7", Equal}, {"assignments", "x = y = 3", "3", Equal},
	{"plus or minus", `\pm 3`, "3, -3", Equal}, {"plus or minus", `x=\pm\sqrt2`, `\sqrt2,-\sqrt2`, Equal}, {"plus or minus", `1\pm\sqrt2`, `\{1-\sqrt2, 1+\sqrt2\}`, Equal}, {"plus or minus", `\pm 3`, "3", Different}, {"plus or minus", "±3", `\pm 3`, Equal}, {"plus or minus", `\frac{1\pm\sqrt5}{2}`, `\frac{1+\sqrt5}{2},\frac{1-\sqrt5}{2}`, Equal},
	{"equations", "y=2x+1", "2x-y+1=0", Equal}, {"equations", "y=2x+1", "y=2x+2", Different}, {"equations", "x^2+y^2=25", "y^2=25-x^2", Equal}, {"equations", "2x+4y=6", "x+2y=3", Equal}, {"equations", "y = 2x+1", "2x+1", Equal}, {"equations", "3x+4y=12", "3x-4y=12", Different},
	{"inequalities", "x>3", "3<x", Equal}, {"inequalities", "x>3", `x\ge 3`, Different}, {"inequalities", "x>3", `(3,\infty)`, Equal}, {"inequalities", `1<x\le5`, "(1,5]", Equal}, {"inequalities", "2x>6", "x>3", Equal}, {"inequalities", "-x>3", "x<-3", Equal}, {"inequalities", "x<1 or x>2", `(-\infty,1)\cup(2,\infty)`, Equal},
	{"inequalities", "x>1 and x<3", "(1,3)", Equal}, {"inequalities", `x\in[1,2]`, `1\le x\le2`, Equal}, {"inequalities", `x\ne 2`, `(-\infty,2)\cup(2,\infty)`, Equal}, {"inequalities", "x+y<3", "y<3-x", Equal}, {"inequalities", "x+y<3", "x+y>3", Different}, {"inequalities", `x \geq -1`, `x \leq -1`, Different}, {"inequalities", "y<2x+1", "y<2x+2", Different},
	{"intervals", "[1,2]", "[1,2)", Different}, {"intervals", "[1,2]", "[1, 2]", Equal}, {"intervals", "(1,2)", "(1,3)", Different}, {"intervals", `[0,1]\cup[1,2]`, "[0,2]", Equal}, {"intervals", `(-\infty,0)\cup(0,\infty)`, `\mathbb{R}\setminus\{0\}`, Equal}, {"intervals", `[0,2]\cap[1,3]`, "[1,2]", Equal},
	{"intervals", `\left[\frac12,\sqrt4\right]`, "[0.5,2]", Equal}, {"intervals", `\left(-\infty, \frac{1}{2}\right]`, `x \le 0.5`, Equal}, {"intervals", `[a,b]`, `[a,c]`, Different}, {"intervals", `(0, \pi)`, `(0, 3.14159)`, Equal},
	{"sets", `\{1,2,3\}`, `\{3,2,1\}`, Equal}, {"sets", `\{1,2\}`, `\{1,2,3\}`, Different}, {"sets", `\{1,2\}`, "1, 2", Equal}, {"sets", "1, 2 and 3", "3, 1, 2", Equal}, {"sets", `\{1,2\}\cup\{3\}`, `\{1,2,3\}`, Equal}, {"sets", `\emptyset`, `\{\}`, Equal}, {"sets", `\{5\}`, "5", Equal}, {"sets", `\{a,b\}`, `\{b,a\}`, Equal}, {"sets", `\{1,1,2\}`, `\{1,2\}`, Equal},
	{"sets", `\varnothing`, "no solution", Equal}, {"sets", "no solution", "5", Different}, {"sets", `\{\frac12, 3\}`, `\{3, 0.5\}`, Equal}, {"sets", `\{1,2\}`, "{2,1}", Equal},
	{"tuples", "(1,2)", "(2,1)", Different}, {"tuples", "(1,2)", "(1, 2)", Equal}, {"tuples", "(1,2,3)", `\left(1,2,3\right)`, Equal}, {"tuples", `\langle 1,2\rangle`, "(1,2)", Equal}, {"tuples", `(\frac12, \sqrt4)`, "(0.5, 2)", Equal}, {"tuples", "(1,2)", "(1,2,3)", Different}, {"tuples", "(1,200)", "1200", Different},
	{"matrices", `\begin{pmatrix}1&2\\3&4\end{pmatrix}`, `\begin{bmatrix}1&2\\3&4\end{bmatrix}`, Equal}, {"matrices", `\begin{pmatrix}1&2\\3&4\end{pmatrix}`, `\begin{pmatrix}1&3\\2&4\end{pmatrix}`, Different}, {"matrices", `\begin{pmatrix}1\\2\end{pmatrix}`, "(1,2)", Equal},
	{"matrices", `\frac12\begin{pmatrix}2&4\\6&8\end{pmatrix}`, `\begin{pmatrix}1&2\\3&4\end{pmatrix}`, Equal}, {"matrices", `\begin{pmatrix}\frac12\\0.5\end{pmatrix}`, `\begin{pmatrix}0.5\\ 1/2\end{pmatrix}`, Equal},
	{"slips", `\frac{1}{2`, "1/2", Equal}, {"slips", `\boxed{5`, "5", Equal}, {"slips", "(x+1", "x+1", Equal}, {"slips", `\boxed{\frac{1}{2}}`, "0.5", Equal}, {"slips", `\sqrt{3`, `\sqrt3`, Equal}, {"slips", "5}", "5", Equal},
	{"wrapping", "$5$", "5", Equal}, {"wrapping", `\(x+1\)`, "x+1", Equal}, {"wrapping", `\[ 5 \]`, "5", Equal}, {"wrapping", "**7**", "7", Equal}, {"wrapping", `\text{Monday}`, "monday", Equal}, {"wrapping", `\displaystyle\frac12`, "0.5", Equal}, {"wrapping", `\text{(B)}`, "B", Equal}, {"wrapping", `\mathrm{A}`, "A", Equal},
	{"words", "Monday", "Tuesday", Different}, {"words", "Monday", "Mon", Unknown}, {"words", "even", "an even number", Unknown},
	{"slips", "frac{9}{4}", `\frac94`, Equal}, {"slips", `\begin{pmatrix}2\\[4pt]5\end{pmatrix}`, "(2,5)", Equal}, {"powers", "(-2)^4", "-2^4", Different}, {"factorials", `{6 \choose 2}`, "15", Equal}, {"factorials", `\binom{n+1}{2}`, `\frac{n(n+1)}{2}`, Equal},
	{"factorials", "5!", "5", Different}, {"absolute values", "|x-3|", "3-x", Different}, {"matrices", `\begin{vmatrix}1&2\\3&4\end{vmatrix}`, "-2", Equal}, {"matrices", `\det\begin{pmatrix}1&2\\3&4\end{pmatrix}`, "2", Different}, {"assignments", "(x,y)=(3,-5)", "(3,-5)", Equal}, {"assignments", "f(2)=12", "12", Equal},
	{"sets", `\{x : 2 < x < 7\}`, "(2,7)", Equal}, {"sets", `\{x \mid x > 2\}`, `(2,\infty)`, Equal}, {"equations", "x^2+y^2=25", "x^2+y^2=26", Different}, {"equations", `\frac{x^2}{4}+\frac{y^2}{9}=1`, `9x^2+4y^2=36`, Equal}, {"equations", "(x-1)^2+(y+2)^2=9", "(x+1)^2+(y-2)^2=9", Different},
	{"symbols", `\alpha+2`, "α+2", Equal}, {"modulus", `3 \pmod{7}`, `10 \pmod 7`, Equal}, {"modulus", `3 \pmod{7}`, `4 \pmod 7`, Different}, {"modulus", `3 \pmod{7}`, `3 \pmod 8`, Different}, {"slips", `\approx 2.7`, "2.7", Equal}, {"words", "ellipse", "false", Different}, {"words", "yes", "true", Unknown}, {"percent", "0.6%", "0.6", Different}, {"words", "yes", "no", Different}, {"words", "True", "true", Equal}, {"words", "A", "B", Different}, {"words", `\text{even}`, "even", Equal},
}

func TestCompare(t *testing.T) {
	for _, p := range pairs {
		a, err := Parse(p.gold)
		if err != nil && p.want != Unknown {
			t.Errorf("%s: %q: %v", p.what, p.gold, err)
			continue
		}
		b, errB := Parse(p.pred)
		if errB != nil && p.want != Unknown {
			t.Errorf("%s: %q: %v", p.what, p.pred, errB)
			continue
		}
		if err != nil || errB != nil {
			continue
		}
		if got := Compare(a, b, Options{}); got != p.want {
			t.Errorf("%s: %q (%s) and %q (%s): %v, want %v", p.what, p.gold, a, p.pred, b, got, p.want)
		}
		if got := Compare(b, a, Options{}); got != p.want {
			t.Errorf("%s: %q (%s) and %q (%s): %v, want %v", p.what, p.pred, b, p.gold, a, got, p.want)
		}
	}
}
