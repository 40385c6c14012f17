package program

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// function is one of Python's functions, or of a module's.
type function func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// functions are those that a program may call by name, a module's with its name before theirs.
var functions map[string]function

// constants are the values that a program may name.
var constants = map[string]starlark.Value{
	"__name__": starlark.String("__main__"),
	"math.pi":  inexact(math.Pi),
	"math.e":   inexact(math.E),
	"math.tau": inexact(2 * math.Pi),
	"math.inf": inexact(math.Inf(1)),
	"math.nan": inexact(math.NaN()),
}

// modules are those that may be imported; of those with false nothing is needed when a program runs.
var modules = map[string]bool{"math": true, "fractions": true, "decimal": true, "functools": true, "statistics": true, "typing": false, "__future__": false, "numbers": false}

func exists(name string) bool {
	_, fn := functions[name]
	_, value := constants[name]
	return fn || value
}

// pure are the functions that may stand within a calculation that is told.
var pure = map[string]bool{"abs": true, "round": true, "int": true, "float": true, "min": true, "max": true, "sum": true, "pow": true}

func init() {
	functions = map[string]function{
		"abs": one1(func(m *machine, v starlark.Value) (starlark.Value, error) {
			n, ok := asNumber(v)
			if !ok {
				return nil, failure("bad operand type for abs(): '%s'", v.Type())
			}
			if n.isInt && n.whole.Sign() < 0 || !n.isInt && n.real.sign() < 0 {
				return m.unary("-", v)
			}
			return m.unary("+", v)
		}),
		"all":  quantifier(false),
		"any":  quantifier(true),
		"bin":  based("#b"),
		"hex":  based("#x"),
		"oct":  based("#o"),
		"bool": optional(starlark.False, func(_ *machine, v starlark.Value) (starlark.Value, error) { return v.Truth(), nil }),
		"callable": one1(func(_ *machine, v starlark.Value) (starlark.Value, error) {
			_, ok := v.(starlark.Callable)
			return starlark.Bool(ok), nil
		}),
		"chr":       one1(chr),
		"ord":       one1(ord),
		"dict":      dictFunction,
		"divmod":    divmod,
		"enumerate": enumerate,
		"exit":      exit,
		"quit":      exit,
		"filter":    filter,
		"float":     optional(known(new(big.Rat), 0), toFloat),
		"format":    formatFunction,
		"frozenset": optional(nil, func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeSet(v) }),
		"set":       optional(nil, func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeSet(v) }),
		"input": func(*machine, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return nil, refusal("input()")
		},
		"int":        intFunction,
		"isinstance": isinstance,
		"iter":       one1(func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeList(v) }),
		"len":        one1(length),
		"list":       optional(starlark.Tuple(nil), func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeList(v) }),
		"map":        mapFunction,
		"max":        extreme(1),
		"min":        extreme(-1),
		"next":       next,
		"pow":        pow,
		"print":      print_,
		"range":      rangeFunction,
		"repr": one1(func(m *machine, v starlark.Value) (starlark.Value, error) {
			s, err := m.repr(v)
			return starlark.String(s), err
		}),
		"reversed": one1(reversed),
		"round":    round,
		"sorted":   sorted,
		"str": optional(starlark.String(""), func(m *machine, v starlark.Value) (starlark.Value, error) {
			s, err := m.text(v)
			return starlark.String(s), err
		}),
		"sum": sum,
		"tuple": optional(starlark.Tuple(nil), func(m *machine, v starlark.Value) (starlark.Value, error) {
			all, err := m.elements(v)
			return starlark.Tuple(slices.Clone(all)), err
		}),
		"type": one1(func(_ *machine, v starlark.Value) (starlark.Value, error) {
			return starlark.String("<class '" + v.Type() + "'>"), nil
		}),
		"zip": zip,

		"decimal.Decimal":    optional(known(new(big.Rat), 0), toFloat),
		"fractions.Fraction": fraction,
		"functools.reduce":   reduce,
		"math.ceil":          toWhole(1),
		"math.floor":         toWhole(-1),
		"math.trunc":         toWhole(0),
		"math.comb":          choose(true),
		"math.perm":          choose(false),
		"math.factorial":     one1(factorial),
		"math.fsum":          sum,
		"math.gcd":           gcd(false),
		"math.lcm":           gcd(true),
		"math.isqrt":         one1(isqrt),
		"math.pow":           mathPow,
		"math.prod":          prod,
		"math.sqrt":          one1(mathSqrt),
		"math.fabs": one1(func(m *machine, v starlark.Value) (starlark.Value, error) {
			return functions["abs"](m, starlark.Tuple{v}, nil)
		}),
		"math.isclose":          isclose,
		"math.log":              logarithm,
		"statistics.mean":       one1(mean),
		"statistics.fmean":      one1(mean),
		"statistics.median":     one1(median),
		"math.isinf":            test(func(f float64) bool { return math.IsInf(f, 0) }),
		"math.isnan":            test(math.IsNaN),
		"math.isfinite":         test(func(f float64) bool { return !math.IsInf(f, 0) && f == f }),
		"functools.lru_cache":   identity,
		"functools.cache":       identity,
		"decimal.getcontext":    nothing,
		"decimal.ROUND_HALF_UP": nothing,
	}
	for name, f := range map[string]func(float64) float64{
		"exp": math.Exp, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p, "sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin,
		"acos": math.Acos, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh, "cbrt": math.Cbrt,
		"radians": func(x float64) float64 { return x * math.Pi / 180 }, "degrees": func(x float64) float64 { return x * 180 / math.Pi },
	} {
		functions["math."+name] = floating(f)
	}
	for name, f := range map[string]func(a, b float64) float64{"atan2": math.Atan2, "hypot": math.Hypot, "fmod": math.Mod, "copysign": math.Copysign} {
		functions["math."+name] = floating2(f)
	}
	for name := range functions {
		if strings.HasPrefix(name, "math.") {
			pure[name] = true
		}
	}
}

func identity(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 1 {
		return nil, refusal("a cache that is called")
	}
	return args[0], nil
}

func nothing(*machine, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return nil, refusal("decimal's context")
}

// one1 is a function of one value.
func one1(f func(*machine, starlark.Value) (starlark.Value, error)) function {
	return func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if len(args) != 1 || len(kwargs) > 0 {
			return nil, failure("expected 1 argument, got %d", len(args)+len(kwargs))
		}
		return f(m, args[0])
	}
}

// optional is a function of one value or none.
func optional(none starlark.Value, f func(*machine, starlark.Value) (starlark.Value, error)) function {
	return func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if len(args) == 0 && len(kwargs) == 0 {
			if none == nil {
				return new(starlark.Set), nil
			}
			return f(m, none)
		}
		return one1(f)(m, args, kwargs)
	}
}

// keyword takes a named argument out of kwargs.
func keyword(kwargs *[]starlark.Tuple, name string) starlark.Value {
	for i, pair := range *kwargs {
		if pair[0] == starlark.String(name) {
			*kwargs = slices.Delete(slices.Clone(*kwargs), i, i+1)
			return pair[1]
		}
	}
	return nil
}

func rest(kwargs []starlark.Tuple) error {
	if len(kwargs) > 0 {
		return failure("unexpected keyword argument %v", kwargs[0][0])
	}
	return nil
}

// elements are all of what can be iterated over. The slice may be the value's own.
func (m *machine) elements(v starlark.Value) ([]starlark.Value, error) {
	if s, ok := v.(starlark.String); ok {
		if len(s) > maxItems {
			return nil, limitError("a list gets too long")
		}
		out := make([]starlark.Value, 0, len(s))
		for _, r := range string(s) {
			out = append(out, starlark.String(r))
		}
		return out, m.charge(len(s), len(s)*32)
	}
	if t, ok := v.(starlark.Tuple); ok {
		return t, m.charge(len(t)/8, 0)
	}
	n := starlark.Len(v)
	it, ok := v.(starlark.Iterable)
	if !ok || n < 0 {
		return nil, failure("'%s' object is not iterable", v.Type())
	}
	if n > maxItems {
		return nil, limitError("a list gets too long")
	}
	if err := m.charge(n, n*24); err != nil {
		return nil, err
	}
	out := make([]starlark.Value, 0, n)
	for v := range starlark.Elements(it) {
		out = append(out, v)
	}
	return out, nil
}

