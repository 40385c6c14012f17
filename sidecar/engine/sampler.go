package engine

import (
	"context"
	"errors"
	"strings"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// conversation is decode's view of the LLM: one conversation to be answered.
type conversation struct {
	llm      adapters.LLM
	messages []adapters.Message
	programs []adapters.Message // the same, asking for a program
}

func (c conversation) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	messages := c.messages
	if req.OneStep {
		if err := stepwise(ctx, c.llm); err != nil {
			return nil, err
		}
	}
	var opening string
	var stop []string
	if req.Kind == step.Program {
		messages = c.programs
		var err error
		if opening, stop, err = writing(ctx, c.llm); err != nil {
			return nil, err
		}
		if opening != "" {
			messages = append(messages[:len(messages):len(messages)], adapters.Message{Role: adapters.Assistant, Content: opening})
		}
	}
	if req.Explain != "" {
		messages = append(messages[:len(messages):len(messages)], adapters.Message{Role: adapters.Assistant, Content: req.Explain}, adapters.Message{Role: adapters.User, Content: decode.AsksToExplain})
	}
	if len(req.Prefix) > 0 {
		prefill := adapters.Message{Role: adapters.Assistant, Content: strings.Join(req.Prefix, "\n") + "\n"}
		messages = append(messages[:len(messages):len(messages)], prefill)
	}
	completions, err := c.llm.Generate(ctx, adapters.Request{
		Messages:    messages,
		N:           req.N,
		Temperature: req.Temperature,
		TopP:        req.TopP,
		MaxTokens:   req.MaxTokens,
		Stop:        stop,
		Seed:        req.Seed,
		LogProbs:    req.LogProbs,
		TopLogProbs: req.TopLogProbs,
		TopWanted:   req.TopWanted,
		OneStep:     req.OneStep,
	})
	if err != nil {
		return nil, err
	}
	samples := make([]decode.Sample, len(completions))
	for i, done := range completions {
		samples[i] = decode.Sample{
			Text:             done.Text,
			Tokens:           done.Tokens,
			Finish:           finish(done.Finish),
			PromptTokens:     done.Usage.PromptTokens,
			CompletionTokens: done.Usage.CompletionTokens,
			Err:              done.Err,
		}
		if req.Kind == step.Program {
			whole(&samples[i], opening)
		}
	}
	return samples, nil
}

// stepwise refuses an LLM that is known to think before it answers, unless the client has it not think: its first step
// would be one of its thoughts, and it would go on from there as if it had thought to the end.
func stepwise(ctx context.Context, llm adapters.LLM) error {
	caps, err := llm.Capabilities(ctx)
	switch {
	case errors.Is(err, adapters.ErrUnprobed):
		return nil // ask, and see
	case err != nil:
		return err
	case caps.Thinks && !adapters.Thoughtless(ctx):
		return decode.ErrThinks
	}
	return nil
}

// writing is how the LLM is had to write a program: what it is given as the beginning of its answer, and what its
// answer ends at. The beginning is "" where it wouldn't go on with it, where it is to think first, or where that isn't
// known yet.
func writing(ctx context.Context, llm adapters.LLM) (opening string, stop []string, err error) {
	fence := []string{decode.ClosesProgram + "\n\n"} // a fence that opens has code behind it
	caps, err := llm.Capabilities(ctx)
	switch {
	case errors.Is(err, adapters.ErrUnprobed):
		return "", fence, nil
	case err != nil:
		return "", nil, err
	case caps.Thinks: // what it drafts in its thoughts ends no answer
		return "", nil, nil
	case caps.Prefill == adapters.PrefillContinued, caps.Prefill == adapters.PrefillEchoed:
		return decode.OpensProgram, []string{decode.ClosesProgram}, nil
	}
	return "", fence, nil
}

// whole gives a program the fences back that it was drawn without: the one that it was to go on from, and the one that
// it was stopped at.
func whole(s *decode.Sample, opening string) {
	given := func(text string) []step.Token {
		if s.Tokens == nil || text == "" {
			return nil
		}
		return []step.Token{{Text: text}} // as sure as can be: nobody drew it
	}
	s.Text, s.Tokens = opening+s.Text, append(given(opening), s.Tokens...)
	const fence = "```"
	if s.Err == nil && s.Finish != decode.FinishLength && strings.Count(s.Text, fence)%2 == 1 && !strings.HasSuffix(strings.TrimSpace(s.Text), fence) {
		closing := decode.ClosesProgram
		if strings.HasSuffix(s.Text, "\n") {
			closing = fence
		}
		s.Text, s.Tokens = s.Text+closing, append(s.Tokens, given(closing)...)
	}
}

func finish(f adapters.FinishReason) decode.Finish {
	switch f {
	case adapters.FinishCut:
		return decode.FinishStep
	case adapters.FinishLength:
		return decode.FinishLength
	default:
		return decode.FinishEnd
	}
}
