package generator

import (
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
)

func toks(texts ...string) []step.Token {
	var out []step.Token
	for _, s := range texts {
		out = append(out, step.Token{Text: s})
	}
	return out
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
			s := label(Sure, p, adapters.Completion{Text: tt.text, Finish: tt.finish, Tokens: toks(tt.text)}, 1, 2, false)
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
