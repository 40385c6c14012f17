package server

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"aprm/prm/step"
	"aprm/sidecar/server/dialect"
)

// Marks of a reasoning model around its thoughts, as DeepSeek-R1 and Qwen3 set them.
const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
	blank      = " \t\r\n"
)

// view is what a client is to see of an answer's text: the text before the first stop string, and of a reasoning
// model's its thoughts apart, as the servers of such models do it.
type view struct {
	thinking string
	content  string
	from     int  // where in the text the content begins
	cut      bool // at a stop string
}

// look divides the text of an answer. Of a text that isn't whole yet only that is seen which is so whatever follows:
// what could be the beginning of a stop string or a mark, and half a character, are held back.
func look(text string, stops []string, whole bool) view {
	var v view
	longest := 1
	for _, stop := range stops {
		longest = max(longest, len(stop))
	}
	sure := len(text)
	if !whole {
		sure = max(0, sure-(longest-1))
	}
	before, found := cutAtStop(text, stops)
	if v.cut = found && len(before) <= sure; v.cut { // no other stop string can begin before it
		text, whole = before, true
	} else if !whole {
		text = wholeRunes(text[:sure])
	}
	body := strings.TrimLeft(text, blank)
	inside, thinks := strings.CutPrefix(body, thinkOpen)
	switch thoughts, content, closed := strings.Cut(inside, thinkClose); {
	case !thinks && !whole && strings.HasPrefix(thinkOpen, body):
	case !thinks:
		v.content = text
	case closed:
		v.thinking, v.content = strings.Trim(thoughts, blank), strings.TrimLeft(content, blank)
	default:
		if !whole {
			thoughts = thoughts[:len(thoughts)-overlap(thoughts, thinkClose)]
		}
		v.thinking = strings.Trim(thoughts, blank)
	}
	v.from = len(text) - len(v.content)
	return v
}

// overlap is how much of the end of text could be the beginning of mark.
func overlap(text, mark string) int {
	for n := min(len(text), len(mark)-1); n > 0; n-- {
		if strings.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

// wholeRunes leaves out a character at the end of which more bytes are to come.
func wholeRunes(text string) string {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

// teller tells a client of an answer bit by bit.
type teller struct {
	stops   []string
	told    view
	midline bool // the thoughts told last don't end with their line
}

// next is what is new in text, the answer so far, and in notes, lines about the search, which join the thoughts. tokens
// are the new content's, nil for none. The answer must go on as it began.
func (t *teller) next(text string, whole bool, notes string, tokens []step.Token) ([]dialect.Piece, error) {
	v := look(text, t.stops, whole)
	thinking, ok := strings.CutPrefix(v.thinking, t.told.thinking)
	content, same := strings.CutPrefix(v.content, t.told.content)
	if !ok || !same {
		return nil, errors.New("the answer doesn't begin with the text that the search had settled")
	}
	t.told = v
	if notes != "" && t.midline {
		notes = "\n" + notes
	}
	var out []dialect.Piece
	if thoughts := notes + thinking; thoughts != "" {
		out = append(out, dialect.Piece{Thinking: thoughts})
		t.midline = !strings.HasSuffix(thoughts, "\n")
	}
	return append(out, pieces(content, tokens)...), nil
}

// tokensBehind are the tokens that end behind the first n bytes.
func tokensBehind(tokens []step.Token, n int) []step.Token {
	at := 0
	for i, t := range tokens {
		if at += len(t.Text); at > n {
			return tokens[i:]
		}
	}
	return nil
}

// cutAtStop cuts text before the first stop string in it.
func cutAtStop(text string, stops []string) (string, bool) {
	at := math.MaxInt
	for _, stop := range stops {
		if i := strings.Index(text, stop); i >= 0 && i < at {
			at = i
		}
	}
	if at == math.MaxInt {
		return text, false
	}
	return text[:at], true
}
