package program

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int8

const (
	tokEnd tokenKind = iota
	tokName
	tokNumber
	tokString // text is what stands between the quotes
	tokOp
	tokNewline
	tokIndent
	tokDedent
)

type token struct {
	kind   tokenKind
	text   string
	prefix string // of a string, in lower case: any of f, r, u
	line   int
	at     int // where it begins, in bytes
	end    int
}

// lexer cuts Python source into tokens.
type lexer struct {
	src    string
	at     int
	line   int
	depth  int // open brackets
	indent []int
	tokens []token
}

// operators are those of Python, by their text.
var operators = func() map[string]bool {
	m := map[string]bool{}
	for _, op := range strings.Fields("**= //= >>= <<= ... != <= >= == -> := += -= *= /= %= &= |= ^= @= ** // << >> + - * / % @ & | ^ ~ < > ( ) [ ] { } , : . ; =") {
		m[op] = true
	}
	return m
}()

func lex(src string) ([]token, error) {
	l := &lexer{src: src, line: 1, indent: []int{0}, tokens: make([]token, 0, len(src)/4+8)}
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.tokens, nil
}

func (l *lexer) emit(kind tokenKind, start int) {
	l.tokens = append(l.tokens, token{kind: kind, text: l.src[start:l.at], line: l.line, at: start, end: l.at})
}

func (l *lexer) run() error {
	for begin := true; ; {
		if begin && l.depth == 0 {
			blank, err := l.indentation()
			if err != nil {
				return err
			}
			begin = false
			if blank {
				begin = true
				if l.at >= len(l.src) {
					break
				}
				continue
			}
		}
		if l.at >= len(l.src) {
			break
		}
		c := l.src[l.at]
		switch {
		case c == '\n':
			if l.depth == 0 {
				l.emit(tokNewline, l.at)
				begin = true
			}
			l.at++
			l.line++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			l.at++
		case strings.HasPrefix(l.src[l.at:], "\u00a0"):
			l.at += 2
		case c == '#':
			for l.at < len(l.src) && l.src[l.at] != '\n' {
				l.at++
			}
		case c == '\\':
			rest := strings.TrimLeft(l.src[l.at+1:], " \t\r")
			if !strings.HasPrefix(rest, "\n") {
				return syntaxError(l.line, `\ before something else than the end of the line`)
			}
			l.at = len(l.src) - len(rest) + 1
			l.line++
		default:
			if err := l.token(c); err != nil {
				return err
			}
		}
	}
	if l.depth > 0 {
		return cutError(l.line, "a bracket is never closed")
	}
	if n := len(l.tokens); n > 0 && l.tokens[n-1].kind != tokNewline {
		l.emit(tokNewline, l.at)
	}
	for range l.indent[1:] {
		l.emit(tokDedent, l.at)
	}
	l.emit(tokEnd, l.at)
	return nil
}

// indentation reads the space that begins a line; blank says that there is nothing else on the line.
func (l *lexer) indentation() (blank bool, err error) {
	width := 0
space:
	for l.at < len(l.src) {
		switch l.src[l.at] {
		case ' ':
			width++
		case '\t':
			width = width/8*8 + 8
		case '\r', '\f':
		default:
			break space
		}
		l.at++
	}
	if l.at >= len(l.src) {
		return true, nil
	}
	if l.src[l.at] == '#' {
		for l.at < len(l.src) && l.src[l.at] != '\n' {
			l.at++
		}
	}
	if l.at >= len(l.src) {
		return true, nil
	}
	if l.src[l.at] == '\n' {
		l.at++
		l.line++
		return true, nil
	}
	switch top := l.indent[len(l.indent)-1]; {
	case width > top:
		if len(l.indent) > maxNesting {
			return false, limitError("blocks are nested too deeply")
		}
		l.indent = append(l.indent, width)
		l.emit(tokIndent, l.at)
	case width < top:
		for width < l.indent[len(l.indent)-1] {
			l.indent = l.indent[:len(l.indent)-1]
			l.emit(tokDedent, l.at)
		}
		if width != l.indent[len(l.indent)-1] {
			return false, syntaxError(l.line, "the indentation matches no block")
		}
	}
	return false, nil
}

