package generator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aprm/prm/step"
)

// probePairs makes pairs in which write gives the wrong and the correct member's text.
func probePairs(n int, write func(rng *rand.Rand, wrong bool) string) []Labelled {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []Labelled
	for i := range n {
		l := Labelled{Prefix: step.Trace{Problem: step.Problem{ID: fmt.Sprint(i)}}, Pair: fmt.Sprint(i)}
		l.Text, l.Step, l.Source = write(rng, true), step.Wrong, Attack
		out = append(out, l)
		l.Text, l.Step, l.Source = write(rng, false), step.Right, Own
		out = append(out, l)
	}
	return out
}

func TestProbe(t *testing.T) {
	fair := func(rng *rand.Rand, _ bool) string {
		a, b := rng.IntN(90)+10, rng.IntN(90)+10
		return fmt.Sprintf("%s has %d + %d = %d pens.", []string{"Ann", "Bob", "Eve"}[rng.IntN(3)], a, b, a+b)
	}
	for _, tt := range []struct {
		name            string
		write           func(*rand.Rand, bool) string
		dialect, format bool // is it found?
	}{
		{"alike", fair, false, false},
		{"words", func(rng *rand.Rand, wrong bool) string {
			if wrong && rng.IntN(3) > 0 {
				return "Eve now" + fair(rng, wrong)[3:]
			}
			return "Eve had" + fair(rng, wrong)[3:]
		}, true, false},
		{"spacing", func(rng *rand.Rand, wrong bool) string {
			s := fair(rng, wrong)
			if wrong {
				s += " "
			}
			return s
		}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Probe(probePairs(300, tt.write))
			if found := p.Dialect > 0.6; found != tt.dialect || !found && math.Abs(float64(p.Dialect)-0.5) > 0.07 {
				t.Errorf("dialect %.3f", p.Dialect)
			}
			if found := p.Format > 0.6; found != tt.format || !found && math.Abs(float64(p.Format)-0.5) > 0.07 {
				t.Errorf("format %.3f", p.Format)
			}
		})
	}
	if p := Probe(nil); !math.IsNaN(float64(p.Format)) {
		t.Errorf("of nothing: %+v", p)
	}
}
