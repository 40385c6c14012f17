package builtin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sashabaranov/go-openai"
)

// client speaks to a small model as OpenAI's clients do.
func client(t *testing.T) *openai.Client {
	t.Helper()
	srv := httptest.NewServer(newLLM(t, small()).Handler())
	t.Cleanup(srv.Close)
	cfg := openai.DefaultConfig("none")
	cfg.BaseURL = srv.URL + "/v1"
	return openai.NewClientWithConfig(cfg)
}

func chatRequest() openai.ChatCompletionRequest {
	seed := 3
	return openai.ChatCompletionRequest{Model: "small", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "Tom has 3 boxes."}},
		MaxCompletionTokens: 24, Temperature: 1, Seed: &seed, N: 2, LogProbs: true, TopLogProbs: 2}
}

// A streamed answer is the answer, in the order of OpenAI's chunks.
func TestStreamIsTheAnswer(t *testing.T) {
	c := client(t)
	for _, stop := range [][]string{nil, {"e"}, {"zq", "a b"}} {
		req := chatRequest()
		req.Stop = stop
		whole, err := c.CreateChatCompletion(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		req.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
		stream, err := c.CreateChatCompletionStream(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		text, spelled, roles := make([]string, 2), make([]string, 2), make([]string, 2)
		finish := make([]openai.FinishReason, 2)
		var used *openai.Usage
		chunks := 0
		for {
			chunk, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			chunks++
			used = chunk.Usage
			for _, choice := range chunk.Choices {
				i := choice.Index
				if choice.Delta.Content != "" && roles[i] == "" {
					t.Errorf("content %q before the role", choice.Delta.Content)
				}
				text[i] += choice.Delta.Content
				roles[i] += choice.Delta.Role
				finish[i] += choice.FinishReason
				if choice.Logprobs != nil {
					for _, p := range choice.Logprobs.Content {
						spelled[i] += p.Token
					}
				}
			}
		}
		for i, choice := range whole.Choices {
			if text[i] != choice.Message.Content || finish[i] != choice.FinishReason || roles[i] != "assistant" {
				t.Errorf("stop %q: streamed %q (%s, %s), whole %q (%s)", stop, text[i], finish[i], roles[i], choice.Message.Content, choice.FinishReason)
			}
			want := ""
			for _, p := range choice.LogProbs.Content {
				want += p.Token
			}
			if spelled[i] != want || !strings.HasPrefix(want, text[i]) {
				t.Errorf("stop %q: streamed log-probabilities spell %q, those of the whole answer %q, its text is %q", stop, spelled[i], want, text[i])
			}
		}
		if used == nil || *used != whole.Usage || used.TotalTokens != used.PromptTokens+used.CompletionTokens {
			t.Errorf("usage %+v, whole %+v", used, whole.Usage)
		}
		if stop == nil && chunks < 20 {
			t.Errorf("%d chunks: it came in lumps", chunks)
		}
	}
}

// What the model can't do is refused in OpenAI's own format, with the field at fault.
func TestRefusals(t *testing.T) {
	srv := httptest.NewServer(newLLM(t, small()).Handler())
	t.Cleanup(srv.Close)
	const hello = `"messages":[{"role":"user","content":"Hi"}]`
	for body, param := range map[string]string{
		`{`:                             "",
		`{"model":"small"}`:             "messages",
		`{"model":"gpt",` + hello + `}`: "model",
		`{` + hello + `,"tools":[{"type":"function","function":{"name":"f"}}]}`: "tools",
		`{` + hello + `,"response_format":{"type":"json_object"}}`:              "response_format",
		`{` + hello + `,"functions":[{"name":"f"}]}`:                            "tools",
		`{` + hello + `,"stop":7}`:                                              "stop",
		`{` + hello + `,"n":"2"}`:                                               "n",
		`{` + hello + `,"temperature":"hot"}`:                                   "temperature",
		`{"messages":7}`:                                                        "messages",
		`{` + hello + `,"stop":"` + strings.Repeat("x", 2000) + `"}`:            "stop",
		`{` + hello + `,"max_tokens":-7}`:                                       "max_tokens",
		`{` + hello + `,"presence_penalty":1}`:                                  "presence_penalty",
		`{` + hello + `,"frequency_penalty":1}`:                                 "frequency_penalty",
		`{` + hello + `,"logit_bias":{"7":3}}`:                                  "logit_bias",
		`{` + hello + `,"n":1000}`:                                              "n",
		`{` + hello + `,"temperature":3}`:                                       "temperature",
		`{` + hello + `,"top_p":-1}`:                                            "top_p",
		`{` + hello + `,"top_logprobs":50}`:                                     "top_logprobs",
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}`: "messages[0].content",
		`{"messages":[{"role":"tool","content":"x"}]}`:                                                                     "messages[0].role",
		`{"stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("Tom has boxes. ", 2000) + `"}]}`:         "messages",
	} {
		resp, err := http.Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Error struct {
				Message, Type string
				Param         *string
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&out)
		resp.Body.Close()
		got := ""
		if out.Error.Param != nil {
			got = *out.Error.Param
		}
		status := http.StatusBadRequest
		if param == "model" {
			status = http.StatusNotFound
		}
		if err != nil || resp.StatusCode != status || got != param || out.Error.Message == "" || out.Error.Type != "invalid_request_error" {
			t.Errorf("%.80s: status %d, %+v, param %q, %v", body, resp.StatusCode, out.Error, got, err)
		}
	}
	resp, err := http.Get(srv.URL + "/v1/embeddings")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/v1/embeddings: %s", resp.Status)
	}
}

func TestModels(t *testing.T) {
	list, err := client(t).ListModels(t.Context())
	if err != nil || len(list.Models) != 1 || list.Models[0].ID != "small" {
		t.Errorf("%+v, %v", list, err)
	}
	if one, err := client(t).GetModel(t.Context(), "small"); err != nil || one.ID != "small" {
		t.Errorf("%+v, %v", one, err)
	}
	var refused *openai.APIError
	if _, err := client(t).GetModel(t.Context(), "gpt"); !errors.As(err, &refused) || refused.HTTPStatusCode != http.StatusNotFound || !strings.Contains(refused.Message, `"gpt"`) {
		t.Errorf("a model that isn't there: %v", err)
	}
}

// A stop string may stand alone, as OpenAI's clients may send it.
func TestOneStop(t *testing.T) {
	srv := httptest.NewServer(newLLM(t, small()).Handler())
	t.Cleanup(srv.Close)
	ask := func(stop string) string {
		resp, err := http.Post(srv.URL+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"messages":[{"role":"user","content":"Hi"}],"max_tokens":20`+stop+`}`))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out openai.ChatCompletionResponse
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || len(out.Choices) != 1 {
			t.Fatalf("%s: %+v, %v", resp.Status, out, err)
		}
		return out.Choices[0].Message.Content
	}
	whole := ask("")
	if len(whole) < 4 {
		t.Fatalf("%q is too short to be stopped", whole)
	}
	quoted, err := json.Marshal(whole[2:4])
	if err != nil {
		t.Fatal(err)
	}
	if got, listed := ask(`,"stop":`+string(quoted)), ask(`,"stop":[`+string(quoted)+`]`); got != listed || len(got) >= len(whole) || !strings.HasPrefix(whole, got) {
		t.Errorf("stop %s: %q, as a list %q, without %q", quoted, got, listed, whole)
	}
}