func (l *lexer) token(c byte) error {
	start := l.at
	r, size := utf8.DecodeRuneInString(l.src[l.at:])
	switch {
	case c == '"' || c == '\'':
		return l.str("")
	case c >= '0' && c <= '9' || c == '.' && l.at+1 < len(l.src) && isDigit(l.src[l.at+1]):
		return l.number()
	case c == '_' || unicode.IsLetter(r):
		l.at += size
		for l.at < len(l.src) {
			r, size := utf8.DecodeRuneInString(l.src[l.at:])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			l.at += size
		}
		if l.at < len(l.src) && (l.src[l.at] == '"' || l.src[l.at] == '\'') && l.at-start <= 2 {
			prefix := strings.ToLower(l.src[start:l.at])
			switch prefix {
			case "f", "r", "u", "fr", "rf":
				return l.str(prefix)
			case "b", "br", "rb":
				return refuse(l.line, "bytes")
			}
		}
		l.emit(tokName, start)
		return nil
	}
	for n := min(3, len(l.src)-l.at); n > 0; n-- {
		op := l.src[l.at : l.at+n]
		if !operators[op] {
			continue
		}
		l.at += n
		switch op {
		case "(", "[", "{":
			l.depth++
		case ")", "]", "}":
			if l.depth--; l.depth < 0 {
				return syntaxError(l.line, "a bracket is closed that was never opened")
			}
		}
		l.emit(tokOp, start)
		return nil
	}
	return syntaxError(l.line, "%q means nothing in Python", r)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) number() error {
	start := l.at
	digits := func() {
		for l.at < len(l.src) && (isDigit(l.src[l.at]) || l.src[l.at] == '_' && l.at > start && l.src[l.at-1] != '_') {
			l.at++
		}
	}
	if l.src[l.at] == '0' && l.at+1 < len(l.src) && strings.ContainsRune("xXoObB", rune(l.src[l.at+1])) {
		l.at += 2
		for l.at < len(l.src) && (isDigit(l.src[l.at]) || l.src[l.at] == '_' || l.src[l.at]|0x20 >= 'a' && l.src[l.at]|0x20 <= 'f') {
			l.at++
		}
	} else {
		digits()
		if l.at < len(l.src) && l.src[l.at] == '.' {
			l.at++
			digits()
		}
		if l.at < len(l.src) && l.src[l.at]|0x20 == 'e' {
			exponent := l.at + 1
			if exponent < len(l.src) && (l.src[exponent] == '+' || l.src[exponent] == '-') {
				exponent++
			}
			if exponent < len(l.src) && isDigit(l.src[exponent]) {
				l.at = exponent
				digits()
			}
		}
	}
	if r, _ := utf8.DecodeRuneInString(l.src[l.at:]); r == '_' || unicode.IsLetter(r) {
		return syntaxError(l.line, "%q is no number", l.src[start:min(l.at+utf8.RuneLen(r), start+40)])
	}
	l.emit(tokNumber, start)
	return nil
}

// str reads a string whose prefix has been read.
func (l *lexer) str(prefix string) error {
	line, at := l.line, l.at-len(prefix)
	quote := l.src[l.at : l.at+1]
	if strings.HasPrefix(l.src[l.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.at += len(quote)
	start := l.at
	for {
		switch {
		case l.at >= len(l.src):
			return cutError(line, "a string is never closed")
		case l.src[l.at] == '\\':
			if l.at+1 < len(l.src) && l.src[l.at+1] == '\n' {
				l.line++
			}
			l.at += 2
		case strings.HasPrefix(l.src[l.at:], quote):
			l.tokens = append(l.tokens, token{kind: tokString, text: l.src[start:l.at], prefix: prefix, line: line, at: at, end: l.at + len(quote)})
			l.at += len(quote)
			return nil
		case l.src[l.at] == '\n':
			if len(quote) == 1 {
				if strings.TrimSpace(l.src[l.at:]) == "" {
					return cutError(line, "a string is never closed")
				}
				return syntaxError(line, "a string is not closed on its line")
			}
			l.line++
			l.at++
		default:
			l.at++
		}
	}
}
