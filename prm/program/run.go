package program

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// errExit ends a program that said so.
var errExit = errors.New("exit")

// predeclared are the functions and constants that translated programs call, each behind a sign that no name of Python
// has.
var predeclared = starlark.StringDict{}

func init() {
	internal := map[string]function{
		"calc": calc, "join": joinText, "fmt": formatField, "method": callMethod, "attr": attr, "index": getIndex, "slice": getSlice, "setindex": setIndex,
		"delete": deleteIndex, "each": iterate, "split": split, "chain": chain, "cell": newCell, "get": getCell, "set!": setCell, "enter": enter,
		"return": returned, "value": stoodAlone, "raise": raise, "assert": assert, "undefined": undefined,
	}
	for _, table := range []map[string]function{functions, internal} {
		for name, f := range table {
			predeclared["$"+name] = starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
				m := thread.Local("machine").(*machine)
				if err := m.charge(2, 48); err != nil {
					return nil, err
				}
				return f(m, args, kwargs)
			})
		}
	}
	for name, v := range constants {
		predeclared["$"+name] = v
	}
}

// printed is a line of output.
type printed struct {
	text  string
	value starlark.Value // where nothing else stands on it
}

// Run runs the program. Errors wrap ErrFailed, ErrRefused, ErrLimit or ErrNoValue; a context that ends is a limit.
func (p *Program) Run(ctx context.Context) (r Result, err error) {
	if ctx.Err() != nil {
		return Result{}, limitError("the request has ended")
	}
	m := &machine{program: p, thread: &starlark.Thread{Name: "program"}, counts: make([]int, len(p.sites))}
	m.thread.SetLocal("machine", m)
	start := time.Now()
	m.thread.SetMaxExecutionSteps(checkEvery)
	m.thread.OnMaxSteps = func(thread *starlark.Thread) {
		switch {
		case ctx.Err() != nil:
			thread.Cancel("the request has ended")
		case thread.Steps >= maxSteps:
			thread.Cancel("too many steps")
		case thread.Steps > sureSteps && time.Since(start) > maxTime:
			thread.Cancel("too much time")
		default:
			thread.SetMaxExecutionSteps(min(thread.Steps+checkEvery, maxSteps))
		}
	}

	globals, err := p.compiled.Init(m.thread, predeclared)
	if errors.Is(err, errExit) {
		err = nil
	}
	if err == nil && len(m.output) == 0 && m.line.text == "" && m.value == nil && p.main != "" {
		err = m.runMain(globals)
	}
	if err != nil {
		return Result{}, m.explain(err)
	}
	if m.line.text != "" {
		m.output = append(m.output, m.line)
	}
	r = Result{Source: p.source, Printed: m.printed()}
	if r.Answer, r.Value, err = m.answer(); err != nil {
		return Result{}, m.explain(err)
	}
	r.Steps = m.steps()
	return r, nil
}

// runMain calls the program's function, with variables of the same names for its parameters.
func (m *machine) runMain(globals starlark.StringDict) error {
	f, ok := globals[m.program.main].(*starlark.Function)
	if !ok {
		return nil
	}
	var args starlark.Tuple
	for i := range f.NumParams() {
		name, _ := f.Param(i)
		if f.ParamDefault(i) != nil || f.HasVarargs() || f.HasKwargs() {
			break
		}
		v := globals[name]
		if c, ok := v.(*cell); ok {
			v = c.value
		}
		if v == nil {
			return fmt.Errorf("%w: %s() is never called, and its argument %q is not given", ErrNoValue, f.Name(), name)
		}
		args = append(args, v)
	}
	v, err := starlark.Call(m.thread, f, args, nil)
	if err == nil && v != starlark.None {
		m.value = v
	}
	if errors.Is(err, errExit) {
		return nil
	}
	return err
}

// settle calls a function that stands where a value should, if it needs no arguments.
func (m *machine) settle(v starlark.Value) (starlark.Value, error) {
	f, ok := v.(*starlark.Function)
	if !ok || f.NumParams() > 0 {
		return v, nil
	}
	return m.call(f)
}

