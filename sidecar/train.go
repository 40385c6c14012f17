package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/train"
	"aprm/sidecar/cluster"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
	"aprm/sidecar/training"
)

type trainCommand struct {
	Upstream  upstreamFlags  `embed:""`
	NATS      natsFlags      `embed:""`
	Game      gameFlags      `embed:""`
	Problems  string         `help:"Problems with answers and worked solutions, ${published}: play the game on them." type:"existingfile" placeholder:"FILE"`
	Solutions []string       `help:"Files of recorded answers, as 'sidecar sample' writes them, to learn from." type:"existingfile" placeholder:"FILE"`
	Attacks   int            `name:"attack-programs" help:"Corruptions of each right program of --solutions to learn from beside the answers: one operand, operator or number is changed, and the program run to see that it comes to something else. Their weight is chosen on problems held out." default:"0"`
	Prose     int            `name:"attack-prose" help:"Corruptions of each right answer in prose of --solutions for the head for whole answers to learn from too: a step with a true equation gets another operator, operand or result. Their weight is chosen on problems held out. The heads for steps learn from one of each in any case." default:"0"`
	States    int            `name:"read-states" help:"With --solutions alone: have the LLM of --upstream read so many of the answers again, of as many problems as may be, and what is made wrong of them by rule, so that the PRM learns to find wrong steps by its hidden states too." default:"0" placeholder:"ANSWERS"`
	Hard      float64        `help:"Weight that the head for whole answers gives a pair of a right answer and a wrong one that wins a plain vote, beside 1 for the problem's other pairs." default:"1"`
	Disguises []string       `help:"Disguises in which the head for whole answers meets every answer, so as not to be moved by them: inflated, reordered, confident, padded, copied, or none; see 'prm robust'." enum:"inflated,reordered,confident,padded,copied,none" default:"inflated,reordered,confident,padded,copied" placeholder:"NAME,…"`
	Prior     checkpointFile `help:"A checkpoint of another LLM to begin from, a file or general: weights are held near those of its heads for whole answers and for their beginnings, how near is found on problems held out. It should not have learned from the problems learned from here: held out, they would be none." placeholder:"FILE"`
	Without   []string       `help:"Inputs that the head for whole answers is not to read, to see what they are worth: symbols, logprobs." enum:"symbols,logprobs" placeholder:"INPUT"`
	Elsewhere []string       `help:"With --solutions alone: recorded answers of other LLMs, which are not learned from: what the PRM is worth with an LLM that it has not seen, and how much it may count in votes there, is found on them and kept in the checkpoint." type:"existingfile" placeholder:"FILE"`
	Ablate    bool           `help:"With --solutions alone: learn nothing, but print what each kind of input is worth, alone and left out; P(True) and hidden states too where 'sidecar examine' asked for them, and the corruptions of the game that --run names."`
	Skip      int            `help:"Leave out so many problems at the beginning of the file."`
	Folder    string         `name:"run" help:"Folder of this run: answers, labelled steps, checkpoints, report; runs/train unless it is named. The same command goes on from there." type:"path" placeholder:"FOLDER"`
	Out       string         `help:"Write the finished checkpoint here too, and its gate beside it (FILE.gate.json): what strategy auto may trust it with, by the solutions of problems kept out of training." placeholder:"FILE" type:"path"`
}

