// Package scope tells problems worth a search from everything else that people and programs send to a chat model. It is
// a rule over words and marks, pure and without an LLM.
package scope

import (
	"strings"

	"aprm/adapters"
)

// longestQuestion is the length in bytes beyond which a message is a document to work on, not a question to work out.
// No question of GSM8K is longer than half of it.
const longestQuestion = 2000

// longestSystem is the same for a system message, which a search has read over and over.
const longestSystem = 4000

// Out tells why a conversation is not for a search, in a few plain words that may stand in a header; "" when it is
// step-wise reasoning with numbers of the kind that PRMs are trained on here: English word problems, and expressions or
// equations to work out. It is a rule over the words of the user's last message and of the system's, without an LLM.
//
// It would rather leave a problem to the upstream than search for a poem. What makes a word problem is that it gives
// numbers and asks for another that follows from them: the question speaks of what was given, and asks for no advice.
// So "How long should I boil 6 eggs?" is none. The error rates are what TestScopeRates reports.
//
// A follow-up ("and if she had 5 more?") is left to the upstream: the PRM reads the last message alone.
func Out(messages []adapters.Message) string {
	last, answered := -1, false
	for i := len(messages) - 1; i >= 0 && last < 0; i-- {
		if messages[i].Role == adapters.User {
			last = i
		}
	}
	if last < 0 {
		return "no question"
	}
	for i, m := range messages {
		switch m.Role {
		case adapters.System:
			if len(m.Content) > longestSystem {
				return "long system prompt"
			}
			if why := systemForbids(m.Content); why != "" {
				return why
			}
		case adapters.Assistant:
			answered = answered || i < last
		}
	}
	text := messages[last].Content
	switch {
	case len(text) > longestQuestion:
		return "long text"
	case strings.Contains(text, "```") || strings.Contains(text, "~~~"):
		return "code"
	case quotes(text):
		return "a quotation"
	}
	r := readWords(text)
	if answered && r.followsUp() {
		return "follow-up"
	}
	if why := r.outOfScope(); why != "" {
		return why
	}
	for _, m := range messages { // these cost more than all words, and few get so far
		if m.Role == adapters.System {
			if why := ordered(m.Content); why != "" {
				return why
			}
		}
	}
	return wrapped(text)
}

// systemForbids tells what of a system prompt a searched answer, which is steps in English, would break.
func systemForbids(prompt string) string {
	r := readWords(prompt)
	if r.foreign() {
		return "another language"
	}
	if why := r.duty(); why != "" {
		return why
	}
	for i, w := range r.words {
		if why := systemWords[w.text]; why != "" {
			return why
		}
		switch w.text {
		case "deutsch", "français", "español", "italiano":
			return "another language"
		case "in": // "answer in German"
			if languages[r.at(i+1).text] {
				return "another language"
			}
		case "only", "just", "nothing": // "reply with code only", "only the number", "output nothing else"
			if why := r.bareAnswer(i); why != "" {
				return why
			}
		case "never", "not", "don't":
			if r.within(i+1, i+7, hidden) {
				return "answers are not wanted"
			}
		}
	}
	return ""
}

// outOfScope is the rule for one message.
func (r reading) outOfScope() string {
	if r.foreign() {
		return "another language"
	}
	for i, w := range r.words {
		if why := formatWords[w.text]; why != "" {
			return why
		}
		switch w.text {
		case "only", "just", "nothing":
			if why := r.bareAnswer(i); why != "" {
				return why
			}
		case "no", "without":
			if r.at(i+1).text == "explanation" || r.at(i+1).text == "explanations" || r.at(i+1).text == "steps" {
				return "a bare answer"
			}
		}
	}
	if why := r.craft(); why != "" {
		return why
	}
	if why := r.otherTask(); why != "" {
		return why
	}
	if r.worksOut() {
		return ""
	}
	if r.numbers == 0 {
		return "no numbers"
	}
	return r.noWordProblem()
}

// bareAnswer tells whether the word at i, one of only, just and nothing, forbids steps.
func (r reading) bareAnswer(i int) string {
	if r.words[i].text == "nothing" {
		if r.at(i+1).text == "else" {
			return "a bare answer"
		}
		return ""
	}
	if before := r.at(i - 1).text; r.words[i].text == "only" && bare[before] {
		return "a bare answer"
	}
	next := i + 1
	for r.at(next).text == "the" || r.at(next).text == "a" || r.at(next).text == "one" || r.at(next).text == "final" || r.at(next).text == "with" {
		next++
	}
	if next > i+1 && bare[r.at(next).text] {
		switch r.at(i - 1).text { // "there is only the answer left" is no order
		case "", "with", "reply", "respond", "answer", "give", "me", "want", "need", "return", "output", "write", "say", "tell", "print", ".", "please", ",", "\n", ":":
			return "a bare answer"
		}
	}
	return ""
}