func (m *machine) makeList(v starlark.Value) (*starlark.List, error) {
	all, err := m.elements(v)
	return starlark.NewList(slices.Clone(all)), err
}

// key is v as it is looked up: numbers that are equal are the same key.
func (m *machine) key(v starlark.Value, depth int) (starlark.Value, error) {
	if err := m.charge(1, 0); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case starlark.Bool:
		n, _ := asNumber(x)
		return n.whole, nil
	case real:
		if x.isInt() {
			return toInt(x)
		}
		return real{x.exact, x.nearest()}, nil
	case starlark.Tuple:
		if depth > maxNesting {
			return nil, limitError("values are nested too deeply")
		}
		out := make(starlark.Tuple, len(x))
		for i := range x {
			var err error
			if out[i], err = m.key(x[i], depth+1); err != nil {
				return nil, err
			}
		}
		return out, m.charge(len(x), 16*len(x))
	case *starlark.List, *starlark.Dict, *starlark.Set:
		return nil, failure("unhashable type: '%s'", v.Type())
	}
	return v, nil
}

func (m *machine) makeSet(v starlark.Value) (*starlark.Set, error) {
	all, err := m.elements(v)
	if err != nil {
		return nil, err
	}
	s := new(starlark.Set)
	for _, v := range all {
		if v, err = m.key(v, 0); err != nil {
			return nil, err
		}
		if err := s.Insert(v); err != nil {
			return nil, failure("%v", err)
		}
	}
	return s, m.charge(0, 64*len(all))
}

func (m *machine) put(d *starlark.Dict, k, v starlark.Value) error {
	k, err := m.key(k, 0)
	if err != nil {
		return err
	}
	if err := d.SetKey(k, v); err != nil {
		return failure("%v", err)
	}
	if d.Len() > maxItems {
		return limitError("a dict gets too large")
	}
	return m.charge(0, 96)
}

// makeDict is a new dict of others, or of pairs.
func (m *machine) makeDict(parts ...starlark.Value) (*starlark.Dict, error) {
	d := new(starlark.Dict)
	for _, part := range parts {
		if err := m.update(d, part); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (m *machine) update(d *starlark.Dict, part starlark.Value) error {
	if from, ok := part.(*starlark.Dict); ok {
		for _, item := range from.Items() {
			if err := m.put(d, item[0], item[1]); err != nil {
				return err
			}
		}
		return nil
	}
	pairs, err := m.elements(part)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		kv, err := m.elements(pair)
		if err != nil {
			return err
		}
		if len(kv) != 2 {
			return failure("a pair was expected for a dict")
		}
		if err := m.put(d, kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

func dictFunction(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	d, err := m.makeDict(args...)
	if err != nil {
		return nil, err
	}
	for _, pair := range kwargs {
		if err := m.put(d, pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (m *machine) contains(in, v starlark.Value) (bool, error) {
	switch in := in.(type) {
	case starlark.String:
		s, ok := v.(starlark.String)
		if !ok {
			return false, failure("'in <string>' requires string as left operand, not %s", v.Type())
		}
		return strings.Contains(string(in), string(s)), m.charge(len(in)/64, 0)
	case *starlark.Dict:
		k, err := m.key(v, 0)
		if err != nil {
			return false, err
		}
		_, found, err := in.Get(k)
		return found, err
	case *starlark.Set:
		k, err := m.key(v, 0)
		if err != nil {
			return false, err
		}
		return in.Has(k)
	case starlark.Sequence:
		if in.Type() == "range" {
			n, ok := asNumber(v)
			if !ok || !n.isInt {
				return false, nil
			}
			c, isContainer := in.(interface {
				Contains(starlark.Value) (bool, error)
			})
			if isContainer {
				return c.Contains(n.whole)
			}
		}
		for e := range starlark.Elements(in) {
			if same, err := m.equal(e, v, 0); err != nil || same {
				return same, err
			}
		}
		return false, nil
	}
	return false, failure("argument of type '%s' is not iterable", in.Type())
}

func (m *machine) sets(op string, x *starlark.Set, y starlark.Value) (starlark.Value, error) {
	other, err := m.makeSet(y)
	if err != nil {
		return nil, err
	}
	if err := m.charge(x.Len(), 64*x.Len()); err != nil {
		return nil, err
	}
	out := new(starlark.Set)
	insert := func(from, in *starlark.Set, want bool) {
		for v := range from.Elements() {
			if has, _ := in.Has(v); has == want {
				_ = out.Insert(v) // it is in a set already, so it can be in one
			}
		}
	}
	switch op {
	case "|":
		insert(x, other, true)
		insert(x, other, false)
		insert(other, x, false)
	case "&":
		insert(x, other, true)
	case "-":
		insert(x, other, false)
	case "^":
		insert(x, other, false)
		insert(other, x, false)
	}
	return out, nil
}

func quantifier(want bool) function {
	return one1(func(m *machine, v starlark.Value) (starlark.Value, error) {
		all, err := m.elements(v)
		for _, v := range all {
			if bool(v.Truth()) == want {
				return starlark.Bool(want), err
			}
		}
		return starlark.Bool(!want), err
	})
}

func based(format string) function {
	return one1(func(m *machine, v starlark.Value) (starlark.Value, error) {
		if _, ok := v.(starlark.Int); !ok {
			return nil, failure("'%s' object cannot be interpreted as an integer", v.Type())
		}
		s, err := m.format(v, format)
		return starlark.String(s), err
	})
}

func chr(_ *machine, v starlark.Value) (starlark.Value, error) {
	n, err := starlark.AsInt32(v)
	if err != nil || n < 0 || n > utf8.MaxRune {
		return nil, failure("chr() arg not in range")
	}
	return starlark.String(rune(n)), nil
}

func ord(_ *machine, v starlark.Value) (starlark.Value, error) {
	s, ok := v.(starlark.String)
	r, n := utf8.DecodeRuneInString(string(s))
	if !ok || n == 0 || n != len(s) {
		return nil, failure("ord() expected a character")
	}
	return starlark.MakeInt(int(r)), nil
}

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

func enumerate(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	start := keyword(&kwargs, "start")
	if len(args) == 2 && start == nil {
		start, args = args[1], args[:1]
	}
	if len(args) != 1 {
		return nil, failure("enumerate expected 1 argument, got %d", len(args))
	}
	first := 0
	if start != nil {
		var err error
		if first, err = starlark.AsInt32(start); err != nil {
			return nil, failure("%v", err)
		}
	}
	all, err := m.elements(args[0])
	if err != nil {
		return nil, err
	}
	out := make([]starlark.Value, len(all))
	for i, v := range all {
		out[i] = starlark.Tuple{starlark.MakeInt(first + i), v}
	}
	return starlark.NewList(out), m.charge(len(all)/4, 64*len(all))
}

func exit(*machine, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) { return nil, errExit }

// call calls a function of the program's, or one of ours.
func (m *machine) call(f starlark.Value, args ...starlark.Value) (starlark.Value, error) {
	if err := m.charge(2, 64); err != nil {
		return nil, err
	}
	return starlark.Call(m.thread, f, args, nil)
}

func filter(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 2 {
		return nil, failure("filter expected 2 arguments, got %d", len(args))
	}
	all, err := m.elements(args[1])
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for _, v := range all {
		keep := v
		if args[0] != starlark.None {
			if keep, err = m.call(args[0], v); err != nil {
				return nil, err
			}
		}
		if keep.Truth() {
			out = append(out, v)
		}
	}
	return starlark.NewList(out), nil
}

func mapFunction(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 2 {
		return nil, failure("map() must have at least two arguments.")
	}
	rows, err := zip(m, args[1:], nil)
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for row := range rows.(*starlark.List).Elements() {
		v, err := m.call(args[0], row.(starlark.Tuple)...)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return starlark.NewList(out), nil
}

func zip(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	columns := make([][]starlark.Value, len(args))
	n := 0
	for i, v := range args {
		all, err := m.elements(v)
		if err != nil {
			return nil, err
		}
		columns[i] = all
		if i == 0 || len(all) < n {
			n = len(all)
		}
	}
	out := make([]starlark.Value, n)
	for i := range out {
		row := make(starlark.Tuple, len(columns))
		for j := range columns {
			row[j] = columns[j][i]
		}
		out[i] = row
	}
	return starlark.NewList(out), m.charge(n*len(args), n*(40+16*len(args)))
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

// typeNames are the types that a value of ours is an instance of.
var typeNames = map[string]string{"int": "int", "float": "float", "str": "string", "list": "list", "tuple": "tuple", "dict": "dict", "set": "set", "bool": "bool"}

func isinstance(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 2 {
		return nil, failure("isinstance expected 2 arguments, got %d", len(args))
	}
	types, ok := args[1].(starlark.Tuple)
	if !ok {
		types = starlark.Tuple{args[1]}
	}
	for _, t := range types {
		f, ok := t.(*starlark.Builtin)
		if !ok || typeNames[f.Name()] == "" {
			return nil, refusal("isinstance() of such a type")
		}
		if kind := args[0].Type(); kind == typeNames[f.Name()] || kind == "bool" && f.Name() == "int" {
			return starlark.True, nil
		}
	}
	return starlark.False, nil
}

func length(_ *machine, v starlark.Value) (starlark.Value, error) {
	if s, ok := v.(starlark.String); ok {
		return starlark.MakeInt(utf8.RuneCountInString(string(s))), nil
	}
	n := starlark.Len(v)
	if n < 0 {
		return nil, failure("object of type '%s' has no len()", v.Type())
	}
	return starlark.MakeInt(n), nil
}

// extreme is max (sign 1) or min (−1).
func extreme(sign int) function {
	return func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		key, none := keyword(&kwargs, "key"), keyword(&kwargs, "default")
		if err := rest(kwargs); err != nil {
			return nil, err
		}
		all := []starlark.Value(args)
		if len(args) == 1 {
			var err error
			if all, err = m.elements(args[0]); err != nil {
				return nil, err
			}
		}
		if len(all) == 0 {
			if none != nil {
				return none, nil
			}
			return nil, failure("min() or max() of nothing")
		}
		keys, err := m.keys(all, key)
		if err != nil {
			return nil, err
		}
		best := 0
		for i := range all {
			c, ok, err := m.order(keys[i], keys[best], 0)
			if err != nil {
				return nil, err
			}
			if ok && c*sign > 0 {
				best = i
			}
		}
		return all[best], nil
	}
}

// keys are what values are ordered by.
func (m *machine) keys(all []starlark.Value, key starlark.Value) ([]starlark.Value, error) {
	if key == nil || key == starlark.None {
		return all, nil
	}
	out := make([]starlark.Value, len(all))
	for i, v := range all {
		var err error
		if out[i], err = m.call(key, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// next gives the first element of a generator, which is a list here; of nothing else, since it would have to remember its place.
func next(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, failure("next expected 1 or 2 arguments, got %d", len(args))
	}
	l, ok := args[0].(*starlark.List)
	switch {
	case !ok:
		return nil, failure("'%s' object is not an iterator", args[0].Type())
	case l.Len() > 0:
		v := l.Index(0)
		_, err := listMethod(m, l, "pop", starlark.Tuple{starlark.MakeInt(0)}, nil)
		return v, err
	case len(args) == 2:
		return args[1], nil
	}
	return nil, failure("StopIteration")
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

func rangeFunction(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	ints := make(starlark.Tuple, len(args))
	for i, v := range args {
		n, ok := asNumber(v)
		if !ok || !n.isInt {
			return nil, failure("'%s' object cannot be interpreted as an integer", v.Type())
		}
		ints[i] = n.whole
	}
	v, err := starlark.Call(m.thread, starlark.Universe["range"], ints, nil)
	if err != nil {
		return nil, failure("%v", err)
	}
	return v, nil
}

func reversed(m *machine, v starlark.Value) (starlark.Value, error) {
	l, err := m.makeList(v)
	if err != nil {
		return nil, err
	}
	return l, reverse(l)
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

func sorted(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 1 {
		return nil, failure("sorted expected 1 argument, got %d", len(args))
	}
	l, err := m.makeList(args[0])
	if err != nil {
		return nil, err
	}
	_, err = listMethod(m, l, "sort", nil, kwargs)
	return l, err
}

func sum(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	start := keyword(&kwargs, "start")
	if len(args) == 2 && start == nil {
		start, args = args[1], args[:1]
	}
	if len(args) != 1 {
		return nil, failure("sum() takes 1 or 2 arguments (%d given)", len(args))
	}
	if start == nil {
		start = starlark.MakeInt(0)
	}
	return m.fold(args[0], start, func(a, b starlark.Value) (starlark.Value, error) {
		if _, ok := b.(starlark.String); ok {
			return nil, failure("unsupported operand type(s) for +: 'int' and 'str'")
		}
		return m.binary("+", a, b)
	})
}

func (m *machine) fold(over, start starlark.Value, f func(a, b starlark.Value) (starlark.Value, error)) (starlark.Value, error) {
	all, err := m.elements(over)
	if err != nil {
		return nil, err
	}
	if err := m.charge(len(all)*4, 0); err != nil {
		return nil, err
	}
	for _, v := range all {
		if start == nil {
			start = v
			continue
		}
		if start, err = f(start, v); err != nil {
			return nil, err
		}
	}
	if start == nil {
		return nil, failure("reduce() of empty iterable with no initial value")
	}
	return start, nil
}

func prod(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	start := keyword(&kwargs, "start")
	if start == nil {
		start = starlark.MakeInt(1)
	}
	if len(args) != 1 {
		return nil, failure("prod() takes 1 argument (%d given)", len(args))
	}
	return m.fold(args[0], start, func(a, b starlark.Value) (starlark.Value, error) { return m.binary("*", a, b) })
}

func reduce(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, failure("reduce expected 2 or 3 arguments, got %d", len(args))
	}
	var start starlark.Value
	if len(args) == 3 {
		start = args[2]
	}
	return m.fold(args[1], start, func(a, b starlark.Value) (starlark.Value, error) { return m.call(args[0], a, b) })
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
	return one1(func(_ *machine, v starlark.Value) (starlark.Value, error) {
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
			return nil, cmp(err, failure("2 arguments were expected"))
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

// cmp is the first error that is one.
func cmp(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
		return starlark.MakeBigInt(out), m.charge(20*len(args), 64*len(args))
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
	return starlark.MakeBigInt(new(big.Int).Sqrt(n[0])), m.charge(100, 2048)
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

func test(f func(float64) bool) function {
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
		return nil, cmp(err, failure("log expected 1 or 2 arguments"))
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

func formatFunction(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, failure("format expected 1 or 2 arguments, got %d", len(args))
	}
	spec := ""
	if len(args) == 2 {
		s, ok := args[1].(starlark.String)
		if !ok {
			return nil, failure("format() argument 2 must be str, not %s", args[1].Type())
		}
		spec = string(s)
	}
	s, err := m.format(args[0], spec)
	return starlark.String(s), err
}

// print_ prints a line. A function that is printed instead of called is called, where it needs no arguments.
func print_(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	separator, end := " ", "\n"
	for name, to := range map[string]*string{"sep": &separator, "end": &end} {
		if s, ok := keyword(&kwargs, name).(starlark.String); ok {
			*to = string(s)
		}
	}
	parts := make([]string, len(args))
	for i, v := range args {
		v, err := m.settle(v)
		if err != nil {
			return nil, err
		}
		if parts[i], err = m.text(v); err != nil {
			return nil, err
		}
		m.line.value = v
	}
	if len(args) != 1 || m.line.text != "" || end != "\n" {
		m.line.value = nil
	}
	return starlark.None, m.write(strings.Join(parts, separator) + end)
}