// explain makes an error of the machine's one of ours, with the line where it happened.
func (m *machine) explain(err error) error {
	line := 0
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		for _, frame := range eval.CallStack {
			if frame.Pos.Filename() == path {
				line = int(frame.Pos.Line)
			}
		}
		if cause := eval.Unwrap(); cause != nil {
			err = cause
		}
	}
	for _, kind := range []error{ErrLimit, ErrRefused, ErrCut, ErrNoValue, ErrFailed} {
		if errors.Is(err, kind) {
			if line > 0 {
				return &problem{kind, line, strings.TrimPrefix(err.Error(), kind.Error()+": ")}
			}
			return err
		}
	}
	if reason, cancelled := strings.CutPrefix(err.Error(), "Starlark computation cancelled: "); cancelled {
		return limitError(reason)
	}
	return &problem{ErrFailed, line, err.Error()}
}

func (m *machine) printed() string {
	var b strings.Builder
	for _, l := range m.output {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.String()
}

// write adds to what is printed.
func (m *machine) write(s string) error {
	if m.size += len(s); m.size > maxText {
		return limitError("too much is printed")
	}
	for {
		before, after, ended := strings.Cut(s, "\n")
		m.line.text += before
		if !ended {
			return m.charge(len(before)/16, len(m.line.text))
		}
		m.output = append(m.output, m.line)
		m.line = printed{}
		s = after
		if err := m.charge(len(before)/16+1, 64); err != nil {
			return err
		}
	}
}

// calc calculates a site: its number, then its operands.
func calc(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	n, _ := args[0].(starlark.Int).Int64()
	s := &m.program.sites[n]
	v, err := m.calculate(s.root, args[1:])
	if err != nil {
		return nil, err
	}
	if s.told {
		m.tell(int(n), args[1:], v)
	}
	return v, nil
}

func joinText(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	parts := make([]string, len(args))
	size := 0
	for i, v := range args {
		var err error
		if parts[i], err = m.text(v); err != nil {
			return nil, err
		}
		if size += len(parts[i]); size > maxText {
			return nil, limitError("a text gets too long")
		}
	}
	return starlark.String(strings.Join(parts, "")), m.charge(size/16, size)
}

func formatField(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	v, err := m.settle(args[0])
	if err != nil {
		return nil, err
	}
	if conversion := args[2].(starlark.String); conversion != "" {
		s, err := m.text(v)
		if conversion != "s" {
			s, err = m.repr(v)
		}
		if err != nil {
			return nil, err
		}
		v = starlark.String(s)
	}
	s, err := m.format(v, string(args[1].(starlark.String)))
	return starlark.String(s), err
}

func callMethod(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return m.method(args[1], string(args[0].(starlark.String)), args[2:], kwargs)
}

// attr reads an attribute that is not called: a part of a fraction, or a method to be called elsewhere.
func attr(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name := string(args[1].(starlark.String))
	bind := func(f function) *starlark.Builtin {
		return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return f(thread.Local("machine").(*machine), args, kwargs)
		})
	}
	switch x := args[0].(type) {
	case starlark.Int, real:
		n, _ := asNumber(x)
		if r, err := n.asReal(); err == nil && r.exact != nil {
			switch name {
			case "numerator":
				return starlark.MakeBigInt(new(big.Int).Set(r.exact.Num())), nil
			case "denominator":
				return starlark.MakeBigInt(new(big.Int).Set(r.exact.Denom())), nil
			}
		}
	case starlark.String, starlark.Tuple, *starlark.List, *starlark.Dict, *starlark.Set:
		if strings.HasPrefix(name, "_") {
			break
		}
		return bind(func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return m.method(x, name, args, kwargs)
		}), nil
	case *starlark.Builtin: // str.upper
		if typeNames[x.Name()] == "" || strings.HasPrefix(name, "_") {
			break
		}
		return bind(func(m *machine, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if len(args) == 0 {
				return nil, failure("unbound method %s.%s() needs an argument", x.Name(), name)
			}
			return m.method(args[0], name, args[1:], kwargs)
		}), nil
	}
	return nil, refusal("the attribute ." + name)
}