// gameFlags are the settings of a game and of the PRM that learns by it.
type gameFlags struct {
	Rounds      int     `help:"Rounds of the game; the first attacks with every strategy alike." default:"3"`
	PerRound    int     `help:"Problems of a round." default:"10"`
	Samples     int     `help:"Natural solutions of each problem." default:"4"`
	Attacks     int     `help:"Attacked steps a round." default:"50"`
	Paraphrases float64 `help:"Share of the correct steps that are reworded by the LLM." default:"0.5"`
	MaxTokens   int     `help:"Tokens of a natural solution." default:"320"`
	Turns       int     `help:"Attacks on a step, at most: from the second on, where the first didn't fool the PRM, an instructed model is shown what it wrote and the score." default:"1"`
	Slip        bool    `help:"Let the adversary also take the model's own moves: it leaves a right answer before one of its steps and goes on as it will, as hot as usual, hotter, or in a hurry; what ends wrong is an error of its own. Needs an endpoint that continues an unfinished answer."`
	Wave        int     `help:"Attacked steps between two updates of what the adversary prefers." default:"16"`
	Rollouts    int     `help:"Continuations of a solution by which the oracle rules where arithmetic and the worked solution can't, and finds the first wrong step of the model's own solutions (--natural search); 0 for none." default:"0"`
	Jury        int     `help:"Times the model is asked about a step that rollouts ruled on; all must agree. 0 for never." default:"0"`
	Natural     string  `help:"What the model's own steps are labelled by: sure (right answers and false equations), search (first wrong steps by rollouts too), rollouts (every step) or outcome." enum:"sure,search,rollouts,outcome" default:"sure"`
	Drawn       int     `help:"Natural solutions drawn of each problem, of which the --samples are kept that the PRM errs most on; 0 for --samples."`
	Lessons     string  `help:"Rounds that the PRM learns from: recent (the last two and the first) or all." enum:"recent,all" default:"recent"`
	Seed        int64   `help:"Everything drawn follows from it." default:"1"`
	NoHidden    bool    `help:"Don't ask for hidden states, even where the endpoint gives them."`

	Epochs      int     `help:"Passes over the examples in a round." default:"60"`
	Rate        float64 `help:"Learning rate." default:"0.002"`
	KL          float64 `name:"kl" help:"How strongly the PRM is held to its first round (τ)." default:"0.05"`
	Pace        float64 `help:"How much of a whole learning the PRM does in a round, above 0 and at most 1: slower, it stays to be fooled while rounds last, and after the last it is trained to the end. At 1 each round is learned to the end." default:"1"`
	Adversarial float64 `help:"Share of the weight that attacked steps and their correct partners have in each batch, beside the model's own; 0 for as many as there are." default:"0"`
	Smooth      float64 `name:"entropy" help:"How strongly the PRM is kept from being sure (c)." default:"0.01"`
}

// usualRun is the folder of a run that names none.
const usualRun = "runs/train"

// answersFile is where a command keeps the LLM's answers in its folder.
const answersFile = training.AnswersFile

func (c *trainCommand) Help() string {
	return `From problems it plays the game: the LLM solves them, corrupts correct steps, an oracle rules, the PRM learns to tell. From answers that 'sidecar sample' drew it learns with
no endpoint at all, in minutes, which of several answers to trust; with both it does both.

  sidecar sample --problems train.jsonl --limit 400 --n 8 --out answers.jsonl
  sidecar train --solutions answers.jsonl --out my.prm
  sidecar train --solutions answers.jsonl --read-states 300 --upstream http://127.0.0.1:8080 --upstream-hidden-url http://127.0.0.1:8081
  sidecar train --solutions answers.jsonl --nats nats://HOST:4222

With --nats it also announces the finished checkpoint to every 'serve --nats' there: see 'sidecar checkpoint'.`
}

func (c *trainCommand) Validate() error {
	if c.Problems == "" && len(c.Solutions) == 0 {
		return errors.New("name what to learn from: --problems FILE to play the game, --solutions FILE of recorded answers, or both")
	}
	if err := errors.Join(atLeast(0, "--attack-programs", c.Attacks), atLeast(0, "--attack-prose", c.Prose)); err != nil {
		return err
	}
	if c.Attacks+c.Prose > 0 && len(c.Solutions) == 0 {
		return errors.New("--attack-programs and --attack-prose are of recorded answers: name --solutions FILE of them")
	}
	if err := errors.Join(above("--pace", c.Game.Pace, 1), within("--adversarial", c.Game.Adversarial, 1), above("--hard", c.Hard, 100)); err != nil {
		return err
	}
	if err := atLeast(0, "--read-states", c.States); err != nil {
		return err
	}
	if c.States > 0 && (c.Ablate || c.Problems != "" || len(c.Solutions) == 0) {
		return errors.New("--read-states is of the answers of --solutions: the game reads hidden states wherever the endpoint gives them")
	}
	if len(c.Elsewhere) > 0 && (c.Ablate || c.Problems != "" || len(c.Solutions) == 0) {
		return errors.New("--elsewhere goes with --solutions alone: a PRM that reads whole answers learns from them")
	}
	if c.Ablate && (c.Prior != "" || c.Hard != 1 || len(c.Without) > 0) {
		return errors.New("--ablate compares what a head reads, learned in one way: leave out --prior, --hard and --without")
	}
	if c.Ablate && len(c.disguises()) != 0 && len(c.disguises()) != len(eval.Disguises()) {
		return errors.New("--ablate compares what a head reads of answers as they are: leave out --disguises")
	}
	if c.Ablate && (c.Problems != "" || len(c.Solutions) == 0) {
		return errors.New("--ablate is of recorded answers alone: name --solutions FILE and no --problems")
	}
	return nil
}

