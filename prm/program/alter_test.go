package program

import (
	"strings"
	"testing"
)

// What is changed is an operator, an operand or a number, and nothing else: no target, no function, no name that isn't
// set, no text.
func TestAlter(t *testing.T) {
	for source, want := range map[string]string{
		"a = 3\nb = 4\nprint(a + b)":            "number 1 a = 4|number 1 a = (3 + 1)|number 1 a = (3 - 1)|number 2 b = 3|number 2 b = (4 + 1)|number 2 b = (4 - 1)|operand 3 print(b + b)|operator 3 print(a - b)|operator 3 print(a * b)|operand 3 print(a + a)",
		"a = 2\nprint(-a)":                      "number 1 a = (2 + 1)|number 1 a = (2 - 1)",
		"print(f(x), s.a, 'a 3')":               "",
		"a = x\nb = x\nprint(s.a, a(1), end=b)": "number 3 print(s.a, a((1 + 1)), end=b)|number 3 print(s.a, a((1 - 1)), end=b)|operand 3 print(s.a, a(1), end=a)",
		"print(":                                "",
	} {
		var got []string
		for _, a := range Alter(source) {
			lines, before := strings.Split(a.Source, "\n"), strings.Split(source, "\n")
			for i := range lines {
				if lines[i] != before[i] {
					if i+1 != a.Line {
						t.Errorf("%q: line %d", a.Source, a.Line)
					}
					got = append(got, string(a.What)+" "+string(rune('0'+a.Line))+" "+lines[i])
				}
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q:\n%s, want\n%s", source, strings.Join(got, "|"), want)
		}
	}
}
