package formula

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Verdict is what is known of two answers.
type Verdict int8

const (
	Unknown Verdict = iota
	Equal
	Different
)

func (v Verdict) String() string { return [...]string{"unknown", "equal", "different"}[v] }

// Options of Compare.
type Options struct {
	// GoldRelationOnly keeps Math-Verify's asymmetry: an inequality may be answered by an interval, an interval not by
	// an inequality.
	GoldRelationOnly bool
}

// Compare tells whether two answers, as Parse read them, are equal. Without options it is symmetric.
//
// A decimal of at least two places equals an exact number without an end that rounds to it, and a percentage equals its
// fraction or its bare number. Units of one dimension are converted; a quantity without a unit has the other's. Other
// words around a number must not contradict each other: "5 north" is not "5 south", and "5 boys" and "5 girls" are
// unknown. "x = 5" equals 5. Sets, lists and ± have no order, tuples have; intervals, inequalities in one variable and
// unions are compared as sets of numbers. Equations are equal up to a constant factor. Single words that begin unlike
// are different; other words are equal or unknown.
func Compare(gold, pred *Node, o Options) Verdict {
	if o.GoldRelationOnly && inequality(pred) && !inequality(gold) && gold.Op != Relation || o.GoldRelationOnly && ordering(pred) && belonging(gold) {
		return Different
	}
	c := &comparer{}
	v := c.compare(gold, pred, 0)
	if c.work > budget || v == Different && (gold.unsaid() || pred.unsaid()) {
		return Unknown
	}
	return v
}

// unsaid reports whether n holds what is read as it stands without knowing its value: dots, a derivative.
func (n *Node) unsaid() bool {
	return (n.Op == Symbol || n.Op == Function) && strings.HasPrefix(n.Name, ellipsis) || slices.ContainsFunc(n.Args, (*Node).unsaid)
}

// comparer counts the work that a comparison takes and ends it when it is too much.
type comparer struct{ work int }

const (
	budget     = 8000 // about 10 ms; one is an operation on small numbers
	elementary = 30   // what a logarithm, a sine or a root costs
)

// spend reports whether there is work left for n more.
func (c *comparer) spend(n int) bool {
	c.work += n
	return c.work <= budget
}

func (c *comparer) compare(a, b *Node, depth int) Verdict {
	if depth > maxDepth {
		return Unknown
	}
	a, b = plain(a), plain(b)
	if a.String() == b.String() {
		return Equal
	}
	if a.Op == Words || b.Op == Words {
		return c.compareWords(a, b)
	}
	if exact, shown := approximated(a); shown != nil {
		return c.compareApproximated(exact, shown, b, depth)
	}
	if exact, shown := approximated(b); shown != nil {
		return c.compareApproximated(exact, shown, a, depth)
	}
	if b.Op != Relation || a.Op != Relation {
		a, b = c.assigned(a, b), c.assigned(b, a)
	}
	if a.Op == Labelled || b.Op == Labelled {
		return c.compareLabelled(a, b, depth)
	}
	if a.Op == Moment || b.Op == Moment {
		return c.compareMoment(a, b)
	}
	if a.Op == Ratio || b.Op == Ratio || a.Op == Range || b.Op == Range {
		return c.compareRatios(a, b, depth)
	}
	if collection(a) || collection(b) {
		return c.compareCollections(a, b, depth)
	}
	if a.Op == Relation || b.Op == Relation {
		return c.compareRelations(a, b, depth)
	}
	return c.compareQuantities(a, b)
}

// approximated splits "x = 1/3 ≈ 0.33" into what is meant and the number that shows it, nil where n is nothing of the
// kind.
func approximated(n *Node) (exact, shown *Node) {
	if n.Op != Relation {
		return n, nil
	}
	at := slices.Index(n.Relations, "≈")
	if at < 0 {
		return n, nil
	}
	exact = n.Args[0]
	if at > 0 {
		exact = &Node{Op: Relation, Args: n.Args[:at+1], Relations: n.Relations[:at]}
	}
	return exact, n.Args[len(n.Args)-1]
}

// compareApproximated compares an answer that shows its value rounded too with another. Where the exact value differs
// from the other, the rounded one is as good, provided that it is that value rounded.
func (c *comparer) compareApproximated(exact, shown, other *Node, depth int) Verdict {
	v := c.compare(exact, other, depth+1)
	if v != Different {
		return v
	}
	w := c.compare(shown, other, depth+1)
	if w != Equal {
		return w
	}
	value, _ := quantity(c.assigned(exact, shown))
	rounded, _ := quantity(shown)
	x, err := c.at(0).value(value)
	y, ok := c.rational(rounded)
	if err != nil || !ok || !c.fixed(value) {
		return Unknown
	}
	diff := flt().Sub(flt().SetRat(y), x.re)
	if diff.Abs(diff).Cmp(flt().SetRat(halfUnit(max(decimals(rounded), 0)))) > 0 {
		return Unknown
	}
	return Equal
}

// compareLabelled compares two answers of which one has words around it.
func (c *comparer) compareLabelled(a, b *Node, depth int) Verdict {
	x, labelA := unlabelled(a)
	y, labelB := unlabelled(b)
	said := contradict(labelA, labelB)
	switch {
	case said == Different:
		return Different
	case slices.Contains(labelA, altered) != slices.Contains(labelB, altered):
		return Unknown // twice 5
	}
	v := c.compare(x, y, depth+1)
	if v == Different && said == Unknown && scalar(x) && scalar(y) && c.compare(node(Negative, x), y, depth+1) == Equal {
		return Unknown // 7 below zero
	}
	_, unitX := quantity(x)
	_, unitY := quantity(y)
	switch {
	case v == Different && (x.Op == Symbol) != (y.Op == Symbol): // "a cat" and "1 cat"
		return Unknown
	case v != Equal:
		return v
	case len(labelA) > 0 && unitX == "" && unitY != "" && len(labelB) == 0 && contradict(labelA, strings.Fields(unitY)) != Equal:
		return Unknown // 5 apples and 5 m
	case len(labelB) > 0 && unitY == "" && unitX != "" && len(labelA) == 0 && contradict(labelB, strings.Fields(unitX)) != Equal:
		return Unknown
	}
	return said
}

