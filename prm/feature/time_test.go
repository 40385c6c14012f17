package feature

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
	"aprm/prm/step"
)

// TestLongTextsAreReadInTime: what a client sends as a step or a question takes no longer by far than its length says,
// whatever it is made of.
func TestLongTextsAreReadInTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fill := func(n int, one func() string) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(one())
		}
		return b.String()
	}
	word := func() string {
		return fmt.Sprintf("w%c%c%c ", 'a'+random.IntN(26), 'a'+random.IntN(26), 'a'+random.IntN(26))
	}
	texts := map[string]func(n int) string{
		"words and operands": func(n int) string { return fill(n/2, word) + fill(n/2, func() string { return "1+2=3 " }) },
		"one long sum":       func(n int) string { return fill(n/2, word) + fill(n/2, func() string { return "7+" }) + "1=9" },
		"numbers":            func(n int) string { return fill(n, func() string { return fmt.Sprint(random.IntN(9999), " ") }) },
		"lead-ins":           func(n int) string { return strings.Repeat("1. ", n/3) },
		"bold":               func(n int) string { return strings.Repeat("**a** ", n/6) },
		"marks":              func(n int) string { return strings.Repeat("<<1+1=2>>", n/9) },
		"sentences":          func(n int) string { return fill(n, func() string { return "She has 3 half " + word() + ". " }) },
		"equals signs":       func(n int) string { return strings.Repeat("=", n) },
		"LaTeX":              func(n int) string { return strings.Repeat(`\boxed{`, n/7) },
	}
	const most = 500 * time.Millisecond
	for name, make := range texts {
		for _, n := range []int{64 << 10, 1 << 20} {
			n /= casetest.Slowed
			text := make(n)
			for what, of := range map[string]step.Trace{
				"step":     {Problem: problem, Steps: []string{text}},
				"question": {Problem: step.Problem{Question: text}, Steps: []string{"So 1 + 2 = 3 in all.", text}},
			} {
				took, _ := casetest.Quickest(most, func() { Extract(of, len(of.Steps)-1, Evidence{}) })
				if took > most {
					t.Errorf("%d bytes of %s as a %s took %v", n, name, what, took)
				}
			}
		}
	}
	took, _ := casetest.Cost(func() {
		r := NewReader(problem)
		for range 1024 / casetest.Slowed {
			r.Next(fill(200, word)+"1+2=3", Evidence{})
		}
	})
	if took > 30*time.Second {
		t.Errorf("1024 steps took %v", took)
	}
}
