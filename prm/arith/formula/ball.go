package formula

import (
	"errors"
	"math"
	"math/big"
	"sync"
)

// A ball is a complex number known to within 2^err: the true value lies that close to re + i·im. Numbers have 256 bits.
type ball struct {
	re, im *big.Float // im is nil for zero
	err    int
}

const (
	precision = 256
	guard     = 64       // further bits inside the elementary functions
	nothing   = -1 << 30 // as an exponent: exactly zero
	huge      = 1 << 22  // exponents beyond which nothing is computed
)

// errDomain is returned where a value isn't defined or can't be told: a division by what may be zero, a logarithm of
// zero.
var errDomain = errors.New("no value")

func flt() *big.Float { return new(big.Float).SetPrec(precision) }

func exact(x *big.Rat) ball {
	f := flt().SetRat(x)
	return ball{re: f, err: size(f) - precision}
}

func whole(n int64) ball { return ball{re: flt().SetInt64(n), err: nothing} }

// size returns the least e with |x| < 2^e.
func size(x *big.Float) int {
	if x == nil || x.Sign() == 0 {
		return nothing
	}
	return x.MantExp(nil)
}

// mag returns e with |z| < 2^e, of the number itself without its error.
func (z ball) mag() int {
	m := max(size(z.re), size(z.im))
	if z.im != nil && m > nothing {
		m++
	}
	return m
}

// least returns e with |z| ≥ 2^e for every number of the ball; ok is false when zero may be one.
func (z ball) least() (e int, ok bool) {
	e = max(size(z.re), size(z.im)) - 1
	return e - 1, e-1 > max(z.err, nothing)
}

func (z ball) real() bool { return z.im == nil || z.im.Sign() == 0 && z.err < z.mag()-100 }

// rounded returns the ball with the rounding of one operation added to the error.
func rounded(re, im *big.Float, errs ...int) ball {
	if im != nil && im.Sign() == 0 {
		im = nil
	}
	z := ball{re: re, im: im}
	worst := z.mag() - precision + 2
	for _, e := range errs {
		worst = max(worst, e)
	}
	z.err = worst + 2 // at most four errors, each below the worst
	if worst <= nothing/2 {
		z.err = nothing
	}
	return z
}

func imag(z ball) *big.Float {
	if z.im == nil {
		return new(big.Float)
	}
	return z.im
}

func (z ball) add(w ball) ball {
	var im *big.Float
	if z.im != nil || w.im != nil {
		im = flt().Add(imag(z), imag(w))
	}
	re := flt().Add(z.re, w.re)
	// What cancels leaves the rounding of its operands, which their errors hold.
	return rounded(re, im, z.err, w.err)
}

func (z ball) neg() ball {
	out := ball{re: flt().Neg(z.re), err: z.err}
	if z.im != nil {
		out.im = flt().Neg(z.im)
	}
	return out
}

func (z ball) mul(w ball) ball {
	errs := []int{z.err + w.mag(), w.err + z.mag(), z.err + w.err}
	if z.im == nil && w.im == nil {
		return rounded(flt().Mul(z.re, w.re), nil, errs...)
	}
	re := flt().Sub(flt().Mul(z.re, w.re), flt().Mul(imag(z), imag(w)))
	im := flt().Add(flt().Mul(z.re, imag(w)), flt().Mul(imag(z), w.re))
	return rounded(re, im, append(errs, z.mag()+w.mag()-precision+1)...)
}

func (z ball) inverse() (ball, error) {
	low, ok := z.least()
	if !ok {
		return ball{}, errDomain
	}
	spread := z.err - 2*low + 1
	if z.im == nil {
		return rounded(flt().Quo(big.NewFloat(1), z.re), nil, spread), nil
	}
	norm := flt().Add(flt().Mul(z.re, z.re), flt().Mul(z.im, z.im))
	return rounded(flt().Quo(z.re, norm), flt().Neg(flt().Quo(z.im, norm)), spread, 2-low-precision), nil
}

// power returns z to a whole exponent, by squaring.
func (z ball) power(n int64) (ball, error) {
	if n < 0 {
		inv, err := z.inverse()
		if err != nil {
			return ball{}, err
		}
		return inv.power(-n)
	}
	if m := z.mag(); m > 0 && int64(m)*n > huge || m < 0 && m > nothing && int64(-m)*n > huge {
		return ball{}, errDomain
	}
	out := whole(1)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = out.mul(z)
		}
		if n > 1 {
			z = z.mul(z)
		}
	}
	return out, nil
}

