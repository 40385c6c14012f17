package program

import (
	"strings"

	"go.starlark.net/starlark"
)

// machine is one run of a program.
type machine struct {
	program *Program
	thread  *starlark.Thread
	bytes   int
	output  []printed
	line    printed        // being printed
	size    int            // bytes printed
	value   starlark.Value // of the last expression that stood alone, or what was returned outside of a function
	last    starlark.Value // assigned last outside of a function
	told    []entry
	counts  []int // executions of each site
}

// charge accounts for the work and memory of one of our functions, in steps of Starlark's machine and in bytes.
func (m *machine) charge(steps, bytes int) error {
	m.thread.Steps += uint64(max(steps, 0) + max(bytes, 0)/128)
	m.bytes += max(bytes, 0)
	if m.thread.Steps > maxSteps {
		return limitError("too many steps")
	}
	if m.bytes > maxBytes {
		return limitError("too much memory")
	}
	return nil
}

// calculate evaluates an expression whose operands that are no calculations themselves have been evaluated.
func (m *machine) calculate(e *expr, leaves starlark.Tuple) (starlark.Value, error) {
	if e.leaf > 0 {
		return leaves[e.leaf-1], nil
	}
	switch e.kind {
	case unary:
		x, err := m.calculate(e.kids[0], leaves)
		if err != nil {
			return nil, err
		}
		return m.unary(e.text, x)
	case binary:
		x, err := m.calculate(e.kids[0], leaves)
		if err != nil {
			return nil, err
		}
		y, err := m.calculate(e.kids[1], leaves)
		if err != nil {
			return nil, err
		}
		return m.binary(e.text, x, y)
	case compare:
		x, err := m.calculate(e.kids[0], leaves)
		if err != nil {
			return nil, err
		}
		for i, op := range e.ops {
			y, err := m.calculate(e.kids[i+1], leaves)
			if err != nil {
				return nil, err
			}
			ok, err := m.compare(op, x, y)
			if err != nil || !ok {
				return starlark.False, err
			}
			x = y
		}
		return starlark.True, nil
	case call:
		args := make(starlark.Tuple, len(e.kids)-1)
		for i, kid := range e.kids[1:] {
			var err error
			if args[i], err = m.calculate(kid, leaves); err != nil {
				return nil, err
			}
		}
		return functions[e.fn](m, args, nil)
	}
	return e.value, nil
}

func (m *machine) unary(op string, x starlark.Value) (starlark.Value, error) {
	n, ok := asNumber(x)
	switch {
	case op == "not":
		return !x.Truth(), nil
	case !ok || op == "~" && !n.isInt:
		return nil, failure("bad operand type for unary %s: '%s'", op, x.Type())
	case op == "~":
		return starlark.MakeInt(-1).Sub(n.whole), nil
	case op == "+":
		if n.isInt {
			return n.whole, nil
		}
		return n.real, nil
	}
	return m.arithmetic("*", n, number{whole: starlark.MakeInt(-1), isInt: true})
}

func (m *machine) binary(op string, x, y starlark.Value) (starlark.Value, error) {
	a, aok := asNumber(x)
	b, bok := asNumber(y)
	if aok && bok {
		switch op {
		case "+", "-", "*", "/", "//", "%", "**":
			return m.arithmetic(op, a, b)
		case "+=":
			return m.arithmetic("+", a, b)
		}
		if a.isInt && b.isInt {
			return m.bitwise(op, a.whole, b.whole)
		}
	}
	switch op {
	case "+", "+=":
		return m.join(op, x, y)
	case "*":
		if aok && a.isInt {
			return m.repeat(y, a.whole)
		}
		if bok && b.isInt {
			return m.repeat(x, b.whole)
		}
	case "%":
		if s, ok := x.(starlark.String); ok {
			text, err := m.percent(string(s), y)
			return starlark.String(text), err
		}
	case "|", "&", "-", "^":
		if s, ok := x.(*starlark.Set); ok {
			return m.sets(op, s, y)
		}
		if d, ok := x.(*starlark.Dict); ok && op == "|" {
			return m.makeDict(d, y)
		}
	}
	return nil, failure("unsupported operand type(s) for %s: '%s' and '%s'", op, x.Type(), y.Type())
}

