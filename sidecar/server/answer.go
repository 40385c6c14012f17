package server

import (
	"strings"

	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// pieces cuts an answer into lines, each with its line break. A token goes with the line in which it ends.
func pieces(text string, tokens []step.Token) []dialect.Piece {
	var out []dialect.Piece
	covered, at := 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		if line == "" {
			continue
		}
		covered += len(line)
		p := dialect.Piece{Text: line}
		for len(tokens) > 0 && at+len(tokens[0].Text) <= covered {
			at += len(tokens[0].Text)
			p.Tokens, tokens = append(p.Tokens, tokens[0]), tokens[1:]
		}
		out = append(out, p)
	}
	if len(tokens) > 0 && len(out) > 0 { // an end-of-text token, or text that was trimmed
		out[len(out)-1].Tokens = append(out[len(out)-1].Tokens, tokens...)
	}
	return out
}

// answerOf turns a result into an answer: cut at the client's stop strings, its thoughts apart, with the tokens that
// remain. notes are lines about the search, which stand before the thoughts.
func answerOf(h dialect.Head, a dialect.Ask, r decode.Result, notes string, rep *report) dialect.Answer {
	v := look(r.Text, a.Stop, true)
	out := dialect.Answer{
		Head: h, Text: v.content, Thinking: notes + v.thinking, Finish: "stop",
		Prompt: r.PromptTokens, Completion: r.CompletionTokens, Working: r.Elapsed, Report: rep,
	}
	if r.Finish == decode.FinishLength && !v.cut {
		out.Finish = "length"
	}
	if v.cut {
		for _, stop := range a.Stop {
			if strings.HasPrefix(r.Text[v.from+len(v.content):], stop) {
				out.Stop = stop
			}
		}
	}
	if v.content == "" && v.thinking != "" {
		rep.Note = onlyThoughts
	}
	if a.Logprobs && len(r.Tokens) == 0 && r.Kinds.HavePrograms() && rep.Note == "" {
		rep.Note = toldWithout
	}
	if a.Logprobs {
		out.Tokens = r.Tokens
		if v.cut {
			out.Tokens = tokensWithin(out.Tokens, v.from+len(v.content))
		}
		if v.from > 0 {
			out.Tokens = tokensBehind(out.Tokens, v.from)
		}
	}
	return out
}

// toldWithout is what a client is told that asked for log-probabilities of an answer that has none.
const toldWithout = "the answer is told from a program, or shows one: its text has no log-probabilities of its own"

// onlyThoughts is what a client is told of an answer that never came out.
const onlyThoughts = "the model only thought and came to no answer: give it more max_tokens, or have it think less (think, reasoning_effort)"

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
