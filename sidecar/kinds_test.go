package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/adapters/wire"
	"aprm/sidecar/dataset"
)

const (
	pensProgram = "```python\nboxes = 3\npens = boxes * 12 - 5\nprint(pens)\n```" // 31
	pensTold    = "boxes = 3\npens = boxes * 12 - 5 = 3 * 12 - 5 = 31\n#### 31"
	pensWords   = "Three boxes hold 3 * 12 = 36 pens, and 36 - 5 = 31 are left.\n#### 31" // an explanation of the program
	pensProse   = "3 * 12 = 36.\n36 - 5 = 31.\n#### 31"
)

// bilingual is an OpenAI-compatible endpoint that answers with a program where the system message asks for one, and
// goes on with an answer that is begun.
func bilingual(t *testing.T, prose, program string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/models") {
			io.WriteString(w, `{"object":"list","data":[{"id":"fake"}]}`)
			return
		}
		var in wire.Request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(400)
			return
		}
		text := prose
		if raw, _ := json.Marshal(in.Messages); strings.Contains(string(raw), "short Python program") {
			text = program
		}
		if raw, _ := json.Marshal(in.Messages); strings.Contains(string(raw), "This solution is right. Explain it") {
			text = pensWords
			if !strings.Contains(string(raw), strings.ReplaceAll(pensTold, "\n", `\n`)) {
				text = "Of what?"
			}
		}
		if n := len(in.Messages); n > 0 && in.Messages[n-1].Role == "assistant" { // it goes on with what is begun
			const opening = "```python\n"
			if text = " July, August"; in.Messages[n-1].Content == opening {
				text = strings.TrimPrefix(program, opening)
			}
		}
		chunk, _ := json.Marshal(text)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range max(in.N, 1) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":%s},\"finish_reason\":\"stop\"}]}\n\n", i, chunk)
		}
		io.WriteString(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(srv.Close)
	return srv
}

// Programs beside prose come through every dialect, whole and streamed: what a person reads is prose, the working of the prose that came to the answer or else the
// program's steps, and the program itself where it is asked for.
func TestKindsInEveryDialect(t *testing.T) {
	up := bilingual(t, pensProse, pensProgram)
	wrong := bilingual(t, "#### 7", pensProgram)
	dialects := map[string]func(model string, stream bool, extra string) (path, body string){
		"chat": func(model string, stream bool, extra string) (string, string) {
			return "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"stream":%t%s,"messages":[{"role":"user","content":%q}]}`, model, stream, extra, pens)
		},
		"completions": func(model string, stream bool, extra string) (string, string) {
			return "/v1/completions", fmt.Sprintf(`{"model":%q,"stream":%t%s,"prompt":%q}`, model, stream, extra, pens)
		},
		"responses": func(model string, stream bool, extra string) (string, string) {
			return "/v1/responses", fmt.Sprintf(`{"model":%q,"stream":%t%s,"input":%q}`, model, stream, extra, pens)
		},
		"messages": func(model string, stream bool, extra string) (string, string) {
			return "/v1/messages", fmt.Sprintf(`{"model":%q,"stream":%t%s,"max_tokens":300,"messages":[{"role":"user","content":%q}]}`, model, stream, extra, pens)
		},
		"ollama chat": func(model string, stream bool, extra string) (string, string) {
			return "/api/chat", fmt.Sprintf(`{"model":%q,"stream":%t%s,"messages":[{"role":"user","content":%q}]}`, model, stream, extra, pens)
		},
		"ollama generate": func(model string, stream bool, extra string) (string, string) {
			return "/api/generate", fmt.Sprintf(`{"model":%q,"stream":%t%s,"prompt":%q}`, model, stream, extra, pens)
		},
	}
	for _, server := range []struct {
		up   *httptest.Server
		told string // by mixed
	}{{up, pensProse}, {wrong, "#### 7"}} {
		addr, stop := startServe(t, "--upstream", "openai+"+server.up.URL, "--upstream-model", "fake", "--probe-wait", "5s")
		for name, ask := range dialects {
			for _, stream := range []bool{false, true} {
				for _, test := range []struct {
					what, model, extra string
					want               []string // of what is told, JSON-quoted without its quotes
				}{
					{"by name", "fake@mixed-4", "", []string{server.told}},
					{"programs by name", "fake@programs-2", "", []string{pensTold}},
					{"a vote by name", "fake@auto-programs-2", "", []string{pensTold}},
					{"in the body", "fake@majority-2", `,"prm":{"kinds":"programs","trace":true}`, []string{pensTold, "print(pens)", `"kind":"program"`, `"kinds":"programs"`}},
					{"in the body alone", "fake", `,"prm":{"kinds":"programs","n":2}`, []string{pensTold}},
					{"with the program", "fake@programs-2", `,"prm":{"show_program":true}`, []string{pensProgram + "\n\n" + pensTold}},
					{"explained", "fake@programs-2", `,"prm":{"explain":80}`, []string{pensWords}},
					{"with the search", "fake@programs-2", `,"prm":{"show_search":true}`, []string{pensTold, "candidate 1, a program: answer 31", "print(pens)"}},
				} {
					if name == "completions" && test.what == "with the search" {
						continue // which has no place for thoughts
					}
					path, body := ask(test.model, stream, test.extra)
					resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					raw, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					got := joined(string(raw))
					for _, want := range test.want {
						if strings.HasPrefix(want, `"`) {
							if !strings.Contains(string(raw), want) {
								t.Errorf("%s, stream %t, %s: no %s in %s", name, stream, test.what, want, raw)
							}
						} else if resp.StatusCode != 200 || !strings.Contains(got, want) {
							t.Errorf("%s, stream %t, %s: %d, no %q in %.1500s", name, stream, test.what, resp.StatusCode, want, raw)
						}
					}
				}
			}
		}
		stop()
	}
}

