package arith

import (
	"regexp"
	"strings"

	"aprm/prm/arith/formula"
)

// Comparison is what Compare found.
type Comparison struct {
	Verdict    Verdict
	Gold, Pred string // as they were read, "" where one wasn't
	Reason     string
}

// Equal compares two final answers; see [Compare].
func Equal(a, b string) Verdict {
	v, _ := compare(read(a), read(b), formula.Options{})
	return v
}

// Compare compares two final answers, or texts that announce one (see [Extract]). Both are read as formulas, LaTeX or plain; how
// they are compared says [formula.Compare]. Where one is no formula, quantities in prose are compared by their numbers, and words
// are True when their letters are the same. What can't be told is Unknown. Compare is symmetric (without options) and ignores
// space and case of words.
func Compare(gold, pred string, o formula.Options) Comparison {
	a, b := read(gold), read(pred)
	c := Comparison{}
	c.Verdict, c.Reason = compare(a, b, o)
	if a.err == nil {
		c.Gold = a.formula.String()
	}
	if b.err == nil {
		c.Pred = b.formula.String()
	}
	return c
}

func compare(a, b answer, o formula.Options) (Verdict, string) {
	if a.letter != "" && b.letter != "" && a.letter != b.letter {
		return False, "different choices"
	}
	if same := plain(a.text); same != "" && same == plain(b.text) {
		return True, "the same text"
	}
	if a.letter != "" && oneLetter.MatchString(b.text) || b.letter != "" && oneLetter.MatchString(a.text) {
		if a.letter == "" {
			a, b = b, a
		}
		if strings.Contains(b.text, a.letter) {
			return True, "the same choice"
		}
		return False, "different choices"
	}
	switch {
	case a.err != nil:
		return Unknown, "not read: " + a.err.Error()
	case b.err != nil:
		return Unknown, "not read: " + b.err.Error()
	}
	switch formula.Compare(a.formula, b.formula, o) {
	case formula.Equal:
		return True, "equal formulas"
	case formula.Different:
		return False, "different formulas"
	}
	return Unknown, "can't be told"
}

var oneLetter = regexp.MustCompile(`^[({]*[A-J][)}.]*$`)

// answer is a final answer, as text and, unless err says why not, as a formula.
type answer struct {
	text    string
	formula *formula.Node
	err     error
	letter  string // of a multiple choice, with what it stands for in the rest
}

// read takes the answer that a text announces, or the text where it is an answer itself.
func read(text string) answer {
	if len(text) > maxText {
		text = text[len(text)-maxText:]
	}
	all := text
	text = strings.TrimSpace(aloud(all))
	if l, rest := chosen(text); l != "" && !strings.Contains(text, "\n") {
		a := parse(rest)
		a.letter = l
		return a
	}
	announced := strings.Contains(text, `\boxed`) || strings.Contains(text, "####") || text != strings.TrimSpace(all) ||
		len(text) > len("answer") && (said.MatchString(text) || tagged.MatchString(text))
	if !announced && !strings.Contains(text, "\n") && !leadIn.MatchString(text) && !prose(inMaths.ReplaceAllString(text, " ")+" ") {
		return parse(unmarked(text))
	}
	if !announced && !strings.Contains(text, "\n") && !leadIn.MatchString(text) && !inMaths.MatchString(text) {
		if a := parse(unmarked(text)); a.err == nil || !prose(text) {
			return a // a formula that isn't understood holds no other answer
		}
	}
	f, ok := find(text)
	if !ok {
		return parse(text)
	}
	if f.loose != "" {
		return parse(f.loose)
	}
	l, rest := chosen(unwrap(f.span))
	a := parse(rest)
	if a.err != nil && !f.boxed {
		if tidied, ok := f.tidy(); ok && countNumbers(reply(rest)) <= 1 {
			a = parse(tidied)
		}
	}
	a.letter = l
	return a
}

// leadIn begins a sentence that arrives at an answer.
var leadIn = regexp.MustCompile(`^(?i:so|thus|therefore|hence|then|finally|which)\b`)

// countNumbers counts the numbers in a text.
func countNumbers(text string) int { return len(signed(text)) }

func parse(text string) answer {
	text = explained(strings.TrimSpace(text))
	if reason.MatchString(text) {
		text = reply(text)
	}
	n, err := formula.Parse(text)
	if err == nil && n.Op != formula.Words {
		return answer{text: text, formula: n}
	}
	for _, part := range []string{reply(text), arrived(text), arrived(reply(text))} {
		if part == text || part == "" {
			continue
		}
		if m, errPart := formula.Parse(part); errPart == nil && (err != nil || m.Op != formula.Words || reason.MatchString(part)) {
			return answer{text: part, formula: m}
		}
	}
	return answer{text: text, formula: n, err: err}
}

// prose reports whether a text has words beside what may be a formula.
func prose(text string) bool {
	words := 0
	for _, w := range strings.Fields(text) {
		if w = strings.Trim(w, ".,:;!?*"); len(w) > 1 && strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz") == "" {
			words++
		}
	}
	return words > 1
}

// plain is an answer without what doesn't matter for comparing words.
func plain(s string) string {
	s = strings.TrimRight(strings.ToLower(strings.Join(strings.Fields(unwrap(s)), " ")), " .")
	if !hasDigit(s) && !strings.Contains(s, `\`) {
		s = strings.TrimRight(s, " !") // else it may be a factorial
	}
	return s
}

// quantity reads an answer as one number with its unit.
func quantity(s string) (value, bool) {
	tokens := lex(unwrap(s))
	for len(tokens) > 0 && (tokens[0].kind == word || tokens[0].kind == boundary || tokens[0].kind == equals) { // "x = 5", "about 5"
		tokens = tokens[1:]
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].kind == boundary {
		tokens = tokens[:len(tokens)-1]
	}
	p := parser{tokens: tokens}
	v, err := p.whole()
	return v, err == nil
}
