package program

import (
	"math"
	"math/big"
	"strings"

	"go.starlark.net/starlark"
)

func divmod(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 2 {
		return nil, failure("divmod expected 2 arguments, got %d", len(args))
	}
	q, err := m.binary("//", args[0], args[1])
	if err != nil {
		return nil, err
	}
	r, err := m.binary("%", args[0], args[1])
	return starlark.Tuple{q, r}, err
}

func toFloat(_ *machine, v starlark.Value) (starlark.Value, error) {
	if s, ok := v.(starlark.String); ok {
		if r, ok := parseReal(strings.ReplaceAll(string(s), "_", "")); ok {
			return r, nil
		}
		return nil, failure("could not convert string to float: %s", quote(cutRunes(string(s), 40)))
	}
	n, ok := asNumber(v)
	if !ok {
		return nil, failure("float() argument must be a string or a real number, not '%s'", v.Type())
	}
	return n.asReal()
}

// toInt cuts a float off behind its point.
func toInt(x real) (starlark.Int, error) {
	if x.exact != nil {
		return starlark.MakeBigInt(new(big.Int).Quo(x.exact.Num(), x.exact.Denom())), nil
	}
	if x.float != x.float || math.IsInf(x.float, 0) {
		return starlark.Int{}, failure("cannot convert float %s to integer", formatRepr(x.float))
	}
	whole, _ := big.NewFloat(x.float).Int(nil)
	return starlark.MakeBigInt(whole), nil
}

func intFunction(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if b := keyword(&kwargs, "base"); b != nil {
		args = append(args[:len(args):len(args)], b)
	}
	switch len(args) {
	case 0:
		return starlark.MakeInt(0), nil
	case 1, 2:
	default:
		return nil, failure("int() takes at most 2 arguments (%d given)", len(args))
	}
	if s, ok := args[0].(starlark.String); ok {
		base := 10
		if len(args) == 2 {
			var err error
			if base, err = starlark.AsInt32(args[1]); err != nil || base == 1 || base < 0 || base > 36 {
				return nil, failure("int() base must be >= 2 and <= 36, or 0")
			}
		}
		digits := strings.ReplaceAll(strings.TrimSpace(string(s)), "_", "")
		if len(digits) > maxDigits {
			return nil, limitError("an integer is too long to read")
		}
		v, ok := new(big.Int).SetString(digits, base)
		if !ok {
			return nil, failure("invalid literal for int() with base %d: %s", base, quote(cutRunes(digits, 40)))
		}
		return starlark.MakeBigInt(v), nil
	}
	n, ok := asNumber(args[0])
	switch {
	case !ok || len(args) == 2:
		return nil, failure("int() argument must be a string, a bytes-like object or a real number, not '%s'", args[0].Type())
	case n.isInt:
		return n.whole, nil
	}
	return toInt(n.real)
}

func pow(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch len(args) {
	case 2:
		return m.binary("**", args[0], args[1])
	case 3:
		var n [3]*big.Int
		for i, v := range args {
			x, ok := v.(starlark.Int)
			if !ok || bitLen(x) > 1024 {
				return nil, failure("pow() 3rd argument not allowed unless all arguments are integers")
			}
			n[i] = x.BigInt()
		}
		if n[2].Sign() <= 0 || n[1].Sign() < 0 {
			return nil, failure("pow() of such numbers")
		}
		return starlark.MakeBigInt(new(big.Int).Exp(n[0], n[1], n[2])), m.charge(2000, 4096)
	}
	return nil, failure("pow() takes 2 or 3 arguments (%d given)", len(args))
}

func round(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if v := keyword(&kwargs, "ndigits"); v != nil {
		args = append(args[:len(args):len(args)], v)
	}
	if len(args) < 1 || len(args) > 2 {
		return nil, failure("round() takes 1 or 2 arguments (%d given)", len(args))
	}
	n, ok := asNumber(args[0])
	if !ok {
		return nil, failure("type %s doesn't define __round__ method", args[0].Type())
	}
	digits, toWhole := 0, len(args) == 1 || args[1] == starlark.None
	if !toWhole {
		var err error
		if digits, err = starlark.AsInt32(args[1]); err != nil {
			return nil, failure("%v", err)
		}
		if digits > 300 || digits < -300 {
			return args[0], nil
		}
	}
	x := n.real
	if n.isInt {
		if digits >= 0 {
			return n.whole, nil
		}
		x = real{exact: new(big.Rat).SetInt(n.whole.BigInt())}
		x.float, _ = x.exact.Float64()
	}
	if f := x.nearest(); x.exact == nil && (f != f || math.IsInf(f, 0)) {
		if toWhole {
			return toInt(x)
		}
		return x, nil
	}
	if err := m.charge(8, 256); err != nil {
		return nil, err
	}
	i := x.rounded(digits)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(digits, -digits))), nil)
	switch {
	case toWhole:
		return starlark.MakeBigInt(i), nil
	case n.isInt:
		return starlark.MakeBigInt(i.Mul(i, scale)), nil
	}
	exact := new(big.Rat)
	if digits >= 0 {
		exact.SetFrac(i, scale)
	} else {
		exact.SetInt(i.Mul(i, scale))
	}
	f, _ := exact.Float64()
	return known(exact, f), nil
}

