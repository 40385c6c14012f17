package dialect

import "encoding/json"

// Carry puts members that a search carries (Ask.Carried) from a client's dialect into the upstream's. What the upstream
// has no word for is left out.
func Carry(carried map[string]json.RawMessage, from, to Dialect) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, value := range carried {
		switch {
		case from == to:
			out[name] = value
		case to == Ollama && name == "keep_alive":
			out[name] = value
		case to == Ollama:
			if think := thinkOf(name, value); think != nil {
				out["think"] = think
			}
		case name == "think": // Ollama's: true, false, or how hard
			var wanted bool
			if json.Unmarshal(value, &wanted) != nil {
				out["reasoning_effort"] = value
			} else {
				out["chat_template_kwargs"] = Compact(map[string]bool{"enable_thinking": wanted}) // llama-server, vLLM
			}
		case from == Anthropic && name == "output_config":
			out["reasoning_effort"] = Compact(effortOf(value))
		case from == Anthropic:
			if think := thinkOf(name, value); think != nil {
				out["chat_template_kwargs"] = Compact(map[string]json.RawMessage{"enable_thinking": think})
			}
		}
	}
	return out
}

// thinkOf says in Ollama's word what another dialect's member says of thinking, nil where it says nothing of it.
func thinkOf(name string, value json.RawMessage) json.RawMessage {
	var level string
	switch name {
	case "think", "enable_thinking":
		return value
	case "chat_template_kwargs":
		var in struct {
			Thinking *bool `json:"enable_thinking"`
		}
		if json.Unmarshal(value, &in) != nil || in.Thinking == nil {
			return nil
		}
		return Compact(*in.Thinking)
	case "reasoning":
		var in struct {
			Effort  string `json:"effort"`
			Enabled *bool  `json:"enabled"`
		}
		if json.Unmarshal(value, &in) != nil {
			return nil
		}
		if in.Enabled != nil && in.Effort == "" {
			return Compact(*in.Enabled)
		}
		level = in.Effort
	case "thinking":
		var in struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(value, &in) != nil || in.Type == "" {
			return nil
		}
		return Compact(in.Type != "disabled")
	case "reasoning_effort":
		if json.Unmarshal(value, &level) != nil {
			return nil
		}
	}
	switch level {
	case "none":
		return Compact(false)
	case "minimal":
		level = "low"
	case "xhigh":
		level = "high"
	case "":
		return nil
	}
	return Compact(level)
}
