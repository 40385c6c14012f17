package formula_test

import (
	"fmt"

	"aprm/prm/arith/formula"
)

func ExampleParse() {
	n, err := formula.Parse(`\left(-\infty, \frac{1}{2}\right]`)
	fmt.Println(n, err)
	// Output: (-inf, 1/2] <nil>
}

func ExampleCompare() {
	gold, _ := formula.Parse("(x+1)^2")
	pred, _ := formula.Parse("x^2 + 2x + 1")
	fmt.Println(formula.Compare(gold, pred, formula.Options{}))
	// Output: equal
}
