package formula

import (
	"hash/fnv"
	"math/big"
)

var one = big.NewRat(1, 1)

// rational evaluates n exactly; ok is false where it isn't rational, can't be told so easily, or is beyond the limits.
func (c *comparer) rational(n *Node) (x *big.Rat, ok bool) {
	if !c.spend(1) {
		return nil, false
	}
	switch n.Op {
	case Number:
		return n.Value, true
	case Negative:
		if x, ok = c.rational(n.Args[0]); ok {
			return new(big.Rat).Neg(x), true
		}
	case Percent:
		if x, ok = c.rational(n.Args[0]); ok {
			return new(big.Rat).Mul(x, big.NewRat(1, 100)), true
		}
	case Sum, Product:
		out := new(big.Rat)
		if n.Op == Product {
			out.SetInt64(1)
		}
		for _, a := range n.Args {
			x, ok := c.rational(a)
			if !ok {
				return nil, false
			}
			if n.Op == Sum {
				out.Add(out, x)
			} else {
				out.Mul(out, x)
			}
			if tooBig(out) || !c.spend(out.Num().BitLen()/256) {
				return nil, false
			}
		}
		return out, true
	case Quotient, Ratio:
		if len(n.Args) != 2 {
			return nil, false
		}
		a, okA := c.rational(n.Args[0])
		if !okA {
			return nil, false
		}
		b, okB := c.rational(n.Args[1])
		if !okB || b.Sign() == 0 {
			return nil, false
		}
		out := new(big.Rat).Quo(a, b)
		return out, !tooBig(out)
	case Power:
		return c.rationalPower(n)
	case Function:
		return c.rationalFunction(n)
	case Series:
		return c.rationalSeries(n)
	}
	return nil, false
}

func tooBig(x *big.Rat) bool { return x.Num().BitLen() > maxBits || x.Denom().BitLen() > maxBits }

func (c *comparer) rationalPower(n *Node) (*big.Rat, bool) {
	base, ok := c.rational(n.Args[0])
	if !ok {
		return nil, false
	}
	e, ok := c.rational(n.Args[1])
	if !ok {
		return nil, false
	}
	if !e.IsInt() {
		if !e.Num().IsInt64() || !e.Denom().IsInt64() || e.Denom().Int64() > 64 {
			return nil, false
		}
		root, ok := exactRoot(base, e.Denom().Int64())
		if !ok {
			return nil, false
		}
		base, e = root, new(big.Rat).SetInt(e.Num())
	}
	if !e.Num().IsInt64() {
		return nil, false
	}
	return integerPower(base, e.Num().Int64())
}

func integerPower(base *big.Rat, k int64) (*big.Rat, bool) {
	if k < 0 {
		if base.Sign() == 0 {
			return nil, false
		}
		base, k = new(big.Rat).Inv(base), -k
	}
	if k > maxExponent || int64(base.Num().BitLen()+base.Denom().BitLen())*k > 2*maxBits && base.Num().BitLen()+base.Denom().BitLen() > 2 {
		return nil, false
	}
	e := big.NewInt(k)
	return new(big.Rat).SetFrac(new(big.Int).Exp(base.Num(), e, nil), new(big.Int).Exp(base.Denom(), e, nil)), true
}

// exactRoot returns the k-th root of x where that is rational; the real one, and of a negative x none.
func exactRoot(x *big.Rat, k int64) (*big.Rat, bool) {
	if x.Sign() < 0 || k < 1 {
		return nil, false
	}
	num, ok := integerRoot(x.Num(), k)
	if !ok {
		return nil, false
	}
	den, ok := integerRoot(x.Denom(), k)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetFrac(num, den), true
}

