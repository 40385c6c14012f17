package oracle

import (
	"math/rand/v2"
	"regexp"
	"strings"
)

// rewording rewrites a step so that it says the same. ok is false where the rule has nothing to do.
type rewording struct {
	name  string
	apply func(rng *rand.Rand, text string) (string, bool)
}

// onEquation makes a rewording of a rule for the step's last equation.
func onEquation(rewrite func(rng *rand.Rand, e equation) (string, bool)) func(*rand.Rand, string) (string, bool) {
	return func(rng *rand.Rand, text string) (string, bool) {
		e, ok := lastEquation(text)
		if !ok {
			return "", false
		}
		return rewrite(rng, e)
	}
}

// onBinary makes one of a rule for an equation of the form a op b = c.
func onBinary(rewrite func(rng *rand.Rand, e equation, a, op, b string) (string, bool)) func(*rand.Rand, string) (string, bool) {
	return onEquation(func(rng *rand.Rand, e equation) (string, bool) {
		a, op, b, ok := binary(e.left)
		if !ok {
			return "", false
		}
		return rewrite(rng, e, a, op, b)
	})
}

var (
	inWords  = map[string][]string{"+": {"plus"}, "-": {"minus"}, "*": {"times", "multiplied by"}, "x": {"times", "multiplied by"}, "×": {"times"}, "/": {"divided by"}, "÷": {"divided by"}}
	inLatex  = map[string]string{"+": "+", "-": "-", "*": `\times`, "x": `\cdot`, "×": `\times`, "/": `\div`, "÷": `\div`}
	typeset  = strings.NewReplacer("*", "×", "/", "÷", " x ", " × ")
	mixed    = regexp.MustCompile(`\d\s+\d`) // a mixed number, which needs its space
	thousand = regexp.MustCompile(`\b([1-9]\d?\d?)(\d{3})\b`)
	opening  = []string{"Step 3: ", "So, ", "Next, ", "Therefore, ", "First, ", "Then ", "2. ", "- ", "Now, ", "We know that "}
	says     = []string{" equals ", " is ", " is equal to "}
)

func pick[T any](rng *rand.Rand, of []T) T { return of[rng.IntN(len(of))] }

func lowerFirst(s string) string {
	if len(s) < 2 || s[1] < 'a' || s[1] > 'z' || strings.HasPrefix(s, "I ") {
		return s
	}
	first, _, _ := strings.Cut(s, " ")
	for _, w := range []string{"The", "There", "This", "That", "He", "She", "It", "They", "In", "On", "If", "After", "Since", "So", "Then", "Each", "His", "Her", "Their", "Thus"} {
		if first == w {
			return strings.ToLower(s[:1]) + s[1:]
		}
	}
	return s
}

// rewordings are the rules of an audit.
var rewordings = []rewording{
	{"operands swapped", onBinary(func(_ *rand.Rand, e equation, a, op, b string) (string, bool) {
		if a == b || !strings.Contains("+*x×", op) {
			return "", false
		}
		return e.with(b+" "+op+" "+a, e.sign, e.result), true
	})},
	{"sides swapped", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		money := ""
		if strings.HasSuffix(e.sign, "$") {
			money = "$"
		}
		return e.before + money + e.result + " = " + e.left + e.after, strings.TrimSpace(e.before) == "" && !startsWithWord(e.after)
	})},
	{"typeset signs", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		return e.with(typeset.Replace(e.left), e.sign, e.result), true
	})},
	{"spacing", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		if mixed.MatchString(e.left) {
			return "", false
		}
		if strings.Contains(e.left, " ") {
			return e.with(strings.ReplaceAll(e.left, " ", ""), "="+strings.TrimLeft(e.sign, " ="), e.result), !strings.Contains(e.left, "x")
		}
		return e.with(strings.NewReplacer("+", " + ", "-", " - ", "*", " * ", "/", " / ").Replace(e.left), " = "+strings.TrimLeft(e.sign, " ="), e.result), true
	})},
	{"signs in words", onBinary(func(rng *rand.Rand, e equation, a, op, b string) (string, bool) {
		sign := e.sign
		if rng.IntN(2) == 0 {
			sign = pick(rng, says) + strings.TrimLeft(e.sign, " =")
		}
		return e.with(a+" "+pick(rng, inWords[op])+" "+b, sign, e.result), true
	})},
	{"half of", onBinary(func(rng *rand.Rand, e equation, a, op, b string) (string, bool) {
		return e.with("half of "+a, pick(rng, []string{" is ", " = "})+strings.TrimLeft(e.sign, " ="), e.result), b == "2" && (op == "/" || op == "÷")
	})},
	{"LaTeX", onBinary(func(rng *rand.Rand, e equation, a, op, b string) (string, bool) {
		plain := strings.NewReplacer("$", `\$`, "%", `\%`)
		left := plain.Replace(a) + " " + inLatex[op] + " " + plain.Replace(b)
		if (op == "/" || op == "÷") && rng.IntN(2) == 0 {
			left = `\frac{` + plain.Replace(a) + "}{" + plain.Replace(b) + "}"
		}
		return e.before + `\( ` + left + " = " + plain.Replace(strings.TrimLeft(e.sign, " =")) + e.result + ` \)` + e.after, true
	})},
	{"money moved", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		if !strings.HasSuffix(e.sign, "$") || startsWithWord(e.after) {
			return "", false
		}
		return e.with(e.left, strings.TrimSuffix(e.sign, "$"), e.result+" dollars"), true
	})},
	{"thousands separated", func(_ *rand.Rand, text string) (string, bool) {
		out := thousand.ReplaceAllString(text, "$1,$2")
		return out, out != text && !strings.Contains(text, ".")
	}},
	{"calculator mark", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		return e.with(e.left, e.sign+"<<"+strings.NewReplacer("$", "", "x", "*", "×", "*", "÷", "/", " ", "").Replace(e.left)+"="+e.result+">>", e.result), !mixed.MatchString(e.left)
	})},
	{"opening added", func(rng *rand.Rand, text string) (string, bool) { return pick(rng, opening) + lowerFirst(text), true }},
	{"equation first", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		before := strings.TrimRight(e.before, " ,:=")
		if len(strings.Fields(before)) < 3 {
			return "", false
		}
		return e.left + e.sign + e.result + strings.TrimRight(e.after, ".") + ", " + lowerFirst(before) + ".", !strings.ContainsAny(e.after, ".,;") || strings.TrimRight(e.after, ".") == ""
	})},
	{"clauses swapped", func(_ *rand.Rand, text string) (string, bool) {
		a, b, ok := strings.Cut(strings.TrimRight(text, "."), ", ")
		if !ok || strings.Contains(b, ", ") || len(strings.Fields(a)) < 2 || len(strings.Fields(b)) < 3 || strings.Contains(a, ". ") || strings.Contains(b, ". ") ||
			strings.Contains(a, "=") && strings.Contains(b, "=") {
			return "", false
		}
		for _, w := range []string{"then ", "so ", "and ", "which ", "but ", "or "} {
			b = strings.TrimPrefix(b, w)
		}
		return strings.ToUpper(b[:1]) + b[1:] + ", " + lowerFirst(a) + ".", !strings.Contains(a, "=")
	}},
	{"words dropped", onEquation(func(_ *rand.Rand, e equation) (string, bool) {
		return e.left + e.sign + e.result, strings.TrimSpace(e.before) != "" && !strings.Contains(e.before, "=")
	})},
}

func startsWithWord(s string) bool {
	s = strings.TrimLeft(s, " ")
	return s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}
