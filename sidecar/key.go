package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"aprm/prm/disk"
	"aprm/sidecar/access"
)

type keyCommand struct {
	New keyNewCommand `cmd:"" help:"Make a key up, and print it with what a file of keys (serve --keys) holds of it."`
}

type keyNewCommand struct {
	Name   string   `arg:"" help:"Whose it is: the name that logs and traces have."`
	Scopes []string `help:"What it opens: chat (ask the model), score (ask the PRM), traces (one's own), metrics, admin (all, and everybody's traces)." enum:"chat,score,traces,metrics,admin" default:"chat,score,traces"`
}

func (c *keyNewCommand) Help() string {
	return `The key itself is shown once and kept nowhere: the file holds its SHA-256. Beside name, hash and scopes an entry may have limits:

  keys:
    - name: team
      hash: sha256:…
      scopes: [chat, score, traces]
      requests: 60              # a minute
      tokens: 100000            # a minute, prompts and candidates included
      tokens-a-day: 2000000     # by UTC, counted from the start of the sidecar on
      searches-at-a-time: 4
      experience: true          # what its searches come to may be kept to learn from (serve --experience)

A running sidecar reads the file again when it changes.`
}

func (c *keyNewCommand) Run(std streams) error {
	var scopes []access.Scope
	for _, s := range c.Scopes {
		scopes = append(scopes, access.Scope(s))
	}
	key, entry := access.New(c.Name, scopes)
	text, err := yaml.Marshal([]access.Entry{entry})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "# the key, which is shown this once: %s\n# for the file that --keys names, below \"keys:\"\n%s", key, text)
	return err
}

// readKeys reads a file of keys.
func readKeys(path string) (*access.Keys, error) {
	text, err := disk.Read(path, 1<<20)
	if err != nil {
		return nil, badInput{err}
	}
	table, err := access.Parse(text)
	if err != nil {
		return nil, badInput{fmt.Errorf("%s: %w; `sidecar key new NAME` prints an entry as it must be", path, err)}
	}
	return table, nil
}