func integerRoot(x *big.Int, k int64) (*big.Int, bool) {
	if k == 2 {
		r := new(big.Int).Sqrt(x)
		return r, new(big.Int).Mul(r, r).Cmp(x) == 0
	}
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(x.BitLen()/int(k)+1))
	e := big.NewInt(k)
	for low.Cmp(high) < 0 {
		mid := new(big.Int).Add(low, high)
		mid.Add(mid, big.NewInt(1)).Rsh(mid, 1)
		if new(big.Int).Exp(mid, e, nil).Cmp(x) <= 0 {
			low = mid
		} else {
			high = mid.Sub(mid, big.NewInt(1))
		}
	}
	return low, new(big.Int).Exp(low, e, nil).Cmp(x) == 0
}

func (c *comparer) rationalFunction(n *Node) (*big.Rat, bool) {
	var args []*big.Rat
	for _, a := range n.Args {
		x, ok := c.rational(a)
		if !ok {
			return nil, false
		}
		args = append(args, x)
	}
	small := func(x *big.Rat) (int64, bool) {
		if !x.IsInt() || !x.Num().IsInt64() || x.Num().Int64() < 0 || x.Num().Int64() > maxTerms {
			return 0, false
		}
		return x.Num().Int64(), true
	}
	integer := func(x *big.Int) (*big.Rat, bool) {
		out := new(big.Rat).SetInt(x)
		return out, !tooBig(out)
	}
	switch {
	case n.Name == "sqrt" && len(args) == 1:
		return exactRoot(args[0], 2)
	case n.Name == "cbrt" && len(args) == 1:
		return exactRoot(args[0], 3)
	case n.Name == "root" && len(args) == 2:
		if k, ok := small(args[1]); ok && k > 0 && k <= 64 {
			return exactRoot(args[0], k)
		}
	case n.Name == "abs" && len(args) == 1:
		return new(big.Rat).Abs(args[0]), true
	case (n.Name == "floor" || n.Name == "ceil") && len(args) == 1:
		q := new(big.Int).Div(args[0].Num(), args[0].Denom()) // Euclidean: floor, the denominator being positive
		if n.Name == "ceil" && !args[0].IsInt() {
			q.Add(q, big.NewInt(1))
		}
		return integer(q)
	case n.Name == "factorial" && len(args) == 1:
		if k, ok := small(args[0]); ok && c.spend(int(k)/8) {
			return integer(new(big.Int).MulRange(1, k))
		}
	case n.Name == "binomial" && len(args) == 2:
		a, okA := small(args[0])
		b, okB := small(args[1])
		if okA && okB {
			return integer(new(big.Int).Binomial(a, b))
		}
	case (n.Name == "gcd" || n.Name == "lcm") && len(args) == 2 && args[0].IsInt() && args[1].IsInt() && args[0].Sign() > 0 && args[1].Sign() > 0:
		g := new(big.Int).GCD(nil, nil, args[0].Num(), args[1].Num())
		if n.Name == "gcd" {
			return integer(g)
		}
		return integer(new(big.Int).Mul(args[0].Num(), new(big.Int).Quo(args[1].Num(), g)))
	case (n.Name == "max" || n.Name == "min") && len(args) > 0:
		best := args[0]
		for _, x := range args[1:] {
			if (x.Cmp(best) > 0) == (n.Name == "max") {
				best = x
			}
		}
		return best, true
	}
	return nil, false
}

// bounds returns the whole numbers between which a series runs.
func (c *comparer) bounds(n *Node) (from, to int64, ok bool) {
	a, okA := c.rational(n.Args[0])
	b, okB := c.rational(n.Args[1])
	if !okA || !okB || !a.IsInt() || !b.IsInt() || !a.Num().IsInt64() || !b.Num().IsInt64() {
		return 0, 0, false
	}
	from, to = a.Num().Int64(), b.Num().Int64()
	return from, to, to-from < maxTerms && from > -1<<40 && to < 1<<40
}

func (c *comparer) rationalSeries(n *Node) (*big.Rat, bool) {
	from, to, ok := c.bounds(n)
	if !ok || to-from > 200 {
		return nil, false
	}
	out := new(big.Rat)
	if n.Name == "product" {
		out.SetInt64(1)
	}
	for k := from; k <= to; k++ {
		x, ok := c.rational(n.Args[2].with(n.Relations[0], num(k)))
		if !ok {
			return nil, false
		}
		if n.Name == "sum" {
			out.Add(out, x)
		} else {
			out.Mul(out, x)
		}
		if tooBig(out) {
			return nil, false
		}
	}
	return out, true
}

