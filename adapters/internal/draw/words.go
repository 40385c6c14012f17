package draw

import (
	"aprm/adapters"
)

// InWords turns a prefill into a request for its continuation, for endpoints that would answer it instead of going on.
func InWords(messages []adapters.Message) []adapters.Message {
	prefill := Prefill(messages)
	if prefill == "" {
		return messages
	}
	out := append([]adapters.Message(nil), messages[:len(messages)-1]...)
	return append(out, adapters.Message{Role: adapters.User, Content: "This is the beginning of your answer:\n\n" + prefill +
		"\n\nGo on exactly where it ends, in the same form. Repeat nothing of it, and write nothing about it."})
}
