package adaptertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aprm/adapters/wire"
)

const (
	pens = `"messages":[{"role":"system","content":"Answer in one short line."},{"role":"user","content":"Tom has 3 boxes of 12 pens. How many pens are that?"}]`
	// oneTool is a request that a server which knows tool_choice can answer by a call only.
	oneTool = `"messages":[{"role":"user","content":"What is the weather in Oslo?"}],"tool_choice":"required","tools":[{"type":"function","function":` +
		`{"name":"get_weather","description":"The weather of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]`
)

// server is asked as it is, by no adapter. root is its address without /v1.
type server struct {
	via  http.RoundTripper
	root string
}

// exchange sends JSON, and returns the status and the answer, to be closed.
func (s server) exchange(t *testing.T, method, path, body string) (int, io.ReadCloser) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.root+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.via.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Body
}

// whole is exchange that reads the answer to its end.
func (s server) whole(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	status, answer := s.exchange(t, method, path, body)
	defer answer.Close()
	said, err := io.ReadAll(answer)
	if err != nil {
		t.Fatal(err)
	}
	return status, said
}

// Wire is what the one reader of OpenAI's wire format makes of a server's own bytes: lists, whole answers and streams,
// log-probabilities, tool calls, errors and embeddings. root is the server's address without /v1; noSeeds sends it
// none.
func Wire(t *testing.T, via http.RoundTripper, root, model string, noSeeds bool) {
	server := server{via, root}
	exchange, whole := server.exchange, server.whole
	chat := func(fields string) string {
		if noSeeds {
			return fmt.Sprintf(`{"model":%q,"temperature":0,"max_tokens":24,%s}`, model, fields)
		}
		return fmt.Sprintf(`{"model":%q,"temperature":0,"seed":7,"max_tokens":24,%s}`, model, fields)
	}
	// replies reads an answer of either form to its end.
	replies := func(t *testing.T, body string) (text string, tokens int, calls wire.Calls, finish string, usage *wire.Usage) {
		t.Helper()
		status, answer := exchange(t, http.MethodPost, "/v1/chat/completions", body)
		defer answer.Close()
		next := wire.NewStream(answer).Next
		if !strings.Contains(body, `"stream":true`) {
			said, err := io.ReadAll(answer)
			if err != nil {
				t.Fatal(err)
			}
			read := false
			next = func() (wire.Reply, error) {
				if read {
					return wire.Reply{}, io.EOF
				}
				read = true
				return wire.ParseReply(said)
			}
		}
		for {
			reply, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || reply.Fault != nil || status != http.StatusOK {
				t.Fatalf("%d: %+v, %v", status, reply.Fault, err)
			}
			if reply.Usage != nil {
				usage = reply.Usage
			}
			for _, c := range reply.Choices {
				text += c.Text
				tokens += len(c.Tokens)
				calls.Add(c.Calls)
				if c.Finish != "" {
					finish = c.Finish
				}
			}
		}
		if finish == "" || usage == nil || usage.PromptTokens == 0 || usage.CompletionTokens == 0 {
			t.Errorf("ended by %q, usage %+v", finish, usage)
		}
		return text, tokens, calls, finish, usage
	}

	t.Run("a list of models", func(t *testing.T) {
		status, said := whole(t, http.MethodGet, "/v1/models", "")
		var list wire.Models
		if err := json.Unmarshal(said, &list); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s: %v", status, said, err)
		}
		for _, m := range list.Data {
			if m.ID == model {
				return
			}
		}
		t.Errorf("%s is not in %s", model, said)
	})
	t.Run("whole and streamed alike", func(t *testing.T) {
		text, tokens, _, finish, usage := replies(t, chat(pens+`,"logprobs":true,"top_logprobs":2`))
		streamed, streamedTokens, _, streamedFinish, streamedUsage := replies(t, chat(pens+`,"logprobs":true,"top_logprobs":2,"stream":true,"stream_options":{"include_usage":true}`))
		if text == "" || text != streamed || finish != streamedFinish || *usage != *streamedUsage {
			t.Errorf("whole %q, %s, %+v; streamed %q, %s, %+v", text, finish, usage, streamed, streamedFinish, streamedUsage)
		}
		if least := usage.CompletionTokens - 1; tokens < least || streamedTokens < least { // that which ends the text is counted and may not be shown
			t.Errorf("log-probabilities of %d tokens whole, of %d streamed; %d were counted", tokens, streamedTokens, usage.CompletionTokens)
		}
	})
	t.Run("tools", func(t *testing.T) {
		status, refused := whole(t, http.MethodPost, "/v1/chat/completions", chat(oneTool))
		if status != http.StatusOK { // vLLM wants a flag for them
			if fault := wire.ParseError(refused); fault.Message == "" {
				t.Errorf("%d %s", status, refused)
			}
			return
		}
		var said []string
		for _, form := range []string{"", `,"stream":true,"stream_options":{"include_usage":true}`} {
			text, _, calls, finish, _ := replies(t, chat(oneTool+form))
			list, err := calls.Whole()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				text += fmt.Sprintf("[%s %s]", c.Function.Name, c.Function.Arguments)
			}
			if text == "" || len(list) > 0 && finish != "tool_calls" && finish != "stop" && finish != "length" {
				t.Errorf("%q, ended by %q", text, finish)
			}
			said = append(said, text)
		}
		if said[0] != said[1] {
			t.Errorf("whole %q, streamed %q", said[0], said[1])
		}
	})
	t.Run("refusals", func(t *testing.T) {
		for _, body := range []string{chat(`"messages":"hi"`), `{"model":`} {
			status, said := whole(t, http.MethodPost, "/v1/chat/completions", body)
			if fault := wire.ParseError(said); status < 400 || fault.Message == "" || fault.Message == string(said) {
				t.Errorf("%d %s: %+v", status, said, fault)
			}
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		status, said := whole(t, http.MethodPost, "/v1/embeddings", fmt.Sprintf(`{"model":%q,"input":["two words"]}`, model))
		if status != http.StatusOK {
			if fault := wire.ParseError(said); fault.Message == "" {
				t.Errorf("%d %s", status, said)
			}
			return
		}
		var list struct {
			Data []struct {
				Embedding []float32 `json:"embedding"`
			} `json:"data"`
		}
		if err := json.Unmarshal(said, &list); err != nil || len(list.Data) != 1 || len(list.Data[0].Embedding) == 0 {
			t.Errorf("%.300s: %v", said, err)
		}
	})
}
