package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/adapters/recorded"
	"aprm/generator"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/step"
	"aprm/sidecar/cluster"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
	"aprm/sidecar/experiment"
	"aprm/sidecar/training"
)

// modelFlags say which PRM is measured or served.
type modelFlags struct {
	Checkpoint checkpointFile `help:"The PRM: a file that 'sidecar train' wrote, or general, which comes with the program: learned from one LLM's answers to school mathematics, of use with others too." placeholder:"FILE"`
	NoHidden   bool           `help:"Don't ask the endpoint for hidden states."`
	Remote     remoteFlags    `embed:""`
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
	model, err := m.Checkpoint.load()
	if err != nil {
		return nil, err
	}
	return given(e, e.Use(model))
}

// decodeFlags are the options of a search.
type decodeFlags struct {
	N           int             `name:"n" help:"${n_help}" default:"${n_default}"`
	Temperature float64         `help:"${temperature_help}" default:"${temperature_default}"`
	TopP        float64         `help:"${top_p_help}" default:"${top_p_default}"`
	MaxTokens   int             `help:"${max_tokens_help}" default:"${max_tokens_default}"`
	MaxSteps    int             `help:"${max_steps_help}" default:"${max_steps_default}"`
	TokenBudget int             `help:"${token_budget_help}" default:"${token_budget_default}"`
	Threshold   float64         `help:"${threshold_help}" default:"${threshold_default}"`
	Aggregate   prm.Aggregation `help:"${aggregate_help}" enum:"min,product,last" default:"${aggregate_default}"`

	Kinds       step.Kinds `help:"${kinds_help}" enum:"prose,programs,mixed,measured" default:"${kinds_default}"`
	ShowProgram bool       `help:"${show_program_help}"`
	Explain     int        `help:"${explain_help}" default:"${explain_default}"`

	Expansion         int     `help:"${expansion_help}" default:"${expansion_default}"`
	ESSThreshold      float64 `name:"ess-threshold" help:"${ess_threshold_help}" default:"${ess_threshold_default}"`
	Entropic          bool    `help:"${entropic_help}"`
	RebaseTemperature float64 `help:"${rebase_temperature_help}" default:"${rebase_temperature_default}"`
}

// check names every flag whose value no search can live with. In decode.Options what is zero takes the default; a flag
// has it already.
func (d decodeFlags) check() error {
	return decode.Check(d.options(), func(s decode.Setting) string { return "--" + s.Flag() })
}

func (d decodeFlags) options() decode.Options {
	return decode.Options{N: d.N, Temperature: d.Temperature, TopP: d.TopP, MaxTokens: d.MaxTokens, MaxSteps: d.MaxSteps,
		TokenBudget: d.TokenBudget, Threshold: d.Threshold, Aggregate: d.Aggregate,
		Kinds: d.Kinds, ShowProgram: d.ShowProgram, Explain: d.Explain,
		Expansion: d.Expansion, ESSThreshold: d.ESSThreshold, Entropic: d.Entropic, RebaseTemperature: d.RebaseTemperature}
}

type evalCommand struct {
	Upstream   upstreamFlags `embed:"" group:"Endpoint:"`
	NATS       natsFlags     `embed:"" group:"Endpoint:"`
	Answers    recordFlags   `embed:"" group:"Endpoint:"`
	PRM        modelFlags    `embed:"" group:"PRM:"`
	Decode     decodeFlags   `embed:"" group:"Search:"`
	Problems   string        `help:"Problems with final answers that the PRM was not trained on, ${published}." type:"existingfile" placeholder:"FILE"`
	Solutions  []string      `help:"Measure on recorded answers, as 'sidecar sample' writes them, with no endpoint and in seconds: votes of 1, 2, … up to n of them. Of files of prose and of programs to the same problems also votes over programs alone and over both, one of each in turn." type:"existingfile" placeholder:"FILE"`
	Plot       string        `help:"With --solutions: draw accuracy over the number of answers into this file (SVG)." type:"path" placeholder:"FILE"`
	Limit      int           `help:"Take only so many of them, from the beginning of the file; 0 for all." default:"0"`
	Strategies []string      `help:"What to compare with a majority vote: ${measured}. Without a name here: all of them, without a PRM those that need none." placeholder:"NAME"`
	Seed       int64         `help:"Seed of the draws and of the bootstrap." default:"1"`
	Parallel   int           `help:"So many problems at a time." default:"1"`
	Holdout    string        `help:"Other problems, on which is measured first how far auto may trust the PRM (its gate); without them auto goes by the gate beside the checkpoint. With --solutions: recorded answers to other problems." type:"existingfile" placeholder:"FILE"`
	Gate       bool          `help:"Write what was measured of the PRM beside the checkpoint, as FILE.gate.json, for strategy auto: by --holdout, else by --problems. What that file has from more problems stays." default:"true" negatable:""`
	Distort    string        `help:"Spoil the PRM, to see that auto does no harm with a bad one: noise (random scores) or inverted (1 - score). Needs --holdout; writes no gate." enum:",noise,inverted" default:""`
	JSON       bool          `name:"json" help:"Write the table and every outcome as JSON."`
}

