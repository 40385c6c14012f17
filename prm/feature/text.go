package feature

import (
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"aprm/prm/arith"
)

// token is a word in lower case, an operator (one of + - * / = %), or a number.
type token struct {
	text   string // "" for a number
	value  float64
	number bool
}

func (t token) operator() bool { return len(t.text) == 1 && strings.ContainsAny(t.text, "+-*/=%") }
func (t token) word() bool     { return !t.number && !t.operator() }

// operators maps what is written for an operator to the sign it is read as.
var operators = map[rune]string{
	'+': "+", '-': "-", '−': "-", '–': "-", '*': "*", '×': "*", '·': "*", '⋅': "*", '/': "/", '÷': "/", '=': "=", '%': "%",
}

// commands are the LaTeX words that stand for operators; other LaTeX is read as words.
var commands = strings.NewReplacer(`\times`, " × ", `\cdot`, " · ", `\div`, " ÷ ", `\%`, "%", `\$`, "$", `\text`, " ")

// tokenize reads text left to right. A fraction is two numbers and an operator.
func tokenize(text string) []token {
	text = commands.Replace(text)
	numbers := arith.Numbers(text)
	var out []token
	for i := 0; i < len(text); {
		if len(numbers) > 0 && i >= numbers[0].Start {
			n := numbers[0]
			numbers = numbers[1:]
			if n.End <= i {
				continue
			}
			out = append(out, token{number: true, value: float(n.Value)})
			i = n.End
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if op := operators[r]; op != "" {
			out = append(out, token{text: op})
			i += size
			continue
		}
		if !unicode.IsLetter(r) {
			i += size
			continue
		}
		end := i
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if !unicode.IsLetter(r) && r != '\'' {
				break
			}
			end += size
		}
		word := strings.ToLower(text[i:end])
		if word == "x" && len(out) > 0 && (out[len(out)-1].number || out[len(out)-1].text == "%") {
			word = "*"
		}
		out = append(out, token{text: stem(word)})
		i = end
	}
	return out
}

func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// stem drops possessives and the ending of a plural.
func stem(w string) string {
	return arith.Singular(strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "'"))
}

// plain are the words that say nothing of what a number counts.
var plain = set(`a an the and or but of to in on at for with by from as is are was were be been it its he she they them his her
	their him this that these those there then so if each per every has have had do does did will would can could how many much
	what when which who after before than more le less total all altogether one i we you my our your also into out up`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// spoken are the quantities that a word of a question brings in: how it may be calculated with.
var spoken = map[string][]float64{
	"one": {1}, "two": {2}, "three": {3}, "four": {4}, "five": {5}, "six": {6}, "seven": {7}, "eight": {8}, "nine": {9}, "ten": {10},
	"eleven": {11}, "twelve": {12}, "thirteen": {13}, "fourteen": {14}, "fifteen": {15}, "sixteen": {16}, "twenty": {20}, "thirty": {30},
	"forty": {40}, "fifty": {50}, "sixty": {60}, "hundred": {100}, "thousand": {1000}, "dozen": {12}, "pair": {2}, "couple": {2},
	"half": {2, 0.5, 50}, "halve": {2, 0.5}, "third": {3, 1.0 / 3, 2.0 / 3}, "quarter": {4, 0.25, 0.75, 25}, "fourth": {4, 0.25, 0.75},
	"fifth": {5, 0.2}, "sixth": {6, 1.0 / 6}, "eighth": {8, 0.125}, "tenth": {10, 0.1},
	"once": {1}, "twice": {2}, "thrice": {3}, "double": {2}, "triple": {3}, "quadruple": {4}, "both": {2}, "twin": {2},
	"another": {1}, "single": {1}, "first": {1}, "second": {2},
}

// relations are the words of a question that ask for a calculation by themselves, as a number in digits does.
var relations = set(`half halve third quarter fourth fifth sixth eighth tenth twice thrice double triple quadruple dozen
	two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen twenty thirty forty fifty sixty hundred thousand`)

// conversions are the quantities that a unit brings in.
var conversions = map[string][]float64{
	"second": {60, 3600}, "minute": {60}, "hour": {60, 24, 3600}, "day": {24, 7, 30, 365}, "daily": {7, 30}, "week": {7, 52, 4, 14}, "weekly": {7, 52, 4},
	"weekday": {5}, "weekend": {2}, "month": {12, 30, 4, 31}, "monthly": {12}, "year": {12, 365, 52}, "yearly": {12}, "annual": {12}, "annually": {12},
	"decade": {10}, "century": {100}, "cent": {100, 0.01}, "dollar": {100}, "penny": {0.01, 100}, "nickel": {0.05, 5}, "dime": {0.1, 10},
	"quarter": {0.25, 25}, "inch": {12}, "foot": {12, 3}, "feet": {12, 3}, "yard": {3, 36}, "mile": {5280}, "ounce": {16}, "pound": {16},
	"cup": {16, 8}, "pint": {2}, "quart": {4, 2}, "gallon": {4, 8, 16, 128}, "kilogram": {1000}, "kg": {1000}, "gram": {1000}, "kilometer": {1000},
	"km": {1000}, "meter": {100, 1000}, "cm": {100}, "liter": {1000}, "litre": {1000}, "percent": {100}, "square": {4}, "triangle": {3, 2, 180},
	"rectangle": {2}, "average": {2}, "degree": {180, 360}, "spider": {8}, "dog": {4}, "cow": {4}, "chicken": {2}, "tricycle": {3}, "bicycle": {2}, "car": {4},
}
