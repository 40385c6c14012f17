package arith

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"aprm/prm/arith/formula"
)

// Extract finds the final answer that a text states. Only what follows the last </think> counts, and of that only what
// stands before a <think> that is still open: thoughts are no answer, closed or not. An announcement is looked for
// first: \boxed{…}, a line with ####, <answer>…</answer>, "the answer is …", "Final Answer: …"; where there are several
// the last one that holds something stands. Failing that, the answer is the last number of the last line that has one,
// provided that this line is among the last three and no question. ok is false when there is none.
//
// A number comes back alone, with its percent sign: "#### $1,200 per month" is "1,200". Of an equation the right side
// counts. What a box holds comes back whole where it is no number.
func Extract(text string) (answer string, ok bool) {
	found, ok := find(unescaped(text))
	if !ok {
		return "", false
	}
	return found.tidy()
}

// found is where a text states its answer.
type found struct {
	span  string // as it stands, without bold and italics
	boxed bool   // it is a formula or stands in a box: no part of it is the answer
	loose string // where nothing announces it: the last formula or number of the line in span
}

func (f found) tidy() (string, bool) {
	answer := f.loose
	if answer == "" {
		answer = tidy(f.span, f.boxed)
	}
	return answer, answer != ""
}

// find is Extract without leaving anything of the answer out.
func find(text string) (found, bool) {
	text = aloud(text)
	if len(text) > maxAloud {
		text = text[len(text)-maxAloud:]
	}
	best, at := found{}, -1
	for _, look := range []func(string) (found, int){lastBoxed, lastMarked, lastTagged, lastSaid} {
		if f, where := look(text); where > at {
			best, at = f, where
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
			return found{}, false
		}
		line = unmarked(line[max(0, len(line)-maxAnswer):])
		if loose := lastFormula(line); loose != "" {
			return found{span: line, loose: loose}, true
		}
		if loose := lastNumber(line); loose != "" {
			return found{span: line, loose: loose}, true
		}
	}
	return found{}, false
}

// aloud is a text without a reasoning model's thoughts: what stands behind the last </think> and before a <think> still open.
func aloud(text string) string {
	if i := strings.LastIndex(text, "</think>"); i >= 0 {
		text = text[i+len("</think>"):]
	}
	text, _, _ = strings.Cut(text, "<think>")
	if strings.Contains(text, "<|") {
		text = turn(text)
	}
	return text
}

// template is a mark of a chat's turns that a model let through: <|im_start|>user.
var template = regexp.MustCompile(`<\|[a-z_]{1,30}\|>(?:(?:system|user|assistant)\b)?`)

// turn is the first turn of a text that goes on with marks of further ones.
func turn(text string) string {
	for _, part := range template.Split(text, 4) {
		if strings.TrimSpace(part) != "" {
			return part
		}
	}
	return ""
}

// common are commands of LaTeX by which a text with escaped backslashes is known.
var common = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields("frac dfrac tfrac boxed sqrt text left right begin cdot times pi le leq ge geq infty in cup pm circ mathrm mathbf quad qquad log sin cos tan sum") {
		out[name] = true
	}
	return out
}()

// ownCommand begins with a command; JSON's end of a line or tab with a word behind it, \nThe, does not.
var ownCommand = regexp.MustCompile(`^(?:[^nt]|text|times|theta|tau|tan|tfrac|to\b|triangle|ne|nu\b|not\b|nabla)`)

var escapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\"`, `"`)

// unescaped is a text without the escaping of JSON, where all its commands have it.
func unescaped(text string) string {
	if !strings.Contains(text, `\\`) {
		return text
	}
	escaped := false
	for rest := text; ; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		doubled := strings.HasPrefix(rest, `\`)
		if doubled {
			rest = rest[1:]
		}
		name := rest[:wordLength(rest[:min(len(rest), maxCommand)])]
		switch {
		case doubled:
			escaped = escaped || common[name]
		case name != "" && ownCommand.MatchString(name):
			return text
		}
		rest = rest[len(name):]
	}
	if !escaped {
		return text
	}
	return escapes.Replace(text)
}

// maxCommand is how many bytes of a command's name are looked at.
const maxCommand = 16

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
			if found := tidy(line[last[i]:last[i+1]], true); hasDigit(found) || strings.Contains(found, `\`) {
				return found
			}
		}
	}
	return ""
}

// lastBoxed returns the inside of the last \boxed{…} that isn't empty, with those of the boxes right before it.
func lastBoxed(text string) (found, int) {
	for end, looked := len(text), 0; ; looked++ {
		i := strings.LastIndex(text[:end], `\boxed`)
		if i < 0 || looked == maxAnnounced {
			return found{}, -1
		}
		if inside, ok := braced(text[i+len(`\boxed`) : min(len(text), i+maxAnswer)]); ok {
			if answer := strings.TrimSpace(inside); tidy(answer, true) != "" {
				return found{span: boxedBefore(text[:i], tidy(answer, true)) + answer, boxed: true}, i
			}
		}
		end = i
	}
}

// maxAnswer is how many bytes an answer may take.
const maxAnswer = 4096

// setting is what stands between boxes and says nothing: signs of formulas, spaces, braces of \text{…}.
var setting = regexp.MustCompile(`\\(?:text|textbf|textrm|mathrm|mbox)\s*\{|\\q?quad\b|\\[()\[\],;:! ]|[${}~\s]+`)

// between is what may stand between two boxes of one answer, without its setting: "and", "papers and", "for part (a) and", ", y =".
var between = regexp.MustCompile(`^(?i:(?:(?:for )?(?:part )?\([a-z\d]+\) ?|[a-z]+ ?)?(?:, ?and|, ?or|and|or|&|,|;)(?: (?:and )?[a-z](?:_\w+)?(?:\([a-z\d]+\))? ?(?:=|is))?)?$`)

// maxBoxes is how many boxes one answer may stand in.
const maxBoxes = 20

// boxedBefore returns the answers in the boxes right before a box, "5, " for "\boxed{5} and ". A box that only repeats one of them
// ends the list.
func boxedBefore(text, answer string) string {
	var before []string
	for len(before) < maxBoxes {
		tail := text[max(0, len(text)-maxAnswer):]
		at := strings.LastIndex(tail, `\boxed{`)
		if at < 0 {
			break
		}
		inside, ok := braced(tail[at+len(`\boxed`):])
		end := at + len(`\boxed{`) + len(inside) + len("}")
		if !ok || end > len(tail) || !joinsBoxes(tail[end:]) {
			break
		}
		inside = tidy(inside, true)
		if inside == "" || inside == answer || slices.Contains(before, inside+", ") {
			break // from here on it repeats itself
		}
		before = append(before, inside+", ")
		text = text[:len(text)-len(tail)+at]
	}
	slices.Reverse(before)
	return strings.Join(before, "")
}

// joinsBoxes reports whether the boxes around a text are one answer.
func joinsBoxes(gap string) bool {
	const most = 60
	if len(gap) > most {
		return false
	}
	gap = strings.TrimSpace(setting.ReplaceAllString(gap, " "))
	gap = strings.Join(strings.Fields(gap), " ")
	return between.MatchString(gap)
}

// braced returns what the braces that begin s hold, over several lines too. A brace that a model forgot to close ends with the line.
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
		}
	}
	line, _, _ := strings.Cut(s[1:], "\n")
	return line, true
}

// lastMarked returns what follows the last #### that something follows. #### before a title in words is a heading, and so is one with
// words in the middle of a text.
func lastMarked(text string) (found, int) {
	for end, looked := len(text), 0; ; looked++ {
		i := strings.LastIndex(text[:end], "####")
		if i < 0 || looked == maxAnnounced {
			return found{}, -1
		}
		line, rest, more := strings.Cut(strings.TrimLeft(text[i:], "#"), "\n")
		line = strings.TrimSpace(line[:min(len(line), maxAnswer)])
		words := len(strings.Fields(line))
		if hasDigit(line) && !(words > 1 && prose(line) && more && hasDigit(rest)) || line != "" && words <= 2 && !more {
			if span := unmarked(line); tidy(span, false) != "" {
				return found{span: span}, i
			}
		}
		end = len(strings.TrimRight(text[:i], "#"))
	}
}

var tagged = regexp.MustCompile(`(?is)<(?:final_?)?answer>(.*?)(?:</|$)`)

// lastTagged returns what the last <answer> holds.
func lastTagged(text string) (found, int) {
	if !strings.Contains(text, "<") {
		return found{}, -1
	}
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // letters of another length in lower case
		lower = text
	}
	at := strings.LastIndex(lower, "answer>")
	if at > 1 && text[at-1] == '/' {
		at = strings.LastIndex(lower[:at], "answer>")
	}
	if at < 0 {
		return found{}, -1
	}
	start := strings.LastIndexByte(text[:at], '<')
	if start < 0 {
		return found{}, -1
	}
	text = text[:min(len(text), start+maxAnswer)]
	m := tagged.FindStringSubmatch(text[start:])
	if m == nil || strings.TrimSpace(m[1]) == "" || !strings.HasPrefix(text[start:], m[0]) {
		return found{}, -1
	}
	span := unmarked(strings.TrimSpace(m[1]))
	return found{span: span}, start
}

var said = regexp.MustCompile(`(?i)(?:\bthe\s+(?:final\s+|correct\s+)?answer\s*(?:is\b|:|=)|\bfinal\s+answer\s*(?:is\b)?\s*:?|(?:^|\n)\W*(?:answer|ans\.?|a)\s*:)[\s:]*`)

// lastSaid returns what follows the last announcement in words, to the end of its sentence.
func lastSaid(text string) (found, int) {
	if !mayAnnounce(text) {
		return found{}, -1
	}
	skipped := max(0, len(text)-2*maxText)
	text = text[skipped:]
	places := said.FindAllStringIndex(text, -1)
	for i := len(places) - 1; i >= max(0, len(places)-maxAnnounced); i-- {
		after := strings.TrimLeft(text[places[i][1]:], " \n")
		line, _, _ := strings.Cut(after[:min(len(after), maxAnswer)], "\n")
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "*") && (strings.HasPrefix(line, "** ") || strings.Count(line, "*")%4 != 0 && !emphasis.MatchString(line)) { // "**Answer:** 5"
			if line = strings.TrimLeft(strings.TrimLeft(line, "*"), " :"); line == "" {
				after = strings.TrimLeft(after, " *:\n")
				line, _, _ = strings.Cut(after[:min(len(after), maxAnswer)], "\n")
			}
		}
		if opened := displayed.FindString(after[:min(len(after), maxAnswer)]); opened != "" { // a formula on lines of its own
			line = opened
		}
		line = unmarked(exclaimed.ReplaceAllString(sentence(line), "$1"))
		if tidy(line, false) != "" {
			return found{span: line}, skipped + places[i][0]
		}
	}
	return found{}, -1
}

// maxAnnounced is how many announcements are looked at, the last ones.
const maxAnnounced = 64

var displayed = regexp.MustCompile(`^(?s:\$\$.*?\$\$|\\\[.*?\\\])`)

var sentenceEnd = regexp.MustCompile(`[.!?]["'”)*]*\s+`)

// sentence returns the first sentence of a line. The full stops of "Mrs. Hilt" and "2 p.m." end none.
func sentence(line string) string {
	for _, end := range sentenceEnd.FindAllStringIndex(line, -1) {
		word := line[strings.LastIndexAny(line[:end[0]], " (")+1 : end[0]]
		if line[end[0]] == '.' && (abbreviations[strings.ToLower(word)] || len(word) == 1 && !hasDigit(word) || strings.Contains(word, ".") && !hasDigit(word)) && end[1] < len(line) {
			continue
		}
		return line[:end[0]]
	}
	return line
}

var abbreviations = map[string]bool{"mr": true, "mrs": true, "ms": true, "dr": true, "st": true, "no": true, "vs": true, "jr": true, "sr": true, "approx": true, "prof": true, "mt": true}

// exclaimed ends an answer with a sign of joy, which behind a number alone would be a factorial.
var exclaimed = regexp.MustCompile(`(\*|\$|\\\)|\\\])!+$`)

var emphasis = regexp.MustCompile(`\*\*([^*\n]+)\*\*|(^|[\s(])\*([^*\s](?:[^*\n]*[^*\s])?)\*($|[\s.,;:!?)])|__([^_\n]+)__`)

// unmarked takes bold and italics off a text.
func unmarked(s string) string {
	if !strings.Contains(s, "*") && !strings.Contains(s, "__") {
		return s
	}
	return emphasis.ReplaceAllString(strings.ReplaceAll(s, "***", "**"), "$1$2$3$4$5")
}

// choice matches a letter of a multiple choice with what it stands for.
var choice = regexp.MustCompile(`^(?:\\(?:textbf|text|mathbf|mathrm|boldsymbol|bf)\s*\{)?\s*(?:\(([A-J])\)|([A-J])[).:]\)?)\s*\}?(?:\\[ ,;!~]|\\quad|\\qquad|[\s~:$.}])+(\S.*)$`)

// chosen splits the letter of a multiple choice off an answer.
func chosen(s string) (letter, rest string) {
	if !startsWith(s, `ABCDEFGHIJ( \`) {
		return "", s
	}
	m := choice.FindStringSubmatch(s)
	if m == nil || strings.Trim(m[3], "}$ ") == "" {
		return "", s
	}
	return m[1] + m[2], m[3]
}

// arrived returns the right side of an equation that arrives at it: "x = 5" and "3 + 4 = 7" do, "x^2 + y^2 = 25" doesn't.
func arrived(s string) string {
	i := lastEquals(s)
	if i <= 0 {
		return s
	}
	_, width := utf8.DecodeRuneInString(s[i:])
	right := unwrap(s[i+width:])
	left, err := formula.Parse(s[:i])
	value, errRight := formula.Parse(right)
	if right != "" && (err == nil && (left.Op == formula.Symbol || left.Op == formula.Words || left.Constant() && (errRight != nil || value.Constant() || value.Op == formula.Quantity || value.Op == formula.Labelled)) ||
		err != nil && errRight == nil && hasDigit(right) && !strings.ContainsAny(s[:i], `\<>`)) {
		return right
	}
	return s
}

// lastEquals returns where the last sign of equality outside brackets is, −1 where there is none.
func lastEquals(s string) int {
	depth, at := 0, -1
	for i, r := range s {
		switch r {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth--
		case '=', '≈':
			if depth == 0 && (i == 0 || !strings.ContainsRune("<>!:", rune(s[i-1]))) {
				at = i
			}
		}
	}
	return at
}

// tidy returns the answer within a piece of text that holds little else: a formula, a number without its words, else the words. Of
// what is whole no part is taken.
func tidy(s string, whole bool) string {
	if len(s) > maxAnswer {
		return ""
	}
	s = explained(unwrap(s))
	if letter, rest := chosen(s); letter != "" && !strings.ContainsAny(rest[:1], "=<>") {
		return letter
	}
	s = arrived(s)
	if !hasDigit(s) {
		return strings.TrimRight(s, ". ")
	}
	n, err := formula.Parse(s)
	switch {
	case err == nil && !n.Prose():
		if i := strings.LastIndexAny(s, "$"); i < 0 || n.Op != formula.Number && n.Op != formula.Quantity {
			return strings.TrimRight(s, ". ")
		}
	case whole && (err != nil || strings.Contains(s, `\`)):
		return strings.TrimRight(s, ". ")
	}
	if v, ok := quantity(s); ok && v.operators > 0 {
		return strings.TrimRight(s, ". ") // a fraction or another expression
	}
	if first := firstNumber(reply(s)); first != "" {
		return first
	}
	return firstNumber(s)
}

var (
	aside   = regexp.MustCompile(`^([^()]*\d[^()]*?)\s+\(([^()]*)\)\.?$`)
	instead = regexp.MustCompile(`(?i)\bnot\s+[^,.]*?,?\s*\b(?:but(?:\s+rather)?|it['’]s|it is)\s+(.*)$`)
	clause  = regexp.MustCompile(`(?i)[,;]?\s+(?:because|since|so that|as|which|where|after|if|when|given that|meaning)\s|[,;]\s+(?:so|but|not|and not|he|she|they|it|the|i|we)\s|\s[–—]\s|\s-\s+[A-Za-z]`)
	reason  = regexp.MustCompile(`^(?i:yes|no|true|false)\b`)
)

// explained takes the calculation in brackets off a number that it explains: "72 (48 + 24)".
func explained(s string) string {
	if !strings.Contains(s, " (") {
		return s
	}
	m := aside.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	inside, err := Eval(m[2])
	value, errValue := Eval(m[1])
	switch {
	case err == nil && errValue == nil && inside.Cmp(value) == 0 && strings.ContainsAny(m[2], "+-*/×÷−"):
		return m[1]
	case errValue == nil && !hasDigit(m[2]) && spellsOut(m[2], value): // 7 (seven)
		return m[1]
	case strings.ContainsAny(m[2], "=≈") || prose(m[2]) && hasDigit(m[2]):
		return m[1]
	}
	return s
}

// spellsOut reports whether words say a number.
func spellsOut(words string, number *big.Rat) bool {
	words = strings.TrimLeft(strings.TrimPrefix(words, "i.e."), ", ")
	n, err := formula.Parse(words)
	return err == nil && n.Op == formula.Number && n.Value.Cmp(number) == 0
}

// reply is an answer in a sentence without what the sentence adds to it: "not 20 but 18", "yes, because …", "18, since …".
func reply(s string) string {
	if m := instead.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if word := reason.FindString(s); word != "" && len(s) > len(word) {
		if rest := strings.TrimLeft(s[len(word):], " "); rest != "" && strings.ContainsRune(",;.:!–—-(", rune(rest[0])) || clause.MatchString(s[len(word):]) {
			return word
		}
	}
	if !strings.Contains(s, `\`) && strings.Contains(s, " ") {
		if at := clause.FindStringIndex(s); at != nil && (hasDigit(s[:at[0]]) || !hasDigit(s)) && at[0] > 0 {
			s = s[:at[0]]
		}
	}
	return s
}

// unwrap takes off what stands around an answer: formula signs, bold, \text, full stops.
func unwrap(s string) string {
	for {
		before := s
		s = strings.TrimSpace(s)
		s = strings.Trim(s, "*`")
		if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
			s = s[1 : len(s)-1]
		}
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

// signed returns the numbers of a text as written, with a sign that belongs to them and a percent sign, and simple
// fractions whole.
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
		if start <= end && end <= len(s) && tokens[i].text != "1/2" && hasDigit(s[start:end]) {
			out = append(out, stripped.Replace(s[start:end]))
		}
	}
	return out
}

// stripped removes what may stand between a sign and its number.
var stripped = strings.NewReplacer("$", "", `\!`, "", "\\", "", " ", "", "−", "-")

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }
