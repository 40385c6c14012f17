package program

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// parser reads the statements of Python that a calculation is written in. It goes down one level for each that the text
// nests, up to maxNesting, and reads no chain of operators longer than maxChain.
type parser struct {
	tokens []token
	at     int
	depth  int
	scope  *scope
	stops  []int // end of each statement of the module, in bytes, for cutting prose off behind it
}

var keywords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`False None True and as assert async await break class continue def del elif else except finally for from global
		if import in is lambda nonlocal not or pass raise return try while with yield`) {
		m[w] = true
	}
	return m
}()

// parse reads a whole program. stops are the places where a statement of it ends; they are right up to where an error
// is.
func parse(src string) (body []*stmt, module *scope, stops []int, err error) {
	if len(src) > maxSource {
		return nil, nil, nil, limitError("the program is too long")
	}
	if !utf8.ValidString(src) {
		return nil, nil, nil, syntaxError(1, "it is no text")
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, nil, nil, err
	}
	p := &parser{tokens: tokens, scope: newScope(nil)}
	for p.peek().kind != tokEnd {
		s, err := p.statement()
		if err != nil {
			return nil, nil, p.stops, err
		}
		body = append(body, s...)
		p.stops = append(p.stops, p.tokens[max(p.at-1, 0)].end)
	}
	return body, p.scope, p.stops, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == tokOp || t.kind == tokName) && t.text == text
}

func (p *parser) take(text string) bool {
	if p.is(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(text string) error {
	if !p.take(text) {
		return p.unexpected("%q was expected", text)
	}
	return nil
}

// unexpected is the error of a token that can't stand where it does.
func (p *parser) unexpected(format string, args ...any) error {
	t := p.peek()
	rest := p.tokens[p.at:]
	if !slices.ContainsFunc(rest, func(t token) bool { return t.kind <= tokOp && t.kind != tokEnd }) {
		return cutError(t.line, format, args...)
	}
	return syntaxError(t.line, format, args...)
}

func (p *parser) deeper() (func(), error) {
	if p.depth++; p.depth > maxNesting {
		return nil, limitError("the program is nested too deeply")
	}
	return func() { p.depth-- }, nil
}

// identifier reads a name that is no keyword.
func (p *parser) identifier() (string, error) {
	if t := p.peek(); t.kind != tokName || keywords[t.text] {
		return "", p.unexpected("a name was expected")
	}
	return p.next().text, nil
}

func (p *parser) bind(name string) { p.scope.bound[name] = true }

// statement reads one statement, or the simple ones of one line.
func (p *parser) statement() ([]*stmt, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	t := p.peek()
	switch t.kind {
	case tokIndent:
		return nil, syntaxError(t.line, "unexpected indentation")
	case tokNewline:
		p.next()
		return nil, nil
	case tokName:
		switch t.text {
		case "if":
			p.next()
			s, err := p.ifElse(t.line)
			return one(s, err)
		case "while":
			return one(p.while())
		case "for":
			return one(p.loop())
		case "def":
			return one(p.define())
		case "try":
			return one(p.try())
		case "class", "async", "with":
			return nil, refuse(t.line, t.text)
		}
	}
	if p.is("@") {
		return p.decorated()
	}
	return p.simples()
}

func one(s *stmt, err error) ([]*stmt, error) {
	if err != nil {
		return nil, err
	}
	return []*stmt{s}, nil
}

// decorated reads a function below decorators. Those that only remember results change nothing but the time it takes.
func (p *parser) decorated() ([]*stmt, error) {
	for p.is("@") {
		line := p.next().line
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		if e.kind == call {
			e = e.kids[0]
		}
		if e.text != "cache" && e.text != "lru_cache" && e.text != "staticmethod" {
			return nil, refuse(line, "a decorator")
		}
		if p.peek().kind == tokNewline {
			p.next()
		}
	}
	if !p.is("def") {
		return nil, p.unexpected("a function was expected below its decorator")
	}
	return one(p.define())
}

// simples reads statements that are separated by semicolons, up to the end of the line.
func (p *parser) simples() ([]*stmt, error) {
	var out []*stmt
	for {
		s, err := p.simple()
		if err != nil {
			return nil, err
		}
		if s != nil {
			out = append(out, s)
		}
		more := p.take(";")
		if p.peek().kind == tokNewline {
			p.next()
			return out, nil
		}
		if !more {
			return nil, p.unexpected("the statement goes on with %q", p.peek().text)
		}
	}
}

func (p *parser) simple() (*stmt, error) {
	t := p.peek()
	s := &stmt{line: t.line}
	if t.kind == tokName {
		switch t.text {
		case "pass":
			p.next()
			s.kind = passStmt
			return s, nil
		case "break", "continue":
			p.next()
			s.kind = breakStmt
			if t.text == "continue" {
				s.kind = continueStmt
			}
			return s, nil
		case "return":
			p.next()
			s.kind = returnStmt
			var err error
			if k := p.peek(); k.kind != tokNewline && !p.is(";") {
				s.value, err = p.tupleOf(p.starredOr)
			}
			return s, err
		case "import", "from":
			return nil, p.importation()
		case "global", "nonlocal":
			return nil, p.outer()
		case "del":
			p.next()
			s.kind = deleteStmt
			e, err := p.tupleOf(p.expression)
			s.targets = []*expr{e}
			return s, err
		case "assert":
			p.next()
			s.kind = assertStmt
			var err error
			if s.value, err = p.expression(); err == nil && p.take(",") {
				var message *expr
				message, err = p.expression()
				s.targets = []*expr{message}
			}
			return s, err
		case "raise":
			p.next()
			s.kind = raiseStmt
			var err error
			if p.peek().kind != tokNewline && !p.is(";") {
				if s.value, err = p.expression(); err == nil && p.take("from") {
					_, err = p.expression()
				}
			}
			return s, err
		}
	}
	e, err := p.tupleOf(p.starredOr)
	if err != nil {
		return nil, err
	}
	switch op := p.peek(); {
	case p.is(":") && e.kind != tuple: // an annotation, which says nothing to the machine
		p.next()
		if _, err := p.expression(); err != nil {
			return nil, err
		}
		if err := p.target(e); err != nil {
			return nil, err
		}
		if !p.take("=") {
			s.kind = passStmt
			return s, nil
		}
		s.kind, s.targets = assign, []*expr{e}
		s.value, err = p.tupleOf(p.starredOr)
		return s, err
	case p.is("="):
		s.kind = assign
		for p.take("=") {
			if err := p.target(e); err != nil {
				return nil, err
			}
			s.targets = append(s.targets, e)
			if e, err = p.tupleOf(p.starredOr); err != nil {
				return nil, err
			}
		}
		s.value = e
		return s, nil
	case op.kind == tokOp && len(op.text) > 1 && op.text[len(op.text)-1] == '=' && !slices.Contains([]string{"==", "!=", "<=", ">="}, op.text):
		p.next()
		if e.kind != name && e.kind != index {
			return nil, syntaxError(op.line, "%s can't change what stands before it", op.text)
		}
		if err := p.target(e); err != nil {
			return nil, err
		}
		s.kind, s.text, s.targets = augmented, op.text, []*expr{e}
		s.value, err = p.tupleOf(p.expression)
		return s, err
	}
	s.kind, s.value = expression, e
	return s, nil
}

// target binds the names that are assigned to.
func (p *parser) target(e *expr) error {
	switch e.kind {
	case name:
		p.bind(e.text)
		return nil
	case tuple, list:
		for _, kid := range e.kids {
			if err := p.target(kid); err != nil {
				return err
			}
		}
		return nil
	case index:
		return nil
	case starred:
		return p.target(e.kids[0])
	case attribute:
		return refuse(e.line, "an attribute that is assigned to")
	case slice:
		return refuse(e.line, "a slice that is assigned to")
	}
	return syntaxError(e.line, "what stands before = can't be assigned to")
}

func (p *parser) importation() error {
	t := p.next()
	var module string
	for {
		part, err := p.identifier()
		if err != nil {
			return err
		}
		if module += part; !p.take(".") {
			break
		}
		module += "."
	}
	root, _, _ := strings.Cut(module, ".")
	known, there := modules[root]
	if t.text == "import" {
		as := root
		if p.take("as") {
			var err error
			if as, err = p.identifier(); err != nil {
				return err
			}
		}
		if !there {
			return refuse(t.line, "the module "+strconv.Quote(module))
		}
		p.scope.imports[as] = root + "."
		if p.take(",") {
			p.at-- // the comma stands where "import" stood
			p.tokens[p.at] = token{kind: tokName, text: "import", line: t.line}
			return p.importation()
		}
		return nil
	}
	if err := p.want("import"); err != nil {
		return err
	}
	if !there {
		return refuse(t.line, "the module "+strconv.Quote(module))
	}
	if p.take("*") {
		p.scope.star = root + "."
		return nil
	}
	open := p.take("(")
	for {
		what, err := p.identifier()
		if err != nil {
			return err
		}
		as := what
		if p.take("as") {
			if as, err = p.identifier(); err != nil {
				return err
			}
		}
		if !known && !there || known && !exists(root+"."+what) {
			return refuse(t.line, root+"."+what)
		}
		p.scope.imports[as] = root + "." + what
		if !p.take(",") || p.is(")") {
			break
		}
	}
	if open {
		return p.want(")")
	}
	return nil
}

// outer reads "global a, b" and "nonlocal a, b".
func (p *parser) outer() error {
	t := p.next()
	for {
		n, err := p.identifier()
		if err != nil {
			return err
		}
		owner := p.scope.parent
		switch {
		case t.text == "global":
			owner = p.scope.module()
			owner.bound[n] = true
		default:
			for owner != nil && !owner.bound[n] {
				owner = owner.parent
			}
			if owner == nil || owner.parent == nil {
				return syntaxError(t.line, "no function around binds %q", n)
			}
		}
		if owner != p.scope {
			p.scope.outer[n] = t.text
			owner.cells[n] = true
		}
		if !p.take(",") {
			return nil
		}
	}
}

// suite reads the statements below a colon.
func (p *parser) suite() ([]*stmt, error) {
	if err := p.want(":"); err != nil {
		return nil, err
	}
	if p.peek().kind != tokNewline {
		return p.simples()
	}
	p.next()
	if p.peek().kind != tokIndent {
		return nil, p.unexpected("an indented block was expected")
	}
	p.next()
	var out []*stmt
	for p.peek().kind != tokDedent {
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		out = append(out, s...)
	}
	p.next()
	return out, nil
}

// ifElse reads on behind "if" or "elif".
func (p *parser) ifElse(line int) (*stmt, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	s := &stmt{kind: ifStmt, line: line}
	if s.value, err = p.named(); err != nil {
		return nil, err
	}
	if s.body, err = p.suite(); err != nil {
		return nil, err
	}
	if t := p.peek(); p.take("elif") {
		s.other, err = one(p.ifElse(t.line))
		return s, err
	}
	s.other, err = p.otherwise()
	return s, err
}

func (p *parser) otherwise() ([]*stmt, error) {
	if !p.take("else") {
		return nil, nil
	}
	return p.suite()
}

func (p *parser) while() (*stmt, error) {
	s := &stmt{kind: whileStmt, line: p.next().line}
	var err error
	if s.value, err = p.named(); err != nil {
		return nil, err
	}
	if s.body, err = p.suite(); err != nil {
		return nil, err
	}
	s.other, err = p.otherwise()
	return s, err
}

func (p *parser) loop() (*stmt, error) {
	s := &stmt{kind: forStmt, line: p.next().line}
	target, err := p.targets()
	if err != nil {
		return nil, err
	}
	if err := p.target(target); err != nil {
		return nil, err
	}
	s.targets = []*expr{target}
	if err := p.want("in"); err != nil {
		return nil, err
	}
	if s.value, err = p.tupleOf(p.starredOr); err != nil {
		return nil, err
	}
	if s.body, err = p.suite(); err != nil {
		return nil, err
	}
	s.other, err = p.otherwise()
	return s, err
}

// targets reads what stands between "for" and "in".
func (p *parser) targets() (*expr, error) {
	return p.tupleOf(func() (*expr, error) { return p.operand(bitor) })
}

// define reads a function. A small model forgets the parentheses of one without parameters; they are read into it.
func (p *parser) define() (*stmt, error) {
	s := &stmt{kind: define, line: p.next().line}
	var err error
	if s.text, err = p.identifier(); err != nil {
		return nil, err
	}
	p.bind(s.text)
	s.scope = newScope(p.scope)
	if p.take("(") {
		if s.params, err = p.parameters(s.scope, ")"); err != nil {
			return nil, err
		}
		if err := p.want(")"); err != nil {
			return nil, err
		}
	}
	if p.take("->") {
		if _, err := p.expression(); err != nil {
			return nil, err
		}
	}
	p.scope = s.scope
	s.body, err = p.suite()
	p.scope = s.scope.parent
	return s, err
}

// parameters reads those of a function or lambda, up to end, with their defaults, which belong to the scope around.
func (p *parser) parameters(inner *scope, end string) ([]param, error) {
	var out []param
	for !p.is(end) {
		var q param
		var err error
		switch {
		case p.take("/"):
			if !p.take(",") {
				return out, nil
			}
			continue
		case p.take("**"):
			q.kind = "**"
		case p.take("*"):
			q.kind = "*"
		}
		if q.kind != "*" || !p.is(",") {
			if q.name, err = p.identifier(); err != nil {
				return nil, err
			}
			if inner.bound[q.name] {
				return nil, syntaxError(p.peek().line, "two parameters have the name %q", q.name)
			}
			inner.bound[q.name] = true
		}
		if end != ":" && p.take(":") {
			if _, err := p.expression(); err != nil {
				return nil, err
			}
		}
		if p.take("=") {
			if q.value, err = p.expression(); err != nil {
				return nil, err
			}
		}
		out = append(out, q)
		if !p.take(",") {
			break
		}
	}
	return out, nil
}

// try reads a try statement. Its body is taken to raise nothing, which is so in every run that ends.
func (p *parser) try() (*stmt, error) {
	s := &stmt{kind: block, line: p.next().line}
	var err error
	if s.body, err = p.suite(); err != nil {
		return nil, err
	}
	handled := false
	for p.take("except") {
		handled = true
		if !p.is(":") {
			if _, err := p.tupleOf(p.expression); err != nil {
				return nil, err
			}
			if p.take("as") {
				n, err := p.identifier()
				if err != nil {
					return nil, err
				}
				p.bind(n)
			}
		}
		if _, err := p.suite(); err != nil {
			return nil, err
		}
	}
	other, err := p.otherwise()
	if err != nil {
		return nil, err
	}
	s.body = append(s.body, other...)
	if p.take("finally") {
		last, err := p.suite()
		if err != nil {
			return nil, err
		}
		s.body = append(s.body, last...)
	} else if !handled {
		return nil, p.unexpected("\"except\" was expected")
	}
	return s, nil
}

// tupleOf reads what item reads, or several separated by commas, which are a tuple.
func (p *parser) tupleOf(item func() (*expr, error)) (*expr, error) {
	line := p.peek().line
	first, err := item()
	if err != nil {
		return nil, err
	}
	if !p.is(",") {
		if first.kind == starred {
			return nil, syntaxError(line, "a star can't stand alone")
		}
		return first, nil
	}
	e := &expr{kind: tuple, line: line, kids: []*expr{first}}
	for p.take(",") {
		if t := p.peek(); t.kind == tokNewline || t.kind == tokEnd || p.is("=") || p.is(")") || p.is("]") || p.is("}") || p.is("in") || p.is(";") || p.is(":") {
			break
		}
		kid, err := item()
		if err != nil {
			return nil, err
		}
		e.kids = append(e.kids, kid)
	}
	return e, nil
}

// named reads an expression, or "name := expression".
func (p *parser) named() (*expr, error) {
	if t := p.peek(); t.kind == tokName && !keywords[t.text] && p.tokens[p.at+1].kind == tokOp && p.tokens[p.at+1].text == ":=" {
		p.at += 2
		p.bind(t.text)
		p.scope.cells[t.text] = true // a cell, since Starlark has no assignment within an expression
		e, err := p.expression()
		return &expr{kind: walrus, line: t.line, text: t.text, kids: []*expr{e}}, err
	}
	return p.expression()
}

func (p *parser) starredOr() (*expr, error) {
	if t := p.peek(); p.take("*") {
		e, err := p.operand(bitor)
		return &expr{kind: starred, line: t.line, kids: []*expr{e}}, err
	}
	return p.named()
}

// expression reads a conditional expression, a lambda, or anything below.
func (p *parser) expression() (*expr, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	t := p.peek()
	switch {
	case p.is("lambda"):
		return p.lambda()
	case p.is("yield"), p.is("await"):
		return nil, refuse(t.line, t.text)
	}
	e, err := p.either("or")
	if err != nil || !p.take("if") {
		return e, err
	}
	cond, err := p.either("or")
	if err != nil {
		return nil, err
	}
	if err := p.want("else"); err != nil {
		return nil, err
	}
	other, err := p.expression()
	return &expr{kind: conditional, line: t.line, kids: []*expr{cond, e, other}}, err
}

func (p *parser) lambda() (*expr, error) {
	e := &expr{kind: lambda, line: p.next().line, scope: newScope(p.scope)}
	var err error
	if e.params, err = p.parameters(e.scope, ":"); err != nil {
		return nil, err
	}
	if err := p.want(":"); err != nil {
		return nil, err
	}
	p.scope = e.scope
	body, err := p.expression()
	p.scope = e.scope.parent
	e.kids = []*expr{body}
	return e, err
}

// either reads operands joined by "or", or by "and", which binds more tightly.
func (p *parser) either(op string) (*expr, error) {
	operand := p.not
	if op == "or" {
		operand = func() (*expr, error) { return p.either("and") }
	}
	e, err := operand()
	for n := 0; err == nil && p.is(op); n++ {
		if n > maxChain {
			return nil, limitError("an expression is too long")
		}
		line := p.next().line
		var right *expr
		right, err = operand()
		e = &expr{kind: logic, line: line, text: op, kids: []*expr{e, right}}
	}
	return e, err
}

func (p *parser) not() (*expr, error) {
	if t := p.peek(); p.take("not") {
		up, err := p.deeper()
		if err != nil {
			return nil, err
		}
		defer up()
		e, err := p.not()
		return &expr{kind: unary, line: t.line, text: "not", kids: []*expr{e}}, err
	}
	return p.comparison()
}

func (p *parser) comparison() (*expr, error) {
	first, err := p.operand(bitor)
	if err != nil {
		return nil, err
	}
	e := &expr{kind: compare, line: first.line, kids: []*expr{first}}
	for {
		op := p.peek().text
		switch {
		case p.take("is"):
			if op = "is"; p.take("not") {
				op = "is not"
			}
		case p.is("not") && p.tokens[p.at+1].text == "in":
			p.at += 2
			op = "not in"
		case p.take("<"), p.take(">"), p.take("=="), p.take("!="), p.take("<="), p.take(">="), p.take("in"):
		default:
			if len(e.ops) == 0 {
				return first, nil
			}
			return e, nil
		}
		right, err := p.operand(bitor)
		if err != nil {
			return nil, err
		}
		if len(e.ops) > maxChain {
			return nil, limitError("an expression is too long")
		}
		e.ops, e.kids = append(e.ops, op), append(e.kids, right)
	}
}

// Levels of binary operators, from the loosest.
const bitor = 0

var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%", "@"}}

// operand reads a chain of binary operators of a level or above, left to right.
func (p *parser) operand(level int) (*expr, error) {
	if level == len(levels) {
		return p.sign()
	}
	e, err := p.operand(level + 1)
	for n := 0; err == nil; n++ {
		t := p.peek()
		if t.kind != tokOp || !slices.Contains(levels[level], t.text) {
			break
		}
		if n > maxChain {
			return nil, limitError("an expression is too long")
		}
		if t.text == "@" {
			return nil, refuse(t.line, "@")
		}
		p.next()
		var right *expr
		right, err = p.operand(level + 1)
		e = &expr{kind: binary, line: t.line, text: t.text, kids: []*expr{e, right}}
	}
	return e, err
}

// sign reads + - ~ before a power.
func (p *parser) sign() (*expr, error) {
	t := p.peek()
	if !p.take("-") && !p.take("+") && !p.take("~") {
		return p.power()
	}
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	e, err := p.sign()
	return &expr{kind: unary, line: t.line, text: t.text, kids: []*expr{e}}, err
}

func (p *parser) power() (*expr, error) {
	e, err := p.primary()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if !p.take("**") {
		return e, nil
	}
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	right, err := p.sign()
	return &expr{kind: binary, line: t.line, text: "**", kids: []*expr{e, right}}, err
}

// primary reads an atom with its calls, indices and attributes.
func (p *parser) primary() (*expr, error) {
	e, err := p.atom()
	for n := 0; err == nil; n++ {
		if n > maxNesting {
			return nil, limitError("an expression is nested too deeply")
		}
		t := p.peek()
		switch {
		case p.take("("):
			e, err = p.arguments(e)
		case p.take("["):
			e, err = p.subscript(e)
		case p.take("."):
			var what string
			what, err = p.identifier()
			e = &expr{kind: attribute, line: t.line, text: what, kids: []*expr{e}}
		default:
			return e, nil
		}
	}
	return e, err
}

func (p *parser) arguments(fn *expr) (*expr, error) {
	e := &expr{kind: call, line: fn.line, kids: []*expr{fn}}
	for !p.take(")") {
		op := ""
		t := p.peek()
		switch {
		case p.take("*"):
			op = "*"
		case p.take("**"):
			op = "**"
		case t.kind == tokName && p.tokens[p.at+1].kind == tokOp && p.tokens[p.at+1].text == "=":
			p.at += 2
			op = t.text
		}
		kid, err := p.named()
		if err != nil {
			return nil, err
		}
		if op == "" && p.is("for") {
			if kid, err = p.clauses(&expr{kind: comprehension, line: t.line, text: "[", kids: []*expr{kid}}); err != nil {
				return nil, err
			}
		}
		e.kids, e.ops = append(e.kids, kid), append(e.ops, op)
		if !p.take(",") {
			if err := p.want(")"); err != nil {
				return nil, err
			}
			break
		}
	}
	if len(e.ops) > maxArguments {
		return nil, limitError("a call has too many arguments")
	}
	return e, nil
}

func (p *parser) subscript(x *expr) (*expr, error) {
	var parts [3]*expr
	n := 0
	for ; n < 3; n++ {
		if !p.is(":") && !p.is("]") {
			e, err := p.tupleOf(p.named)
			if err != nil {
				return nil, err
			}
			parts[n] = e
		}
		if !p.take(":") {
			break
		}
	}
	if err := p.want("]"); err != nil {
		return nil, err
	}
	if n == 0 {
		if parts[0] == nil {
			return nil, syntaxError(x.line, "an index is missing")
		}
		return &expr{kind: index, line: x.line, kids: []*expr{x, parts[0]}}, nil
	}
	return &expr{kind: slice, line: x.line, kids: []*expr{x, parts[0], parts[1], parts[2]}}, nil
}

func (p *parser) atom() (*expr, error) {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		p.next()
		v, err := parseNumber(t.text, t.line)
		return &expr{kind: constant, line: t.line, value: v, text: t.text}, err
	case tokString:
		return p.strings()
	case tokName:
		switch t.text {
		case "None":
			p.next()
			return &expr{kind: constant, line: t.line, value: starlark.None, text: t.text}, nil
		case "True", "False":
			p.next()
			return &expr{kind: constant, line: t.line, value: starlark.Bool(t.text == "True"), text: t.text}, nil
		}
		n, err := p.identifier()
		return &expr{kind: name, line: t.line, text: n}, err
	}
	switch {
	case p.take("("):
		if p.take(")") {
			return &expr{kind: tuple, line: t.line}, nil
		}
		if p.is("yield") {
			return nil, refuse(t.line, "yield")
		}
		e, err := p.tupleOf(p.starredOr)
		if err != nil {
			return nil, err
		}
		if p.is("for") {
			if e, err = p.clauses(&expr{kind: comprehension, line: t.line, text: "[", kids: []*expr{e}}); err != nil {
				return nil, err
			}
		}
		return e, p.want(")")
	case p.take("["):
		e := &expr{kind: list, line: t.line}
		return p.items(e, "]")
	case p.take("{"):
		if p.take("}") {
			return &expr{kind: dict, line: t.line}, nil
		}
		return p.braces(t.line)
	case p.take("..."):
		return &expr{kind: constant, line: t.line, value: starlark.None, text: "None"}, nil
	}
	return nil, p.unexpected("an expression was expected")
}

// items reads the elements of a list or set, or its comprehension.
func (p *parser) items(e *expr, end string) (*expr, error) {
	for !p.take(end) {
		kid, err := p.starredOr()
		if err != nil {
			return nil, err
		}
		e.kids = append(e.kids, kid)
		if len(e.kids) == 1 && p.is("for") {
			e.kind, e.text = comprehension, map[string]string{"]": "[", "}": "{"}[end]
			if e, err = p.clauses(e); err != nil {
				return nil, err
			}
			return e, p.want(end)
		}
		if !p.take(",") {
			return e, p.want(end)
		}
	}
	return e, nil
}

// braces reads a dict or a set behind its brace.
func (p *parser) braces(line int) (*expr, error) {
	e := &expr{kind: dict, line: line}
	for !p.take("}") {
		if p.take("**") {
			return nil, refuse(line, "** within a dict")
		}
		if p.is("*") {
			e.kind = set
			return p.items(e, "}")
		}
		at := p.at
		key, err := p.named()
		if err != nil {
			return nil, err
		}
		if len(e.kids) == 0 && !p.is(":") {
			p.at = at
			e.kind = set
			return p.items(e, "}")
		}
		if err := p.want(":"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.kids = append(e.kids, key, value)
		if len(e.kids) == 2 && p.is("for") {
			e.kind, e.text = comprehension, ":"
			if e, err = p.clauses(e); err != nil {
				return nil, err
			}
			return e, p.want("}")
		}
		if !p.take(",") {
			return e, p.want("}")
		}
	}
	return e, nil
}

// clauses reads the loops and conditions of a comprehension. Their variables are its own.
func (p *parser) clauses(e *expr) (*expr, error) {
	for p.take("for") {
		if len(e.clauses) >= maxNesting {
			return nil, limitError("a comprehension is nested too deeply")
		}
		target, err := p.targets()
		if err != nil {
			return nil, err
		}
		if !plainTarget(target) {
			return nil, refuse(e.line, "a loop variable that is no name")
		}
		c := clause{target: target}
		if err := p.want("in"); err != nil {
			return nil, err
		}
		if c.in, err = p.either("or"); err != nil {
			return nil, err
		}
		for p.take("if") {
			cond, err := p.either("or")
			if err != nil {
				return nil, err
			}
			c.ifs = append(c.ifs, cond)
		}
		e.clauses = append(e.clauses, c)
	}
	return e, nil
}

// plainTarget reports whether nothing but names is assigned to.
func plainTarget(e *expr) bool {
	switch e.kind {
	case name:
		return true
	case tuple, list:
		return !slices.ContainsFunc(e.kids, func(k *expr) bool { return !plainTarget(k) })
	}
	return false
}

// strings reads one string, or several that stand side by side.
func (p *parser) strings() (*expr, error) {
	line := p.peek().line
	e := &expr{kind: fstring, line: line}
	for p.peek().kind == tokString {
		t := p.next()
		if !strings.Contains(t.prefix, "f") {
			text, err := unescape(t.text, t.prefix, t.line)
			if err != nil {
				return nil, err
			}
			e.kids = append(e.kids, &expr{kind: constant, line: line, value: starlark.String(text)})
			continue
		}
		parts, err := p.format(t.text, t.prefix, t.line, 0)
		if err != nil {
			return nil, err
		}
		e.kids = append(e.kids, parts...)
	}
	if slices.ContainsFunc(e.kids, func(k *expr) bool { return k.kind != constant }) {
		if len(e.kids) > maxArguments {
			return nil, limitError("an f-string has too many parts")
		}
		return e, nil
	}
	var all strings.Builder
	for _, k := range e.kids {
		all.WriteString(string(k.value.(starlark.String)))
	}
	return &expr{kind: constant, line: line, value: starlark.String(all.String())}, nil
}

// format reads the text of an f-string, or of the format of one of its fields (level 1).
func (p *parser) format(text, prefix string, line, level int) ([]*expr, error) {
	var out []*expr
	literal := func(s string) error {
		if s == "" {
			return nil
		}
		s, err := unescape(s, prefix, line)
		out = append(out, &expr{kind: constant, line: line, value: starlark.String(s)})
		return err
	}
	start := 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case level == 0 && (strings.HasPrefix(text[i:], "{{") || strings.HasPrefix(text[i:], "}}")):
			if err := literal(text[start : i+1]); err != nil {
				return nil, err
			}
			i += 2
			start = i
		case c == '{':
			if err := literal(text[start:i]); err != nil {
				return nil, err
			}
			field, n, err := p.field(text[i+1:], prefix, line, level)
			if err != nil {
				return nil, err
			}
			out = append(out, field...)
			i += 1 + n
			start = i
		case c == '}':
			return nil, syntaxError(line, "a single } in an f-string")
		default:
			i++
		}
	}
	return out, literal(text[start:])
}

