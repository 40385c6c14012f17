package program

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
)

// hostile are programs that would take a machine down: each is what an answer may hold.
var hostile = map[string]string{
	"while true":               "while True: pass",
	"while counting":           "x = 0\nwhile True:\n    x += 1",
	"while in a function":      "def f():\n    while 1:\n        pass\nf()",
	"for over a huge range":    "for i in range(10**12):\n    pass",
	"sum of a huge range":      "print(sum(range(10**12)))",
	"list of a huge range":     "print(len(list(range(10**10))))",
	"nested loops":             "n = 0\nfor a in range(1000):\n    for b in range(1000):\n        for c in range(1000):\n            n += a * b * c\nprint(n)",
	"loop over what grows":     "l = [1]\nfor x in l:\n    l.append(x)",
	"growing while":            "l = []\nwhile True:\n    l.append(len(l))",
	"power tower":              "print(9**9**9**9)",
	"power by hand":            "x = 10\nwhile True:\n    x = x ** 10",
	"squares":                  "x = 3\nfor i in range(100):\n    x = x * x\nprint(x)",
	"large powers in a loop":   "for i in range(10**6):\n    x = 7 ** 30000\nprint(x % 10)",
	"large division in a loop": "a = 7 ** 40000\nb = 3 ** 20000\nfor i in range(10**6):\n    c = a // b\nprint(1)",
	"negative power":           "print(10 ** -10**9)",
	"float power":              "print(1.5 ** 10**9)",
	"fractions that grow":      "x = 1 / 3\nfor i in range(10**6):\n    x = x * 1.0001 + 1 / (i + 7)\nprint(x)",
	"shift":                    "print(1 << 10**12)",
	"shift in a loop":          "x = 1\nwhile True:\n    x <<= 1000",
	"factorial":                "import math\nprint(math.factorial(10**9))",
	"factorials":               "import math\nfor i in range(10**6):\n    x = math.factorial(4999)\nprint(1)",
	"comb":                     "import math\nprint(math.comb(10**9, 5 * 10**8))",
	"combs":                    "import math\nfor i in range(10**5):\n    x = math.comb(4000000000, 2000)\nprint(1)",
	"lcm":                      "import math\nx = 1\nfor i in range(1, 10**6):\n    x = math.lcm(x, i)\nprint(x)",
	"modular power":            "for i in range(10**6):\n    x = pow(3, 2**1000 - 1, 2**1000 - 3)\nprint(x)",
	"printing a huge integer":  "print(7 ** 40000)",
	"str of a huge integer":    "x = 0\nfor i in range(10**5):\n    x += len(str(7 ** 5000))\nprint(x)",
	"huge literal":             "print(" + strings.Repeat("9", 20000) + ")",
	"huge exponent":            "print(1e999999999 * 1e-999999999)",
	"recursion":                "def f(n):\n    return f(n + 1)\nprint(f(0))",
	"mutual recursion":         "def f(n): return g(n)\ndef g(n): return f(n)\nprint(f(0))",
	"lambda recursion":         "f = lambda: f()\nprint(f())",
	"lambda with itself":       "(lambda f: f(f))(lambda f: f(f))",
	"fibonacci":                "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(80))",
	"ackermann":                "def a(m, n):\n    if m == 0: return n + 1\n    if n == 0: return a(m - 1, 1)\n    return a(m - 1, a(m, n - 1))\nprint(a(4, 3))",
	"sort with recursion":      "def f(x):\n    return sorted([x, x], key=f)\nprint(f(1))",
	"huge string":              "print('a' * 10**10)",
	"doubling string":          "s = 'ab'\nwhile True:\n    s += s",
	"many strings":             "l = []\nfor i in range(10**6):\n    l.append('x' * 60000)",
	"string join":              "print(('x' * 60000).join(['y'] * 60000))",
	"string replace":           "s = 'a' * 60000\nfor i in range(100):\n    s = s.replace('a', 'aa')",
	"format width":             "print(f'{1:1000000000}')",
	"format precision":         "print('%.999999999f' % 0.1)",
	"nested format width":      "w = 10**9\nprint(f'{1:>{w}}')",
	"center":                   "print('a'.center(10**10))",
	"huge list":                "print(len([0] * 10**10))",
	"doubling list":            "l = [1]\nwhile True:\n    l = l + l",
	"doubling in place":        "l = [1]\nwhile True:\n    l += l",
	"nested doubling":          "l = [1]\nfor i in range(64):\n    l = [l, l]\nprint(l)",
	"comparing doubled":        "a = [1]\nb = [1]\nfor i in range(64):\n    a = [a, a]\n    b = [b, b]\nprint(a == b)",
	"hashing doubled":          "t = (1,)\nfor i in range(64):\n    t = (t, t)\nd = {t: 1}\nprint(d)",
	"set of doubled":           "t = (1,)\nfor i in range(50):\n    t = (t, t)\nprint({t})",
	"list in itself":           "l = []\nl.append(l)\nprint(l)\nprint(l == l)",
	"dict in itself":           "d = {}\nd['d'] = d\nprint(d)",
	"huge dict":                "d = {}\ni = 0\nwhile True:\n    d[i] = i\n    i += 1",
	"comprehension":            "print(len([x * y for x in range(10**5) for y in range(10**5)]))",
	"nested comprehensions":    "print(len([[[x for x in range(1000)] for y in range(1000)] for z in range(1000)]))",
	"slices":                   "l = list(range(60000))\nk = []\nwhile True:\n    k.append(l[:])",
	"star arguments":           "def f(*a): return len(a)\nl = [1] * 60000\nn = 0\nkeep = []\nwhile True:\n    n += f(*l, *l)",
	"string slices":            "s = 'é' * 30000\nwhile True:\n    t = s[::-1]",
	"contains":                 "l = list(range(60000))\nwhile True:\n    x = -1 in l",
	"sorting":                  "l = list(range(60000))\nwhile True:\n    l.sort(key=lambda x: -x)",
	"printing":                 "while True:\n    print('x' * 1000)",
	"printing without end":     "while True:\n    print('x', end='')",
	"popping":                  "l = list(range(60000))\nwhile True:\n    l.insert(0, l.pop())",
	"zip":                      "l = [range(60000)] * 200\nprint(len(list(zip(*l))))",
	"enumerate":                "l = [0] * 60000\nk = []\nwhile True:\n    k.append(enumerate(l))",
	"split":                    "s = 'a ' * 30000\nk = []\nwhile True:\n    k.append(s.split())",
	"parentheses":              strings.Repeat("(", 20000) + "1" + strings.Repeat(")", 20000),
	"brackets":                 "x = " + strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
	"signs":                    "x = " + strings.Repeat("-", 30000) + "1",
	"nots":                     "x = " + strings.Repeat("not ", 8000) + "1",
	"powers":                   "x = " + strings.Repeat("1**", 10000) + "1",
	"lambdas":                  "x = " + strings.Repeat("lambda: ", 4000) + "1",
	"conditionals":             "x = " + strings.Repeat("1 if 1 else ", 2500) + "1",
	"long sum":                 "x = " + strings.Repeat("1 + ", 8000) + "1",
	"long comparison":          "x = " + strings.Repeat("1 < ", 8000) + "1",
	"attributes":               "x = a" + strings.Repeat(".a", 15000),
	"calls":                    "f = f" + strings.Repeat("()", 15000),
	"indices":                  "x = a" + strings.Repeat("[0]", 10000),
	"nested blocks":            nestedBlocks(500),
	"many elifs":               "x = 0\nif x: pass\n" + strings.Repeat("elif x: pass\n", 2300),
	"nested functions":         nestedFunctions(300),
	"many arguments":           "print(" + strings.Repeat("x,", 15000) + ")",
	"many parameters":          "def f(" + manyNames(3000) + "): pass",
	"many operands":            "x = 1\nprint(" + strings.Repeat("x + ", 900) + "x)",
	"many targets":             strings.Repeat("x = ", 8000) + "1",
	"f-string nesting":         "x = f'" + strings.Repeat("{f\"", 100) + strings.Repeat("\"}", 100) + "'",
	"f-string fields":          "x = 1\ny = f'" + strings.Repeat("{x}", 9000) + "'",
	"huge source":              strings.Repeat("x = 1\n", 100000),
	"huge prose":               strings.Repeat("def f is prose, not code = ever\n", 3000),
	"many fences":              strings.Repeat("```python\nwhile True: pass\n```\n", 1000),
	"unclosed fences":          strings.Repeat("```python\n", 10000),
	"unclosed strings":         strings.Repeat("'\n", 16000),
	"unclosed triple":          "x = '''" + strings.Repeat("a", 30000),
	"backslashes":              strings.Repeat("\\\n", 16000),
	"import os":                "import os\nos.system('true')",
	"__import__":               "__import__('os').system('true')",
	"eval":                     "print(eval('1+1'))",
	"exec":                     "exec('x = 1')\nprint(1)",
	"open":                     "print(open('/etc/passwd').read())",
	"builtins":                 "print(__builtins__)",
	"attribute tricks":         "print(().__class__.__bases__[0].__subclasses__())",
	"globals":                  "print(globals()['__name__'])",
	"getattr":                  "print(getattr(1, 'real'))",
	"function attributes":      "def f(): pass\nprint(f.__globals__)",
	"format attribute":         "print('{0.__class__}'.format(1))",
	"input":                    "print(int(input()) * 2)",
	"names of ours":            "$calc(0)",
	"none where a list is":     "for x in None: pass",
	"unicode":                  "ﬁ = 3\nπ = 3.14159\nprint(π * ﬁ ** 2)\nx = '" + strings.Repeat("\U0001F4A3", 5000) + "'\nprint(x * 100)",
	"surrogates":               "print('\\ud800')",
	"invalid UTF-8":            "x = '\xff\xfe'\nprint(x)",
	"zeros":                    "x = 3\x00\nprint(x)",
	"right to left":            "x = 3 \u202e\nprint(x)",
	"division by zero":         "print(1 / 0)",
	"modulo zero":              "print(1.5 % 0)",
	"unhashable":               "d = {[]: 1}",
	"del everything":           "l = [1]\ndel l[0], l[0]",
	"raise":                    "raise SystemExit",
	"assert":                   "assert 1 > 2, 'no'\nprint(3)",
	"generator":                "def g():\n    while True:\n        yield 1\nprint(next(g()))",
	"class":                    "class A:\n    def __init__(self): self.x = 1\nprint(A().x)",
	"star assignment":          "*a, = range(10**10)",
	"unpacking":                "a, b = [0] * 60000",
	"global":                   "def f():\n    global x\n    x = 1\n    f()\nf()",
	"shadowed range":           "range = 5\nprint(range(3))",
	"reduce":                   "from functools import reduce\nprint(reduce(lambda a, b: a * a + b, range(1, 10**4)))",
	"map of a map":             "l = range(60000)\nwhile True:\n    l = map(lambda x: x + 1, l)",
	"update while iterating":   "d = {1: 1}\nfor k in d:\n    d[k + 1] = 1",
	"gcd of giants":            "import math\na = 3 ** 2500\nb = 2 ** 4000\nwhile True:\n    c = math.gcd(a, b)",
	"isqrt of giants":          "import math\na = 3 ** 5000\nwhile True:\n    c = math.isqrt(a)",
	"float of giants":          "a = 3 ** 50000\nwhile True:\n    c = a / (a + 1)",
}

func nestedBlocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", min(i, 60)) + "if 1:\n")
	}
	return b.String() + strings.Repeat(" ", min(n, 60)) + "x = 1"
}

func nestedFunctions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sdef f%d():\n", strings.Repeat(" ", i), i)
	}
	return b.String() + strings.Repeat(" ", n) + "return 1"
}

func manyNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%d", i)
	}
	return strings.Join(names, ", ")
}

const (
	limitTime  = 100 * time.Millisecond * casetest.Slowed
	limitBytes = 64 << 20
)

// TestHostile holds that no program takes more than 100 ms or allocates more than 64 MB, all garbage included, however it is meant.
func TestHostile(t *testing.T) {
	if len(hostile) < 60 {
		t.Fatalf("%d programs are too few", len(hostile))
	}
	var slowest time.Duration
	var most uint64
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []string{source, "```python\n" + source + "\n```"} {
				var err error
				var r Result
				took, bytes := casetest.Quickest(limitTime, func() { r, err = Run(context.Background(), answer) })
				if took > limitTime || bytes > limitBytes {
					t.Errorf("%v and %d MB, ended with %.200v", took, bytes>>20, err)
				}
				if err == nil && len(r.Answer) > maxText {
					t.Errorf("an answer of %d bytes", len(r.Answer))
				}
				slowest, most = max(slowest, took), max(most, bytes)
				if took > limitTime/2 {
					t.Logf("%v and %d MB, ended with %.200v", took, bytes>>20, err)
				}
			}
		})
	}
	t.Logf("%d programs: at most %v and %.1f MB", len(hostile), slowest, float64(most)/(1<<20))
}

// TestCancelled holds that a run ends with its context, as soon as it looks, and that none begins after it.
func TestCancelled(t *testing.T) {
	ctx := &ending{Context: context.Background(), after: 3}
	for _, looks := range []int{3, 0} {
		ctx.after = looks
		if _, err := Run(ctx, "x = 0\nwhile True:\n    x += 1"); !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "the request has ended") {
			t.Errorf("after %d looks: %v", looks, err)
		}
	}
}

// ending is a context that has ended once it has been looked at so often, whenever that is.
type ending struct {
	context.Context
	after int
}

func (e *ending) Err() error {
	if e.after--; e.after < 0 {
		return context.Canceled
	}
	return nil
}
