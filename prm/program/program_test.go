package program

import (
	"context"
	"testing"
)

// TestAnswers holds the values of programs in the shapes and with the means that small models use. The values are CPython's, whole
// numbers written whole.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"printed", "```python\nx = 3\nprint(x * 12)\n```", "36"},
		{"whole", "```python\nprint(72 / 2)\n```", "36"},
		{"not called", "def solution():\n    a = 4\n    return a * 2\n", "8"},
		{"noise", "print(0.1 + 0.2)", "0.3"},
		{"thirds", "print(1 / 3 * 3)", "1"},
		{"expression", "150 * 0.60 * 6", "540"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(context.Background(), c.answer)
			if err != nil || r.Answer != c.want {
				t.Errorf("%q, %v, want %q", r.Answer, err, c.want)
			}
		})
	}
}
