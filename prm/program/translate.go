package program

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Program is a program of Python, translated to Starlark. It may be run any number of times, also at once.
type Program struct {
	source   string
	compiled *starlark.Program
	sites    []site
	main     string // the function to call where nothing else gives a value, "" for none
	open     bool   // the text ends within the program, which may lack its end
}

// site is a place where something is calculated.
type site struct {
	root   *expr
	target string // what the result is assigned to, as it is told; "" for nothing
	told   bool
	module bool // outside of any function
	line   int
}

// Translate reads a program and translates it. Errors wrap ErrSyntax, ErrCut, ErrRefused or ErrLimit.
func Translate(source string) (*Program, error) {
	body, module, _, err := parse(source)
	if err != nil {
		return nil, err
	}
	return translate(source, body, module)
}

func translate(source string, body []*stmt, module *scope) (*Program, error) {
	t := &translator{env: &env{scope: module}, program: &Program{source: source}}
	file := &syntax.File{Path: "answer", Options: &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true}}
	for n := range module.bound {
		if module.imports[n] != "" {
			return nil, refuse(1, "a name that is both imported and assigned to")
		}
		if exists(n) { // the name is Python's own until the program takes it
			file.Stmts = append(file.Stmts, t.assignTo(&expr{kind: name, line: 1, text: n}, t.ident("$"+n, 1))...)
		}
	}
	file.Stmts = append(t.cells(module, nil, 1), file.Stmts...)
	rest := t.stmts(body)
	if t.err != nil {
		return nil, t.err
	}
	file.Stmts = append(append(file.Stmts, rest...), &syntax.BranchStmt{Token: syntax.PASS, TokenPos: position(1)})
	t.program.main = mainFunction(body)
	var err error
	if t.program.compiled, err = starlark.FileProgram(file, func(name string) bool { return predeclared[name] != nil }); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSyntax, err)
	}
	return t.program, nil
}

// mainFunction is the function that a program defines to solve the problem, where it ends without calling one: nothing
// behind it mentions it or computes something.
func mainFunction(body []*stmt) string {
	last := ""
	for _, s := range body {
		computes := s.value != nil && (s.value.kind != constant || s.kind == augmented) && s.kind != assertStmt
		switch {
		case s.kind == define:
			if last == "" || !solves(last) {
				last = s.text
			}
		case computes || len(s.body) > 0:
			last = ""
		}
	}
	return last
}

func solves(name string) bool {
	return slices.Contains([]string{"solution", "solve", "main", "answer"}, strings.ToLower(name))
}

// env is a scope within those around it, comprehensions included.
type env struct {
	scope  *scope
	parent *env
}

type translator struct {
	program *Program
	env     *env
	flags   []string // of the loops around, the variable that says that one was broken off; "" where nobody asks
	temps   int
	err     error // the first
}

func (t *translator) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

var path = "answer"

func position(line int) syntax.Position { return syntax.MakePosition(&path, int32(line), 1) } // #nosec G115 -- a program has fewer lines than it may have bytes

func (t *translator) ident(name string, line int) *syntax.Ident {
	return &syntax.Ident{NamePos: position(line), Name: name}
}

// ours is a call of a function of this package.
func (t *translator) ours(name string, line int, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: t.ident("$"+name, line), Lparen: position(line), Args: args, Rparen: position(line)}
}

func text(s string, line int) *syntax.Literal {
	return &syntax.Literal{Token: syntax.STRING, TokenPos: position(line), Value: s}
}

func integer(n int, line int) *syntax.Literal {
	return &syntax.Literal{Token: syntax.INT, TokenPos: position(line), Value: int64(n)}
}

func do(e syntax.Expr) syntax.Stmt { return &syntax.ExprStmt{X: e} }

func (t *translator) temp() string {
	t.temps++
	return fmt.Sprintf("$t%d", t.temps)
}

// meaning is what a name stands for.
type meaning struct {
	ident string // of Starlark; "" where it is unknown
	cell  bool
	fn    string // a function or constant of ours
}