func (c *trainCommand) Run(ctx context.Context, std streams) error {
	began := time.Now()
	if c.Out != "" {
		if err := toWrite("--out", c.Out); err != nil {
			return err
		}
	}
	var answered []dataset.Answered
	var err error
	if len(c.Solutions) > 0 {
		if answered, err = readSolutions(c.Solutions); err != nil {
			return err
		}
	}
	if c.Ablate {
		bar := newProgress(std.err, "fits")
		work := training.Solutions{PRM: c.Game.network(), Head: train.SolutionOptions{Seed: c.Game.Seed}, Answered: answered, Attacks: c.attacks()}
		work.PRM.KL = 0
		table, err := work.Ablate(ctx, c.Folder, func(done, total int) { bar.report(done, total, "") })
		switch {
		case errors.As(err, &train.TooFewError{}), errors.As(err, &training.UnlikeError{}):
			err = badInput{fmt.Errorf("--solutions: %w", err)}
		case errors.As(err, &training.FolderError{}):
			err = badInput{fmt.Errorf("--run: %w", err)}
		}
		if err == nil {
			err = show(std.out, fmt.Sprint(table))
		}
		return err
	}
	head, err := c.head()
	if err != nil {
		return err
	}
	var trained training.Trained
	if c.Problems == "" {
		if trained, err = c.learn(ctx, std, answered, head); errors.As(err, &training.FewError{}) {
			err = badInput{fmt.Errorf("--solutions: %w, with `sidecar sample`", err)}
		} else if errors.As(err, &training.UnlikeError{}) {
			err = badInput{fmt.Errorf("--elsewhere: %w", err)}
		}
	} else {
		trained, err = c.play(ctx, std, answered, head)
	}
	if err != nil {
		return err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	gate, elsewhere := trained.Gate(c.Game.Seed), ""
	if of := trained.Model.Header().Solution; of != nil && of.Elsewhere != nil {
		elsewhere = fmt.Sprintln(of.Elsewhere)
	}
	if err := show(std.out, fmt.Sprintf("%s\n%s, in %s and %d MB of memory\n%s\n%s\n", trained.Solutions, trained.Model, time.Since(began).Round(time.Second), memory.Sys>>20, elsewhere, trained.Verdict(gate))); err != nil {
		return err
	}
	if c.Out != "" {
		if err := prm.Save(c.Out, trained.Model); err != nil {
			return err
		}
		if gate != nil {
			if err := writeGate(c.Out, gate); err != nil {
				return err
			}
		}
		if err := show(std.out, fmt.Sprintf("wrote %s; see whether it helps: sidecar eval --checkpoint %s --problems DEV.jsonl\n", c.Out, c.Out)); err != nil {
			return err
		}
	}
	switch {
	case c.NATS.URL != "" && c.NATS.URL != cluster.Embedded: // where others hear of it
		said, err := sharedFlags{URL: c.NATS.URL, Creds: c.NATS.Creds}.announce(ctx, trained.Model, gate)
		if err != nil {
			return err
		}
		return show(std.out, said+"\n")
	case c.Out == "":
		return show(std.out, "Nothing is kept but what is in the folder of the run: --out FILE writes the checkpoint.\n")
	}
	return nil
}

// learn trains from recorded answers alone.
func (c *trainCommand) learn(ctx context.Context, std streams, answered []dataset.Answered, head train.SolutionOptions) (training.Trained, error) {
	work := training.Solutions{PRM: c.Game.network(), Head: head, Answered: answered, Attacks: c.attacks(), Disguises: c.disguises()}
	steps, answers := newProgress(std.err, "steps"), newProgress(std.err, "answers")
	if len(c.Elsewhere) > 0 {
		var err error
		if work.Elsewhere, err = readSolutions(c.Elsewhere); err != nil {
			return training.Trained{}, err
		}
	}
	if c.States > 0 {
		llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, recordFlags{})
		if err != nil {
			return training.Trained{}, err
		}
		defer func() { logClose(closeLLM()) }()
		bar := newProgress(std.err, "hidden states")
		work.Reading = training.Reading{Answers: c.States, Progress: func(done, total int) { bar.report(done, total, "") }}
		if work.Reading.Engine, err = engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }}); err != nil {
			return training.Trained{}, err
		}
	}
	work.PRM.KL = 0 // there is no earlier round to be held to
	work.PRM.Progress = func(done, total int, loss float64) { steps.report(done, total, fmt.Sprintf("loss %.3f", loss)) }
	work.Head.Progress = func(done, total int) { answers.report(done, total, "") }
	return work.Learn(ctx)
}

