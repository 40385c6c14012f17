package builtin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The special tokens, at the head of every vocabulary. Text never encodes to one of them, but for what is unknown.
const (
	userToken int32 = iota
	assistantToken
	endToken
	unknownToken
	specials // how many there are
)

var specialNames = [specials]string{"<user>", "<assistant>", "<end>", "<unk>"}

// tokenizer cuts text into the tokens of a vocabulary. It is immutable.
type tokenizer struct {
	vocab []string
	ids   map[string]int32 // without the specials
}

// newTokenizer checks a vocabulary: the specials come first, and no token is empty or there twice.
func newTokenizer(vocab []string) (*tokenizer, error) {
	if len(vocab) <= int(specials) {
		return nil, errors.New("the vocabulary has no words")
	}
	t := &tokenizer{vocab: vocab, ids: make(map[string]int32, len(vocab))}
	for id, text := range vocab {
		if id < int(specials) {
			if text != specialNames[id] {
				return nil, fmt.Errorf("token %d of the vocabulary is %q, want %q", id, text, specialNames[id])
			}
			continue
		}
		if _, twice := t.ids[text]; twice || text == "" {
			return nil, fmt.Errorf("token %d of the vocabulary, %q, is empty or there twice", id, text)
		}
		t.ids[text] = int32(id)
	}
	return t, nil
}

// encode returns the tokens of text and, for each, the byte offset at which it ends.
func (t *tokenizer) encode(text string) (ids []int32, ends []int) {
	add := func(s string, at int) bool {
		id, known := t.ids[s]
		if known {
			ids, ends = append(ids, id), append(ends, at+len(s))
		}
		return known
	}
	for at := 0; at < len(text); {
		s := text[at : at+pieceLen(text[at:])]
		if add(s, at) {
			at += len(s)
			continue
		}
		if s[0] == ' ' && len(s) > 1 && add(" ", at) {
			at++
			s = s[1:]
			if add(s, at) {
				at += len(s)
				continue
			}
		}
		for len(s) > 0 { // rune by rune, which spells a word and finds what is unknown
			_, n := utf8.DecodeRuneInString(s)
			if !add(s[:n], at) {
				ids, ends = append(ids, unknownToken), append(ends, at+n)
			}
			at, s = at+n, s[n:]
		}
	}
	return ids, ends
}

// pieceLen returns the length of the first piece of a text that isn't empty: a run of letters, a digit or another rune,
// each with the space before it, or a single white space. A line break is always a piece of its own, so that a text may
// be encoded line by line.
func pieceLen(text string) int {
	body := strings.TrimPrefix(text, " ")
	if len(text)-len(body) == 1 && body == "" {
		return 1
	}
	letters := 0
	for letters < len(body) && isLetter(body[letters]) {
		letters++
	}
	if letters > 0 {
		return len(text) - len(body) + letters
	}
	r, n := utf8.DecodeRuneInString(body)
	switch {
	case !unicode.IsSpace(r):
		return len(text) - len(body) + n
	case len(body) < len(text):
		return 1
	default:
		return n
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// text returns what a token stands for: nothing for the marks of a conversation.
func (t *tokenizer) text(id int32) string {
	switch {
	case id == unknownToken:
		return string(utf8.RuneError)
	case id < specials:
		return ""
	default:
		return t.vocab[id]
	}
}
