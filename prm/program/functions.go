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
		"abs": single(func(m *machine, v starlark.Value) (starlark.Value, error) {
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
		"callable": single(func(_ *machine, v starlark.Value) (starlark.Value, error) {
			_, ok := v.(starlark.Callable)
			return starlark.Bool(ok), nil
		}),
		"chr":       single(chr),
		"ord":       single(ord),
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
		"iter":       single(func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeList(v) }),
		"len":        single(length),
		"list":       optional(starlark.Tuple(nil), func(m *machine, v starlark.Value) (starlark.Value, error) { return m.makeList(v) }),
		"map":        mapFunction,
		"max":        extreme(1),
		"min":        extreme(-1),
		"next":       next,
		"pow":        pow,
		"print":      printLine,
		"range":      rangeFunction,
		"repr": single(func(m *machine, v starlark.Value) (starlark.Value, error) {
			s, err := m.repr(v)
			return starlark.String(s), err
		}),
		"reversed": single(reversed),
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
		"type": single(func(_ *machine, v starlark.Value) (starlark.Value, error) {
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
		"math.factorial":     single(factorial),
		"math.fsum":          sum,
		"math.gcd":           gcd(false),
		"math.lcm":           gcd(true),
		"math.isqrt":         single(isqrt),
		"math.pow":           mathPow,
		"math.prod":          prod,
		"math.sqrt":          single(mathSqrt),
		"math.fabs": single(func(m *machine, v starlark.Value) (starlark.Value, error) {
			return functions["abs"](m, starlark.Tuple{v}, nil)
		}),
		"math.isclose":          isclose,
		"math.log":              logarithm,
		"statistics.mean":       single(mean),
		"statistics.fmean":      single(mean),
		"statistics.median":     single(median),
		"math.isinf":            predicate(func(f float64) bool { return math.IsInf(f, 0) }),
		"math.isnan":            predicate(math.IsNaN),
		"math.isfinite":         predicate(func(f float64) bool { return !math.IsInf(f, 0) && f == f }),
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

// single is a function of one value.
func single(f func(*machine, starlark.Value) (starlark.Value, error)) function {
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
		return single(f)(m, args, kwargs)
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

func based(format string) function {
	return single(func(m *machine, v starlark.Value) (starlark.Value, error) {
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

func exit(*machine, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) { return nil, errExit }

// call calls a function of the program's, or one of ours.
func (m *machine) call(f starlark.Value, args ...starlark.Value) (starlark.Value, error) {
	if err := m.charge(2, 64); err != nil {
		return nil, err
	}
	return starlark.Call(m.thread, f, args, nil)
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

// firstError is the first error that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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

// printLine prints a line. A function that is printed instead of called is called, where it needs no arguments.
func printLine(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
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