// with returns n with a symbol replaced.
func (n *Node) with(name string, by *Node) *Node {
	if n.Op == Symbol {
		if n.Name == name {
			return by
		}
		return n
	}
	if len(n.Args) == 0 || n.Op == Series && n.Relations[0] == name {
		return n
	}
	out := *n
	out.Args = make([]*Node, len(n.Args))
	for i, a := range n.Args {
		out.Args[i] = a.with(name, by)
	}
	return &out
}

// constants that a symbol may be.
func constant(name string) bool { return name == "pi" || name == "e" || name == "i" }

// variables returns the names of the free variables of n.
func (n *Node) variables(into map[string]bool) {
	switch {
	case n.Op == Symbol && !constant(n.Name):
		into[n.Name] = true
	case n.Op == Series:
		inner := map[string]bool{}
		n.Args[2].variables(inner)
		delete(inner, n.Relations[0])
		for v := range inner {
			into[v] = true
		}
		n.Args[0].variables(into)
		n.Args[1].variables(into)
	default:
		for _, a := range n.Args {
			a.variables(into)
		}
	}
}

// point gives variables values: reproducible rationals between 0.3 and 30, negative ones too at odd points.
type point int

func (p point) value(name string) ball {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	_, _ = h.Write([]byte{byte(p)}) // #nosec G115 -- a point is one of few
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	v := big.NewRat(int64(300_000_007+x%2_700_000_000), 1_000_000_009)
	if p%4 >= 2 {
		v.Mul(v, big.NewRat(10, 1))
	}
	if p%2 == 1 && x>>40&1 == 1 {
		v.Neg(v)
	}
	return exact(v)
}

// evaluation computes a tree at a point.
type evaluation struct {
	*comparer
	point point
	bound map[string]ball // values of variables that aren't the point's
}

func (c *comparer) at(p point) *evaluation {
	return &evaluation{comparer: c, point: p, bound: map[string]ball{}}
}

func (ev *evaluation) value(n *Node) (ball, error) {
	if !ev.spend(1) {
		return ball{}, errDomain
	}
	switch n.Op {
	case Number:
		return exact(n.Value), nil
	case Symbol:
		if v, ok := ev.bound[n.Name]; ok {
			return v, nil
		}
		switch n.Name {
		case "pi":
			return ball{re: flt().Set(pi()), err: 3 - precision}, nil
		case "e":
			return whole(1).exp()
		case "i":
			return ball{re: flt(), im: flt().SetInt64(1), err: nothing}, nil
		case "inf", "empty", "Reals":
			return ball{}, errDomain
		}
		return ev.point.value(n.Name), nil
	case Negative:
		z, err := ev.value(n.Args[0])
		if err != nil {
			return z, err
		}
		return z.neg(), nil
	case Percent:
		z, err := ev.value(n.Args[0])
		if err != nil {
			return z, err
		}
		return z.mul(exact(big.NewRat(1, 100))), nil
	case Quantity:
		if n.Name == "°" {
			return ev.value(n.Args[0])
		}
	case Sum, Product:
		out, err := ev.value(n.Args[0])
		for _, a := range n.Args[1:] {
			if err != nil {
				return out, err
			}
			var z ball
			if z, err = ev.value(a); err != nil {
				return z, err
			}
			if n.Op == Sum {
				out = out.add(z)
			} else {
				out = out.mul(z)
			}
		}
		return out, ev.sane(out, err)
	case Quotient, Ratio:
		if len(n.Args) != 2 {
			return ball{}, errDomain
		}
		a, err := ev.value(n.Args[0])
		if err != nil {
			return a, err
		}
		b, err := ev.value(n.Args[1])
		if err != nil {
			return b, err
		}
		if b, err = b.inverse(); err != nil {
			return b, err
		}
		return a.mul(b), nil
	case Power:
		return ev.power(n)
	case Function:
		return ev.function(n)
	case Series:
		return ev.series(n)
	}
	return ball{}, errDomain
}

