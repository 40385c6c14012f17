package dialect

import (
	"encoding/json"

	"aprm/adapters/wire"
	"aprm/prm/step"
)

// Chat is /v1/chat/completions.
var Chat = Format{Dialect: OpenAI, IDPrefix: "chatcmpl-", Raw: chatRaw, Read: readChat,
	Wire: func(a Ask) Wire { return chatWire{a.IncludeUsage, a.Logprobs} }}

// chatFields are the fields of a chat completion request that a search can live with.
var chatFields = map[string]rule{
	"model": ruleUsed, "messages": ruleUsed, "stream": ruleUsed, "stream_options": ruleUsed, "temperature": ruleUsed,
	"top_p": ruleUsed, "max_tokens": ruleUsed, "max_completion_tokens": ruleUsed, "seed": ruleUsed, "stop": ruleUsed,
	"n": ruleUsed, "best_of": ruleUsed, "logprobs": ruleUsed, "top_logprobs": ruleUsed, "prm": ruleUsed, "response_format": ruleUsed,
	"tools": ruleUsed, "tool_choice": ruleUsed, "function_call": ruleUsed, "modalities": ruleUsed,
	"user": ruleHarmless, "metadata": ruleHarmless, "store": ruleHarmless, "service_tier": ruleHarmless,
	"safety_identifier": ruleHarmless, "prompt_cache_key": ruleHarmless, "prompt_cache_retention": ruleHarmless, "parallel_tool_calls": ruleHarmless,
	"cache_prompt": ruleHarmless, "id_slot": ruleHarmless, "timings_per_token": ruleHarmless, "return_progress": ruleHarmless, "return_tokens": ruleHarmless,
	"skip_special_tokens": ruleHarmless, "spaces_between_special_tokens": ruleHarmless, "add_special_tokens": ruleHarmless, "add_generation_prompt": ruleHarmless,
	"priority": ruleHarmless, "request_id": ruleHarmless, "usage": ruleHarmless, "chat_id": ruleHarmless, "session_id": ruleHarmless,
	"echo": ruleFlag, "ignore_eos": ruleFlag, "use_beam_search": ruleFlag, "continue_final_message": ruleFlag, "include_stop_str_in_output": ruleFlag,
	"provider": ruleCarried, "safe_prompt": ruleCarried, "prompt_mode": ruleCarried,
	"keep_alive": ruleCarried, "reasoning_effort": ruleCarried, "chat_template_kwargs": ruleCarried, "reasoning": ruleCarried, "think": ruleCarried,
	"thinking": ruleCarried, "enable_thinking": ruleCarried, "include_reasoning": ruleCarried, "reasoning_format": ruleCarried,
	"reasoning_budget": ruleCarried, "thinking_budget": ruleCarried, "verbosity": ruleCarried, "separate_reasoning": ruleCarried, "stream_reasoning": ruleCarried,
	"num_ctx": ruleCarried, "num_gpu": ruleCarried, "num_thread": ruleCarried, "num_batch": ruleCarried,
	"frequency_penalty": ruleIgnored, "presence_penalty": ruleIgnored, "top_k": ruleIgnored, "min_p": ruleIgnored,
	"repeat_penalty": ruleIgnored, "repetition_penalty": ruleIgnored, "length_penalty": ruleIgnored, "min_tokens": ruleIgnored,
	"repeat_last_n": ruleIgnored, "typ_p": ruleIgnored, "typical_p": ruleIgnored, "top_a": ruleIgnored, "tfs_z": ruleIgnored, "top_n_sigma": ruleIgnored, "samplers": ruleIgnored,
	"dynatemp_range": ruleIgnored, "dynatemp_exponent": ruleIgnored, "xtc_probability": ruleIgnored, "xtc_threshold": ruleIgnored,
	"dry_multiplier": ruleIgnored, "dry_base": ruleIgnored, "dry_allowed_length": ruleIgnored, "dry_penalty_last_n": ruleIgnored,
	"mirostat": ruleIgnored, "mirostat_tau": ruleIgnored, "mirostat_eta": ruleIgnored,
}

func chatRaw(o Object) string {
	if v, ok := o.Get("tools"); ok && says(v) {
		return "tools"
	}
	for _, key := range []string{"tool_choice", "function_call"} {
		if v, ok := o.Get(key); ok && string(v) != `"none"` && string(v) != `"auto"` {
			return "tools"
		}
	}
	if v, ok := o.Get("response_format"); ok {
		var format struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(v, &format) != nil || format.Type != "text" {
			return "response_format"
		}
	}
	if v, ok := o.Get("modalities"); ok && string(v) != `["text"]` && says(v) {
		return "modalities"
	}
	if several := severalOf(o); several != "" {
		return several
	}
	if forbidden, _, _ := classify(o, chatFields); forbidden != "" {
		return "field " + PlainWord(forbidden)
	}
	v, _ := o.Get("messages")
	return messagesRaw(v)
}

