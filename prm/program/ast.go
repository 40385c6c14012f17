package program

import "go.starlark.net/starlark"

type exprKind int8

const (
	constant    exprKind = iota // value
	name                        // text
	unary                       // text is the operator: + - ~ not
	binary                      // text is the operator
	compare                     // kids[0] ops[0] kids[1] ops[1] kids[2] …
	logic                       // text is "and" or "or"
	conditional                 // kids: condition, then, else
	call                        // kids[0] is called; ops[i] names the argument kids[i+1]: "" by place, "*", "**" or a keyword
	attribute                   // kids[0].text
	index                       // kids[0][kids[1]]
	slice                       // kids[0][kids[1]:kids[2]:kids[3]], nil where left out
	list
	tuple
	set
	dict          // kids: key, value, key, value …
	comprehension // text is what it makes: [ { or, for a dict, : ; kids: its element, or key and value
	lambda        // kids[0] is the body
	fstring       // kids are joined
	formatted     // kids[0] by the format kids[1]; text is the conversion: "" or r, s, a
	starred       // *kids[0]
	walrus        // text := kids[0]
)

// expr is an expression of Python.
type expr struct {
	kind    exprKind
	line    int
	text    string
	value   starlark.Value
	kids    []*expr
	ops     []string
	clauses []clause // of a comprehension
	params  []param  // of a lambda
	scope   *scope   // of a lambda
	leaf    int      // its place among the arguments of the calculation that it is an operand of, from 1; 0 for none
	fn      string   // of a call within a calculation: the function of ours that it calls
}

// clause is one "for … in …" of a comprehension with the conditions behind it.
type clause struct {
	target *expr
	in     *expr
	ifs    []*expr
}

type param struct {
	name  string
	kind  string // "", "*" or "**"; a lone * has no name
	value *expr  // its default, nil for none
}

type stmtKind int8

const (
	expression stmtKind = iota // value
	assign                     // targets = value
	augmented                  // targets[0] text value
	define                     // def text(params): body
	ifStmt                     // if value: body else: other
	forStmt                    // for targets[0] in value: body else: other
	whileStmt                  // while value: body else: other
	returnStmt                 // value may be nil
	breakStmt
	continueStmt
	passStmt
	deleteStmt // targets
	assertStmt // value; targets[0], if any, is the message
	raiseStmt  // value may be nil
	block      // body, as it stands: a try whose body raised nothing
)

// stmt is a statement of Python.
type stmt struct {
	kind    stmtKind
	line    int
	text    string
	targets []*expr
	value   *expr
	params  []param
	scope   *scope
	body    []*stmt
	other   []*stmt
}

// scope is what a function, or the module, binds.
type scope struct {
	parent  *scope // nil for the module
	bound   map[string]bool
	outer   map[string]string // "global" or "nonlocal" for what is declared so
	cells   map[string]bool   // bound here and rebound from within another function
	imports map[string]string // name → "math.ceil", or "math." for the module
	star    string            // "math." when everything of it was imported
}

func newScope(parent *scope) *scope {
	return &scope{parent: parent, bound: map[string]bool{}, outer: map[string]string{}, cells: map[string]bool{}, imports: map[string]string{}}
}

func (s *scope) module() *scope {
	for s.parent != nil {
		s = s.parent
	}
	return s
}
