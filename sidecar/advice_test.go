package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/adapters/adaptertest"
)

// TestAdvice: whatever is wrong with what was given, the error names it and says what to do about it.
func TestAdvice(t *testing.T) {
	llm := (&adaptertest.Upstream{OwnedBy: "vllm", NoHidden: true}).Start(t)
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":{"message":"Unauthorized"}}`, http.StatusUnauthorized)
	}))
	t.Cleanup(locked.Close)
	none := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			fmt.Fprint(w, `{"data":[{"id":"small"},{"id":"large"}]}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"message":"The model does not exist."}}`)
	}))
	t.Cleanup(none.Close)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	const nobody = "127.0.0.1:1" // no port that is given to those who ask for a free one

	for _, name := range []string{"SIDECAR_UPSTREAM", "SIDECAR_API_KEY"} {
		t.Setenv(name, "") // to have it put back
		os.Unsetenv(name)
	}
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	problems := file("problems.jsonl", `{"question":"Tom has 1 pen and gets 1 more. How many has he?","answer":"1+1=2\n#### 2"}`)
	others := file("others.jsonl", `{"question":"Ann has 5 pens and loses 2. How many has she?","answer":"5-2=3\n#### 3"}`)
	recording := filepath.Join(folder, "recording.jsonl")
	command(t, 0, "eval", "--upstream", llm.URL, "--upstream-model", "fake", "--problems", problems, "--n", "2", "--record", recording)
	answers := filepath.Join(folder, "answers.jsonl")
	command(t, 0, "sample", "--upstream", llm.URL, "--upstream-model", "fake", "--problems", problems, "--n", "2", "--out", answers)

	for name, test := range map[string]struct {
		args   string
		status int
		advice []string // all of which it must contain
	}{
		"unknown model":              {"probe --upstream " + none.URL + " --upstream-model tiny", 1, []string{`no model "tiny"`, "there are small, large"}},
		"several models, none named": {"probe --upstream " + none.URL, 2, []string{"--upstream-model", "small, large"}},
		"unknown builtin model":      {"probe --upstream builtin --upstream-model tiny", 2, []string{`no model "tiny"`, "leave --upstream-model out"}},
		"missing key":                {"probe --upstream " + locked.URL + " --upstream-model m", 1, []string{"--upstream-key"}},
		"a path too much":            {"probe --upstream " + llm.URL + "/v1/chat/completions --upstream-model fake", 2, []string{"--upstream", "leave /chat/completions out"}},
		"another path too much":      {"probe --upstream ollama+" + llm.URL + "/api/chat --upstream-model fake", 2, []string{"--upstream", "leave /api/chat out"}},
		"nobody there":               {"probe --upstream http://" + nobody, 1, []string{"no endpoint answers at", "start one", "--upstream"}},
		"no URL":                     {"probe --upstream localhost:11434", 2, []string{"--upstream", "want http://HOST:PORT"}},
		"unknown scheme":             {"probe --upstream ftp://" + nobody, 2, []string{"--upstream", "want http, https, ollama"}},

		"replay of other problems":  {"eval --replay " + recording + " --problems " + others + " --n 2", 2, []string{"--replay", "not in the recording", "--record"}},
		"replay of other settings":  {"eval --replay " + recording + " --problems " + problems + " --n 2 --temperature 0.1", 2, []string{"--replay", "not in the recording", "the settings"}},
		"no recording":              {"eval --replay " + problems + " --problems " + problems, 2, []string{"is not a recording", "name another file"}},
		"fewer answers than asked":  {"eval --solutions " + answers + " --n 8", 2, []string{"--solutions", "8 answers", "--n 2"}},
		"too few problems":          {"train --solutions " + answers, 2, []string{"--solutions", "draw more", "sidecar sample"}},
		"nothing to learn from":     {"train", 2, []string{"--problems", "--solutions"}},
		"skips all":                 {"train --upstream " + llm.URL + " --upstream-model fake --skip 9 --problems " + problems, 2, []string{"--skip 9", "of 1 problem", "give 0 to 0"}},
		"problems of no shape":      {"train --problems " + file("odd.jsonl", `{"prompt":"Tom?","reward":1}`), 2, []string{"odd.jsonl:1", "prompt", `"question"`, `"answer"`}},
		"problems that are no JSON": {"sample --out " + filepath.Join(folder, "x.jsonl") + " --problems " + file("text.jsonl", "Tom has a pen\n"), 2, []string{"text.jsonl:1", "want"}},
		"no problems at all":        {"eval --problems " + file("empty.jsonl", ""), 2, []string{"empty.jsonl", "empty", "want"}},
		"no such file":              {"eval --problems " + filepath.Join(folder, "no.jsonl"), 2, []string{"--problems", "no.jsonl", "no such file"}},
		"unwritable run folder":     {"train --upstream " + llm.URL + " --upstream-model fake --problems " + problems + " --run " + problems, 2, []string{"--run", "problems.jsonl", "name another place"}},
		"unwritable result":         {"train --solutions " + answers + " --out " + problems + "/my.prm", 2, []string{"--out", "name another"}},
		"a folder for a file":       {"train --solutions " + answers + " --out " + folder, 2, []string{"--out", "is a folder; name a file"}},

		"trace with no server":          {"trace --url http://" + nobody, 1, []string{"no sidecar answers at", "sidecar serve", "--url"}},
		"trace of another server":       {"trace --url " + none.URL, 1, []string{"is it a sidecar"}},
		"port in use":                   {"serve --upstream builtin --listen " + taken.Addr().String(), 2, []string{"--listen", "address already in use", "choose another address"}},
		"demo's port in use":            {"demo --listen " + taken.Addr().String(), 2, []string{"--listen", "choose another address", "--no-serve"}},
		"open to all":                   {"serve --upstream builtin --listen 0.0.0.0:0", 2, []string{"--api-key", "--keys", "--insecure"}},
		"unknown strategy":              {"serve --strategy magic", 2, []string{"--strategy", "majority", "best_of_n"}},
		"strategy that needs a PRM":     {"serve --strategy guided --upstream " + llm.URL + " --upstream-model fake", 2, []string{"needs a PRM", "sidecar train", "--checkpoint"}},
		"unknown strategy of eval":      {"eval --strategies magic --problems " + problems, 2, []string{"--strategies", `"magic" is none of`, "weighted_vote"}},
		"strategy of eval without PRM":  {"eval --strategies guided --problems " + problems, 2, []string{"guided needs a PRM", "--checkpoint"}},
		"no checkpoint":                 {"serve --upstream builtin --checkpoint " + problems, 2, []string{"not a PRM checkpoint", "sidecar train"}},
		"a checkpoint cut off":          {"serve --upstream builtin --checkpoint " + file("half.prm", string(builtinPRM[:1000])), 2, []string{"corrupt", "copy it again or train again"}},
		"settings with an unknown key":  {"serve --config " + file("s.yaml", "upstrem: builtin\nn: 4\n"), 2, []string{"upstrem", "no such setting", "did you mean upstream?"}},
		"settings of another kind":      {"serve --config " + file("n.yaml", "n: many\n"), 2, []string{"config: n", "many"}},
		"settings that are no YAML":     {"serve --config " + file("y.yaml", "n: [4\n"), 2, []string{"config", "line 1"}},
		"a number out of range":         {"serve --upstream builtin --n 0", 2, []string{"--n", "above 0"}},
		"keys of no shape":              {"serve --upstream builtin --keys " + file("k.yaml", "keys: 3\n"), 2, []string{"k.yaml", "sidecar key new"}},
		"unknown flag":                  {"serve --upstreem builtin", 2, []string{"--upstreem", "--upstream"}},
		"unknown command":               {"serv", 2, []string{"serve"}},
		"half of TLS":                   {"serve --upstream builtin --tls-cert " + problems, 2, []string{"--tls-cert", "--tls-key"}},
		"what is no question":           {"ask --upstream builtin --strategy vote", 2, []string{"there is no question", "sidecar ask"}},
		"a gate that can't be read":     {"serve --upstream builtin --checkpoint " + gated(t, folder), 2, []string{"write it anew", "sidecar eval"}},
		"two measurements of no kind":   {"compare " + problems + " " + others, 2, []string{"eval --json"}},
		"a broken recording":            {"recording check " + problems, 2, []string{"problems.jsonl", "name another file"}},
		"a PRM that is no PRM's server": {"prm score", 2, []string{"--checkpoint", "--prm-url"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append(strings.Fields(test.args), "--log-level", "error"), strings.NewReader(""), &out, &errs)
			said := errs.String()
			if at := strings.LastIndex(said, "sidecar: "); at >= 0 {
				said = said[at:]
			}
			t.Log(said)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			for _, want := range test.advice {
				if !strings.Contains(said, want) {
					t.Errorf("it doesn't say %q", want)
				}
			}
			if strings.Count(said, "\n") > 12 || strings.Contains(said, "goroutine") {
				t.Error("it says more than anybody reads")
			}
		})
	}
}

// gated is a checkpoint whose gate is no gate.
func gated(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "gated.prm")
	if err := os.WriteFile(path, builtinPRM, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal("nothing")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gatePath(path), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
