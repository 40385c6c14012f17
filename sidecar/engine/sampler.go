package engine

import (
	"context"
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
	if req.Kind == step.Program {
		messages = c.programs
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
	}
	return samples, nil
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
