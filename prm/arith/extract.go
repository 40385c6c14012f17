package arith

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"aprm/prm/arith/formula"
)

// Extract finds the final answer that a text states. Only what follows the last </think> counts, and of that only what stands
// before a <think> that is still open: thoughts are no answer, closed or not. An announcement is looked for first: \boxed{…}, a line with ####, "the answer is …", "Final Answer: …"; where there are several the last one that
// holds something stands. Failing that, the answer is the last number of the last line that has one, provided that this line
// is among the last three and no question. ok is false when there is none.
//
// A number comes back alone, with its percent sign: "#### $1,200 per month" is "1,200". Of an equation the right side counts.
func Extract(text string) (answer string, ok bool) {
	text = aloud(text)
	if len(text) > maxText {
		text = text[len(text)-maxText:]
	}
	best, at := "", -1
	for _, find := range []func(string) (string, int){lastBoxed, lastMarked, lastSaid} {
		if found, where := find(text); where > at {
			best, at = found, where
		}
	}
	if at >= 0 {
		return best, true
	}
	lines := strings.Split(strings.TrimRight(text, " \n\t`"), "\n")
	for i, looked := len(lines)-1, 0; i >= 0 && looked < 3; i-- {
		line := strings.TrimSpace(lines[i])
		if line == "" {
			continue
		}
		looked++
		if strings.HasSuffix(line, "?") {
			return "", false
		}
		if found := lastFormula(line); found != "" {
			return found, true
		}
		if found := lastNumber(line); found != "" {
			return found, true
		}
	}
	return "", false
}

// aloud is a text without a reasoning model's thoughts: what stands behind the last </think> and before a <think> still open.
func aloud(text string) string {
	if i := strings.LastIndex(text, "</think>"); i >= 0 {
		text = text[i+len("</think>"):]
	}
	text, _, _ = strings.Cut(text, "<think>")
	return text
}

var inMaths = regexp.MustCompile(`\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]`)

