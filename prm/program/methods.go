package program

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// method calls a method of a value.
func (m *machine) method(x starlark.Value, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := m.charge(2, 64); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case starlark.String:
		if name == "format" {
			s, err := m.strFormat(string(x), args, kwargs)
			return starlark.String(s), err
		}
		return stringMethod(m, string(x), name, args)
	case *starlark.List:
		return listMethod(m, x, name, args, kwargs)
	case starlark.Tuple:
		if name == "index" || name == "count" {
			return listMethod(m, starlark.NewList(x), name, args, kwargs)
		}
	case *starlark.Dict:
		return dictMethod(m, x, name, args, kwargs)
	case *starlark.Set:
		return setMethod(m, x, name, args)
	case real:
		if name == "is_integer" && len(args) == 0 {
			return starlark.Bool(x.isInt()), nil
		}
	case starlark.Int:
		if name == "bit_length" && len(args) == 0 {
			return starlark.MakeInt(bitLen(x)), nil
		}
	}
	return nil, failure("'%s' object has no attribute '%s' that is known here", x.Type(), name)
}

// texts are arguments that are strings.
func texts(args starlark.Tuple) ([]string, bool) {
	out := make([]string, len(args))
	for i, v := range args {
		s, ok := v.(starlark.String)
		if !ok {
			return nil, false
		}
		out[i] = string(s)
	}
	return out, true
}

func stringMethod(m *machine, s, name string, args starlark.Tuple) (starlark.Value, error) {
	if err := m.charge(len(s)/16, 2*len(s)); err != nil {
		return nil, err
	}
	list := func(parts []string) (starlark.Value, error) {
		out := make([]starlark.Value, len(parts))
		for i, p := range parts {
			out[i] = starlark.String(p)
		}
		return starlark.NewList(out), m.charge(len(parts), 32*len(parts))
	}
	all := func(test func(rune) bool) (starlark.Value, error) {
		return starlark.Bool(s != "" && strings.IndexFunc(s, func(r rune) bool { return !test(r) }) < 0), nil
	}
	strs, ok := texts(args)
	switch {
	case name == "join" && len(args) == 1:
		parts, err := m.elements(args[0])
		if err != nil {
			return nil, err
		}
		words, ok := texts(parts)
		if !ok {
			return nil, failure("sequence item: expected str instance")
		}
		size := len(s) * len(words)
		for _, w := range words {
			size += len(w)
		}
		if size > maxText {
			return nil, limitError("a text gets too long")
		}
		return starlark.String(strings.Join(words, s)), m.charge(size/16, size)
	case len(args) == 0:
		switch name {
		case "upper":
			return starlark.String(strings.ToUpper(s)), nil
		case "lower", "casefold":
			return starlark.String(strings.ToLower(s)), nil
		case "title":
			return starlark.String(title(s)), nil
		case "capitalize":
			r, n := utf8.DecodeRuneInString(s)
			if n == 0 {
				return starlark.String(s), nil
			}
			return starlark.String(string(unicode.ToUpper(r)) + strings.ToLower(s[n:])), nil
		case "strip":
			return starlark.String(strings.TrimSpace(s)), nil
		case "lstrip":
			return starlark.String(strings.TrimLeftFunc(s, unicode.IsSpace)), nil
		case "rstrip":
			return starlark.String(strings.TrimRightFunc(s, unicode.IsSpace)), nil
		case "split":
			return list(strings.Fields(s))
		case "splitlines":
			return list(strings.Split(strings.TrimSuffix(s, "\n"), "\n"))
		case "isdigit", "isnumeric", "isdecimal":
			return all(unicode.IsDigit)
		case "isalpha":
			return all(unicode.IsLetter)
		case "isalnum":
			return all(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		case "isspace":
			return all(unicode.IsSpace)
		case "isupper":
			return starlark.Bool(strings.ToUpper(s) == s && strings.ToLower(s) != s), nil
		case "islower":
			return starlark.Bool(strings.ToLower(s) == s && strings.ToUpper(s) != s), nil
		}
	case ok && len(args) == 1:
		switch a := strs[0]; name {
		case "strip":
			return starlark.String(strings.Trim(s, a)), nil
		case "lstrip":
			return starlark.String(strings.TrimLeft(s, a)), nil
		case "rstrip":
			return starlark.String(strings.TrimRight(s, a)), nil
		case "removeprefix":
			return starlark.String(strings.TrimPrefix(s, a)), nil
		case "removesuffix":
			return starlark.String(strings.TrimSuffix(s, a)), nil
		case "split":
			if a == "" {
				return nil, failure("empty separator")
			}
			return list(strings.Split(s, a))
		case "startswith":
			return starlark.Bool(strings.HasPrefix(s, a)), nil
		case "endswith":
			return starlark.Bool(strings.HasSuffix(s, a)), nil
		case "count":
			return starlark.MakeInt(strings.Count(s, a)), nil
		case "find", "index":
			i := strings.Index(s, a)
			if i < 0 && name == "index" {
				return nil, failure("substring not found")
			}
			if i > 0 {
				i = utf8.RuneCountInString(s[:i])
			}
			return starlark.MakeInt(i), nil
		}
	case ok && len(args) == 2 && name == "replace":
		if strs[0] == "" {
			return nil, refusal("replacing nothing")
		}
		if n := strings.Count(s, strs[0]); len(s)+n*len(strs[1]) > maxText {
			return nil, limitError("a text gets too long")
		}
		return starlark.String(strings.ReplaceAll(s, strs[0], strs[1])), nil
	}
	if kind := map[string]string{"ljust": "<", "rjust": ">", "center": "^", "zfill": "0"}[name]; kind != "" && len(args) > 0 {
		width, err := starlark.AsInt32(args[0])
		if err != nil || width > maxText/16 {
			return nil, limitError("a text gets too long")
		}
		f := spec{fill: " ", width: width, align: kind[0]}
		if len(args) > 1 {
			fill, ok := args[1].(starlark.String)
			if !ok || utf8.RuneCountInString(string(fill)) != 1 {
				return nil, failure("the fill character must be exactly one character long")
			}
			f.fill = string(fill)
		}
		if kind == "0" {
			f.fill, f.align = "0", '='
			if strings.HasPrefix(s, "-") {
				return starlark.String(f.pad("-", s[1:], '=')), nil
			}
		}
		return starlark.String(f.pad("", s, f.align)), nil
	}
	return nil, failure("'str' object has no method '%s' with such arguments that is known here", name)
}

// title is s with each word's first letter in upper case, the others in lower.
func title(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		switch was := inside; {
		case !unicode.IsLetter(r):
			inside = false
			return r
		case was:
			return unicode.ToLower(r)
		}
		inside = true
		return unicode.ToUpper(r)
	}, s)
}