func (m *machine) bitwise(op string, x, y starlark.Int) (starlark.Value, error) {
	switch op {
	case "&":
		return x.And(y), nil
	case "|":
		return x.Or(y), nil
	case "^":
		return x.Xor(y), nil
	case "<<", ">>":
		n, ok := y.Int64()
		if n < 0 {
			return nil, failure("negative shift count")
		}
		if !ok || n > maxBits || op == "<<" && bitLen(x)+int(n) > maxBits {
			return nil, limitError("an integer gets too large")
		}
		if err := m.charge(0, int(n)/8); err != nil {
			return nil, err
		}
		if op == "<<" {
			return x.Lsh(uint(n)), nil
		}
		return x.Rsh(uint(n)), nil
	}
	return nil, failure("unsupported operand type(s) for %s", op)
}

// join is x + y of sequences; += changes a list in place.
func (m *machine) join(op string, x, y starlark.Value) (starlark.Value, error) {
	switch a := x.(type) {
	case starlark.String:
		b, ok := y.(starlark.String)
		if !ok {
			break
		}
		if len(a)+len(b) > maxText {
			return nil, limitError("a text gets too long")
		}
		return a + b, m.charge(0, len(a)+len(b))
	case *starlark.List:
		if _, ok := y.(*starlark.List); !ok && op == "+" {
			break
		}
		b, err := m.elements(y)
		if err != nil {
			return nil, err
		}
		if op == "+=" {
			return a, m.extend(a, b)
		}
		c := starlark.NewList(make([]starlark.Value, 0, a.Len()+len(b)))
		if err := m.charge(a.Len()/8, a.Len()*16); err != nil {
			return nil, err
		}
		for v := range a.Elements() {
			if err := c.Append(v); err != nil {
				return nil, failure("%v", err)
			}
		}
		return c, m.extend(c, b)
	case starlark.Tuple:
		b, ok := y.(starlark.Tuple)
		if !ok {
			break
		}
		if len(a)+len(b) > maxItems {
			return nil, limitError("a list gets too long")
		}
		return append(a[:len(a):len(a)], b...), m.charge((len(a)+len(b))/8, (len(a)+len(b))*16)
	}
	return nil, failure("unsupported operand type(s) for +: '%s' and '%s'", x.Type(), y.Type())
}

func (m *machine) extend(l *starlark.List, values []starlark.Value) error {
	if l.Len()+len(values) > maxItems {
		return limitError("a list gets too long")
	}
	for _, v := range values {
		if err := l.Append(v); err != nil {
			return failure("%v", err)
		}
	}
	return m.charge(len(values)/8, len(values)*16)
}

func (m *machine) repeat(x starlark.Value, times starlark.Int) (starlark.Value, error) {
	n, ok := times.Int64()
	if !ok && times.Sign() > 0 {
		n = maxText + 1
	}
	n = max(n, 0)
	switch x := x.(type) {
	case starlark.String:
		if n > maxText || len(x)*int(n) > maxText {
			return nil, limitError("a text gets too long")
		}
		if err := m.charge(0, len(x)*int(n)); err != nil {
			return nil, err
		}
		return starlark.String(strings.Repeat(string(x), int(n))), nil
	case *starlark.List, starlark.Tuple:
		all, err := m.elements(x)
		if err != nil {
			return nil, err
		}
		if n > maxItems || len(all)*int(n) > maxItems {
			return nil, limitError("a list gets too long")
		}
		if err := m.charge(len(all)*int(n)/8, len(all)*int(n)*16); err != nil {
			return nil, err
		}
		out := make([]starlark.Value, 0, len(all)*int(n))
		for range n {
			out = append(out, all...)
		}
		if _, ok := x.(starlark.Tuple); ok {
			return starlark.Tuple(out), nil
		}
		return starlark.NewList(out), nil
	}
	return nil, failure("can't multiply '%s' by an int", x.Type())
}