func fraction(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 2 {
		x, err := toFloat(m, args[0])
		if err != nil {
			return nil, err
		}
		y, err := toFloat(m, args[1])
		if err != nil {
			return nil, err
		}
		return m.binary("/", x, y)
	}
	if len(args) == 1 {
		if s, ok := args[0].(starlark.String); ok {
			if a, b, ok := strings.Cut(string(s), "/"); ok {
				return fraction(m, starlark.Tuple{starlark.String(a), starlark.String(b)}, nil)
			}
		}
	}
	return functions["float"](m, args, nil)
}

// toWhole rounds up (1), down (−1) or towards zero (0).
func toWhole(direction int) function {
	return single(func(_ *machine, v starlark.Value) (starlark.Value, error) {
		n, ok := asNumber(v)
		if !ok {
			return nil, failure("must be real number, not %s", v.Type())
		}
		if n.isInt {
			return n.whole, nil
		}
		whole, err := toInt(n.real)
		if err != nil || n.real.isInt() {
			return whole, err
		}
		if negative := n.real.sign() < 0; direction > 0 && !negative || direction < 0 && negative {
			return whole.Add(starlark.MakeInt(direction)), nil
		}
		return whole, nil
	})
}

func wholes(args starlark.Tuple, most int) ([]*big.Int, error) {
	out := make([]*big.Int, len(args))
	for i, v := range args {
		n, ok := asNumber(v)
		if !ok || !n.isInt {
			return nil, failure("'%s' object cannot be interpreted as an integer", v.Type())
		}
		if bitLen(n.whole) > most {
			return nil, limitError("an integer gets too large")
		}
		out[i] = n.whole.BigInt()
	}
	return out, nil
}

func choose(comb bool) function {
	return func(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if len(args) == 1 && !comb {
			return factorial(m, args[0])
		}
		n, err := wholes(args, 32)
		if err != nil || len(n) != 2 {
			return nil, firstError(err, failure("2 arguments were expected"))
		}
		if n[0].Sign() < 0 || n[1].Sign() < 0 {
			return nil, failure("must be a non-negative integer")
		}
		if n[1].Cmp(n[0]) > 0 {
			return starlark.MakeInt(0), nil
		}
		a, k := n[0].Int64(), n[1].Int64()
		if comb {
			k = min(k, a-k)
		}
		if k > 2000 {
			return nil, limitError("an integer gets too large")
		}
		if err := m.charge(int(k*k/16), int(k)*8); err != nil {
			return nil, err
		}
		if comb {
			return starlark.MakeBigInt(new(big.Int).Binomial(a, k)), nil
		}
		return starlark.MakeBigInt(new(big.Int).MulRange(a-k+1, a)), nil
	}
}

func factorial(m *machine, v starlark.Value) (starlark.Value, error) {
	n, err := wholes(starlark.Tuple{v}, 32)
	if err != nil {
		return nil, err
	}
	if n[0].Sign() < 0 {
		return nil, failure("factorial() not defined for negative values")
	}
	k := n[0].Int64()
	if k > 5000 {
		return nil, limitError("an integer gets too large")
	}
	return starlark.MakeBigInt(new(big.Int).MulRange(1, k)), m.charge(int(k), int(k)*2)
}

func gcd(least bool) function {
	return func(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		n, err := wholes(args, 4096)
		if err != nil {
			return nil, err
		}
		out := big.NewInt(0)
		if least {
			out.SetInt64(1)
		}
		for _, x := range n {
			x = new(big.Int).Abs(x)
			if err := m.charge(20+(x.BitLen()+out.BitLen())/4, 256); err != nil {
				return nil, err
			}
			if !least {
				out.GCD(nil, nil, out, x)
				continue
			}
			if x.Sign() == 0 {
				return starlark.MakeInt(0), nil
			}
			g := new(big.Int).GCD(nil, nil, out, x)
			out.Mul(out, x.Quo(x, g))
			if out.BitLen() > maxBits {
				return nil, limitError("an integer gets too large")
			}
		}
		return starlark.MakeBigInt(out), nil
	}
}

func isqrt(m *machine, v starlark.Value) (starlark.Value, error) {
	n, err := wholes(starlark.Tuple{v}, 8192)
	if err != nil {
		return nil, err
	}
	if n[0].Sign() < 0 {
		return nil, failure("isqrt() argument must be nonnegative")
	}
	return starlark.MakeBigInt(new(big.Int).Sqrt(n[0])), m.charge(20+n[0].BitLen()/4, 2048)
}

// floats are numbers as floats.
func floats(args starlark.Tuple, want int) ([]real, error) {
	if len(args) != want {
		return nil, failure("expected %d arguments, got %d", want, len(args))
	}
	out := make([]real, len(args))
	for i, v := range args {
		n, ok := asNumber(v)
		if !ok {
			return nil, failure("must be real number, not %s", v.Type())
		}
		var err error
		if out[i], err = n.asReal(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func floating(f func(float64) float64) function {
	return func(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, err := floats(args, 1)
		if err != nil {
			return nil, err
		}
		y := f(x[0].float)
		if y != y && x[0].float == x[0].float {
			return nil, failure("math domain error")
		}
		if math.IsInf(y, 0) && !math.IsInf(x[0].float, 0) {
			return nil, failure("math range error")
		}
		return inexact(y), nil
	}
}

func floating2(f func(a, b float64) float64) function {
	return func(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, err := floats(args, 2)
		if err != nil {
			return nil, err
		}
		return inexact(f(x[0].float, x[1].float)), nil
	}
}

func predicate(f func(float64) bool) function {
	return func(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, err := floats(args, 1)
		if err != nil {
			return nil, err
		}
		return starlark.Bool(f(x[0].float)), nil
	}
}

func mathPow(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, err := floats(args, 2)
	if err != nil {
		return nil, err
	}
	return m.power(x[0], x[1])
}

func mathSqrt(m *machine, v starlark.Value) (starlark.Value, error) {
	x, err := floats(starlark.Tuple{v}, 1)
	if err != nil {
		return nil, err
	}
	if x[0].sign() < 0 {
		return nil, failure("math domain error")
	}
	return sqrt(x[0]), m.charge(20, 256)
}

func isclose(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	relative, absolute := 1e-9, 0.0
	for name, to := range map[string]*float64{"rel_tol": &relative, "abs_tol": &absolute} {
		if v := keyword(&kwargs, name); v != nil {
			x, err := floats(starlark.Tuple{v}, 1)
			if err != nil {
				return nil, err
			}
			*to = x[0].float
		}
	}
	x, err := floats(args, 2)
	if err != nil {
		return nil, err
	}
	a, b := x[0].nearest(), x[1].nearest()
	return starlark.Bool(a == b || math.Abs(a-b) <= max(relative*max(math.Abs(a), math.Abs(b)), absolute)), nil
}

func logarithm(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, err := floats(args, len(args))
	if err != nil || len(x) < 1 || len(x) > 2 {
		return nil, firstError(err, failure("log expected 1 or 2 arguments"))
	}
	for _, x := range x {
		if x.sign() <= 0 {
			return nil, failure("math domain error")
		}
	}
	if len(x) == 1 {
		return inexact(math.Log(x[0].float)), nil
	}
	base := math.Log(x[1].float)
	if base == 0 {
		return nil, failure("division by zero")
	}
	return inexact(math.Log(x[0].float) / base), nil
}

func mean(m *machine, v starlark.Value) (starlark.Value, error) {
	total, err := sum(m, starlark.Tuple{v}, nil)
	if err != nil {
		return nil, err
	}
	n := starlark.Len(v)
	if n <= 0 {
		return nil, failure("mean requires at least one data point")
	}
	q, err := m.binary("/", total, starlark.MakeInt(n))
	if x, ok := q.(real); ok && x.isInt() && total.Type() == "int" {
		return toInt(x)
	}
	return q, err
}

func median(m *machine, v starlark.Value) (starlark.Value, error) {
	l, err := sorted(m, starlark.Tuple{v}, nil)
	if err != nil {
		return nil, err
	}
	all := l.(*starlark.List)
	n := all.Len()
	if n == 0 {
		return nil, failure("no median for empty data")
	}
	if n%2 == 1 {
		return all.Index(n / 2), nil
	}
	return mean(m, starlark.Tuple{all.Index(n/2 - 1), all.Index(n / 2)})
}
