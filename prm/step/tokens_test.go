package step

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func toks(texts ...string) []Token {
	var out []Token
	for _, s := range texts {
		out = append(out, Token{Text: s})
	}
	return out
}

func TestSplitTokens(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		tokens     []Token
		want       []string // each step's tokens, joined by |
	}{
		{"line breaks of their own", "ab\ncd", toks("a", "b", "\n", "c", "d"), []string{"a|b", "c|d"}},
		{"line break in a token", "ab.\ncd", toks("a", "b", ".\n", "cd"), []string{"a|b|.\n", "cd"}},
		{"token over two steps", "ab\ncd", toks("a", "b\nc", "d"), []string{"a|b\nc", "d"}},
		{"empty lines", "ab\n\n\ncd", toks("ab", "\n\n\n", "cd"), []string{"ab", "cd"}},
		{"end mark", "ab\ncd", toks("ab\n", "cd", "<|im_end|>"), []string{"ab\n", "cd"}},
		{"trimmed text", "ab\ncd", toks(" ", "ab\n", "cd\n"), []string{"ab\n", "cd\n"}},
		{"repeated step", "ab\nab", toks("ab", "\n", "a", "b"), []string{"ab", "a|b"}},
		{"other text", "ab\ncd", toks("ab", "xy"), []string{"", ""}},
		{"none", "ab\ncd", nil, []string{"", ""}},
		{"nothing", "", toks("a"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps := Split(tt.text)
			got := SplitTokens(tt.text, steps, tt.tokens)
			if len(got) != len(tt.want) {
				t.Fatalf("%d steps, want %d", len(got), len(tt.want))
			}
			for i, ts := range got {
				var texts []string
				for _, k := range ts {
					texts = append(texts, k.Text)
				}
				if s := strings.Join(texts, "|"); s != tt.want[i] {
					t.Errorf("step %d has %q, want %q", i, s, tt.want[i])
				}
			}
		})
	}
}

// However a text is cut into tokens, no token is dealt out twice and each step's tokens hold its bytes.
func TestSplitTokensHoldsTheSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab é.\n]{0,30}`).Draw(t, "text")
		var tokens []Token
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			tokens = append(tokens, Token{Text: rest[:n], LogProb: float64(len(tokens))})
			rest = rest[n:]
		}
		steps := Split(text)
		last := math.Inf(-1)
		for i, ts := range SplitTokens(text, steps, tokens) {
			var b strings.Builder
			for _, k := range ts {
				if k.LogProb <= last {
					t.Fatalf("token %v twice", k.LogProb)
				}
				last = k.LogProb
				b.WriteString(k.Text)
			}
			if strings.Contains(b.String(), "\n") {
				continue // tokens that reach over a break are the first step's alone
			}
			if i == 0 && !strings.Contains(b.String(), steps[i]) {
				t.Fatalf("step %q has %q", steps[i], b.String())
			}
		}
	})
}
