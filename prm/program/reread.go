package program

import (
	"slices"
	"strings"
)

// reread reads a program that uses a name before it is set, or one that is never set, as the equations that it consists
// of: it puts what sets a name before what uses it, takes a name that is never set for the only one that differs from
// it in capitals or underscores alone or in a letter too many or too few (and is then used nowhere else), and leaves
// out what can't be computed where the value doesn't need it. No value comes in that the program doesn't have. ok is
// false where that makes no difference, or isn't known to mean what the program means: statements are to be nothing but
// assignments, each name set once, and expressions.
func reread(body []*stmt, module *scope) (out []*stmt, ok bool) {
	set, used := map[string]int{}, map[string]bool{} // names, and the statement that sets them
	needs := make([][]*expr, len(body))              // names that each statement uses
	last := -1                                       // the statement that gives the value: the last expression, or else the last assignment
	for i, s := range body {
		switch {
		case s.kind == passStmt:
		case s.kind == expression:
			if s.value.kind != constant { // else it is a comment
				last = i
			}
		case s.kind == assign:
			for _, target := range s.targets {
				if target.kind != name {
					return nil, false
				}
				if _, again := set[target.text]; again {
					return nil, false
				}
				set[target.text] = i
			}
			if last < 0 || body[last].kind == assign {
				last = i
			}
		default:
			return nil, false
		}
		if s.value != nil && !namesIn(s.value, &needs[i]) {
			return nil, false
		}
		for _, n := range needs[i] {
			used[n.text] = true
		}
	}
	if last < 0 {
		return nil, false
	}
	changed := false
	foreign := func(n string) bool {
		return module.imports[n] != "" || exists(n) || module.star != "" && exists(module.star+n)
	}
	for i := range needs {
		for _, n := range needs[i] {
			if _, known := set[n.text]; known || foreign(n.text) {
				continue
			}
			if meant := respelt(n.text, set, used); meant != "" {
				n.text, changed = meant, true
			}
		}
	}
	const (
		unknown = iota
		looking // it is asked whether it can be computed: whoever needs it meanwhile is needed by it
		possible
		impossible
		placed
	)
	state := make([]int, len(body))
	var can func(i int) bool // be computed
	can = func(i int) bool {
		if state[i] != unknown {
			return state[i] == possible || state[i] == placed
		}
		state[i] = looking
		for _, n := range needs[i] {
			if at, known := set[n.text]; !known && !foreign(n.text) || known && !can(at) {
				state[i] = impossible
				return false
			}
		}
		state[i] = possible
		return true
	}
	var place func(i int) // a statement, behind those that it needs
	place = func(i int) {
		if state[i] == placed {
			return
		}
		state[i] = placed
		for _, n := range needs[i] {
			if at, known := set[n.text]; known {
				place(at)
			}
		}
		out = append(out, body[i])
	}
	if !can(last) {
		return nil, false
	}
	for i := range body {
		if state[i] == placed || can(i) {
			place(i)
		}
	}
	return out, changed || !slices.Equal(out, body)
}

// namesIn appends the names that an expression uses; false for one that has names of its own.
func namesIn(e *expr, names *[]*expr) bool {
	switch {
	case e == nil:
		return true
	case e.kind == name:
		*names = append(*names, e)
		return true
	case e.kind == comprehension, e.kind == lambda, e.kind == walrus:
		return false
	}
	for _, k := range e.kids {
		if !namesIn(k, names) {
			return false
		}
	}
	return true
}

// respelt is the name among those set that is meant by one that never is, "" where there isn't one alone.
func respelt(unset string, set map[string]int, used map[string]bool) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	var same, near []string
	for s := range set {
		switch {
		case plain(s) == plain(unset):
			same = append(same, s)
		case !used[s] && (slip(s, unset) || slip(unset, s)):
			near = append(near, s)
		}
	}
	if len(same) == 1 {
		return same[0]
	}
	if len(same) == 0 && len(near) == 1 {
		return near[0]
	}
	return ""
}

// slip reports whether long is short with one letter more, within a word of at least longWord letters: at its end it
// may be the plural of something else.
func slip(short, long string) bool {
	const longWord = 5
	if len(long) != len(short)+1 {
		return false
	}
	at := 0
	for at < len(short) && short[at] == long[at] {
		at++
	}
	if short[at:] != long[at+1:] || at == len(short) || long[at] == '_' || isDigit(long[at]) || short[at] == '_' {
		return false
	}
	start, end := strings.LastIndexByte(long[:at], '_')+1, strings.IndexByte(long[at:], '_')
	if end < 0 {
		end = len(long) - at
	}
	return at+end-start > longWord
}
