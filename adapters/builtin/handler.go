package builtin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"

	"aprm/adapters"
	"aprm/adapters/wire"
	"aprm/prm/step"
)

// Handler serves the model by OpenAI's chat API, streaming and not, as far as a model without tools can: POST
// /v1/chat/completions, GET /v1/models and GET /v1/models/{id}. What it lacks is refused, with the field at fault. A
// request that names no temperature gets the likeliest answer.
func (l *LLM) Handler() http.Handler {
	mux := http.NewServeMux()
	name := l.scheduler.model.Name
	card := wire.Model{ID: name, Object: "model", OwnedBy: "builtin"}
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, wire.Models{Object: "list", Data: []wire.Model{card}})
	})
	mux.HandleFunc("GET /v1/models/{id}", func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("id"); id != name {
			refuse(w, http.StatusNotFound, "model", fmt.Sprintf("there is no model %q, only %s", id, Title))
			return
		}
		reply(w, http.StatusOK, card)
	})
	mux.HandleFunc("POST /v1/chat/completions", l.chat)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "", fmt.Sprintf("%s has no %s %s", Title, r.Method, r.URL.Path))
	})
	return mux
}

// longest is the size of a request's body that is read, in bytes: the context holds far less.
const longest = 1 << 20

func (l *LLM) chat(w http.ResponseWriter, r *http.Request) {
	var in body
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, longest)).Decode(&in); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) && mistyped.Field != "" {
			field := strings.TrimPrefix(mistyped.Field, "ChatCompletionRequest.") // which is this program's affair
			refuse(w, http.StatusBadRequest, field, fmt.Sprintf("%s has the wrong type: %s", field, mistyped.Value))
			return
		}
		refuse(w, http.StatusBadRequest, "", "the body is no chat request: "+err.Error())
		return
	}
	if in.Model != "" && in.Model != l.scheduler.model.Name {
		refuse(w, http.StatusNotFound, "model", fmt.Sprintf("there is no model %q here, only %s", in.Model, l.scheduler.model.Name))
		return
	}
	req, field, err := l.request(in)
	if err != nil {
		refuse(w, http.StatusBadRequest, field, err.Error())
		return
	}
	a := answer{id: "chatcmpl-" + strconv.FormatInt(time.Now().UnixNano(), 36), model: l.scheduler.model.Name, created: time.Now().Unix(), request: in.ChatCompletionRequest}
	if in.Stream {
		l.stream(w, r, req, a)
		return
	}
	done, err := l.Generate(r.Context(), req)
	if err != nil {
		fail(w, err)
		return
	}
	out := wire.Completion{ID: a.id, Object: "chat.completion", Created: a.created, Model: a.model, Usage: usage(done)}
	for i, c := range done {
		one := wire.Choice{Index: i, Message: wire.Message{Role: openai.ChatMessageRoleAssistant, Content: c.Text}, FinishReason: finish(c.Finish)}
		if in.LogProbs {
			one.Logprobs = wire.LogprobsOf(c.Tokens)
		}
		out.Choices = append(out.Choices, one)
	}
	reply(w, http.StatusOK, out)
}

// body is a chat request with what the library's type doesn't read as clients write it.
type body struct {
	openai.ChatCompletionRequest
	Stop      texts           `json:"stop"`
	Functions json.RawMessage `json:"functions"`
}

// texts is a list of texts, or one.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// longestStop is how many bytes all stop strings together may have: they are looked for at each token.
const longestStop = 1024

// request translates a chat request; the error names the field at fault.
func (l *LLM) request(in body) (req adapters.Request, field string, err error) {
	switch {
	case len(in.Messages) == 0:
		return req, "messages", errors.New("there is no message to answer")
	case len(in.Tools) > 0 || len(in.Functions) > 0:
		return req, "tools", errors.New(Title + " knows no tools")
	case in.ResponseFormat != nil && in.ResponseFormat.Type != openai.ChatCompletionResponseFormatTypeText:
		return req, "response_format", errors.New(Title + " writes plain text only")
	case in.PresencePenalty != 0:
		return req, "presence_penalty", errors.New(Title + " has none")
	case in.FrequencyPenalty != 0:
		return req, "frequency_penalty", errors.New(Title + " has none")
	case len(in.LogitBias) > 0:
		return req, "logit_bias", errors.New(Title + " has none")
	case len(strings.Join(in.Stop, "")) > longestStop:
		return req, "stop", fmt.Errorf("has over %d bytes", longestStop)
	case in.N < 0 || in.N > slots:
		return req, "n", fmt.Errorf("must be from 1 to %d", slots)
	case in.Temperature < 0 || in.Temperature > 2:
		return req, "temperature", errors.New("must be from 0 to 2")
	case in.TopP < 0 || in.TopP > 1:
		return req, "top_p", errors.New("must be from 0 to 1")
	case in.TopLogProbs < 0 || in.TopLogProbs > 20:
		return req, "top_logprobs", errors.New("must be from 0 to 20")
	}
	//lint:ignore SA1019 most clients still say max_tokens
	most, field := in.MaxTokens, "max_tokens"
	if in.MaxCompletionTokens != 0 {
		most, field = in.MaxCompletionTokens, "max_completion_tokens"
	}
	if most < 0 {
		return req, field, errors.New("must be above 0")
	}
	req = adapters.Request{N: in.N, Temperature: float64(in.Temperature), TopP: float64(in.TopP), Stop: in.Stop,
		MaxTokens: most, LogProbs: in.LogProbs, TopLogProbs: in.TopLogProbs}
	if in.Seed != nil {
		seed := int64(*in.Seed)
		req.Seed = &seed
	}
	for i, m := range in.Messages {
		text := m.Content
		for _, part := range m.MultiContent {
			if part.Type != openai.ChatMessagePartTypeText {
				return req, fmt.Sprintf("messages[%d].content", i), errors.New(Title + " reads text only")
			}
			text += part.Text
		}
		switch role := adapters.Role(m.Role); role {
		case adapters.System, adapters.User, adapters.Assistant:
			req.Messages = append(req.Messages, adapters.Message{Role: role, Content: text})
		case "developer":
			req.Messages = append(req.Messages, adapters.Message{Role: adapters.System, Content: text})
		default:
			return req, fmt.Sprintf("messages[%d].role", i), fmt.Errorf("%q is none of system, user and assistant", m.Role)
		}
	}
	return req, "", nil
}

