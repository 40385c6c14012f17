package oracle

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"aprm/prm/step"
)

var audited = []step.Problem{
	{ID: "clips", Question: "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many did she sell in 2 months?", Answer: "72",
		Worked: []string{"Natalia sold 48/2 = 24 clips in May.", "Natalia sold 48+24 = 72 clips altogether in April and May."}},
	{ID: "wallet", Question: "Betty needs $100. She has half. Her parents give her $15, her grandparents twice as much.", Answer: "5",
		Worked: []string{"In the beginning, Betty has only 100 / 2 = $50.", "Betty's grandparents gave her 15 * 2 = $30.", "This means, Betty needs 100 - 50 - 30 - 15 = $5 more."}},
	{ID: "without a solution", Question: "How many?", Answer: "3"},
	{ID: "false", Question: "8 trays of 3 cookies and 5 more, how many?", Answer: "29", Worked: []string{"The trays hold 8*3 = 25 cookies."}},
}

func TestAudit(t *testing.T) {
	got, err := Audit(context.Background(), New(), audited, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Problems != 3 || got.Steps != 6 || got.Worked.Cases != 6 || got.Displaced.Cases != 7 {
		t.Errorf("%d problems, %d steps, %d worked, %d displaced", got.Problems, got.Steps, got.Worked.Cases, got.Displaced.Cases)
	}
	if len(got.Worked.Opposite) != 1 || got.Worked.Opposite[0].Problem != "false" || got.Worked.Opposite[0].Layer != "arithmetic" {
		t.Errorf("called wrong: %+v", got.Worked.Opposite)
	}
	if len(got.Displaced.Opposite)+len(got.Corrupted.Opposite) > 0 {
		t.Errorf("%+v %+v", got.Displaced.Opposite, got.Corrupted.Opposite)
	}
	for _, f := range got.Reworded.Opposite {
		if f.Problem != "false" {
			t.Errorf("%+v", f)
		}
	}
	if got.Reworded.Share(step.Right) < .85 || got.Corrupted.Unknown > 1 || got.Corrupted.Cases < 12 || len(got.Reworded.Rules) < 10 {
		t.Errorf("reworded %+v, corrupted %+v", got.Reworded.Tally, got.Corrupted.Tally)
	}
	again, err := Audit(context.Background(), New(), audited, 1)
	if err != nil || !reflect.DeepEqual(got, again) {
		t.Error("the same seed gave another report")
	}
}

// Of labelled solutions a step counts until the first wrong one, by what people say of it.
func TestAuditSolutions(t *testing.T) {
	p := step.Problem{ID: "trays", Question: "8 trays of 3 cookies and 5 more, how many?"}
	right, wrong, err := AuditSolutions(context.Background(), New(), []step.Judged{
		{Trace: step.Trace{Problem: p, Steps: []string{"The trays hold 8*3 = 24 cookies.", "That makes 24+5 = 30.", "#### 30"}}, FirstWrong: 1},
		{Trace: step.Trace{Problem: p, Steps: []string{"The trays hold 8*3 = 25 cookies.", "Who knows?"}}, FirstWrong: -1},
	})
	if err != nil || right.Cases != 3 || wrong.Cases != 1 || wrong.Wrong != 1 || len(wrong.Opposite) != 0 {
		t.Errorf("right %+v, wrong %+v, %v", right, wrong, err)
	}
	if len(right.Opposite) != 1 || right.Opposite[0].Layer != "arithmetic" || right.Opposite[0].Index != 0 {
		t.Errorf("called wrong: %+v", right.Opposite)
	}
}

func TestRewordings(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const text = "In May, Natalia sold 48/2 = $24."
	for _, r := range rewordings {
		got, ok := r.apply(rng, text)
		want := map[string]string{
			"typeset signs": "In May, Natalia sold 48÷2 = $24.", "spacing": "In May, Natalia sold 48 / 2 = $24.", "money moved": "In May, Natalia sold 48/2 = 24 dollars.",
			"calculator mark": "In May, Natalia sold 48/2 = $<<48/2=24>>24.", "words dropped": "48/2 = $24",
		}[r.name]
		if want != "" && (!ok || got != want) {
			t.Errorf("%s: %q, %v, want %q", r.name, got, ok, want)
		}
	}
}

func TestCorruptions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range corruptions {
		got, ok := c.apply(rng, "9 friends", "She has 48/2 = 24 clips, all 24 of them.")
		want := map[string][]string{
			"operator": {"She has 48*2 = 96 clips, all 96 of them.", "She has 48+2 = 50 clips, all 50 of them."},
			"operand":  {"She has 9/2 = 4.5 clips, all 4.5 of them."},
		}[c.name]
		if !ok || want != nil && got != want[0] && got != want[len(want)-1] {
			t.Errorf("%s: %q, %v, want one of %q", c.name, got, ok, want)
		}
		if got, ok := c.apply(rng, "9 friends", "No equation."); ok {
			t.Errorf("%s made %q of nothing", c.name, got)
		}
	}
}
