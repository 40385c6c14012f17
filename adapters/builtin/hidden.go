package builtin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/viterin/vek/vek32"

	"aprm/adapters"
)

// Hidden implements adapters.LLM. A state is what the last norm gives, before the head. Text behind the first blank
// line is read as the answer to what stands before it, which is how the model reads when it solves; without one all is
// a user's. One longer than the context is refused as in Generate.
func (l *LLM) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	model := l.scheduler.model
	ids, ends := l.words.reading(text)
	if len(ids) > model.Context {
		return nil, tooLong("hidden", len(ids), model.Context)
	}
	ranges := make([]adapters.Span, len(spans)) // in tokens
	first := len(ids)
	for i, span := range spans {
		ranges[i] = tokensOf(ends, span)
		if ranges[i].Start >= ranges[i].End {
			return nil, fmt.Errorf("hidden: no token lies in bytes %d to %d of the text", span.Start, span.End)
		}
		first = min(first, ranges[i].Start)
	}
	if len(spans) == 0 {
		return nil, ctx.Err()
	}
	c := &call{ctx: ctx, prompt: ids, from: first}
	l.scheduler.do(c)
	if c.err != nil {
		return nil, c.err
	}
	states := make([]adapters.State, len(spans))
	for i, r := range ranges {
		states[i] = pool(c.states[(r.Start-first)*model.Dim:(r.End-first)*model.Dim], model.Dim)
	}
	return states, nil
}

// reading returns the tokens of a question and, behind a blank line, its answer, and the byte offset at which each one
// ends. The mark between the two stands for the blank line.
func (t *tokenizer) reading(text string) (ids []int32, ends []int) {
	const border = "\n\n"
	question, answer, both := strings.Cut(text, border)
	tokens, ends := t.encode(question)
	ids, ends = append([]int32{userToken}, tokens...), append([]int{0}, ends...)
	if !both {
		return ids, ends
	}
	from := len(question) + len(border)
	ids, ends = append(ids, assistantToken), append(ends, from)
	tokens, places := t.encode(answer)
	for i, id := range tokens {
		ids, ends = append(ids, id), append(ends, from+places[i])
	}
	return ids, ends
}

// tokensOf returns the range of the tokens that share a byte with a span; ends holds the byte offset at which each one
// ends.
func tokensOf(ends []int, span adapters.Span) adapters.Span {
	if span.Start >= span.End || span.End <= 0 {
		return adapters.Span{}
	}
	begin, _ := slices.BinarySearch(ends, span.Start+1)
	last, _ := slices.BinarySearch(ends, span.End)
	return adapters.Span{Start: begin, End: min(last+1, len(ends))}
}

// pool returns the state over some tokens, from one state for each.
func pool(rows []float32, width int) adapters.State {
	mean := make([]float32, width)
	count := len(rows) / width
	for i := range count {
		vek32.Add_Inplace(mean, rows[i*width:(i+1)*width])
	}
	vek32.DivNumber_Inplace(mean, float32(count))
	return adapters.State{Last: slices.Clone(rows[(count-1)*width:]), Mean: mean}
}
