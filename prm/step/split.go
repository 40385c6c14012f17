package step

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Version names the rules of this splitter. Raise it whenever the same text could split differently.
const Version = 1

// Split cuts the text of a solution into steps, in order, without the space around them. The rules:
//
//   - a step is a non-empty line;
//   - a fenced block and a display formula (\[…\], $$…$$ or \begin{…}…\end{…}) are never cut; unclosed, they end with the text. Nor are
//     a \boxed{…} and a formula between lines that are [ and ] or $ alone; unclosed, these end with the next empty line;
//   - the rows and rules of a table, each between bars, are one step;
//   - what is indented below a numbered line, a bullet or a line that ends with a colon belongs to it, and so do the bullets,
//     the fenced block, the formula or the table directly below a line that ends with a colon (a list and its lead-in are one step);
//   - a line that only announces ("Step 2:", "### Solution", "**Step 1**", "Let us add them up:", "---", "<answer>", "</solution>") belongs to the
//     step after it, and to a step so begun the line that closes its tag, if that is the next;
//   - <think> and </think> end a step and are dropped; what stands between them is split like the rest.
//
// A line of no-break and zero-width spaces is as empty as one of others. Numbered lines are steps of their own: that is
// how models number steps. So are bullets that nothing leads in. Nothing but space and those tags is lost. Split takes
// time linear in the text.
func Split(text string) []string {
	var steps []string
	for text != "" {
		s, n, _ := Next(text)
		if s != "" {
			steps = append(steps, s)
		}
		text = text[n:]
	}
	return steps
}

// Next finds the first step of text, which may still be growing. It returns the step without the space around it, how
// many bytes of text it covers, and whether it is complete: true means that the answer stays the same however the text
// goes on; false, that more text could still belong to the step, which then covers all of text (n = len(text)) and at
// the end of an answer is simply the last one.
//
// A plain line is complete with its line break. A line that may own what is below it (numbered, bulleted, or ending
// with a colon) is complete as soon as the line after it begins with something that cannot belong to it.
//
// Split is Next over and over, so cutting a stream step by step and splitting the whole text agree.
func Next(text string) (s string, n int, complete bool) {
	sc := scanner{text: text}
	start := -1 // where the step begins
	tag := ""   // that a line of its own opened in it, "</answer>" to be
	cut := func(complete bool) (string, int, bool) {
		if complete && tag != "" {
			complete = sc.closing(tag)
		}
		return withoutEmpty(text[start:sc.pos]), sc.pos, complete
	}
	for {
		begin := sc.pos
		line, ended := sc.line()
		if blank(line) && start < 0 {
			switch ended {
			case byText:
				return "", len(text), false
			case byTag:
				sc.skipTag()
			}
			continue
		}
		if start < 0 {
			start = begin
		}
		if ended != byBreak {
			return cut(ended == byTag)
		}
		if blank(line) {
			continue
		}
		open := opens(line)
		if open.closer != "" && !sc.skipBlock(open) {
			return cut(false)
		}
		if rows, certain := sc.rows(line); rows || !certain {
			return cut(certain)
		}
		owned, certain := sc.below(line)
		if certain && !owned && open.closer == "" && announces(line) {
			if m := tagLine.FindStringSubmatch(trim(line)); m != nil && m[1] == "" {
				tag = "</" + m[2] + ">"
			}
			continue
		}
		return cut(certain)
	}
}

// scanner walks text line by line.
type scanner struct {
	text string
	pos  int
}

// ending says what ended a line.
type ending int

const (
	byText  ending = iota // the text so far: the line may still grow
	byBreak               // a line break, now behind the scanner
	byTag                 // a think tag, still before the scanner
)

var tags = []string{"<think>", "</think>"}

// line moves to the end of the line and returns it without what ended it.
func (sc *scanner) line() (string, ending) {
	begin := sc.pos
	for {
		i := strings.IndexAny(sc.text[sc.pos:], "\n<")
		if i < 0 {
			sc.pos = len(sc.text)
			return sc.text[begin:], byText
		}
		sc.pos += i
		if sc.text[sc.pos] == '\n' {
			sc.pos++
			return sc.text[begin : sc.pos-1], byBreak
		}
		if hasPrefix(sc.text[sc.pos:], tags) {
			return sc.text[begin:sc.pos], byTag
		}
		sc.pos++
	}
}

// skipTag moves behind the think tag the scanner stands before.
func (sc *scanner) skipTag() {
	sc.pos += strings.IndexByte(sc.text[sc.pos:], '>') + 1
}

// skipBlock moves behind the line that closes a block, or to the tag that cuts it off. It is false where the text ends
// first.
func (sc *scanner) skipBlock(b block) bool { // b is a copy: its depth is this walk's
	for {
		line, ended := sc.line()
		if ended == byText {
			return false
		}
		if ended == byTag || b.closedBy(line) {
			return true
		}
	}
}