func (c *evalCommand) Help() string {
	return `Draws N answers to each problem, once; the votes and best-of-N choose from them, and a search step by step may generate as many tokens as those answers have,
problem by problem. The table has pass@1, a majority vote and pass@N (the ceiling) in any case; differences are paired, intervals are by
bootstrap over problems.

  sidecar eval --problems dev.jsonl --n 8 --checkpoint my.prm --strategies greedy,weighted_vote,particle

Every answer is kept (--record, by default under runs/eval), so the same command goes on where it was cut off, and another checkpoint or
strategy asks the endpoint only what wasn't asked before. --replay FILE needs no endpoint.

What is measured of a checkpoint is written beside it, as FILE.gate.json: how far strategy auto may trust the PRM, and which search step by step it
may go on with. What stands there from more problems stays, strategy by strategy; --no-gate leaves the file alone. auto's own row goes by the gate that was there before, or by one made from --holdout:

  sidecar eval --problems test.jsonl --holdout dev.jsonl --checkpoint my.prm --distort inverted
  sidecar eval --solutions test-answers.jsonl --holdout train-answers.jsonl --checkpoint my.prm --distort inverted`
}

func (c *evalCommand) Validate() error {
	if (c.Problems == "") == (len(c.Solutions) == 0) {
		return errors.New("name what to measure on: --problems FILE, or --solutions FILE of recorded answers")
	}
	return c.Decode.check()
}

func (c *evalCommand) Run(ctx context.Context, std streams) error {
	for i := range c.Strategies {
		c.Strategies[i] = strategyNamed(c.Strategies[i], c.Decode.N)
		switch name := c.Strategies[i]; {
		case !slices.Contains(eval.Strategies(), name):
			return badInput{fmt.Errorf("--strategies: %q is none of %s", name, strings.Join(eval.Strategies(), ", "))}
		case !c.PRM.named() && decode.NeedsPRM(name):
			return badInput{fmt.Errorf("--strategies: %s needs a PRM; name one with --checkpoint or --prm-url", name)}
		}
	}
	switch {
	case c.Distort != "" && c.Holdout == "":
		return badInput{errors.New("--distort needs --holdout: whether auto trusts a spoilt PRM is decided by a gate of that PRM, on other problems")}
	case (c.Distort != "" || c.Holdout != "") && c.PRM.Checkpoint == "":
		return badInput{errors.New("--holdout and --distort are about a PRM; name one with --checkpoint")}
	}
	if len(c.Solutions) > 0 {
		return c.replay(ctx, std)
	}
	problems, err := readProblems(c.Problems)
	if err != nil {
		return err
	}
	problems = first(problems, c.Limit)
	c.Answers.Folder = filepath.Join("runs", "eval")
	llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, c.Answers)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	e, err := c.PRM.engine(func(string) (adapters.LLM, error) { return llm, nil }, generator.Instruction)
	if err != nil {
		return err
	}
	if c.NATS.URL != "" {
		c.Parallel = max(c.Parallel, cluster.InQueue/max(1, c.Decode.N))
	}
	options := c.Decode.options()
	options.Seed = c.Seed
	if options.Kinds.HavePrograms() {
		if err := e.Writes(ctx, ""); err != nil {
			return badInput{fmt.Errorf("--kinds: %w", err)}
		}
	}
	measurement := eval.Config{Options: options, Strategies: c.Strategies, Parallel: c.Parallel}
	if caps, err := e.Capabilities(ctx); err != nil {
		return err
	} else if caps.Thinks {
		if i := slices.IndexFunc(c.Strategies, decode.Stepwise); i >= 0 {
			return badInput{fmt.Errorf("--strategies: %s: %w", c.Strategies[i], decode.ErrThinks)}
		}
		if c.Strategies == nil {
			slog.Info("the model thinks before it answers: searches step by step, which would leave that out, are not measured")
			measurement.Strategies = append(c.whole(), decode.Greedy)
		}
	}
	gate, made, err := c.gate(ctx, std, e, measurement, problems)
	if err != nil {
		return err
	}
	if err := useGate(ctx, e, gate, c.PRM.Checkpoint.gate()); err != nil {
		return err
	}
	measured, err := e.Gate(ctx)
	if err != nil {
		return err
	}
	measurement.Options.By(measured)
	report, err := c.measure(ctx, std, "eval", e, problems, measurement)
	if err != nil {
		return err
	}
	if digest := eval.Digest(problems); gate != nil && c.Holdout == "" && gate.Digest == digest {
		slog.Warn("auto's gate was made from these very problems: its row promises too much", "instead", "--holdout FILE")
	}
	if made == nil && c.Distort == "" && c.PRM.Checkpoint != "" {
		if made, err = c.gateFrom(ctx, e, report, c.Problems, problems); err != nil {
			return err
		}
	}
	switch {
	case c.PRM.Checkpoint.file() == "" || !c.Gate || c.Distort != "":
	case made == nil:
		slog.Info("no gate is written: it takes weighted_vote among --strategies", "gate", c.PRM.Checkpoint.gate())
	default:
		if err := writeGate(c.PRM.Checkpoint.file(), made); err != nil {
			return err
		}
	}
	return c.print(ctx, std, e, filepath.Base(c.Problems), report)
}