// answer is what all chunks of one answer have in common.
type answer struct {
	id, model string
	created   int64
	request   openai.ChatCompletionRequest
}

// event is a part of one completion as it is drawn.
type event struct {
	index  int
	text   string
	tokens []step.Token
}

// stream sends the answer as it is drawn, about one event a token. A client that reads slowly holds nobody else up:
// there is room for all events that an answer can have.
func (l *LLM) stream(w http.ResponseWriter, r *http.Request, req adapters.Request, a answer) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var done []adapters.Completion
	var err error
	events := make(chan event, max(req.N, 1)*l.scheduler.model.Context)
	go func() {
		defer close(events)
		done, err = l.generate(ctx, req, func(e event) { events <- e })
	}()
	s := sender{w: w, answer: a}
	for e := range events {
		if s.failed == nil {
			s.part(e)
		} else {
			cancel() // the client has gone
		}
	}
	if err != nil && !s.began {
		fail(w, err)
		return
	}
	for i, c := range done {
		if c.Err == nil {
			s.begin(i)
			how := finish(c.Finish)
			s.send(wire.ChunkChoice{Index: i, FinishReason: &how})
		}
	}
	if s.counted() {
		u := usage(done)
		s.event(s.chunk(&u))
	}
	s.write("data: [DONE]\n\n")
	if s.failed != nil {
		slog.Debug("builtin: a stream broke off", "err", s.failed)
	}
}

// sender writes one answer's stream. After a fault it writes nothing more.
type sender struct {
	w      http.ResponseWriter
	answer answer
	roles  []bool // of the completions that have begun
	began  bool
	failed error
}

func (s *sender) part(e event) {
	s.begin(e.index)
	c := wire.ChunkChoice{Index: e.index, Delta: wire.Delta{Content: &e.text}}
	if s.answer.request.LogProbs {
		c.Logprobs = wire.LogprobsOf(e.tokens)
	}
	s.send(c)
}

// begin opens a completion: its role comes first, and once.
func (s *sender) begin(index int) {
	for len(s.roles) <= index {
		s.roles = append(s.roles, false)
	}
	if s.roles[index] {
		return
	}
	s.roles[index] = true
	empty := ""
	s.send(wire.ChunkChoice{Index: index, Delta: wire.Delta{Role: openai.ChatMessageRoleAssistant, Content: &empty}})
}

func (s *sender) counted() bool {
	o := s.answer.request.StreamOptions
	return o != nil && o.IncludeUsage
}

func (s *sender) chunk(usage *wire.Usage, choices ...wire.ChunkChoice) wire.Chunk {
	if choices == nil {
		choices = []wire.ChunkChoice{}
	}
	return wire.Chunk{ID: s.answer.id, Object: "chat.completion.chunk", Created: s.answer.created, Model: s.answer.model, Choices: choices,
		Usage: wire.ChunkUsage{Asked: s.counted(), Usage: usage}}
}

func (s *sender) send(c wire.ChunkChoice) { s.event(s.chunk(nil, c)) }

func (s *sender) event(value any) {
	data, err := json.Marshal(value)
	if err != nil {
		s.failed = err
		return
	}
	s.write("data: " + string(data) + "\n\n")
}

func (s *sender) write(text string) {
	if s.failed != nil {
		return
	}
	if !s.began {
		s.began = true
		s.w.Header().Set("Content-Type", "text/event-stream")
	}
	if _, s.failed = io.WriteString(s.w, text); s.failed == nil {
		s.failed = http.NewResponseController(s.w).Flush()
	}
}

// fail answers with what Generate returned.
func fail(w http.ResponseWriter, err error) {
	var up *adapters.UpstreamError
	if errors.As(err, &up) && up.Status != 0 {
		refuse(w, up.Status, "messages", up.Message)
		return
	}
	refuse(w, http.StatusInternalServerError, "", err.Error())
}

// refuse answers with OpenAI's error object.
func refuse(w http.ResponseWriter, status int, field, message string) {
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    any     `json:"code"`
	}
	o := object{Message: message, Type: "invalid_request_error"}
	if field != "" {
		o.Param = &field
	}
	if status >= 500 {
		o.Type = "server_error"
	}
	reply(w, status, map[string]object{"error": o})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Debug("builtin: an answer broke off", "err", err)
	}
}
