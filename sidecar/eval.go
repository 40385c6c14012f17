package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

type evalCommand struct {
	Answers evalAnswersCommand `cmd:"" help:"Accuracy of greedy, votes, best-of-N and guided decoding at equal tokens."`
	Steps   evalStepsCommand   `cmd:"" help:"How well the PRM finds the first wrong step of solutions that people labelled."`
}

// modelFlags say which PRM is measured or served.
type modelFlags struct {
	Checkpoint string `help:"The PRM, as sidecar train wrote it." type:"existingfile"`
	NoHidden   bool   `help:"Don't ask the endpoint for hidden states."`
}

// engine builds the engine over the LLM that open gives, with the checkpoint in place.
func (m modelFlags) engine(open func(string) (adapters.LLM, error), instruction string) (*engine.Engine, error) {
	e, err := engine.New(engine.Config{Open: open, Instruction: instruction, NoHidden: m.NoHidden})
	if err != nil || m.Checkpoint == "" {
		return e, err
	}
	model, err := prm.Load(m.Checkpoint)
	if err != nil {
		return nil, err
	}
	return e, e.Use(model)
}

// decodeFlags are the options of a search.
type decodeFlags struct {
	N           int     `name:"n" help:"Candidates, or next steps to choose from." default:"8"`
	Temperature float64 `help:"Of sampling." default:"0.7"`
	TopP        float64 `help:"Of sampling." default:"0.95"`
	MaxTokens   int     `help:"Tokens of an answer." default:"1024"`
	MaxSteps    int     `help:"Steps of a guided answer." default:"32"`
	TokenBudget int     `help:"Generated tokens of a whole search; 0 for none but those above." default:"0"`
	Threshold   float64 `help:"Guided: sample a step again when no candidate scores at least this." default:"0"`
	Aggregate   string  `help:"How step scores become one: min, product or last." enum:"min,product,last" default:"min"`
}

func (d decodeFlags) options() decode.Options {
	return decode.Options{N: d.N, Temperature: d.Temperature, TopP: d.TopP, MaxTokens: d.MaxTokens, MaxSteps: d.MaxSteps,
		TokenBudget: d.TokenBudget, Threshold: d.Threshold, Aggregate: d.Aggregate}
}

type evalAnswersCommand struct {
	Upstream upstreamFlags `embed:""`
	Answers  recordFlags   `embed:""`
	PRM      modelFlags    `embed:""`
	Decode   decodeFlags   `embed:""`
	Data     string        `help:"Problems with final answers, never trained on." required:"" type:"existingfile"`
	Problems int           `help:"So many of them, from the beginning of the file; 0 for all." default:"0"`
	Guided   bool          `help:"Also decode step by step, which draws anew for every checkpoint." default:"true" negatable:""`
	Seed     int64         `help:"Of the draws and of the bootstrap." default:"1"`
	Parallel int           `help:"Problems at a time." default:"1"`
	Out      string        `help:"Write the table and every outcome as JSON here." placeholder:"FILE" type:"path"`
}