// whole are the strategies that choose among whole answers, of which those that need a PRM are there where one is.
func (c *evalCommand) whole() (names []string) {
	for _, name := range eval.WholeStrategies() {
		if c.PRM.named() || !decode.NeedsPRM(name) {
			names = append(names, name)
		}
	}
	return names
}

// print writes what was measured.
func (c *evalCommand) print(ctx context.Context, std streams, e *engine.Engine, file string, report eval.Report) error {
	caps, err := e.Capabilities(ctx)
	if err != nil {
		return err
	}
	id, ok := e.Checkpoint()
	switch {
	case !ok:
		id = "none"
	case c.Distort != "":
		id += ", its scores " + map[string]string{eval.Noise: "replaced by noise", eval.Inverted: "inverted"}[c.Distort]
	}
	if c.JSON {
		return writeLine(std.out, struct {
			Model      string          `json:"model"`
			Checkpoint string          `json:"checkpoint"`
			File       string          `json:"file"`
			Aggregate  prm.Aggregation `json:"aggregate"`
			eval.Report
		}{caps.Model, id, file, c.Decode.Aggregate, report})
	}
	return show(std.out, fmt.Sprintf("%s on %s, checkpoint %s\n\n%s", titled(caps), file, id, report.Markdown()))
}

// beginnings of recorded answers are told apart up to so many steps: later on few go on.
const beginnings = 5

// replay measures on recorded answers. The gate beside the checkpoint is neither read nor written: votes go by what the
// PRM has from its own training, or by --holdout.
func (c *evalCommand) replay(ctx context.Context, std streams) error {
	answered, err := readSolutions(c.Solutions)
	if err != nil {
		return err
	}
	of := replayedFrom(answered, c.Decode.N)
	problems, samples := first(of.problems, c.Limit), first(of.samples, c.Limit)
	if len(problems) == 0 {
		return badInput{fmt.Errorf("--solutions: no problem has %d answers: ask for --n %d, or draw more with `sidecar sample`", c.Decode.N, mostCommon(answered, func(a dataset.Answered) int { return len(a.Answers) }))}
	}
	if c.Distort != "" && of.programs > 0 {
		return badInput{errors.New("--distort: what programs say beside prose is of the PRM's training, whose scores were sound: name answers of one kind with --solutions")}
	}
	llm := recorded.Absent(adapters.Capabilities{Model: answered[0].Sampling.Model, LogProbs: true})
	e, err := c.PRM.engine(func(string) (adapters.LLM, error) { return llm, nil }, "")
	if err != nil {
		return err
	}
	cfg := eval.Config{Options: c.Decode.options(), Strategies: c.Strategies, Parallel: c.Parallel, Rotate: true, Beginnings: beginnings, Programs: of.programs}
	cfg.Options.Seed = c.Seed
	if cfg.Strategies == nil {
		cfg.Strategies = c.whole()
	}
	if c.Holdout != "" {
		gate, err := c.gateFromAnswers(ctx, std, e, cfg.Options, problems)
		if err != nil {
			return err
		}
		if err := useGate(ctx, e, gate, c.Holdout); err != nil {
			return err
		}
	}
	measured, err := e.Gate(ctx)
	if err != nil {
		return err
	}
	cfg.Options.By(measured)
	for n := 1; n <= c.Decode.N; n++ {
		if n <= 4 || n%2 == 0 {
			cfg.Sizes = append(cfg.Sizes, n)
		}
	}
	pool, err := eval.Recorded(ctx, problems, samples)
	if err != nil {
		return badInput{err}
	}
	cfg.Progress = newProgress(std.err, "eval").report
	report, err := pool.Measure(ctx, c.bench(e), cfg)
	if err != nil {
		return err
	}
	names := make([]string, len(c.Solutions))
	for i, path := range c.Solutions {
		names[i] = filepath.Base(path)
	}
	file := strings.Join(names, ", ")
	if c.Plot != "" {
		drawing := experiment.Curve(report, fmt.Sprintf("%s, %d problems of %s", answered[0].Sampling.Model, len(problems), file))
		if err := disk.Write(c.Plot, drawing, disk.Public); err != nil {
			return err
		}
	}
	return c.print(ctx, std, e, file, report)
}