// compareMoment compares a time or date with another answer.
func (c *comparer) compareMoment(a, b *Node) Verdict {
	if a.Op != Moment {
		a, b = b, a
	}
	when := b.When
	if b.Op == Ratio {
		when = clock(b)
	}
	if when != nil {
		return compareMoments(a.When, when)
	}
	x, ok := c.rational(b)
	if !ok {
		return Unknown
	}
	for _, part := range []int{a.When.hour, a.When.hour % 12, a.When.minute, a.When.year, a.When.month, a.When.day} {
		if x.Cmp(big.NewRat(int64(part), 1)) == 0 {
			return Unknown // 5 p.m. and 5
		}
	}
	return Different
}

// compareRatios compares a ratio or a range with another answer.
func (c *comparer) compareRatios(a, b *Node, depth int) Verdict {
	if a.Op == Range && b.Op == Range {
		return c.inOrder(a.Args, b.Args, depth)
	}
	if a.Op == Range || b.Op == Range {
		if a.Op == Range {
			a, b = b, a
		}
		if a.Op == Ratio { // "2:1" and "2 to 1"
			return c.compareRatios(a, node(Ratio, b.Args...), depth).weak()
		}
		return Unknown
	}
	if x, y := clock(a), clock(b); x != nil && y != nil { // they may be times of day
		when := compareMoments(x, y)
		if when != Different || x.minute == 0 || y.minute == 0 { // no ratio has a zero
			return when
		}
		return c.inOrder([]*Node{node(Quotient, a.Args...)}, []*Node{node(Quotient, b.Args...)}, depth).doubtful()
	}
	if zeroed(a) != zeroed(b) { // 4:05 and 4:5
		return Unknown
	}
	if a.Op == Ratio && b.Op == Ratio {
		if len(a.Args) != len(b.Args) {
			return Different
		}
		for i := range a.Args[1:] {
			if v := c.compareScalars(node(Product, a.Args[0], b.Args[i+1]), node(Product, a.Args[i+1], b.Args[0])); v != Equal {
				return v
			}
		}
		return Equal
	}
	quotient := func(n *Node) *Node {
		if n.Op == Ratio && len(n.Args) == 2 {
			return node(Quotient, n.Args...)
		}
		return n
	}
	a, b = quotient(a), quotient(b)
	switch {
	case a.Op != Ratio && b.Op != Ratio:
		return c.compare(a, b, depth+1)
	case scalar(a) && scalar(b) && (c.fixed(a) || c.fixed(b)):
		return Different
	}
	return Unknown
}

// zeroed reports whether n is a ratio that only a time of day is written like: 4:05.
func zeroed(n *Node) bool { return n.Op == Ratio && len(n.Args) == 2 && len(n.Args[1].Name) == 2 }

// plain brings into one form what is written in several: ± becomes two values, a scaled matrix a matrix, one element
// itself.
func plain(n *Node) *Node {
	if up, down := split(n); up != nil {
		return node(List, plain(up), plain(down))
	}
	if m := calculated(n); m != nil {
		return plain(m)
	}
	switch n.Op {
	case Product:
		return distribute(n)
	case Relation:
		return unapplied(n)
	case Negative:
		if m := n.Args[0]; m.Op == Interval {
			return &Node{Op: Interval, Args: []*Node{node(Negative, m.Args[1]), node(Negative, m.Args[0])}, LeftOpen: m.RightOpen, RightOpen: m.LeftOpen}
		}
		if m := n.Args[0]; m.Op == Matrix || m.Op == Tuple {
			return distribute(node(Product, num(-1), m))
		}
	case Function:
		if n.Name == "det" && len(n.Args) == 1 && n.Args[0].Op == Matrix {
			return determinant(n)
		}
	case Set:
		if len(n.Args) == 0 {
			return &Node{Op: Symbol, Name: "empty"}
		}
		if len(n.Args) == 1 && n.Args[0].Op != PlusMinus {
			return plain(n.Args[0])
		}
	case Labelled:
		inner := plain(n.Args[0])
		if inner.Op == Labelled {
			return labelled(inner, strings.Fields(n.Name))
		}
		return &Node{Op: Labelled, Name: n.Name, Args: []*Node{inner}}
	case List, Tuple:
		out := *n
		out.Args = nil
		for _, a := range n.Args {
			p := plain(a)
			if p.Op == List && n.Op == List {
				out.Args = append(out.Args, p.Args...)
				continue
			}
			out.Args = append(out.Args, p)
		}
		if points := solved(&out); points != nil {
			return points
		}
		return &out
	case Matrix:
		if len(n.Args) == 1 {
			return plain(n.Args[0])
		}
		column := node(Tuple)
		for _, row := range n.Args {
			if len(row.Args) != 1 {
				return n
			}
			column.Args = append(column.Args, row.Args[0])
		}
		return column
	}
	return n
}

// unapplied is an inequality with a name in place of a function's value: 0 < f(x) < 1 is said of f(x).
func unapplied(n *Node) *Node {
	if !ordering(n) || !slices.ContainsFunc(n.Args, func(a *Node) bool { return a.Op == Product && name(a) }) {
		return n
	}
	out := *n
	out.Args = slices.Clone(n.Args)
	for i, a := range out.Args {
		if a.Op == Product && name(a) {
			out.Args[i] = &Node{Op: Symbol, Name: a.String()}
		}
	}
	return &out
}

// solved returns the points that a list gives by turns, "p = 5, q = 2; p = 7, q = 2", nil for any other list.
func solved(n *Node) *Node {
	if n.Op != List || len(n.Args) < 4 {
		return nil
	}
	each := 0
	for i, a := range n.Args {
		if a.Op != Relation || len(a.Args) != 2 || a.Relations[0] != "=" || !name(a.Args[0]) {
			return nil
		}
		if each == 0 && i > 0 && a.Args[0].String() == n.Args[0].Args[0].String() {
			each = i
		}
	}
	if each < 2 || len(n.Args)%each != 0 {
		return nil
	}
	points := node(List)
	for at := 0; at < len(n.Args); at += each {
		given := n.Args[at : at+each]
		for i := range given {
			if given[i].Args[0].String() != n.Args[i].Args[0].String() {
				return nil
			}
		}
		point := node(Tuple)
		for _, a := range assignments(&Node{Op: List, Args: given}) {
			point.Args = append(point.Args, a.Args[1])
		}
		points.Args = append(points.Args, point)
	}
	return points
}

