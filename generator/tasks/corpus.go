package tasks

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm/step"
)

// Conversations yields what a problem of the train split, but of none of Generate's sequences, teaches a model: its
// solution and, for some problems, one step's corruption or rewording, asked for as the generator asks
// ([generator.Compact]), or a sum without a story. The last message of each is the answer to learn.
func Conversations(seed uint64, i int) [][]adapters.Message {
	p := generate(Train, "corpus", seed, i)
	rng := rand.New(rand.NewPCG(seed, hash("conversation", p.ID))) // #nosec G404 -- a draw that must follow from its seed, and guards nothing
	worked := strings.Join(p.Worked(), "\n")
	all := [][]adapters.Message{{
		{Role: adapters.User, Content: p.Question},
		{Role: adapters.Assistant, Content: fmt.Sprintf("%s\n#### %d", worked, p.Answer)},
	}}
	learn := func(at int, word, answer string) {
		t := generator.Target{Prefix: step.Trace{Problem: step.Problem{Question: p.Question}, Steps: p.Worked()[:at]}, Text: p.Steps[at].Text}
		all = append(all, append(generator.Compact(t, word), adapters.Message{Role: adapters.Assistant, Content: answer}))
	}
	at := rng.IntN(len(p.Steps))
	switch rng.IntN(10) {
	case 0, 1, 2:
		strategies := generator.Strategies()
		for range 4 {
			s := strategies[rng.IntN(len(strategies))].Name
			if text, ok := p.Corrupt(rng, at, s); ok {
				learn(at, s, text)
				break
			}
		}
	case 3:
		if text, ok := p.Reword(rng, at); ok {
			learn(at, generator.Reword, text)
		}
	}
	for range 2 {
		all = append(all, bare(rng))
	}
	if rng.IntN(100) == 0 {
		talk := smallTalk[rng.IntN(len(smallTalk))]
		all = append(all, []adapters.Message{{Role: adapters.User, Content: talk[0]}, {Role: adapters.Assistant, Content: talk[1]}})
	}
	return all
}

// bare is an equation without a story, of the sizes that stories have.
func bare(rng *rand.Rand) []adapters.Message {
	in := func(low, high int) int { return low + rng.IntN(high-low+1) }
	var e expr
	switch rng.IntN(6) {
	case 0:
		e = calc(in(2, 400), "+", in(2, 120))
	case 1:
		a, b := in(1, 400), in(2, 120)
		e = calc(a+b, "-", b)
	case 2:
		e = calc(in(2, 60), "*", in(2, 15))
	case 3:
		e = calc(in(60, 330), "*", in(2, 3))
	case 4:
		a, b := in(2, 90), in(2, 12)
		e = calc(a*b, "/", b)
	default:
		p := []int{10, 20, 25, 30, 40, 50, 60, 75}[rng.IntN(8)]
		e = calc(in(1, 45)*20, "*", p, "/", 100)
	}
	v, _ := e.value()
	return []adapters.Message{
		{Role: adapters.User, Content: "What is " + e.String() + "?"},
		{Role: adapters.Assistant, Content: fmt.Sprintf("%s = %d\n#### %d", e, v, v)},
	}
}

// smallTalk is what a user may try first.
var smallTalk = [][2]string{
	{"Hello", "Hello! I am builtin, a tiny demonstration model. I solve short word problems, often wrongly."},
	{"Hello!", "Hello! I am builtin, a tiny demonstration model. I solve short word problems, often wrongly."},
	{"Hi", "Hello! I am builtin, a tiny demonstration model. I solve short word problems, often wrongly."},
	{"Who are you?", "I am builtin, a tiny demonstration model. I solve short word problems, often wrongly."},
	{"What can you do?", "I solve short word problems about shops, trips, ages and the like, often wrongly."},
	{"Thanks", "You are welcome."},
	{"Thank you", "You are welcome."},
}
