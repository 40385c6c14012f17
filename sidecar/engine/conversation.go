package engine

import (
	"strings"

	"aprm/adapters"
)

// instruct returns the conversation with the instruction at the end of its system message, or before everything as one.
// The client's own messages are left as they are.
func instruct(messages []adapters.Message, instruction string) []adapters.Message {
	if instruction == "" {
		return messages
	}
	out := make([]adapters.Message, 0, len(messages)+1)
	if len(messages) > 0 && messages[0].Role == adapters.System {
		system := strings.TrimRight(messages[0].Content, " \n") + "\n\n" + instruction
		return append(append(out, adapters.Message{Role: adapters.System, Content: system}), messages[1:]...)
	}
	return append(append(out, adapters.Message{Role: adapters.System, Content: instruction}), messages...)
}
