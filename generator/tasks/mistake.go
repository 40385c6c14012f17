package tasks

import (
	"slices"
	"strconv"
	"strings"

	"aprm/prm/arith"
)

// Mistake is what a wrong solution did first that the worked one doesn't.
type Mistake string

const (
	None       Mistake = ""           // nothing: the answer is right
	Arithmetic Mistake = "arithmetic" // a right expression, and a false result
	Operand    Mistake = "operand"    // the right operation on another number
	Operation  Mistake = "operation"  // another operation on the right numbers
	Other      Mistake = "other step" // a step that has nothing of the worked one
	Missed     Mistake = "missed"     // steps, or a condition, left out: what it did is right
	Unread     Mistake = "unread"     // no equation where one should be, or no answer
)

// Mistakes lists the kinds of mistake, in a fixed order.
func Mistakes() []Mistake { return []Mistake{Arithmetic, Operand, Operation, Other, Missed, Unread} }

// Judge says what went wrong first in a solution of p, by its equations. Steps that don't depend on each other may come in any
// order.
func (p Problem) Judge(solution string) Mistake {
	answer, ok := arith.Extract(solution)
	if ok && arith.Equal(strconv.Itoa(p.Answer), answer) == arith.True {
		return None
	}
	open := slices.Clone(p.Steps)
	for line := range strings.Lines(solution) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "####") {
			continue
		}
		e, value, ok := equation(line)
		if !ok {
			return Unread
		}
		if i := slices.IndexFunc(open, func(s Step) bool { return s.expr.same(e) }); i >= 0 {
			if open[i].Value != value {
				return Arithmetic
			}
			open = slices.Delete(open, i, i+1)
			continue
		}
		if len(open) == 0 {
			return Other // goes on behind the end
		}
		want := open[0].expr
		switch {
		case slices.Equal(e.ops, want.ops) && e.shares(want):
			return Operand
		case sameNumbers(e.terms, want.terms):
			return Operation
		}
		if slices.ContainsFunc(open[1:], func(s Step) bool { return slices.Equal(e.ops, s.expr.ops) && e.shares(s.expr) }) {
			return Missed // already at a later step, on what an earlier one should have given
		}
		return Other
	}
	if !ok {
		return Unread
	}
	if len(open) > 0 {
		return Missed
	}
	return Other
}

// equation reads the last "a + b = c" of a line.
func equation(line string) (e expr, value int, ok bool) {
	fields := strings.Fields(line)
	at := slices.Index(fields, "=")
	if at < 1 || at+1 >= len(fields) {
		return e, 0, false
	}
	value, err := strconv.Atoi(strings.TrimRight(fields[at+1], ".,"))
	if err != nil {
		return e, 0, false
	}
	from := at - 1
	for from >= 2 && len(fields[from-1]) == 1 && strings.Contains("+-*/", fields[from-1]) {
		from -= 2
	}
	for i := from; i < at; i++ {
		if (i-from)%2 == 1 {
			e.ops = append(e.ops, fields[i][0])
			continue
		}
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return e, 0, false
		}
		e.terms = append(e.terms, n)
	}
	return e, value, true
}

// same reports whether two expressions are one, up to the order of what may be exchanged.
func (e expr) same(f expr) bool {
	if slices.Equal(e.terms, f.terms) && slices.Equal(e.ops, f.ops) {
		return true
	}
	all := func(ops []byte) bool {
		return len(ops) > 0 && (ops[0] == '+' || ops[0] == '*') && !slices.ContainsFunc(ops, func(op byte) bool { return op != ops[0] })
	}
	return slices.Equal(e.ops, f.ops) && all(e.ops) && sameNumbers(e.terms, f.terms)
}

// shares reports whether two expressions have a term in common.
func (e expr) shares(f expr) bool {
	return slices.ContainsFunc(e.terms, func(t int) bool { return slices.Contains(f.terms, t) })
}

// sameNumbers reports whether two lists hold the same numbers.
func sameNumbers(a, b []int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