func (t *translator) lookup(n string) meaning {
	root := t.env
	for root.parent != nil {
		root = root.parent
	}
	for e := t.env; e != nil; e = e.parent {
		s := e.scope
		switch s.outer[n] {
		case "global":
			if e != root {
				e = &env{parent: root}
				continue
			}
		case "nonlocal":
			continue
		}
		switch {
		case s.bound[n]:
			return meaning{ident: n, cell: s.cells[n]}
		case s.imports[n] != "":
			return meaning{fn: s.imports[n]}
		}
	}
	if star := root.scope.star; star != "" && exists(star+n) {
		return meaning{fn: star + n}
	}
	if exists(n) {
		return meaning{fn: n}
	}
	return meaning{}
}

// known is the function or constant of ours that an expression names, "" for none.
func (t *translator) known(e *expr) string {
	switch e.kind {
	case name:
		if fn := t.lookup(e.text).fn; exists(fn) {
			return fn
		}
	case attribute:
		if x := e.kids[0]; x.kind == name {
			if module := t.lookup(x.text).fn; strings.HasSuffix(module, ".") && exists(module+e.text) {
				return module + e.text
			}
		}
	}
	return ""
}

// site makes a place where e is calculated, and the call that does so.
func (t *translator) site(e *expr, s site) syntax.Expr {
	s.root, s.line, s.module = e, e.line, t.env.parent == nil
	var leaves []syntax.Expr
	t.operands(e, &leaves)
	t.program.sites = append(t.program.sites, s)
	if len(leaves) > maxArguments {
		t.fail(limitError("an expression has too many operands"))
	}
	return t.ours("calc", e.line, append([]syntax.Expr{integer(len(t.program.sites)-1, e.line)}, leaves...)...)
}

// calculation reports whether e is calculated by us, from operands that Starlark evaluates.
func (t *translator) calculation(e *expr) bool {
	switch e.kind {
	case unary, binary, compare, constant:
		return true
	case call:
		if !pure[t.known(e.kids[0])] || slices.ContainsFunc(e.ops, func(op string) bool { return op != "" }) {
			return false
		}
		e.fn = t.known(e.kids[0])
		return true
	}
	return false
}

// operands numbers the operands of a calculation that are none themselves.
func (t *translator) operands(e *expr, leaves *[]syntax.Expr) {
	if !t.calculation(e) {
		*leaves = append(*leaves, t.expr(e))
		e.leaf = len(*leaves)
		return
	}
	kids := e.kids
	if e.kind == call {
		kids = kids[1:]
	}
	for _, kid := range kids {
		t.operands(kid, leaves)
	}
}

func (t *translator) exprs(list []*expr) []syntax.Expr {
	out := make([]syntax.Expr, len(list))
	for i, e := range list {
		out[i] = t.expr(e)
	}
	return out
}