// replace gives a list other elements.
func replace(l *starlark.List, all []starlark.Value) error {
	if err := l.Clear(); err != nil {
		return failure("%v", err)
	}
	for _, v := range all {
		if err := l.Append(v); err != nil {
			return failure("%v", err)
		}
	}
	return nil
}

func reverse(l *starlark.List) error {
	all := slices.Collect(l.Elements())
	slices.Reverse(all)
	return replace(l, all)
}

func listMethod(m *machine, l *starlark.List, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	none := starlark.None
	if name == "append" && len(args) == 1 {
		return none, m.extend(l, args)
	}
	if name == "extend" && len(args) == 1 {
		all, err := m.elements(args[0])
		if err != nil {
			return nil, err
		}
		return none, m.extend(l, slices.Clone(all))
	}
	if name == "pop" && len(args) == 0 && l.Len() > 0 {
		args = starlark.Tuple{starlark.MakeInt(l.Len() - 1)}
	}
	all, err := m.elements(l)
	if err != nil {
		return nil, err
	}
	find := func(v starlark.Value) (int, error) {
		for i, e := range all {
			if same, err := m.equal(e, v, 0); err != nil || same {
				return i, err
			}
		}
		return -1, nil
	}
	switch {
	case name == "sort" && len(args) == 0:
		key, descending := keyword(&kwargs, "key"), keyword(&kwargs, "reverse")
		if err := rest(kwargs); err != nil {
			return nil, err
		}
		return none, m.sort(l, all, key, descending != nil && bool(descending.Truth()))
	case name == "reverse" && len(args) == 0:
		return none, reverse(l)
	case name == "clear" && len(args) == 0:
		return none, replace(l, nil)
	case name == "copy" && len(args) == 0:
		return starlark.NewList(slices.Clone(all)), nil
	case name == "pop" && len(args) == 1, name == "insert" && len(args) == 2:
		i, err := starlark.AsInt32(args[0])
		if err != nil {
			return nil, failure("%v", err)
		}
		if i < 0 {
			i += len(all)
		}
		if name == "insert" {
			if len(all) >= maxItems {
				return nil, limitError("a list gets too long")
			}
			return none, replace(l, slices.Insert(slices.Clone(all), min(max(i, 0), len(all)), args[1]))
		}
		if i < 0 || i >= len(all) {
			return nil, failure("pop index out of range")
		}
		return all[i], replace(l, slices.Delete(slices.Clone(all), i, i+1))
	case name == "remove" && len(args) == 1, name == "index" && len(args) == 1:
		i, err := find(args[0])
		if err != nil {
			return nil, err
		}
		if i < 0 {
			return nil, failure("the value is not in the list")
		}
		if name == "index" {
			return starlark.MakeInt(i), nil
		}
		return none, replace(l, slices.Delete(slices.Clone(all), i, i+1))
	case name == "count" && len(args) == 1:
		n := 0
		for _, e := range all {
			same, err := m.equal(e, args[0], 0)
			if err != nil {
				return nil, err
			}
			if same {
				n++
			}
		}
		return starlark.MakeInt(n), nil
	}
	return nil, failure("'list' object has no method '%s' with such arguments that is known here", name)
}

