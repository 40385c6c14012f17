package tasks

import (
	"slices"
	"strconv"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/step"
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

// Judge says what went wrong first in a solution of p, by its equations. Steps that don't depend on each other may come
// in any order.
func (p Problem) Judge(solution string) Mistake {
	answer, answered := arith.Extract(solution)
	if answered && arith.Equal(strconv.Itoa(p.Answer), answer) == arith.True {
		return None
	}
	var lines []string
	for line := range strings.Lines(solution) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "####") {
			lines = append(lines, line)
		}
	}
	_, mistake, open := p.follow(lines)
	switch {
	case mistake != None:
		return mistake
	case !answered:
		return Unread
	case open > 0:
		return Missed
	default:
		return Other
	}
}

// FirstError returns the first of a solution's steps, from 0, that is wrong: whose equation is none of the worked
// solution's that are still open, or false; or that states another answer, or the answer with steps left out. It is −1
// when none is. This is the toy world's exact truth, up to a way of solving p that the worked solution doesn't take.
func (p Problem) FirstError(steps []string) int {
	body := steps
	if n := len(steps); n > 0 && step.IsAnswer(steps[n-1]) {
		body = steps[:n-1]
	}
	at, mistake, open := p.follow(body)
	if mistake != None {
		return at
	}
	if len(body) == len(steps) {
		return -1
	}
	answer, answered := arith.Extract(steps[len(body)])
	if answered && open == 0 && arith.Equal(strconv.Itoa(p.Answer), answer) == arith.True {
		return -1
	}
	return len(body)
}

// follow goes through steps as long as their equations are open ones of the worked solution. It returns where that ends
// and why, and how many equations are left open.
func (p Problem) follow(steps []string) (at int, mistake Mistake, left int) {
	open := slices.Clone(p.Steps)
	for at, line := range steps {
		e, value, ok := equation(line)
		if !ok {
			return at, Unread, len(open)
		}
		i := slices.IndexFunc(open, func(s Step) bool { return s.expr.same(e) })
		switch {
		case i < 0:
			return at, compare(e, open), len(open)
		case open[i].Value != value:
			return at, Arithmetic, len(open)
		}
		open = slices.Delete(open, i, i+1)
	}
	return len(steps), None, len(open)
}

// compare says how an expression that is none of the open steps' differs from the one it was meant to be: one on the
// same numbers, or else the one with the same operations and most numbers in common.
func compare(e expr, open []Step) Mistake {
	var meant *Step
	best := 0
	for i, s := range open {
		if sameNumbers(e.terms, s.expr.terms) {
			return Operation
		}
		if common := e.common(s.expr); common > best && slices.Equal(e.ops, s.expr.ops) {
			meant, best = &open[i], common
		}
	}
	if meant == nil {
		return Other
	}
	for _, s := range open {
		if slices.Contains(meant.expr.terms, s.Value) && !slices.Contains(e.terms, s.Value) {
			return Missed // already at a step that takes what this one should have given
		}
	}
	return Operand
}

// equation reads the first "a + b = c" of a line.
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
	return slices.Equal(e.ops, f.ops) && e.commutes() && sameNumbers(e.terms, f.terms)
}

// common counts the terms that two expressions have in common.
func (e expr) common(f expr) int {
	n := 0
	for _, t := range e.terms {
		if slices.Contains(f.terms, t) {
			n++
		}
	}
	return n
}

// sameNumbers reports whether two lists hold the same numbers.
func sameNumbers(a, b []int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
