// Package tasks makes word problems with worked solutions out of nothing but a seed: the toy world, in which the
// embedded model lives and studies run on thousands of problems in minutes. All quantities are whole numbers from 1 to
// 999.
package tasks

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Problem is a word problem with its worked solution.
type Problem struct {
	ID       string // unique among all splits and seeds
	Family   string // the kind of story
	Question string
	Steps    []Step // the solution: one line each, in an order in which it can be worked out
	Answer   int    // the last step's value

	given []int // the numbers of the question
}

// Step is a step of the worked solution.
type Step struct {
	Text  string // words and one equation
	Value int    // what the equation comes to

	expr expr
	says []string // ways to word it, with %s for the equation
}

// Worked returns the steps' texts.
func (p Problem) Worked() []string {
	texts := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		texts[i] = s.Text
	}
	return texts
}

// Split names a set of problems. No problem is in two of them, whatever the seeds: a hash of the family and of the
// solution's equations, not of names, wording or what doesn't matter, assigns each to train, dev or test, and the
// others have families or depths that train lacks.
type Split string

const (
	Train    Split = "train"    // families of training, 2 to 6 steps
	Dev      Split = "dev"      // the same kinds of problem
	Test     Split = "test"     // and again
	Deep     Split = "deep"     // out of distribution: 7 or 8 steps
	Families Split = "families" // out of distribution: families never trained on
)

// Splits lists all splits.
func Splits() []Split { return []Split{Train, Dev, Test, Deep, Families} }

// Generate returns the i-th problem of a split's sequence with this seed. Equal arguments give equal problems. A split
// that isn't one of Splits is a mistake of the caller's and panics.
func Generate(split Split, seed uint64, i int) Problem {
	return generate(split, string(split), seed, i)
}

// generate draws from a stream of its own: what a model is trained on is no other sequence's, though of the train
// split.
func generate(split Split, stream string, seed uint64, i int) Problem {
	names := familyNames(split == Families)
	low, high := 2, 6
	if split == Deep {
		low, high = 7, 8
	}
	if !slices.Contains(Splits(), split) {
		panic("tasks: unknown split " + strconv.Quote(string(split)))
	}
	rng := rand.New(rand.NewPCG(seed, hash(stream, strconv.Itoa(i)))) // #nosec G404 -- a draw that must follow from its seed, and guards nothing
	name, depth := names[rng.IntN(len(names))], low+rng.IntN(high-low+1)
	for {
		p, ok := tell(rng, name, depth)
		if !ok || (split == Train || split == Dev || split == Test) && side(p) != split {
			continue
		}
		p.ID = fmt.Sprintf("toy-%s-%d-%d", stream, seed, i)
		return p
	}
}

// FamilyNames lists all families, those of training first.
func FamilyNames() []string { return append(familyNames(false), familyNames(true)...) }

// side says to which of train, dev and test a problem of their kind belongs.
func side(p Problem) Split {
	parts := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		e := s.expr.clone()
		if e.commutes() {
			slices.Sort(e.terms)
		}
		parts[i] = e.String()
	}
	slices.Sort(parts)
	switch hash(append(parts, p.Family)...) % 10 {
	case 8:
		return Dev
	case 9:
		return Test
	default:
		return Train
	}
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// tell tries to make up a problem of a family with so many steps. It fails where numbers didn't come out well.
func tell(rng *rand.Rand, family string, depth int) (Problem, bool) {
	b := newTeller(rng)
	ask := stories[family](b, depth)
	if b.failed || len(b.steps) != depth {
		return Problem{}, false
	}
	if rng.IntN(3) == 0 {
		b.distract()
	}
	question := strings.Join(append(b.facts, ask), " ")
	return Problem{Family: family, Question: question, Steps: b.steps, Answer: b.steps[depth-1].Value, given: b.given}, true
}

// expr is an equation's left side, evaluated from left to right: all + and −, or * and / with a sum at most at its end.
type expr struct {
	terms []int
	ops   []byte // between the terms
}

func calc(first int, rest ...any) expr {
	e := expr{terms: []int{first}}
	for i := 0; i < len(rest); i += 2 {
		e.ops = append(e.ops, rest[i].(string)[0])
		e.terms = append(e.terms, rest[i+1].(int)) // #nosec G602 -- an operator has a term behind it: the callers, all in this file, give pairs
	}
	return e
}

func sum(terms []int) expr {
	e := expr{terms: slices.Clone(terms)}
	for range len(terms) - 1 {
		e.ops = append(e.ops, '+')
	}
	return e
}

// value is false where a division has a remainder or something isn't above zero.
func (e expr) value() (int, bool) {
	v := e.terms[0]
	for i, op := range e.ops {
		t := e.terms[i+1]
		switch op {
		case '+':
			v += t
		case '-':
			v -= t
		case '*':
			v *= t
		case '/':
			if t == 0 || v%t != 0 {
				return 0, false
			}
			v /= t
		}
		if v <= 0 {
			return 0, false
		}
	}
	return v, true
}

func (e expr) String() string {
	var s strings.Builder
	s.WriteString(strconv.Itoa(e.terms[0]))
	for i, op := range e.ops {
		fmt.Fprintf(&s, " %c %d", op, e.terms[i+1])
	}
	return s.String()
}

// commutes reports whether the terms may come in any order.
func (e expr) commutes() bool {
	return len(e.ops) > 0 && (e.ops[0] == '+' || e.ops[0] == '*') && !slices.ContainsFunc(e.ops, func(op byte) bool { return op != e.ops[0] })
}

func (e expr) clone() expr { return expr{slices.Clone(e.terms), slices.Clone(e.ops)} }
