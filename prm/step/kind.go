package step

import "fmt"

// Kind is what a whole answer is. The zero value is Prose.
type Kind string

const (
	Prose   Kind = "prose"   // reasoning in words, one step a line
	Program Kind = "program" // a short program, which is run for its value; its assignments are its steps
)

// Check refuses kinds that there are not.
func (k Kind) Check() error {
	switch k {
	case "", Prose, Program:
		return nil
	}
	return fmt.Errorf("answers of kind %q: this build reads %s and %s", string(k), Prose, Program)
}

// Kinds is what the answers to one problem are. The zero value is OnlyProse.
type Kinds string

const (
	OnlyProse    Kinds = "prose"
	OnlyPrograms Kinds = "programs"
	Mixed        Kinds = "mixed" // one of each in turn, a program first: it is the shorter, and oftener right, so that what stops early takes least
)

// At is the kind of the answer that is drawn as the 0-based n-th.
func (k Kinds) At(n int) Kind {
	if k == OnlyPrograms || k == Mixed && n%2 == 0 {
		return Program
	}
	return Prose
}

// HavePrograms reports whether there are any programs among them.
func (k Kinds) HavePrograms() bool { return k == OnlyPrograms || k == Mixed }
