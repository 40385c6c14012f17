package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

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

// show writes a text in Markdown: on a terminal with its tables drawn and its lines wrapped, elsewhere as it is, for documents.
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
	limits := fitted(rows, width)
	var columns []table.ColumnConfig
	for k, rule := range cellsOf(lines[1]) {
		c := table.ColumnConfig{Number: k + 1, WidthMaxEnforcer: text.WrapSoft}
		if strings.HasSuffix(rule, ":") {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		if k < len(limits) {
			c.WidthMax = limits[k]
		}
		columns = append(columns, c)
	}
	t.SetColumnConfigs(columns)
	for i, cells := range rows {
		row := make(table.Row, len(cells))
		for k, cell := range cells {
			row[k] = cell
		}
		if i == 0 {
			t.AppendHeader(row)
		} else {
			t.AppendRow(row)
		}
	}
	return unpadded(t.Render())
}

// wrapped is a line broken between words to so many columns.
func wrapped(line string, width int) string { return unpadded(text.WrapSoft(line, width)) }

// unpadded is a text without the blanks that its lines are filled up with.
func unpadded(filled string) string {
	lines := strings.Split(filled, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
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

// fitted is how wide each column of rows may be, so that all of them and what stands between fit: the widest give way first, each down to its longest
// word as long as that is enough.
func fitted(rows [][]string, width int) []int {
	var wide, word []int
	for _, cells := range rows {
		for k, cell := range cells {
			if k == len(wide) {
				wide, word = append(wide, 1), append(word, 1)
			}
			wide[k] = max(wide[k], text.StringWidthWithoutEscSequences(cell))
			for w := range strings.FieldsSeq(cell) {
				word[k] = max(word[k], text.StringWidthWithoutEscSequences(w))
			}
		}
	}
	used := 0
	for _, w := range wide {
		used += w + between
	}
	for ; used > width; used-- {
		widest, breaks := -1, true
		for k := range wide {
			if splits := wide[k] <= word[k]; widest < 0 || breaks && !splits || breaks == splits && wide[k] > wide[widest] {
				widest, breaks = k, splits
			}
		}
		if wide[widest] <= 1 {
			break
		}
		wide[widest]--
	}
	return wide
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

func spelled(a slog.Attr) string {
	if a.Equal(slog.Attr{}) {
		return ""
	}
	return ", " + a.Key + " " + a.Value.Resolve().String()
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
