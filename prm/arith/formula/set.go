package formula

import (
	"math/big"
	"slices"
)

// region is a set of real numbers: points in rising order, which of them belong to it, and which of the gaps before,
// between and behind them. Points that change nothing are left out, so equal sets are equal regions.
type region struct {
	points  []*Node
	belongs []bool
	gaps    []bool // one more than points
}

const maxPoints = 64

// order compares two constants; ok is false where that can't be told.
func (c *comparer) order(a, b *Node) (cmp int, ok bool) {
	x, okX := c.rational(a)
	y, okY := c.rational(b)
	if okX && okY {
		return x.Cmp(y), true
	}
	u, err := c.at(0).value(a)
	if err != nil {
		return 0, false
	}
	v, err := c.at(0).value(b)
	if err != nil || !u.real() || !v.real() {
		return 0, false
	}
	switch apart(u, v) {
	case 0:
		return 0, true
	case 1:
		return u.re.Cmp(v.re), true
	}
	return 0, false
}

// fixed reports whether n is a real constant.
func (c *comparer) fixed(n *Node) bool {
	if _, ok := c.rational(n); ok {
		return true
	}
	vars := map[string]bool{}
	if n.variables(vars); len(vars) > 0 {
		return false
	}
	z, err := c.at(0).value(n)
	return err == nil && z.real()
}

// known reports whether n is a constant, real or complex.
func (c *comparer) known(n *Node) bool {
	if c.fixed(n) {
		return true
	}
	vars := map[string]bool{}
	if n.variables(vars); len(vars) > 0 {
		return false
	}
	_, err := c.at(0).value(n)
	return err == nil
}

// infinite says on which side of everything n lies: −1, 1, or 0 when it is no infinity.
func infinite(n *Node) int {
	switch {
	case n.Op == Symbol && n.Name == "inf":
		return 1
	case n.Op == Negative:
		return -infinite(n.Args[0])
	}
	return 0
}

// between returns the numbers from low to high; an infinite end is never among them.
func (c *comparer) between(low, high *Node, lowOpen, highOpen bool) (region, bool) {
	everything := region{gaps: []bool{true}}
	ray := func(n *Node, open, up bool) (region, bool) {
		return region{points: []*Node{n}, belongs: []bool{!open}, gaps: []bool{!up, up}}, c.fixed(n)
	}
	a, b := infinite(low), infinite(high)
	switch {
	case a < 0 && b > 0:
		return everything, true
	case a > 0 || b < 0:
		return region{gaps: []bool{false}}, true
	case a < 0:
		return ray(high, highOpen, false)
	case b > 0:
		return ray(low, lowOpen, true)
	}
	up, okUp := ray(low, lowOpen, true)
	down, okDown := ray(high, highOpen, false)
	if !okUp || !okDown {
		return region{}, false
	}
	return c.combine(up, down, func(x, y bool) bool { return x && y })
}

// combine merges two regions by what belonging to each means for belonging to the result.
func (c *comparer) combine(a, b region, keep func(inA, inB bool) bool) (region, bool) {
	var out region
	i, j := 0, 0
	gap := keep(a.gaps[0], b.gaps[0])
	out.gaps = []bool{gap}
	for i < len(a.points) || j < len(b.points) {
		cmp := 0
		switch {
		case i == len(a.points):
			cmp = 1
		case j == len(b.points):
			cmp = -1
		default:
			var ok bool
			if cmp, ok = c.order(a.points[i], b.points[j]); !ok {
				return out, false
			}
		}
		var at *Node
		inA, inB := a.gaps[i], b.gaps[j]
		if cmp <= 0 {
			at, inA = a.points[i], a.belongs[i]
			i++
		}
		if cmp >= 0 {
			at, inB = b.points[j], b.belongs[j]
			j++
		}
		here, next := keep(inA, inB), keep(a.gaps[i], b.gaps[j])
		if here != gap || next != gap {
			out.points, out.belongs, out.gaps = append(out.points, at), append(out.belongs, here), append(out.gaps, next)
		}
		gap = next
	}
	return out, len(out.points) <= maxPoints
}

func either(a, b bool) bool  { return a || b }
func both(a, b bool) bool    { return a && b }
func without(a, b bool) bool { return a && !b }

// same compares regions point by point.
func (c *comparer) same(r, s region) Verdict {
	if !slices.Equal(r.belongs, s.belongs) || !slices.Equal(r.gaps, s.gaps) {
		return Different
	}
	for i := range r.points {
		if v := c.compareScalars(r.points[i], s.points[i]); v != Equal {
			return v
		}
	}
	return Equal
}

// setOf reads n as a set of real numbers. ok is false for what is none, or has elements that aren't known.
func (c *comparer) setOf(n *Node) (region, bool) {
	nowhere := region{gaps: []bool{false}}
	merge := func(args []*Node, keep func(a, b bool) bool) (region, bool) {
		out, ok := c.setOf(args[0])
		for _, a := range args[1:] {
			if !ok {
				return out, false
			}
			var next region
			if next, ok = c.setOf(a); ok {
				out, ok = c.combine(out, next, keep)
			}
		}
		return out, ok
	}
	switch n.Op {
	case Symbol:
		switch n.Name {
		case "Reals":
			return region{gaps: []bool{true}}, true
		case "empty":
			return nowhere, true
		}
		return nowhere, false
	case Interval:
		return c.between(n.Args[0], n.Args[1], n.LeftOpen, n.RightOpen)
	case Tuple:
		if len(n.Args) == 2 {
			return c.between(n.Args[0], n.Args[1], true, true)
		}
	case Set:
		out := nowhere
		for _, a := range n.Args {
			if !c.fixed(a) {
				return nowhere, false
			}
			var ok bool
			if out, ok = c.combine(out, region{points: []*Node{a}, belongs: []bool{true}, gaps: []bool{false, false}}, either); !ok {
				return nowhere, false
			}
		}
		return out, true
	case Union:
		return merge(n.Args, either)
	case Intersection:
		return merge(n.Args, both)
	case Difference:
		return merge(n.Args, without)
	case Relation:
		return c.solutions(n)
	case List:
		return c.conditions(n)
	}
	return nowhere, false
}

