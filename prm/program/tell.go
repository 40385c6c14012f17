package program

import (
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// entry is an execution of a site, to be told.
type entry struct {
	site   int
	leaves starlark.Tuple
	value  starlark.Value
	left   int // executions of the site before this one that are not told
}

// A loop's line is told for its first executions and for its last.
const (
	toldFirst = 3
	maxList   = 12 // elements of a list that is told
)

// tell keeps what a site calculated.
func (m *machine) tell(n int, leaves starlark.Tuple, v starlark.Value) {
	s := &m.program.sites[n]
	if s.module && s.target != "" {
		m.last = v
	}
	switch x := v.(type) {
	case starlark.Int, real:
	case *starlark.List:
		if x.Len() > maxList || s.target == "" {
			return
		}
		v = starlark.NewList(slices.Collect(x.Elements())) // as it is now
	default:
		return
	}
	e := entry{site: n, leaves: slices.Clone(leaves), value: v}
	for i, leaf := range e.leaves {
		if l, ok := leaf.(*starlark.List); ok && l.Len() <= maxList {
			e.leaves[i] = starlark.NewList(slices.Collect(l.Elements()))
		}
	}
	if m.counts[n]++; m.counts[n] > toldFirst+1 {
		for i := len(m.told) - 1; i >= 0; i-- {
			if m.told[i].site == n {
				e.left = m.told[i].left + 1
				m.told = slices.Delete(m.told, i, i+1)
				break
			}
		}
	}
	if len(m.told) < maxTold || m.counts[n] > toldFirst+1 {
		m.told = append(m.told, e)
	}
}

// steps tells what was kept.
func (m *machine) steps() []Step {
	var out []Step
	for _, e := range m.told {
		s := &m.program.sites[e.site]
		line := Step{Name: s.target, Line: s.line, Left: e.left, Text: m.sentence(s, e)}
		if line.Text == "" {
			continue
		}
		if n, ok := asNumber(e.value); ok {
			line.Value = exactly(n)
		}
		out = append(out, line)
	}
	return out
}

// exactly is the value of a number, nil for infinity and its kind.
func exactly(n number) *big.Rat {
	switch {
	case n.isInt:
		return new(big.Rat).SetInt(n.whole.BigInt())
	case n.real.exact != nil:
		return new(big.Rat).Set(n.real.exact)
	}
	return new(big.Rat).SetFloat64(n.real.float)
}

// sentence tells one execution: names, values, result, each once.
func (m *machine) sentence(s *site, e entry) string {
	result, ok := shown(e.value)
	if !ok {
		return ""
	}
	root, suffix := s.root, ""
	if root, suffix = m.unrounded(root, e); suffix != "" {
		result += suffix
	}
	var parts []string
	names, values := render(root, nil, nil), render(root, e.leaves, nil)
	if s.target != "" && !uses(root, s.target) {
		parts = append(parts, words(s.target))
	}
	if names != "" && names != values {
		parts = append(parts, words(names))
	}
	if values != "" && values != result && root.leaf == 0 {
		parts = append(parts, values)
	}
	if parts = append(parts, result); len(parts) == 1 && s.target == "" {
		return ""
	}
	text := strings.Join(parts, " = ")
	if len(text) > 400 {
		return ""
	}
	return text
}

// unrounded takes off what rounds the result of a calculation, and tells it behind the result instead.
func (m *machine) unrounded(root *expr, e entry) (*expr, string) {
	inner, how := root, ""
	switch {
	case root.leaf > 0:
		return root, ""
	case root.kind == binary && root.text == "//":
		inner, how = &expr{kind: binary, line: root.line, text: "/", kids: root.kids}, " rounded down"
	case root.kind == call && len(root.kids) == 2 || root.kind == call && root.fn == "round":
		how = map[string]string{"int": " rounded down", "math.floor": " rounded down", "math.ceil": " rounded up", "round": " rounded", "float": ""}[root.fn]
		if how == "" && root.fn != "float" {
			return root, ""
		}
		inner = root.kids[1]
	default:
		return root, ""
	}
	before, err := m.calculate(inner, e.leaves)
	if err != nil {
		return root, ""
	}
	if same, err := m.equal(before, e.value, 0); err == nil && same {
		how = ""
	}
	if _, ok := asNumber(before); !ok {
		return root, ""
	}
	return inner, how
}

// uses reports whether a calculation reads a variable.
func uses(e *expr, target string) bool {
	return e.kind == name && e.text == target || slices.ContainsFunc(e.kids, func(k *expr) bool { return k != nil && uses(k, target) })
}

// shown is a value as it is told; ok is false for what isn't.
func shown(v starlark.Value) (string, bool) {
	switch x := v.(type) {
	case starlark.Int:
		if bitLen(x) > 128 {
			return "", false
		}
		return x.String(), true
	case real:
		exact := exactly(number{real: x})
		if exact == nil || exact.Num().BitLen() > maxExact {
			return "", false
		}
		return showShort(exact), true
	case *starlark.List:
		parts := make([]string, 0, x.Len())
		for e := range x.Elements() {
			s, ok := shown(e)
			if !ok || e.Type() == "list" {
				return "", false
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]", len(parts) > 0
	}
	return "", false
}

// showShort writes a number to four decimals, a small one to four digits.
func showShort(x *big.Rat) string {
	decimals := 4
	if f, _ := x.Float64(); f != 0 {
		for limit := 1e-1; f < limit && -f < limit && decimals < 20; limit /= 10 {
			decimals++
		}
	}
	s := x.FloatString(decimals)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// words writes names as words: underscores are spaces, and the digits of a name are set low, so that nobody takes them
// for numbers.
func words(s string) string {
	var b strings.Builder
	inName := false
	for _, r := range s {
		switch {
		case r == '_':
			r = ' '
		case r >= '0' && r <= '9' && inName:
			r = '₀' + r - '0'
		case r >= '0' && r <= '9' || r == '.':
		default:
			inName = r != ' ' && r != '(' && r != ')' && !strings.ContainsRune("+-*/^,", r)
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// binding is how tightly an operator binds.
var binding = map[string]int{"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "+=": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "**": 8}

// render writes a calculation with the values of its operands or, without any, with their names; "" where that can't be
// read.
func render(e *expr, leaves starlark.Tuple, around *expr) string {
	if e.leaf > 0 && leaves != nil {
		v := leaves[e.leaf-1]
		s, ok := shown(v)
		switch {
		case !ok:
			return ""
		case strings.HasPrefix(s, "-") && around != nil && (around.text == "**" || around.kids[0] != e && around.kind == binary):
			return "(" + s + ")"
		}
		return s
	}
	wrap := func(s string, mine int) string {
		if s == "" || around == nil || around.kind == call {
			return s
		}
		theirs := 7
		if around.kind == binary {
			theirs = binding[around.text]
		}
		right := around.kind == binary && around.kids[len(around.kids)-1] == e
		if mine < theirs || mine == theirs && right {
			return "(" + s + ")"
		}
		return s
	}
	switch e.kind {
	case constant:
		s, ok := shown(e.value)
		if !ok {
			return ""
		}
		return s
	case name:
		return e.text
	case index:
		base := render(e.kids[0], nil, nil)
		key := e.kids[1]
		if s, ok := key.value.(starlark.String); ok && key.kind == constant {
			return base + "_" + strings.ReplaceAll(cutRunes(string(s), 40), " ", "_")
		}
		if k := render(key, nil, nil); base != "" && k != "" {
			return base + "[" + k + "]"
		}
	case unary:
		if s := render(e.kids[0], leaves, e); s != "" && e.text == "-" {
			return wrap("-"+s, 7)
		}
	case binary:
		x, y := render(e.kids[0], leaves, e), render(e.kids[1], leaves, e)
		if x == "" || y == "" {
			return ""
		}
		op := map[string]string{"**": "^", "+=": "+", "%": "mod"}[e.text]
		if op == "" {
			op = e.text
		}
		return wrap(x+" "+op+" "+y, binding[e.text])
	case call:
		if e.fn == "" {
			break
		}
		if e.fn == "sum" && leaves != nil && len(e.kids) == 2 && e.kids[1].leaf > 0 {
			if l, ok := leaves[e.kids[1].leaf-1].(*starlark.List); ok && l.Len() > 1 && l.Len() <= maxList {
				s, ok := shown(l)
				if !ok {
					return ""
				}
				return wrap(strings.ReplaceAll(strings.Trim(s, "[]"), ", ", " + "), binding["+"])
			}
		}
		args := make([]string, len(e.kids)-1)
		for i, k := range e.kids[1:] {
			if args[i] = render(k, leaves, e); args[i] == "" {
				return ""
			}
		}
		return strings.TrimPrefix(e.fn, "math.") + "(" + strings.Join(args, ", ") + ")"
	}
	return ""
}
