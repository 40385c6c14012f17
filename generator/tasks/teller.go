package tasks

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// teller makes up one story: sentences that give numbers, and the steps that follow from them.
type teller struct {
	rng    *rand.Rand
	people []string
	names  *strings.Replacer // {a}, {b}, {c}: people; {d}: one that no story has; {things}: what it is about
	facts  []string
	given  []int
	steps  []Step
	failed bool // some number came out badly: the story is dropped
}

const most = 999

func newTeller(rng *rand.Rand) *teller {
	b := &teller{rng: rng}
	thing := things[rng.IntN(len(things))]
	for _, i := range rng.Perm(len(people))[:9] {
		b.people = append(b.people, people[i])
	}
	b.names = strings.NewReplacer("{a}", b.people[0], "{b}", b.people[1], "{c}", b.people[2], "{d}", b.people[8], "{things}", thing)
	return b
}

// in draws a number from low to high.
func (b *teller) in(low, high int) int { return low + b.rng.IntN(high-low+1) }

func (b *teller) pick(of ...string) string { return of[b.rng.IntN(len(of))] }

// chance is true one time in n.
func (b *teller) chance(n int) bool { return b.rng.IntN(n) == 0 }

// words fills in the story's names.
func (b *teller) words(s string) string { return b.names.Replace(s) }

// fact adds a sentence, worded in one of some ways, all of which take the same numbers.
func (b *teller) fact(numbers []int, ways ...string) {
	b.facts = append(b.facts, b.sentence(numbers, ways...))
}

func (b *teller) sentence(numbers []int, ways ...string) string {
	args := make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = n
		if n < 1 || n > most {
			b.failed = true
		}
	}
	b.given = append(b.given, numbers...)
	return fmt.Sprintf(b.words(b.pick(ways...)), args...)
}

// step adds a step that works out e, worded in one of some ways, and returns its value.
func (b *teller) step(e expr, ways ...string) int {
	v, ok := e.value()
	if !ok || v > most {
		b.failed = true
		return 1
	}
	says := make([]string, len(ways))
	for i, w := range ways {
		says[i] = b.words(w)
	}
	b.steps = append(b.steps, Step{Text: fmt.Sprintf(b.pick(says...), fmt.Sprintf("%s = %d", e, v)), Value: v, expr: e, says: says})
	return v
}

// divisor draws a divisor of n from 2 to high; without one the story fails.
func (b *teller) divisor(n, high int) int {
	var all []int
	for d := 2; d <= high && d < n; d++ {
		if n%d == 0 {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		b.failed = true
		return 1
	}
	return all[b.rng.IntN(len(all))]
}

// left says how many steps a story of so many still needs.
func (b *teller) left(depth int) int {
	if b.failed {
		return 0
	}
	return depth - len(b.steps)
}

// distract puts in a sentence whose number has nothing to do with the question.
func (b *teller) distract() {
	s := b.sentence([]int{b.in(2, 40)}, "{d} is %d years old.", "It is %d degrees outside.", "{d} lives %d miles away.", "The town has %d streets.",
		"{d} has %d cousins.", "The shop opened %d years ago.", "{d} read %d pages in the garden.", "There are %d rows of flowers and plants near the house.")
	at := b.rng.IntN(len(b.facts) + 1)
	b.facts = append(b.facts[:at], append([]string{s}, b.facts[at:]...)...)
}

var people = strings.Fields("Anna Ben Carla David Emma Felix Grace Henry Iris Jack Kate Leo Mia Noah Olga Paul Rosa Sam Tina Victor Wendy Yuri Zoe Tom")

var things = strings.Fields("apples marbles stickers books cards coins pencils cookies stamps shells balls beads eggs cakes flowers plants oranges toys buttons tickets")
