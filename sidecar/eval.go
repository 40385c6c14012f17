package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// modelFlags say which PRM is measured or served.
type modelFlags struct {
	Checkpoint string      `help:"The PRM, as sidecar train wrote it." type:"existingfile"`
	NoHidden   bool        `help:"Don't ask the endpoint for hidden states."`
	Remote     remoteFlags `embed:""`
}

// named reports whether a flag names a PRM.
func (m modelFlags) named() bool { return m.Checkpoint != "" || m.Remote.URL != "" }

// engine builds the engine over the LLM that open gives, with the PRM in place.
func (m modelFlags) engine(open func(string) (adapters.LLM, error), instruction string) (*engine.Engine, error) {
	remote, err := m.Remote.open(m.Checkpoint)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Config{Open: open, Instruction: instruction, NoHidden: m.NoHidden, Remote: remote})
	if err != nil || m.Checkpoint == "" {
		return e, err
	}
	model, err := given(prm.Load(m.Checkpoint))
	if err != nil {
		return nil, err
	}
	return given(e, e.Use(model))
}

// decodeFlags are the options of a search.
type decodeFlags struct {
	N           int     `name:"n" help:"Candidates, or next steps to choose from." default:"8"`
	Temperature float64 `help:"Of sampling." default:"0.7"`
	TopP        float64 `help:"Of sampling." default:"0.95"`
	MaxTokens   int     `help:"Tokens of an answer." default:"1024"`
	MaxSteps    int     `help:"Steps of an answer that is built step by step." default:"32"`
	TokenBudget int     `help:"Generated tokens of a whole search; 0 for none but those above." default:"0"`
	Threshold   float64 `help:"Guided: sample a step again when no candidate scores at least this." default:"0"`
	Aggregate   string  `help:"How step scores become one: min, product or last." enum:"min,product,last" default:"min"`

	Expansion         int     `help:"beam, dvts: next steps of each path that is kept; n/expansion are kept." default:"4"`
	ESSThreshold      float64 `name:"ess-threshold" help:"particle: resample when the effective sample size is below this share of n." default:"0.5"`
	Entropic          bool    `help:"particle: resample the more evenly, the earlier."`
	RebaseTemperature float64 `help:"rebase: of the softmax of scores by which next steps are dealt out." default:"0.2"`
}

func (d decodeFlags) options() decode.Options {
	return decode.Options{N: d.N, Temperature: d.Temperature, TopP: d.TopP, MaxTokens: d.MaxTokens, MaxSteps: d.MaxSteps,
		TokenBudget: d.TokenBudget, Threshold: d.Threshold, Aggregate: d.Aggregate,
		Expansion: d.Expansion, ESSThreshold: d.ESSThreshold, Entropic: d.Entropic, RebaseTemperature: d.RebaseTemperature}
}

type evalCommand struct {
	Upstream   upstreamFlags `embed:""`
	Answers    recordFlags   `embed:""`
	PRM        modelFlags    `embed:""`
	Decode     decodeFlags   `embed:""`
	Problems   string        `help:"Problems with final answers, never trained on." required:"" type:"existingfile" placeholder:"FILE"`
	Limit      int           `help:"So many of them, from the beginning of the file; 0 for all." default:"0"`
	Strategies []string      `help:"What to compare with a majority vote: ${measured}. Without a name here: all that the checkpoint allows." placeholder:"NAME,…"`
	Seed       int64         `help:"Of the draws and of the bootstrap." default:"1"`
	Parallel   int           `help:"Problems at a time." default:"1"`
	JSON       bool          `name:"json" help:"Write the table and every outcome as JSON."`
}

func (c *evalCommand) Help() string {
	return `Draws N answers to each problem, once; the votes and best-of-N choose from them, and the searches step by step may generate as many tokens as they took,
problem by problem. The table has pass@1, a majority vote and pass@N (the ceiling) in any case; differences are paired, intervals are by
bootstrap over problems.

  sidecar eval --problems dev.jsonl --n 8 --checkpoint my.prm --strategies greedy,weighted_vote,particle

Every answer is kept (--record, by default under runs/eval), so the same command goes on where it was cut off, and another checkpoint or
strategy asks the endpoint only what wasn't asked before. --replay FILE needs no endpoint.`
}

func (c *evalCommand) Run(ctx context.Context, std streams) error {
	for _, name := range c.Strategies {
		switch {
		case !slices.Contains(eval.Strategies(), name):
			return badInput{fmt.Errorf("--strategies: %q is none of %s", name, strings.Join(eval.Strategies(), ", "))}
		case !c.PRM.named() && decode.NeedsPRM(name):
			return badInput{fmt.Errorf("--strategies: %s needs a PRM; name one with --checkpoint or --prm-url", name)}
		}
	}
	problems, err := given(dataset.ReadProblems(c.Problems))
	if err != nil {
		return err
	}
	if c.Limit > 0 && c.Limit < len(problems) {
		problems = problems[:c.Limit]
	}
	if c.Answers.Record == "" && c.Answers.Replay == "" {
		if err := c.Upstream.resolve(ctx); err != nil {
			return err
		}
		c.Answers.Record = filepath.Join("runs", "eval", strings.NewReplacer("/", "_", ":", "_").Replace(c.Upstream.Model)+".jsonl")
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, c.Answers)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	e, err := c.PRM.engine(func(string) (adapters.LLM, error) { return llm, nil }, generator.Instruction)
	if err != nil {
		return err
	}
	options := c.Decode.options()
	options.Seed = c.Seed
	bar := newProgress(std.err, "eval")
	report, err := eval.Answers(ctx, e, problems, eval.Config{Options: options, Strategies: c.Strategies, Parallel: c.Parallel,
		Progress: func(done, total int, problem string) { bar.report(done, total, problem) }})
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return err
	}
	id, ok := e.Checkpoint()
	if !ok {
		id = "none"
	}
	if c.JSON {
		return writeLine(std.out, struct {
			Model      string `json:"model"`
			Checkpoint string `json:"checkpoint"`
			File       string `json:"file"`
			Aggregate  string `json:"aggregate"`
			eval.Report
		}{caps.Model, id, filepath.Base(c.Problems), c.Decode.Aggregate, report})
	}
	_, err = fmt.Fprintf(std.out, "%s on %s, checkpoint %s, scores aggregated by %s\n\n%s", titled(caps), filepath.Base(c.Problems), id, c.Decode.Aggregate, report.Markdown())
	return err
}
