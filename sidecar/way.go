package main

import (
	"cmp"
	"strings"

	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

// way is how answers are made, as --strategy names it: a strategy (best_of_n), or what stands behind the @ of a model's
// name (best-of-8).
type way string

// String is the strategy, which the flag's enum knows; what is none stays as it is, for the enum to refuse.
func (w way) String() string {
	if strategy, _, _, ok := server.Way(string(w)); ok {
		return strategy
	}
	return string(w)
}

// into sets what the name says beyond the strategy.
func (w way) into(o *decode.Options) {
	_, n, kinds, _ := server.Way(string(w))
	if n > 0 {
		o.N = n
	}
	o.Kinds = cmp.Or(kinds, o.Kinds)
}

// strategyNamed is the strategy that a name of it stands for, which a table of votes of n answers has; a name of none
// comes back as it is.
func strategyNamed(name string, n int) string {
	if strategy, of, kinds, ok := server.Way(strings.TrimSpace(name)); ok && kinds == "" && (of == 0 || of == n) {
		return strategy
	}
	return name
}
