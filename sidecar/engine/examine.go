package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"aprm/adapters"
	"aprm/prm/step"
)

// verification is what the LLM is asked about an answer of its own.
const verification = "Check the answer above. Is its final number right? Reply with one word: Yes or No."

// alternatives is how many beginnings of the reply are asked for: Yes and No in all their spellings are among few.
const alternatives = 20

// PTrue returns the chance that the configured model gives an answer of its own to be right (Kadavath et al., arXiv
// 2207.05221): of the likeliest words of its reply, what Yes has of Yes and No. It is asked behind the answer, in the
// conversation that the answer was drawn in, so that an endpoint which keeps what it has read reads the question alone.
// ok is false where neither word is among the likeliest.
func (e *Engine) PTrue(ctx context.Context, p step.Problem, answer string) (chance float64, ok bool, err error) {
	llm, err := e.llm("")
	if err != nil {
		return 0, false, err
	}
	asked := instruct([]adapters.Message{{Role: adapters.User, Content: p.Question}}, e.instruction)
	asked = append(asked, adapters.Message{Role: adapters.Assistant, Content: answer}, adapters.Message{Role: adapters.User, Content: verification})
	reply, err := llm.Generate(ctx, adapters.Request{Messages: asked, MaxTokens: 1, LogProbs: true, TopLogProbs: alternatives, TopWanted: true})
	if err != nil {
		return 0, false, err
	}
	switch {
	case len(reply) == 0:
		return 0, false, errors.New("no reply to whether an answer is right")
	case reply[0].Err != nil:
		return 0, false, reply[0].Err
	case len(reply[0].Tokens) == 0:
		return 0, false, fmt.Errorf("log-probabilities of a reply: %w", adapters.ErrUnsupported)
	}
	var yes, no float64
	first := reply[0].Tokens[0]
	words := first.Top
	if len(words) == 0 {
		words = []step.Alternative{{Text: first.Text, LogProb: first.LogProb}}
	}
	for _, w := range words {
		switch strings.ToLower(strings.Trim(w.Text, " \n*\"'.▁Ġ")) {
		case "yes":
			yes += math.Exp(w.LogProb)
		case "no":
			no += math.Exp(w.LogProb)
		}
	}
	if !(yes+no > 0) {
		return 0, false, nil
	}
	return yes / (yes + no), true, nil
}

// Examine returns the hidden states of the steps of an answer that hold any text, and the one at the end of the
// question whether it is right, put behind them: one call, one reading. It is adapters.ErrUnsupported where the
// endpoint gives no states of steps.
func (e *Engine) Examine(ctx context.Context, t step.Trace) (steps []adapters.State, asked adapters.State, err error) {
	llm, err := e.llm("")
	if err != nil {
		return nil, asked, err
	}
	text, all := reading(t)
	var spans []adapters.Span
	for _, s := range all {
		if s.Start < s.End {
			spans = append(spans, s)
		}
	}
	spans = append(spans, adapters.Span{Start: len(text), End: len(text) + len(verification)})
	states, err := llm.Hidden(ctx, text+verification, spans)
	if err != nil {
		return nil, asked, err
	}
	if len(states) != len(spans) {
		return nil, asked, fmt.Errorf("engine: asked for %d hidden states, got %d", len(spans), len(states))
	}
	return states[:len(states)-1], states[len(states)-1], nil
}