// craft tells what text is ordered, "" if none is. Orders stand at the beginning of a sentence.
func (r reading) craft() string {
	for s, sentence := range r.sentences {
		i := r.order(sentence)
		verb := r.at(i).text
		if why := crafts[verb]; why != "" {
			if verb == "write" && r.at(i+1).kind == number && r.within(i, sentence.end, numberForms) {
				continue
			}
			return why
		}
		if proofs[verb] && (verb != "show" || r.at(i+1).text == "that") {
			return "a proof"
		}
		if s == 0 && (firstOrders[verb] && !determiners[r.at(i-1).text] || textNouns[verb]) {
			return "a text to write"
		}
		if makers[verb] && r.within(i+1, min(i+12, sentence.end), made) {
			return "a text to write"
		}
		if verb == "act" || verb == "pretend" || verb == "be" && r.at(i+1).text == "my" || verb == "you" && r.at(i+1).text == "are" {
			return "role-play"
		}
	}
	return ""
}

// worksOut reports whether there is an expression, an equation or another formal exercise to work out.
func (r reading) worksOut() bool {
	formula, latex := r.formula()
	for _, sentence := range r.sentences {
		i := r.order(sentence)
		next := r.at(i + 1)
		switch verb := r.at(i).text; verb {
		case "solve", "evaluate", "simplify", "factor", "factorise", "factorize", "integrate", "differentiate", "expand":
			if formula || latex {
				return true
			}
		case "calculate", "compute":
			if r.numbers > 0 {
				return true
			}
		case "multiply", "divide", "subtract", "add", "round":
			if next.kind == number {
				return true
			}
		case "write", "express", "convert": // of units people look up
			if r.numbers > 0 && r.within(i, sentence.end, numberForms) {
				return true
			}
		case "why":
			return false
		}
		if at := r.find(sentence, whatIs); at >= 0 {
			if at > i+2 && yesNo[r.words[sentence.start].text] { // "Do you get tired of being asked what 2+2 is?"
				continue
			}
			// "What is the square root of 144", "… of sin(x)", "what's 348 divided by 12", "what is 15% of 240"
			for j := at + 1; j < sentence.end; j++ {
				w := r.words[j].text
				if calculus[w] && r.at(j+1).text == "of" || divisions[w] && r.at(j-1).kind == number && (r.at(j+1).kind == number || r.at(j+2).kind == number) {
					return true
				}
				if w == "%" && r.at(j+1).text == "of" && r.at(j+2).kind|r.at(j+3).kind&number != 0 {
					return true
				}
			}
			if latex || formula && r.formulaSoon(at) {
				return true
			}
		}
		if r.within(sentence.start, sentence.end, howWord) && r.within(sentence.start, sentence.end, waysWord) && r.within(sentence.start, sentence.end, arranging) {
			return true
		}
	}
	return (formula || latex) && r.proseWords <= 4 && !r.within(0, len(r.words), meaning) && !r.within(0, len(r.words), personal)
}

// noWordProblem tells what a text with numbers lacks to be a word problem, "" if nothing.
func (r reading) noWordProblem() string {
	if r.numbers < 2 {
		return "too few numbers"
	}
	advice := false
	for s, sentence := range r.sentences {
		at := r.asksQuantity(sentence)
		if at < 0 {
			continue
		}
		if r.advice(sentence) {
			advice = true
			continue
		}
		if r.follows(s, at) {
			return ""
		}
	}
	if advice {
		return "advice"
	}
	return "no quantity to work out"
}