func (m *machine) compare(op string, x, y starlark.Value) (bool, error) {
	switch op {
	case "==", "!=":
		same, err := m.equal(x, y, 0)
		return same == (op == "=="), err
	case "is", "is not":
		same := false
		switch x.(type) {
		case starlark.NoneType, starlark.Bool, starlark.Int, starlark.String:
			same = x.Type() == y.Type()
			if same {
				var err error
				if same, err = m.equal(x, y, 0); err != nil {
					return false, err
				}
			}
		default:
			same = identifiable(x) && identifiable(y) && x == y
		}
		return same == (op == "is"), nil
	case "in", "not in":
		found, err := m.contains(y, x)
		return found == (op == "in"), err
	}
	c, ok, err := m.order(x, y, 0)
	if err != nil || !ok {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

// identifiable reports whether Go's == may be applied to a value.
func identifiable(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Tuple:
		return false
	}
	return true
}

func (m *machine) equal(x, y starlark.Value, depth int) (bool, error) {
	if err := m.charge(1, 0); err != nil {
		return false, err
	}
	if depth > maxNesting {
		return false, limitError("values are nested too deeply")
	}
	a, aok := asNumber(x)
	b, bok := asNumber(y)
	if aok || bok {
		if !aok || !bok {
			return false, nil
		}
		c, ok := compareNumbers(a, b)
		return ok && c == 0, nil
	}
	switch x := x.(type) {
	case starlark.String:
		return x == y, nil
	case starlark.NoneType:
		return x == y, nil
	case *starlark.List, starlark.Tuple:
		if x.Type() != y.Type() {
			return false, nil
		}
		p, q := starlark.Value(x).(starlark.Indexable), y.(starlark.Indexable)
		if p.Len() != q.Len() {
			return false, nil
		}
		for i := range p.Len() {
			if same, err := m.equal(p.Index(i), q.Index(i), depth+1); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *starlark.Dict:
		other, ok := y.(*starlark.Dict)
		if !ok || x.Len() != other.Len() {
			return false, nil
		}
		for k, v := range x.Entries() {
			w, found, err := other.Get(k)
			if err != nil || !found {
				return false, nil
			}
			if same, err := m.equal(v, w, depth+1); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *starlark.Set:
		other, ok := y.(*starlark.Set)
		if !ok || x.Len() != other.Len() {
			return false, nil
		}
		for v := range x.Elements() {
			if found, err := other.Has(v); err != nil || !found {
				return false, nil
			}
		}
		return true, m.charge(x.Len(), 0)
	}
	return identifiable(y) && x == y, nil
}

// order is −1, 0 or 1; ok is false where neither comes first (NaN).
func (m *machine) order(x, y starlark.Value, depth int) (c int, ok bool, err error) {
	if err := m.charge(1, 0); err != nil {
		return 0, false, err
	}
	if depth > maxNesting {
		return 0, false, limitError("values are nested too deeply")
	}
	a, aok := asNumber(x)
	b, bok := asNumber(y)
	if aok && bok {
		c, ok := compareNumbers(a, b)
		return c, ok, nil
	}
	switch x.(type) {
	case starlark.String:
		if q, isString := y.(starlark.String); isString {
			p := x.(starlark.String)
			switch {
			case p < q:
				return -1, true, nil
			case p > q:
				return 1, true, nil
			}
			return 0, true, nil
		}
	case *starlark.List, starlark.Tuple:
		if x.Type() != y.Type() {
			break
		}
		p, q := x.(starlark.Indexable), y.(starlark.Indexable)
		for i := range min(p.Len(), q.Len()) {
			if c, ok, err := m.order(p.Index(i), q.Index(i), depth+1); err != nil || !ok || c != 0 {
				return c, ok, err
			}
		}
		return p.Len() - q.Len(), true, nil
	}
	return 0, false, failure("'<' not supported between instances of '%s' and '%s'", x.Type(), y.Type())
}
