package arith

import "testing"

func TestCheckStep(t *testing.T) {
	for _, test := range []struct {
		text string
		want []Verdict
	}{
		{"Natalia sold 48/2 = 24 clips in May.", []Verdict{True}},
		{"Natalia sold 48/2 = <<48/2=24>>24 clips in May.", []Verdict{True, True}},
		{"In May she sold 48 / 2 = 25 clips.", []Verdict{False}},
		{"Weng earns 12/60 = $0.2 per minute.", []Verdict{True}},
		{`1. Convert: \( \frac{50}{60} = \frac{5}{6} \) hours.`, []Verdict{True}},
		{`\( 12 \text{ dollars/hour} \times \frac{5}{6} \text{ hours} = 10 \text{ dollars} \)`, []Verdict{True}},
		{"(5/6) hours × $12/hour = $20", []Verdict{False}},
		{"$5 x 3 = $15", []Verdict{True}},
		{"20% of 50 = 10", []Verdict{True}},
		{"20/50 = 40%", []Verdict{True}},
		{"100% - 20% = 80%", []Verdict{True}},
		{"half of 48 = 24", []Verdict{True}},
		{"10/3 = 3.33", []Verdict{True}},
		{"10/3 = 3", []Verdict{Unknown}},
		{"20/3 = 6.67", []Verdict{True}},
		{"20/3 = 6.66", []Verdict{True}}, // cut off
		{"10/3 = 3.34", []Verdict{Unknown}},
		{"2.01 + 1 = 3.1", []Verdict{Unknown}},
		{"-10/3 = -3.34", []Verdict{Unknown}},
		{"2 dozen + 3 = 27", []Verdict{Unknown}},
		{"5 + 2 hundred = 205", []Verdict{Unknown}},
		{"10/3 = 3 (rounded)", []Verdict{True}},
		{"10/3 ≈ 3", []Verdict{True}},
		{"5 + 3 = 8 = 4 * 2", []Verdict{True, True}},
		{"100-50-30-15 = 5", []Verdict{True}},
		{"2x + 3 = 7", []Verdict{Unknown}},
		{"x = 5", []Verdict{Unknown}},
		{"12 inches = 1 foot", []Verdict{Unknown}},
		{"2 hours * 60 = 120 minutes", []Verdict{True}},
		{"The sum of 3 and 4 times 5 = 35", []Verdict{Unknown}},
		{"5 * 20 cents = $1", []Verdict{Unknown}},
		{"1,200 + 300 = 1,500", []Verdict{True}},
		{"2(3+4) = 14", []Verdict{True}},
		{"1 1/2 * 4 = 6", []Verdict{True}},
		{"0.333 * 3 = 1", []Verdict{Unknown}},
		{"3 * 4 = 13", []Verdict{False}},
		{"She has 5 apples and buys 3 * 4 = 12", []Verdict{True}},
		{"-3 + 5 = 2", []Verdict{True}},
		{"3 - 5 = -2", []Verdict{True}},
		{"- 48 + 24 = 72", []Verdict{True}},
		{"3 times Darcy last year = 3*15", []Verdict{Unknown}},
		{"3/3 - 2/3 = 1/3 of $150 left", []Verdict{Unknown}},
		{"0900-0130 = 0730", []Verdict{Unknown}},
		{"25 / 1/3 = 75", []Verdict{Unknown}},
		{"100/5 = 5A/5", []Verdict{Unknown}},
		{"120 - 12 - 24 = 72", []Verdict{False}},
		{"half of 48 is 24", []Verdict{True}},
		{"half of 48 is 25", []Verdict{False}},
		{"3 times 4 equals 12", []Verdict{True}},
		{"48 divided by 2 is equal to 25", []Verdict{False}},
		{"20% of 50 is 10 dollars", []Verdict{True}},
		{"3 times 4 is 2 more than 10", []Verdict{Unknown}},
		{"5/6 is 10", []Verdict{Unknown}},
		{"100 / 5 = 20 times 2 people came", []Verdict{True}},
		{"100 * 0.75 = $0.75", []Verdict{Unknown}},
		{"5 * 3 = $15,000", []Verdict{Unknown}},
		{"1/2 a cup = 4 ounces", []Verdict{Unknown}},
		{"4 pounds - 6 ounces = 58 ounces", []Verdict{Unknown}},
		{"60 - Losses - 2 Losses = -30", []Verdict{Unknown}},
		{"the area is A*A=25 or A^2=25", []Verdict{Unknown, Unknown}},
		{"X = 9 because - 18/-2 = 9", []Verdict{Unknown, True}},
		{"because 14, 400 / 80 = 180", []Verdict{Unknown}},
		{".8 + . 84 + .82 = 2.46", []Verdict{Unknown}},
		{"1 cheese + 1 meat *+1 vegetable = 3", []Verdict{Unknown}},
		{"He spends $5 because 10 x .5 = 10", []Verdict{False}},
		{"20 minutes / 240 minutes = 8.333...%", []Verdict{True}},
		{"3 + 4 = 7 + 5 = 12", []Verdict{Unknown, True}},
		{"25 - 8.5 = 16.5 hours Total + 12.5 + 25", []Verdict{Unknown}},
		{"no arithmetic here", nil},
	} {
		checks := CheckStep(test.text)
		if len(checks) != len(test.want) {
			t.Errorf("%q: %d checks, want %d: %+v", test.text, len(checks), len(test.want), checks)
			continue
		}
		for i, c := range checks {
			if c.Verdict != test.want[i] {
				t.Errorf("%q: %q is %v (%s), want %v", test.text, c.Text, c.Verdict, c.Reason, test.want[i])
			}
		}
	}
}

