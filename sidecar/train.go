package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
	"aprm/sidecar/training"
)

type trainCommand struct {
	Upstream upstreamFlags `embed:""`
	Game     gameFlags     `embed:""`
	Problems string        `help:"Problems with answers and worked solutions, as GSM8K has them." required:"" type:"existingfile" placeholder:"FILE"`
	Skip     int           `help:"Leave out so many problems at the beginning of the file."`
	Folder   string        `name:"run" help:"Folder of this run: answers, labelled steps, checkpoints, report. The same command goes on from there." default:"runs/train" type:"path"`
	Out      string        `help:"Write the finished checkpoint here too, and its gate beside it (FILE.gate.json): what strategy auto may trust it with, by the solutions of problems kept out of training." placeholder:"FILE" type:"path"`
}

// gameFlags are the settings of a game and of the PRM that learns by it.
type gameFlags struct {
	Rounds      int     `help:"Rounds of the game; round 0 attacks with every strategy alike." default:"3"`
	PerRound    int     `help:"Problems of a round." default:"10"`
	Samples     int     `help:"Natural solutions of each problem." default:"4"`
	Attacks     int     `help:"Attacked steps a round." default:"50"`
	Paraphrases float64 `help:"Share of the correct steps that are reworded by the LLM." default:"0.5"`
	MaxTokens   int     `help:"Tokens of a natural solution." default:"320"`
	Turns       int     `help:"Attacks on a step, at most: from the second on, where the first didn't fool the PRM, an instructed model is shown what it wrote and the score." default:"1"`
	Slip        bool    `help:"Let the adversary also take the model's own slips: its next step, drawn hot, where it comes to another number. Needs an endpoint that continues an unfinished answer."`
	Rollouts    int     `help:"Continuations of a solution by which the oracle rules where arithmetic and the worked solution can't, and finds the first wrong step of the model's own solutions (--natural search); 0 for none." default:"0"`
	Jury        int     `help:"Times the model is asked about a step that rollouts ruled on; all must agree. 0 for never." default:"0"`
	Natural     string  `help:"What the model's own steps are labelled by: sure (right answers and false equations), search (first wrong steps by rollouts too), rollouts (every step) or outcome." enum:"sure,search,rollouts,outcome" default:"sure"`
	Drawn       int     `help:"Natural solutions drawn of each problem, of which the --samples are kept that the PRM errs most on; 0 for --samples."`
	Lessons     string  `help:"Rounds that the PRM learns from: recent (the last two and the first) or all." enum:"recent,all" default:"recent"`
	Seed        int64   `help:"Everything drawn follows from it." default:"1"`
	NoHidden    bool    `help:"Don't ask for hidden states, even where the endpoint gives them."`

	Epochs int     `help:"Passes over the examples in a round." default:"60"`
	Rate   float64 `help:"Learning rate." default:"0.002"`
	KL     float64 `name:"kl" help:"How strongly the PRM is held to its round 0 (τ)." default:"0.05"`
	Smooth float64 `name:"entropy" help:"How strongly the PRM is kept from being sure (c)." default:"0.01"`
}

// answersFile is where a command keeps the LLM's answers in its folder.
const answersFile = "answers.jsonl"

func (c *trainCommand) Run(ctx context.Context, std streams) error {
	problems, err := given(dataset.ReadProblems(c.Problems))
	if err != nil {
		return err
	}
	if c.Skip >= len(problems) {
		return badInput{fmt.Errorf("--skip %d leaves nothing of %d problems", c.Skip, len(problems))}
	}
	if c.Out != "" {
		if err := toWrite("--out", c.Out); err != nil {
			return err
		}
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, recordFlags{Record: filepath.Join(c.Folder, answersFile)})
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	work := c.Game.run(c.Folder, c.Upstream.Concurrency)
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NoHidden: c.Game.NoHidden, CachedStates: 1 << 16})
	if err != nil {
		return err
	}
	work.Engine = e
	work.Show = func(r generator.Report) { fmt.Fprintln(std.out, r) }
	work.Game.Progress = roundsProgress(newProgress(std.err, "train"), c.Game.Rounds)
	trained, err := work.Play(ctx, llm, problems[c.Skip:])
	if errors.As(err, &training.FolderError{}) {
		return badInput{err}
	}
	if err != nil {
		return err
	}
	model := trained.Model
	fmt.Fprintln(std.out, model)
	if c.Out == "" {
		return nil
	}
	if err := prm.Save(c.Out, model); err != nil {
		return err
	}
	if err := e.Use(model); err != nil {
		return err
	}
	gate, err := training.GateOf(ctx, e, c.Folder, c.Game.Samples, c.Game.Seed)
	if err != nil {
		return err
	}
	if gate != nil {
		if err := writeGate(c.Out, gate); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.out, "wrote %s; see whether it helps: sidecar eval --checkpoint %s --problems DEV.jsonl\n", c.Out, c.Out)
	return nil
}

// run is the game that the flags set.
func (g gameFlags) run(folder string, concurrency int) training.Run {
	cfg := generator.DefaultConfig()
	cfg.Seed, cfg.Rounds, cfg.Problems, cfg.Samples, cfg.Attacks = g.Seed, g.Rounds, g.PerRound, g.Samples, g.Attacks
	cfg.Turns, cfg.Slip, cfg.Rollouts, cfg.Jury, cfg.Drawn = g.Turns, g.Slip, g.Rollouts, g.Jury, g.Drawn
	cfg.Natural = generator.NaturalLabels(g.Natural)
	if g.Lessons == string(generator.Whole) {
		cfg.Replay = generator.Whole
	}
	cfg.Paraphrases, cfg.MaxTokens, cfg.Concurrency = g.Paraphrases, g.MaxTokens, concurrency
	return training.Run{Game: cfg, Folder: folder, NoHidden: g.NoHidden,
		PRM: train.Options{Seed: g.Seed, Epochs: g.Epochs, Rate: g.Rate, KL: g.KL, Entropy: g.Smooth}}
}

// roundsProgress shows a game's progress on a bar.
func roundsProgress(bar *progress, rounds int) func(generator.Progress) {
	return func(p generator.Progress) {
		bar.report(p.Done, p.Total, fmt.Sprintf("round %d of %d: %s", p.Round+1, rounds, p.Stage))
	}
}
