package arith

import "testing"

func TestReadable(t *testing.T) {
	for answer, want := range map[string]bool{
		"72": true, "1,007": true, `\frac{1}{2}`: true, "Tuesday": true, `\text{no solution}`: true, "x^2 + y^2 = 13": true, "(3, 4)": true, "0": true,
		"": false, "?": false, "-": false, `$\frac{$`: false, `\frac{1}{`: false,
	} {
		if got := Readable(answer); got != want {
			t.Errorf("Readable(%q) = %v", answer, got)
		}
	}
}
