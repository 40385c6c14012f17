package arith

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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

// Compare compares two final answers, or texts that announce one (see [Extract]). Both are read as formulas, LaTeX or
// plain; how they are compared says [formula.Compare]. Where one is no formula, quantities in prose are compared by
// their numbers, and words are True when their letters are the same. What can't be told is Unknown. Compare is
// symmetric (without options) and ignores space and case of words.
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
	if same := plain(a.whole); same != "" && same == plain(b.whole) {
		return True, "the same text"
	}
	v, reason := compareRead(a, b, o)
	if v == True && a.cut && b.cut {
		return Unknown, "parts of longer answers are equal"
	}
	return v, reason
}

func compareRead(a, b answer, o formula.Options) (Verdict, string) {
	if a.text != a.whole || b.text != b.whole {
		if same := plain(a.text); same != "" && same == plain(b.text) {
			return True, "the same text"
		}
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
		if tells(a, b, o) || tells(b, a, o) {
			return Unknown, "it may be one of several numbers in a sentence"
		}
		return False, "different formulas"
	}
	return Unknown, "can't be told"
}

// tells reports whether a sentence has several numbers and one of them is the other answer: "she bought 12 and ate 5,
// leaving 7".
func tells(sentence, other answer, o formula.Options) bool {
	const fewest = 6 // words; less are a list of what there is
	return sentence.formula.Op == formula.List && sentence.formula.Prose() && other.formula.Constant() && len(strings.Fields(sentence.text)) >= fewest &&
		slices.ContainsFunc(sentence.formula.Args, func(n *formula.Node) bool { return formula.Compare(n, other.formula, o) != formula.Different })
}

var oneLetter = regexp.MustCompile(`^[({]*[A-J][)}.]*$`)

// answer is a final answer, as text and, unless err says why not, as a formula.
type answer struct {
	text    string // what was read as a formula
	formula *formula.Node
	err     error
	letter  string // of a multiple choice, with what it stands for in the rest
	whole   string // all that was said
	cut     bool   // text leaves something out of it
}

// read takes the answer that a text announces, or the text where it is an answer itself.
func read(text string) answer {
	if len(text) > maxAloud {
		text = text[len(text)-maxAloud:]
	}
	all := unescaped(text)
	text = strings.TrimSpace(aloud(all))
	announced := strings.Contains(text, `\boxed`) || strings.Contains(text, "####") || text != strings.TrimSpace(all) ||
		len(text) > maxAnswer || mayAnnounce(text) && (said.MatchString(text) || tagged.MatchString(text))
	if !announced && !(startsWith(text, "sStThHfFwW") && leadIn.MatchString(text)) {
		if a, ok := itself(text); ok {
			return a
		}
	}
	f, ok := find(text)
	switch {
	case !ok:
		return parse(text)
	case f.loose != "" && formula.Alters(f.span) && !strings.Contains(f.span, "=") && !inMaths.MatchString(f.span):
		return parse(text)
	case f.loose != "" && several(text):
		return parse(text)
	case f.loose != "":
		a := parse(f.loose)
		a.whole, a.cut = text, true
		return a
	}
	a := choose(f.span)
	if a.err != nil && !f.boxed {
		if tidied, ok := f.tidy(); ok && len(signed(reply(f.span))) <= 1 {
			b := parse(tidied)
			b.whole, b.cut, b.letter = a.whole, true, a.letter
			return b
		}
	}
	return a
}

// several reports whether a text is a few words with several numbers, none of which is the answer for itself: "2 red
// balls out of 7". A sentence arrives at its last one.
func several(text string) bool {
	const most = 10
	return len(text) <= maxAnswer && !strings.ContainsAny(text, "\n=≈$\\") && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "!") && len(strings.Fields(text)) <= most && len(signed(text)) > 1
}

// mayAnnounce reports whether a text may hold one of the announcements of an answer, which are costly to look for.
func mayAnnounce(text string) bool {
	return strings.ContainsAny(text, ":<") || len(text) > len("answer") && (strings.Contains(text, "nswer") || strings.Contains(text, "NSWER"))
}

// startsWith reports whether the first byte of a text is one of these.
func startsWith(text, bytes string) bool { return text != "" && strings.IndexByte(bytes, text[0]) >= 0 }

// beneath is the end of one formula and the beginning of another behind nothing but space.
var beneath = regexp.MustCompile(`([^$\s+\-=/*,;&(<>])\$\s+\$([^$\s+\-=/*,;<>])`)

