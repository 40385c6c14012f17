package step

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSplitThoughtAndMarkup: what reasoning models and chat models write around their steps.
func TestSplitThoughtAndMarkup(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty thought", "<think>\n\n</think>\n\nSo 5.", []string{"So 5."}},
		{"unclosed thought", "<think>\na = 1\nb = 2", []string{"a = 1", "b = 2"}},
		{"a closing tag alone", "a = 1\n</think>\n\nSo 1.", []string{"a = 1", "So 1."}},
		{"fence in a thought", "<think>\nRun:\n```\nx = 1\n\ny = 2\n```\n</think>\n#### 2", []string{"Run:\n```\nx = 1\n\ny = 2\n```", "#### 2"}},
		{"fence in a fence", "````md\n```py\nx\n```\n````\nend", []string{"````md\n```py\nx\n```\n````", "end"}},
		{"heading, list and result", "## Solution\n\n1. **Add:** 2 + 3 = 5\n2. **Double:** 2 * 5 = 10\n\n**Answer:** 10", []string{"## Solution\n\n1. **Add:** 2 + 3 = 5", "2. **Double:** 2 * 5 = 10", "**Answer:** 10"}},
		{"table", "| a | b |\n|---|---|\n| 1 | 2 |", []string{"| a | b |\n|---|---|\n| 1 | 2 |"}},
		{"aligned formula", "Then\n\\begin{align}\na &= 1 \\\\\n\nb &= 2\n\\end{align}\nSo 3.", []string{"Then", "\\begin{align}\na &= 1 \\\\\n\nb &= 2\n\\end{align}", "So 3."}},
		{"display formulas", "\\[\na\n\n= 1\n\\]\n$$\nb\n= 2\n$$\nend", []string{"\\[\na\n\n= 1\n\\]", "$$\nb\n= 2\n$$", "end"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Split(tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNoStepEndsInsideAFence: a fenced block that stands on lines of its own is within one step, whatever is around it.
func TestNoStepEndsInsideAFence(t *testing.T) {
	inside := rapid.SampledFrom([]string{"", "x = 1", "- a", "1. b", "## c", "$$", `\[`, "  y", "So:", "~~~"})
	around := rapid.SampledFrom([]string{"", "a = 1", "1. b", "- c", "So:", "## d", "<think>", "</think>", "end"})
	rapid.Check(t, func(t *rapid.T) {
		fence := "```py\n" + strings.Join(rapid.SliceOfN(inside, 1, 6).Draw(t, "inside"), "\n") + "\n```"
		text := strings.Join(rapid.SliceOfN(around, 0, 4).Draw(t, "before"), "\n") + "\n" + fence + "\n" + strings.Join(rapid.SliceOfN(around, 0, 4).Draw(t, "after"), "\n")
		if !slices.ContainsFunc(Split(text), func(s string) bool { return strings.Contains(s, fence) }) {
			t.Fatalf("Split(%q) = %q", text, Split(text))
		}
	})
}
