package server

import (
	"regexp"
	"strings"
)

// longestQuestion is the length in bytes beyond which a message is a document to work on, not a question to work out.
const longestQuestion = 4000

// worthSearching is the plain rule that keeps small talk out of the search: is there a question with something to work out?
// It reads the user's last message. It would rather leave a problem to the upstream than search for a poem.
//
// Yes: an expression to evaluate; words of mathematics that ask for a result or a proof; a question for a quantity, or an
// order to work one out, with a number given; two quantities and a question. Never: code, long documents, and orders to
// write, translate, summarise and the like, whatever numbers they hold.
func worthSearching(message string) bool {
	if len(message) > longestQuestion || strings.Contains(message, "```") {
		return false
	}
	text := strings.ToLower(message)
	for _, noise := range []*regexp.Regexp{links, dates, years} {
		text = noise.ReplaceAllString(text, " ")
	}
	if crafts.MatchString(text) {
		return false
	}
	given := len(numbers.FindAllString(text, 3))
	switch {
	case expression.MatchString(text), mathematics.MatchString(text):
		return true
	case given >= 1 && (quantityAsked.MatchString(text) || toWorkOut.MatchString(text)):
		return true
	default:
		return given >= 2 && quantities.MatchString(text) && strings.Contains(text, "?")
	}
}

var (
	// crafts are orders for a text: at the beginning of a sentence, where an order stands.
	crafts = regexp.MustCompile(`(?:^|[.!?:\n]\s*)(?:(?:please|now|hey|hi|hello|can you|could you|would you|will you|i want you to|i need you to|help me|help me to)[, ]+)*` +
		`(?:please )?(?:translate|summari[sz]e|rewrite|rephrase|paraphrase|proofread|draft|compose|brainstorm|implement|refactor|debug|` +
		`write (?:(?:me|us|out|down|up|my|your|the|a|an|some|one|two|three|\d+) )*(?:[a-z'-]+ ){0,3}(?:poem|haiku|limerick|story|stories|song|lyrics|letter|e-?mails?|essay|blog|post|tweet|article|report|review|` +
		`speech|script|scene|dialogue|joke|recipe|plan|code|function|class|method|program|test|tests|query|regex|sql|python|go|bash|javascript|typescript|rust|java|paragraphs?|sentences?|lines?|words?|summary|description|bio|caption|slogan|headline)\b|` +
		`(?:create|generate|make|give|list|name|suggest|recommend|tell) (?:me |us )?(?:a |an |the |some |\d+ |one |two |three |five |ten )*(?:[a-z'-]+ ){0,3}(?:poem|haiku|story|stories|song|joke|jokes|names?|ideas?|tips?|recipes?|titles?|slogans?|playlist|itinerary|facts?|synonyms?|books?|movies?|films?|examples?|reasons?|code|function|json|table|csv|quiz)\b)`)

	// expression is arithmetic that stands there to be evaluated. A lone hyphen or slash may be a range, a date or "and/or".
	expression = regexp.MustCompile(`\d\s*[+*×÷^=]\s*\(?-?\s*[\da-z]|[a-z]\s*[+*×÷^=]\s*-?\d|\d\s+[-−/]\s+\d|\d\s*%\s+of\s+\$?\d|\\(?:frac|sqrt|times|int|sum|cdot)\b|√\s*\d`)

	mathematics = regexp.MustCompile(`\b(?:prove (?:that|by|the)|show that|derivative of|integral of|integrate|differentiate|solve (?:for|the (?:equation|system|inequality|problem|following))|` +
		`factori[sz]e|square root of|cube root of|factorial of|probability (?:that|of)|prime factors?|greatest common divisor|least common multiple|` +
		`how many (?:ways|different ways|combinations|permutations|subsets))\b`)

	// quantityAsked are questions for a quantity.
	quantityAsked = regexp.MustCompile(`\b(?:how (?:many|much|long|far|old|fast|tall|high|heavy|big|large|deep|often)|what (?:percent|percentage|fraction|number|distance|speed|amount|proportion|portion)|` +
		`at what (?:time|speed|rate)|(?:what|find|give|determine)(?:'s| is| are| was| were| will be| would be)? (?:the |his |her |their |its )?(?:[a-z'-]+ ){0,3}` +
		`(?:sum|difference|product|quotient|remainder|total|average|mean|median|area|perimeter|volume|circumference|radius|length|width|height|weight|` +
		`value|ratio|cost|price|profit|loss|interest|discount|speed|distance|probability|percentage|number|age|ages|amount|salary|balance))\b`)

	// toWorkOut are orders to work something out.
	toWorkOut = regexp.MustCompile(`\b(?:solve|calculate|compute|evaluate|simplify|work out|convert|round|estimate|multiply|divide|subtract|add up|(?:write|express) .{1,40} as a)\b`)

	// quantities are signs that the numbers of a text are amounts of something.
	quantities = regexp.MustCompile(`[$€£%]|\b(?:each|every|per|total|altogether|left|remain(?:s|ing)?|more than|less than|fewer|twice|half|thrice|double|triple|times|dozen|percent|` +
		`dollars?|cents?|euros?|pounds?|hours?|minutes?|days?|weeks?|months?|miles?|km|kilomet(?:er|re)s?|met(?:er|re)s?|feet|inches|kg|grams?|lit(?:er|re)s?|gallons?|` +
		`older|younger|taller|shorter|faster|slower|cheaper|share|split|equally)\b`)

	// numbers in figures and in words. "One" is left out: it is a pronoun more often than a number.
	numbers = regexp.MustCompile(`\d+(?:[.,]\d+)*|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|` +
		`twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|twice|thrice|double|triple|dozen|quarter|thirds?)\b`)

	links = regexp.MustCompile(`\bhttps?://\S+`)
	dates = regexp.MustCompile(`\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b24/7\b|\bv?\d+\.\d+\.\d+\b`)
	// years as a sentence names them; "in 2014 dollars" is rare enough.
	years = regexp.MustCompile(`\b(?:in|since|of|from|to|and|until|by|the|around|before|after|between|during)\s+(?:1[5-9]|20)\d\d\b`)
)