// place is the place in a sequence that an index means.
func place(v starlark.Value, n int) (int, error) {
	x, ok := asNumber(v)
	if !ok || !x.isInt {
		return 0, failure("indices must be integers, not %s", v.Type())
	}
	i, ok := x.whole.Int64()
	if i < 0 {
		i += int64(n)
	}
	if !ok || i < 0 || i >= int64(n) {
		return 0, failure("index out of range")
	}
	return int(i), nil
}

func getIndex(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch x := args[0].(type) {
	case *starlark.Dict:
		k, err := m.key(args[1], 0)
		if err != nil {
			return nil, err
		}
		v, found, err := x.Get(k)
		if err != nil || !found {
			return nil, failure("KeyError: %s", cutRunes(repr(args[1], 0), 80))
		}
		return v, nil
	case starlark.String:
		n := utf8.RuneCountInString(string(x))
		i, err := place(args[1], n)
		if err != nil {
			return nil, err
		}
		if n == len(x) {
			return x[i : i+1], nil
		}
		return starlark.String([]rune(string(x))[i]), m.charge(n/8, 4*n)
	case starlark.Indexable:
		i, err := place(args[1], x.Len())
		if err != nil {
			return nil, err
		}
		return x.Index(i), nil
	}
	return nil, failure("'%s' object is not subscriptable", args[0].Type())
}

func getSlice(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	all, err := m.elements(args[0])
	if err != nil {
		return nil, err
	}
	step, n := 1, len(all)
	if args[3] != starlark.None {
		if step, err = starlark.AsInt32(args[3]); err != nil || step == 0 {
			return nil, failure("slice step cannot be such a value")
		}
	}
	bound := func(v starlark.Value, none, low, high int) (int, error) {
		if v == starlark.None {
			return none, nil
		}
		x, ok := asNumber(v)
		if !ok || !x.isInt {
			return 0, failure("slice indices must be integers or None or have an __index__ method")
		}
		i, ok := x.whole.Int64()
		if !ok {
			i = int64(x.whole.Sign()) * (1 << 40)
		}
		if i < 0 {
			i += int64(n)
		}
		return int(min(max(i, int64(low)), int64(high))), nil
	}
	low, high, start, end := 0, n, 0, n
	if step < 0 {
		low, high, start, end = -1, n-1, n-1, -1
	}
	if start, err = bound(args[1], start, low, high); err != nil {
		return nil, err
	}
	if end, err = bound(args[2], end, low, high); err != nil {
		return nil, err
	}
	var out []starlark.Value
	for i := start; step > 0 && i < end || step < 0 && i > end; i += step {
		out = append(out, all[i])
	}
	if err := m.charge(len(out)/8, 16*len(out)); err != nil {
		return nil, err
	}
	switch args[0].(type) {
	case starlark.String:
		var b strings.Builder
		for _, v := range out {
			b.WriteString(string(v.(starlark.String)))
		}
		return starlark.String(b.String()), nil
	case starlark.Tuple:
		return starlark.Tuple(out), nil
	case *starlark.Dict, *starlark.Set:
		return nil, failure("'%s' object is not subscriptable", args[0].Type())
	}
	return starlark.NewList(out), nil
}

func setIndex(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch x := args[0].(type) {
	case *starlark.Dict:
		return starlark.None, m.put(x, args[1], args[2])
	case *starlark.List:
		i, err := place(args[1], x.Len())
		if err != nil {
			return nil, err
		}
		if err := x.SetIndex(i, args[2]); err != nil {
			return nil, failure("%v", err)
		}
		return starlark.None, nil
	}
	return nil, failure("'%s' object does not support item assignment", args[0].Type())
}