// conditions reads several inequalities: joined by "and" all hold, by "or" one does; by a comma what makes sense.
func (c *comparer) conditions(n *Node) (region, bool) {
	var parts []region
	for _, a := range n.Args {
		if a.Op != Relation {
			return region{}, false
		}
		r, ok := c.setOf(a)
		if !ok {
			return region{}, false
		}
		parts = append(parts, r)
	}
	fold := func(keep func(a, b bool) bool) (region, bool) {
		out, ok := parts[0], true
		for _, r := range parts[1:] {
			if !ok {
				break
			}
			out, ok = c.combine(out, r, keep)
		}
		return out, ok
	}
	all, ok := fold(both)
	if !ok || n.Name == "and" {
		return all, ok
	}
	if n.Name == "" && slices.Contains(all.gaps, true) { // "x > 1, x < 3"
		return all, true
	}
	return fold(either)
}

// flipped are the relations read from right to left.
var flipped = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}

// solutions solves a chain of relations for its one variable, where each link is linear in it.
func (c *comparer) solutions(n *Node) (region, bool) {
	vars := map[string]bool{}
	if n.variables(vars); vars["inf"] {
		delete(vars, "inf")
	}
	if n.Relations[0] == "in" {
		if len(n.Args) != 2 || n.Args[0].Op != Symbol {
			return region{}, false
		}
		return c.setOf(n.Args[1])
	}
	if len(vars) != 1 {
		return region{}, false
	}
	name := ""
	for v := range vars {
		name = v
	}
	out, ok := region{gaps: []bool{true}}, true
	for i, sign := range n.Relations {
		r, solved := c.link(n.Args[i], sign, n.Args[i+1], name)
		if !solved {
			return region{}, false
		}
		if out, ok = c.combine(out, r, both); !ok {
			return region{}, false
		}
	}
	return out, true
}

// link solves one relation for a variable.
func (c *comparer) link(left *Node, sign string, right *Node, name string) (region, bool) {
	if right.Op == Symbol && right.Name == name {
		left, sign, right = right, flipped[sign], left
	}
	if modulus(right) {
		left, sign, right = right, flipped[sign], left
	}
	if modulus(left) && c.fixed(right) {
		return c.within(left.Args[0], sign, right, name)
	}
	if left.Op != Symbol || left.Name != name || !c.fixed(right) && infinite(right) == 0 {
		var ok bool
		if sign, right, ok = c.linear(left, sign, right, name); !ok {
			return region{}, false
		}
	}
	low, high := node(Negative, &Node{Op: Symbol, Name: "inf"}), &Node{Op: Symbol, Name: "inf"}
	switch sign {
	case "<":
		return c.between(low, right, true, true)
	case "<=":
		return c.between(low, right, true, false)
	case ">":
		return c.between(right, high, true, true)
	case ">=":
		return c.between(right, high, false, true)
	case "=":
		return region{points: []*Node{right}, belongs: []bool{true}, gaps: []bool{false, false}}, c.fixed(right)
	case "!=":
		return region{points: []*Node{right}, belongs: []bool{false}, gaps: []bool{true, true}}, c.fixed(right)
	}
	return region{}, false
}

// modulus reports whether n is the absolute value of something.
func modulus(n *Node) bool { return n.Op == Function && n.Name == "abs" && len(n.Args) == 1 }

// within solves |of| (sign) bound.
func (c *comparer) within(of *Node, sign string, bound *Node, name string) (region, bool) {
	above, ok := c.link(of, sign, bound, name)
	if !ok {
		return region{}, false
	}
	below, ok := c.link(of, flipped[sign], node(Negative, bound), name)
	if !ok {
		return region{}, false
	}
	keep := either // |x| > 1, |x| = 1
	if sign == "<" || sign == "<=" || sign == "!=" {
		keep = both
	}
	return c.combine(above, below, keep)
}

// linear solves a·x + b (sign) 0 for rational a and b.
func (c *comparer) linear(left *Node, sign string, right *Node, name string) (string, *Node, bool) {
	f := node(Sum, left, node(Negative, right))
	places := [4]*Node{num(0), num(1), num(-2), {Op: Number, Value: big.NewRat(5, 2), Decimals: -1}} // |x| and ⌊x⌋ are no lines
	var at [4]*Node
	for i, place := range places {
		x, ok := c.rational(f.with(name, place))
		if !ok {
			return "", nil, false
		}
		at[i] = &Node{Op: Number, Value: x, Decimals: -1}
	}
	slope := new(big.Rat).Sub(at[1].Value, at[0].Value)
	for i, place := range places {
		on := new(big.Rat).Mul(slope, place.Value)
		if on.Add(on, at[0].Value).Cmp(at[i].Value) != 0 {
			return "", nil, false
		}
	}
	if slope.Sign() == 0 {
		return "", nil, false
	}
	root, ok := c.rational(node(Negative, node(Quotient, at[0], &Node{Op: Number, Value: slope, Decimals: -1})))
	if !ok {
		return "", nil, false
	}
	if slope.Sign() < 0 {
		sign = flipped[sign]
	}
	return sign, &Node{Op: Number, Value: root, Decimals: -1}, true
}
