package program

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
)

// TestAnswers holds the answers to programs in the shapes that small models write.
func TestAnswers(t *testing.T) {
	fence := func(s string) string { return "```python\n" + s + "\n```" }
	for _, c := range []struct{ name, answer, want string }{
		{"fenced", fence("x = 3\nprint(x * 12)"), "36"},
		{"bare", "x = 3\nprint(x * 12)", "36"},
		{"prose before", "Let's see. He has 3 boxes.\n\n" + fence("print(3 * 12)"), "36"},
		{"prose around bare code", "Let's write Tom's program:\n\nboxes = 3\nprint(boxes * 12)\n\nThis prints the number of Tom's pens.", "36"},
		{"output behind", fence("print(3 * 12)") + "\n```output\n99\n```\nThe answer is \\(\\boxed{99}\\).", "36"},
		{"fence without a language", "```\nx = 3\nprint(x)\n```", "3"},
		{"fence never closed", "```python\nx = 3\nprint(x)", "3"},
		{"fence never opened", "x = 3\ny = 4\nprint(x * y)\n```\n```output\n12\n```\nSo it is \\(\\boxed{13}\\).", "12"},
		{"fence never opened, prose behind", "x = 3\ny = 4\nprint(x * y)\n```\nIn this problem there are 14 of them.", "12"},
		{"names of several words", "total TVs = 40\nsmart TVs = total TVs * (1/4)\nother TVs = total TVs - smart TVs\nprint(other TVs)", "30"},
		{"a hyphen in a name", fence("number_of_t-shirts = 3\nrevenue = 51\nprint(revenue / number_of_t-shirts)"), "17"},
		{"a hyphen in the first name", "t-shirts_sold = 20\nprice = 215\nprint(t-shirts_sold * price)", "4300"},
		{"an apostrophe in a name", "Eva's savings = 20\nRoy's savings = Eva's savings + 22\nprint(Roy's savings)", "42"},
		{"a name half in one word", fence("families_that flew_away = 89 - 60\nprint(families_that_flew_away)"), "29"},
		{"a difference is no name", "red = 7\nblue = 2\nleft = red-blue\nprint(left)", "5"},
		{"as in JavaScript", "let books = 3\nlet pens = books * 12\nprint(pens)", "36"},
		{"tildes", "~~~python\nprint(3)\n~~~", "3"},
		{"indented fence", "1. Compute:\n   ```python\n   x = 3\n   print(x)\n   ```", "3"},
		{"fences that go on", fence("x = 3") + "\nThen:\n" + fence("print(x + 1)"), "4"},
		{"a second try", fence("print(undefined_name)") + "\nThat was wrong.\n" + fence("print(5)"), "5"},
		{"carriage returns", "```python\r\nx = 3\r\nprint(x)\r\n```\r\n", "3"},
		{"thoughts", "<think>\n```python\nprint(1)\n```\n</think>\n" + fence("print(2)"), "2"},
		{"a session", "```python\n>>> x = 3\n>>> x * 2\n6\n```", "6"},
		{"a function that is not called", fence("def solution():\n    a = 4\n    return a * 2"), "8"},
		{"a function without parentheses", fence("def solution:\n    return 8\n\nprint(solution)"), "8"},
		{"a function that is called", "def solution():\n    return 8\nsolution()", "8"},
		{"the function of several", "def helper(x):\n    return x + 1\n\ndef solution():\n    return helper(7)", "8"},
		{"a function with arguments", "boxes = 3\npens = 12\ndef total(boxes, pens):\n    return boxes * pens", "36"},
		{"a function with defaults", "def total(boxes=3, pens=12):\n    return boxes * pens", "36"},
		{"a function that is tested", "def solution():\n    return 8\n\nassert solution() == 8", "8"},
		{"a function before its arguments", "def total(boxes, pens):\n    return boxes * pens\n\nboxes = 3\npens = 12", "36"},
		{"a function that is not needed", "def total():\n    return 5\n\nboxes = 3\npens = boxes * 12", "36"},
		{"a session in a docstring", fence("def f():\n    \"\"\"\n    >>> f()\n    36\n    \"\"\"\n    return 36\nprint(f())"), "36"},
		{"the language without a fence", "python\nx = 3\nprint(x)", "3"},
		{"stars", "v = [3, 36]\nprint(*v, sep=' then ')", "3 then 36"},
		{"a function that prints", "def main():\n    print(36)", "36"},
		{"main guard", "def main():\n    print(36)\n\nif __name__ == '__main__':\n    main()", "36"},
		{"return outside of a function", fence("x = 36\nreturn x"), "36"},
		{"last assignment", "x = 3\nanswer = x * 12", "36"},
		{"result of a call", "def f(): return 36\nresult = f()", "36"},
		{"an expression", "150 * 0.60 * 6", "540"},
		{"an equation", "12 - 10 = 3", "2"},
		{"a number", "36", "36"},
		{"another language", "let a = 3; // apples\nlet b = a * 12;\nreturn b;", "36"},
		{"last of several prints", "print('boxes', 3)\nprint('pens', 36)\nprint('done')", "pens 36"},
		{"a unit", "print(f'{3 * 12} pens')", "36 pens"},
		{"money", "print(f'Total: ${1234.5:,.2f}')", "Total: $1,234.50"},
		{"a tuple", "def f():\n    return 15, 5.0\nprint(f())", "(15, 5)"},
		{"one element", "print([36])", "36"},
		{"words", "print('Yes')", "Yes"},
		{"whole", "print(72 / 2)", "36"},
		{"whole within a text", "print('Tom has', 72 / 2, 'pens')", "Tom has 36 pens"},
		{"noise", "print(0.1 + 0.2)", "0.3"},
		{"noise within a text", "import math\nprint('It is', math.sqrt(2) ** 2)", "It is 2"},
		{"thirds", "print(1 / 3 * 3)", "1"},
		{"a third", "print(10 / 3)", "10/3"},
		{"noise before rounding up", "import math\nprint(math.ceil(1.1 * 10))", "11"},
		{"noise before cutting off", "print(int(0.29 * 100))", "29"},
		{"no fraction", "import math\nprint(math.pi)", "3.14159265359"},
		{"large", "print(2.5 * 10 ** 20)", "250000000000000000000"},
		{"negative", "print(3 - 5)", "-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(context.Background(), c.answer)
			if err != nil || r.Answer != c.want {
				t.Errorf("%q, %v, want %q", r.Answer, err, c.want)
			}
		})
	}
}