// field reads one field of an f-string behind its brace; n is how many bytes it takes, its closing brace included.
func (p *parser) field(text, prefix string, line, level int) (out []*expr, n int, err error) {
	if level > 1 {
		return nil, 0, refuse(line, "an f-string nested in a format")
	}
	depth, quote := 0, byte(0)
	end := -1 // of the expression
scan:
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}' && depth > 0:
			depth--
		case depth > 0:
		case c == '}' || c == ':' || c == '!' && !strings.HasPrefix(text[i:], "!="):
			end = i
			break scan
		}
	}
	if end < 0 {
		return nil, 0, syntaxError(line, "a field of an f-string is not closed")
	}
	source := text[:end]
	e := &expr{kind: formatted, line: line, kids: []*expr{nil, nil}}
	if body, shown := strings.CutSuffix(strings.TrimRight(source, " "), "="); shown && !strings.HasSuffix(body, "=") && !strings.HasSuffix(body, "!") &&
		!strings.HasSuffix(body, "<") && !strings.HasSuffix(body, ">") { // {x=}
		out = append(out, &expr{kind: constant, line: line, value: starlark.String(source)})
		source, e.text = body, "r"
	}
	inner, err := lex("(" + source + ")")
	if err != nil {
		return nil, 0, err
	}
	for i := range inner {
		inner[i].line = line
	}
	sub := &parser{tokens: inner, depth: p.depth + 1, scope: p.scope}
	if sub.depth > maxNesting {
		return nil, 0, limitError("the program is nested too deeply")
	}
	if e.kids[0], err = sub.tupleOf(sub.starredOr); err != nil {
		return nil, 0, err
	}
	if sub.peek().kind != tokNewline {
		return nil, 0, syntaxError(line, "a field of an f-string is no expression")
	}
	i := end
	if text[i] == '!' {
		if i+1 >= len(text) || !strings.ContainsRune("rsa", rune(text[i+1])) {
			return nil, 0, syntaxError(line, "a conversion is not r, s or a")
		}
		e.text = text[i+1 : i+2]
		i += 2
	}
	if i < len(text) && text[i] == ':' {
		start := i + 1
		depth := 0
		for i = start; i < len(text) && (text[i] != '}' || depth > 0); i++ {
			switch text[i] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		if e.text == "r" && len(out) > 0 {
			e.text = ""
		}
		parts, err := p.format(text[start:min(i, len(text))], prefix, line, level+1)
		if err != nil {
			return nil, 0, err
		}
		e.kids[1] = &expr{kind: fstring, line: line, kids: parts}
	}
	if i >= len(text) || text[i] != '}' {
		return nil, 0, syntaxError(line, "a field of an f-string is not closed")
	}
	return append(out, e), i + 1, nil
}

