package dataset

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// fields are an object's, by their names in lower case: SVAMP writes "Body", ASDiv "body".
type fields map[string]field

type field struct {
	name  string          // as it is written
	value json.RawMessage // nil where it is null, or the field missing
}

func (r record) fields() (fields, error) {
	var raw map[string]json.RawMessage
	if err := r.decode(&raw); err != nil {
		return nil, err
	}
	f := make(fields, len(raw))
	for name, value := range raw {
		lower := strings.ToLower(name)
		if other, twice := f[lower]; twice {
			return nil, r.fail(fmt.Errorf("both %q and %q are there: which is meant can't be told", min(name, other.name), max(name, other.name)))
		}
		if string(value) == "null" {
			value = nil
		}
		f[lower] = field{name, value}
	}
	return f, nil
}

// list names the fields, for an error.
func (f fields) list() string {
	if len(f) == 0 {
		return "none"
	}
	var names []string
	for _, key := range slices.Sorted(maps.Keys(f)) {
		text := fmt.Sprintf("%q", f[key].name)
		if f[key].value == nil {
			text += " (null)"
		}
		names = append(names, text)
	}
	if len(names) > 12 {
		names = append(names[:12], "…")
	}
	return strings.Join(names, ", ")
}

// text returns the first of the named fields that has a text which isn't blank, "" where none has.
func (f fields) text(names ...string) (string, error) {
	for _, name := range names {
		if v := f[name]; v.value != nil {
			var s string
			if err := json.Unmarshal(v.value, &s); err != nil {
				return "", fmt.Errorf("%q must be a text, not %s", v.name, kind(v.value))
			}
			if strings.TrimSpace(s) != "" {
				return s, nil
			}
		}
	}
	return "", nil
}

// first returns the text of the first of the named fields that has one, or the first text of its list.
func (f fields) first(names []string) (string, error) {
	for _, name := range names {
		if v := f[name]; len(v.value) > 0 && v.value[0] == '[' {
			all, err := v.scalars()
			if err != nil {
				return "", err
			}
			for _, s := range all {
				if strings.TrimSpace(s) != "" {
					return s, nil
				}
			}
		} else if s, err := f.text(name); err != nil || s != "" {
			return s, err
		}
	}
	return "", nil
}

// any reports whether one of the named fields is there.
func (f fields) any(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f[name].value != nil })
}

// scalar returns a text or a number as text, "" where there is none.
func (f field) scalar() (string, error) {
	var s string
	switch {
	case len(f.value) == 0:
		return "", nil
	case f.value[0] == '"':
		return s, json.Unmarshal(f.value, &s)
	case strings.IndexByte("-0123456789", f.value[0]) >= 0:
		return number(string(f.value)), nil
	}
	return "", fmt.Errorf("%q must be a text or a number, not %s", f.name, kind(f.value))
}

// scalars returns the texts and numbers of a field that holds one or a list of them.
func (f field) scalars() ([]string, error) {
	if len(f.value) == 0 || f.value[0] != '[' {
		s, err := f.scalar()
		return []string{s}, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(f.value, &raw); err != nil {
		return nil, err
	}
	all := make([]string, len(raw))
	for i, value := range raw {
		var err error
		if all[i], err = (field{f.name, value}).scalar(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// number writes a JSON number as people do: 145.0, which data frames make of 145, is 145 again.
func number(s string) string {
	if strings.ContainsAny(s, "eE") {
		// what is too large or small for digits stays as it is
		if n, ok := new(big.Rat).SetString(s); ok && len(s) < 12 && n.Denom().BitLen() < 64 && n.Num().BitLen() < 64 {
			s = n.FloatString(18)
		}
	}
	if strings.Contains(s, ".") && !strings.ContainsAny(s, "eE") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// kind names what a JSON value is.
func kind(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// name is an id: a text, or a number as some files have it. null is none.
type name string

func (n *name) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	s, err := field{"id", data}.scalar()
	*n = name(s)
	return err
}

// texts returns the texts of a field, none of which may be null: encoding/json makes an empty text of that without a
// word.
func texts(field string, in []*string) ([]string, error) {
	out := make([]string, len(in))
	for i, s := range in {
		if s == nil {
			return nil, fmt.Errorf("%q: number %d, from 0, is null: want a text", field, i)
		}
		out[i] = *s
	}
	return out, nil
}