// itself reads a text that is no more than an answer; ok is false where an answer must be looked for in it.
func itself(text string) (a answer, ok bool) {
	outside, maths := text, strings.ContainsAny(text, `$\`)
	if maths {
		outside = inMaths.ReplaceAllString(strings.ReplaceAll(text, "$$", "$"), " ")
	}
	if strings.Contains(text, "\n") && (prose(outside) || strings.Contains(outside, "\n\n")) {
		return answer{}, false
	}
	a = choose(unmarked(strings.ReplaceAll(text, "\n", " ")))
	switch {
	case !prose(outside):
		return a, true // a formula that isn't understood holds no other answer
	case !maths || !inMaths.MatchString(text):
		return a, a.err == nil
	}
	return a, a.err == nil && !a.formula.Prose()
}

// choose reads an answer that may have a letter of a multiple choice before it.
func choose(text string) answer {
	if len(text) > maxAnswer {
		return parse(text)
	}
	l, rest := chosen(unwrap(text))
	if l == "" {
		return parse(text)
	}
	a := parse(rest)
	a.letter = l
	return a
}

// leadIn begins a sentence that arrives at an answer.
var leadIn = regexp.MustCompile(`^(?i:so|thus|therefore|hence|then|finally|which)\b`)

var condition = regexp.MustCompile(`[\s,$]*(?:\\text\{|\\mathrm\{)?\s*\b(?:for (?:all|any|every|each|some)|where|such that|with|any integer)\s`)

// unconditional is an answer without what it says of when it holds: "f(n) = n for all n".
func unconditional(s string) string {
	if at := condition.FindStringIndex(s); at != nil && at[0] > 0 {
		return s[:at[0]]
	}
	return s
}

func parse(text string) answer {
	if len(text) > maxAnswer {
		return answer{err: formula.ErrLimit}
	}
	a := answer{whole: text}
	a.text = explained(strings.TrimSpace(text))
	if strings.Count(text, "$") > 3 {
		a.text = beneath.ReplaceAllString(a.text, "$1$$, $$$2")
	}
	if startsWith(a.text, "yYnNtTfF") && reason.MatchString(a.text) {
		a.text = reply(a.text)
		a.cut = len(a.text) < len(strings.TrimSpace(text))-1
	}
	if a.formula, a.err = formula.Parse(a.text); a.err == nil && a.formula.Op != formula.Words && !(a.formula.Op == formula.List && a.formula.Prose()) {
		return a
	}
	for _, part := range []string{reply(a.text), unconditional(a.text), arrived(a.text), arrived(reply(a.text))} {
		if part == a.text || strings.Trim(part, " $") == "" {
			continue
		}
		if n, err := formula.Parse(part); err == nil && (a.err != nil || n.Op != formula.Words || reason.MatchString(part)) {
			return answer{text: part, formula: n, whole: text, cut: true}
		}
	}
	return a
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

// notations are signs of LaTeX that are written in several ways, or mean nothing to what is said.
var notations = strings.NewReplacer(`\leftarrow`, `\leftarrow`, `\rightarrow`, `\rightarrow`, `\leftrightarrow`, `\leftrightarrow`,
	`\left`, "", `\right`, "", `\dfrac`, `\frac`, `\tfrac`, `\frac`, `\ldots`, "…", `\cdots`, "…", `\dots`, "…", "...", "…", `\,`, " ", `\;`, " ", `\!`, "", `\ `, " ", "$", " ", `\(`, " ", `\)`, " ",
	"~", " ", "−", "-")

// plain is an answer without what doesn't matter for comparing words.
func plain(s string) string {
	if len(s) > maxAnswer {
		return ""
	}
	if s = strings.ToLower(unwrap(s)); strings.ContainsAny(s, `\$~−`) || strings.Contains(s, "...") {
		s = notations.Replace(s)
	}
	if strings.ContainsAny(s, " \t\n\r\u00a0") {
		var b strings.Builder
		fields := strings.Fields(s)
		for i, w := range fields {
			if i > 0 && joined(fields[i-1], w) {
				b.WriteByte(' ')
			}
			b.WriteString(w)
		}
		s = b.String()
	}
	s = strings.TrimRight(s, " .")
	if !hasDigit(s) && !strings.Contains(s, `\`) {
		s = strings.TrimRight(s, " !") // else it may be a factorial
	}
	return s
}

// joined reports whether two words would be one without the space between them.
func joined(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	alike := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == ',' }
	return alike(last) && alike(first)
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