// expr translates an expression.
func (t *translator) expr(e *expr) syntax.Expr {
	switch e.kind {
	case constant:
		switch v := e.value.(type) {
		case starlark.Int:
			if n, ok := v.Int64(); ok {
				return &syntax.Literal{Token: syntax.INT, TokenPos: position(e.line), Value: n}
			}
			return &syntax.Literal{Token: syntax.INT, TokenPos: position(e.line), Value: new(big.Int).Set(v.BigInt())}
		case starlark.String:
			return text(string(v), e.line)
		case real:
			return t.site(e, site{})
		}
		return t.ident(e.value.String(), e.line)
	case name:
		return t.name(e)
	case unary, binary, compare:
		return t.site(e, site{})
	case logic:
		op := syntax.AND
		if e.text == "or" {
			op = syntax.OR
		}
		return &syntax.BinaryExpr{X: t.expr(e.kids[0]), OpPos: position(e.line), Op: op, Y: t.expr(e.kids[1])}
	case conditional:
		return &syntax.CondExpr{If: position(e.line), Cond: t.expr(e.kids[0]), True: t.expr(e.kids[1]), ElsePos: position(e.line), False: t.expr(e.kids[2])}
	case call:
		return t.call(e)
	case attribute:
		if fn := t.known(e); fn != "" {
			return t.ident("$"+fn, e.line)
		}
		return t.ours("attr", e.line, t.expr(e.kids[0]), text(e.text, e.line))
	case index:
		return t.ours("index", e.line, t.expr(e.kids[0]), t.expr(e.kids[1]))
	case slice:
		args := []syntax.Expr{t.expr(e.kids[0])}
		for _, k := range e.kids[1:] {
			if k == nil {
				args = append(args, t.ident("None", e.line))
				continue
			}
			args = append(args, t.expr(k))
		}
		return t.ours("slice", e.line, args...)
	case list, tuple, set:
		if slices.ContainsFunc(e.kids, func(k *expr) bool { return k.kind == starred }) {
			return t.spread(e)
		}
		elements := t.exprs(e.kids)
		switch e.kind {
		case list:
			return &syntax.ListExpr{Lbrack: position(e.line), List: elements, Rbrack: position(e.line)}
		case set:
			return t.ours("set", e.line, &syntax.TupleExpr{Lparen: position(e.line), List: elements, Rparen: position(e.line)})
		}
		return &syntax.TupleExpr{Lparen: position(e.line), List: elements, Rparen: position(e.line)}
	case dict:
		pairs := &syntax.ListExpr{Lbrack: position(e.line), Rbrack: position(e.line)}
		for i := 0; i < len(e.kids); i += 2 {
			pairs.List = append(pairs.List, &syntax.TupleExpr{Lparen: position(e.line), List: t.exprs(e.kids[i : i+2]), Rparen: position(e.line)})
		}
		return t.ours("dict", e.line, pairs)
	case comprehension:
		return t.comprehension(e)
	case lambda:
		in := &env{scope: e.scope, parent: t.env}
		params := t.params(e.params)
		t.env = in
		// The condition is there for what it costs: a lambda that calls itself must not go deeper than any function
		// may.
		body := &syntax.CondExpr{If: position(e.line), Cond: t.ours("enter", e.line), True: t.expr(e.kids[0]), ElsePos: position(e.line), False: t.ident("None", e.line)}
		t.env = in.parent
		if len(e.scope.cells) > 0 {
			t.fail(refuse(e.line, "a variable that is assigned within a lambda"))
		}
		return &syntax.LambdaExpr{Lambda: position(e.line), Params: params, Body: body}
	case fstring:
		return t.ours("join", e.line, t.exprs(e.kids)...)
	case formatted:
		format := syntax.Expr(text("", e.line))
		if e.kids[1] != nil {
			format = t.expr(e.kids[1])
		}
		return t.ours("fmt", e.line, t.expr(e.kids[0]), format, text(e.text, e.line))
	case walrus:
		m := t.lookup(e.text)
		if !m.cell {
			t.fail(refuse(e.line, ":="))
			return t.ident("None", e.line)
		}
		return t.ours("set!", e.line, t.ident(m.ident, e.line), t.told(e.kids[0], e.text))
	}
	t.fail(syntaxError(e.line, "a star can't stand here"))
	return t.ident("None", e.line)
}

func (t *translator) name(e *expr) syntax.Expr {
	switch m := t.lookup(e.text); {
	case m.cell:
		return t.ours("get", e.line, t.ident(m.ident, e.line), text(e.text, e.line))
	case m.ident != "":
		return t.ident(m.ident, e.line)
	case exists(m.fn):
		return t.ident("$"+m.fn, e.line)
	case m.fn != "": // of a module that nothing is needed of when a program runs
		return t.ident("None", e.line)
	}
	return t.ours("undefined", e.line, text(e.text, e.line))
}

// told is an expression whose result is told as what is assigned to target.
func (t *translator) told(e *expr, target string) syntax.Expr {
	switch e.kind {
	case lambda, tuple, set, dict, fstring:
		return t.expr(e)
	}
	return t.site(e, site{target: target, told: true})
}

// computed is an expression that is told where it computes something.
func (t *translator) computed(e *expr) syntax.Expr {
	if e.kind != constant && e.kind != compare && t.calculation(e) {
		return t.told(e, "")
	}
	return t.expr(e)
}

