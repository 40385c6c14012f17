package feature

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// story is what the question tells, sentence by sentence, without a last one that only asks. Word problems are told
// much as they are solved, so what a step passes over, and what none has taken up when the answer is given, says
// whether a condition was missed.
type story []sentence

type sentence struct {
	words      []string        // distinct, sorted
	content    map[string]bool // those that say something and ask for no calculation
	telling    map[string]bool // those that say something and stand in no other sentence
	quantities []int
}

// abbreviations end in a full stop that ends no sentence.
var abbreviations = set("mr mrs ms dr st vs no approx etc")

// sentences cuts text behind full stops, question and exclamation marks, semicolons and line ends.
func sentences(text string) []string {
	var out []string
	start := 0
	for i := range len(text) {
		switch text[i] {
		case '?', '!', ';', '\n':
		case '.':
			if i+1 < len(text) && !unicode.IsSpace(rune(text[i+1])) {
				continue // 3.5, a.m.
			}
			words := strings.Fields(text[start:i])
			if len(words) > 0 && abbreviations[strings.ToLower(words[len(words)-1])] {
				continue
			}
		default:
			continue
		}
		out = append(out, text[start:i+1])
		start = i + 1
	}
	return append(out, text[start:])
}

// tell makes the story of the question's sentences, which start at these tokens.
func (r *reading) tell(starts []int) story {
	var out story
	in := make(map[string]int) // how many sentences hold the word
	q := 0                     // the next quantity
	for k, start := range starts {
		end := len(r.question)
		if k+1 < len(starts) {
			end = starts[k+1]
		}
		words := make(map[string]bool)
		for _, t := range r.question[start:end] {
			if t.word() {
				words[t.text] = true
			}
		}
		for w := range words {
			in[w]++
		}
		s := sentence{words: slices.Sorted(maps.Keys(words)), content: make(map[string]bool), telling: make(map[string]bool)}
		for ; q < len(r.quantities) && r.quantities[q].at < end; q++ {
			s.quantities = append(s.quantities, q)
		}
		if k < len(starts)-1 || len(s.quantities) > 0 {
			out = append(out, s)
		}
	}
	for _, s := range out {
		for _, w := range s.words {
			if plain[w] {
				continue
			}
			if in[w] == 1 {
				s.telling[w] = true
			}
			if !relations[w] {
				s.content[w] = true
			}
		}
	}
	return out
}

// taken says what the steps so far have taken up.
type taken struct {
	quantities []bool
	results    []bool // of steps
	spoken     []bool // sentences without quantities of which a step spoke
	last       int    // the last sentence that something was taken from, -1 for none
}

// uses are what one step took up.
type uses struct {
	fresh, old             int   // numbers in digits not used before, and used before
	freshSpoken, oldSpoken int   // the same in words
	reused                 bool  // a result that another step used already
	sentences              []int // what the step took something new from
	backward               bool  // one of these stands before one taken up earlier
	next                   int   // the sentence whose turn it was by the order of the story, -1 for none
	skipped                []int // sentences with something left that the step passed over
}

// take reads what r.now takes up, into r.uses and r.taken.
func (r *reading) take() {
	before := make([]int, len(r.story))
	for k := range r.story {
		before[k] = r.left(k)
	}
	last := r.taken.last
	u := uses{next: slices.IndexFunc(before[max(last, 0):], func(left int) bool { return left > 0 })}
	if u.next >= 0 {
		u.next += max(last, 0)
	}
	r.use(&u)
	for k, s := range r.story {
		if len(s.quantities) == 0 && overlap(s.telling, r.now.words) > 0 {
			r.taken.spoken[k] = true
		}
		if r.left(k) < before[k] {
			u.sentences = append(u.sentences, k)
			u.backward = u.backward || k < last
			r.taken.last = max(r.taken.last, k)
		}
	}
	for k := max(last, 0); k < r.taken.last; k++ {
		if r.left(k) > 0 {
			u.skipped = append(u.skipped, k)
		}
	}
	r.uses = u
}

// use marks the numbers and results that r.now calculates with.
func (r *reading) use(u *uses) {
	numbers := r.now.operands()
	if len(r.now.expressions) == 0 {
		numbers = r.now.numbers // a step that only states a number has taken it up
	}
	for _, n := range numbers {
		switch n.source {
		case given, implied:
			if n.index < 0 {
				continue
			}
			fresh, old := &u.fresh, &u.old
			if n.source == implied {
				fresh, old = &u.freshSpoken, &u.oldSpoken
			}
			if r.taken.quantities[n.index] {
				*old++
			} else {
				*fresh++
			}
			r.taken.quantities[n.index] = true
		case previous, earlier:
			u.reused = u.reused || r.taken.results[n.index]
		}
	}
	for _, n := range numbers {
		if n.source == previous || n.source == earlier {
			r.taken.results[n.index] = true
		}
	}
	r.taken.results = append(r.taken.results, false)
}

// left is how much of a sentence no step has taken up: its unused quantities; of one without any, 1 until a step speaks
// of it.
func (r *reading) left(k int) int {
	s := r.story[k]
	if len(s.quantities) == 0 {
		return 1 - bit(r.taken.spoken[k])
	}
	n := 0
	for _, q := range s.quantities {
		n += 1 - bit(r.taken.quantities[q])
	}
	return n
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// relevant are the words of what is asked for and of the sentences that the steps have taken up whole. How far a
// sentence's content overlaps with them is how much it has to do with the problem, its relevance.
func (r *reading) relevant() map[string]bool {
	there := make(map[string]bool)
	for _, t := range r.question[max(len(r.question)-asked, 0):] {
		there[t.text] = true
	}
	for k, s := range r.story {
		if r.left(k) > 0 {
			continue
		}
		for _, w := range s.words {
			there[w] = true
		}
	}
	return there
}
