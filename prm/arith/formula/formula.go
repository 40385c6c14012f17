// Package formula reads the final answers of mathematics, in LaTeX or plain notation, into one kind of tree, and tells
// whether two of them are equal: numbers, surds, symbolic expressions, equations, inequalities, sets, intervals,
// tuples, matrices, quantities with units, and words.
//
// Verdicts are three-valued. Rationals are compared exactly. Everything else is evaluated at 256 bits with a bound on
// the error of every operation (ball arithmetic): two constants differ when their balls are apart, and are equal when
// their difference is below 2^-100 of their size and within its bound. Expressions with variables are compared so at
// random points. What can't be told is Unknown. Inputs are bounded in length, depth, exponents, terms and size of
// numbers: no text hangs it or fills memory.
//
// The package is pure and imports nothing of this module.
package formula

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// Op is what a Node does.
type Op uint8

const (
	Number       Op = iota // Value; Decimals digits behind the point were written, −1 for none
	Symbol                 // Name: a variable, or one of the constants pi, e, i, inf
	Sum                    // Args added
	Product                // Args multiplied
	Quotient               // Args[0] / Args[1]
	Power                  // Args[0] to the Args[1]
	Negative               // −Args[0]
	Function               // Name of Args: sqrt, root, sin, ln, log (of Args[0] to the base Args[1]), factorial, binomial, abs, …
	Series                 // Name ("sum" or "product") of Args[2] for Symbol Names from Args[0] to Args[1]
	PlusMinus              // Args[0] ± Args[1], one argument for a bare sign
	Percent                // Args[0] percent
	Quantity               // Args[0] of the unit Name
	Relation               // Args related by Relations: a = b, a < b <= c
	List                   // Args beside each other, in no order: "1, 2 and 3"; Name is "and" or "or" where that was written, "," where it may be one number: "2,74"
	Tuple                  // Args in order
	Set                    // Args in no order
	Interval               // from Args[0] to Args[1], LeftOpen, RightOpen
	Union                  // of Args
	Intersection           // of Args
	Difference             // Args[0] without Args[1]
	Matrix                 // Args are rows, each a Tuple
	Words                  // Name: text that is no formula
	Labelled               // Args[0] with words before or behind it that are no unit of measure: Name
	Ratio                  // Args to each other: 1:2:3
	Range                  // from Args[0] to Args[1] of whatever is counted: 10–20
	Moment                 // When: a time of day or a date
)

// Node is an expression. It isn't changed once read.
type Node struct {
	Op                  Op
	Args                []*Node
	Value               *big.Rat
	Decimals            int
	Name                string
	Relations           []string // "=", "≈", "<", "<=", ">", ">=", "!=", "in"
	LeftOpen, RightOpen bool
	When                *moment
}

// Limits on what is read and computed.
const (
	maxText     = 4096 // bytes
	maxDepth    = 60   // of nesting
	maxBits     = 4096 // of an exact numerator or denominator
	maxTerms    = 2000 // of a sum or product with bounds, and of a factorial's factors
	maxSigns    = 4    // of ±, each of which doubles the values
	maxExponent = 4096 // of an exact power
)

// Errors of Parse.
var (
	ErrSyntax = errors.New("not a formula")
	ErrLimit  = errors.New("formula beyond the limits")
)

func num(n int64) *Node { return &Node{Op: Number, Value: big.NewRat(n, 1), Decimals: -1} }

func node(op Op, args ...*Node) *Node { return &Node{Op: op, Args: args} }

func call(name string, args ...*Node) *Node { return &Node{Op: Function, Name: name, Args: args} }

// String writes the tree in one plain notation, for people.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b, 0)
	return b.String()
}

// How tightly operations bind, for parentheses.
const (
	looseList = iota
	looseRelation
	looseSet
	looseSum
	looseProduct
	loosePower
	looseAtom
)

func (n *Node) write(b *strings.Builder, within int) {
	join := func(between string, binds int, args []*Node) {
		if within > binds {
			b.WriteByte('(')
			defer b.WriteByte(')')
		}
		for i, a := range args {
			if i > 0 {
				b.WriteString(between)
			}
			a.write(b, binds+1)
		}
	}
	bracket := func(open, between, shut string, args []*Node) {
		b.WriteString(open)
		for i, a := range args {
			if i > 0 {
				b.WriteString(between)
			}
			a.write(b, looseRelation)
		}
		b.WriteString(shut)
	}
	switch n.Op {
	case Number:
		switch {
		case n.Name != "":
			b.WriteString(n.Name)
		case n.Decimals > 0:
			b.WriteString(n.Value.FloatString(n.Decimals))
		case n.Value.IsInt():
			b.WriteString(n.Value.Num().String())
		default:
			b.WriteString("(" + n.Value.RatString() + ")")
		}
	case Symbol:
		b.WriteString(n.Name)
	case Sum:
		join(" + ", looseSum, n.Args)
	case Product:
		join("*", looseProduct, n.Args)
	case Quotient:
		join("/", looseProduct, n.Args)
	case Power:
		join("^", loosePower, n.Args)
	case Negative:
		if within > looseProduct { // (-2)^4
			b.WriteByte('(')
			defer b.WriteByte(')')
		}
		b.WriteByte('-')
		n.Args[0].write(b, loosePower)
	case Function:
		bracket(n.Name+"(", ", ", ")", n.Args)
	case Series:
		bracket(n.Name+"("+n.Relations[0]+", ", ", ", ")", n.Args)
	case PlusMinus:
		if len(n.Args) == 1 {
			b.WriteString("±")
			n.Args[0].write(b, looseProduct)
			return
		}
		join(" ± ", looseSum, n.Args)
	case Percent:
		n.Args[0].write(b, loosePower)
		b.WriteByte('%')
	case Quantity:
		n.Args[0].write(b, loosePower)
		b.WriteString(" " + n.Name)
	case Relation:
		for i, a := range n.Args {
			if i > 0 {
				b.WriteString(" " + n.Relations[i-1] + " ")
			}
			a.write(b, looseSet)
		}
	case List:
		bracket("", ", ", "", n.Args)
	case Tuple:
		bracket("(", ", ", ")", n.Args)
	case Set:
		bracket("{", ", ", "}", n.Args)
	case Interval:
		open, shut := "[", "]"
		if n.LeftOpen {
			open = "("
		}
		if n.RightOpen {
			shut = ")"
		}
		bracket(open, ", ", shut, n.Args)
	case Union:
		join(" ∪ ", looseSet, n.Args)
	case Intersection:
		join(" ∩ ", looseSet, n.Args)
	case Difference:
		join(" \\ ", looseSet, n.Args)
	case Matrix:
		bracket("[", "; ", "]", n.Args)
	case Words:
		b.WriteString(strconv.Quote(n.Name))
	case Labelled:
		n.Args[0].write(b, loosePower)
		b.WriteString(" " + strconv.Quote(n.Name))
	case Ratio:
		join(":", looseProduct, n.Args)
	case Range:
		join(" to ", looseSum, n.Args)
	case Moment:
		b.WriteString(n.When.String())
	}
}