// split returns n with its first ± read as + and as −, nil where there is none.
func split(n *Node) (up, down *Node) {
	switch n.Op {
	case PlusMinus:
		if len(n.Args) == 1 {
			return n.Args[0], node(Negative, n.Args[0])
		}
		return node(Sum, n.Args...), node(Sum, n.Args[0], node(Negative, n.Args[1]))
	case List, Set, Tuple, Matrix, Interval, Union, Intersection, Difference:
		return nil, nil
	}
	for i, a := range n.Args {
		if u, d := split(a); u != nil {
			x, y := *n, *n
			x.Args, y.Args = slices.Clone(n.Args), slices.Clone(n.Args)
			x.Args[i], y.Args[i] = u, d
			return &x, &y
		}
	}
	return nil, nil
}

// determinant expands that of a small square matrix along its first row; n itself for others.
func determinant(n *Node) *Node {
	rows := n.Args[0].Args
	size := len(rows)
	if size > 4 || slices.ContainsFunc(rows, func(r *Node) bool { return r.Op != Tuple || len(r.Args) != size }) {
		return n
	}
	if size == 1 {
		return rows[0].Args[0]
	}
	out := node(Sum)
	for j := range size {
		minor := node(Matrix)
		for _, r := range rows[1:] {
			minor.Args = append(minor.Args, node(Tuple, slices.Delete(slices.Clone(r.Args), j, j+1)...))
		}
		term := node(Product, rows[0].Args[j], determinant(call("det", minor)))
		if j%2 == 1 {
			term = node(Negative, term)
		}
		out.Args = append(out.Args, term)
	}
	return out
}

// distribute multiplies the one matrix or tuple among the factors of n by the others.
func distribute(n *Node) *Node {
	at := slices.IndexFunc(n.Args, func(a *Node) bool { return a.Op == Matrix || a.Op == Tuple })
	if at < 0 {
		return n
	}
	var factors []*Node
	for i, a := range n.Args {
		if i != at {
			if a.Op == Matrix || a.Op == Tuple {
				return n
			}
			factors = append(factors, a)
		}
	}
	var scale func(m *Node) *Node
	scale = func(m *Node) *Node {
		if m.Op != Matrix && m.Op != Tuple {
			return node(Product, append(slices.Clone(factors), m)...)
		}
		out := node(m.Op)
		for _, a := range m.Args {
			out.Args = append(out.Args, scale(a))
		}
		return out
	}
	return plain(scale(n.Args[at]))
}

// assigned returns the value of n where it only names one ("x = 5", "x = y = 5", "f(x) = x^2"), and other is no
// relation.
func (c *comparer) assigned(n, other *Node) *Node {
	switch {
	case n.Op == Relation && other.Op != Relation && !slices.ContainsFunc(n.Relations, func(s string) bool { return s != "=" }):
		last := n.Args[len(n.Args)-1]
		if name(n.Args[0]) {
			return plain(last)
		}
		if name(last) {
			return plain(n.Args[0])
		}
		if len(n.Args) > 2 && c.fixed(last) { // x + y = 1 + 2 = 3
			return plain(last)
		}
		left, _ := quantity(n.Args[0])
		right, _ := quantity(last)
		if (c.known(plain(left)) || left.unsaid() && n.Args[0].Op != Symbol) && c.known(right) { // "1/2 = 0.5", or the steps to a result
			return plain(last)
		}
		if !slices.ContainsFunc(n.Args, func(a *Node) bool { return a.Op != Interval }) {
			return last
		}
	case n.Op == Relation && n.Relations[0] == "in" && len(n.Args) == 2 && n.Args[0].Op == Symbol:
		return plain(n.Args[1])
	case n.Op == List && other.Op != Relation:
		given := assignments(n)
		if given == nil {
			return n
		}
		out := *n
		out.Args = nil
		for _, a := range given {
			out.Args = append(out.Args, a.Args[1])
		}
		if other.Op == List && slices.ContainsFunc(other.Args, func(m *Node) bool { return m.Op == Relation }) {
			return n
		}
		if other.Op == Tuple { // x = 1, y = 2 is the point (1, 2)
			out.Op = Tuple
		}
		return plain(&out)
	}
	return n
}

// assignments returns the elements of a list of nothing but "x = 5", by their names; nil for any other list.
func assignments(n *Node) []*Node {
	out := slices.Clone(n.Args)
	for _, a := range out {
		if a.Op != Relation || len(a.Args) != 2 || a.Relations[0] != "=" || !name(a.Args[0]) {
			return nil
		}
	}
	slices.SortStableFunc(out, func(a, b *Node) int { return strings.Compare(a.Args[0].String(), b.Args[0].String()) })
	return out
}

// sameNames reports whether two lists of assignments give values to the same names, one to each.
func sameNames(a, b []*Node) bool {
	for i := range a {
		if len(a) != len(b) || a[i].Args[0].String() != b[i].Args[0].String() || i > 0 && a[i].Args[0].String() == a[i-1].Args[0].String() {
			return false
		}
	}
	return len(a) > 0
}

// Constant reports whether n is a real number that can be told.
func (n *Node) Constant() bool { return new(comparer).fixed(n) }

// Prose reports whether n is a number with words that are no unit of measure: "1,200 per month".
func (n *Node) Prose() bool {
	if n.Op == List {
		return slices.ContainsFunc(n.Args, func(a *Node) bool { return a.Prose() || a.Op == Words })
	}
	return n.Op == Labelled
}

// name reports whether n is what values are given to: x, or f(x).
func name(n *Node) bool {
	switch n.Op {
	case Product: // f(x), f(2), and AB, the side of a triangle
		if !slices.ContainsFunc(n.Args, func(a *Node) bool { return a.Op != Symbol || len(a.Name) != 1 || a.Name < "A" || a.Name > "Z" }) {
			return true
		}
		if f := n.Args[0]; f.Op == Power && f.Args[1].String() == "-1" { // f^{-1}(x)
			return name(node(Product, append([]*Node{f.Args[0]}, n.Args[1:]...)...))
		}
		if len(n.Args) != 2 || n.Args[0].Op != Symbol {
			return false
		}
		switch f := strings.TrimRight(n.Args[0].Name, "'"); {
		case strings.Contains("f g h F G H P Q T W S R V L", f):
			return n.Args[1].Op == Symbol || n.Args[1].Op == Number
		case strings.Contains("p q s u v y", f): // v(t)
			return n.Args[1].Op == Symbol && strings.Contains("x t n", n.Args[1].Name)
		}
		return false
	case Power: // A^{-1}, A^T
		return object(n.Args[0]) && (n.Args[1].Op == Symbol && n.Args[1].Name == "T" || n.Args[1].String() == "-1")
	case Quotient, Ratio: // NO/BO, V_1:V_2
		return !slices.ContainsFunc(n.Args, func(a *Node) bool { return !object(a) })
	case Function: // |AB|, cos θ
		return len(n.Args) == 1 && (n.Name == "abs" && n.Args[0].Op == Product && object(n.Args[0]) || circular[n.Name] && (object(n.Args[0]) || n.Args[0].Op == Symbol && len(n.Args[0].Name) > 2 && !constant(n.Args[0].Name)))
	case Tuple: // (x, y)
		return !slices.ContainsFunc(n.Args, func(a *Node) bool { return !name(a) })
	}
	return n.Op == Symbol && !constant(n.Name) && n.Name != "inf" && n.Name != "empty" && n.Name != "Reals" || n.Op == Words
}

