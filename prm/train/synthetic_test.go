package train

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aprm/prm/step"
)

// wordProblem writes a problem of two or three sentences with its worked steps, in one of a few forms.
func wordProblem(rng *rand.Rand, id int) step.Trace {
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	who, other := pick("Ann", "Maria", "Ruth", "Lena"), pick("Tom", "Ben", "Omar", "Paul")
	thing := pick("apples", "marbles", "books", "stamps", "cards")
	a, b, c := 11+rng.IntN(60), 3+rng.IntN(7), 2+rng.IntN(8)
	if b == c {
		c++
	}
	var t step.Trace
	switch rng.IntN(4) {
	case 0:
		t.Problem.Question = fmt.Sprintf("%s has %d %s. %s gives her %d more. Then she buys %d packs with %d %s each. How many %s does she have in total?", who, a, thing, other, b*7, c, b, thing, thing)
		t.Steps = []string{
			fmt.Sprintf("With those from %s she has %d + %d = %d %s.", other, a, b*7, a+b*7, thing),
			fmt.Sprintf("The packs hold %d * %d = %d %s.", c, b, c*b, thing),
			fmt.Sprintf("In total she has %d + %d = %d %s.", a+b*7, c*b, a+b*7+c*b, thing)}
	case 1:
		t.Problem.Question = fmt.Sprintf("%s sells %d %s at $%d each. She spends $%d of the money on lunch. How much money is left?", who, a, thing, b, c)
		t.Steps = []string{
			fmt.Sprintf("She earns %d * %d = $%d by selling the %s.", a, b, a*b, thing),
			fmt.Sprintf("After lunch she has %d - %d = $%d left.", a*b, c, a*b-c)}
	case 2:
		t.Problem.Question = fmt.Sprintf("%s has %d times as many %s as %s, who has %d. They share all of them equally with friends, so that %d people get the same. How many does each get?", who, b, thing, other, a*c, c)
		t.Steps = []string{
			fmt.Sprintf("%s has %d * %d = %d %s.", who, a*c, b, a*b*c, thing),
			fmt.Sprintf("Together they have %d + %d = %d %s.", a*b*c, a*c, a*b*c+a*c, thing),
			fmt.Sprintf("Each gets %d / %d = %d.", a*b*c+a*c, c, a*b+a)}
	default:
		t.Problem.Question = fmt.Sprintf("%s reads %d pages every day for %d weeks. %s reads %d pages fewer in all. How many pages does %s read?", who, a, b, other, c, other)
		t.Steps = []string{
			fmt.Sprintf("%s reads for %d * 7 = %d days.", who, b, b*7),
			fmt.Sprintf("She reads %d * %d = %d pages.", b*7, a, a*b*7),
			fmt.Sprintf("%s reads %d - %d = %d pages.", other, a*b*7, c, a*b*7-c)}
	}
	t.Problem.ID = fmt.Sprint("problem ", id)
	return t
}

// From text to a model: on made-up word problems, steps with a wrong operator or operand, calculated rightly, are told
// from right ones on problems never seen.
func TestLearnsFromText(t *testing.T) {
	rng := rand.New(rand.NewPCG(42, 0))
	var examples []Example
	for i := range 150 {
		examples = append(examples, pairsOf(rng, wordProblem(rng, i), 2)...)
	}
	opt := Options{Seed: 1, Epochs: 8, Rate: 0.006, Created: time.Unix(0, 0).UTC()}
	_, report := fit(t, nil, nil, examples, opt)
	if report.ProblemAUC < .85 || report.PairAUC < .85 {
		t.Errorf("held-out AUC within a problem %.3f, paired accuracy %.3f; want .85", report.ProblemAUC, report.PairAUC)
	}
	opt.Epochs = 1
	first, _ := fit(t, nil, nil, examples, opt)
	if again, _ := fit(t, nil, nil, examples, opt); again.ID() != first.ID() {
		t.Error("the same seed gave another model")
	}
}
