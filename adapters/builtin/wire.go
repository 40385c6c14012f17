package builtin

import (
	"aprm/adapters"
	"aprm/adapters/wire"
)

func finish(f adapters.FinishReason) string {
	if f == adapters.FinishLength {
		return "length"
	}
	return "stop"
}

func usage(done []adapters.Completion) wire.Usage {
	var u adapters.Usage
	for _, c := range done {
		u = u.Add(c.Usage)
	}
	return wire.UsageOf(u.PromptTokens, u.CompletionTokens)
}
