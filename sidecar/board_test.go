package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// TestATrainingOfThePageIsOneThatTrainTakes, before the endpoint that is served, as it was named, with its keys where other users don't see them.
func TestATrainingOfThePageIsOneThatTrainTakes(t *testing.T) {
	u := upstreamFlags{URLs: []string{"openai+http://127.0.0.1:1/v1", "openai+http://127.0.0.1:2/v1"}, URL: "http://127.0.0.1:1/v1", Model: "m:1", HiddenURL: "http://127.0.0.1:3",
		Key: "sk-endpoint", HiddenKey: "sk-hidden", Concurrency: 3, NoSeeds: true, Timeout: 90 * time.Second}
	cmd := u.training()("--problems", "board_test.go", "--run", "runs/mine", "--rounds", "2")
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

// TestInsecureTheBoardOnlyShows: who reaches a sidecar beyond this machine without a key begins no training and promotes nothing; with keys, or on this machine, it is the key
// or the machine that says who may.
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
