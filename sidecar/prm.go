package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
	"aprm/sidecar/training"
)

type prmCommand struct {
	Score  prmScoreCommand  `cmd:"" help:"Score the steps of solutions read from standard input."`
	Eval   prmEvalCommand   `cmd:"" help:"Measure how well the PRM finds the first wrong step of labelled solutions read from standard input."`
	Robust prmRobustCommand `cmd:"" help:"Measure how far scores move when labelled solutions are disguised: inflated, reordered, said with confidence, padded, or begun with the question."`
	Show   prmShowCommand   `cmd:"" help:"Print what a checkpoint says of itself."`
	Export prmExportCommand `cmd:"" help:"Write a folder to publish a PRM in: its weights as safetensors, and a model card."`
}

// judgeFlags say which PRM judges, and who reads hidden states for it.
type judgeFlags struct {
	Upstream   upstreamFlags  `embed:""`
	Answers    recordFlags    `embed:""`
	Checkpoint checkpointFile `help:"The PRM, as sidecar train wrote it, or general, which comes with the program; this or --prm-url." placeholder:"FILE"`
	Remote     remoteFlags    `embed:""`
}

const maskedUnless = `

With --upstream, the endpoint of the LLM that the PRM was trained on, the PRM reads that LLM's hidden states; without it they are masked.`

// judge is a PRM ready to score, with hidden states or without.
type judge struct {
	*engine.Engine
	model  *prm.Model // nil for one of another server
	hidden bool
}

// open loads the PRM and, when an endpoint was named and the PRM can use it, opens that. Call close when done.
func (f *judgeFlags) open(ctx context.Context) (j judge, close func() error, err error) {
	none := func() error { return nil }
	remote, err := f.Remote.open(f.Checkpoint)
	if err != nil {
		return j, none, err
	}
	if remote != nil {
		if f.Upstream.URL != "" || f.Answers.Replay != "" {
			slog.Warn("the PRM at --prm-url reads no hidden states: the endpoint isn't asked")
		}
		j.Engine, err = engine.New(engine.Config{Remote: remote})
		return j, none, err
	}
	if f.Checkpoint == "" {
		return j, none, badInput{errors.New("no PRM is named: give --checkpoint or --prm-url")}
	}
	if j.model, err = f.Checkpoint.load(); err != nil {
		return j, none, err
	}
	named := f.Upstream.URL != "" || f.Answers.Replay != ""
	j.hidden = named && j.model.Header().Width > 0
	if named && !j.hidden {
		slog.Warn("the checkpoint was trained without hidden states: the endpoint isn't asked")
	}
	var llm adapters.LLM
	if j.hidden {
		if llm, none, err = f.Upstream.llm(ctx, natsFlags{}, f.Answers); err != nil {
			return j, none, err
		}
	}
	j.Engine, err = judging(j.model, llm)
	return j, none, err
}

// threshold is the probability below which a step is called wrong: the checkpoint's own, one half where there is none.
func (j judge) threshold() float64 {
	switch {
	case j.model == nil:
		return 0.5
	case j.hidden:
		return j.model.Header().Sighted.Threshold
	}
	return j.model.Header().Masked.Threshold
}

// judging returns an engine that scores with model and, unless llm is nil, its hidden states.
func judging(model *prm.Model, llm adapters.LLM) (*engine.Engine, error) {
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NoHidden: llm == nil, NeedHidden: llm != nil})
	if err != nil {
		return nil, err
	}
	_, err = given(e, e.Use(model))
	return e, err
}

type prmScoreCommand struct {
	Judge judgeFlags `embed:""`
}

func (c *prmScoreCommand) Help() string {
	return `Reads solutions as JSON lines or an array, {"id":"…","problem":"…","steps":["…","…"]} or any format that 'prm eval' reads, and writes a line for each:
{"id":"…","scores":[0.93,0.41]}, the probability that each step is correct.

  sidecar prm score --checkpoint my.prm < solutions.jsonl
  sidecar prm score --prm-url http://host:8000 --prm-model Qwen/Qwen2.5-Math-PRM-7B < solutions.jsonl` + maskedUnless
}

func (c *prmScoreCommand) Run(ctx context.Context, std streams) error {
	j, closeLLM, err := c.Judge.open(ctx)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	for s, err := range dataset.Solutions(std.in, "standard input") {
		if err != nil {
			return badInput{err}
		}
		scores, _, err := j.Judge(ctx, s.Trace, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", s.ID, err)
		}
		line := struct {
			ID     string    `json:"id"`
			Scores []float64 `json:"scores"`
		}{ID: s.ID}
		for _, score := range scores {
			line.Scores = append(line.Scores, score.Step)
		}
		if err := writeLine(std.out, line); err != nil {
			return err
		}
	}
	return nil
}

// measuredFlags say which PRM is measured, and on how many of the labelled solutions that are read.
type measuredFlags struct {
	Judge judgeFlags `embed:""`
	Limit int        `help:"Measure on so many solutions, the first; 0 for all." default:"0"`
}

