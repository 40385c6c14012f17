package scope

import "testing"

func TestOut(t *testing.T) {
	tests := []struct {
		message string
		want    bool
	}{
		{"Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did Natalia sell altogether in April and May?", true},
		{"Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?", true},
		{"James writes a 3-page letter to 2 different friends twice a week. How many pages does he write a year?", true},
		{"A robe takes two bolts of blue fiber and half that much white fiber. How many bolts in total does it take?", true},
		{"Alice is three times as old as Bob, who is twelve. How old will she be in five years?", true},
		{"A train leaves at 9:00 at 80 km/h, another at 10:00 at 100 km/h. When does the second catch up with the first?", true},
		{"What is 12 * 7 + 3?", true},
		{"17*23", true},
		{"what's 15% of 80", true},
		{"Compute 3/4 of 96.", true},
		{"Solve for x: 2x + 5 = 11", true},
		{"Solve x^2 - 5x + 6 = 0", true},
		{"Find the area of a triangle with base 10 and height 4.", true},
		{"Prove that the square root of two is irrational.", false},
		{"Show that the sum of two even numbers is even.", false},
		{"Evaluate \\frac{3}{4} + \\frac{1}{8}", true},
		{"What is the derivative of sin(x)?", true},
		{"What is the remainder when 1234 is divided by 7?", true},
		{"Convert 72 degrees Fahrenheit to Celsius.", false},
		{"Convert 3/8 to a decimal.", true},
		{"Write 0.75 as a fraction.", true},
		{"I bought 3 shirts at $20 each and a hat for $15. What did I pay?", true},
		{"How many ways can the letters of LEVEL be arranged?", true},
		{"Calculate the compound interest on 1000 at 5% for 3 years", true},
		{"What is the probability that two dice show a sum of 7?", true},

		{"Hello!", false},
		{"", false},
		{"Thanks, that was great", false},
		{"How are you today?", false},
		{"What's the capital of France?", false},
		{"Who won the World Cup in 2014?", false},
		{"What happened between 1914 and 1918?", false},
		{"When is 2024-05-01 in ISO week terms?", false},
		{"Write a poem with 3 stanzas of 4 lines each.", false},
		{"Please write me a short story about two dragons. How many heads they have is up to you.", false},
		{"Write a Python function that computes how many primes are below 100.", false},
		{"Can you write a SQL query that returns the top 10 customers by total?", false},
		{"Translate to German: I have 3 apples and she has twice as many.", false},
		{"Summarise this: sales rose 12% to $40 million. How much was it last year?", false},
		{"Give me 5 ideas for a birthday party for 12 kids.", false},
		{"Tell me a joke", false},
		{"List ten facts about the moon.", false},
		{"```go\nfunc add(a, b int) int { return a + b }\n```\nwhat does 1+1 give here?", false},
		{"What does this mean: upgrade from 1.2.3 to 1.3.0?", false},
		{"Should I learn Rust or Go and/or Zig?", false},
		{"How many planets are there?", false},
		{"How much do you know about cooking?", false},
		{"How do I solve a conflict with my boss?", false},
		{"Explain what an equation is.", false},
		{"Recommend three books on the French Revolution", false},
		{"What are the opening hours, 24/7?", false},
		{"What is on https://example.org/item?id=5&n=3*4 ?", false},
		{"Debug this: my loop runs 10 times and should run 11. How many times does it run?", false},
	}
	for _, tt := range tests {
		if why := Out(asked(tt.message)); (why == "") != tt.want {
			t.Errorf("Out(%q) = %q, in scope: want %t", tt.message, why, tt.want)
		}
	}
	long := make([]byte, longestQuestion+1)
	for i := range long {
		long[i] = '7'
	}
	if Out(asked("How much is "+string(long)+" + 1?")) != "long text" {
		t.Error("a document of digits is searched for")
	}
}