// head are the settings of the head for whole answers.
func (c *trainCommand) head() (train.SolutionOptions, error) {
	opt := train.SolutionOptions{Seed: c.Game.Seed}
	if c.Hard != 1 {
		opt.Hard = c.Hard
	}
	for _, name := range c.Without {
		opt.Without = append(opt.Without, feature.Block(name))
	}
	if c.Prior == "" {
		return opt, nil
	}
	model, err := c.Prior.load()
	if err != nil {
		return opt, err
	}
	if opt.Prior = model.Solution(); opt.Prior == nil {
		return opt, badInput{fmt.Errorf("--prior: %s has no head for whole answers", c.Prior)}
	}
	opt.PriorID, opt.Begun = model.ID(), model.Prefix()
	return opt, nil
}

func (c *trainCommand) attacks() training.Attacks {
	return training.Attacks{Programs: c.Attacks, Prose: c.Prose}
}

// disguises are those that were asked for, in a fixed order.
func (c *trainCommand) disguises() []eval.Disguise {
	return slices.DeleteFunc(eval.Disguises(), func(d eval.Disguise) bool { return !slices.Contains(c.Disguises, d.Name) })
}

// play plays the game.
func (c *trainCommand) play(ctx context.Context, std streams, answered []dataset.Answered, head train.SolutionOptions) (training.Trained, error) {
	problems, err := readProblems(c.Problems)
	if err != nil {
		return training.Trained{}, err
	}
	if problems, err = behind(problems, c.Skip); err != nil {
		return training.Trained{}, err
	}
	folder := cmp.Or(c.Folder, usualRun)
	if err := toWrite("--run", filepath.Join(folder, answersFile)); err != nil {
		return training.Trained{}, err
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, recordFlags{Record: filepath.Join(folder, answersFile)})
	if err != nil {
		return training.Trained{}, err
	}
	defer func() { logClose(closeLLM()) }()
	work := c.Game.run(folder, c.Upstream.Concurrency)
	work.Answered, work.Head, work.Attacks, work.Disguises = answered, head, c.attacks(), c.disguises()
	var unshown error
	work.Show = func(r generator.Report) { unshown = errors.Join(unshown, show(std.out, r.String()+"\n")) }
	work.Game.Progress = roundsProgress(newProgress(std.err, "train"), c.Game.Rounds)
	trained, err := work.Play(ctx, llm, problems)
	err = errors.Join(err, unshown)
	if errors.As(err, &training.FolderError{}) {
		return trained, badInput{err}
	}
	return trained, err
}

// run is the game that the flags set.
func (g gameFlags) run(folder string, concurrency int) training.Run {
	cfg := generator.DefaultConfig()
	cfg.Seed, cfg.Rounds, cfg.Problems, cfg.Samples, cfg.Attacks = g.Seed, g.Rounds, g.PerRound, g.Samples, g.Attacks
	cfg.Turns, cfg.Wave, cfg.Slip, cfg.Rollouts, cfg.Jury, cfg.Drawn = g.Turns, g.Wave, g.Slip, g.Rollouts, g.Jury, g.Drawn
	cfg.Natural = generator.NaturalLabels(g.Natural)
	if g.Lessons == string(generator.Whole) {
		cfg.Replay = generator.Whole
	}
	cfg.Paraphrases, cfg.MaxTokens, cfg.Concurrency = g.Paraphrases, g.MaxTokens, concurrency
	return training.Run{Game: cfg, Folder: folder, NoHidden: g.NoHidden, Pace: g.Pace,
		PRM: g.network(), Head: train.SolutionOptions{Seed: g.Seed}}
}

// network are the settings of the PRM's steps.
func (g gameFlags) network() train.Options {
	return train.Options{Seed: g.Seed, Epochs: g.Epochs, Rate: g.Rate, KL: g.KL, Entropy: g.Smooth, Adversarial: g.Adversarial}
}

// roundsProgress shows a game's progress on a bar.
func roundsProgress(bar *progress, rounds int) func(generator.Progress) {
	return func(p generator.Progress) {
		bar.report(p.Done, p.Total, fmt.Sprintf("round %d of %d: %s", p.Round+1, rounds, p.Stage))
	}
}
