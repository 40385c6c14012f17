package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Look is how a trace is shown.
type Look struct {
	Width int  // columns of the terminal; 0 cuts nothing
	Color bool // by ANSI escapes
}

// Tree shows a trace to people: what was asked, the candidates as a tree, the answer, and where tokens and time went.
//
// Only the tree is cut to the width: the rest may wrap. Whatever a model or a client wrote is shown without its control
// characters: a terminal must not obey it.
func (l Look) Tree(t Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  %s\n", inline(t.ID), t.Began.Local().Format("2006-01-02 15:04:05"), inline(t.Model), inline(t.Applied))
	b.WriteString("options: " + options(t) + "\n")
	if t.Question != "" {
		b.WriteString("\n" + lines(t.Question) + "\n")
	}
	b.WriteString("\n")
	l.tree(&b, t.Candidates)
	if len(t.Candidates) > 0 {
		b.WriteString("\n")
	}
	l.answer(&b, t)
	fmt.Fprintf(&b, "tokens  %d read, %d generated; candidates: %d; calls of the PRM: %d\n", t.Tokens.Prompt, t.Tokens.Completion, len(t.Candidates), t.ScoringCalls)
	b.WriteString("time    " + t.Seconds.String() + "\n")
	return b.String()
}

// String is the budget of time in a line.
func (t Times) String() string {
	busy := t.Total - t.Queued
	share := func(part float64) string {
		if busy <= 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f %%", 100*part/busy)
	}
	return fmt.Sprintf("%.3f s, %.3f s of it queued; of the rest LLM %s, PRM %s, search and HTTP %s (%.1f ms reading, %.1f ms writing): own share %s",
		t.Total, t.Queued, share(t.LLM), share(t.PRM), share(t.Own), 1000*t.Read, 1000*t.Write, share(t.PRM+t.Own))
}

// takes names the options that only some strategies have a use for.
var takes = map[string][]string{
	"threshold":          {decode.Guided},
	"expansion":          {decode.Beam, decode.DVTS},
	"ess_threshold":      {decode.Particle},
	"entropic":           {decode.Particle},
	"rebase_temperature": {decode.Rebase},
}

// options are those that the search had a use for.
func options(t Trace) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t.Options)) {
		if by, ok := takes[name]; ok && !slices.Contains(by, cmp.Or(t.Asked, t.Strategy)) && !slices.Contains(by, t.Auto.Escalated) {
			continue
		}
		value := fmt.Sprint(t.Options[name])
		if f, ok := t.Options[name].(float64); ok { // as every number is that has been JSON
			value = strconv.FormatFloat(f, 'f', -1, 64)
		}
		out = append(out, inline(name+" "+value))
	}
	if t.Checkpoint != "" {
		out = append(out, "PRM "+inline(t.Checkpoint))
	}
	return strings.Join(out, ", ")
}

func (l Look) answer(b *strings.Builder, t Trace) {
	switch {
	case t.Error != "":
		b.WriteString(l.paint(red, "no answer: ") + inline(t.Error) + "\n")
	case t.Textless:
		b.WriteString("(texts were left out: --trace-texts=false)\n")
	default:
		for _, s := range t.Steps {
			if s.Step != nil {
				b.WriteString(l.score(*s.Step) + "  ")
			}
			b.WriteString(lines(s.Text) + "\n")
		}
		if t.Answer != "" {
			b.WriteString(l.paint(bold, "answer  "+inline(t.Answer)) + "\n")
		}
	}
	if t.Finish == string(decode.FinishLength) {
		b.WriteString("it was cut off by a number of tokens or steps\n")
	}
	if t.Auto.Of > 0 {
		vote := "a plain vote"
		if t.Auto.Vote == "prm" {
			vote = "a vote weighed by the PRM"
		}
		fmt.Fprintf(b, "auto    %d of %d drawn, %s", t.Auto.Drawn, t.Auto.Of, vote)
		if t.Auto.Reason != "" {
			b.WriteString(": " + inline(t.Auto.Reason))
		}
		if t.Auto.Escalated != "" {
			b.WriteString("; answered by " + inline(t.Auto.Escalated) + " in the end")
		}
		b.WriteString("\n")
	}
	switch {
	case t.Asked != "":
		b.WriteString("the PRM failed: answered by " + inline(t.Strategy) + " in place of " + inline(t.Asked) + "\n")
	case t.Stopped != "":
		b.WriteString("stopped before its time: " + inline(t.Stopped) + "\n")
	}
}

// tree draws the candidates below those that they continue. Those without children come first, so that the branch that
// goes on needs no line beside what follows. A parent that isn't there, or is its own descendant, counts as none.
func (l Look) tree(b *strings.Builder, all []Candidate) {
	known := map[int]bool{}
	for _, c := range all {
		known[c.ID] = true
	}
	parent := func(c Candidate) int {
		if c.ID == 0 || !known[c.Parent] || c.Parent >= c.ID { // a candidate is drawn after the one it continues
			return 0
		}
		return c.Parent
	}
	children := map[int][]Candidate{}
	for _, c := range all {
		children[parent(c)] = append(children[parent(c)], c)
	}
	leaf := func(c Candidate) bool { return c.ID == 0 || len(children[c.ID]) == 0 }
	idWidth := len(fmt.Sprint(len(all)))
	var draw func(id int, indent string)
	draw = func(id int, indent string) {
		group := children[id]
		slices.SortStableFunc(group, func(a, b Candidate) int {
			if leaf(a) != leaf(b) {
				if leaf(a) {
					return -1
				}
				return 1
			}
			return cmp.Compare(a.ID, b.ID)
		})
		for i, c := range group {
			branch, below := "├─", "│ "
			if i == len(group)-1 {
				branch, below = "└─", "  "
			}
			l.candidate(b, indent+branch, idWidth, c)
			if !leaf(c) {
				draw(c.ID, indent+below)
			}
		}
	}
	draw(0, "")
}

const (
	leastText   = 16 // columns that a candidate's text keeps however deep it is
	longestHead = 60 // columns before it, beside the branches
)

// candidate is one line: its fate, number (with a star when it is in the answer), score, tokens, time, answer, why,
// text.
func (l Look) candidate(b *strings.Builder, branch string, idWidth int, c Candidate) {
	mark, why := "·", ""
	switch {
	case c.Dropped != "":
		mark, why = l.paint(red, "✗"), c.Dropped
	case c.Kept != "" || c.Chosen:
		mark, why = l.paint(green, "✓"), c.Kept
	}
	star := " "
	if c.Chosen {
		star = "*"
	}
	score := "    "
	if c.Score != nil {
		score = l.score(*c.Score)
	}
	b.WriteString(l.indent(branch) + mark + fmt.Sprintf(" %*d%s %s %4d tok %6.2f s", idWidth, c.ID, star, score, c.Tokens, c.Ended-c.Began))
	used := min(uniseg.StringWidth(branch), l.deepest()) + 1 + 1 + idWidth + 2 + 4 + 9 + 9
	rest := ""
	if c.Answer != "" {
		rest += " = " + inline(c.Answer)
	}
	if why != "" {
		rest += "  (" + inline(why) + ")"
	}
	if c.Kind == step.Program {
		rest += "  program"
	}
	text := strings.Join(strings.FieldsFunc(plain(c.Text), func(r rune) bool { return r == '\n' }), " ⏎ ")
	if l.Width > 0 {
		room := l.Width - used
		rest = l.cut(rest, max(0, room-leastText))
		text = l.cut(text, max(0, room-uniseg.StringWidth(rest)-2))
	}
	b.WriteString(l.paint(dim, rest))
	if text != "" {
		b.WriteString("  " + text)
	}
	b.WriteString("\n")
}

// deepest is how many columns branches may take.
func (l Look) deepest() int {
	if l.Width == 0 {
		return 1 << 20
	}
	return max(4, l.Width-longestHead)
}