func deleteIndex(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch args[0].(type) {
	case *starlark.Dict, *starlark.List:
		return m.method(args[0], "pop", args[1:], nil)
	}
	return nil, failure("'%s' object doesn't support item deletion", args[0].Type())
}

// live goes through a list that may change meanwhile, as Python does.
type live struct{ *starlark.List }

func (l live) Iterate() starlark.Iterator { return &liveIterator{list: l.List} }

type liveIterator struct {
	list *starlark.List
	at   int
}

func (i *liveIterator) Next(v *starlark.Value) bool {
	if i.at >= i.list.Len() {
		return false
	}
	*v = i.list.Index(i.at)
	i.at++
	return true
}

func (i *liveIterator) Done() {}

// iterate is what a loop goes through.
func iterate(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch x := args[0].(type) {
	case *starlark.List:
		return live{x}, nil
	case starlark.String:
		all, err := m.elements(x)
		return starlark.Tuple(all), err
	case starlark.Iterable:
		return x, nil
	}
	return nil, failure("'%s' object is not iterable", args[0].Type())
}

// split deals a sequence out to targets one of which is starred: args are the sequence, how many stand before it, and
// behind.
func split(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	all, err := m.elements(args[0])
	if err != nil {
		return nil, err
	}
	before, _ := starlark.AsInt32(args[1])
	after, _ := starlark.AsInt32(args[2])
	if len(all) < before+after {
		return nil, failure("not enough values to unpack")
	}
	out := append(starlark.Tuple{}, all[:before]...)
	middle := starlark.NewList(append([]starlark.Value{}, all[before:len(all)-after]...))
	return append(append(out, middle), all[len(all)-after:]...), m.charge(len(all)/8, 32*len(all))
}

// chain joins tuples.
func chain(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var out starlark.Tuple
	for part := range args[0].(*starlark.List).Elements() {
		out = append(out, part.(starlark.Tuple)...)
		if len(out) > maxItems {
			return nil, limitError("a list gets too long")
		}
	}
	return out, m.charge(len(out)/8, 32*len(out))
}

// cell is a variable that more than one function assigns to.
type cell struct{ value starlark.Value }

func (c *cell) String() string        { return "cell" }
func (c *cell) Type() string          { return "cell" }
func (c *cell) Freeze()               {}
func (c *cell) Truth() starlark.Bool  { return true }
func (c *cell) Hash() (uint32, error) { return 0, failure("unhashable") }

func newCell(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return &cell{}, nil
	}
	return &cell{args[0]}, nil
}

func getCell(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if v := args[0].(*cell).value; v != nil {
		return v, nil
	}
	return nil, failure("name '%s' is not defined", string(args[1].(starlark.String)))
}

func setCell(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	args[0].(*cell).value = args[1]
	return args[1], nil
}

func enter(m *machine, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if m.thread.CallStackDepth() > maxDepth {
		return nil, failure("maximum recursion depth exceeded")
	}
	return starlark.True, m.charge(4, 256)
}

// returned ends the program with a value: a return outside of a function.
func returned(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	m.value = args[0]
	return nil, errExit
}

// stoodAlone keeps the value of an expression that stands alone.
func stoodAlone(m *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if args[0] != starlark.None {
		m.value = args[0]
	}
	return starlark.None, nil
}

func raise(*machine, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return nil, failure("it raises an exception")
}

func assert(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if !args[0].Truth() {
		return nil, failure("an assertion does not hold")
	}
	return starlark.None, nil
}

// unknowable are functions of Python that reach out of the program or into the interpreter.
var unknowable = map[string]bool{"eval": true, "exec": true, "open": true, "compile": true, "globals": true, "locals": true, "vars": true, "dir": true,
	"getattr": true, "setattr": true, "hasattr": true, "delattr": true, "__import__": true, "breakpoint": true, "help": true, "super": true}

func undefined(_ *machine, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name := string(args[0].(starlark.String))
	if unknowable[name] {
		return nil, refusal(name)
	}
	return nil, failure("name '%s' is not defined", name)
}