// Answers have the members of OpenAI's API reference, and no others.
func TestAnswersHaveOpenAIsMembers(t *testing.T) {
	srv := httptest.NewServer(newLLM(t, small()).Handler())
	t.Cleanup(srv.Close)
	const begin = `^\{"id":"chatcmpl-\w+","object":"chat\.completion(\.chunk)?","created":\d+,"model":"small","choices":`
	const counts = `\{"prompt_tokens":\d+,"completion_tokens":4,"total_tokens":\d+\}`
	text := begin + `\[\{"index":0,"delta":\{"content":"[^"]*"\},"logprobs":null,"finish_reason":null\}\]`
	for more, want := range map[string][]string{
		``: {begin + `\[\{"index":0,"message":\{"role":"assistant","content":"[^"]*"\},"logprobs":null,"finish_reason":"length"\}\],"usage":` + counts + `\}$`},
		`,"stream":true`: {begin + `\[\{"index":0,"delta":\{"role":"assistant","content":""\},"logprobs":null,"finish_reason":null\}\]\}$`, text + `\}$`,
			begin + `\[\{"index":0,"delta":\{\},"logprobs":null,"finish_reason":"length"\}\]\}$`, `^\[DONE\]$`},
		`,"stream":true,"stream_options":{"include_usage":true}`: {begin + `\[\{"index":0,"delta":\{"role":"assistant","content":""\},"logprobs":null,"finish_reason":null\}\],"usage":null\}$`, text + `,"usage":null\}$`,
			begin + `\[\{"index":0,"delta":\{\},"logprobs":null,"finish_reason":"length"\}\],"usage":null\}$`, begin + `\[\],"usage":` + counts + `\}$`, `^\[DONE\]$`},
		`,"logprobs":true,"top_logprobs":1`: {`"logprobs":\{"content":\[(\{"token":"[^"]*","logprob":[-0-9.e]+,"bytes":\[\d+(,\d+)*\],"top_logprobs":\[\{"token":"[^"]*","logprob":[-0-9.e]+,"bytes":\[\d+(,\d+)*\]\}\]\},?){4}\]\}`},
	} {
		resp, err := http.Post(srv.URL+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"messages":[{"role":"user","content":"Hi"}],"max_tokens":4`+more+`}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", more, resp.Status, err)
		}
		// Each line is as the pattern at hand says, or as the next one does.
		at := -1
		for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
			if line == "" {
				continue
			}
			line = strings.TrimPrefix(line, "data: ")
			is := func(i int) bool { return i >= 0 && i < len(want) && regexp.MustCompile(want[i]).MatchString(line) }
			if is(at + 1) {
				at++
			} else if !is(at) {
				t.Fatalf("%s: %s\nis not %s", more, line, want[min(at+1, len(want)-1)])
			}
		}
		if at != len(want)-1 {
			t.Errorf("%s: ended at %d of\n%s", more, at, body)
		}
	}
}