// rows moves behind the rows of the table that first begins, if it is one: a row, and below it a rule, or more rows
// whose cells stand between spaced bars. It returns whether it is, and whether that, and where the table ends, is
// certain.
func (sc *scanner) rows(first string) (table, certain bool) {
	t := trim(first)
	if !isRow(t) && !isRule(t) {
		return false, true
	}
	for {
		end := sc.pos
		line, ended := sc.line()
		next := trim(line)
		switch {
		case ended == byText && (next == "" || next[0] == '|' || next[0] == '+'):
			return table, false
		case isRule(next), isRow(next) && (table || isRule(t) || spaced(t) && spaced(next)):
			table = true
		default:
			sc.pos = end
			return table, true
		}
	}
}

// closing moves behind the line that closes a tag, if it is the next. It is false where that isn't certain.
func (sc *scanner) closing(tag string) bool {
	end := sc.pos
	if strings.Contains(sc.text[:end], tag) {
		return true
	}
	for {
		line, ended := sc.line()
		t := trim(line)
		switch {
		case blank(line) && ended == byBreak:
		case ended == byText && (maybeBlank(line) || strings.HasPrefix(tag, t)):
			return false
		case t == tag && ended != byText:
			return true
		default:
			sc.pos = end
			return true
		}
	}
}

// below moves behind the lines that belong to the lead line just read. It returns whether there are any, and whether it
// is certain that no more will.
func (sc *scanner) below(lead string) (owned, certain bool) {
	colon := endsWithColon(lead)
	bulleted := hasPrefix(trim(lead), bullets)
	if !colon && !bulleted && labelOf(bare(lead)) == "" {
		return false, true
	}
	end := sc.pos // of what belongs to the lead for sure
	for {
		line, ended := sc.line()
		t := trim(line)
		item := indent(line) > indent(lead) || colon && !bulleted && hasPrefix(t, bullets)
		block := !item && colon && !owned && hasPrefix(t, blocks)
		switch {
		case blank(line) && ended == byBreak:
			continue
		case ended == byText && maybeBlank(line):
			return owned, false
		case !blank(line) && (item || block):
			owned = true
			if ended == byText {
				return true, false
			}
			open := opens(line)
			if ended == byBreak && open.closer != "" && !sc.skipBlock(open) {
				return true, false
			}
			end = sc.pos
			if block || ended == byTag {
				return true, true
			}
		case colon && ended == byText && (startsMarker(t) || !owned && isBarred(t)):
			return owned, false
		case colon && !owned && ended == byBreak && isBarred(t):
			table, certain := sc.rows(line)
			if certain && !table {
				sc.pos = end
			}
			return table, certain
		default:
			sc.pos = end
			return owned, true
		}
	}
}

var (
	bullets = []string{"- ", "* ", "+ ", "• ", "– ", "— ", "· ", "◦ ", "▪ ", "● ", "○ ", "‣ "}
	blocks  = []string{"```", "~~~", `\[`, "$$", `\begin{`}

	// label matches the number of a step: "Step 2", "2.", "2)", "b)".
	label       = regexp.MustCompile(`^(?i:step\s*\d+|\d{1,3}[.)](?:\s|$)|[a-z]\)(?:\s|$))`)
	environment = regexp.MustCompile(`\\begin(\{[^}]*\})`)
	box         = regexp.MustCompile(`\\(?:boxed|fbox)\s*\{`)
	formula     = regexp.MustCompile(`^\s*[A-Za-z\\({].*[=\\^_]`)
	tagLine     = regexp.MustCompile(`^<(/?)([A-Za-z][\w-]*)>$`)
	rule        = regexp.MustCompile(`^(?:\|(?:\s*:?-+:?\s*\|)+|\+(?:[-=]+\+)+)$`)
)

// labelOf returns the number that a line begins with, "" for none. Most lines are told by their first letters.
func labelOf(t string) string {
	if t == "" || !(t[0] >= '0' && t[0] <= '9' || t[0]|0x20 == 's' || len(t) > 1 && t[1] == ')') {
		return ""
	}
	return label.FindString(t)
}

// isRow, isRule and isBarred say whether a line without the space around it is a table's row, its rule, or begins as they do; |x| = 3 is none.
func isRow(t string) bool  { return len(t) > 2 && t[0] == '|' && t[len(t)-1] == '|' }
func isRule(t string) bool { return isBarred(t) && rule.MatchString(t) }
func isBarred(t string) bool {
	return strings.HasPrefix(t, "|") || strings.HasPrefix(t, "+-") || t == "+"
}

// spaced reports whether a row's cells stand between spaced bars, as |a| + |b| doesn't.
func spaced(t string) bool {
	return strings.HasPrefix(t, "| ") && strings.HasSuffix(t, " |") && strings.Contains(t[1:len(t)-1], " | ")
}

// startsMarker reports whether t, the beginning of a line, may become a bullet or open a block.
func startsMarker(t string) bool {
	for _, markers := range [][]string{bullets, blocks} {
		for _, m := range markers {
			if strings.HasPrefix(m, t) {
				return true
			}
		}
	}
	return false
}

// block is what must not be cut, once it is open.
type block struct {
	closer string // what closes it; "" for no block
	depth  int    // of braces that are open still, where closer is one
}

