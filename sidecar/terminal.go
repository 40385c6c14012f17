package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// widthOf is a terminal's width in columns, 0 of what is none or doesn't say.
func widthOf(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// show writes a text in Markdown: on a terminal with its tables drawn and its lines wrapped, elsewhere as it is, for
// documents.
func show(out io.Writer, markdown string) error {
	if width := widthOf(out); width > 0 {
		markdown = drawn(markdown, width)
	}
	_, err := io.WriteString(out, markdown)
	return err
}

// drawn is a text in Markdown as it is read on a terminal so many columns wide.
func drawn(markdown string, width int) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimSuffix(markdown, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "|") || i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "|---") {
			b.WriteString(wrapped(lines[i], width) + "\n")
			continue
		}
		end := i + 2
		for end < len(lines) && strings.HasPrefix(lines[end], "|") {
			end++
		}
		b.WriteString(tableOf(lines[i:end], width) + "\n")
		i = end - 1
	}
	return b.String()
}

// tableOf draws a table of Markdown's: its head, the line that says how columns are aligned, and its rows.
func tableOf(lines []string, width int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true, DrawBorder: false, SeparateColumns: false}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", between)
	t.SetStyle(style)
	var rows [][]string
	for i, line := range lines {
		if i != 1 {
			rows = append(rows, cellsOf(line))
		}
	}
	limits, whole := fitted(rows, width)
	if !whole {
		return listed(rows, width)
	}
	var columns []table.ColumnConfig
	for k, rule := range cellsOf(lines[1]) {
		c := table.ColumnConfig{Number: k + 1}
		if strings.HasSuffix(rule, ":") {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		columns = append(columns, c)
	}
	t.SetColumnConfigs(columns)
	for i, cells := range rows {
		row := make(table.Row, len(cells))
		for k, cell := range cells {
			row[k] = strings.Join(folded(cell, limits[k]), "\n")
		}
		if i == 0 {
			t.AppendHeader(row)
		} else {
			t.AppendRow(row)
		}
	}
	return unpadded(t.Render())
}

// wrapped is a line broken between words to so many columns; those below begin where it does.
func wrapped(line string, width int) string {
	if wide(line) <= width {
		return strings.TrimRight(line, " ")
	}
	rest := strings.TrimLeft(line, " ")
	lead := line[:len(line)-len(rest)]
	return lead + strings.Join(folded(rest, max(1, width-len(lead))), "\n"+lead)
}

