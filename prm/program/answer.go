package program

import (
	"fmt"
	"math/big"
	"strings"

	"go.starlark.net/starlark"

	"aprm/prm/arith"
)

// answer is what the program comes to: see the package comment for which value that is.
func (m *machine) answer() (string, *big.Rat, error) {
	for n := len(m.output) - 1; n >= 0; n-- {
		line := m.output[n]
		switch {
		case strings.TrimSpace(line.text) == "":
		case line.value != nil && line.value != starlark.None && line.value.Type() != "string":
			return m.final(line.value)
		case strings.ContainsAny(line.text, "0123456789") || !m.anyNumber():
			return fromText(line.text)
		}
	}
	v := m.value
	if v == nil || v == starlark.None {
		if v = m.last; m.program.open {
			return "", nil, fmt.Errorf("%w: it ends before it prints anything", ErrCut)
		}
	}
	if v == nil || v == starlark.None {
		return "", nil, fmt.Errorf("%w: nothing is printed, returned or assigned", ErrNoValue)
	}
	v, err := m.settle(v)
	if err != nil {
		return "", nil, err
	}
	return m.final(v)
}

// anyNumber reports whether any line that was printed holds a digit.
func (m *machine) anyNumber() bool {
	for _, line := range m.output {
		if strings.ContainsAny(line.text, "0123456789") {
			return true
		}
	}
	return false
}

// final is a value as an answer.
func (m *machine) final(v starlark.Value) (string, *big.Rat, error) {
	switch x := v.(type) {
	case starlark.Int:
		s, err := m.repr(x)
		return s, new(big.Rat).SetInt(x.BigInt()), err
	case real:
		return m.finalReal(x)
	case starlark.String:
		return fromText(string(x))
	case *starlark.Function, *starlark.Builtin:
		return "", nil, fmt.Errorf("%w: it ends with a function that is not called", ErrNoValue)
	case *starlark.List:
		if x.Len() == 1 {
			return m.final(x.Index(0))
		}
	case *starlark.Set:
		if x.Len() == 1 {
			for only := range x.Elements() {
				return m.final(only)
			}
		}
	case starlark.Tuple:
		if len(x) == 1 {
			return m.final(x[0])
		}
	}
	s, err := m.repr(v)
	if err != nil {
		return "", nil, err
	}
	return tidy(s), nil, nil
}

// finalReal writes a float as an answer: whole or with its decimals where these end, else as a fraction, and where no
// more than CPython's double is known, to twelve digits.
func (m *machine) finalReal(x real) (string, *big.Rat, error) {
	exact := exactly(number{real: x})
	if x.exact == nil {
		if x.float != x.float || x.float-x.float != 0 {
			return "", nil, fmt.Errorf("%w: it ends with %s", ErrNoValue, formatRepr(x.float))
		}
		exact, _ = new(big.Rat).SetString(fmt.Sprintf("%.12g", x.float))
	}
	return showExact(exact), exact, nil
}

// showExact writes a number with all its decimals; one without an end as a fraction, or to twelve decimals where that
// is long.
func showExact(x *big.Rat) string {
	if x.IsInt() {
		return x.Num().String()
	}
	if n, ends := x.FloatPrec(); ends && n <= 40 {
		return x.FloatString(n)
	}
	if x.Denom().BitLen() <= 20 {
		return x.RatString()
	}
	return strings.TrimRight(x.FloatString(12), "0")
}

// fromText is a text as an answer.
func fromText(s string) (string, *big.Rat, error) {
	if s = tidy(strings.TrimSpace(s)); s == "" {
		return "", nil, fmt.Errorf("%w: it ends with an empty text", ErrNoValue)
	}
	value, err := arith.Eval(s)
	if err != nil {
		if found, ok := arith.Extract(s); ok {
			value, _ = arith.Eval(found)
		}
	}
	return s, value, nil
}

// tidy writes the numbers of a text as a person would: no ".0" behind a whole one, no more than ten decimals.
func tidy(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == start || i+1 >= len(s) || s[i] != '.' || !isDigit(s[i+1]) {
			i = max(i, start+1)
			b.WriteString(s[start:i])
			continue
		}
		point := i
		for i++; i < len(s) && isDigit(s[i]); i++ {
		}
		number := s[start:i]
		if next := i < len(s) && (s[i] == '.' || s[i] == 'e'); !next {
			if x, ok := new(big.Rat).SetString(number); ok && i-point > 11 {
				number = strings.TrimRight(x.FloatString(10), "0")
			}
			if whole, decimals, _ := strings.Cut(number, "."); strings.Trim(decimals, "0") == "" {
				number = whole
			}
		}
		b.WriteString(number)
	}
	return b.String()
}
