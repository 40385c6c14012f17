package main

import (
	"context"
	"os"
	"os/exec"
	"strconv"

	"aprm/sidecar/page"
)

// serving is what the page is told of a service.
func (s service) serving(ctx context.Context) page.Serving {
	id, trained := s.engine.Checkpoint()
	out := page.Serving{Version: buildLabels()["version"], Upstream: s.upstream.name(), Model: s.upstream.Model, Strategy: s.bare(), N: s.config.Defaults.N, Checkpoint: id, File: s.checkpoint}
	if !trained {
		return out
	}
	gate, err := s.engine.Gate(ctx)
	switch {
	case err != nil:
		out.Gate = "not known: " + err.Error()
	case gate == nil:
		out.Gate = "none: auto takes plain votes, in which the PRM only breaks ties"
	default:
		out.Gate = takes(gate)
	}
	return out
}

// training is the command that trains a PRM of the endpoint's model, in a process of its own, with these further
// arguments; nil where no model is known. Keys go by the environment, where other users don't see them.
func (u *upstreamFlags) training(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil || u.Model == "" {
		return nil
	}
	urls := u.URLs
	if len(urls) == 0 {
		urls = []string{u.URL}
	}
	all := []string{"train", "--upstream-model", u.Model, "--upstream-concurrency", strconv.Itoa(u.Concurrency), "--upstream-timeout", u.Timeout.String()}
	for _, url := range urls {
		all = append(all, "--upstream", url)
	}
	if u.NoSeeds {
		all = append(all, "--no-upstream-seeds")
	}
	if u.HiddenURL != "" {
		all = append(all, "--upstream-hidden-url", u.HiddenURL)
	}
	cmd := exec.Command(self, append(all, args...)...) // #nosec G204 -- this program itself
	cmd.Env = append(os.Environ(), "SIDECAR_UPSTREAM_KEY="+u.Key, "SIDECAR_UPSTREAM_HIDDEN_KEY="+u.HiddenKey)
	return cmd
}