func (c *evalAnswersCommand) Run(ctx context.Context, std streams) error {
	problems, err := dataset.ReadProblems(c.Data)
	if err != nil {
		return err
	}
	if c.Problems > 0 && c.Problems < len(problems) {
		problems = problems[:c.Problems]
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
	report, err := eval.Answers(ctx, e, problems, eval.Config{Options: options, Guided: c.Guided, Parallel: c.Parallel,
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
	fmt.Fprintf(std.out, "%s on %s, checkpoint %s, scores aggregated by %s\n\n%s", caps.Model, filepath.Base(c.Data), id, c.Decode.Aggregate, report.Markdown())
	if c.Out == "" {
		return nil
	}
	return writeJSON(c.Out, struct {
		Model, Checkpoint, Data, Aggregate string
		eval.Report
	}{caps.Model, id, filepath.Base(c.Data), c.Decode.Aggregate, report})
}

type evalStepsCommand struct {
	Upstream upstreamFlags `embed:""`
	Answers  recordFlags   `embed:""`
	PRM      modelFlags    `embed:""`
	Data     string        `help:"Solutions with the first wrong step (ProcessBench's format, or any that README names)." required:"" type:"existingfile"`
	Limit    int           `help:"So many of them; 0 for all." default:"0"`
	Seed     uint64        `help:"Of the bootstrap." default:"1"`
	Out      string        `help:"Write the rows as JSON here." placeholder:"FILE" type:"path"`
}

func (c *evalStepsCommand) Run(ctx context.Context, std streams) error {
	if c.PRM.Checkpoint == "" {
		return errors.New("--checkpoint: name the PRM to measure")
	}
	read, err := dataset.ReadSolutions(c.Data, "")
	if err != nil {
		return err
	}
	var solutions []eval.Solution
	for _, s := range read {
		if i, known := s.FirstWrong(); known && (c.Limit == 0 || len(solutions) < c.Limit) {
			solutions = append(solutions, eval.Solution{Trace: s.Trace, FirstWrong: i})
		}
	}
	if len(solutions) == 0 {
		return fmt.Errorf("%s has no solution whose first wrong step is known", c.Data)
	}
	model, err := prm.Load(c.PRM.Checkpoint)
	if err != nil {
		return err
	}
	open := func(string) (adapters.LLM, error) { return nil, errors.New("no endpoint is needed") }
	hidden := model.Header().Width > 0 && !c.PRM.NoHidden
	if hidden {
		llm, closeLLM, err := c.Upstream.llm(ctx, c.Answers)
		if err != nil {
			return err
		}
		defer func() { logClose(closeLLM()) }()
		open = func(string) (adapters.LLM, error) { return llm, nil }
	}
	const draws = 2000
	rows := make([]eval.StepRow, 0, 3)
	measure := func(name string, score eval.StepScorer) error {
		bar := newProgress(std.err, name)
		row, err := eval.Steps(ctx, name, score, solutions, c.Seed, draws, func(done, total int) { bar.report(done, total, "") })
		rows = append(rows, row)
		return err
	}
	if hidden {
		e, err := modelFlags{Checkpoint: c.PRM.Checkpoint}.engine(open, "")
		if err != nil {
			return err
		}
		if err := measure("PRM with hidden states", e.ScoreSteps); err != nil {
			return err
		}
	}
	blind, err := modelFlags{Checkpoint: c.PRM.Checkpoint, NoHidden: true}.engine(func(string) (adapters.LLM, error) { return nil, nil }, "")
	if err != nil {
		return err
	}
	if err := measure("PRM without hidden states", blind.ScoreSteps); err != nil {
		return err
	}
	if err := measure("position alone (the later, the worse)", eval.Position); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "checkpoint %s on %s\n\n%s", model.ID(), filepath.Base(c.Data), eval.StepsMarkdown(rows))
	if c.Out == "" {
		return nil
	}
	return writeJSON(c.Out, rows)
}

type scoreCommand struct {
	Upstream upstreamFlags `embed:""`
	PRM      modelFlags    `embed:""`
}

func (c *scoreCommand) Help() string {
	return `Reads one trace a line, as ProcessBench has them without a label, {"problem":"…","steps":["…","…"]}, and writes its scores a line:
{"steps":[{"step":0.93,"value":0.71},…]}, step = P(this step is correct), value = P(a solution that begins like this ends right).`
}

func (c *scoreCommand) Run(ctx context.Context, std streams) error {
	if c.PRM.Checkpoint == "" {
		return errors.New("--checkpoint: name the PRM that scores")
	}
	model, err := prm.Load(c.PRM.Checkpoint)
	if err != nil {
		return err
	}
	open := func(string) (adapters.LLM, error) { return nil, nil }
	if model.Header().Width > 0 && !c.PRM.NoHidden {
		if err := c.Upstream.resolve(ctx); err != nil {
			return err
		}
		open = c.Upstream.open
	}
	e, err := c.PRM.engine(open, "")
	if err != nil {
		return err
	}
	for s, err := range dataset.Solutions(std.in, "standard input", dataset.ProcessBench) {
		if err != nil {
			return err
		}
		scores, err := e.Score(ctx, step.Trace{Problem: s.Trace.Problem, Steps: s.Steps}, nil)
		if err != nil {
			return err
		}
		if err := writeLine(std.out, struct {
			Steps []prm.Score `json:"steps"`
		}{scores}); err != nil {
			return err
		}
	}
	return nil
}
