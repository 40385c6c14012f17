package builtin

import (
	"fmt"
	"net/http"
	"strings"

	"aprm/adapters"
)

// prompt returns the tokens of a conversation up to where the answer begins or, after a prefill, goes on. System
// messages are left out: the model has learned none.
func (t *tokenizer) prompt(messages []adapters.Message) []int32 {
	var ids []int32
	add := func(mark int32, text string) {
		tokens, _ := t.encode(text)
		ids = append(append(ids, mark), tokens...)
	}
	prefilled := false
	for i, m := range messages {
		switch m.Role {
		case adapters.User:
			add(userToken, strings.TrimSpace(m.Content))
		case adapters.Assistant:
			if prefilled = i == len(messages)-1; prefilled {
				add(assistantToken, strings.TrimLeft(m.Content, " \t\r\n"))
				break
			}
			add(assistantToken, strings.TrimSpace(m.Content))
			ids = append(ids, endToken)
		}
	}
	if !prefilled {
		ids = append(ids, assistantToken)
	}
	return ids
}

// tooLong refuses a text that fills the context.
func tooLong(op string, tokens, context int) error {
	return &adapters.UpstreamError{Op: op, Status: http.StatusBadRequest,
		Message: fmt.Sprintf("the text's %d tokens leave no room in the model's context of %d", tokens, context)}
}
