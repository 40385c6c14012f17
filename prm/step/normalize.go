package step

import (
	"regexp"
	"strings"
)

var (
	// lead matches what numbers or marks a line: heading and answer marks, "Step 2:", "2.", "2)", bullets, "$$". Where
	// nothing follows a number, it is not a mark but what the line says.
	lead = regexp.MustCompile(`(?m)^(?: ?(?:#+ ?|(?i:step) ?\d+(?: ?[:.)–-]\s+|\n)|\d{1,3}[.)]\s+|[-*+•] |\$\$ ?))+`)
	bold = regexp.MustCompile(`(^|[^\w*])\*\*([^\s*](?:[^*\n]*[^\s*])?)\*\*($|[^\w*])`)
	// delimiters of formulas; a doubled backslash before one is a line break in a formula.
	opening = regexp.MustCompile(`(^|[^\\])\\[(\[] ?`)
	closing = regexp.MustCompile(`(^|[^\\ ]) ?\\[)\]]`)
	display = regexp.MustCompile(`(?m)(?: ?\$\$)+ ?$`)
)

// Normalize strips from a step what is format and not reasoning, so that a PRM cannot tell steps of different origin by
// it: "Step 2:", "2.", "- ", "####" and headings at the start of a line, calculator marks (<<48/2=24>>), bold marks,
// the delimiters of formulas, and superfluous space. Normalize(Normalize(s)) == Normalize(s).
func Normalize(s string) string {
	s = withoutMarks(s)
	for {
		t := tidy(s)
		if strings.Contains(t, "**") {
			t = bold.ReplaceAllString(t, "$1$2$3")
		}
		if strings.Contains(t, `\`) {
			t = opening.ReplaceAllString(t, "$1")
			t = closing.ReplaceAllString(t, "$1")
		}
		if strings.Contains(t, "$$") {
			t = display.ReplaceAllString(t, "")
		}
		t = withoutMarks(lead.ReplaceAllString(t, ""))
		if t == s {
			return s
		}
		s = t
	}
}

// tidy leaves single spaces between words, and no empty lines.
func tidy(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// withoutMarks drops calculator marks, nested ones too, each within its line.
func withoutMarks(s string) string {
	if !strings.Contains(s, "<<") {
		return s
	}
	out := make([]byte, 0, len(s))
	var open []int // where in out the marks not yet closed begin
	for i := range len(s) {
		c, n := s[i], len(out)
		switch {
		case c == '\n':
			open = open[:0]
		case n == 0 || out[n-1] != c:
		case c == '<' && (len(open) == 0 || open[len(open)-1] != n-2):
			open = append(open, n-1)
		case c == '>' && len(open) > 0:
			out, open = out[:open[len(open)-1]], open[:len(open)-1]
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// answer matches, in a normalised step on one line, the bare statement of a result: a quantity alone, or after "the
// answer is".
var answer = regexp.MustCompile(`^(?i:(?:(?:so|thus|hence|therefore|finally|and),? )*(?:(?:the|our|my) )?(?:final )?answer(?: is)?\s?[:=]? ?[^=+*×÷]{1,60}|` +
	`[$€£]? ?-?[$€£]?\d[\d,./: ]*%?(?: ?[a-z]+){0,2}|\$?\\boxed\{[^=]*\}\$?)[.!]?$`)

// IsAnswer reports whether a step only states the final answer ("#### 72", "The answer is 72.") and reasons nothing.
func IsAnswer(s string) bool {
	return answer.MatchString(strings.ReplaceAll(Normalize(s), "\n", " "))
}
