package scope

// otherTask tells by which of its sentences a message has the model do something else than work out its problem, "" by
// none. A problem is told in sentences that state something and ends in a question for a quantity; beside these people
// say please, and how the solution is to look. Every other order or question, and every section with a title of its
// own, is about the problem, not for its answer. No question of GSM8K has one.
func (r reading) otherTask() string {
	for n, s := range r.sentences {
		i := r.order(s)
		switch {
		case s.label && (s.end-s.start <= 4 || n == 0) && s.numbers == 0 && !r.within(s.start, s.end, problemNouns) && !directions[r.at(i).text]:
			return "sections"
		case (below[r.at(s.start).text] || below[r.at(s.start+1).text]) && r.within(s.start, min(s.start+3, s.end), being) && !r.within(s.start, s.end, problemNouns):
			return "a task about a text"
		case r.ordered(s, i), r.toldOtherwise(s):
			return "another task"
		case s.question && (choosing[r.at(s.start).text] || r.at(s.start).text == "what" && advising[r.at(s.start+1).text] && subjects[r.at(s.start+2).text] || r.asksQuantity(s) < 0 && r.otherQuestion(s)):
			return "another question"
		}
	}
	return ""
}

// ordered reports whether a sentence whose first word behind politeness is at i orders something else than a solution.
func (r reading) ordered(s span, i int) bool {
	verb, next := r.at(i).text, r.at(i+1)
	switch {
	case i >= s.end || directions[verb], r.at(s.start).text == "to", i > s.start && (r.at(i-1).text == "you" && !asking[r.at(i-2).text] || stating[r.at(i-1).text]):
		return false // no order: it says what for, or what there is or somebody does
	case verb == "write" && r.within(i, s.end, numberForms):
		return false
	case orders[verb]:
		return true
	case mayOrder[verb]:
		return i+1 >= s.end || next.kind&number != 0 || objects[next.text] || next.text == "\""
	case (verb == "give" || verb == "tell") && (next.text == "me" || next.text == "the" || next.text == "your" || next.text == "a"):
		return r.within(i, s.end, notSolved) || !r.within(i, s.end, solvings)
	}
	return false
}

// toldOtherwise reports whether a sentence speaks to the model of what it is to do, or asks for what is said of a text
// and is no quantity.
func (r reading) toldOtherwise(s span) bool {
	quantity := r.asksQuantity(s) >= 0
	for i := s.start; i < s.end; i++ {
		w, next := r.words[i].text, r.at(i+1).text
		switch {
		case w == "your" && jobs[next], w == "you" && orders[next] && asking[r.at(i-1).text] && !quantity, w == "one" && r.at(i-1).text == "in" && (next == "word" || next == "sentence"):
			return true
		case s.numbers == 0 && ofTexts[w] && (directions[r.at(r.order(s)).text] || s.question && !quantity):
			return true
		}
	}
	return false
}

// otherQuestion reports whether a question is for something else than a quantity or help with one.
func (r reading) otherQuestion(s span) bool {
	first := r.at(s.start).text
	if at := r.find(s, whatIs); at >= 0 && at <= s.start+2 {
		if _, latex := r.formula(); latex || r.formulaSoon(at) || r.within(at, s.end, calculus) {
			return false
		}
	}
	if (first == "can" || first == "could" || first == "would" || first == "will" || first == "any") && (r.at(s.start+1).text == "you" || r.at(s.start+1).text == "someone" || first == "any") {
		return !r.within(s.start, s.end, solvings)
	}
	return asking[first]
}

// duty tells what a system prompt has the model do with what people say, other than to answer it, "" if nothing.
func (r reading) duty() string {
	for _, s := range r.sentences {
		i := r.order(s)
		verb := r.at(i).text
		switch {
		case i >= s.end || i > s.start && stating[r.at(i-1).text]:
		case outputs[verb]:
			for j := i + 1; j < min(i+4, s.end); j++ {
				if w := r.words[j]; w.kind == number || w.text == "only" || w.text == "one" {
					return "a bare answer"
				}
			}
		case orders[verb] && !manners[verb], roles[verb] && i > s.start && r.within(s.start, i, you):
			return "a system prompt of its own"
		}
	}
	return ""
}
