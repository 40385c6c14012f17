package step

import "strings"

// SplitTokens gives each step the tokens that spell it: those that overlap its text, found in order in the text that all
// tokens spell together. A step that isn't found there gets nil.
func SplitTokens(steps []string, tokens []Token) [][]Token {
	var b strings.Builder
	starts := make([]int, len(tokens))
	for i, t := range tokens {
		starts[i] = b.Len()
		b.WriteString(t.Text)
	}
	text := b.String()
	out := make([][]Token, len(steps))
	from, next := 0, 0 // offset in text, index in tokens
	for i, s := range steps {
		at := strings.Index(text[from:], s)
		if at < 0 || s == "" {
			continue
		}
		start := from + at
		from = start + len(s)
		for next < len(tokens) && starts[next]+len(tokens[next].Text) <= start {
			next++
		}
		first := next
		for next < len(tokens) && starts[next] < from {
			next++
		}
		out[i] = tokens[first:next:next]
		if next > first && starts[next-1]+len(tokens[next-1].Text) > from {
			next-- // this token also begins the following step
		}
	}
	return out
}