// unescape gives the text of a string without its escapes.
func unescape(s, prefix string, line int) (string, error) {
	if strings.Contains(prefix, "r") || !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := 0
		switch c := s[i]; c {
		case '\n':
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'a', 'b', 'f', 'v':
			b.WriteByte(map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'v': 11}[c])
		case '\\', '\'', '"':
			b.WriteByte(c)
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		case 'N':
			return "", refuse(line, `\N`)
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := i
			for n < len(s) && n < i+3 && s[n] >= '0' && s[n] <= '7' {
				n++
			}
			v, _ := strconv.ParseUint(s[i:n], 8, 32)
			b.WriteRune(rune(v)) // #nosec G115 -- three octal digits at most
			i = n - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
		if digits > 0 {
			v, err := strconv.ParseUint(s[i+1:min(i+1+digits, len(s))], 16, 32)
			if err != nil || i+digits >= len(s) || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
				return "", syntaxError(line, "an escape sequence is cut off")
			}
			b.WriteRune(rune(v))
			i += digits
		}
	}
	return b.String(), nil
}

// parseNumber reads a number as Python writes it.
func parseNumber(text string, line int) (starlark.Value, error) {
	s := strings.ReplaceAll(text, "_", "")
	if len(s) > maxDigits {
		return nil, limitError("a number is too long")
	}
	if len(s) > 1 && s[0] == '0' && s[1] != '.' && strings.Trim(s, "0") != "" && isDigit(s[1]) && !strings.ContainsAny(s, ".eE") {
		return nil, syntaxError(line, "a number begins with 0")
	}
	if hex := len(s) > 1 && s[0] == '0' && strings.ContainsRune("xXoObB", rune(s[1])); hex || !strings.ContainsAny(s, ".eE") {
		base := 10
		if hex {
			base = 0
		}
		v, ok := new(big.Int).SetString(s, base)
		if !ok {
			return nil, syntaxError(line, "%q is no number", text)
		}
		return starlark.MakeBigInt(v), nil
	}
	v, ok := parseReal(s)
	if !ok {
		return nil, syntaxError(line, "%q is no number", text)
	}
	return v, nil
}
