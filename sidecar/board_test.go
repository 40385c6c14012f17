package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"aprm/adapters/adaptertest"
)

// TestATrainingOfThePageIsOneThatTrainTakes, before the endpoint that is served, as it was named, with its keys where
// other users don't see them.
func TestATrainingOfThePageIsOneThatTrainTakes(t *testing.T) {
	u := upstreamFlags{URLs: []string{"openai+http://127.0.0.1:1/v1", "openai+http://127.0.0.1:2/v1"}, URL: "http://127.0.0.1:1/v1", Model: "m:1", HiddenURL: "http://127.0.0.1:3",
		Key: "sk-endpoint", HiddenKey: "sk-hidden", Concurrency: 3, NoSeeds: true, Timeout: 90 * time.Second}
	cmd := u.training("--problems", "board_test.go", "--run", "runs/mine", "--rounds", "2")
	if strings.Contains(strings.Join(cmd.Args, " "), "sk-") {
		t.Errorf("a key on the command line: %q", cmd.Args)
	}
	var got commands
	parser, err := kong.New(&got, kong.Vars(defaults()), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range cmd.Env { // later ones win, as for a process
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "SIDECAR_UPSTREAM") {
			t.Setenv(name, value)
		}
	}
	if _, err := parser.Parse(cmd.Args[1:]); err != nil {
		t.Fatalf("%q: %v", cmd.Args[1:], err)
	}
	of := got.Train.Upstream
	if !slices.Equal(of.URLs, u.URLs) || of.Model != u.Model || of.HiddenURL != u.HiddenURL || of.Key != u.Key || of.HiddenKey != u.HiddenKey || of.Concurrency != 3 || !of.NoSeeds || of.Timeout != u.Timeout {
		t.Errorf("the training's endpoint: %+v", of)
	}
	if got.Train.Game.Rounds != 2 || !strings.HasSuffix(got.Train.Folder, "runs/mine") {
		t.Errorf("the training: %+v", got.Train)
	}
	if (&upstreamFlags{URL: builtinURL}).training() != nil {
		t.Error("a training of no model")
	}
}

// TestInsecureTheBoardOnlyShows: who reaches a sidecar beyond this machine without a key begins no training and
// promotes nothing; with keys, or on this machine, it is the key or the machine that says who may.
func TestInsecureTheBoardOnlyShows(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		listen string
		status int // of what is refused in any case, for want of problems
	}{
		{"insecure", []string{"--insecure"}, "0.0.0.0", http.StatusForbidden},
		{"this machine", nil, "127.0.0.1", http.StatusBadRequest},
		{"a key", []string{"--api-key", "k"}, "0.0.0.0", http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, stop := startServeAt(t, c.listen, append([]string{"--upstream", "builtin", "--runs", t.TempDir()}, c.args...)...)
			defer stop()
			ask := func(method, path string) int {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+"/sidecar/api/"+path, strings.NewReader(`{"name":"mine"}`))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer k")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				bodyOf(t, resp)
				return resp.StatusCode
			}
			if code := ask("GET", "runs"); code != http.StatusOK {
				t.Errorf("looking: %d", code)
			}
			if code := ask("POST", "run/start"); code != c.status {
				t.Errorf("starting: %d, want %d", code, c.status)
			}
		})
	}
}

// TestTrainingsGoToTheEndpointThatIsServed, as it is after the settings were read again.
func TestTrainingsGoToTheEndpointThatIsServed(t *testing.T) {
	one, two := &adaptertest.Upstream{NoHidden: true}, &adaptertest.Upstream{NoHidden: true}
	one.Start(t)
	two.Start(t)
	runs := t.TempDir()
	t.Setenv(asProgram, "1")
	settings := filepath.Join(t.TempDir(), "sidecar.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(runs, "p.jsonl"), `{"id":"1","question":"Tom has 3 boxes of 4 pens. How many pens does he have?","answer":"12"}`+"\n")
	write(settings, "upstream: ["+one.URL+"]\nupstream-model: fake\nruns: "+runs+"\n")
	addr, stop := startServe(t, "--config", settings)
	defer stop()
	write(settings, "upstream: ["+two.URL+"]\nupstream-model: other\nruns: "+runs+"\n")
	ask := func(path, body string) string {
		t.Helper()
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+"/sidecar/api/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return bodyOf(t, resp)
	}
	soon(t, "the other endpoint is served", func() bool { return strings.Contains(ask("state", ""), `"model":"other"`) })
	before := len(one.Requests())
	if said := ask("run/start", `{"name":"mine","problems":"p.jsonl","rounds":1,"per_round":1,"samples":1,"attacks":1,"epochs":1,"seed":1}`); !strings.Contains(said, `"status"`) {
		t.Fatalf("start: %s", said)
	}
	var said string
	soon(t, "the training has begun", func() bool {
		said = ask("run?name=mine", "")
		return strings.Contains(said, `"model":`) || strings.Contains(said, `"failed"`)
	})
	if !strings.Contains(said, `"model":"other`) || len(one.Requests()) > before {
		t.Errorf("the training asks the endpoint that was served before: %s", said)
	}
}

// TestTheDemosPageShowsWhatStays: its folder of runs is the one that the checkpoint is kept in, with the demo's own
// game for as long as it serves.
func TestTheDemosPageShowsWhatStays(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "p.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serves := startServing(t, strings.Fields("demo --rounds 1 --per-round 8 --attacks 8 --unseen 2 --n 2 --listen 127.0.0.1:0 --out "+filepath.Join(folder, "toy.prm"))...)
	resp, err := http.Get("http://" + serves.at(t, servesAt) + "/sidecar/api/runs")
	if err != nil {
		t.Fatal(err)
	}
	said := bodyOf(t, resp)
	if !strings.Contains(said, `"problems":["p.jsonl"]`) || !strings.Contains(said, `"name":"demo-`) {
		t.Errorf("runs: %s", said)
	}
	serves.stop(t)
	if left, err := filepath.Glob(filepath.Join(folder, "demo-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}
