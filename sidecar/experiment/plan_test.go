package experiment_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/sidecar/experiment"
)

// small is a whole experiment of seconds.
const small = `
title: small
upstream: builtin
seeds: [1, 2]
train: {split: train, seed: 11, problems: 40}
dev: {split: dev, seed: 12, problems: 8}
test:
  - {name: in distribution, split: test, seed: 13, problems: 12}
sampling: {temperature: 0.8, max_tokens: 160, parallel: 4}
sizes: [2, 4]
guided: {n: 4, prms: [game], problems: 4}
game: game
base: {samples: 3, max_tokens: 160, concurrency: 8, network: {epochs: 4}}
attacks:
  - {name: what the game met, of: game, prms: [game, static]}
prms:
  - {name: static, fixed: true, settings: {rounds: 1, problems: 16, attacks: 40, learner: uniform}, trials: [{}, {network: {units: 8}}]}
  - {name: game, about: the adversary learns, settings: {rounds: 2, problems: 8, attacks: 30, network: {kl: 0.05}}}
  - {name: once, seeds: 1, settings: {rounds: 1, problems: 8, attacks: 0}}
`

func TestReadLaysSettingsOverEachOther(t *testing.T) {
	plan, err := experiment.Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	static, game := plan.PRMs[0], plan.PRMs[1]
	if len(static.Trials) != 2 || static.Trials[0].Network.Units != 0 || static.Trials[1].Network.Units != 8 || static.Trials[1].Network.Epochs != 4 {
		t.Errorf("trials of the static PRM: %+v", static.Trials)
	}
	if len(game.Trials) != 1 || game.Trials[0].Rounds != 2 || game.Trials[0].Samples != 3 || game.Trials[0].Network.KL != 0.05 || game.Trials[0].Floor == 0 {
		t.Errorf("of the game's, over the base and the defaults: %+v", game.Trials)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"seeds: [1, 2]", "seeds: []", "seeds"},
		{"seeds: [1, 2]", "seeds: [1, 1]", "there twice"},
		{"seeds: 1,", "seeds: 3,", "once: seeds: there are 2"},
		{"of: game, prms: [game, static]", "of: game, prms: [once]", "once has fewer seeds"},
		{"settings: {rounds: 1, problems: 16", "settings: {held_out: 0.1, rounds: 1, problems: 16", "static has a lower held_out than game"},
		{"fixed: true, settings", "fixed: true, seeds: -1, settings", "static: seeds"},
		{"sizes: [2, 4]", "sizes: [0]", "sizes"},
		{"sizes: [2, 4]", "sizes: [2, 3]", "guided: n must not exceed"},
		{"problems: 4}", "problems: -4}", "guided: problems"},
		{"units: 8", "units: -8", "units must not be negative"},
		{"split: dev, seed: 12", "split: dev, skip: 3, seed: 12", "skip is of files"},
		{", prms: [game, static]", "", "a name and prms"},
		{"max_tokens: 160, parallel", "top_p: 2, max_tokens: 160, parallel", "top_p"},
		{"split: dev", "split: tomorrow", "no such split"},
		{"split: dev, seed: 12, problems: 8", "split: dev, file: x.jsonl, problems: 8", "either a file or a split"},
		{"game: game", "game: chess", `no PRM "chess"`},
		{"fixed: true, ", "", "no PRM is fixed"},
		{"name: static,", "name: game,", "a name of its own"},
		{"prms: [game], problems: 4", "prms: [chess], problems: 4", `guided: there is no PRM "chess"`},
		{"of: game, prms: [game, static]", "of: game, prms: [chess]", `no PRM "chess"`},
		{"of: game, prms", "prms", "either a PRM (of) or a file"},
		{"epochs: 4", "epoch: 4", "epoch"},
		{"units: 8", "units: many", "static: trial 2"},
		{"learner: uniform", "learner: lazy", "learner"},
		{"units: 8", "without: [smell]", `no input "smell"`},
		{"title: small", "titel: small", "titel"},
		{"temperature: 0.8", "temperature: 0", "temperature"},
	} {
		text := strings.Replace(small, tt.old, tt.new, 1)
		if text == small {
			t.Fatalf("%q is not in the plan", tt.old)
		}
		if _, err := experiment.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want it to say %q", tt.new, err, tt.want)
		}
	}
}

func TestShippedExperimentsAreValid(t *testing.T) {
	files, err := filepath.Glob("../../configs/experiments/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no experiments (%v)", err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := experiment.Read(f); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		f.Close()
	}
}