// joined is all text that a body says, in order: of any field that texts and thoughts come in.
func joined(body string) string {
	var b strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"choices", "output", "message", "delta", "content", "text", "reasoning_content", "thinking", "response", "summary"} {
				if s, ok := v[key].(string); ok {
					b.WriteString(s)
				} else {
					walk(v[key])
				}
			}
			if prm, ok := v["prm"].(map[string]any); ok {
				raw, _ := json.Marshal(prm)
				b.WriteString(string(raw))
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "data: "))
		var event map[string]any
		if json.Unmarshal([]byte(line), &event) != nil {
			continue
		}
		if kind, _ := event["type"].(string); strings.HasSuffix(kind, ".delta") {
			b.WriteString(fmt.Sprint(event["delta"]))
			continue
		}
		walk(event)
	}
	return b.String()
}

// Recorded programs say how they were begun, and are whole; no others come into their file, and together with others they are taken with a word.
func TestSampledPrograms(t *testing.T) {
	up := bilingual(t, pensProse, pensProgram)
	folder := t.TempDir()
	problems, answers := filepath.Join(folder, "problems.jsonl"), filepath.Join(folder, "answers.jsonl")
	if err := os.WriteFile(problems, []byte(`{"question":"`+pens+`","answer":"#### 31"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sample := []string{"sample", "--upstream", "openai+" + up.URL, "--upstream-model", "fake", "--kind", "program", "--problems", problems, "--n", "2", "--out", answers}
	command(t, 0, sample...)
	got, err := dataset.ReadAnswers(answers)
	if err != nil || len(got) != 1 || got[0].Sampling.Opening != "```python\n" || got[0].Answers[1].Text != pensProgram {
		t.Fatalf("%v: %+v", err, got)
	}
	older, drawn := filepath.Join(folder, "older.jsonl"), got[0].Sampling
	drawn.Opening = ""
	file, err := dataset.OpenAnswers(older, drawn)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Add(got[0].Problem, got[0].Answers), file.Close()); err != nil {
		t.Fatal(err)
	}
	if out := command(t, 2, append(sample[:len(sample)-1:len(sample)-1], older)...); !strings.Contains(out, "name another file") {
		t.Errorf("%s", out)
	}
	if out := command(t, 0, "eval", "--solutions", older, "--solutions", answers, "--n", "2"); strings.Count(out, "drawn in different ways") != 1 || !strings.Contains(out, `(apart opening "" and `) {
		t.Errorf("%s", out)
	}
}

// The embedded model writes no programs, and says so in the dialect's own form, naming the field, before anything is
// drawn.
func TestToyWritesNoPrograms(t *testing.T) {
	addr, stop := startServe(t, "--upstream", "builtin")
	defer stop()
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"model":"builtin@mixed-4","stream":true,"messages":[{"role":"user","content":"` + pens + `"}]}`,
		"/api/chat":            `{"model":"builtin","prm":{"strategy":"majority","kinds":"programs"},"messages":[{"role":"user","content":"` + pens + `"}]}`,
	} {
		resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 400 || !strings.Contains(string(raw), "can't write programs") || !strings.Contains(string(raw), "prm.kinds") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, raw)
		}
	}
}
