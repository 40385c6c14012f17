package program

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// printer writes values as Python's repr does, up to maxText bytes.
type printer struct {
	b    strings.Builder
	over bool
}

func (p *printer) write(s string) {
	if p.over = p.over || p.b.Len()+len(s) > maxText; !p.over {
		p.b.WriteString(s)
	}
}

func (p *printer) sequence(open, end string, depth int, all func(yield func(starlark.Value) bool)) {
	p.write(open)
	first := true
	for v := range all {
		if !first {
			p.write(", ")
		}
		first = false
		p.value(v, depth+1)
		if p.over {
			return
		}
	}
	p.write(end)
}

func (p *printer) value(v starlark.Value, depth int) {
	if depth > maxNesting || p.over {
		p.over = true
		return
	}
	switch v := v.(type) {
	case starlark.String:
		p.write(quote(string(v)))
	case real:
		p.write(formatRepr(v.nearest()))
	case starlark.Int:
		if bitLen(v) > maxDigits*10/3 {
			p.over = true
			return
		}
		p.write(v.String())
	case *starlark.List:
		p.sequence("[", "]", depth, v.Elements())
	case starlark.Tuple:
		end := ")"
		if len(v) == 1 {
			end = ",)"
		}
		p.sequence("(", end, depth, v.Elements())
	case *starlark.Set:
		if v.Len() == 0 {
			p.write("set()")
			return
		}
		p.sequence("{", "}", depth, v.Elements())
	case *starlark.Dict:
		p.write("{")
		first := true
		for k, e := range v.Entries() {
			if !first {
				p.write(", ")
			}
			first = false
			p.value(k, depth+1)
			p.write(": ")
			p.value(e, depth+1)
			if p.over {
				return
			}
		}
		p.write("}")
	case starlark.NoneType, starlark.Bool:
		p.write(v.String())
	case starlark.Callable:
		p.write("<function " + v.Name() + ">")
	default:
		p.write("<" + v.Type() + ">")
	}
}

// repr is v as repr() gives it, cut where it gets too long.
func repr(v starlark.Value, depth int) string {
	var p printer
	p.value(v, depth)
	return p.b.String()
}

// text is v as str() gives it.
func (m *machine) text(v starlark.Value) (string, error) {
	if s, ok := v.(starlark.String); ok {
		return string(s), nil
	}
	return m.repr(v)
}

func (m *machine) repr(v starlark.Value) (string, error) {
	var p printer
	p.value(v, 0)
	if p.over {
		return "", limitError("a text gets too long")
	}
	return p.b.String(), m.charge(p.b.Len()/16, p.b.Len())
}

