package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// Environment of the tests that need a running sidecar; without the first they are skipped. .ci/clients sets it.
const (
	envSidecar  = "SIDECAR_TEST_URL"      // http://127.0.0.1:8484
	envUpstream = "SIDECAR_TEST_UPSTREAM" // what stands behind it, to compare with; may be empty
	envModel    = "SIDECAR_TEST_MODEL"    // "" takes the first one listed
	envPython   = "SIDECAR_TEST_PYTHON"   // an interpreter that has the clients' packages
	envNode     = "SIDECAR_TEST_NODE"     // a folder node_modules that has them
	envGo       = "SIDECAR_TEST_GO"       // a go command that can fetch modules
)

// notInstalled is the status of a script whose package isn't there.
const notInstalled = 77

// TestRealClients runs the scripts of the official clients, those that an installation is named for.
func TestRealClients(t *testing.T) {
	sidecar := os.Getenv(envSidecar)
	if sidecar == "" {
		t.Skip(envSidecar + " is not set")
	}
	t.Parallel()
	python, node, golang, model := os.Getenv(envPython), os.Getenv(envNode), os.Getenv(envGo), os.Getenv(envModel)
	for _, tt := range []struct {
		script, needs, where, command string
		args                          []string
	}{
		{"openai_client.py", envPython, python, python, []string{sidecar, os.Getenv(envUpstream), model}},
		{"ollama_client.py", envPython, python, python, []string{sidecar, model}},
		{"responses_client.py", envPython, python, python, []string{sidecar, os.Getenv(envUpstream), model}},
		{"anthropic_client.py", envPython, python, python, []string{sidecar, os.Getenv(envUpstream), model}},
		{"frameworks_client.py", envPython, python, python, []string{sidecar, model}},
		{"pooling_client.py", envPython, python, python, []string{sidecar}},
		{"openai_client.mjs", envNode, node, "node", []string{sidecar, node, model}},
		{"ollama_client.mjs", envNode, node, "node", []string{sidecar, node, model}},
		{"frameworks_client.mjs", envNode, node, "node", []string{sidecar, node, model}},
		{"openai-go", envGo, golang, golang, []string{sidecar, model}},
	} {
		t.Run(tt.script, func(t *testing.T) {
			t.Parallel() // an endpoint is quicker at several answers together
			if tt.where == "" {
				t.Skip(tt.needs + " is not set")
			}
			script := filepath.Join("testdata", "clients", tt.script)
			cmd := exec.CommandContext(t.Context(), tt.command, append([]string{script}, tt.args...)...)
			if tt.needs == envGo { // a module of its own
				cmd = exec.CommandContext(t.Context(), golang, append([]string{"run", "."}, tt.args...)...)
				cmd.Dir = script
			}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == notInstalled {
				t.Skipf("%s", out)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			} else {
				t.Logf("%s", out)
			}
		})
	}
}

// TestRealOllamaClient is TestOllamaClient with a real model behind it.
func TestRealOllamaClient(t *testing.T) {
	sidecar := os.Getenv(envSidecar)
	if sidecar == "" {
		t.Skip(envSidecar + " is not set")
	}
	t.Parallel()
	client := ollamaClient(t, sidecar)
	list, err := client.List(t.Context())
	if err != nil || len(list.Models) == 0 {
		t.Fatalf("%v, %v", list, err)
	}
	model := os.Getenv(envModel)
	if model == "" {
		model = list.Models[0].Name
	}
	useOllamaClient(t, client, model, true)
}

// TestOllamaClient: Ollama's own Go client before fake upstreams of both dialects.
func TestOllamaClient(t *testing.T) {
	upstreams := map[dialect.Dialect]http.HandlerFunc{
		dialect.Ollama: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/api/tags":
				io.WriteString(w, `{"models":[{"name":"m","model":"m","digest":"0123456789abcdef"}]}`)
			case "/api/version":
				io.WriteString(w, `{"version":"0.17.4"}`)
			case "/api/show":
				io.WriteString(w, `{"model_info":{},"capabilities":["completion"]}`)
			case "/api/chat":
				io.WriteString(w, `{"model":"m","message":{"role":"assistant","content":"hi"},"done":false}`+"\n")
				io.WriteString(w, `{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Oslo"}}}]},"done":true,"done_reason":"stop","eval_count":2}`+"\n")
			case "/":
				io.WriteString(w, "Ollama is running")
			default:
				w.WriteHeader(404)
				io.WriteString(w, `{"error":"model 'none' not found"}`)
			}
		},
		dialect.OpenAI: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/v1/models":
				io.WriteString(w, `{"data":[{"id":"m"}]}`)
			case "/v1/chat/completions":
				io.WriteString(w, `data: {"choices":[{"delta":{"content":"hi"}}]}`+"\n\n")
				io.WriteString(w, `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":"tool_calls"}]}`+"\n\n")
				io.WriteString(w, `data: {"choices":[],"usage":{"completion_tokens":2}}`+"\n\n")
			default:
				w.WriteHeader(404)
			}
		},
	}
	for dialect, handle := range upstreams {
		t.Run(string(dialect), func(t *testing.T) {
			r := &reasoner{checkpoint: "ab12", solve: func(_ context.Context, model string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
				if model != "m" {
					return decode.Result{}, &adapters.UpstreamError{Op: "generate", Status: 404, Message: "model '" + model + "' not found"}
				}
				return solved(), nil
			}}
			addr := serve(t, Config{Dialect: dialect, Defaults: defaults(guided)}, r, newFakeUpstream(t, handle))
			useOllamaClient(t, ollamaClient(t, addr), "m", false)
		})
	}
}

