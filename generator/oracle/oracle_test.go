package oracle

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aprm/prm/step"
)

func TestJudge(t *testing.T) {
	clips := step.Problem{Question: "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many did she sell altogether?", Answer: "72"}
	const may = "Natalia sold 48/2 = 24 clips in May."
	for _, tt := range []struct {
		name, reference, step string
		want                  step.Verdict
		layer                 string
	}{
		{"itself", may, may, step.Right, "equivalence"},
		{"marks", may, "Step 1: Natalia sold 48/2 = <<48/2=24>>24 clips in May.", step.Right, "equivalence"},
		{"signs", may, "Natalia sold 48 ÷ 2 = 24 clips in May.", step.Right, "equivalence"},
		{"LaTeX", may, `Natalia sold \( \frac{48}{2} = 24 \) clips in May.`, step.Right, "equivalence"},
		{"words for signs", may, "In May, Natalia sold half of 48 is 24 clips.", step.Right, "equivalence"},
		{"only the equation", may, "48/2 = 24", step.Right, "equivalence"},
		{"clauses swapped", "Since it is half, she has 48/2 = 24 clips.", "She has 48/2 = 24 clips, since it is half.", step.Right, "equivalence"},
		{"operands swapped", "She sold 48+24 = 72 clips.", "She sold 24 + 48 = 72 clips.", step.Right, "equivalence"},
		{"money moved", "She paid 3*2 = $6 for it.", "She paid $3*2 = 6 dollars for it.", step.Right, "equivalence"},

		{"false equation", may, "Natalia sold 48/2 = 26 clips in May.", step.Wrong, "arithmetic"},
		{"operator", may, "Natalia sold 48*2 = 96 clips in May.", step.Wrong, "equivalence"},
		{"operand", may, "Natalia sold 48/4 = 12 clips in May.", step.Wrong, "equivalence"},
		{"a number from nowhere", "20 tricycles have 3 wheels each, so 20 * 3 = 60 wheels.", "25 tricycles have 3 wheels each, so 25 * 3 = 75 wheels.", step.Wrong, "equivalence"},
		{"false equation without a reference", "", "She has 3 + 4 = 8 clips.", step.Wrong, "arithmetic"},
		{"final answer", "#### 72", "#### 73", step.Wrong, "equivalence"},
		{"final answer, by the problem", may, "The answer is 73.", step.Wrong, "equivalence"},
		{"right final answer", "", "The answer is 72.", step.Right, "equivalence"},

		{"the next step", may, "Natalia sold 48+24 = 72 clips altogether in April and May.", step.Unknown, ""},
		{"the next of a row", "In round two, Jeff won 16 - 3 = 13 points.", "In round three, Jeff won 16 + 4 = 20 points.", step.Unknown, ""},
		{"the same words again", "600-300=300 pages remain", "300-90=210 pages remain", step.Unknown, ""},
		{"who and whom", "Megan gives Emily 6*2=12 marbles.", "Emily gives Megan 18/2=9 marbles.", step.Unknown, ""},
		{"merged", may, may + " So she sold 48+24 = 72 clips in all.", step.Unknown, ""},
		{"another subgoal", may, "Her friends in April were 48 - 0 = 48.", step.Unknown, ""},
		{"another month", may, "Natalia sold 48/2 = 24 clips in April.", step.Unknown, ""},
		{"another meaning", "She has 20-10 = 10 apples left.", "She ate 20-10 = 10 apples.", step.Unknown, ""},
		{"less for more", "He has 5 + 3 = 8 more apples.", "He has 5 + 3 = 8 fewer apples.", step.Unknown, ""},
		{"another unit", "The trip takes 2*60 = 120 minutes.", "The trip takes 2*1 = 2 hours.", step.Unknown, ""},
		{"variables", "Amanda has 3*x + 2 toys.", "Amanda has 3*x - 2 toys.", step.Unknown, ""},
		{"other equations of the same kind", "This gives 2x = 10", "This gives 4x = 20", step.Unknown, ""},
		{"no number", may, "We add the clips of both months.", step.Unknown, ""},
		{"no reference", "", may, step.Unknown, ""},
		{"empty", "", "", step.Unknown, ""},
	} {
		got, err := New().Judge(context.Background(), Case{Prefix: step.Trace{Problem: clips}, Reference: tt.reference, Step: tt.step})
		if err != nil || got.Verdict != tt.want || got.Layer != tt.layer || got.Reason == "" {
			t.Errorf("%s: %+v, %v, want %v by %q", tt.name, got, err, tt.want, tt.layer)
		}
	}
}

// TestElsewhere: a value of another step of the worked solution is no mistake where the words differ.
func TestElsewhere(t *testing.T) {
	c := Case{Reference: "In the garden of her uncle she picked 3*4=12 red apples today.", Step: "In the garden of her uncle she picked 3*6=18 apples today."}
	if got, _ := New().Judge(context.Background(), c); got.Verdict != step.Wrong {
		t.Errorf("without a solution: %+v", got)
	}
	c.Prefix.Problem.Worked = []string{c.Reference, "She picked 3*6 = 18 green apples."}
	if got, _ := New().Judge(context.Background(), c); got.Verdict != step.Unknown {
		t.Errorf("with a solution: %+v", got)
	}
}

type layerFunc func(Case) (Ruling, error)

func (layerFunc) Name() string                                     { return "test" }
func (f layerFunc) Rule(_ context.Context, c Case) (Ruling, error) { return f(c) }

func TestLayers(t *testing.T) {
	asked := 0
	sure := func(v step.Verdict) Layer {
		return layerFunc(func(Case) (Ruling, error) { asked++; return Ruling{Verdict: v, Reason: v.String()}, nil })
	}
	got, err := New(sure(step.Unknown), sure(step.Wrong), sure(step.Right)).Judge(context.Background(), Case{})
	if err != nil || got != (Ruling{step.Wrong, "test", "wrong"}) || asked != 2 {
		t.Errorf("%+v, %v, %d layers asked", got, err, asked)
	}
	got, err = New(sure(step.Unknown)).Judge(context.Background(), Case{})
	if err != nil || got != (Ruling{step.Unknown, "", "unknown"}) {
		t.Errorf("%+v, %v", got, err)
	}
	broken := errors.New("broken")
	_, err = New(layerFunc(func(Case) (Ruling, error) { return Ruling{}, broken })).Judge(context.Background(), Case{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "test") {
		t.Errorf("%v", err)
	}
}

// FuzzJudge: a step against itself is never wrong by comparison, and a verdict has its layer and reason.
func FuzzJudge(f *testing.F) {
	f.Add("How many of 48?", "She sold 48/2 = 24 clips.", "She sold 48*2 = 96 clips.")
	f.Add("", `\( x = \frac{1}{2} \)`, "#### 5")
	f.Fuzz(func(t *testing.T, question, reference, candidate string) {
		c := Case{Prefix: step.Trace{Problem: step.Problem{Question: question}}, Reference: reference, Step: candidate}
		for _, s := range []string{candidate, reference} {
			c.Step = s
			got, err := New().Judge(context.Background(), c)
			if err != nil || (got.Verdict == step.Unknown) != (got.Layer == "") || got.Reason == "" {
				t.Fatalf("%q: %+v, %v", s, got, err)
			}
			if s == reference && got.Verdict == step.Wrong && got.Layer != "arithmetic" {
				t.Fatalf("%q against itself: %+v", s, got)
			}
		}
	})
}