// opens returns the block that line opens and doesn't close itself.
func opens(line string) block {
	t := trim(line)
	switch {
	case strings.HasPrefix(t, "```"), strings.HasPrefix(t, "~~~"):
		info := strings.TrimLeft(t, t[:1])
		if strings.Contains(info, "`") {
			return block{} // inline code, by CommonMark's rule
		}
		return block{closer: t[:len(t)-len(info)]}
	case strings.HasPrefix(t, "$$"):
		return unlessIn(t[2:], "$$")
	case t == "[":
		return block{closer: "]"}
	case t == "$":
		return block{closer: "$"}
	}
	if strings.Count(t, "$$")%2 == 1 {
		// what follows is a formula; in "It costs $$5.", or with a calculator mark for the 5, it is none
		if after := t[strings.LastIndex(t, "$$")+2:]; after == "" || formula.MatchString(after) {
			return block{closer: "$$"}
		}
	}
	if !strings.Contains(t, `\`) {
		return block{}
	}
	if at := box.FindAllStringIndex(t, -1); at != nil {
		if depth := braces(0, t[at[len(at)-1][0]:]); depth > 0 {
			return block{"}", depth}
		}
	}
	for _, m := range environment.FindAllStringSubmatchIndex(t, -1) {
		if closer := `\end` + t[m[2]:m[3]]; !strings.Contains(t[m[1]:], closer) {
			return block{closer: closer}
		}
	}
	if i := strings.LastIndex(t, `\[`); i == 0 || i > 0 && t[i-1] != '\\' {
		return unlessIn(t[i:], `\]`)
	}
	return block{}
}

func unlessIn(s, closer string) block {
	if strings.Contains(s, closer) {
		return block{}
	}
	return block{closer: closer}
}

// braces counts how many braces are open behind s, of so many before it; 0 as soon as all are closed.
func braces(depth int, s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return 0
			}
		}
	}
	return depth
}

// closedBy reports whether line closes the block.
func (b *block) closedBy(line string) bool {
	t := trim(line)
	switch b.closer[0] {
	case '`', '~':
		return len(t) >= len(b.closer) && strings.Trim(t, b.closer[:1]) == ""
	case ']':
		return blank(line) || t[0] == ']'
	case '}':
		b.depth = braces(b.depth, t)
		return b.depth == 0 || blank(line)
	}
	if b.closer == "$" {
		return blank(line) || t[len(t)-1] == '$'
	}
	return strings.Contains(line, b.closer)
}

// announces reports whether line says nothing itself: a bare step number, a heading, a title in bold, a rule, or an
// introduction that ends with a colon. One with a number in it states something; "#### 72" is an answer, no heading.
func announces(line string) bool {
	t := trim(line)
	if t[0] == '<' && tagLine.MatchString(t) {
		return true
	}
	title := bare(t)
	mark := labelOf(title)
	rest := strings.TrimFunc(title[len(mark):], drawn)
	switch {
	case rest == "":
		return true
	case strings.ContainsAny(rest, "0123456789"):
		return false
	case endsWithColon(t):
		return true
	case t[0] == '#':
		return mark != "" || !strings.HasPrefix(t, "####")
	}
	text := trim(t[len(labelOf(t)):])
	bold := strings.HasPrefix(text, "**") && strings.HasSuffix(text, "**") && strings.Count(text, "**") == 2
	return bold && (mark != "" || !strings.ContainsAny(title[len(title)-1:], ".!?"))
}

// drawn reports whether a rune is of a line that is drawn, or of the marks around a title.
func drawn(r rune) bool {
	return strings.IndexByte("*_:.-=+| \t\r", byte(min(r, 127))) >= 0 || r >= '─' && r <= '╿' || r == '–' || r == '—' || r == '―' || r == '⸻' // #nosec G115 -- a rune of a text is not below 0
}

// endsWithColon looks through bold marks.
func endsWithColon(line string) bool {
	line = strings.TrimRight(line, "*_ \t\r")
	return strings.HasSuffix(line, ":") || strings.HasSuffix(line, "：")
}

// bare returns a line without heading and bold marks around it.
func bare(line string) string { return strings.Trim(line, "#*_ \t\r\v\f") }

// blank reports whether nothing can be seen in a line.
func blank(line string) bool { return strings.TrimLeftFunc(line, unseen) == "" }

// maybeBlank is blank for a line that may still grow, with half a rune at its end.
func maybeBlank(line string) bool {
	rest := strings.TrimLeftFunc(line, unseen)
	return rest == "" || !utf8.FullRuneInString(rest)
}

func unseen(r rune) bool {
	return unicode.IsSpace(r) || r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\u2060' || r == '\ufeff'
}

// withoutEmpty returns a step without the space around it and the empty lines at its end.
func withoutEmpty(s string) string {
	for {
		s = trim(s)
		i := strings.LastIndexByte(s, '\n')
		if i < 0 || !blank(s[i:]) {
			return s
		}
		s = s[:i]
	}
}

// trim and indent know ASCII space only: half a rune at the end of growing text must not look different from a whole
// one.
func trim(s string) string { return strings.Trim(s, " \t\r\n\v\f") }

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