func quote(s string) string {
	q := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = `"`
	}
	return q + strings.NewReplacer(`\`, `\\`, q, `\`+q, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + q
}

// formatRepr writes a double as CPython does.
func formatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f != f:
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// spec is a format specification: [[fill]align][sign][#][0][width][grouping][.precision][type].
type spec struct {
	fill      string
	align     byte
	sign      byte
	alternate bool
	zero      bool
	width     int
	grouping  string
	precision int // −1 for none
	kind      byte
}

func parseSpec(s string) (spec, error) {
	f := spec{fill: " ", precision: -1}
	whole := s
	if r, n := utf8.DecodeRuneInString(s); n > 0 && len(s) > n && strings.IndexByte("<>=^", s[n]) >= 0 {
		f.fill, f.align, s = string(r), s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>=^", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	if strings.HasPrefix(s, "#") {
		f.alternate, s = true, s[1:]
	}
	if strings.HasPrefix(s, "0") {
		f.zero, s = true, s[1:]
	}
	number := func() (int, bool) {
		i := 0
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		n, err := strconv.Atoi(s[:i])
		s = s[i:]
		return n, err == nil
	}
	if n, ok := number(); ok {
		f.width = n
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.grouping, s = s[:1], s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		n, ok := number()
		if !ok {
			return f, failure("Format specifier missing precision")
		}
		f.precision = n
	}
	if len(s) == 1 {
		f.kind, s = s[0], ""
	}
	if s != "" {
		return f, failure("Invalid format specifier %q", whole)
	}
	if f.width > maxText/16 || f.precision > 400 {
		return f, limitError("a format is too wide")
	}
	return f, nil
}

// format writes v by a specification, as format(v, s) does.
func (m *machine) format(v starlark.Value, s string) (string, error) {
	if s == "" {
		return m.text(v)
	}
	f, err := parseSpec(s)
	if err != nil {
		return "", err
	}
	if b, ok := v.(starlark.Bool); ok && f.kind != 's' && f.kind != 0 {
		v = starlark.MakeInt(map[bool]int{true: 1}[bool(b)])
	}
	switch x := v.(type) {
	case starlark.Int:
		if f.kind != 0 && strings.IndexByte("eEfFgG%", f.kind) >= 0 || f.kind == 0 && f.precision >= 0 {
			n := number{whole: x, isInt: true}
			r, err := n.asReal()
			if err != nil {
				return "", err
			}
			return m.formatReal(r, f)
		}
		return m.formatInt(x, f)
	case real:
		return m.formatReal(x, f)
	case starlark.String, starlark.Bool:
		if f.kind != 0 && f.kind != 's' {
			return "", failure("Unknown format code '%c' for object of type '%s'", f.kind, v.Type())
		}
		s, err := m.text(v)
		if err != nil {
			return "", err
		}
		if f.precision >= 0 {
			s = cutRunes(s, f.precision)
		}
		return f.pad("", s, '<'), nil
	}
	return "", failure("unsupported format string passed to %s.__format__", v.Type())
}

func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func (m *machine) formatInt(x starlark.Int, f spec) (string, error) {
	if bitLen(x) > maxDigits*10/3 {
		return "", limitError("an integer is too long to print")
	}
	base, prefix, step := 10, "", 3
	switch f.kind {
	case 0, 'd', 'n':
	case 'x', 'X':
		base, prefix, step = 16, "0"+string(f.kind), 4
	case 'b':
		base, prefix, step = 2, "0b", 4
	case 'o':
		base, prefix, step = 8, "0o", 4
	case 'c':
		if c, ok := x.Int64(); ok && c >= 0 && c <= utf8.MaxRune {
			return f.pad("", string(rune(c)), '<'), nil
		}
		return "", failure("%%c arg not in range")
	default:
		return "", failure("Unknown format code '%c' for object of type 'int'", f.kind)
	}
	digits := new(big.Int).Abs(x.BigInt()).Text(base)
	if f.kind == 'X' {
		digits = strings.ToUpper(digits)
	}
	if !f.alternate {
		prefix = ""
	}
	return f.numeric(x.Sign() < 0, prefix, group(digits, f.grouping, step)), nil
}

func (m *machine) formatReal(x real, f spec) (string, error) {
	value := x.nearest()
	if math.IsInf(value, 0) || value != value {
		return f.numeric(value < 0, "", strings.TrimPrefix(formatRepr(value), "-")), nil
	}
	precision := f.precision
	if precision < 0 {
		precision = 6
	}
	negative := x.sign() < 0
	var digits string
	switch f.kind {
	case 'f', 'F', '%':
		if f.kind == '%' {
			hundred := real{big.NewRat(100, 1), 100}
			v, err := m.arithmetic("*", number{real: x}, number{real: hundred})
			if err != nil {
				return "", err
			}
			x = v.(real)
		}
		digits = strings.TrimPrefix(decimal(x.rounded(precision), precision), "-")
		if math.Abs(value) > 1e300 {
			digits = strconv.FormatFloat(math.Abs(value), 'f', precision, 64)
		}
	case 'e', 'E':
		digits = strconv.FormatFloat(math.Abs(value), 'e', precision, 64)
	case 'g', 'G', 'n':
		digits = general(math.Abs(value), max(precision, 1))
	case 0:
		digits = strings.TrimPrefix(formatRepr(value), "-")
		if f.precision >= 0 {
			digits = general(math.Abs(value), max(precision, 1))
			if !strings.ContainsAny(digits, ".e") {
				digits += ".0"
			}
		}
	default:
		return "", failure("Unknown format code '%c' for object of type 'float'", f.kind)
	}
	if f.kind == 'E' || f.kind == 'G' {
		digits = strings.ToUpper(digits)
	}
	whole, rest := digits, ""
	if i := strings.IndexAny(digits, ".eE"); i >= 0 {
		whole, rest = digits[:i], digits[i:]
	}
	digits = group(whole, f.grouping, 3) + rest
	if f.kind == '%' {
		digits += "%"
	}
	return f.numeric(negative, "", digits), nil
}

// general is %g: the shorter of two notations, without zeros at its end.
func general(f float64, precision int) string {
	s := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exponent)
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	if n < -4 || n >= precision {
		return trim(mantissa) + "e" + exponent
	}
	return trim(strconv.FormatFloat(f, 'f', precision-1-n, 64))
}

func group(digits, separator string, step int) string {
	if separator == "" {
		return digits
	}
	var b strings.Builder
	for i := range digits {
		if i > 0 && (len(digits)-i)%step == 0 {
			b.WriteString(separator)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

// numeric puts sign and prefix before digits, and pads them.
func (f spec) numeric(negative bool, prefix, digits string) string {
	lead := ""
	switch {
	case negative:
		lead = "-"
	case f.sign == '+' || f.sign == ' ':
		lead = string(f.sign)
	}
	lead += prefix
	if f.zero && f.align == 0 {
		f.fill, f.align = "0", '='
	}
	return f.pad(lead, digits, '>')
}

// pad fills lead+s up to the width; byDefault is how it is aligned where the specification doesn't say.
func (f spec) pad(lead, s string, byDefault byte) string {
	missing := f.width - utf8.RuneCountInString(lead) - utf8.RuneCountInString(s)
	if missing <= 0 {
		return lead + s
	}
	align := f.align
	if align == 0 {
		align = byDefault
	}
	fill := func(n int) string { return strings.Repeat(f.fill, n) }
	switch align {
	case '<':
		return lead + s + fill(missing)
	case '^':
		return fill(missing/2) + lead + s + fill(missing-missing/2)
	case '=':
		return lead + fill(missing) + s
	}
	return fill(missing) + lead + s
}

// percent is text % values.
func (m *machine) percent(text string, values starlark.Value) (string, error) {
	args, ok := values.(starlark.Tuple)
	if !ok {
		args = starlark.Tuple{values}
	}
	named, _ := values.(*starlark.Dict)
	var b strings.Builder
	used := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i < len(text) && text[i] == '%' {
			b.WriteByte('%')
			continue
		}
		var v starlark.Value
		if i < len(text) && text[i] == '(' {
			end := strings.IndexByte(text[i:], ')')
			if end < 0 || named == nil {
				return "", failure("incomplete format key")
			}
			v, _, _ = named.Get(starlark.String(text[i+1 : i+end]))
			i += end + 1
			if v == nil {
				return "", failure("a key of the format is missing")
			}
		}
		start := i
		for i < len(text) && strings.IndexByte("-+ #0123456789.", text[i]) >= 0 {
			i++
		}
		if i >= len(text) {
			return "", failure("incomplete format")
		}
		if v == nil {
			if used >= len(args) {
				return "", failure("not enough arguments for format string")
			}
			v = args[used]
			used++
		}
		s, err := m.conversion(text[start:i], text[i], v)
		if err != nil {
			return "", err
		}
		if b.WriteString(s); b.Len() > maxText {
			return "", limitError("a text gets too long")
		}
	}
	if used < len(args) && named == nil {
		return "", failure("not all arguments converted during string formatting")
	}
	return b.String(), m.charge(b.Len()/16, b.Len())
}

// conversion writes one value of text % values.
func (m *machine) conversion(flags string, kind byte, v starlark.Value) (string, error) {
	left := strings.Contains(flags, "-")
	f, err := parseSpec(strings.TrimLeft(flags, "-"))
	if err != nil {
		return "", err
	}
	if left {
		f.align, f.fill = '<', " "
	}
	switch kind {
	case 's', 'r':
		s, err := m.text(v)
		if kind == 'r' {
			s, err = m.repr(v)
		}
		if f.precision >= 0 {
			s = cutRunes(s, f.precision)
		}
		return f.pad("", s, '>'), err
	case 'd', 'i', 'u':
		n, ok := asNumber(v)
		if !ok {
			return "", failure("%%d format: a number is required, not %s", v.Type())
		}
		f.precision, f.kind = -1, 'd'
		if n.isInt {
			return m.formatInt(n.whole, f)
		}
		whole, err := toInt(n.real)
		if err != nil {
			return "", err
		}
		return m.formatInt(whole, f)
	case 'f', 'F', 'e', 'E', 'g', 'G':
		n, ok := asNumber(v)
		if !ok {
			return "", failure("must be real number, not %s", v.Type())
		}
		r, err := n.asReal()
		if err != nil {
			return "", err
		}
		f.kind = kind
		return m.formatReal(r, f)
	case 'x', 'X', 'o', 'c':
		if n, ok := asNumber(v); ok && n.isInt {
			f.kind = kind
			return m.formatInt(n.whole, f)
		}
	}
	return "", failure("unsupported format character '%c'", kind)
}

// strFormat is text.format(args…, kwargs…).
func (m *machine) strFormat(text string, args starlark.Tuple, kwargs []starlark.Tuple) (string, error) {
	var b strings.Builder
	auto := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "{{") || strings.HasPrefix(text[i:], "}}"):
			b.WriteByte(c)
			i++
		case c == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return "", failure("expected '}' before end of string")
			}
			field := text[i+1 : i+end]
			i += end
			field, format, _ := strings.Cut(field, ":")
			if strings.Contains(format, "{") {
				return "", refusal("a format within a format")
			}
			field, conversion, _ := strings.Cut(field, "!")
			if field == "" {
				field = strconv.Itoa(auto)
				auto++
			}
			var v starlark.Value
			if n, err := strconv.Atoi(field); err == nil {
				if n < 0 || n >= len(args) {
					return "", failure("Replacement index %d out of range", n)
				}
				v = args[n]
			} else {
				for _, pair := range kwargs {
					if string(pair[0].(starlark.String)) == field {
						v = pair[1]
					}
				}
			}
			if v == nil {
				return "", refusal(fmt.Sprintf("the field {%s} of a format", field))
			}
			if conversion == "r" {
				s, err := m.repr(v)
				if err != nil {
					return "", err
				}
				v = starlark.String(s)
			}
			s, err := m.format(v, format)
			if err != nil {
				return "", err
			}
			if b.WriteString(s); b.Len() > maxText {
				return "", limitError("a text gets too long")
			}
		case c == '}':
			return "", failure("Single '}' encountered in format string")
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), m.charge(b.Len()/16, b.Len())
}