// unpadded is a text without the blanks that its lines are filled up with.
func unpadded(filled string) string {
	lines := strings.Split(filled, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func wide(s string) int { return text.StringWidthWithoutEscSequences(s) }

// unit is what a line is not broken in: a word, a figure with its percent sign, an interval.
var unit = regexp.MustCompile(`\[[^\[\]\s]+ [^\[\]\s]+\][.,:;)]*|[-+−]?[\d.]+ %[.,:;)]*|\S+`)

// folded is a text in lines of so many columns at most. A unit that is wider is broken behind its hyphens, and where
// that isn't enough anywhere.
func folded(s string, width int) (lines []string) {
	line := ""
	put := func(piece, before string) {
		if line != "" && wide(line+before+piece) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += before
		}
		line += piece
		for wide(line) > width && utf8.RuneCountInString(line) > 1 {
			head := text.Trim(line, width)
			if head == "" { // a character of two columns in one
				_, size := utf8.DecodeRuneInString(line)
				head = line[:size]
			}
			lines, line = append(lines, head), line[len(head):]
		}
	}
	for _, u := range unit.FindAllString(s, -1) {
		if wide(u) <= width {
			put(u, " ")
			continue
		}
		for i, piece := range strings.SplitAfter(u, "-") {
			put(piece, map[bool]string{true: " "}[i == 0])
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// cellsOf takes a row of Markdown's apart.
func cellsOf(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	cells := strings.Split(line, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// between is how many blanks stand behind a column.
const between = 1

// fitted is how wide each column of rows may be, so that all of them and what stands between fit. Always that column is
// made narrower that costs least: no word, then no line, then none of its breadth. It is whole where no word is broken
// but behind a hyphen.
func fitted(rows [][]string, width int) (limits []int, whole bool) {
	for _, cells := range rows {
		for k, cell := range cells {
			if k == len(limits) {
				limits = append(limits, 1)
			}
			limits[k] = max(limits[k], wide(cell))
		}
	}
	used := -between
	for _, w := range limits {
		used += w + between
	}
	height := make([][]int, len(rows)) // lines of each cell
	for i, cells := range rows {
		height[i] = make([]int, len(cells))
		for k, cell := range cells {
			height[i][k] = len(folded(cell, limits[k]))
		}
	}
	for ; used > width; used-- {
		best, least := -1, 0
		for k := range limits {
			if limits[k] <= 1 {
				continue
			}
			cost := -limits[k]
			for i, cells := range rows {
				if k < len(cells) {
					cost += 1000*max(0, len(folded(cells[k], limits[k]-1))-slices.Max(height[i])) + 1_000_000*broken(cells[k], limits[k]-1)
				}
			}
			if best < 0 || cost < least {
				best, least = k, cost
			}
		}
		if best < 0 {
			break
		}
		limits[best]--
		for i, cells := range rows {
			if best < len(cells) {
				height[i][best] = len(folded(cells[best], limits[best]))
			}
		}
	}
	for _, cells := range rows {
		for k, cell := range cells {
			if broken(cell, limits[k]) >= hard {
				return limits, false
			}
		}
	}
	return limits, used <= width
}

// listed is a table for which there is no room: each row a paragraph, a line a cell, behind what stands above it.
func listed(rows [][]string, width int) string {
	var b strings.Builder
	for i, cells := range rows[1:] {
		if i > 0 {
			b.WriteString("\n")
		}
		for k, cell := range cells {
			if cell != "" && k < len(rows[0]) && rows[0][k] != "" {
				cell = rows[0][k] + ": " + cell
			}
			b.WriteString(wrapped(cell, width) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// hard is what a word counts for that is broken where there is no hyphen.
const hard = 1000

// broken counts the units of a text that are broken at such a width: one behind a hyphen counts 1, any other hard more.
func broken(s string, width int) (n int) {
	for _, u := range unit.FindAllString(s, -1) {
		if wide(u) <= width {
			continue
		}
		n++
		for piece := range strings.SplitAfterSeq(u, "-") {
			if wide(piece) > width {
				n += hard
			}
		}
	}
	return n
}

// words is a log for people: each record is a line that begins with what it is, and ends with its values.
type words struct {
	out   io.Writer
	mu    *sync.Mutex
	level slog.Level
	with  string // of WithAttrs
}

func newWords(out io.Writer, level slog.Level) words {
	return words{out: out, mu: &sync.Mutex{}, level: level}
}

// Enabled implements slog.Handler.
func (w words) Enabled(_ context.Context, level slog.Level) bool { return level >= w.level }

// Handle implements slog.Handler.
func (w words) Handle(_ context.Context, r slog.Record) error {
	begins := map[slog.Level]string{slog.LevelWarn: "warning: ", slog.LevelError: "error: "}[r.Level]
	values := w.with
	r.Attrs(func(a slog.Attr) bool {
		values += spelled(a)
		return true
	})
	line := begins + r.Message
	if values != "" {
		line += " (" + strings.TrimPrefix(values, ", ") + ")"
	}
	if width := widthOf(w.out); width > 0 {
		line = wrapped(line, width)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintln(w.out, line)
	return err
}

// spelled is a value with its name, "" for one that says nothing.
func spelled(a slog.Attr) string {
	value := a.Value.Resolve().String()
	if a.Equal(slog.Attr{}) || value == "" {
		return ""
	}
	return ", " + a.Key + " " + value
}

// WithAttrs implements slog.Handler.
func (w words) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		w.with += spelled(a)
	}
	return w
}

// WithGroup implements slog.Handler; groups have no place in a sentence.
func (w words) WithGroup(string) slog.Handler { return w }