// circular are the functions of an angle.
var circular = map[string]bool{"sin": true, "cos": true, "tan": true, "cot": true, "sec": true, "csc": true}

// object reports whether n names a thing that is measured: a point or shape, AB, V_1.
func object(n *Node) bool {
	if n.Op == Product {
		return !slices.ContainsFunc(n.Args, func(a *Node) bool { return !object(a) })
	}
	return n.Op == Symbol && n.Name != "" && (n.Name[0] >= 'A' && n.Name[0] <= 'Z' && (len(n.Name) == 1 || n.Name[1] == '_') || len(n.Name) > 2 && n.Name[1] == '_')
}

// belonging reports whether n says of what set something is one.
func belonging(n *Node) bool { return n.Op == Relation && n.Relations[0] == "in" }

// ordering reports whether n is one chain of inequalities.
func ordering(n *Node) bool {
	return n.Op == Relation && !slices.ContainsFunc(n.Relations, func(s string) bool { return s == "=" || s == "≈" || s == "in" })
}

func inequality(n *Node) bool {
	if n.Op == List {
		return slices.ContainsFunc(n.Args, inequality)
	}
	return n.Op == Relation && slices.ContainsFunc(n.Relations, func(s string) bool { return s != "=" && s != "≈" })
}

// collection reports whether n is compared by its elements or as a set.
func collection(n *Node) bool {
	switch n.Op {
	case List, Tuple, Set, Interval, Union, Intersection, Difference, Matrix:
		return true
	case Symbol:
		return n.Name == "empty" || n.Name == "Reals"
	}
	return inequality(n)
}

// numbers reports whether n can only be a set of real numbers.
func numbers(n *Node) bool {
	switch n.Op {
	case Interval, Union, Intersection, Difference:
		return true
	case Symbol:
		return n.Name == "empty" || n.Name == "Reals"
	}
	return inequality(n)
}

func (c *comparer) compareCollections(a, b *Node, depth int) Verdict {
	if numbers(a) || numbers(b) {
		x, okX := c.setOf(c.asSet(a))
		y, okY := c.setOf(c.asSet(b))
		switch {
		case okX && okY:
			v := c.same(x, y)
			if v == Equal && strangers(a, b) { // x < 3 and y < 3
				return Unknown
			}
			return v
		case a.Op == Interval && b.Op == Interval:
			return c.compareIntervals(a, b, depth)
		case inequality(a) && inequality(b):
			return c.compareRelations(a, b, depth)
		case a.Op == b.Op && len(a.Args) == len(b.Args):
			return c.inOrder(a.Args, b.Args, depth).weak()
		case okX != okY && (a.Op == Words || b.Op == Words):
			return Unknown
		}
		if scalar(a) || scalar(b) {
			return Different
		}
		return Unknown
	}
	unordered := func(n *Node) bool { return n.Op == List || n.Op == Set }
	switch {
	case a.Op == Matrix || b.Op == Matrix:
		if a.Op != b.Op {
			if a.count(Matrix) > 0 && b.count(Matrix) > 0 {
				return Unknown // a product that isn't worked out
			}
			return Different
		}
		return c.inOrder(a.Args, b.Args, depth)
	case a.Op == Tuple && b.Op == Tuple:
		return c.inOrder(a.Args, b.Args, depth)
	case unordered(a) && unordered(b):
		if x, y := assignments(a), assignments(b); sameNames(x, y) {
			return c.inOrder(x, y, depth)
		}
		return c.inAnyOrder(a.Args, b.Args, depth)
	case (unordered(a) || a.Op == Tuple) && (unordered(b) || b.Op == Tuple): // "1, 2" and "(1, 2)"
		v := c.inOrder(a.Args, b.Args, depth)
		if v == Different && a.Op != Set && b.Op != Set {
			if c.inAnyOrder(a.Args, b.Args, depth) == Different {
				return Different
			}
			return Unknown
		}
		return v
	case unordered(b):
		a, b = b, a
		fallthrough
	case unordered(a): // several, all equal, and one
		if d := decimalComma(a); d != nil && c.compareScalars(d, b) == Equal { // 3,5
			if a.Name == withinNumber && d.Decimals > 1 { // 2,74
				return Equal
			}
			return Unknown
		}
		return c.inAnyOrder(a.Args, []*Node{b}, depth)
	}
	return Different
}

// decimalComma reads a list of two whole numbers as one with a comma before its decimals, nil where it can't be.
func decimalComma(n *Node) *Node {
	if n.Op != List || n.Name != "" && n.Name != withinNumber || len(n.Args) != 2 || n.Args[0].Op != Number || n.Args[1].Op != Number || !n.Args[0].Value.IsInt() || !n.Args[1].Value.IsInt() || n.Args[1].Decimals >= 0 {
		return nil
	}
	digits := n.Args[1].Name
	if digits == "" {
		digits = n.Args[1].Value.Num().String()
	}
	value, ok := new(big.Rat).SetString(n.Args[0].Value.Num().String() + "." + digits)
	if !ok {
		return nil
	}
	return &Node{Op: Number, Value: value, Decimals: len(digits)}
}

// strangers reports whether two conditions are of different variables. The one without a name, of "< 3", is any.
func strangers(a, b *Node) bool {
	x, y := map[string]bool{}, map[string]bool{}
	a.variables(x)
	b.variables(y)
	for _, vars := range []map[string]bool{x, y} {
		for _, known := range []string{"", "inf", "empty", "Reals"} {
			if delete(vars, known); known == "" && len(vars) == 0 {
				return false
			}
		}
	}
	return len(x) > 0 && len(y) > 0 && !maps.Equal(x, y)
}

