package step

import (
	"regexp"
	"strings"
)

// Version names the rules of this splitter. Raise it whenever the same text could split differently.
const Version = 1

// Split cuts the text of a solution into steps, in order, without the space around them. The rules:
//
//   - a step is a non-empty line;
//   - a fenced block and a display formula (\[…\], $$…$$ or \begin{…}…\end{…}) are never cut; unclosed, they end with the text;
//   - what is indented below a numbered line, a bullet or a line that ends with a colon belongs to it, and so do the bullets,
//     the fenced block or the formula directly below a line that ends with a colon (a list and its lead-in are one step);
//   - a line that only announces ("Step 2:", "### Solution", "**Step 1**", "Let us add them up:") belongs to the step after it;
//   - <think> and </think> end a step and are dropped; what stands between them is split like the rest.
//
// Numbered lines are steps of their own: that is how models number steps. So are bullets that nothing leads in.
// Nothing but space and those tags is lost. Split takes time linear in the text.
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
// goes on; false, that more text could still belong to the step, which then covers all of text (n = len(text)) and at the
// end of an answer is simply the last one.
//
// A plain line is complete with its line break. A line that may own what is below it (numbered, bulleted, or ending with
// a colon) is complete as soon as the line after it begins with something that cannot belong to it.
//
// Split is Next over and over, so cutting a stream step by step and splitting the whole text agree.
func Next(text string) (s string, n int, complete bool) {
	sc := scanner{text: text}
	start := -1 // where the step begins
	cut := func(complete bool) (string, int, bool) {
		return trim(text[start:sc.pos]), sc.pos, complete
	}
	for {
		begin := sc.pos
		line, ended := sc.line()
		if trim(line) == "" && start < 0 {
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
		if trim(line) == "" {
			continue
		}
		closer := opens(line)
		if closer != "" && !sc.skipBlock(closer) {
			return cut(false)
		}
		owned, certain := sc.below(line)
		if certain && !owned && closer == "" && announces(line) {
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

// skipBlock moves behind the line that closes a block, or to the tag that cuts it off. It is false where the text ends first.
func (sc *scanner) skipBlock(closer string) bool {
	for {
		line, ended := sc.line()
		if ended == byText {
			return false
		}
		if ended == byTag || closes(line, closer) {
			return true
		}
	}
}

// below moves behind the lines that belong to the lead line just read. It returns whether there are any, and whether it
// is certain that no more will.
func (sc *scanner) below(lead string) (owned, certain bool) {
	colon := endsWithColon(lead)
	bulleted := hasPrefix(trim(lead), bullets)
	if !colon && !bulleted && !label.MatchString(bare(lead)) {
		return false, true
	}
	end := sc.pos // of what belongs to the lead for sure
	for {
		line, ended := sc.line()
		t := trim(line)
		item := indent(line) > indent(lead) || colon && !bulleted && hasPrefix(t, bullets)
		block := !item && colon && !owned && hasPrefix(t, blocks)
		switch {
		case t == "" && ended == byBreak:
			continue
		case t == "" && ended == byText:
			return owned, false
		case t != "" && (item || block):
			owned = true
			if ended == byText {
				return true, false
			}
			closer := opens(line)
			if ended == byBreak && closer != "" && !sc.skipBlock(closer) {
				return true, false
			}
			end = sc.pos
			if block || ended == byTag {
				return true, true
			}
		case colon && ended == byText && startsMarker(t):
			return owned, false
		default:
			sc.pos = end
			return owned, true
		}
	}
}

var (
	bullets = []string{"- ", "* ", "+ ", "• "}
	blocks  = []string{"```", "~~~", `\[`, "$$", `\begin{`}

	// label matches the number of a step: "Step 2", "2.", "2)", "b)".
	label       = regexp.MustCompile(`^(?i:step\s*\d+|\d{1,3}[.)](?:\s|$)|[a-z]\)(?:\s|$))`)
	environment = regexp.MustCompile(`\\begin(\{[^}]*\})`)
	digit       = regexp.MustCompile(`\d`)
)

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

// opens returns what closes the block that line opens; "" if it opens none or closes it itself.
func opens(line string) string {
	t := trim(line)
	switch {
	case strings.HasPrefix(t, "```"), strings.HasPrefix(t, "~~~"):
		info := strings.TrimLeft(t, t[:1])
		if strings.Contains(info, "`") {
			return "" // inline code, by CommonMark's rule
		}
		return t[:len(t)-len(info)]
	case strings.HasPrefix(t, "$$"):
		return unlessIn(t[2:], "$$")
	case strings.HasSuffix(t, "$$") && strings.Count(t, "$$")%2 == 1:
		return "$$"
	}
	if m := environment.FindStringSubmatch(t); m != nil {
		return unlessIn(t, `\end`+m[1])
	}
	if i := strings.LastIndex(t, `\[`); i == 0 || i > 0 && t[i-1] != '\\' {
		return unlessIn(t[i:], `\]`)
	}
	return ""
}

func unlessIn(s, closer string) string {
	if strings.Contains(s, closer) {
		return ""
	}
	return closer
}

// closes reports whether line closes the block that waits for closer.
func closes(line, closer string) bool {
	if closer[0] == '`' || closer[0] == '~' {
		t := trim(line)
		return len(t) >= len(closer) && strings.Trim(t, closer[:1]) == ""
	}
	return strings.Contains(line, closer)
}

// announces reports whether line says nothing itself: a bare step number, a heading, a title in bold, a rule, or an
// introduction that ends with a colon. One with a number in it states something; "#### 72" is an answer, no heading.
func announces(line string) bool {
	t := trim(line)
	title := bare(t)
	mark := label.FindString(title)
	rest := strings.Trim(title[len(mark):], "*_:.-–= \t\r")
	switch {
	case rest == "":
		return true
	case digit.MatchString(rest):
		return false
	case endsWithColon(t):
		return true
	case t[0] == '#':
		return mark != "" || !strings.HasPrefix(t, "####")
	}
	text := trim(label.ReplaceAllString(t, ""))
	bold := strings.HasPrefix(text, "**") && strings.HasSuffix(text, "**") && strings.Count(text, "**") == 2
	return bold && (mark != "" || !strings.ContainsAny(title[len(title)-1:], ".!?"))
}

// endsWithColon looks through bold marks.
func endsWithColon(line string) bool {
	return strings.HasSuffix(strings.TrimRight(line, "*_ \t\r"), ":")
}

// bare returns a line without heading and bold marks around it.
func bare(line string) string { return strings.Trim(line, "#*_ \t\r\v\f") }

// trim and indent know ASCII space only: half a rune at the end of growing text must not look different from a whole one.
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
