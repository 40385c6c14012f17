package step

import "strings"

// SplitTokens deals the tokens of a completion out to its steps, as Split(text) gave them, by byte offset: a token
// belongs to the first step that it shares a byte with, one between two steps to neither. nil for a step without
// tokens; all nil when the tokens do not spell the text, so that a wrong alignment is never taken for a measurement.
func SplitTokens(text string, steps []string, tokens []Token) [][]Token {
	out := make([][]Token, len(steps))
	var spelt strings.Builder
	for _, t := range tokens {
		spelt.WriteString(t.Text)
	}
	// An endpoint may trim the text or end its tokens with a mark of its own: then the text stands within.
	pos := -strings.Index(spelt.String(), text)
	if text == "" || pos > 0 {
		return out
	}
	k, from := 0, 0
	for i, s := range steps {
		at := strings.Index(text[from:], s)
		if at < 0 {
			return make([][]Token, len(steps))
		}
		start, end := from+at, from+at+len(s)
		for ; k < len(tokens) && pos < end; k++ {
			next := pos + len(tokens[k].Text)
			if next > start && next > pos {
				out[i] = append(out[i], tokens[k])
			}
			pos = next
		}
		from = end
	}
	return out
}