// sort orders a list that holds all, keeping what is equal in its order.
func (m *machine) sort(l *starlark.List, all []starlark.Value, key starlark.Value, descending bool) error {
	keys, err := m.keys(all, key)
	if err != nil {
		return err
	}
	places := make([]int, len(all))
	for i := range places {
		places[i] = i
	}
	var failed error
	slices.SortStableFunc(places, func(a, b int) int {
		if failed != nil {
			return 0
		}
		c, _, err := m.order(keys[a], keys[b], 0)
		if failed = err; descending {
			return -c
		}
		return c
	})
	if failed != nil {
		return failed
	}
	out := make([]starlark.Value, len(all))
	for i, place := range places {
		out[i] = all[place]
	}
	return firstError(replace(l, out), m.charge(len(all), 32*len(all)))
}

func dictMethod(m *machine, d *starlark.Dict, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	list := func(values []starlark.Value) (starlark.Value, error) {
		return starlark.NewList(values), m.charge(len(values)/4, 64*len(values))
	}
	switch {
	case (name == "get" || name == "pop" || name == "setdefault") && (len(args) == 1 || len(args) == 2):
		k, err := m.key(args[0], 0)
		if err != nil {
			return nil, err
		}
		v, found, err := d.Get(k)
		if err != nil {
			return nil, failure("%v", err)
		}
		if !found {
			if v = starlark.None; len(args) == 2 {
				v = args[1]
			} else if name == "pop" {
				return nil, failure("KeyError")
			}
		}
		switch {
		case name == "setdefault" && !found:
			return v, m.put(d, k, v)
		case name == "pop" && found:
			if _, _, err := d.Delete(k); err != nil {
				return nil, failure("%v", err)
			}
		}
		return v, nil
	case name == "update" && len(args) <= 1:
		for _, part := range args {
			if err := m.update(d, part); err != nil {
				return nil, err
			}
		}
		for _, pair := range kwargs {
			if err := m.put(d, pair[0], pair[1]); err != nil {
				return nil, err
			}
		}
		return starlark.None, nil
	case len(args) == 0:
		switch name {
		case "keys":
			return list(d.Keys())
		case "values":
			values := make([]starlark.Value, 0, d.Len())
			for _, v := range d.Entries() {
				values = append(values, v)
			}
			return list(values)
		case "items":
			items := d.Items()
			out := make([]starlark.Value, len(items))
			for i, item := range items {
				out[i] = item
			}
			return list(out)
		case "copy":
			return m.makeDict(d)
		case "clear":
			if err := d.Clear(); err != nil {
				return nil, failure("%v", err)
			}
			return starlark.None, nil
		}
	}
	return nil, failure("'dict' object has no method '%s' with such arguments that is known here", name)
}

func setMethod(m *machine, s *starlark.Set, name string, args starlark.Tuple) (starlark.Value, error) {
	if op := map[string]string{"union": "|", "intersection": "&", "difference": "-", "symmetric_difference": "^"}[name]; op != "" && len(args) == 1 {
		return m.sets(op, s, args[0])
	}
	switch {
	case name == "copy" && len(args) == 0:
		return m.makeSet(s)
	case name == "add" && len(args) == 1, name == "remove" && len(args) == 1, name == "discard" && len(args) == 1:
		k, err := m.key(args[0], 0)
		if err != nil {
			return nil, err
		}
		if name == "add" {
			if err := s.Insert(k); err != nil {
				return nil, failure("%v", err)
			}
			return starlark.None, m.charge(0, 64)
		}
		found, err := s.Delete(k)
		if err != nil {
			return nil, failure("%v", err)
		}
		if !found && name == "remove" {
			return nil, failure("KeyError")
		}
		return starlark.None, nil
	case (name == "issubset" || name == "issuperset") && len(args) == 1:
		other, err := m.makeSet(args[0])
		if err != nil {
			return nil, err
		}
		small, large := s, other
		if name == "issuperset" {
			small, large = other, s
		}
		for v := range small.Elements() {
			if has, err := large.Has(v); err != nil || !has {
				return starlark.False, nil
			}
		}
		return starlark.True, nil
	}
	return nil, failure("'set' object has no method '%s' with such arguments that is known here", name)
}