// gate is what auto goes by, and the gate that was made for it from --holdout, if there is one.
func (c *evalCommand) gate(ctx context.Context, std streams, e *engine.Engine, cfg eval.Config, problems []step.Problem) (gate, made *decode.Gate, err error) {
	if c.PRM.Checkpoint == "" || c.PRM.Checkpoint == general && c.Holdout == "" {
		return nil, nil, nil
	}
	if c.Holdout == "" {
		if gate, err = readGate(c.PRM.Checkpoint.file()); err != nil && c.Gate {
			slog.Warn("auto takes plain votes: the gate can't be read, and is written anew", "err", err)
			return nil, nil, nil
		}
		return gate, nil, err
	}
	others, err := readProblems(c.Holdout)
	if err != nil {
		return nil, nil, err
	}
	warnShared(problems, others)
	if len(cfg.Strategies) > 0 {
		cfg.Strategies = append([]string{decode.WeightedVote}, cfg.Strategies...)
	}
	report, err := c.measure(ctx, std, "hold-out", e, others, cfg)
	if err != nil {
		return nil, nil, err
	}
	made, err = c.gateFrom(ctx, e, report, c.Holdout, others)
	return made, made, err
}

// gateFromAnswers is made from the recorded answers of --holdout: of each problem as many as most have, N at most.
func (c *evalCommand) gateFromAnswers(ctx context.Context, std streams, e *engine.Engine, options decode.Options, problems []step.Problem) (*decode.Gate, error) {
	answered, err := readSolutions([]string{c.Holdout})
	if err != nil {
		return nil, err
	}
	caps, err := e.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if model := answered[0].Sampling.Model; model != caps.Identity() {
		return nil, badInput{fmt.Errorf("--holdout: answers of %s, those of --solutions are of %s: a gate is of one LLM", model, caps.Identity())}
	}
	options.N = min(options.N, mostCommon(answered, func(a dataset.Answered) int { return len(a.Answers) }))
	others := replayedFrom(answered, options.N)
	warnShared(problems, others.problems)
	pool, err := eval.Recorded(ctx, others.problems, others.samples)
	if err != nil {
		return nil, badInput{fmt.Errorf("--holdout: %w", err)}
	}
	report, err := pool.Measure(ctx, c.bench(e), eval.Config{Options: options, Strategies: []string{decode.WeightedVote}, Parallel: c.Parallel, Progress: newProgress(std.err, "hold-out").report})
	if err != nil {
		return nil, err
	}
	return c.gateFrom(ctx, e, report, c.Holdout, others.problems)
}

// first returns the first n, all when n is 0.
func first[T any](of []T, n int) []T {
	if n > 0 && n < len(of) {
		return of[:n]
	}
	return of
}

// warnShared says it where a gate is made from what is measured on.
func warnShared(problems, others []step.Problem) {
	if n := shared(problems, others); n > 0 {
		slog.Warn("auto's gate is made from problems that are measured on too: its row promises too much", "shared", n, "instead", "--holdout FILE of other problems")
	}
}

// shared counts the problems that are among others too, by their questions.
func shared(problems, others []step.Problem) (n int) {
	known := map[string]bool{}
	for _, p := range others {
		known[dataset.ProblemID(p.Question)] = true
	}
	for _, p := range problems {
		if known[dataset.ProblemID(p.Question)] {
			n++
		}
	}
	return n
}

func (c *evalCommand) gateFrom(ctx context.Context, e *engine.Engine, report eval.Report, file string, problems []step.Problem) (*decode.Gate, error) {
	g, err := training.GateAbout(ctx, e)
	if err != nil {
		return nil, err
	}
	g.Aggregate, g.Source, g.Digest = c.Decode.Aggregate, filepath.Base(file), eval.Digest(problems)
	return report.Gate(g, 0), nil
}

func (c *evalCommand) measure(ctx context.Context, std streams, what string, e *engine.Engine, problems []step.Problem, cfg eval.Config) (eval.Report, error) {
	bar := newProgress(std.err, what)
	cfg.Progress = bar.report
	return eval.Answers(ctx, c.bench(e), problems, cfg)
}

// bench is the engine, its PRM spoilt by --distort.
func (c *evalCommand) bench(e *engine.Engine) eval.Bench {
	if c.Distort != "" {
		return eval.Distort(e, c.Distort, c.Seed)
	}
	return e
}