// open reads the solutions, without those that lack labels, which is said, and opens the PRM. Call close when done.
func (f *measuredFlags) open(ctx context.Context, in io.Reader) (solutions []step.Judged, j judge, close func() error, err error) {
	solutions, unlabelled, err := dataset.Judged(in, "standard input", f.Limit)
	if err != nil {
		return nil, j, nil, badInput{err}
	}
	if unlabelled > 0 {
		slog.Warn("left out solutions whose first wrong step isn't known", "solutions", unlabelled)
	}
	j, close, err = f.Judge.open(ctx)
	return solutions, j, close, err
}

type prmEvalCommand struct {
	Measured measuredFlags `embed:""`
	Table    bool          `help:"Write a table instead: with and without hidden states, beside what a step's place alone tells, with intervals."`
	Seed     uint64        `help:"Of the table's bootstrap." default:"1"`
}

func (c *prmEvalCommand) Help() string {
	return `Reads labelled solutions as JSON lines or an array, gzipped or not: ` + dataset.SolutionFields + `.
Writes one line: {"n","error_acc","correct_acc","f1","threshold","auc","auc_within_trace","ece"}. A figure without data is null.
A step is called wrong when its probability is below the checkpoint's threshold (one half with --prm-url). Steps after the first wrong one don't count; a solution
with an unlabelled step before that is left out, and counted.

  sidecar prm eval --checkpoint my.prm < processbench.jsonl` + maskedUnless
}

func (c *prmEvalCommand) Run(ctx context.Context, std streams) error {
	solutions, j, closeLLM, err := c.Measured.open(ctx, std.in)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	score := func(name string, by eval.StepScorer) ([][]float64, error) {
		bar := newProgress(std.err, name)
		return eval.ScoreSteps(ctx, by, solutions, func(done, total int) { bar.report(done, total, "") })
	}
	scores, err := score("prm eval", j.Judge)
	if err != nil {
		return err
	}
	if !c.Table {
		return writeLine(std.out, eval.MeasureSteps(solutions, scores, j.threshold()))
	}
	const draws = 2000
	var rows []eval.StepRow
	add := func(name string, scores [][]float64) {
		rows = append(rows, eval.CompareSteps(name, solutions, scores, c.Seed, draws))
	}
	if j.hidden {
		add("PRM with hidden states", scores)
		blind, err := judging(j.model, nil)
		if err != nil {
			return err
		}
		if scores, err = score("without hidden states", blind.Judge); err != nil {
			return err
		}
	}
	if j.model == nil {
		add("PRM at --prm-url", scores)
	} else {
		add("PRM without hidden states", scores)
	}
	if scores, err = score("position", eval.Position); err != nil {
		return err
	}
	add("position alone (the later, the worse)", scores)
	id, _ := j.Checkpoint()
	return show(std.out, fmt.Sprintf("checkpoint %s\n\n%s", id, eval.StepsMarkdown(rows)))
}

type prmRobustCommand struct {
	Measured  measuredFlags `embed:""`
	Solutions []string      `help:"Files of recorded answers, as 'sidecar sample' writes them, instead of standard input: those in prose, right or wrong by their outcome." type:"existingfile" placeholder:"FILE"`
	Seed      uint64        `help:"Of the bootstrap." default:"1"`
}

func (c *prmRobustCommand) Help() string {
	return `Reads labelled solutions as 'prm eval' does and writes a table: by how much wrong and right ones rise in each disguise, which changes how they look and not what they
come to. A PRM that reads what is said moves little, and wrong ones not up.

  sidecar prm robust --checkpoint my.prm < processbench.jsonl
  sidecar prm robust --checkpoint my.prm --solutions answers.jsonl` + maskedUnless
}

func (c *prmRobustCommand) Run(ctx context.Context, std streams) error {
	solutions, j, closeLLM, err := c.open(ctx, std.in)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	const draws = 2000
	bar := newProgress(std.err, "prm robust")
	rows, err := eval.Robustness(ctx, j.Scorer, solutions, c.Seed, draws, func(done, total int) { bar.report(done, total, "") })
	if err != nil {
		return err
	}
	id, _ := j.Checkpoint()
	return show(std.out, fmt.Sprintf("checkpoint %s\n\n%s", id, eval.RobustMarkdown(rows)))
}

// open takes the solutions from recorded answers where there are any.
func (c *prmRobustCommand) open(ctx context.Context, in io.Reader) (solutions []step.Judged, j judge, close func() error, err error) {
	if len(c.Solutions) == 0 {
		return c.Measured.open(ctx, in)
	}
	answered, err := readSolutions(c.Solutions)
	if err != nil {
		return nil, j, nil, err
	}
	if solutions, err = training.Outcomes(ctx, answered); err != nil {
		return nil, j, nil, badInput{err}
	}
	solutions = first(solutions, c.Measured.Limit)
	j, close, err = c.Measured.Judge.open(ctx)
	return solutions, j, close, err
}

type prmShowCommand struct {
	File checkpointFile `arg:"" help:"The checkpoint: a file, or general."`
}

func (c *prmShowCommand) Run(std streams) error {
	m, err := c.File.load()
	if err != nil {
		return err
	}
	return printJSON(std, struct {
		ID string `json:"id"`
		prm.Header
	}{m.ID(), m.Header()})
}
