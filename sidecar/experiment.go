package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"aprm/sidecar/experiment"
)

type experimentCommand struct {
	Run experimentRunCommand `cmd:"" help:"Carry out the experiment that a file describes, and write its report."`
}

type experimentRunCommand struct {
	Upstream upstreamFlags `embed:""`
	NATS     natsFlags     `embed:""`
	File     string        `arg:"" help:"The experiment; see configs/experiments." type:"existingfile"`
	Out      string        `help:"Folder of everything it makes: answers, PRMs, tables, plots, report.md. The same command goes on from there." default:"runs/experiment" type:"path"`
	Replay   string        `help:"Take all answers from this recording (.jsonl or .jsonl.gz) and ask no endpoint." placeholder:"FILE" type:"existingfile"`
}

func (c *experimentRunCommand) Help() string {
	return `Trains PRMs of one LLM in several ways, with several seeds, chooses their settings on development problems, and measures them on test
problems, once, from one pool of answers: votes and best-of-N of several sizes, guided decoding, first wrong steps, attacks.

  sidecar experiment run configs/experiments/toy.yaml --out runs/toy     the embedded model: no endpoint needed
  sidecar experiment run configs/experiments/llm.yaml --out runs/llm --upstream http://127.0.0.1:8080

The folder gets report.md, results.json, results.csv and plots (SVG). An endpoint's answers are kept in answers.jsonl, trained PRMs and
finished measurements too: cut off, the same command goes on; done, it writes the report again at once.`
}

func (c *experimentRunCommand) Run(ctx context.Context, std streams) error {
	f, err := given(os.Open(c.File))
	if err != nil {
		return err
	}
	defer f.Close()
	plan, err := given(experiment.Read(f))
	if err != nil {
		return err
	}
	if c.Upstream.URL != "" && plan.Upstream != "" && c.Upstream.URL != plan.Upstream {
		return badInput{fmt.Errorf("%s is an experiment with %s, but --upstream or SIDECAR_UPSTREAM names %s: leave that out, or change the file", c.File, plan.Upstream, c.Upstream.URL)}
	}
	c.Upstream.URL = cmp.Or(c.Upstream.URL, plan.Upstream)
	answers := recordFlags{Replay: c.Replay}
	if (c.Upstream.URL != builtinURL || c.NATS.URL != "") && c.Replay == "" { // builtin answers faster than a file is read
		answers.Record = filepath.Join(c.Out, answersFile)
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, answers)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	lab := experiment.Lab{LLM: llm, Folder: c.Out, Concurrency: c.Upstream.Concurrency, Progress: func(what string) func(int, int, string) {
		return newProgress(std.err, what).report
	}}
	if _, err := lab.Run(ctx, plan); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "wrote %s\n", filepath.Join(c.Out, "report.md"))
	return err
}