// asSet reads a bare number or list as the set of its elements.
func (c *comparer) asSet(n *Node) *Node {
	switch {
	case n.Op == List && !inequality(n):
		return node(Set, n.Args...)
	case scalar(n) && c.fixed(n):
		return node(Set, n)
	}
	return n
}

func scalar(n *Node) bool {
	return !collection(n) && n.Op != Relation && n.Op != Words && n.Op != Moment && n.Op != Range && n.Op != Labelled
}

// doubtful makes an equality no proof.
func (v Verdict) doubtful() Verdict {
	if v == Equal {
		return Unknown
	}
	return v
}

// weak makes an inequality of parts no proof: two writings of a set may differ in every part.
func (v Verdict) weak() Verdict {
	if v == Different {
		return Unknown
	}
	return v
}

func (c *comparer) compareIntervals(a, b *Node, depth int) Verdict {
	if a.LeftOpen != b.LeftOpen || a.RightOpen != b.RightOpen {
		return Different
	}
	return c.inOrder(a.Args, b.Args, depth)
}

func (c *comparer) inOrder(a, b []*Node, depth int) Verdict {
	if len(a) != len(b) {
		return Different
	}
	out := Equal
	for i := range a {
		switch c.compare(a[i], b[i], depth+1) {
		case Different:
			return Different
		case Unknown:
			out = Unknown
		}
	}
	return out
}

const maxElements = 40

// inAnyOrder compares two lists as sets: each element of one must be in the other.
func (c *comparer) inAnyOrder(a, b []*Node, depth int) Verdict {
	if len(a) > maxElements || len(b) > maxElements {
		return Unknown
	}
	missing := func(from, in []*Node) Verdict {
		out := Equal
		for _, x := range from {
			found := Different
			for _, y := range in {
				switch c.compare(x, y, depth+1) {
				case Equal:
					found = Equal
				case Unknown:
					if found == Different {
						found = Unknown
					}
				}
				if found == Equal {
					break
				}
			}
			if found == Different {
				return Different
			}
			if found == Unknown {
				out = Unknown
			}
		}
		return out
	}
	v := missing(a, b)
	if v == Different {
		return v
	}
	if w := missing(b, a); w != Equal {
		return w
	}
	return v
}

var opposites = map[string]string{"yes": "no", "no": "yes", "true": "false", "false": "true"}

// nobody are words that say that there is no number.
var nobody = map[string]bool{"no solution": true, "no solutions": true, "none": true, "no real solutions": true, "does not exist": true, "undefined": true, "no": true, "impossible": true}

func (c *comparer) compareWords(a, b *Node) Verdict {
	if a.Op != Words {
		a, b = b, a
	}
	switch {
	case b.Op == Words && said(a.Name) != "" && said(a.Name) == said(b.Name):
		return Equal
	case b.Op == Words && (a.Name == b.Name || strings.ReplaceAll(a.Name, " ", "") == strings.ReplaceAll(b.Name, " ", "")):
		return Equal
	case b.Op == Words && (opposites[a.Name] == b.Name && b.Name != "" || unlike(a.Name, b.Name)):
		return Different
	case b.Op == Symbol && strings.EqualFold(a.Name, b.Name):
		return Equal
	case ordinals[a.Name] > 0 && b.Op == Labelled && b.Name == ordinal: // fifth and 5th
		return c.compare(num(ordinals[a.Name]), b.Args[0], 0)
	case strings.ContainsAny(a.Name, "0123456789") && b.Op != Words && scalar(b) && c.fixed(b): // AZ2B and 2
		return Different
	case nobody[a.Name] && b.Op == Symbol && b.Name == "empty":
		return Equal
	case nobody[a.Name] && b.Op != Words && scalar(b) && c.fixed(b):
		if x, ok := c.rational(b); ok && x.Sign() == 0 { // none may be a number
			return Unknown
		}
		return Different
	}
	return Unknown
}

