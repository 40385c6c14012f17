package server

import (
	"strings"
	"time"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// head is what every chunk of an answer begins with.
type head struct {
	id      string
	created time.Time // when the request came: of all chunks of OpenAI's the same
	sent    time.Time // when the chunk at hand was made: Ollama's created_at
	model   string    // as call.name
}

// answer is a finished search, ready to be put into a dialect's words.
type answer struct {
	head
	thinking   string // what a reasoning model thought, and lines about the search
	text       string
	finish     string // "stop" or "length": the same in both dialects
	tokens     []step.Token
	prompt     int // tokens really spent, over all candidates
	completion int
	total      time.Duration // since the request came, its wait included
	searching  time.Duration
	report     *report
}

// wire puts answers into a dialect's words. Its methods are pure; they return bytes ready to be sent.
type wire interface {
	dialect() Dialect
	streamType() string      // the content type of a stream
	keepAlive(h head) []byte // a sign of life that clients overlook
	whole(a answer) []byte   // the answer as one body
	begin(h head) [][]byte   // the beginning of a stream, one element a write
	part(h head, p piece) []byte
	end(a answer) [][]byte      // the end of a stream all of whose parts were sent
	broken(p *problem) [][]byte // the end of a stream that has begun
}

// piece is a part of an answer: of its text, with the tokens that is made of, or of its thinking.
type piece struct {
	text     string
	tokens   []step.Token
	thinking string
}

// pieces cuts an answer into lines, each with its line break. A token goes with the line in which it ends.
func pieces(text string, tokens []step.Token) []piece {
	var out []piece
	covered, at := 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		if line == "" {
			continue
		}
		covered += len(line)
		p := piece{text: line}
		for len(tokens) > 0 && at+len(tokens[0].Text) <= covered {
			at += len(tokens[0].Text)
			p.tokens, tokens = append(p.tokens, tokens[0]), tokens[1:]
		}
		out = append(out, p)
	}
	if len(tokens) > 0 && len(out) > 0 { // an end-of-text token, or text that was trimmed
		out[len(out)-1].tokens = append(out[len(out)-1].tokens, tokens...)
	}
	return out
}

// answerOf turns a result into an answer: cut at the client's stop strings, its thoughts apart, with the tokens that remain. notes
// are lines about the search, which stand before the thoughts.
func answerOf(h head, a ask, r decode.Result, notes string, rep *report) answer {
	v := look(r.Text, a.stop, true)
	out := answer{
		head: h, text: v.content, thinking: notes + v.thinking, finish: "stop",
		prompt: r.PromptTokens, completion: r.CompletionTokens, searching: r.Elapsed, report: rep,
	}
	if r.Finish == decode.FinishLength && !v.cut {
		out.finish = "length"
	}
	if a.logprobs {
		out.tokens = r.Tokens
		if v.cut {
			out.tokens = tokensWithin(out.tokens, v.from+len(v.content))
		}
		if v.from > 0 {
			out.tokens = tokensBehind(out.tokens, v.from)
		}
	}
	return out
}

// tokensWithin are the tokens that begin in the first n bytes.
func tokensWithin(tokens []step.Token, n int) []step.Token {
	at := 0
	for i, t := range tokens {
		if at >= n {
			return tokens[:i]
		}
		at += len(t.Text)
	}
	return tokens
}
