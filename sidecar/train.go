package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
)

type trainCommand struct {
	Upstream upstreamFlags `embed:""`
	Game     gameFlags     `embed:""`
	Problems string        `help:"Problems with answers and worked solutions, as GSM8K has them." required:"" type:"existingfile" placeholder:"FILE"`
	Skip     int           `help:"Leave out so many problems at the beginning of the file."`
	Folder   string        `name:"run" help:"Folder of this run: answers, labelled steps, checkpoints, report. The same command goes on from there." default:"runs/train" type:"path"`
	Out      string        `help:"Write the finished checkpoint here too." placeholder:"FILE" type:"path"`
}

// gameFlags are the settings of a game and of the PRM that learns by it.
type gameFlags struct {
	Rounds      int     `help:"Rounds of the game; round 0 attacks with every strategy alike." default:"3"`
	PerRound    int     `help:"Problems of a round." default:"10"`
	Samples     int     `help:"Natural solutions of each problem." default:"4"`
	Attacks     int     `help:"Attacked steps a round." default:"50"`
	Paraphrases float64 `help:"Share of the correct steps that are reworded by the LLM." default:"0.5"`
	MaxTokens   int     `help:"Tokens of a natural solution." default:"320"`
	Seed        int64   `help:"Everything drawn follows from it." default:"1"`
	NoHidden    bool    `help:"Don't ask for hidden states, even where the endpoint gives them."`

	Epochs int     `help:"Passes over the examples in a round." default:"60"`
	Rate   float64 `help:"Learning rate." default:"0.002"`
	KL     float64 `name:"kl" help:"How strongly the PRM is held to its round 0 (τ)." default:"0.05"`
	Smooth float64 `name:"entropy" help:"How strongly the PRM is kept from being sure (c)." default:"0.01"`
}

// The files of a run's folder.
const (
	answersFile = "answers.jsonl"
	stepsFile   = "steps.jsonl"
	stateFile   = "state.json"
	reportFile  = "report.json"
)

func (c *trainCommand) Run(ctx context.Context, std streams) error {
	problems, err := given(dataset.ReadProblems(c.Problems))
	if err != nil {
		return err
	}
	if c.Skip >= len(problems) {
		return badInput{fmt.Errorf("--skip %d leaves nothing of %d problems", c.Skip, len(problems))}
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, recordFlags{Record: filepath.Join(c.Folder, answersFile)})
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	model, err := c.Game.play(ctx, llm, problems[c.Skip:], c.Folder, c.Upstream.Concurrency, std, func(r generator.Report) string { return r.String() })
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, model)
	if c.Out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return err
	}
	if err := prm.Save(c.Out, model); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "wrote %s; see whether it helps: sidecar eval --checkpoint %s --problems DEV.jsonl\n", c.Out, c.Out)
	return nil
}

// play trains a PRM of an LLM on problems and prints what show makes of each round. What it leaves in the folder is where the same
// call goes on from.
func (g gameFlags) play(ctx context.Context, llm adapters.LLM, problems []step.Problem, folder string, concurrency int, std streams, show func(generator.Report) string) (*prm.Model, error) {
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NoHidden: g.NoHidden, CachedStates: 1 << 16})
	if err != nil {
		return nil, err
	}
	learner := engine.NewLearner(eng, folder, train.Options{Seed: g.Seed, Epochs: g.Epochs, Rate: g.Rate, KL: g.KL, Entropy: g.Smooth})
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	journal, err := given(generator.OpenJournal(filepath.Join(folder, stepsFile)))
	if err != nil {
		return nil, err
	}
	defer func() { logClose(journal.Close()) }()

	cfg := generator.DefaultConfig()
	cfg.Seed, cfg.Rounds, cfg.Problems, cfg.Samples, cfg.Attacks = g.Seed, g.Rounds, g.PerRound, g.Samples, g.Attacks
	cfg.Paraphrases, cfg.MaxTokens, cfg.Concurrency, cfg.Compact = g.Paraphrases, g.MaxTokens, concurrency, caps.Compact
	bar := newProgress(std.err, "train")
	cfg.Progress = func(p generator.Progress) {
		bar.report(p.Done, p.Total, fmt.Sprintf("round %d of %d: %s", p.Round+1, cfg.Rounds, p.Stage))
	}
	game, err := generator.New(cfg, problems, generator.Players{LLM: llm, Judge: oracle.New(), Reward: learner, Journal: journal})
	if err != nil {
		return nil, err
	}
	state, err := resume(game, filepath.Join(folder, stateFile))
	if err != nil {
		return nil, err
	}
	if err := learner.Resume(state.Round); err != nil {
		return nil, err
	}
	state, err = game.Run(ctx, state, func(s generator.State) error {
		last := s.Reports[len(s.Reports)-1]
		fmt.Fprintln(std.out, show(last))
		if n := len(learner.Reports()); n > 0 {
			slog.Debug("the PRM learned", "round", last.Round, "report", learner.Reports()[n-1])
		}
		return writeJSON(filepath.Join(folder, stateFile), s)
	})
	if err != nil {
		return nil, err
	}
	return learner.Model(), writeJSON(filepath.Join(folder, reportFile), struct {
		Game []generator.Report
		PRM  []train.Report
	}{state.Reports, learner.Reports()})
}

// resume returns where a file says that the game stands, its start where there is no file.
func resume(game *generator.Game, path string) (generator.State, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return game.Start(), nil
	}
	if err != nil {
		return generator.State{}, err
	}
	var s generator.State
	if err := json.Unmarshal(data, &s); err != nil {
		return s, badInput{fmt.Errorf("%s: %w", path, err)}
	}
	return s, nil
}