// sane refuses numbers of absurd size.
func (ev *evaluation) sane(z ball, err error) error {
	if err == nil && z.mag() > huge {
		return errDomain
	}
	return err
}

func (ev *evaluation) power(n *Node) (ball, error) {
	base, err := ev.value(n.Args[0])
	if err != nil {
		return base, err
	}
	if e, ok := ev.rational(n.Args[1]); ok {
		if !ev.spend(e.Num().BitLen() + e.Denom().BitLen()) {
			return ball{}, errDomain
		}
		if e.IsInt() && e.Num().IsInt64() {
			return base.power(e.Num().Int64())
		}
		if e.Cmp(big.NewRat(1, 2)) == 0 {
			return base.sqrt()
		}
		// The odd root of a negative number is the real one, as school has it.
		if base.im == nil && base.re.Sign() < 0 && e.Denom().Bit(0) == 1 {
			root, err := raise(base.neg(), exact(e))
			if err == nil && e.Num().Bit(0) == 1 {
				root = root.neg()
			}
			return root, err
		}
	}
	if !ev.spend(elementary) {
		return ball{}, errDomain
	}
	exponent, err := ev.value(n.Args[1])
	if err != nil {
		return exponent, err
	}
	if n.Args[0].Op == Symbol && n.Args[0].Name == "e" {
		return exponent.exp()
	}
	return raise(base, exponent)
}

func raise(base, exponent ball) (ball, error) {
	l, err := base.log()
	if err != nil {
		return l, err
	}
	return l.mul(exponent).exp()
}

func (ev *evaluation) function(n *Node) (ball, error) {
	if x, ok := ev.rational(n); ok {
		return exact(x), nil
	}
	if len(n.Args) == 0 || len(n.Args) > 2 || !ev.spend(elementary) {
		return ball{}, errDomain
	}
	arg := n.Args[0]
	degrees := arg.Op == Quantity && arg.Name == "°"
	z, err := ev.value(arg)
	if err != nil {
		return z, err
	}
	if degrees {
		z = z.mul(ball{re: flt().Set(pi()), err: 3 - precision}).mul(exact(big.NewRat(1, 180)))
	}
	var second ball
	if len(n.Args) == 2 {
		if second, err = ev.value(n.Args[1]); err != nil {
			return second, err
		}
	}
	switch n.Name {
	case "sqrt":
		return z.sqrt()
	case "binomial":
		return ev.binomial(z, n.Args[len(n.Args)-1])
	case "cbrt":
		return ev.power(node(Power, arg, &Node{Op: Number, Value: big.NewRat(1, 3), Decimals: -1}))
	case "root":
		if k, ok := ev.rational(n.Args[1]); ok && k.Sign() != 0 {
			return ev.power(node(Power, arg, &Node{Op: Number, Value: new(big.Rat).Inv(k), Decimals: -1}))
		}
		inv, err := second.inverse()
		if err != nil {
			return inv, err
		}
		return raise(z, inv)
	case "ln", "log":
		l, err := z.log()
		if err != nil || len(n.Args) == 1 {
			return l, err
		}
		base, err := second.log()
		if err != nil {
			return base, err
		}
		if base, err = base.inverse(); err != nil {
			return base, err
		}
		return l.mul(base), nil
	case "abs":
		if z.im == nil {
			return ball{re: flt().Abs(z.re), err: z.err}, nil
		}
		return z.mul(ball{re: z.re, im: flt().Neg(z.im), err: z.err}).sqrt()
	case "floor", "ceil":
		return nearby(n.Name, z)
	}
	return trigonometric(n.Name, z)
}