// said is what words say without those that say nothing: "friday" of "it is friday".
func said(name string) string {
	var out []string
	for _, w := range strings.Fields(name) {
		switch w = strings.Trim(w, ",.!"); w {
		case "the", "a", "an", "it", "is", "it's", "they", "are", "was", "will", "would", "be", "on", "answer", "this", "that", "so", "":
		default:
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// unlike reports whether two answers are single words that begin unlike: "even" and "odd", not "Mon" and "Monday".
func unlike(a, b string) bool {
	for _, w := range []string{a, b} {
		if len(w) < 3 || strings.ContainsAny(w, " -") || nobody[w] {
			return false
		}
	}
	return a[:3] != b[:3] && (opposites[a] == "" || opposites[b] == "") // yes and true may mean the same
}

// compareResidues compares a mod m with b mod m.
func (c *comparer) compareResidues(a, b *Node) Verdict {
	if v := c.compareScalars(a.Args[1], b.Args[1]); v != Equal {
		return v
	}
	m, okM := c.rational(a.Args[1])
	d, okD := c.rational(node(Sum, a.Args[0], node(Negative, b.Args[0])))
	switch {
	case !okM || !okD || m.Sign() == 0:
		return c.compareScalars(a.Args[0], b.Args[0]).weak()
	case d.Quo(d, m).IsInt():
		return Equal
	}
	return Different
}

// compareQuantities compares two values with their units, where they have any.
func (c *comparer) compareQuantities(a, b *Node) Verdict {
	if a.Op == Function && b.Op == Function && a.Name == "mod" && b.Name == "mod" {
		return c.compareResidues(a, b)
	}
	if isBase(a) || isBase(b) {
		return c.compareNumerals(a, b)
	}
	x, unitX := c.withLetters(a, b)
	y, unitY := c.withLetters(b, a)
	if unitX == "" || unitY == "" || unitX == unitY {
		v := c.compareScalars(x, y)
		if unitX != unitY && (x.Op == Percent || y.Op == Percent) { // 5 % and 5 dollars
			return v.doubtful()
		}
		return v
	}
	dimX, sizeX, _ := measure(unitX)
	dimY, sizeY, _ := measure(unitY)
	if dimX != dimY {
		if degrees := "angle1"; dimX == degrees && (dimY == "celsius1" || dimY == "fahrenheit1") || dimY == degrees && (dimX == "celsius1" || dimX == "fahrenheit1") {
			return c.compareScalars(x, y) // 20 degrees and 20 °C
		}
		if dimX == "fahrenheit1" && dimY == "celsius1" {
			x, y, dimX, dimY = y, x, dimY, dimX
		}
		if dimX == "celsius1" && dimY == "fahrenheit1" {
			return c.compareScalars(node(Sum, node(Product, x, &Node{Op: Number, Value: big.NewRat(9, 5), Decimals: -1}), num(32)), y)
		}
		if rate(unitX, unitY) || rate(unitY, unitX) { // 18 dollars and 18 dollars per day
			return c.compareScalars(x, y)
		}
		if dimX == "mass1" && dimY == "sterling1" || dimX == "sterling1" && dimY == "mass1" || strings.ReplaceAll(dimX, "calendar", "time") == strings.ReplaceAll(dimY, "calendar", "time") {
			return Unknown // pounds, or months and days
		}
		return Different
	}
	scale := &Node{Op: Number, Value: new(big.Rat).Quo(sizeX, sizeY), Decimals: -1}
	if scale.Value.Cmp(one) == 0 {
		return c.compareScalars(x, y)
	}
	return c.compareScalars(node(Product, x, scale), y)
}

// rate reports whether unit is other for each of something.
func rate(unit, other string) bool {
	head, _, found := strings.Cut(unit, " ")
	dim, _, _ := measure(head)
	otherDim, _, _ := measure(other)
	return found && dim == "money1" && dim == otherDim
}

func isBase(n *Node) bool { return n.Op == Function && n.Name == "base" }

// compareNumerals compares numerals in a base that is written; one without is compared by its digits.
func (c *comparer) compareNumerals(a, b *Node) Verdict {
	if !isBase(a) {
		a, b = b, a
	}
	if base, ok := c.rational(a.Args[1]); !ok || !base.IsInt() || base.Cmp(big.NewRat(2, 1)) < 0 {
		return Unknown
	}
	if !isBase(b) {
		digits, _ := quantity(b)
		if v := c.compareScalars(a.Args[0], digits); v != Different {
			return v
		}
		if x, ok := c.numeral(a); ok && c.compareScalars(&Node{Op: Number, Value: x, Decimals: -1}, digits) != Different {
			return Unknown
		}
		return Different
	}
	if c.compareScalars(a.Args[1], b.Args[1]) == Equal {
		return c.compareScalars(a.Args[0], b.Args[0])
	}
	x, okX := c.numeral(a)
	y, okY := c.numeral(b)
	switch {
	case !okX || !okY:
		return c.compareScalars(a.Args[0], b.Args[0]).weak().doubtful()
	case x.Cmp(y) == 0:
		return Equal
	}
	return Different
}

// numeral returns the value of a whole number's digits in their base.
func (c *comparer) numeral(n *Node) (*big.Rat, bool) {
	digits, ok := c.rational(n.Args[0])
	base, okBase := c.rational(n.Args[1])
	if !ok || !okBase || !digits.IsInt() || digits.Sign() < 0 || !base.IsInt() || base.Cmp(big.NewRat(2, 1)) < 0 || base.Cmp(big.NewRat(36, 1)) > 0 {
		return nil, false
	}
	x, ok := new(big.Int).SetString(digits.Num().String(), int(base.Num().Int64()))
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetInt(x), true
}

// quantity splits a value from its unit, "" where it has none or several.
func quantity(n *Node) (value *Node, unit string) {
	switch n.Op {
	case Quantity:
		return n.Args[0], n.Name
	case Negative:
		if v, u := quantity(n.Args[0]); u != "" {
			return node(Negative, v), u
		}
	case Quotient:
		if v, u := quantity(n.Args[0]); u != "" {
			return node(Quotient, v, n.Args[1]), u
		}
	case Sum, Product: // "3 + 4 cm", "$3 + $4", "$2 * 3"
		out := *n
		out.Args = slices.Clone(n.Args)
		last := len(n.Args) - 1
		for i, a := range n.Args {
			v, u := quantity(a)
			if u == "" && n.Op == Sum && unit != "" || u != "" && unit != "" && (u != unit || n.Op == Product) || u == "" && n.Op == Sum && i == last {
				return n, ""
			}
			if u != "" {
				unit = u
			}
			out.Args[i] = v
		}
		return &out, unit
	}
	return n, ""
}

// withLetters is quantity where letters behind a number are its unit too, "5m" and "10 m/s", if the other side has a
// unit or no variable.
func (c *comparer) withLetters(n, other *Node) (value *Node, unit string) {
	if value, unit = quantity(n); unit != "" {
		return value, unit
	}
	if n.Op != Product && n.Op != Quotient && n.Op != Negative {
		return n, ""
	}
	l := unitLetters{value: num(1)}
	if !l.factor(n, 1) || len(l.units) == 0 || !l.number {
		return n, ""
	}
	if _, named := quantity(other); named == "" && !c.fixed(other) {
		if m := (unitLetters{value: num(1)}); !m.factor(other, 1) || !m.number { // 1 m^3 and 1000 L
			return n, ""
		}
	}
	return l.value, strings.Join(l.units, " ")
}

// compareScalars compares two numbers or symbolic expressions.
func (c *comparer) compareScalars(a, b *Node) Verdict {
	if x, y := abbreviated(a), abbreviated(b); x != nil && c.fixed(b) && c.compareScalars(x, b) == Equal || y != nil && c.fixed(a) && c.compareScalars(a, y) == Equal {
		return Unknown // 5k and 5000
	}
	if sa, sb := infinite(a), infinite(b); sa != 0 || sb != 0 {
		switch {
		case sa == sb:
			return Equal
		case sa != 0 && sb != 0, c.fixed(a), c.fixed(b):
			return Different
		}
		return Unknown
	}
	switch v := c.compareValues(a, b); {
	case v == Unknown && c.rearranged(a, b):
		return Equal
	case v != Different:
		return v
	}
	// A percentage may stand for its bare number.
	x, px := percentage(a)
	y, py := percentage(b)
	if px != py && c.compareValues(x, y) == Equal {
		if v, ok := c.rational(x); !ok || new(big.Rat).Abs(v).Cmp(one) >= 0 { // 0.6 is not 0.6 %
			return Equal
		}
	}
	return Different
}

// abbreviated is a number with a letter behind it that may stand for thousands or more, as that number; nil for
// anything else.
func abbreviated(n *Node) *Node {
	if n.Op != Product || len(n.Args) != 2 || n.Args[0].Op != Number || n.Args[1].Op != Symbol {
		return nil
	}
	by := map[string]int64{"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}[n.Args[1].Name]
	if by == 0 {
		return nil
	}
	return node(Product, n.Args[0], num(by))
}

func percentage(n *Node) (*Node, bool) {
	switch n.Op {
	case Percent:
		return n.Args[0], true
	case Negative:
		if x, ok := percentage(n.Args[0]); ok {
			return node(Negative, x), true
		}
	}
	return n, false
}

func (c *comparer) compareValues(a, b *Node) Verdict {
	x, okX := c.rational(a)
	y, okY := c.rational(b)
	if okX && okY {
		switch {
		case x.Cmp(y) == 0 || shows(a, x, y) || shows(b, y, x):
			return Equal
		case hints(a, x, y) || hints(b, y, x):
			return Unknown
		}
		return Different
	}
	vars := map[string]bool{}
	a.variables(vars)
	free := len(vars)
	b.variables(vars)
	points, wanted := 1, 1
	if len(vars) > 0 {
		points, wanted = 10, 4
		if free == 0 || free != len(vars) {
			wanted = 2 // one side lacks a variable: two points where they differ will do
		}
	}
	valid := 0
	for p := point(0); int(p) < points && valid < wanted; p++ {
		u, err := c.at(p).value(a)
		if err != nil {
			continue
		}
		v, err := c.at(p).value(b)
		if err != nil {
			continue
		}
		switch apart(u, v) {
		case 1:
			if len(vars) == 0 && (okX && nears(a, x, v) || okY && nears(b, y, u)) {
				return Equal
			}
			if c.commonLogs(a, b, p) {
				return Equal
			}
			return Different
		case -1:
			return Unknown
		}
		valid++
	}
	if valid < wanted {
		return Unknown
	}
	return Equal
}

// commonLogs reports whether two constants are equal when log without a base means the common logarithm.
func (c *comparer) commonLogs(a, b *Node, p point) bool {
	x, changed := common(a)
	y, too := common(b)
	if !changed && !too {
		return false
	}
	u, err := c.at(p).value(x)
	if err != nil {
		return false
	}
	v, err := c.at(p).value(y)
	return err == nil && apart(u, v) == 0
}

// common returns n with base 10 for every log that has none.
func common(n *Node) (*Node, bool) {
	out, changed := *n, false
	out.Args = make([]*Node, len(n.Args))
	for i, a := range n.Args {
		var c bool
		out.Args[i], c = common(a)
		changed = changed || c
	}
	if n.Op == Function && n.Name == "log" && len(n.Args) == 1 {
		out.Args = append(out.Args, num(10))
		return &out, true
	}
	if !changed {
		return n, false
	}
	return &out, true
}

// leastDecimals that a decimal must show to stand for a number without an end.
const leastDecimals = 2

var ten = big.NewRat(10, 1)

// decimals returns how many digits behind the point n shows, as a bare decimal or percentage.
func decimals(n *Node) int {
	switch n.Op {
	case Number:
		return n.Decimals
	case Negative:
		return decimals(n.Args[0])
	case Percent:
		if d := decimals(n.Args[0]); d > 0 {
			return d + 2
		}
	}
	return -1
}

// shows reports whether the decimal n, of value x, is y rounded, and y has no finite decimals of its own.
func shows(n *Node, x, y *big.Rat) bool {
	d := decimals(n)
	if d < leastDecimals && !(d == 1 && new(big.Rat).Abs(x).Cmp(ten) >= 0) || !endless(y) { // 33.3 shows three digits
		return false
	}
	diff := new(big.Rat).Sub(x, y)
	return diff.Abs(diff).Cmp(halfUnit(d)) <= 0
}

// hints reports whether n shows y to one decimal and not to enough digits to say that y is meant: 6.7 and 20/3.
func hints(n *Node, x, y *big.Rat) bool {
	if decimals(n) != 1 || !endless(y) || new(big.Rat).Abs(x).Cmp(one) < 0 {
		return false
	}
	diff := new(big.Rat).Sub(x, y)
	return diff.Abs(diff).Cmp(halfUnit(1)) <= 0
}

// nears is shows for an irrational real number.
func nears(n *Node, x *big.Rat, y ball) bool {
	d := decimals(n)
	if d < leastDecimals && !(d == 1 && new(big.Rat).Abs(x).Cmp(ten) >= 0) || !y.real() {
		return false
	}
	diff := flt().Sub(flt().SetRat(x), y.re)
	return diff.Abs(diff).Cmp(flt().SetRat(halfUnit(d))) <= 0
}

// halfUnit is half of the last place of d decimals.
func halfUnit(d int) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d)), nil)))
}

