package server

import (
	"encoding/json"
	"math"

	"aprm/adapters"
)

// ollamaChatFields, ollamaGenerateFields and ollamaOptions are the fields of Ollama's requests that a search can live with.
// Of the options those about memory and threads belong to the runner that the adapter has configured.
var (
	ollamaChatFields = map[string]fieldRule{
		"model": fieldUsed, "messages": fieldUsed, "stream": fieldUsed, "options": fieldUsed, "prm": fieldUsed,
		"logprobs": fieldUsed, "top_logprobs": fieldUsed, "tools": fieldUsed, "_debug_render_only": fieldFlag,
		"keep_alive": fieldHarmless, "truncate": fieldHarmless, "shift": fieldHarmless,
	}
	ollamaGenerateFields = map[string]fieldRule{
		"model": fieldUsed, "prompt": fieldUsed, "system": fieldUsed, "stream": fieldUsed, "options": fieldUsed, "prm": fieldUsed,
		"logprobs": fieldUsed, "top_logprobs": fieldUsed, "raw": fieldFlag, "_debug_render_only": fieldFlag,
		"keep_alive": fieldHarmless, "truncate": fieldHarmless, "shift": fieldHarmless,
	}
	ollamaOptions = map[string]fieldRule{
		"temperature": fieldUsed, "top_p": fieldUsed, "seed": fieldUsed, "num_predict": fieldUsed, "stop": fieldUsed,
		"num_thread": fieldHarmless, "num_batch": fieldHarmless, "num_gpu": fieldHarmless, "main_gpu": fieldHarmless,
		"use_mmap": fieldHarmless, "num_keep": fieldHarmless,
		"num_ctx": fieldIgnored, "top_k": fieldIgnored, "min_p": fieldIgnored, "typical_p": fieldIgnored,
		"repeat_last_n": fieldIgnored, "repeat_penalty": fieldIgnored, "presence_penalty": fieldIgnored,
		"frequency_penalty": fieldIgnored,
	}
)

// ollamaRaw tells why a request is not for a search, whichever of the two routes it came by; "" when it may be one.
func ollamaRaw(o object, rules map[string]fieldRule) string {
	if v, ok := o.get("tools"); ok && !saysNothing(v) {
		return "tools"
	}
	if v, ok := o.get("format"); ok && !saysNothing(v) {
		return "format"
	}
	if v, ok := o.get("images"); ok && !saysNothing(v) {
		return "images"
	}
	if forbidden, _ := classify(o, rules); forbidden != "" {
		return "field " + plainWord(forbidden)
	}
	if v, ok := o.get("options"); ok {
		if options, err := parseObject(v); err == nil {
			if forbidden, _ := classify(options, ollamaOptions); forbidden != "" {
				return "option " + plainWord(forbidden)
			}
		}
	}
	return ""
}

// ollamaChatRaw is ollamaRaw for /api/chat.
func ollamaChatRaw(o object) string {
	if why := ollamaRaw(o, ollamaChatFields); why != "" {
		return why
	}
	v, ok := o.get("messages")
	if !ok || string(v) == "[]" {
		return "load" // Ollama loads or unloads the model
	}
	return messagesRaw(v)
}

// ollamaGenerateRaw is ollamaRaw for /api/generate.
func ollamaGenerateRaw(o object) string {
	if why := ollamaRaw(o, ollamaGenerateFields); why != "" {
		return why
	}
	if v, ok := o.get("prompt"); !ok || string(v) == `""` {
		return "load"
	}
	return ""
}

// readOllamaChat reads a request of /api/chat for a search.
func readOllamaChat(o object) (a ask, err error) {
	if a.messages, err = readMessages(o); err != nil {
		return a, err
	}
	return a, a.readOllama(o)
}

// readOllamaGenerate reads a request of /api/generate for a search.
func readOllamaGenerate(o object) (a ask, err error) {
	var prompt, system string
	if err := o.read("prompt", &prompt, "a string"); err != nil {
		return a, err
	}
	if err := o.read("system", &system, "a string"); err != nil {
		return a, err
	}
	if system != "" {
		a.messages = append(a.messages, adapters.Message{Role: adapters.System, Content: system})
	}
	a.messages = append(a.messages, adapters.Message{Role: adapters.User, Content: prompt})
	return a, a.readOllama(o)
}

// readOllama reads what both routes have.
func (a *ask) readOllama(o object) (err error) {
	a.stream = true
	if err := o.read("stream", &a.stream, "true or false"); err != nil {
		return err
	}
	if err := o.read("logprobs", &a.logprobs, "true or false"); err != nil {
		return err
	}
	if err := o.read("top_logprobs", &a.topLogprobs, "a whole number from 0 to 20"); err != nil {
		return err
	}
	if a.topLogprobs < 0 || a.topLogprobs > 20 {
		return badRequest("top_logprobs", "top_logprobs must be a whole number from 0 to 20")
	}
	value, ok := o.get("options")
	if !ok {
		return nil
	}
	options, err := parseObject(value)
	if err != nil {
		return badRequest("options", "options must be an object such as {\"temperature\":0.7}")
	}
	var temperature, topP *float64
	var maxTokens whole
	for _, field := range []struct {
		key  string
		into any
		want string
	}{
		{"temperature", &temperature, "a number of 0 or more"},
		{"top_p", &topP, "a number from 0 to 1"},
		{"seed", &a.seed, "a whole number"},
		{"num_predict", &maxTokens, "a whole number"},
	} {
		if v, ok := options.get(field.key); ok && json.Unmarshal(v, field.into) != nil {
			return badRequest("options."+field.key, "options.%s must be %s", field.key, field.want)
		}
	}
	a.maxTokens = int(max(maxTokens, 0)) // -1 and -2 are Ollama's words for no limit
	if a.temperature, err = within("options.temperature", temperature, math.Inf(1)); err != nil {
		return err
	}
	a.temperature = min(a.temperature, 2) // Ollama has no bound, the search has
	if a.topP, err = within("options.top_p", topP, 1); err != nil {
		return err
	}
	stop, _ := options.get("stop")
	if a.stop, err = stops(stop, "options.stop"); err != nil {
		return err
	}
	_, a.ignored = classify(options, ollamaOptions)
	a.ignored = append(a.ignored, zeros(temperature, topP)...)
	return nil
}