// TestPrompt holds that the prompt's own example is what it asks for.
func TestPrompt(t *testing.T) {
	r, err := Run(context.Background(), Prompt)
	if err != nil || r.Answer != "31" || len(r.Steps) != 5 {
		t.Errorf("%q, %v, %d steps", r.Answer, err, len(r.Steps))
	}
}

// TestNoAnswer holds which error says why there is no value, and that it names the cause.
func TestNoAnswer(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		kind         error
		reason       string
	}{
		{"prose", "Tom has 3 boxes of 12 pens. Therefore, he has 36 pens.", ErrNone, ""},
		{"prose with equations", "1 hour = 60 minutes\nTotal time = 30 minutes + 20 minutes = 50 minutes", ErrNone, ""},
		{"prose before a fence", "Total time = 30 minutes\n```\nSo it is 30.", ErrNone, ""},
		{"nothing", "", ErrNone, ""},
		{"only thoughts", "<think>\n```python\nprint(1)\n```", ErrNone, ""},
		{"cut in a line", "```python\nx = 3\ny = x *", ErrCut, "line 2"},
		{"cut before the print", "```python\nx = 3\ny = x * 2\n", ErrCut, ""},
		{"cut in a string", "```python\nx = 3\nprint('The answer", ErrCut, "line 2"},
		{"no Python", "```python\nx = 3 apples\nprint(x)\n```", ErrSyntax, "line 1"},
		{"undefined", "```python\ny = x * 2\nprint(y)\n```", ErrFailed, "'x'"},
		{"zero", "x = 0\nprint(3 / x)", ErrFailed, "line 2"},
		{"types", "print('3' + 4)", ErrFailed, "'string' and 'int'"},
		{"raises", "raise ValueError('no')\nprint(3)", ErrFailed, "raises"},
		{"input", "n = int(input())\nprint(n)", ErrRefused, "input()"},
		{"module", "import numpy as np\nprint(np.mean([1]))", ErrRefused, "numpy"},
		{"files", "print(open('f').read())", ErrRefused, "open"},
		{"eval", "print(eval('1 + 1'))", ErrRefused, "eval"},
		{"class", "class A:\n    x = 1\nprint(A.x)", ErrRefused, "class"},
		{"endless", "while True:\n    pass", ErrLimit, ""},
		{"argument missing", "def double(x):\n    return x * 2", ErrNoValue, "\"x\""},
		{"nothing printed", "print()", ErrNoValue, ""},
		{"infinite", "print(float('inf'))", ErrNoValue, "inf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(context.Background(), c.answer)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%q, %v, want %v with %q", r.Answer, err, c.kind, c.reason)
			}
		})
	}
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		value    *big.Rat
		question string
		want     string
		ok       bool
	}{
		{big.NewRat(110, 3), "How much is it, rounded to the nearest cent?", "36.67", true},
		{big.NewRat(110, 3), "Round to the nearest whole number.", "37", true},
		{big.NewRat(5, 2), "Give it to the nearest integer.", "3", true},
		{big.NewRat(110, 3), "Give two decimal places.", "36.67", true},
		{big.NewRat(110, 3), "Give it to 3 decimal places.", "36.667", true},
		{big.NewRat(1234, 1), "Round to the nearest hundred.", "1200", true},
		{big.NewRat(110, 3), "How much does each get?", "", false},
		{nil, "Round to the nearest cent.", "", false},
	} {
		if got, ok := (Result{Value: c.value}).Round(c.question); got != c.want || ok != c.ok {
			t.Errorf("%v, %q: %q, %v", c.value, c.question, got, ok)
		}
	}
}

// TestAtOnce holds that one program may be run many times at once.
func TestAtOnce(t *testing.T) {
	p, err := Translate("import math\nrate = 0.1\ncounter = 0\ndef add(x):\n    global counter\n    counter += x * rate\nfor i in range(20):\n    add(i)\nprint(round(counter, 2) + math.pi * 0)")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				r, err := p.Run(context.Background())
				if err != nil || r.Answer != "19" {
					t.Errorf("%q, %v", r.Answer, err)
					return
				}
				r.Value.SetInt64(7) // it is the caller's own
				for _, s := range r.Steps {
					if s.Value != nil {
						s.Value.SetInt64(7)
					}
				}
			}
		})
	}
	all.Wait()
}