// endless reports whether x has no finite decimals.
func endless(x *big.Rat) bool {
	d := new(big.Int).Set(x.Denom())
	d.Rsh(d, d.TrailingZeroBits())
	five, q, r := big.NewInt(5), new(big.Int), new(big.Int)
	for {
		if q.QuoRem(d, five, r); r.Sign() != 0 {
			break
		}
		d, q = q, d
	}
	return d.Cmp(big.NewInt(1)) != 0
}

// compareRelations compares two equations or inequalities by their left side minus their right.
func (c *comparer) compareRelations(a, b *Node, depth int) Verdict {
	if a.Op != Relation || b.Op != Relation {
		return Unknown
	}
	if len(a.Args) != 2 || len(b.Args) != 2 {
		if x, y := arrived(a), arrived(b); x != nil && y != nil {
			return c.compareRelations(x, y, depth+1)
		}
		if !slices.Equal(a.Relations, b.Relations) {
			b = turned(b)
		}
		if slices.Equal(a.Relations, b.Relations) {
			return c.inOrder(a.Args, b.Args, depth).weak()
		}
		return Unknown
	}
	signA, signB := a.Relations[0], b.Relations[0]
	if signA == "=" && signB == "=" && name(a.Args[0]) && name(b.Args[0]) {
		switch {
		case a.Args[0].String() == b.Args[0].String():
			return c.compare(a.Args[1], b.Args[1], depth+1)
		case sameFunction(a.Args[0], b.Args[0]) && !b.Args[1].holds(a.Args[0].Args[1].Name): // f(x) = x + 1 and f(t) = t + 1
			return c.compare(a.Args[1], b.Args[1].with(b.Args[0].Args[1].Name, a.Args[0].Args[1]), depth+1)
		case a.Args[0].Op != Symbol || b.Args[0].Op != Symbol: // f(2) = 0 and f(7) = 0
			return Unknown
		}
	}
	if flipped[signA] == "" || flipped[signB] == "" || !scalar(a.Args[0]) || !scalar(a.Args[1]) || !scalar(b.Args[0]) || !scalar(b.Args[1]) {
		return Unknown
	}
	f := node(Sum, a.Args[0], node(Negative, a.Args[1]))
	g := node(Sum, b.Args[0], node(Negative, b.Args[1]))
	sign, v := c.proportional(f, g)
	if v != Equal {
		return v
	}
	if sign < 0 {
		signB = flipped[signB]
	}
	if signA == signB {
		return Equal
	}
	return Different
}