// asksQuantity returns where a sentence asks for a quantity, -1 if it doesn't.
func (r reading) asksQuantity(s span) int {
	for i := s.start; i < s.end; i++ {
		w := r.words[i]
		switch {
		case w.text == "how" && measures[r.at(i+1).text]:
			return i
		case whatWords[w.text] && (w.text != "find" && w.text != "determine" || i == r.order(s) || r.at(i-1).text == ","):
			for j := i + 1; j < min(i+12, s.end); j++ {
				if quantityNouns[r.words[j].text] || spending[r.words[j].text] && j > i+2 {
					return i
				}
				if r.words[j].text == "difference" && (r.at(j+1).text == "in" || r.at(j+1).text == "between" && (r.at(j+2).kind == number || r.numbers-s.numbers >= 2)) {
					return i
				}
			}
		case w.text == "when" && auxiliaries[r.at(i+1).text] && s.question && r.numbers >= 3:
			return i
		case s.question && i+1 < s.end && quantityNouns[w.text] && r.at(i+1).text == "of" && !yesNo[r.words[s.start].text]:
			return i
		}
	}
	return -1
}

// advice reports whether a sentence asks what to do or what is usual, rather than what follows.
func (r reading) advice(s span) bool {
	for i := s.start; i < s.end; i++ {
		w, next, after := r.words[i].text, r.at(i+1).text, r.at(i+2).text
		switch {
		case (w == "should" && (next == "he" || next == "she" || next == "they") || w == "do" && (next == "i" || next == "we") && after == "need") && r.numbersIn(i, s.end) > 0:
			return true // what a number there calls for is known from elsewhere
		case w == "should" && advised[next] && after != "pay" && after != "owe" && after != "get":
			return true
		case adviceWords[w], w == "fair" && (next == "price" || next == "rent" || next == "way"), w == "worth" && (next == "it" || strings.HasSuffix(next, "ing")):
			return true
		case w == "would" && next == "you" && whatWords[r.at(i-1).text]:
			return true
		case w == "do" && (next == "i" || next == "we" || next == "you") && (after == "need" || after == "recommend" || after == "think" || after == "know" || after == "suggest") &&
			(r.numbers < 3 || next == "you"):
			return true
		case w == "can" && next == "you" && r.numbers < 3 && !r.within(i, s.end, totals):
			return true
		}
	}
	return false
}

// follows reports whether the question that sentence s asks at a word may be answered from what the text gives: numbers are
// stated outside the question, which speaks of the same things, or the question itself has all that it takes.
func (r reading) follows(s, at int) bool {
	sentence := r.sentences[s]
	given := false
	for i, other := range r.sentences {
		given = given || i != s && !other.question && other.numbers > 0
	}
	if given || r.numbersIn(sentence.start, at) > 0 { // also before the question in its own sentence: "If 5 machines make 5 widgets, how long …"
		return r.about(sentence, at)
	}
	inside := 0
	cue := false
	for i := at; i < sentence.end; i++ {
		w := r.words[i]
		switch {
		case w.kind == number:
			inside++
			if r.at(i+1).text == "or" && r.at(i+2).kind == number {
				return false // "two or four?" asks which
			}
		case closed[w.text]:
			cue = true
		case subjects[w.text] && asking[r.at(i-1).text]: // "How long do I roast 2 kg at 180 degrees?" asks for experience
			return false
		}
	}
	return inside >= 2 && cue
}

// about reports whether the question at a word speaks of what the rest of the text does.
func (r reading) about(s span, at int) bool {
	for i := at; i < s.end; i++ {
		if w := r.words[i]; refers[w.text] && !(w.text == "it" && r.at(i+1).text == "take") || w.kind == number || r.at(i-1).text == "the" && (w.text == "first" || w.text == "second") {
			return true
		}
	}
	for i := at + 1; i < s.end; i++ {
		w := r.words[i]
		if w.kind != word || len(w.text) < 3 || stopWords[w.text] || measures[w.text] {
			continue
		}
		stem := stemOf(w.text)
		for j, other := range r.words {
			if (j < at || j >= s.end) && other.kind == word && stemOf(other.text) == stem {
				return true
			}
		}
	}
	return false
}

// followsUp reports whether a message leans on the ones before it.
func (r reading) followsUp() bool {
	if len(r.words) > 40 || len(r.words) == 0 {
		return false
	}
	i := 0
	for i < len(r.words) && (fillers[r.words[i].text] || r.words[i].kind == symbol) {
		i++
	}
	switch next := r.at(i + 1).text; r.at(i).text {
	case "and", "but", "same", "instead":
		return true
	case "what", "how":
		return next == "about" || next == "if"
	case "why", "are", "explain":
		return true
	case "now", "suppose", "if":
		return r.within(i, len(r.words), insteadWords)
	}
	return r.within(i, len(r.words), insteadWords)
}