func ollamaClient(t *testing.T, addr string) *api.Client {
	return api.NewClient(mustURL(t, addr), plainClient(t))
}

// useOllamaClient does with the client what chat clients do. A real model may answer a request with tools as it likes.
func useOllamaClient(t *testing.T, client *api.Client, model string, real bool) {
	ctx := t.Context()
	if err := client.Heartbeat(ctx); err != nil {
		t.Errorf("heartbeat: %v", err)
	}
	if version, err := client.Version(ctx); err != nil || version == "" {
		t.Errorf("version: %q, %v", version, err)
	}
	list, err := client.List(ctx)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	for _, want := range []string{model, model + "@raw", model + "@majority-8"} {
		if !slices.ContainsFunc(list.Models, func(m api.ListModelResponse) bool { return m.Name == want && len(m.Digest) >= 12 }) {
			t.Errorf("list: no %s in %v", want, list.Models)
		}
	}
	if show, err := client.Show(ctx, &api.ShowRequest{Model: model + "@majority-2"}); err != nil || len(show.Capabilities) == 0 {
		t.Errorf("show: %v, %v", show, err)
	}
	messages := []api.Message{{Role: "user", Content: question}}
	options := map[string]any{"num_predict": 100, "seed": 1}
	for _, streamed := range []bool{true, false} {
		got, text := chatWith(t, client, &api.ChatRequest{Model: model + "@majority-2", Messages: messages, Stream: &streamed, Options: options})
		if text == "" || got.DoneReason == "" || got.EvalCount == 0 || got.Model != model+"@majority-2" {
			t.Errorf("chat, streamed %t: %q, %+v", streamed, text, got)
		}
		var response strings.Builder
		var last api.GenerateResponse
		err := client.Generate(ctx, &api.GenerateRequest{Model: model + "@majority-2", Prompt: question, Stream: &streamed, Options: options},
			func(r api.GenerateResponse) error { response.WriteString(r.Response); last = r; return nil })
		if err != nil || response.Len() == 0 || !last.Done || last.EvalCount == 0 {
			t.Errorf("generate, streamed %t: %v, %q, %+v", streamed, err, response.String(), last)
		}
	}
	got, text := chatWith(t, client, &api.ChatRequest{Model: model + "@raw", Messages: messages, Options: options})
	if text == "" || got.DoneReason == "" {
		t.Errorf("raw chat: %q, %+v", text, got)
	}
	var tools api.Tools
	if err := json.Unmarshal([]byte(`[{"type":"function","function":{"name":"get_weather","description":"The weather in a city","parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string","description":"the city"}}}}}]`), &tools); err != nil {
		t.Fatal(err)
	}
	var called []api.ToolCall
	err = client.Chat(ctx, &api.ChatRequest{Model: model, Tools: tools, Options: options, Messages: []api.Message{{Role: "user", Content: "What is the weather in Oslo? Use the tool."}}},
		func(r api.ChatResponse) error { called = append(called, r.Message.ToolCalls...); return nil })
	var status api.StatusError
	switch {
	case real && errors.As(err, &status):
		t.Logf("this model takes no tools, and the client is told so: %v", err)
	case err != nil:
		t.Errorf("tools: %v", err)
	case !real && (len(called) != 1 || called[0].Function.Name != "get_weather" || called[0].Function.Arguments.String() != `{"city":"Oslo"}`):
		t.Errorf("tools: %v", called)
	}
	if !real { // llama-server answers to any name
		whole := false // a stream may have begun by then, and has no status any more
		err = client.Chat(ctx, &api.ChatRequest{Model: "none@majority-2", Messages: messages, Stream: &whole}, func(api.ChatResponse) error { return nil })
		if !errors.As(err, &status) || status.StatusCode != 404 || !strings.Contains(status.ErrorMessage, "not found") {
			t.Errorf("no such model: %v", err)
		}
	}
}

// chatWith returns the last line of an answer and all of its text.
func chatWith(t *testing.T, client *api.Client, req *api.ChatRequest) (last api.ChatResponse, text string) {
	t.Helper()
	err := client.Chat(t.Context(), req, func(r api.ChatResponse) error {
		text += r.Message.Content
		last = r
		return nil
	})
	if err != nil || !last.Done {
		t.Errorf("chat with %s: %v, %+v", req.Model, err, last)
	}
	return last, text
}
