package generator

import (
	"math"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"

	"pgregory.net/rapid"
)

func toks(texts ...string) []step.Token {
	var out []step.Token
	for _, s := range texts {
		out = append(out, step.Token{Text: s})
	}
	return out
}

func TestSplitTokens(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		tokens     []step.Token
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
			steps := step.Split(tt.text)
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
		var tokens []step.Token
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			tokens = append(tokens, step.Token{Text: rest[:n], LogProb: float64(len(tokens))})
			rest = rest[n:]
		}
		steps := step.Split(text)
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

func TestLabel(t *testing.T) {
	p := step.Problem{ID: "p", Question: "q", Answer: "7"}
	for _, tt := range []struct {
		name, text string
		finish     adapters.FinishReason
		right      bool
		want       string // step and value of each step, r, w or u
	}{
		{"right", "3 * 4 = 12 pens.\n12 - 5 = 7 pens.\n#### 7", adapters.FinishEnd, true, "rr rr rr"},
		{"failed", "3 + 4 = 7 pens.\n7 - 5 = 2 pens.\n#### 2", adapters.FinishEnd, false, "uw uw uw"},
		{"failed by arithmetic", "3 * 4 = 12 pens.\n12 - 5 = 6 pens.\nStill 6 + 0 = 7.\n#### 6", adapters.FinishEnd, false, "uw ww uw uw"},
		{"right in spite of a slip", "3 * 4 = 13 pens.\n12 - 5 = 7 pens.\n#### 7", adapters.FinishEnd, false, "wr ur ur"},
		{"cut off", "3 * 4 = 12 pens.\nThen we", adapters.FinishLength, false, "uu uu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := label(p, adapters.Completion{Text: tt.text, Finish: tt.finish, Tokens: toks(tt.text)}, 1, 2, false)
			var got []string
			for i, l := range s.steps {
				got = append(got, l.Step.String()[:1]+l.Value.String()[:1])
				if len(l.Prefix.Steps) != i || l.Sample != "p/1/2" || l.Prefix.Problem.Answer != "" {
					t.Errorf("step %d: %+v", i, l)
				}
			}
			if g := strings.Join(got, " "); g != tt.want || s.right != tt.right {
				t.Errorf("got %s, right %v; want %s, %v", g, s.right, tt.want, tt.right)
			}
		})
	}
}