// sameFunction reports whether two names are values of one function at variables of two names.
func sameFunction(a, b *Node) bool {
	return a.Op == Product && b.Op == Product && len(a.Args) == 2 && len(b.Args) == 2 && a.Args[0].Op == Symbol && a.Args[0].String() == b.Args[0].String() &&
		variable(a.Args[1]) && variable(b.Args[1])
}

// variable reports whether n is what a function's argument is called: x, t, n; A is an event.
func variable(n *Node) bool {
	return n.Op == Symbol && len(n.Name) == 1 && n.Name >= "a" && n.Name <= "z" && !constant(n.Name)
}

// holds reports whether a variable of this name is free in n.
func (n *Node) holds(name string) bool {
	vars := map[string]bool{}
	n.variables(vars)
	return vars[name]
}

// arrived is a chain of equations from a name to a value without what stands between: x = 5 + 6 = 11. It is nil for any
// other.
func arrived(n *Node) *Node {
	if slices.ContainsFunc(n.Relations, func(s string) bool { return s != "=" }) || !name(n.Args[0]) {
		return nil
	}
	return &Node{Op: Relation, Args: []*Node{n.Args[0], n.Args[len(n.Args)-1]}, Relations: []string{"="}}
}

// rearranged reports whether two trees are the same but for the order of terms and factors.
func (c *comparer) rearranged(a, b *Node) bool {
	return c.spend(20) && a.ordered().String() == b.ordered().String()
}

// ordered is n with the terms of sums and the factors of products in one order.
func (n *Node) ordered() *Node {
	if len(n.Args) == 0 {
		return n
	}
	out := *n
	out.Args = make([]*Node, len(n.Args))
	for i, a := range n.Args {
		out.Args[i] = a.ordered()
	}
	if n.Op == Sum || n.Op == Product {
		slices.SortFunc(out.Args, func(a, b *Node) int { return strings.Compare(a.String(), b.String()) })
	}
	return &out
}

// turned is a chain of relations read from its end.
func turned(n *Node) *Node {
	out := *n
	out.Args, out.Relations = slices.Clone(n.Args), nil
	slices.Reverse(out.Args)
	for _, sign := range slices.Backward(n.Relations) {
		out.Relations = append(out.Relations, flipped[sign])
	}
	return &out
}

// proportional tells whether f is a constant times g, and that constant's sign. Where it isn't, and a solution of one
// that is no solution of the other is found, they are different.
func (c *comparer) proportional(f, g *Node) (sign int, v Verdict) {
	vars := map[string]bool{}
	f.variables(vars)
	g.variables(vars)
	if len(vars) == 0 {
		return 0, Unknown
	}
	var ratio ball
	valid := 0
	constantRatio := true
	for p := point(0); p < 10 && valid < 4; p++ {
		u, err := c.at(p).value(f)
		if err != nil {
			continue
		}
		w, err := c.at(p).value(g)
		if err != nil {
			continue
		}
		inv, err := w.inverse()
		if err != nil {
			continue
		}
		r := u.mul(inv)
		if valid > 0 {
			switch apart(r, ratio) {
			case 1:
				constantRatio = false
			case -1:
				return 0, Unknown
			}
		}
		ratio = r
		valid++
	}
	if valid < 4 {
		return 0, Unknown
	}
	if constantRatio {
		if _, ok := ratio.least(); !ok || !ratio.real() {
			return 0, Unknown
		}
		return ratio.re.Sign(), Equal
	}
	if c.escapes(f, g, vars) || c.escapes(g, f, vars) {
		return 0, Different
	}
	return 0, Unknown
}

// escapes reports whether a solution of f = 0 is surely none of g = 0: one is found where f is a polynomial of the
// first or second degree in a variable.
func (c *comparer) escapes(f, g *Node, vars map[string]bool) bool {
	for name := range vars {
		at := func(n *Node, x ball) (ball, error) {
			e := c.at(2)
			e.bound[name] = x
			return e.value(n)
		}
		root, err := c.solve(func(x int64) (ball, error) { return at(f, whole(x)) })
		if err != nil {
			continue
		}
		value, err := at(g, root)
		if err != nil {
			continue
		}
		if low, ok := value.least(); ok && low > value.err {
			return true
		}
	}
	return false
}

// solve returns a root of the polynomial of degree one or two that f takes the values of.
func (c *comparer) solve(f func(x int64) (ball, error)) (ball, error) {
	var y [5]ball // at −1, 0, 1, 2, 3
	for i := range y {
		var err error
		if y[i], err = f(int64(i - 1)); err != nil {
			return ball{}, err
		}
	}
	half := exact(big.NewRat(1, 2))
	a := y[0].add(y[2]).mul(half).add(y[1].neg())
	b := y[2].add(y[0].neg()).mul(half)
	for x := int64(2); x <= 3; x++ { // else it is no such polynomial
		fit := a.mul(whole(x * x)).add(b.mul(whole(x))).add(y[1])
		if apart(fit, y[x+1]) != 0 {
			return ball{}, errDomain
		}
	}
	if low, ok := a.least(); !ok || low < a.err+50 { // first degree
		inv, err := b.inverse()
		if err != nil {
			return ball{}, err
		}
		return y[1].neg().mul(inv), nil
	}
	root, err := b.mul(b).add(a.mul(y[1]).mul(whole(-4))).sqrt()
	if err != nil {
		return ball{}, err
	}
	inv, err := a.mul(whole(2)).inverse()
	if err != nil {
		return ball{}, err
	}
	return root.add(b.neg()).mul(inv), nil
}