// spread makes a list, tuple or set of elements some of which are starred.
func (t *translator) spread(e *expr) syntax.Expr {
	parts := &syntax.ListExpr{Lbrack: position(e.line), Rbrack: position(e.line)}
	for _, k := range e.kids {
		if k.kind == starred {
			parts.List = append(parts.List, t.ours("tuple", e.line, t.expr(k.kids[0])))
			continue
		}
		parts.List = append(parts.List, &syntax.TupleExpr{Lparen: position(e.line), List: []syntax.Expr{t.expr(k)}, Rparen: position(e.line)})
	}
	return t.ours(map[exprKind]string{list: "list", tuple: "tuple", set: "set"}[e.kind], e.line, t.ours("chain", e.line, parts))
}

func (t *translator) call(e *expr) syntax.Expr {
	fn, args := e.kids[0], make([]syntax.Expr, 0, len(e.ops)+2)
	known := t.known(fn)
	if known == "" && fn.kind == attribute {
		args = append(args, text(fn.text, e.line), t.expr(fn.kids[0]))
	}
	stars, doubles := []syntax.Expr{}, []syntax.Expr{}
	for i, kid := range e.kids[1:] {
		switch op := e.ops[i]; op {
		case "":
			if len(stars) > 0 {
				stars = append(stars, t.ours("tuple", e.line, &syntax.TupleExpr{Lparen: position(e.line), List: []syntax.Expr{t.expr(kid)}, Rparen: position(e.line)}))
				continue
			}
			if known == "print" {
				args = append(args, t.computed(kid))
				continue
			}
			args = append(args, t.expr(kid))
		case "*":
			stars = append(stars, t.ours("tuple", e.line, t.expr(kid)))
		case "**":
			doubles = append(doubles, t.expr(kid))
		}
	}
	for i, kid := range e.kids[1:] {
		if op := e.ops[i]; op != "" && op[0] != '*' {
			args = append(args, &syntax.BinaryExpr{X: t.ident(op, e.line), OpPos: position(e.line), Op: syntax.EQ, Y: t.expr(kid)})
		}
	}
	if len(stars) > 0 {
		all := t.ours("chain", e.line, &syntax.ListExpr{Lbrack: position(e.line), List: stars, Rbrack: position(e.line)})
		args = append(args, &syntax.UnaryExpr{OpPos: position(e.line), Op: syntax.STAR, X: all})
	}
	if len(doubles) > 0 {
		args = append(args, &syntax.UnaryExpr{OpPos: position(e.line), Op: syntax.STARSTAR, X: doubles[0]})
		if len(doubles) > 1 {
			t.fail(refuse(e.line, "** twice in a call"))
		}
	}
	switch {
	case known != "":
		return t.ours(known, e.line, args...)
	case fn.kind == attribute:
		return t.ours("method", e.line, args...)
	}
	return &syntax.CallExpr{Fn: t.expr(fn), Lparen: position(e.line), Args: args, Rparen: position(e.line)}
}

func (t *translator) comprehension(e *expr) syntax.Expr {
	inner := newScope(nil)
	outer := t.env
	c := &syntax.Comprehension{Lbrack: position(e.line), Rbrack: position(e.line)}
	for i, clause := range e.clauses {
		over := t.ours("each", e.line, t.expr(clause.in)) // the first one belongs to the scope around
		if i == 0 {
			t.env = &env{scope: inner, parent: outer}
		}
		bindNames(inner, clause.target)
		c.Clauses = append(c.Clauses, &syntax.ForClause{For: position(e.line), Vars: t.names(clause.target), In: position(e.line), X: over})
		for _, cond := range clause.ifs {
			c.Clauses = append(c.Clauses, &syntax.IfClause{If: position(e.line), Cond: t.expr(cond)})
		}
	}
	if c.Body = t.expr(e.kids[0]); e.text == ":" {
		c.Body = &syntax.TupleExpr{Lparen: position(e.line), List: t.exprs(e.kids), Rparen: position(e.line)}
	}
	t.env = outer
	switch e.text {
	case ":":
		return t.ours("dict", e.line, c)
	case "{":
		return t.ours("set", e.line, c)
	}
	return c
}

func bindNames(s *scope, target *expr) {
	if target.kind == name {
		s.bound[target.text] = true
	}
	for _, k := range target.kids {
		bindNames(s, k)
	}
}

