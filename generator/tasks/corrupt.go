package tasks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Reword says a step in another way, with the same equation. It is false where there is only one.
func (p Problem) Reword(rng *rand.Rand, i int) (string, bool) {
	s := p.Steps[i]
	text := s.say(rng, s.expr, s.Value)
	return text, text != s.Text
}

func (s Step) say(rng *rand.Rand, e expr, value int) string {
	return fmt.Sprintf(s.says[rng.IntN(len(s.says))], fmt.Sprintf("%s = %d", e, value))
}

// Corrupt makes the mistake that a strategy of the generator's names in step i, as an example for a model to learn
// from. The result has another value than the step. It is false where the strategy doesn't fit the step, or its numbers
// come out badly.
func (p Problem) Corrupt(rng *rand.Rand, i int, strategy string) (string, bool) {
	s := p.Steps[i]
	mistake := mistakes[strategy]
	if mistake == nil {
		return "", false
	}
	c := &corrupter{rng: rng, expr: s.expr.clone(), given: p.given}
	for _, before := range p.Steps[:i] {
		c.earlier = append(c.earlier, before.Value)
	}
	if strategy == "calculation" {
		v := c.near(s.Value)
		return s.say(rng, s.expr, v), v != s.Value && v > 0
	}
	if !mistake(c) {
		return "", false
	}
	v, ok := c.expr.value()
	if !ok || v == s.Value || v > 9*most {
		return "", false
	}
	return s.say(rng, c.expr, v), true
}

// corrupter holds what a mistake is made of.
type corrupter struct {
	rng     *rand.Rand
	expr    expr
	given   []int // the question's numbers
	earlier []int // earlier steps' results
}

// mistakes hold the generator's strategies, by name: each changes the expression, or says that it can't.
var mistakes = map[string]func(c *corrupter) bool{
	"calculation": func(*corrupter) bool { return true },
	"operator": func(c *corrupter) bool {
		i := c.rng.IntN(len(c.expr.ops))
		c.expr.ops[i] = "+-*/"[c.rng.IntN(4)]
		return len(c.expr.ops) == 1 || c.flat()
	},
	"context": func(c *corrupter) bool { return c.replace(c.any(), c.given) },
	"previous": func(c *corrupter) bool {
		i := slices.IndexFunc(c.expr.terms, func(t int) bool { return slices.Contains(c.earlier, t) })
		if i >= 0 && c.rng.IntN(2) == 0 {
			c.expr.terms[i] = c.near(c.expr.terms[i])
			return true
		}
		return c.replace(i, c.earlier)
	},
	"formula": func(c *corrupter) bool {
		switch first := c.expr.terms[0]; {
		case len(c.expr.terms) > 2:
			c.expr = expr{c.expr.terms[:2], []byte{"+-/"[c.rng.IntN(3)]}}
		case c.expr.ops[0] == '*':
			c.expr = calc(first, "+", c.expr.terms[1])
		case c.expr.ops[0] == '/':
			c.expr = calc(first, "-", c.expr.terms[1])
		default:
			c.expr = calc(first, "*", 2)
		}
		return true
	},
	"count": func(c *corrupter) bool {
		i := c.any()
		c.expr.terms[i] += 1 - 2*c.rng.IntN(2)
		return c.expr.terms[i] > 0
	},
	"unit": func(c *corrupter) bool {
		i := slices.IndexFunc(c.expr.terms, func(t int) bool {
			return slices.Contains(conversions, t) && !slices.Contains(c.given, t) && !slices.Contains(c.earlier, t)
		})
		return c.replace(i, conversions)
	},
	"missing": func(c *corrupter) bool {
		n := len(c.expr.terms)
		if n < 3 {
			return false
		}
		i := 1 + c.rng.IntN(n-1)
		c.expr.terms, c.expr.ops = slices.Delete(c.expr.terms, i, i+1), slices.Delete(c.expr.ops, i-1, i)
		return true
	},
	"foreign": func(c *corrupter) bool {
		k := 2 + c.rng.IntN(9)
		if slices.Contains(c.given, k) {
			return false
		}
		c.expr.terms, c.expr.ops = append(c.expr.terms, k), append(c.expr.ops, "+-"[c.rng.IntN(2)])
		return true
	},
	"condition": func(c *corrupter) bool {
		c.expr = calc(c.expr.terms[0], []any{"*", 1}...)
		return true
	},
	"base": func(c *corrupter) bool {
		if c.expr.ops[0] == '+' && len(c.expr.ops) == 1 && c.expr.terms[1] < 10 && c.rng.IntN(2) == 0 {
			c.expr.ops[0] = '*'
			return true
		}
		return c.replace(0, slices.Concat(c.given, c.earlier))
	},
	"contradiction": func(c *corrupter) bool {
		i := slices.IndexFunc(c.expr.ops, func(op byte) bool { return op == '+' || op == '-' })
		if i < 0 {
			return false
		}
		c.expr.ops[i] = '+' + '-' - c.expr.ops[i]
		return true
	},
	"deception": func(c *corrupter) bool {
		i := c.any()
		c.expr.terms[i] = c.near(c.expr.terms[i])
		return c.expr.terms[i] > 0
	},
	"subgoal": func(c *corrupter) bool {
		known := slices.Concat(c.given, c.earlier)
		if len(known) < 2 {
			return false
		}
		c.expr = calc(known[c.rng.IntN(len(known))], string("+-*/"[c.rng.IntN(4)]), known[c.rng.IntN(len(known))])
		return c.expr.terms[0] != c.expr.terms[1]
	},
}

var conversions = []int{3, 7, 10, 12, 16, 24, 30, 60, 100}

// flat reports whether the expression means the same from left to right as by the rules of precedence.
func (c *corrupter) flat() bool {
	added := false
	for _, op := range c.expr.ops {
		if op == '+' || op == '-' {
			added = true
		} else if added {
			return false
		}
	}
	return true
}

// any draws a term; the 100 of a percentage is none.
func (c *corrupter) any() int {
	n := len(c.expr.terms)
	if n == 3 && c.expr.terms[2] == 100 {
		n = 2
	}
	return c.rng.IntN(n)
}

// replace puts another of some numbers in the place of term i.
func (c *corrupter) replace(i int, by []int) bool {
	if i < 0 || len(by) == 0 {
		return false
	}
	n := by[c.rng.IntN(len(by))]
	changed := n != c.expr.terms[i]
	c.expr.terms[i] = n
	return changed
}

// near draws a number that n may be mistaken for: a digit off, two swapped, or off by little.
func (c *corrupter) near(n int) int {
	switch c.rng.IntN(4) {
	case 0:
		d := []byte(strconv.Itoa(n))
		if len(d) > 1 && d[0] != d[1] && d[1] != '0' {
			d[0], d[1] = d[1], d[0]
			m, _ := strconv.Atoi(string(d))
			return m
		}
		return n + 1
	case 1:
		return n + 10
	case 2:
		if n > 10 {
			return n - 10
		}
		return n + 2
	default:
		return n + []int{-2, -1, 1, 2}[c.rng.IntN(4)]
	}
}
