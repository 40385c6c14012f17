package builtin

import (
	"strings"
	"unicode/utf8"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/prm/step"
)

// sequence is one completion in the making.
type sequence struct {
	words   *tokenizer
	req     adapters.Request
	sampler sampler
	budget  int // of tokens
	overlap int // bytes of text in which a stop string may have begun

	cache  cache
	latest int32 // the token drawn last, not read yet
	text   string
	tokens []step.Token
	count  int // of tokens drawn

	index      int
	emit       func(event) // is told of text and tokens as they are final; nil for none
	sentText   int
	sentTokens int
	spelled    int // bytes of text that the sent tokens spell

	finish adapters.FinishReason // "" until it is
	stop   string                // the stop string that ended it
	err    error
}

func newSequence(words *tokenizer, req adapters.Request, index, budget int) *sequence {
	s := &sequence{words: words, req: req, index: index, sampler: newSampler(req, index), budget: budget}
	for _, stop := range req.Stop {
		s.overlap = max(s.overlap, len(stop)-1)
	}
	return s
}

// next draws a token by the logits after what was read; probs is room for as many numbers.
func (s *sequence) next(logits, probs []float32) {
	s.latest = s.sampler.pick(logits, probs)
	s.count++
	defer s.tell()
	if s.latest == endToken {
		s.finish = adapters.FinishEnd
		return
	}
	if s.req.LogProbs || s.req.TopLogProbs > 0 {
		s.tokens = append(s.tokens, s.words.logProbs(logits, probs, s.latest, s.req.TopLogProbs))
	}
	searched := max(0, len(s.text)-s.overlap)
	s.text += s.words.text(s.latest)
	if s.count == s.budget {
		s.finish = adapters.FinishLength
	}
	if at, stop := firstStop(s.text[searched:], s.req.Stop); stop != "" {
		s.text, s.stop, s.finish = s.text[:searched+at], stop, adapters.FinishStop
	}
	if s.req.OneStep {
		if _, _, complete := step.Next(s.text); complete {
			s.stop, s.finish = "", adapters.FinishCut
		}
	}
}

// tell hands on what is new and can't become part of a stop string any more, text and the tokens that spell it.
func (s *sequence) tell() {
	if s.emit == nil {
		return
	}
	final := len(s.text)
	if !s.ended() && s.overlap > 0 {
		final = max(s.sentText, final-s.overlap)
		for final > s.sentText && !utf8.RuneStart(s.text[final]) {
			final--
		}
	}
	first := s.sentTokens
	for s.sentTokens < len(s.tokens) {
		end := s.spelled + len(s.tokens[s.sentTokens].Text)
		if end > final && (!s.ended() || s.spelled >= final) { // a token that the end cuts in two is the answer's
			break
		}
		s.sentTokens, s.spelled = s.sentTokens+1, end
	}
	if final > s.sentText || s.sentTokens > first {
		s.emit(event{s.index, s.text[s.sentText:final], s.tokens[first:s.sentTokens]})
		s.sentText = final
	}
}

// firstStop returns the stop string that begins first in text, and where; of those that begin together, the first
// named.
func firstStop(text string, stops []string) (at int, stop string) {
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && (stop == "" || i < at) {
			at, stop = i, s
		}
	}
	return at, stop
}

// ended reports whether nothing more will be drawn.
func (s *sequence) ended() bool { return s.finish != "" || s.err != nil }

// completion returns what was drawn, after a prompt of so many tokens that are to be counted.
func (s *sequence) completion(prompt int) adapters.Completion {
	c := draw.NewCollector(s.req, false) // cuts a step off the text, and the tokens to it
	c.Add(s.text, s.tokens)
	done := c.Completion(s.finish, adapters.Usage{}, s.err)
	done.StopString = s.stop
	done.Usage = adapters.Usage{PromptTokens: prompt, CompletionTokens: s.count}
	return done
}
