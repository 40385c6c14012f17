package program

import "slices"

// Altered is a program with one thing changed.
type Altered struct {
	Source string
	What   Alteration
	Line   int // from 1
}

// Alteration says what of a program is changed.
type Alteration string

const (
	AlteredOperator Alteration = "operator" // another one of + − × ÷
	AlteredOperand  Alteration = "operand"  // another variable that is set before
	AlteredNumber   Alteration = "number"   // another number of the program, or one too many or too few
)

// maxAltered bounds what Alter returns.
const maxAltered = 1000

// others are the operators that one is mistaken for.
var others = map[string][]string{"+": {"-", "*"}, "-": {"+"}, "*": {"+", "/"}, "/": {"*"}, "//": {"*"}}

// Alter returns the programs that differ from a program in one operator, operand or number, in the order of their
// places. Whether one comes to another value is for Run to say. Nil for what is no Python.
func Alter(source string) (out []Altered) {
	tokens, err := lex(source)
	if err != nil {
		return nil
	}
	set := map[string]bool{} // names that are assigned to on a line before
	var fresh []string       // and on this one
	var names, numbers []string
	for _, t := range tokens {
		if t.kind == tokNumber && !slices.Contains(numbers, t.text) {
			numbers = append(numbers, t.text)
		}
	}
	for i, t := range tokens {
		var instead []string
		var what Alteration
		var before, behind token
		if i > 0 {
			before = tokens[i-1]
		}
		if i+1 < len(tokens) {
			behind = tokens[i+1]
		}
		switch {
		case t.kind == tokNewline:
			for _, n := range fresh {
				if !set[n] {
					set[n], names = true, append(names, n)
				}
			}
			fresh = nil
		case t.kind == tokName && behind.kind == tokOp && behind.text == "=" && (before.kind == tokNewline || before.kind == tokIndent || before.kind == tokDedent || i == 0):
			fresh = append(fresh, t.text)
		case t.kind == tokName && set[t.text] && before.text != "." && behind.text != "(" && behind.text != "=":
			what = AlteredOperand
			for _, n := range names {
				if n != t.text {
					instead = append(instead, n)
				}
			}
		case t.kind == tokNumber:
			what = AlteredNumber
			for _, n := range append(numbers[:len(numbers):len(numbers)], t.text+" + 1", t.text+" - 1") {
				if n != t.text {
					instead = append(instead, n)
				}
			}
		case t.kind == tokOp && (before.kind == tokName || before.kind == tokNumber || before.text == ")" || before.text == "]"):
			what, instead = AlteredOperator, others[t.text]
		}
		for _, with := range instead {
			if what == AlteredNumber && len(with) > len(t.text) && with[:len(t.text)] == t.text && with[len(t.text)] == ' ' {
				with = "(" + with + ")"
			}
			if len(out) == maxAltered {
				return out
			}
			out = append(out, Altered{source[:t.at] + with + source[t.end:], what, t.line})
		}
	}
	return out
}