// apart says whether two balls hold no number in common (1), are the same within 2^-100 of their size (0), or neither
// (−1).
func apart(z, w ball) int {
	d := z.add(w.neg())
	if low, ok := d.least(); ok && low > d.err {
		return 1
	}
	scale := max(z.mag(), w.mag())
	if d.err < scale-100 || d.err < -150 && scale < -100 {
		return 0
	}
	return -1
}

// The elementary functions of real arguments. They take and return numbers of precision + guard bits; their own error
// is far below 2^-precision of the result's size.

func wide() *big.Float { return new(big.Float).SetPrec(precision + guard) }

// expSmall returns e^x for |x| < 4: Taylor's series of x/2^16, squared sixteen times.
func expSmall(x *big.Float) *big.Float {
	const halvings = 16
	r := wide().SetMantExp(x, -halvings)
	sum, term := wide().SetInt64(1), wide().SetInt64(1)
	for n := int64(1); n < 64; n++ {
		term.Mul(term, r)
		term.Quo(term, wide().SetInt64(n))
		sum.Add(sum, term)
		if size(term) < -precision-guard {
			break
		}
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// turn returns (cos x, sin x) for |x| < 8 by the same means over the complex numbers.
func turn(x *big.Float) (cos, sin *big.Float) {
	const halvings = 16
	r := wide().SetMantExp(x, -halvings)
	square := wide().Mul(r, r)
	square.Neg(square)
	cos, sin = wide().SetInt64(1), wide().Set(r)
	tc, ts := wide().SetInt64(1), wide().Set(r)
	for n := int64(1); n < 32; n++ {
		tc.Mul(tc, square)
		tc.Quo(tc, wide().SetInt64((2*n-1)*2*n))
		ts.Mul(ts, square)
		ts.Quo(ts, wide().SetInt64(2*n*(2*n+1)))
		cos.Add(cos, tc)
		sin.Add(sin, ts)
		if size(tc) < -precision-guard-halvings {
			break
		}
	}
	for range halvings {
		c := wide().Sub(wide().Mul(cos, cos), wide().Mul(sin, sin))
		sin = wide().Mul(cos, sin)
		sin.SetMantExp(sin, 1)
		cos = c
	}
	return cos, sin
}

// angle returns the argument of x + iy, in (−π, π]: a float64 corrected by what is left, whose fifth power vanishes.
func angle(x, y *big.Float) *big.Float {
	fx, fy := scaled(x, y)
	guess := wide().SetFloat64(math.Atan2(fy, fx))
	cos, sin := turn(guess)
	a := wide().Add(wide().Mul(x, cos), wide().Mul(y, sin))
	b := wide().Sub(wide().Mul(y, cos), wide().Mul(x, sin))
	t := wide().Quo(b, a)
	square := wide().Mul(t, t)
	cube := wide().Mul(square, t)
	fifth := wide().Mul(cube, square)
	t.Sub(t, wide().Quo(cube, wide().SetInt64(3)))
	t.Add(t, wide().Quo(fifth, wide().SetInt64(5)))
	return guess.Add(guess, t)
}

// scaled returns x and y as float64 after dividing both by a power of two, so that neither overflows.
func scaled(x, y *big.Float) (float64, float64) {
	e := max(size(x), size(y))
	fx, _ := wide().SetMantExp(x, -e).Float64()
	fy, _ := wide().SetMantExp(y, -e).Float64()
	return fx, fy
}

// logarithm returns ln x for x > 0: Halley's iteration from a float64, three bits for one each time.
func logarithm(x *big.Float) *big.Float {
	m := wide()
	e := x.MantExp(m) // 0.5 ≤ m < 1
	f, _ := m.Float64()
	y := wide().SetFloat64(math.Log(f))
	for range 2 {
		g := expSmall(y)
		delta := wide().Quo(wide().Sub(m, g), wide().Add(m, g))
		y.Add(y, delta.SetMantExp(delta, 1))
	}
	if e == 0 {
		return y
	}
	return y.Add(y, wide().Mul(wide().SetInt64(int64(e)), ln2()))
}

var ln2 = sync.OnceValue(func() *big.Float { // ln 2 = −ln ½
	half := wide().SetFloat64(0.5)
	y := wide().SetFloat64(math.Log(0.5))
	for range 2 {
		g := expSmall(y)
		delta := wide().Quo(wide().Sub(half, g), wide().Add(half, g))
		y.Add(y, delta.SetMantExp(delta, 1))
	}
	return y.Neg(y)
})

var pi = sync.OnceValue(func() *big.Float { return angle(wide().SetInt64(-1), wide()) })

// reduced returns x − k·unit with k the nearest whole number, and k.
func reduced(x, unit *big.Float) (*big.Float, int64) {
	q := wide().Quo(x, unit)
	half := wide().SetFloat64(0.5)
	if q.Sign() < 0 {
		half.Neg(half)
	}
	k, _ := q.Add(q, half).Int64()
	return wide().Sub(wide().Set(x), wide().Mul(wide().SetInt64(k), unit)), k
}

// exp returns e^z.
func (z ball) exp() (ball, error) {
	if m := max(z.mag(), z.err); m > 20 || z.err > 0 {
		return ball{}, errDomain
	}
	r, k := reduced(z.re, ln2())
	e := expSmall(r)
	e.SetMantExp(e, int(k))
	re := flt().Set(e)
	own := size(re) + max(z.mag(), 0) - precision
	if z.im == nil {
		return rounded(re, nil, size(re)+z.err+1, own), nil
	}
	t, _ := reduced(z.im, wide().SetMantExp(pi(), 1))
	cos, sin := turn(t)
	return rounded(flt().Mul(e, cos), flt().Mul(e, sin), size(re)+z.err+1, own), nil
}

// log returns the principal logarithm.
func (z ball) log() (ball, error) {
	low, ok := z.least()
	if !ok || z.im != nil && z.im.Sign() != 0 && z.re.Sign() < 0 && size(z.im) <= z.err { // on the cut
		return ball{}, errDomain
	}
	spread := z.err - low + 1
	if z.im == nil && z.re.Sign() > 0 {
		return rounded(flt().Set(logarithm(z.re)), nil, spread, 3-precision+max(0, size(big.NewFloat(float64(size(z.re)))))), nil
	}
	norm := wide().Add(wide().Mul(z.re, z.re), wide().Mul(imag(z), imag(z)))
	half := logarithm(norm)
	half.SetMantExp(half, -1)
	return rounded(flt().Set(half), flt().Set(angle(z.re, imag(z))), spread, 3-precision+max(0, size(big.NewFloat(float64(size(norm)))))), nil
}

// sqrt returns the principal square root.
func (z ball) sqrt() (ball, error) {
	if z.im == nil && z.re.Sign() == 0 && z.err <= nothing/2 {
		return z, nil
	}
	low, ok := z.least()
	if !ok {
		return ball{}, errDomain
	}
	if z.im == nil {
		root := flt().Sqrt(flt().Abs(z.re))
		spread := z.err - low/2 + 1
		if z.re.Sign() < 0 {
			return rounded(flt(), root, spread), nil
		}
		return rounded(root, nil, spread), nil
	}
	l, err := z.log()
	if err != nil {
		return ball{}, err
	}
	return l.mul(exact(big.NewRat(1, 2))).exp()
}

// circular returns (cos x, sin x) of a real ball.
func (z ball) circular() (cos, sin ball, err error) {
	if !z.real() || z.mag() > 30 || z.err > 0 {
		return ball{}, ball{}, errDomain
	}
	t, _ := reduced(z.re, wide().SetMantExp(pi(), 1))
	c, s := turn(t)
	spread := max(z.err, max(z.mag(), 0)-precision)
	return rounded(flt().Set(c), nil, spread), rounded(flt().Set(s), nil, spread), nil
}

// arc returns the argument of the complex number whose parts are two real balls.
func arc(x, y ball) (ball, error) {
	if !x.real() || !y.real() {
		return ball{}, errDomain
	}
	low, ok := ball{re: x.re, im: y.re, err: max(x.err, y.err) + 1}.least()
	if !ok || x.re.Sign() < 0 && size(y.re) <= y.err {
		return ball{}, errDomain
	}
	return rounded(flt().Set(angle(x.re, y.re)), nil, max(x.err, y.err)-low+1, 3-precision), nil
}