// binomial returns z over k for a small whole k, as a polynomial in z.
func (ev *evaluation) binomial(z ball, k *Node) (ball, error) {
	x, ok := ev.rational(k)
	if !ok || !x.IsInt() || !x.Num().IsInt64() || x.Num().Int64() < 0 || x.Num().Int64() > 50 {
		return ball{}, errDomain
	}
	out := whole(1)
	for i := range x.Num().Int64() {
		out = out.mul(z.add(whole(-i))).mul(exact(big.NewRat(1, i+1)))
	}
	return out, nil
}

// nearby rounds a real number down or up where its error leaves no doubt.
func nearby(name string, z ball) (ball, error) {
	if !z.real() || z.mag() > 60 {
		return ball{}, errDomain
	}
	floor := func(x *big.Float) int64 {
		k, _ := x.Int64()
		if x.Sign() < 0 && !x.IsInt() {
			k--
		}
		return k
	}
	spread := new(big.Float).SetMantExp(big.NewFloat(1), max(z.err, -1000))
	low, high := floor(flt().Sub(z.re, spread)), floor(flt().Add(z.re, spread))
	if low != high {
		return ball{}, errDomain
	}
	if name == "ceil" {
		low++
	}
	return whole(low), nil
}

func trigonometric(name string, z ball) (ball, error) {
	unit := whole(1)
	switch name {
	case "sin", "cos", "tan", "cot", "sec", "csc":
		c, s, err := z.circular()
		if err != nil {
			return c, err
		}
		over := func(a, b ball) (ball, error) {
			inv, err := b.inverse()
			if err != nil {
				return inv, err
			}
			return a.mul(inv), nil
		}
		switch name {
		case "sin":
			return s, nil
		case "cos":
			return c, nil
		case "tan":
			return over(s, c)
		case "cot":
			return over(c, s)
		case "sec":
			return c.inverse()
		default:
			return s.inverse()
		}
	case "asin", "acos":
		if !z.real() {
			return ball{}, errDomain
		}
		rest, err := unit.add(z.mul(z).neg()).sqrt()
		if err != nil || !rest.real() {
			return edge(name, z)
		}
		if name == "asin" {
			return arc(rest, z)
		}
		return arc(z, rest)
	case "atan":
		return arc(unit, z)
	case "sinh", "cosh", "tanh":
		e, err := z.exp()
		if err != nil {
			return e, err
		}
		inv, err := e.inverse()
		if err != nil {
			return inv, err
		}
		half := exact(big.NewRat(1, 2))
		sinh, cosh := e.add(inv.neg()).mul(half), e.add(inv).mul(half)
		switch name {
		case "sinh":
			return sinh, nil
		case "cosh":
			return cosh, nil
		}
		if inv, err = cosh.inverse(); err != nil {
			return inv, err
		}
		return sinh.mul(inv), nil
	}
	return ball{}, errDomain
}

// edge returns asin or acos of exactly ±1.
func edge(name string, z ball) (ball, error) {
	if z.re.Cmp(big.NewFloat(1)) != 0 && z.re.Cmp(big.NewFloat(-1)) != 0 {
		return ball{}, errDomain
	}
	p := ball{re: flt().Set(pi()), err: 3 - precision}
	half := p.mul(exact(big.NewRat(1, 2)))
	switch {
	case name == "asin" && z.re.Sign() > 0:
		return half, nil
	case name == "asin":
		return half.neg(), nil
	case z.re.Sign() > 0:
		return whole(0), nil
	}
	return p, nil
}

func (ev *evaluation) series(n *Node) (ball, error) {
	from, to, ok := ev.bounds(n)
	if !ok {
		return ball{}, errDomain
	}
	name := n.Relations[0]
	outer, shadowed := ev.bound[name]
	defer func() {
		delete(ev.bound, name)
		if shadowed {
			ev.bound[name] = outer
		}
	}()
	out := whole(0)
	if n.Name == "product" {
		out = whole(1)
	}
	for k := from; k <= to; k++ {
		ev.bound[name] = whole(k)
		z, err := ev.value(n.Args[2])
		if err != nil {
			return z, err
		}
		if n.Name == "sum" {
			out = out.add(z)
		} else {
			out = out.mul(z)
		}
	}
	return out, ev.sane(out, nil)
}