// indent cuts branches that reach too far to the right, at their left.
func (l Look) indent(branch string) string {
	runes := []rune(branch) // each is one column
	if over := len(runes) - l.deepest(); over > 0 {
		runes = append([]rune("…"), runes[over+1:]...)
	}
	return string(runes)
}

// Table shows summaries, one a line. On a narrow terminal columns are left out, so that there is room for answers and
// questions.
func (l Look) Table(list []Summary) string {
	type column struct {
		title string
		right bool // how it is aligned
		of    func(Summary) string
	}
	columns := []column{
		{"ID", false, func(s Summary) string { return inline(s.ID) }},
		{"began", false, func(s Summary) string { return s.Began.Local().Format("15:04:05") }},
		{"strategy", false, func(s Summary) string { return inline(s.Strategy) }},
		{"candidates", true, func(s Summary) string { return fmt.Sprint(s.Candidates) }},
		{"tokens", true, func(s Summary) string { return fmt.Sprint(s.Tokens.Completion) }},
		{"seconds", true, func(s Summary) string { return fmt.Sprintf("%.3f", s.Seconds.Total) }},
		{"own", true, func(s Summary) string { return fmt.Sprintf("%.1f %%", 100*s.Seconds.OwnShare()) }},
	}
	rows := make([]string, len(list)+1)
	draw := func() (used int) {
		clear(rows)
		for _, c := range columns {
			cells, wide := []string{c.title}, 0
			for _, s := range list {
				cells = append(cells, c.of(s))
			}
			for _, cell := range cells {
				wide = max(wide, uniseg.StringWidth(cell))
			}
			for i, cell := range cells {
				pad := strings.Repeat(" ", wide-uniseg.StringWidth(cell))
				if c.right {
					cell = pad + cell
				} else {
					cell += pad
				}
				rows[i] += cell + "  "
			}
			used += wide + 2
		}
		return used
	}
	for draw() > l.Width-leastTail && l.Width > 0 && len(columns) > 1 {
		columns = columns[:len(columns)-1]
	}
	tails := []string{"answer  question"}
	for _, s := range list {
		answer := inline(s.Answer)
		switch {
		case s.Error != "":
			answer = "failed: " + inline(s.Error)
		case s.Stopped != "":
			answer += " (" + inline(s.Stopped) + ")"
		}
		tails = append(tails, strings.TrimLeft(answer+"  "+inline(s.Question), " "))
	}
	var b strings.Builder
	for i, row := range rows {
		b.WriteString(l.cut(strings.TrimRight(row+tails[i], " "), l.Width) + "\n")
	}
	return b.String()
}

// leastTail is how many columns a table keeps for answer and question.
const leastTail = 20

// plain drops control characters and what turns text around, and makes tabs spaces; line breaks stay.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}

// inline is plain text in one line.
func inline(text string) string { return strings.ReplaceAll(plain(text), "\n", " ") }

// lines is plain text as it is, without what would end in an empty line.
func lines(text string) string { return strings.TrimRight(plain(text), "\n ") }

// cut shortens text without escapes to so many columns; 0 leaves it.
func (l Look) cut(text string, columns int) string {
	if l.Width == 0 || uniseg.StringWidth(text) <= columns {
		return text
	}
	var b strings.Builder
	state, used := -1, 0
	for text != "" {
		var cluster string
		var width int
		cluster, text, width, state = uniseg.FirstGraphemeClusterInString(text, state)
		if used+width > columns-1 {
			break
		}
		b.WriteString(cluster)
		used += width
	}
	if columns > 0 {
		b.WriteString("…")
	}
	return b.String()
}

// ANSI's ways of writing.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	dim    = "2"
)

func (l Look) paint(how, text string) string {
	if !l.Color || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// score is a probability in four columns, green where it is high, red where it is below one half.
func (l Look) score(p float64) string {
	how := red
	switch {
	case p >= 0.8:
		how = green
	case p >= 0.5:
		how = yellow
	}
	return l.paint(how, fmt.Sprintf("%.2f", p))
}
