package arith_test

import (
	"fmt"

	"aprm/prm/arith"
	"aprm/prm/arith/formula"
)

func ExampleEqual() {
	fmt.Println(arith.Equal(`\frac{1}{\sqrt{2}}`, `\frac{\sqrt2}{2}`))
	fmt.Println(arith.Equal("$1,200", "1200.00"))
	fmt.Println(arith.Equal("[1,2]", "[1,2)"))
	fmt.Println(arith.Equal("even", "an even number"))
	// Output:
	// true
	// true
	// false
	// unknown
}

func ExampleCompare() {
	c := arith.Compare(`x \le 3`, `So the solution is \boxed{(-\infty, 3]}.`, formula.Options{})
	fmt.Println(c.Verdict, "|", c.Gold, "|", c.Pred)
	// Output: true | x <= 3 | (-inf, 3]
}

func ExampleExtract() {
	answer, ok := arith.Extract("12 pens a box make 3 * 12 = 36.\n36 - 5 = 31\n#### 31 pens")
	fmt.Println(answer, ok)
	// Output: 31 true
}

func ExampleCheckStep() {
	for _, c := range arith.CheckStep("She sells 3 * 4 = 12 eggs. She gets 12 * 2 = $25.") {
		fmt.Printf("%s: %v\n", c.Text, c.Verdict)
	}
	// Output:
	// 3 * 4 = 12 eggs: true
	// 12 * 2 = $25: false
}