// names is a target of nothing but names that are no cells.
func (t *translator) names(e *expr) syntax.Expr {
	if e.kind == name {
		return t.ident(e.text, e.line)
	}
	out := &syntax.TupleExpr{Lparen: position(e.line), Rparen: position(e.line)}
	for _, k := range e.kids {
		out.List = append(out.List, t.names(k))
	}
	return out
}

func (t *translator) params(params []param) []syntax.Expr {
	var out []syntax.Expr
	for _, p := range params {
		switch id := t.ident(p.name, 1); {
		case p.kind == "*" && p.name == "":
			out = append(out, &syntax.UnaryExpr{OpPos: position(1), Op: syntax.STAR})
		case p.kind == "*":
			out = append(out, &syntax.UnaryExpr{OpPos: position(1), Op: syntax.STAR, X: id})
		case p.kind == "**":
			out = append(out, &syntax.UnaryExpr{OpPos: position(1), Op: syntax.STARSTAR, X: id})
		case p.value != nil:
			out = append(out, &syntax.BinaryExpr{X: id, OpPos: position(1), Op: syntax.EQ, Y: t.expr(p.value)})
		default:
			out = append(out, id)
		}
	}
	return out
}

// cells makes the variables of a scope that other functions rebind into cells.
func (t *translator) cells(s *scope, params []param, line int) []syntax.Stmt {
	var out []syntax.Stmt
	for n := range s.cells {
		var start []syntax.Expr
		if slices.ContainsFunc(params, func(p param) bool { return p.name == n }) {
			start = append(start, t.ident(n, line))
		}
		out = append(out, &syntax.AssignStmt{OpPos: position(line), Op: syntax.EQ, LHS: t.ident(n, line), RHS: t.ours("cell", line, start...)})
	}
	return out
}

func (t *translator) stmts(list []*stmt) []syntax.Stmt {
	var out []syntax.Stmt
	for _, s := range list {
		out = append(out, t.stmt(s)...)
		if t.err != nil {
			return out
		}
	}
	return out
}

// suite is a block, which can't be empty.
func (t *translator) suite(list []*stmt) []syntax.Stmt {
	if out := t.stmts(list); len(out) > 0 {
		return out
	}
	return []syntax.Stmt{&syntax.BranchStmt{Token: syntax.PASS, TokenPos: position(1)}}
}

func (t *translator) stmt(s *stmt) []syntax.Stmt {
	switch s.kind {
	case expression:
		return t.expression(s)
	case assign:
		return t.assign(s)
	case augmented:
		return t.augmented(s)
	case define:
		return t.define(s)
	case ifStmt:
		out := &syntax.IfStmt{If: position(s.line), Cond: t.expr(s.value), True: t.suite(s.body), ElsePos: position(s.line)}
		if len(s.other) > 0 {
			out.False = t.suite(s.other)
		}
		return []syntax.Stmt{out}
	case forStmt, whileStmt:
		return t.loop(s)
	case returnStmt:
		return t.returns(s)
	case breakStmt, continueStmt:
		if len(t.flags) == 0 {
			t.fail(syntaxError(s.line, "break or continue outside of a loop"))
			return nil
		}
		var out []syntax.Stmt
		token := syntax.CONTINUE
		if s.kind == breakStmt {
			token = syntax.BREAK
			if flag := t.flags[len(t.flags)-1]; flag != "" {
				out = t.set(flag, t.ident("True", s.line), s.line)
			}
		}
		return append(out, &syntax.BranchStmt{Token: token, TokenPos: position(s.line)})
	case deleteStmt:
		return t.delete(s.targets[0])
	case assertStmt:
		args := []syntax.Expr{t.expr(s.value)}
		return []syntax.Stmt{do(t.ours("assert", s.line, append(args, t.exprs(s.targets)...)...))}
	case raiseStmt:
		return []syntax.Stmt{do(t.ours("raise", s.line))}
	case block:
		return t.stmts(s.body)
	}
	return nil
}

func (t *translator) set(name string, value syntax.Expr, line int) []syntax.Stmt {
	return []syntax.Stmt{&syntax.AssignStmt{OpPos: position(line), Op: syntax.EQ, LHS: t.ident(name, line), RHS: value}}
}