// lastFormula returns the last formula of a line that is set as one, unless a number follows it.
func lastFormula(line string) string {
	all := inMaths.FindAllStringSubmatchIndex(line, -1)
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	if hasDigit(line[last[1]:]) {
		return ""
	}
	for i := 2; i < len(last); i += 2 {
		if last[i] >= 0 {
			if found := tidy(line[last[i]:last[i+1]]); hasDigit(found) || strings.Contains(found, `\`) {
				return found
			}
		}
	}
	return ""
}

// lastBoxed returns the inside of the last \boxed{…} that isn't empty.
func lastBoxed(text string) (string, int) {
	for end := len(text); ; {
		i := strings.LastIndex(text[:end], `\boxed`)
		if i < 0 {
			return "", -1
		}
		if inside, ok := braced(text[i+len(`\boxed`):]); ok {
			if found := tidy(inside); found != "" {
				return boxedBefore(text[:i]) + found, i
			}
		}
		end = i
	}
}

var besideBox = regexp.MustCompile(`\\boxed\{([^{}]*)\}[\s$,;]*(?:and|or|\\text\{\s*(?:and|or)\s*\})?[\s$]*$`)

// boxedBefore returns the answers in the boxes right before a box, "5, " for "\boxed{5} and ".
func boxedBefore(text string) string {
	before := ""
	for {
		m := besideBox.FindStringSubmatchIndex(text)
		if m == nil {
			return before
		}
		before = tidy(text[m[2]:m[3]]) + ", " + before
		text = text[:m[0]]
	}
}

// braced returns what the braces that begin s hold; a brace that a model forgot to close ends with the line.
func braced(s string) (string, bool) {
	s = strings.TrimLeft(s, " ")
	if !strings.HasPrefix(s, "{") {
		return "", false
	}
	depth := 0
	for i, r := range s {
		switch r {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[1:i], true
			}
		case '\n':
			return s[1:i], true
		}
	}
	return s[1:], true
}

// lastMarked returns what follows the last #### that something follows. #### before a title in words is a heading.
func lastMarked(text string) (string, int) {
	for end := len(text); ; {
		i := strings.LastIndex(text[:end], "####")
		if i < 0 {
			return "", -1
		}
		line, _, _ := strings.Cut(strings.TrimLeft(text[i:], "#"), "\n")
		if line = strings.TrimSpace(line); hasDigit(line) || line != "" && len(strings.Fields(line)) <= 2 && !strings.Contains(text[i:], line+"\n") {
			if found := tidy(line); found != "" {
				return found, i
			}
		}
		end = i
	}
}

var said = regexp.MustCompile(`(?i)(?:\bthe\s+(?:final\s+|correct\s+)?answer\s*(?:is|:|=)|\bfinal\s+answer\s*(?:is)?\s*:?|(?:^|\n)\W*answer\s*:)[\s*:]*`)

// lastSaid returns what follows the last announcement in words, to the end of its sentence.
func lastSaid(text string) (string, int) {
	places := said.FindAllStringIndex(text, -1)
	for i := len(places) - 1; i >= 0; i-- {
		line, _, _ := strings.Cut(strings.TrimLeft(text[places[i][1]:], " \n*"), "\n")
		if end := strings.Index(line, ". "); end >= 0 {
			line = line[:end]
		}
		if found := tidy(line); found != "" {
			return found, places[i][0]
		}
	}
	return "", -1
}

// choice matches a letter of a multiple choice with what it stands for.
var choice = regexp.MustCompile(`^\(?([A-J])[).:]\s+\S`)

// tidy returns the answer within a piece of text that holds little else: a formula, a number without its words, else the words.
func tidy(s string) string {
	s = unwrap(s)
	if m := choice.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if i := strings.LastIndexAny(s, "=≈"); i > 0 && hasDigit(s[i:]) {
		// "x = 5" and "3 + 4 = 7" arrive at their right side, "x^2 + y^2 = 25" doesn't.
		_, width := utf8.DecodeRuneInString(s[i:])
		right := unwrap(s[i+width:])
		left, err := formula.Parse(s[:i])
		value, errRight := formula.Parse(right)
		if err != nil || left.Op == formula.Symbol || left.Op == formula.Words || left.Constant() && (errRight != nil || value.Constant()) {
			s = right
		}
	}
	if !hasDigit(s) {
		return strings.TrimRight(s, ". ")
	}
	if n, err := formula.Parse(s); err == nil && !n.Prose() {
		if i := strings.LastIndexAny(s, "$"); i < 0 || n.Op != formula.Number {
			return strings.TrimRight(s, ". ")
		}
	}
	if v, ok := quantity(s); ok && v.operators > 0 {
		return strings.TrimRight(s, ". ") // a fraction or another expression
	}
	return firstNumber(s)
}

// unwrap takes off what stands around an answer: formula signs, bold, \text, full stops.
func unwrap(s string) string {
	for {
		before := s
		s = strings.TrimSpace(s)
		s = strings.Trim(s, "*`\"")
		for _, w := range [][2]string{{`\(`, `\)`}, {`\[`, `\]`}, {"$$", "$$"}, {"$", "$"}, {`\boxed{`, "}"}, {`\text{`, "}"}, {`\mathbf{`, "}"}, {`\textbf{`, "}"}} {
			if len(s) >= len(w[0])+len(w[1]) && strings.HasPrefix(s, w[0]) && strings.HasSuffix(s, w[1]) {
				s = s[len(w[0]) : len(s)-len(w[1])]
			}
		}
		s = strings.TrimSuffix(strings.TrimSpace(s), ".")
		if s == before {
			return s
		}
	}
}

func firstNumber(s string) string {
	for _, n := range signed(s) {
		return n
	}
	return ""
}

func lastNumber(s string) string {
	all := signed(s)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// signed returns the numbers of a text as written, with a sign that belongs to them and a percent sign, and simple fractions
// whole.
func signed(s string) []string {
	var out []string
	tokens := lex(s)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind != number {
			continue
		}
		start, end := t.start, t.end
		if i > 0 && tokens[i-1].kind == operator && tokens[i-1].text == "-" && (i == 1 || tokens[i-2].kind != number && tokens[i-2].kind != shut) {
			start = tokens[i-1].start
		}
		if i+2 < len(tokens) && tokens[i+1].kind == operator && tokens[i+1].text == "/" && tokens[i+1].glued && tokens[i+2].kind == number && tokens[i+2].glued {
			end = tokens[i+2].end
			i += 2
		}
		if i+1 < len(tokens) && tokens[i+1].kind == percent {
			end = tokens[i+1].end
		}
		if start <= end && end <= len(s) && tokens[i].text != "1/2" {
			out = append(out, stripped.Replace(s[start:end]))
		}
	}
	return out
}

// stripped removes what may stand between a sign and its number.
var stripped = strings.NewReplacer("$", "", "\\", "", " ", "", "−", "-")

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }
