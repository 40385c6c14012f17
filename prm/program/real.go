package program

import (
	"hash/fnv"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// real is what Python calls a float. Where it comes from whole numbers and decimals by exact operations it is known as
// a fraction, so that 0.1 + 0.2 is 0.3 and 1 / 3 * 3 is 1; beside that stands the double that CPython has in its place.
type real struct {
	exact *big.Rat // nil where it isn't known, or would be longer than maxExact
	float float64
}

var _ starlark.Value = real{}

func (x real) String() string       { return repr(x, 0) }
func (x real) Type() string         { return "float" }
func (x real) Freeze()              {}
func (x real) Truth() starlark.Bool { return x.sign() != 0 }

// Hash is the hash of the text, but that of whole numbers never matters: they are looked up as integers (see key).
func (x real) Hash() (uint32, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(x.String()))
	return h.Sum32(), nil
}

func (x real) sign() int {
	if x.exact != nil {
		return x.exact.Sign()
	}
	switch {
	case x.float > 0:
		return 1
	case x.float < 0:
		return -1
	case x.float != x.float:
		return 1 // NaN is true
	}
	return 0
}

// nearest is the double that Python would print if it calculated exactly.
func (x real) nearest() float64 {
	if x.exact == nil {
		return x.float
	}
	f, _ := x.exact.Float64()
	return f
}

func (x real) isInt() bool {
	if x.exact != nil {
		return x.exact.IsInt()
	}
	return x.float == math.Trunc(x.float) && !math.IsInf(x.float, 0)
}

// known makes a real of a fraction and CPython's double for it.
func known(exact *big.Rat, float float64) real {
	if exact.Num().BitLen() > maxExact || exact.Denom().BitLen() > maxExact {
		exact = nil
	}
	return real{exact, float}
}

func inexact(f float64) real { return real{nil, f} }

// parseReal reads a decimal as float() does.
func parseReal(s string) (real, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > maxDigits || strings.ContainsAny(s, "xp_/") {
		return real{}, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return real{}, false
	}
	if _, exponent, ok := strings.Cut(s, "e"); ok {
		if n, err := strconv.Atoi(exponent); err != nil || n > 400 || n < -400 {
			return inexact(f), true
		}
	}
	exact, ok := new(big.Rat).SetString(s)
	if !ok || math.IsInf(f, 0) {
		return inexact(f), true
	}
	return known(exact, f), true
}

// number is an int, bool or float of Python, for calculating.
type number struct {
	whole starlark.Int
	real  real
	isInt bool
}

func asNumber(v starlark.Value) (number, bool) {
	switch v := v.(type) {
	case starlark.Int:
		return number{whole: v, isInt: true}, true
	case real:
		return number{real: v}, true
	case starlark.Bool:
		if v {
			return number{whole: starlark.MakeInt(1), isInt: true}, true
		}
		return number{whole: starlark.MakeInt(0), isInt: true}, true
	}
	return number{}, false
}

func bitLen(x starlark.Int) int {
	if i, ok := x.Int64(); ok {
		return bits.Len64(uint64(max(i, -i))) // #nosec G115 -- not below 0; of the least number, whose negative is itself, the bits are right too
	}
	return x.BigInt().BitLen()
}

// asReal is the number as a float.
func (x number) asReal() (real, error) {
	if !x.isInt {
		return x.real, nil
	}
	if i, ok := x.whole.Int64(); ok {
		return real{new(big.Rat).SetInt64(i), float64(i)}, nil
	}
	b := x.whole.BigInt()
	f, _ := new(big.Float).SetInt(b).Float64()
	if math.IsInf(f, 0) {
		return real{}, failure("int too large to convert to float")
	}
	return known(new(big.Rat).SetInt(b), f), nil
}

// compareNumbers is −1, 0 or 1; ok is false when one of them is no number (NaN).
func compareNumbers(x, y number) (c int, ok bool) {
	if x.isInt && y.isInt {
		return cmpInt(x.whole, y.whole), true
	}
	a, aerr := x.asReal()
	b, berr := y.asReal()
	if aerr != nil || berr != nil { // too large for a float: larger than any but infinity
		if x.isInt && !math.IsInf(b.float, 0) {
			return x.whole.Sign(), true
		} else if x.isInt {
			return -sign(b.float), true
		}
		if math.IsInf(a.float, 0) {
			return sign(a.float), true
		}
		return -y.whole.Sign(), true
	}
	if a.exact != nil && b.exact != nil {
		return a.exact.Cmp(b.exact), true
	}
	f, g := a.float, b.float
	switch {
	case f < g:
		return -1, true
	case f > g:
		return 1, true
	case f == g:
		return 0, true
	}
	return 0, false
}

func sign(f float64) int {
	if f < 0 {
		return -1
	}
	return 1
}

func cmpInt(x, y starlark.Int) int {
	a, aok := x.Int64()
	b, bok := y.Int64()
	if aok && bok {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	return x.BigInt().Cmp(y.BigInt())
}

// arithmetic applies one of + - * / // % ** to two numbers.
func (m *machine) arithmetic(op string, x, y number) (starlark.Value, error) {
	if x.isInt && y.isInt {
		return m.integers(op, x.whole, y.whole)
	}
	a, err := x.asReal()
	if err != nil {
		return nil, err
	}
	b, err := y.asReal()
	if err != nil {
		return nil, err
	}
	if op == "**" {
		return m.power(a, b)
	}
	if (op == "/" || op == "//" || op == "%") && b.sign() == 0 {
		return nil, failure("division by zero")
	}
	var f float64
	switch op {
	case "+":
		f = a.float + b.float
	case "-":
		f = a.float - b.float
	case "*":
		f = a.float * b.float
	case "/":
		f = a.float / b.float
	default: // "//" and "%"
		r := math.Mod(a.float, b.float)
		if r != 0 && (r < 0) != (b.float < 0) {
			r += b.float
		}
		if f = r; op == "//" {
			f = math.Floor(a.float / b.float)
			if q := math.Round((a.float - r) / b.float); math.Abs(q) < 1<<52 {
				f = q
			}
		}
	}
	if a.exact == nil || b.exact == nil {
		return inexact(f), nil
	}
	if err := m.charge((a.exact.Num().BitLen()+a.exact.Denom().BitLen()+b.exact.Num().BitLen()+b.exact.Denom().BitLen())/16, 256); err != nil {
		return nil, err
	}
	out := new(big.Rat)
	switch op {
	case "+":
		out.Add(a.exact, b.exact)
	case "-":
		out.Sub(a.exact, b.exact)
	case "*":
		out.Mul(a.exact, b.exact)
	case "/":
		out.Quo(a.exact, b.exact)
	default:
		floor := floorRat(out.Quo(a.exact, b.exact))
		out.SetInt(floor)
		if op == "%" {
			out.Sub(a.exact, out.Mul(out, b.exact))
		}
		f, _ = out.Float64()
	}
	return known(out, f), nil
}

func floorRat(x *big.Rat) *big.Int {
	q, r := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	if r.Sign() < 0 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

func (m *machine) integers(op string, x, y starlark.Int) (starlark.Value, error) {
	n, k := bitLen(x), bitLen(y)
	switch op {
	case "/":
		if y.Sign() == 0 {
			return nil, failure("division by zero")
		}
		if err := m.charge(n*k/4096, n/8+256); err != nil {
			return nil, err
		}
		exact := new(big.Rat).SetFrac(x.BigInt(), y.BigInt())
		f, _ := exact.Float64()
		if math.IsInf(f, 0) {
			return nil, failure("integer division result too large for a float")
		}
		return known(exact, f), nil
	case "**":
		return m.intPower(x, y)
	}
	if n+k > 128 {
		size := n + k
		if op == "+" || op == "-" {
			size = max(n, k) + 1
		}
		if size > maxBits {
			return nil, limitError("an integer gets too large")
		}
		if err := m.charge(n*k/32768, size/8+32); err != nil {
			return nil, err
		}
	}
	switch op {
	case "+":
		return x.Add(y), nil
	case "-":
		return x.Sub(y), nil
	case "*":
		return x.Mul(y), nil
	}
	if y.Sign() == 0 {
		return nil, failure("division by zero")
	}
	if op == "//" {
		return x.Div(y), nil
	}
	return x.Mod(y), nil
}

func (m *machine) intPower(x, y starlark.Int) (starlark.Value, error) {
	n, small := y.Int64()
	if x.Sign() == 0 || bitLen(x) == 1 { // 0, 1, −1
		switch {
		case y.Sign() < 0 && x.Sign() == 0:
			return nil, failure("division by zero")
		case y.Sign() < 0:
			odd := y.BigInt().Bit(0) == 1
			if x.Sign() < 0 && odd {
				return known(big.NewRat(-1, 1), -1), nil
			}
			return known(big.NewRat(1, 1), 1), nil
		case y.Sign() == 0:
			return starlark.MakeInt(1), nil
		case x.Sign() < 0 && y.BigInt().Bit(0) == 0:
			return starlark.MakeInt(1), nil
		}
		return x, nil
	}
	if !small || max(n, -n) > maxBits || int64(bitLen(x)-1)*max(n, -n) > maxBits {
		return nil, limitError("an integer gets too large")
	}
	words := bitLen(x) * int(max(n, -n)) / 64
	if err := m.charge(words*words/512, words*8+64); err != nil {
		return nil, err
	}
	p := new(big.Int).Exp(x.BigInt(), big.NewInt(max(n, -n)), nil)
	if n >= 0 {
		return starlark.MakeBigInt(p), nil
	}
	exact := new(big.Rat).SetFrac(big.NewInt(1), p)
	f, _ := exact.Float64()
	return known(exact, f), nil
}

// power raises one float to another; whole powers stay exact, and so do roots that come out even.
func (m *machine) power(a, b real) (starlark.Value, error) {
	if a.sign() == 0 && b.sign() < 0 {
		return nil, failure("0.0 cannot be raised to a negative power")
	}
	if a.sign() < 0 && !b.isInt() {
		return nil, refusal("complex numbers")
	}
	f := math.Pow(a.float, b.float)
	if math.IsInf(f, 0) && !math.IsInf(a.float, 0) && !math.IsInf(b.float, 0) {
		return nil, failure("Result too large")
	}
	if a.exact == nil || b.exact == nil {
		return inexact(f), nil
	}
	if b.exact.IsInt() && b.exact.Num().IsInt64() {
		n := b.exact.Num().Int64()
		size := int64(max(a.exact.Num().BitLen(), a.exact.Denom().BitLen()))
		if max(n, -n) > maxExact || size*max(n, -n) > maxExact {
			return inexact(f), nil
		}
		if err := m.charge(int(size*max(n, -n))/8, int(size*max(n, -n))/4+64); err != nil {
			return nil, err
		}
		e := big.NewInt(max(n, -n))
		num, den := new(big.Int).Exp(a.exact.Num(), e, nil), new(big.Int).Exp(a.exact.Denom(), e, nil)
		if n < 0 {
			num, den = den, num
		}
		return known(new(big.Rat).SetFrac(num, den), f), nil
	}
	if b.exact.Cmp(big.NewRat(1, 2)) == 0 {
		return sqrt(a), nil
	}
	return inexact(f), nil
}

// sqrt is the root of what is not negative, exact where it comes out even.
func sqrt(x real) real {
	f := math.Sqrt(x.float)
	if x.exact == nil {
		return inexact(f)
	}
	num, den := new(big.Int).Sqrt(x.exact.Num()), new(big.Int).Sqrt(x.exact.Denom())
	root := new(big.Rat).SetFrac(num, den)
	if new(big.Rat).Mul(root, root).Cmp(x.exact) != 0 {
		return inexact(f)
	}
	return known(root, f)
}

// rounded is x to n decimals, as the integer that is 10^n times it. Halves go to the even side, as Python has it, but
// where the half is one only in decimals, as in 2.675, to the side on which CPython's double lies.
func (x real) rounded(n int) *big.Int {
	exact := x.exact
	if exact == nil {
		exact = new(big.Rat)
		exact.SetFloat64(x.float)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	scaled := new(big.Rat)
	if n >= 0 {
		scaled.Mul(exact, new(big.Rat).SetInt(scale))
	} else {
		scaled.Quo(exact, new(big.Rat).SetInt(scale))
	}
	floor := floorRat(scaled)
	rest := scaled.Sub(scaled, new(big.Rat).SetInt(floor))
	up := false
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		up = true
	case 0:
		up = floor.Bit(0) == 1
		if double := new(big.Rat).SetFloat64(x.float); x.exact != nil && double != nil {
			if c := double.Cmp(x.exact); c != 0 && nearly(x.float, x.nearest()) {
				up = c > 0
			}
		}
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}

// nearly reports whether CPython's double is the exact value but for rounding.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// decimal writes i / 10^n with n decimals.
func decimal(i *big.Int, n int) string {
	s := new(big.Int).Abs(i).String()
	if n > 0 {
		if len(s) <= n {
			s = strings.Repeat("0", n+1-len(s)) + s
		}
		s = s[:len(s)-n] + "." + s[len(s)-n:]
	}
	if i.Sign() < 0 {
		return "-" + s
	}
	return s
}