// expression translates an expression that stands alone. Outside of functions it may be the program's value.
func (t *translator) expression(s *stmt) []syntax.Stmt {
	switch {
	case s.value.kind == constant && s.value.value.Type() == "string":
		return nil
	case s.value.kind == call && t.known(s.value.kids[0]) == "print":
		return []syntax.Stmt{do(t.expr(s.value))}
	case t.env.parent != nil:
		return []syntax.Stmt{do(t.computed(s.value))}
	}
	return []syntax.Stmt{do(t.ours("value", s.line, t.computed(s.value)))}
}

func (t *translator) assign(s *stmt) []syntax.Stmt {
	if len(s.targets) == 1 {
		target := s.targets[0]
		if target.kind == tuple && s.value.kind == tuple && len(target.kids) == len(s.value.kids) && !slices.ContainsFunc(append(target.kids[:len(target.kids):len(target.kids)], s.value.kids...), func(k *expr) bool { return k.kind == starred }) {
			values := &syntax.TupleExpr{Lparen: position(s.line), Rparen: position(s.line)}
			for i, v := range s.value.kids {
				values.List = append(values.List, t.told(v, source(target.kids[i])))
			}
			return t.assignTo(target, values)
		}
		return t.assignTo(target, t.told(s.value, source(target)))
	}
	temp := t.temp()
	out := t.set(temp, t.told(s.value, source(s.targets[0])), s.line)
	for _, target := range s.targets {
		out = append(out, t.assignTo(target, t.ident(temp, s.line))...)
	}
	return out
}

// source is a target as a program writes it; of several, none.
func source(e *expr) string {
	if e.kind == name || e.kind == index {
		return render(e, nil, nil)
	}
	return ""
}

// assignTo assigns a value to a target.
func (t *translator) assignTo(target *expr, value syntax.Expr) []syntax.Stmt {
	line := target.line
	switch target.kind {
	case name:
		m := t.lookup(target.text)
		if m.cell {
			return []syntax.Stmt{do(t.ours("set!", line, t.ident(m.ident, line), value))}
		}
		if m.ident == "" {
			t.fail(refuse(line, "a name that is both imported and assigned to"))
		}
		return t.set(target.text, value, line)
	case index:
		return []syntax.Stmt{do(t.ours("setindex", line, t.expr(target.kids[0]), t.expr(target.kids[1]), value))}
	case tuple, list:
		return t.unpack(target, value)
	}
	t.fail(syntaxError(line, "a star can't stand here"))
	return nil
}

func (t *translator) unpack(target *expr, value syntax.Expr) []syntax.Stmt {
	star, before := -1, &syntax.TupleExpr{Lparen: position(target.line), Rparen: position(target.line)}
	var after []syntax.Stmt
	for i, k := range target.kids {
		if k.kind == starred {
			if star >= 0 {
				t.fail(syntaxError(k.line, "two starred targets"))
			}
			star, k = i, k.kids[0]
		}
		if k.kind == name && !t.lookup(k.text).cell {
			before.List = append(before.List, t.ident(k.text, k.line))
			continue
		}
		temp := t.temp()
		before.List = append(before.List, t.ident(temp, k.line))
		after = append(after, t.assignTo(k, t.ident(temp, k.line))...)
	}
	if star >= 0 {
		value = t.ours("split", target.line, value, integer(star, target.line), integer(len(target.kids)-1-star, target.line))
	} else {
		value = t.ours("each", target.line, value)
	}
	return append([]syntax.Stmt{&syntax.AssignStmt{OpPos: position(target.line), Op: syntax.EQ, LHS: before, RHS: value}}, after...)
}

