package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aprm/sidecar/eval"
)

type compareCommand struct {
	First  string `arg:"" help:"What eval --json wrote." type:"existingfile"`
	Second string `arg:"" help:"Another one, of the same problems." type:"existingfile"`
	Seed   uint64 `help:"Of the bootstrap." default:"1"`
	JSON   bool   `name:"json" help:"Write the differences as JSON."`
}

func (c *compareCommand) Help() string {
	return `Says by how much the first is right more often than the second, method by method, paired by problem, with a 95 % interval.

  sidecar eval --json --checkpoint a.prm --problems dev.jsonl > a.json
  sidecar eval --json --checkpoint b.prm --problems dev.jsonl > b.json
  sidecar compare a.json b.json`
}

func (c *compareCommand) Run(std streams) error {
	var reports [2]eval.Report
	for i, path := range []string{c.First, c.Second} {
		data, err := given(os.ReadFile(path)) // #nosec G304 -- the path is what the person who runs the command names
		if err != nil {
			return err
		}
		if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &reports[i]); err != nil {
			return badInput{fmt.Errorf("%s is not what eval --json writes: %w", path, err)}
		}
		if len(reports[i].Rows) == 0 {
			return badInput{fmt.Errorf("%s is not what eval --json writes: there are no rows in it", path)}
		}
	}
	differences, err := given(eval.Compare(reports[0], reports[1], c.Seed, 0))
	if err != nil {
		return err
	}
	if c.JSON {
		return writeLine(std.out, differences)
	}
	name := func(path string) string { return strings.TrimSuffix(filepath.Base(path), ".json") }
	return show(std.out, fmt.Sprintf("%s\n%d problems; a gain is of %s over %s, paired by problem, with a 95 %% interval by bootstrap.\n",
		eval.CompareMarkdown(differences, name(c.First), name(c.Second)), len(reports[0].Problems), name(c.First), name(c.Second)))
}
