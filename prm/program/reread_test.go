package program

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// A program whose names don't come out is read as the equations that it consists of, where these say one thing.
func TestReread(t *testing.T) {
	for _, test := range []struct{ name, program, want string }{
		{"used before it is set", "total = ken + tony\nken = 1750\ntony = 2 * ken\nprint(total)", "5250"},
		{"printed before it is set", "print(total)\ntotal = 3 * boxes\nboxes = 12", "36"},
		{"what isn't needed", "push_ups = theirs + 29\ncrunches = 17 - 13\nprint(crunches)", "4"},
		{"a line that isn't needed", "print(theirs)\ncrunches = 17 - 13\nprint(crunches)", "4"},
		{"what isn't needed, and nothing printed", "a = b + 1\nc = 2 + 3", "5"},
		{"capitals", "reese_height = 60\ndaisy_height = Reese_height + 8\nprint(daisy_height)", "68"},
		{"underscores", "pens_per_box = 12\nprint(pensPerBox * 2)", "24"},
		{"a letter too few", "baloons_jake = 3\nbought = 4\nprint(balloons_jake + bought)", "7"},
		{"a comment in a text", "'''pens'''\ntotal = 2 * pens\npens = 6\nprint(total)", "12"},
	} {
		r, err := Run(context.Background(), "```python\n"+test.program+"\n```")
		if err != nil || r.Answer != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, r.Answer, err, test.want)
		}
		if r.Source != test.program+"\n" && r.Source != test.program {
			t.Errorf("%s: the program is %q", test.name, r.Source)
		}
	}
	for _, test := range []struct{ name, program string }{
		{"a value that nobody gives", "total = pens + 3\nprint(total)"},
		{"a circle", "a = b + 1\nb = a - 1\nprint(b)"},
		{"itself", "left = 9 - left\nprint(left)"},
		{"set twice", "print(x + y)\nx = 3\ny = 4\nx = 5"},
		{"counted up", "total += 3\ntotal = 4\nprint(total)"},
		{"a loop", "for i in range(3):\n    total = total + i\nprint(total)"},
		{"names of its own", "pens = [p for p in boxes]\nboxes = [1]\nprint(pens)"},
		{"a plural is another thing", "friend_share = 3\nprint(friends_share * 2)"},
		{"and at the end of a name", "apple = 3\nprint(apples * 2)"},
		{"another digit", "price_of_item1 = 3\nprint(price_of_item11 * 2)"},
		{"another word", "speed_a = 3\nprint(speed_b * 2)"},
		{"used elsewhere", "baloons = 3\nmore = baloons + 1\nprint(balloons + more)"},
		{"two that it may be", "balloons_x = 3\nballoons_y = 4\nprint(ballloons_z)"},
		{"a value that only what is left out would change", "print(7 + theirs)"},
	} {
		if r, err := Run(context.Background(), "```python\n"+test.program+"\n```"); err == nil {
			t.Errorf("%s: %q", test.name, r.Answer)
		}
	}
}

// Long programs of names that never come out are read in no time.
func TestRereadIsQuick(t *testing.T) {
	var b strings.Builder
	for i := range 900 {
		fmt.Fprintf(&b, "a%d = a%d + 1\n", i, i+1)
	}
	b.WriteString("print(a0)\n")
	if r, err := Run(context.Background(), "```python\n"+b.String()+"```"); err == nil {
		t.Errorf("%q", r.Answer)
	}
}