func (t *translator) augmented(s *stmt) []syntax.Stmt {
	target := s.targets[0]
	op := strings.TrimSuffix(s.text, "=")
	if op == "@" {
		t.fail(refuse(s.line, "@"))
		return nil
	}
	if op == "+" {
		op = "+="
	}
	var out []syntax.Stmt
	if target.kind == index { // what it is an element of must be evaluated once
		held := &expr{kind: index, line: target.line}
		for _, k := range target.kids {
			if k.kind != name && k.kind != constant {
				temp := t.temp()
				t.env.scope.bound[temp] = true
				out = append(out, t.set(temp, t.expr(k), s.line)...)
				k = &expr{kind: name, line: k.line, text: temp}
			}
			held.kids = append(held.kids, k)
		}
		target = held
	}
	sum := &expr{kind: binary, line: s.line, text: op, kids: []*expr{{kind: target.kind, line: target.line, text: target.text, kids: target.kids}, s.value}}
	return append(out, t.assignTo(target, t.told(sum, source(s.targets[0])))...)
}

func (t *translator) define(s *stmt) []syntax.Stmt {
	for n := range s.scope.bound {
		if s.scope.imports[n] != "" {
			t.fail(refuse(s.line, "a name that is both imported and assigned to"))
		}
	}
	as := s.text
	cell := t.lookup(s.text).cell
	if cell {
		as = t.temp()
	}
	params := t.params(s.params)
	flags := t.flags
	t.flags = nil
	t.env = &env{scope: s.scope, parent: t.env}
	body := append([]syntax.Stmt{do(t.ours("enter", s.line))}, t.cells(s.scope, s.params, s.line)...)
	body = append(body, t.stmts(s.body)...)
	t.env = t.env.parent
	t.flags = flags
	out := []syntax.Stmt{&syntax.DefStmt{Def: position(s.line), Name: t.ident(as, s.line), Lparen: position(s.line), Params: params, Rparen: position(s.line), Body: body}}
	if cell {
		out = append(out, t.assignTo(&expr{kind: name, line: s.line, text: s.text}, t.ident(as, s.line))...)
	}
	return out
}

func (t *translator) returns(s *stmt) []syntax.Stmt {
	value := syntax.Expr(t.ident("None", s.line))
	if s.value != nil {
		value = t.computed(s.value)
	}
	if t.env.parent == nil {
		return []syntax.Stmt{do(t.ours("return", s.line, value))}
	}
	return []syntax.Stmt{&syntax.ReturnStmt{Return: position(s.line), Result: value}}
}

func (t *translator) loop(s *stmt) []syntax.Stmt {
	var out []syntax.Stmt
	flag := ""
	if len(s.other) > 0 {
		flag = t.temp()
		out = t.set(flag, t.ident("False", s.line), s.line)
	}
	if s.kind == whileStmt {
		cond := t.expr(s.value)
		t.flags = append(t.flags, flag)
		out = append(out, &syntax.WhileStmt{While: position(s.line), Cond: cond, Body: t.suite(s.body)})
	} else {
		over := t.ours("each", s.line, t.expr(s.value))
		target := s.targets[0]
		t.flags = append(t.flags, flag)
		if plainTarget(target) && !t.anyCell(target) {
			out = append(out, &syntax.ForStmt{For: position(s.line), Vars: t.names(target), X: over, Body: t.suite(s.body)})
		} else {
			temp := t.temp()
			body := append(t.assignTo(target, t.ident(temp, s.line)), t.suite(s.body)...)
			out = append(out, &syntax.ForStmt{For: position(s.line), Vars: t.ident(temp, s.line), X: over, Body: body})
		}
	}
	t.flags = t.flags[:len(t.flags)-1]
	if flag != "" {
		not := &syntax.UnaryExpr{OpPos: position(s.line), Op: syntax.NOT, X: t.ident(flag, s.line)}
		out = append(out, &syntax.IfStmt{If: position(s.line), Cond: not, True: t.suite(s.other)})
	}
	return out
}

func (t *translator) anyCell(e *expr) bool {
	return e.kind == name && t.lookup(e.text).cell || slices.ContainsFunc(e.kids, t.anyCell)
}

func (t *translator) delete(target *expr) []syntax.Stmt {
	switch target.kind {
	case tuple:
		var out []syntax.Stmt
		for _, k := range target.kids {
			out = append(out, t.delete(k)...)
		}
		return out
	case index:
		return []syntax.Stmt{do(t.ours("delete", target.line, t.expr(target.kids[0]), t.expr(target.kids[1])))}
	case name:
		return nil
	}
	t.fail(refuse(target.line, "del of such a thing"))
	return nil
}
