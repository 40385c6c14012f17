package formula

import (
	"math/big"
	"slices"
	"strings"
)

// cardinals are the words for numbers.
var cardinals = func() map[string]int64 {
	out := map[string]int64{}
	for i, w := range strings.Fields("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen") {
		out[w] = int64(i + 1)
	}
	for i, w := range strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety") {
		out[w] = int64(10 * (i + 2))
	}
	out["fourty"] = 40
	return out
}()

// scales multiply the number before them.
var scales = map[string]int64{"dozen": 12, "hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}

// parts are the words for fractions with a numerator of one.
var parts = map[string]int64{"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4, "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6,
	"seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8, "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "twelfth": 12, "twelfths": 12, "hundredth": 100, "hundredths": 100}

// ordinal is the unit of a number that says a place in an order: 3rd.
const ordinal = "th"

var ordinals = map[string]int64{"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12}

// comparison is a phrase before a number that makes it a bound.
type comparison struct {
	words []string
	sign  string
}

// comparisons are those that are known, longer ones before those that they begin with.
var comparisons = func() (out []comparison) {
	for _, line := range []string{"greater than or equal to|>=", "less than or equal to|<=", "no more than|<=", "not more than|<=", "no less than|>=", "no fewer than|>=", "not less than|>=", "no greater than|<=",
		"at least|>=", "at most|<=", "more than|>", "greater than|>", "larger than|>", "less than|<", "fewer than|<", "smaller than|<", "up to|<=", "a minimum of|>=", "a maximum of|<=", "minimum of|>=",
		"maximum of|<=", "over|>", "under|<", "above|>", "below|<"} {
		words, sign, _ := strings.Cut(line, "|")
		out = append(out, comparison{strings.Fields(words), sign})
	}
	return out
}()

// behind are the words after "or" and "and" behind a number that say it is a bound.
var behind = map[string]string{"more": ">=", "greater": ">=", "above": ">=", "higher": ">=", "over": ">=", "older": ">=", "less": "<=", "fewer": "<=", "below": "<=", "lower": "<=", "under": "<=", "younger": "<="}

// spell turns words that say a number, a sign or a relation into what they say: "forty-two", "2.5 million",
// "three-fourths", "25 percent", "1 out of 4", "at least 5", "negative 18", "6.02 x 10^23".
func spell(tokens []token) []token {
	if !slices.ContainsFunc(tokens, func(t token) bool { return t.kind == tText || t.spelled || t.kind == tName && t.text == "x" }) {
		return tokens
	}
	s := speller{in: tokens, out: make([]token, 0, len(tokens))}
	for s.at < len(s.in) {
		s.next()
	}
	return s.out
}

type speller struct {
	in, out []token
	at      int
}

func (s *speller) peek(n int) token {
	if s.at+n < len(s.in) {
		return s.in[s.at+n]
	}
	return token{}
}

// says reports whether the words stand n tokens ahead.
func (s *speller) says(n int, words ...string) bool {
	for i, w := range words {
		t := s.peek(n + i)
		if (t.kind != tText && t.kind != tName && !(t.kind == tSign && (w == "or" || w == "and"))) || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	return true
}

func (s *speller) last() token {
	if len(s.out) > 0 {
		return s.out[len(s.out)-1]
	}
	return token{}
}

// put appends a token in place of the next n.
func (s *speller) put(n int, t token) {
	t.glued = s.peek(0).glued
	s.out = append(s.out, t)
	s.at += n
}

func (s *speller) sign(n int, means string) { s.put(n, token{kind: tSign, text: means}) }

// begins reports whether a value begins n tokens ahead.
func (s *speller) begins(n int) bool {
	t := s.peek(n)
	return t.kind == tNumber || t.kind == tMoney || t.kind == tCommand || t.kind == tName && !s.article(n) || t.kind == tSign && strings.Contains("-+([{√", t.text) ||
		t.kind == tText && (t.text == "negative" || t.text == "minus" || t.text == "half")
}

// article reports whether the letter a stands n tokens ahead, before a word.
func (s *speller) article(n int) bool {
	return (s.says(n, "a") || s.says(n, "an")) && s.peek(n+1).kind == tText
}

func (s *speller) next() {
	t := s.peek(0)
	word := strings.ToLower(t.text)
	value := func(k kind) bool { return k == tNumber || k == tName }
	switch {
	case t.kind == tNumber:
		s.number()
	case s.article(0) && (scales[s.peek(1).text] > 0 || parts[s.peek(1).text] > 0): // a dozen, a third
		s.at++
		s.number()
	case t.kind == tName && word == "x" && s.last().kind == tNumber && s.peek(1).kind == tNumber && (!t.glued || s.peek(2).text == "^"),
		(t.kind == tName && word == "x" || t.kind == tText && word == "by") && s.last().kind == tText && Unit(strings.ToLower(s.last().text)) && s.peek(1).kind == tNumber: // 4 ft x 6 ft
		s.sign(1, "*")
	case t.kind == tText && word == "by" && s.last().kind == tNumber && s.peek(1).kind == tNumber: // 4 by 6
		s.sign(1, "*")
	case t.kind == tText && (word == "below" || word == "above") && len(s.out) > 1 && s.peek(1).text == "zero": // 8 degrees below zero
		s.out = append(s.out, t, token{kind: tText, text: "zero"})
		s.at += 2
	case t.kind == tText && s.comparison():
	case t.kind == tText && (word == "half" && !s.says(1, "of") || word == "half" && len(s.out) == 0):
		s.number()
	case t.kind != tText:
		s.out = append(s.out, t)
		s.at++
	case (word == "negative" || word == "minus") && s.begins(1) && !value(s.last().kind):
		s.sign(1, "-")
	case (word == "positive" || word == "plus") && s.begins(1) && !value(s.last().kind):
		s.at++
	case word == "minus" && s.begins(1):
		s.sign(1, "-")
	case word == "plus" && s.begins(1):
		s.sign(1, "+")
	case word == "times" && s.begins(1) && value(s.last().kind):
		s.sign(1, "*")
	case (word == "percent" || word == "pct") && s.last().kind != tEnd:
		s.sign(1, "%")
	case word == "per" && s.says(1, "cent") && s.last().kind != tEnd:
		s.sign(2, "%")
	case word == "out" && s.says(1, "of") && s.last().kind == tNumber && s.peek(2).kind == tNumber:
		s.sign(2, "/")
	case word == "to" && s.last().kind == tNumber && (s.peek(1).kind == tNumber || s.peek(1).kind == tMoney):
		s.sign(1, "to")
	case (word == "is" || word == "equals" || word == "equal" || word == "are") && s.last().kind == tName && len(s.out) == 1:
		n := 1
		if s.says(1, "equal") {
			n++
		}
		if s.says(n, "to") {
			n++
		}
		s.at += n
		if s.begins(0) || s.peek(0).kind == tNumber {
			s.at -= n
			s.sign(n, "=")
		}
	case ordinals[word] > 0 && (len(s.out) == 0 && s.peek(1).kind == tText || s.last().kind == tText && (s.peek(1).kind == tEnd || s.peek(1).kind == tText)) && !s.says(1, "of"):
		s.out = append(s.out, token{kind: tNumber, text: word, value: big.NewRat(ordinals[word], 1), decimals: -1, spelled: true}, token{kind: tText, text: ordinal})
		s.at++
	default:
		s.out = append(s.out, t)
		s.at++
	}
}

// comparison reads words before a number that make it a bound.
func (s *speller) comparison() bool {
	if s.last().kind == tNumber || s.last().kind == tSign && s.last().text != "," {
		return false
	}
	for _, c := range comparisons {
		if s.says(0, c.words...) && s.begins(len(c.words)) {
			if s.last().kind == tText && (strings.EqualFold(s.last().text, "is") || strings.EqualFold(s.last().text, "are")) {
				s.out = s.out[:len(s.out)-1]
			}
			s.sign(len(c.words), c.sign)
			return true
		}
	}
	return false
}

// number reads a number in digits or words, with the words that scale or divide it.
func (s *speller) number() {
	first := s.peek(0)
	start := len(s.out)
	if next := s.peek(1); !first.spelled && first.kind == tNumber && next.kind != tText && next.text != "or" && next.text != "and" {
		s.out = append(s.out, first)
		s.at++
		return
	}
	value, written := s.value()
	if s.says(0, "or") || s.says(0, "and") {
		if sign := behind[strings.ToLower(s.peek(1).text)]; sign != "" && s.peek(1).kind == tText && (s.says(0, "or") || s.says(1, "above") || s.says(1, "below") || s.says(1, "over") || s.says(1, "under")) {
			s.out = slices.Insert(s.out, start, token{kind: tSign, text: sign})
			s.at += 2
		}
	}
	if !written { // as it stood
		first.glued = first.glued && len(s.out) > 0
		s.out = append(s.out, first)
		return
	}
	s.out = append(s.out, token{kind: tNumber, text: "½", value: value, decimals: -1, glued: first.glued, spelled: true})
}

// value reads it; written reports whether words had a part in it.
func (s *speller) value() (value *big.Rat, written bool) {
	value = new(big.Rat)
	if t := s.peek(0); t.kind == tNumber && !t.spelled {
		value.Set(t.value)
		s.at++
	} else {
		value, written = s.words(), true
	}
	for {
		by := scales[strings.ToLower(s.peek(0).text)]
		if s.peek(0).kind != tText || by == 0 || value.Num().BitLen() > maxBits/8 {
			break
		}
		value.Mul(value, big.NewRat(by, 1))
		s.at++
		written = true
	}
	if f := s.fraction(0); f != nil && written && value.IsInt() && value.Sign() > 0 { // three-fourths
		value.Mul(value, f)
		s.at++
		if s.peek(-1).kind == tSign {
			s.at++
		}
		return value, true
	}
	if n := s.peek(1); s.says(0, "and") && n.spelled && n.value.Sign() > 0 && written && value.IsInt() { // two and three-quarters
		if f := s.fraction(2); f != nil && f.Mul(f, n.value).Cmp(one) < 0 {
			value.Add(value, f)
			s.at += 3
			if s.peek(-1).kind == tSign {
				s.at++
			}
			return value, true
		}
	}
	if s.says(0, "and") && (s.says(1, "a") || s.says(1, "one")) { // two and a half
		if f := s.fraction(2); f != nil {
			value.Add(value, f)
			s.at += 3
			return value, true
		}
	}
	return value, written
}

// fraction returns the one that a word says, n tokens ahead, a hyphen before it passed over.
func (s *speller) fraction(n int) *big.Rat {
	if t := s.peek(n); t.kind == tSign && t.text == "-" && s.peek(n+1).kind == tText {
		n++
	}
	if t := s.peek(n); t.kind == tText && parts[strings.ToLower(t.text)] > 0 {
		return big.NewRat(1, parts[strings.ToLower(t.text)])
	}
	return nil
}

// words reads a number in words: "one hundred and twenty-five", "half", "dozen".
func (s *speller) words() *big.Rat {
	if t := s.peek(0); t.kind == tText {
		word := strings.ToLower(t.text)
		s.at++
		if word == "half" { // half a dozen, half an hour
			if s.says(0, "a") || s.says(0, "an") {
				s.at++
			}
		}
		if by := scales[word]; by > 0 {
			return big.NewRat(by, 1)
		}
		return big.NewRat(1, parts[word])
	}
	total, current := int64(0), int64(0)
	for {
		t := s.peek(0)
		switch {
		case t.spelled && current%100 == 0 || t.spelled && current%10 == 0 && current%100 > 10 && t.value.Cmp(big.NewRat(10, 1)) < 0:
			current += t.value.Num().Int64()
			s.at++
			if s.peek(0).kind == tSign && s.peek(0).text == "-" && s.peek(1).spelled && current%10 == 0 && current%100 > 10 {
				s.at++
			}
			if t.value.Sign() == 0 {
				return new(big.Rat)
			}
			continue
		case t.kind == tText && strings.EqualFold(t.text, "hundred") && current > 0 && current < 100:
			current *= 100
			s.at++
		case t.kind == tText && scales[strings.ToLower(t.text)] >= 1000 && current > 0 && total < 1e15:
			total += current * scales[strings.ToLower(t.text)]
			current = 0
			s.at++
		default:
			return big.NewRat(total+current, 1)
		}
		if s.says(0, "and") && s.peek(1).spelled {
			s.at++
		}
		if !s.peek(0).spelled && !(s.peek(0).kind == tText && scales[strings.ToLower(s.peek(0).text)] >= 1000) {
			return big.NewRat(total+current, 1)
		}
	}
}