func TestExtract(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"3 + 4 = 7\n#### 7", "7"},
		{"#### $1,200 per month", "1,200"},
		{"#### 536 - 278 = 258", "258"},
		{`so \(\boxed{15}\) and then \boxed{\frac{1}{2}}.`, `\frac{1}{2}`},
		{"The answer is 42.", "42"},
		{"**Final Answer:** 12 apples", "12"},
		{"<think>the answer is 5</think>\nThe answer is 6.", "6"},
		{"<think>\n\n</think>\n\n#### 8", "8"},
		{"2 + 3 = 5\n</think>\nSo it is 6.", "6"},
		{"<think>\nThe answer is 5.\n#### 5", ""},
		{"<think>so \\boxed{5}", ""},
		{"<think>a</think>\n<think>The answer is 5", ""},
		{"The answer is 6.\n<think>Or 7? The answer is 7.", "6"},
		{"<think>a</think>\n#### 6\n<think>#### 7", "6"},
		{"<think><think>#### 5</think>#### 6", "6"},
		{"<think>a</think><think>The answer is 5</think>\n**Answer:** 9", "9"},
		{"The result is\n\\[\n\\boxed{12}\n\\]", "12"},
		{"$$\nx = 5\n$$", "5"},
		{"So she has 36 - 5 = 31 pens left.", "31"},
		{"### Conclusion\n#### 15 sales were in the stationery section.", "15"},
		{"it is -5 degrees", "-5"},
		{"the rate is 50%", "50%"},
		{"the answer is 1/2", "1/2"},
		{"What is 5?", ""},
		{"nothing", ""},
		{"#### Monday", "Monday"},
	} {
		got, ok := Extract(test.text)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("Extract(%q) = %q, %v, want %q", test.text, got, ok, test.want)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want Verdict
	}{
		{"18", "18.00", True}, {"$1,200", "1200", True}, {"1/2", "0.5", True}, {`\frac{1}{2}`, "1/2", True},
		{"50%", "0.5", True}, {"50%", "50", True}, {"1/3", "0.33", True}, {"1/3", "0.3", False}, {"9.99", "10", False},
		{"5 apples", "5", True}, {"5", "6", False}, {"Monday", "monday.", True}, {"Monday", "Tuesday", False}, {"Monday", "Mon", Unknown}, {"5!", "5", False}, {`\int_0^1 x^2 dx`, "2", Unknown}, {`-\pi`, `so it is \(-\pi\).`, True}, {"5 and 8", `\boxed{5} and \boxed{8}`, True}, {"5x+3y=2", `\boxed{2=5x+3y}`, True}, {"B", "(B) 12 apples", True},
		{"2 hours", "120 minutes", True}, {"3 hours", "3 minutes", False}, {"-5", "5", False}, {"", "", Unknown}, {"x = 5", "5", True},
		{"5", "<think>The answer is 5", Unknown}, {"5", "<think>\nso 6\n#### 6", Unknown}, {"5", "#### 5\n<think>or 6", True},
	} {
		if got := Equal(test.a, test.b); got != test.want {
			t.Errorf("Equal(%q, %q) = %v, want %v", test.a, test.b, got, test.want)
		}
		if got := Equal(test.b, test.a); got != test.want {
			t.Errorf("Equal(%q, %q) = %v, want %v", test.b, test.a, got, test.want)
		}
	}
}
