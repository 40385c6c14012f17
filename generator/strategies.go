package generator

// Strategy is a way to corrupt a correct step by prompting.
type Strategy struct {
	Name       string // short and stable: it stands in data sets
	Definition string // for the adversary, completing "Trick:"
	Before     string // a correct step of our own
	After      string // the same step, corrupted this way
}

// Strategies lists the adversary's tricks, in a fixed order.
func Strategies() []Strategy {
	return []Strategy{
		{"calculation", "keep the expression, but write a slightly wrong result.",
			"She puts 6 * 14 = 84 books on the shelves.", "She puts 6 * 14 = 74 books on the shelves."},
		{"operator", "use another operation (+ - * /) than the right one, and compute it correctly.",
			"He has 40 - 8 = 32 stamps left.", "He has 40 / 8 = 5 stamps left."},
		{"context", "replace one number by a different number from the question, and compute correctly.",
			"The 5 rows have 5 * 12 = 60 seats.", "The 5 rows have 5 * 7 = 35 seats."},
		{"previous", "misquote an earlier result: use a different value for it, and compute correctly.",
			"Adding the 24 cakes, there are 24 + 10 = 34 treats.", "Adding the 42 cakes, there are 42 + 10 = 52 treats."},
		{"formula", "use a wrong formula for the same thing (such as a perimeter for an area, a sum for an average), and compute it correctly.",
			"The garden's area is 9 * 4 = 36 square metres.", "The garden's area is 2 * (9 + 4) = 26 square metres."},
		{"count", "be off by one: count one item, day or person too many or too few, and compute correctly.",
			"In 7 days she runs 7 * 3 = 21 km.", "In 6 days she runs 6 * 3 = 18 km."},
		{"unit", "use a wrong conversion or confuse two units, and compute correctly.",
			"The film lasts 3 * 60 = 180 minutes.", "The film lasts 3 * 100 = 300 minutes."},
		{"missing", "leave out one number that is needed, and compute with the others correctly.",
			"Altogether they paid 15 + 9 + 6 = 30 dollars.", "Altogether they paid 15 + 9 = 24 dollars."},
		{"foreign", "use one more number, which the question does not give, so that the result changes.",
			"The tickets cost 4 * 11 = 44 dollars.", "The tickets cost 4 * 11 + 3 = 47 dollars."},
		{"condition", "ignore a condition of the question (an exception, a discount, only a part), and compute without it.",
			"Only half of the 50 eggs are sold, so 50 / 2 = 25 eggs.", "The 50 eggs are sold, so 50 * 1 = 50 eggs."},
		{"base", "take a percentage or fraction of the wrong amount, or read \"more than\" as \"times\", and compute correctly.",
			"Ben is 5 years older than 12, so he is 12 + 5 = 17.", "Ben is 5 times as old as 12, so he is 12 * 5 = 60."},
		{"contradiction", "contradict an earlier step or the question: change an amount they state, and compute correctly.",
			"Since 18 cats came in, there are 18 + 4 = 22 cats.", "Since 18 cats left, there are 18 - 4 = 14 cats."},
		{"deception", "keep almost every word the same, but change one number a little and make the result fit it.",
			"The van drives 65 * 2 = 130 miles.", "The van drives 56 * 2 = 112 miles."},
		{"subgoal", "compute a different quantity than the one that is needed, correctly.",
			"She keeps 30 - 12 = 18 coins.", "She and her sister have 30 + 12 = 42 coins."},
	}
}
