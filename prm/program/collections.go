package program

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

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
	return single(func(m *machine, v starlark.Value) (starlark.Value, error) {
		all, err := m.elements(v)
		for _, v := range all {
			if bool(v.Truth()) == want {
				return starlark.Bool(want), err
			}
		}
		return starlark.Bool(!want), err
	})
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

// next gives the first element of a generator, which is a list here; of nothing else, since it would have to remember
// its place.
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
