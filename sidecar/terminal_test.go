package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
)

// TestDrawn: a table as wide as measurements have it fits a terminal, with every word and figure of it; off one it is
// Markdown, byte for byte.
func TestDrawn(t *testing.T) {
	head := "| method | correct [95 %] | not told | against majority [95 %] | tokens generated | tokens read | LLM calls | PRM calls | seconds |\n|---|---|---:|---|---:|---:|---:|---:|---:|\n"
	page := "on gsm8k.jsonl, checkpoint 1234abcd\n\n" + head
	for _, method := range []string{"greedy", "weighted-vote-8", "best-of-8", "any right (the ceiling)"} {
		page += fmt.Sprintf("| %s | 56.8 %% [52.1, 61.2] | 1.2 %% | +6.4 [+3.6, +9.2] | 1234 | 2345 | 1.0 | 12.5 | 3.4 |\n", method)
	}
	page += "\n" + strings.Repeat("The intervals are by bootstrap over problems. ", 5) + "\n"
	for _, width := range []int{80, 100, 200} {
		got := drawn(page, width)
		for i, line := range strings.Split(got, "\n") {
			if n := text.StringWidthWithoutEscSequences(line); n > width {
				t.Errorf("%d columns: line %d has %d: %s", width, i+1, n, line)
			}
			if strings.HasPrefix(line, "|") {
				t.Errorf("%d columns: still Markdown: %s", width, line)
			}
		}
		for word := range strings.FieldsSeq(strings.NewReplacer("|", " ", "---:", " ", "---", " ").Replace(page)) {
			for piece := range strings.SplitAfterSeq(word, "-") {
				if !strings.Contains(got, piece) {
					t.Fatalf("%d columns: %q of %q is lost\n%s", width, piece, word, got)
				}
			}
		}
		for _, whole := range []string{"[52.1, 61.2]", "[+3.6, +9.2]", "56.8 %", "[95 %]", "ceiling)"} {
			if !strings.Contains(got, whole) {
				t.Errorf("%d columns: %q is broken\n%s", width, whole, got)
			}
		}
		t.Logf("%d columns:\n%s", width, got)
	}
	for _, width := range []int{1, 30, 60} { // a table for which there is no room is a list
		got := drawn(page, width)
		if width > 1 && !strings.Contains(got, "correct [95 %]: 56.8 %") || width == 60 && !strings.Contains(got, "correct [95 %]: 56.8 % [52.1, 61.2]\n") {
			t.Errorf("%d columns:\n%s", width, got)
		}
	}
	if rows := strings.Count(drawn(page, 200), "\n"); rows > 12 {
		t.Errorf("wrapped where there is room: %d lines\n%s", rows, drawn(page, 200))
	}
	var out bytes.Buffer
	if err := show(&out, page); err != nil || out.String() != page {
		t.Errorf("off a terminal: %v %s", err, out.String())
	}
	for _, odd := range []string{"", "|", "| a |", "| a |\n|---|", "|---|\n|---|", "| a | b |\n|---|\n| 1 | 2 | 3 |\n"} {
		if got := drawn(odd, 20); strings.Contains(got, "NaN") {
			t.Errorf("%q: %s", odd, got)
		}
	}
}

// TestWrapped: a line is broken between words, never in an interval or before a percent sign, and what it continues
// with begins where it does.
func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"short", 10, "short"},
		{"better by 12.7 [+9.2, +16.2] points", 20, "better by 12.7\n[+9.2, +16.2] points"},
		{"right in 56.8 % of them", 12, "right in\n56.8 % of\nthem"},
		{"  - a list of things", 12, "  - a list\n  of things"},
		{"a-word-that-is-long", 8, "a-word-\nthat-is-\nlong"},
		{"unbreakable", 4, "unbr\neaka\nble"},
		{"日本語", 1, "日\n本\n語"},
		{"", 3, ""},
	} {
		if got := wrapped(c.line, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

// TestWords: a log between sentences is sentences too.
func TestWords(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newWords(&out, slog.LevelInfo)).With("file", "a b.jsonl")
	log.Info("left out problems", "kept", 3, "why", "")
	log.Warn("the gate can't be read", "err", errors.New("empty"))
	log.Debug("not shown")
	slog.New(newWords(&out, slog.LevelInfo)).Info("plain")
	if got, want := out.String(), "left out problems (file a b.jsonl, kept 3)\nwarning: the gate can't be read (file a b.jsonl, err empty)\nplain\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