// severalOf names the member by which a request asks for several answers, or for what can't be told; "" for none.
func severalOf(o Object) string {
	for _, key := range []string{"n", "best_of"} {
		if n, err := o.number(key, key); err != nil || n != nil && *n != 1 {
			return key
		}
	}
	return ""
}

func readChat(o Object) (a Ask, err error) {
	if a.Messages, err = ReadMessages(o); err != nil {
		return a, err
	}
	return a, a.readOpenAI(o, chatFields)
}

// readOpenAI reads what chat and plain completions have in common.
func (a *Ask) readOpenAI(o Object, rules map[string]rule) error {
	var ignored []string
	_, a.Carried, ignored = classify(o, rules)
	a.Ignored = append(a.Ignored, ignored...)
	if err := o.flag("stream", "stream", &a.Stream); err != nil {
		return err
	}
	if v, ok := o.Get("stream_options"); ok {
		options, err := Parse(v)
		if err != nil {
			return BadRequest("stream_options", "stream_options must be an object such as {\"include_usage\":true}")
		}
		if err := options.flag("include_usage", "stream_options.include_usage", &a.IncludeUsage); err != nil {
			return err
		}
	}
	return a.readSampling(o, sampling{temperature: "temperature", topP: "top_p", seed: "seed", stop: "stop", top: "top_logprobs", logprob: "logprobs",
		maxTokens: []string{"max_tokens", "max_completion_tokens"}})
}

// chatWire is the wire of /v1/chat/completions.
type chatWire struct{ includeUsage, logprobs bool }

func (chatWire) StreamType() string { return eventStream }

func (chatWire) Alive(Head) [][]byte { return comment() }

func (w chatWire) Whole(a Answer) []byte {
	return Compact(wire.Completion{
		ID: a.ID, Object: "chat.completion", Created: a.Created.Unix(), Model: a.Model,
		Choices: []wire.Choice{{
			Message:      wire.Message{Role: "assistant", Content: a.Text, Reasoning: a.Thinking},
			Logprobs:     w.tokens(a.Tokens),
			FinishReason: a.Finish,
		}},
		Usage: wire.UsageOf(a.Prompt, a.Completion),
		PRM:   a.Report,
	})
}

func (w chatWire) chunk(h Head, choices []wire.ChunkChoice, usage *wire.Usage, report any) []byte {
	return event("", wire.Chunk{
		ID: h.ID, Object: "chat.completion.chunk", Created: h.Created.Unix(), Model: h.Model,
		Choices: choices, Usage: wire.ChunkUsage{Asked: w.includeUsage, Usage: usage}, PRM: report,
	})
}

func (w chatWire) Begin(h Head) [][]byte {
	empty := ""
	return [][]byte{w.chunk(h, []wire.ChunkChoice{{Delta: wire.Delta{Role: "assistant", Content: &empty}}}, nil, nil)}
}

func (w chatWire) Part(h Head, p Piece) [][]byte {
	if p.Thinking != "" {
		return [][]byte{w.chunk(h, []wire.ChunkChoice{{Delta: wire.Delta{Reasoning: p.Thinking}}}, nil, nil)}
	}
	return [][]byte{w.chunk(h, []wire.ChunkChoice{{Delta: wire.Delta{Content: &p.Text}, Logprobs: w.tokens(p.Tokens)}}, nil, nil)}
}

// News implements Watcher.
func (w chatWire) News(h Head, report any) [][]byte {
	return [][]byte{w.chunk(h, []wire.ChunkChoice{}, nil, report)}
}

func (w chatWire) End(a Answer) [][]byte {
	chunks := [][]byte{w.chunk(a.Head, []wire.ChunkChoice{{FinishReason: &a.Finish}}, nil, a.Report)}
	if w.includeUsage {
		usage := wire.UsageOf(a.Prompt, a.Completion)
		chunks = append(chunks, w.chunk(a.Head, []wire.ChunkChoice{}, &usage, nil))
	}
	return append(chunks, done())
}

func (chatWire) Broken(p *Problem) [][]byte { return [][]byte{event("", p.Shape(OpenAI)), done()} }

// done is the mark at the end of OpenAI's streams.
func done() []byte { return []byte("data: [DONE]\n\n") }

// tokens are log-probabilities, null where the client asked for none.
func (w chatWire) tokens(tokens []step.Token) *wire.Logprobs {
	if !w.logprobs {
		return nil
	}
	return wire.LogprobsOf(tokens)
}
