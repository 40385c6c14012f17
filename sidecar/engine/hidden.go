package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"aprm/adapters"
	"aprm/prm/step"
)

// stateKey is the content a hidden state depends on: the model, everything up to the end of the step, and
// where the step begins.
type stateKey [sha256.Size]byte

// reading is the text in which the LLM reads a trace, and the place of each step in it. Steps are stripped of their
// format, so that a "Step 2:" on one side of a pair can't tell the PRM which side it is. Each ends with lineBreak, the
// last one too: to many tokenizers a full stop and the line break behind it are one token, so that the state of a step
// without one would tell that nothing stood behind it.
func reading(t step.Trace) (text string, spans []adapters.Span) {
	var b strings.Builder
	b.WriteString(t.Problem.Question)
	b.WriteString(lineBreak + lineBreak)
	for _, s := range t.Steps {
		start := b.Len()
		b.WriteString(step.Normalize(s))
		spans = append(spans, adapters.Span{Start: start, End: b.Len()})
		b.WriteString(lineBreak)
	}
	return b.String(), spans
}

const lineBreak = "\n"

// Hidden returns the states of every step of a trace as the configured model reads it; nil when the endpoint gives
// none, or when they are switched off.
func (e *Engine) Hidden(ctx context.Context, t step.Trace) ([]adapters.State, error) {
	llm, err := e.llm("")
	if err != nil {
		return nil, err
	}
	return e.hidden(ctx, llm, t, func(string, int) bool { return true })
}

// hidden returns the states of every step of a trace; nil when the endpoint gives none, when they are switched off, or
// when wanted says no to states of that model and width. Steps seen before come from the cache; the rest are asked for
// in one request.
func (e *Engine) hidden(ctx context.Context, llm adapters.LLM, t step.Trace, wanted func(model string, width int) bool) ([]adapters.State, error) {
	if e.noHidden {
		return nil, nil
	}
	caps, err := llm.Capabilities(ctx)
	if errors.Is(err, adapters.ErrUnprobed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !caps.Hidden.OfSteps() || !wanted(caps.Identity(), caps.Hidden.Width) {
		return nil, nil
	}
	text, spans := reading(t)
	states := make([]adapters.State, len(spans))
	keys := make([]stateKey, len(spans))
	var missing []adapters.Span
	var at []int
	for i, span := range spans {
		if span.Start == span.End {
			continue // nothing but format: no state of its own
		}
		keys[i] = sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", caps.Identity(), span.Start, text[:span.End]))
		if s, ok := e.states.Get(keys[i]); ok {
			states[i] = s
			continue
		}
		missing, at = append(missing, span), append(at, i)
	}
	if len(missing) == 0 {
		return states, nil
	}
	// Nothing after the last step asked for can matter to a causal model.
	fresh, err := llm.Hidden(ctx, text[:missing[len(missing)-1].End+len(lineBreak)], missing)
	if err != nil {
		return nil, err
	}
	if len(fresh) != len(missing) {
		return nil, fmt.Errorf("engine: asked for %d hidden states, got %d", len(missing), len(fresh))
	}
	for j, s := range fresh {
		e.states.Add(keys[at[j]], s)
		states[at[j]] = s
	}
	return states, nil
}
