package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/generator"
	"aprm/generator/tasks"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
	"aprm/sidecar/server"
	"aprm/sidecar/training"
)

type demoCommand struct {
	Rounds   int    `help:"Rounds of the game." default:"5"`
	PerRound int    `help:"Problems of a round." default:"50"`
	Attacks  int    `help:"Attacked steps a round." default:"120"`
	Unseen   int    `help:"Problems to measure on, none of which was trained on." default:"200"`
	N        int    `name:"n" help:"Candidates of an answer." default:"8"`
	Seed     int64  `help:"Everything drawn follows from it." default:"1"`
	Out      string `help:"Keep the trained checkpoint here, and its gate beside it." default:"runs/demo.prm" placeholder:"FILE" type:"path"`
	Serve    bool   `help:"Serve both APIs with the result." default:"true" negatable:""`
	Listen   string `help:"Address to serve at." default:"127.0.0.1:8484"`
}

func (c *demoCommand) Help() string {
	return `Needs no server, no network and no files: the LLM is ` + builtin.Title + `, the problems are made up from a seed.
It plays the adversarial game, measures on unseen problems and serves the result. All of it is the toy world: it shows how things work and what
they cost, not what your model would gain.`
}

// Validate is called before Run.
func (c *demoCommand) Validate() error {
	return errors.Join(atLeast(1, "--rounds", c.Rounds), atLeast(1, "--per-round", c.PerRound), atLeast(1, "--attacks", c.Attacks),
		atLeast(1, "--unseen", c.Unseen), atLeast(1, "--n", c.N))
}

func (c *demoCommand) Run(ctx context.Context, std streams) error {
	began := time.Now()
	llm, err := embedded()
	if err != nil {
		return err
	}
	if err := c.ready(); err != nil {
		return err
	}
	if err := disk.MkdirAll(filepath.Dir(c.Out)); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(c.Out), "demo-") // where the page shows it for as long as the demo serves; what the page begins there stays
	if err != nil {
		return err
	}
	defer func() { logClose(os.RemoveAll(folder)) }()

	if err := show(std.out, fmt.Sprintf("The toy world: %s and word problems from a seed.\n\n"+
		"Training a PRM: each round the model solves %d problems, then is asked to spoil %d correct steps; an oracle says what is wrong; both learn.\n\n",
		builtin.Title, c.PerRound, c.Attacks)); err != nil {
		return err
	}
	game := gameFlags{Rounds: c.Rounds, PerRound: c.PerRound, Samples: 4, Attacks: c.Attacks, Wave: 16, Turns: 1, Natural: string(generator.Sure), Paraphrases: 0.5, MaxTokens: 160, Seed: c.Seed,
		Epochs: 12, Rate: 0.002, KL: 0.05, Smooth: 0.01}
	work := game.run(folder, 16)
	work.Game.Progress = roundsProgress(newProgress(std.err, "train"), c.Rounds)
	work.Show = func(r generator.Report) {
		t, h := r.Total, r.HeldOut
		fooled := "there is no PRM yet to tell"
		if r.Round > 0 {
			fooled = "the PRM takes " + percent(t.Fooled) + " of these for correct"
		}
		said := fmt.Sprintf("round %d: %d of %d attacks are truly wrong; %s. The PRM learns, and on problems kept out of training "+
			"finds %s of the attacks and %s of the model's own errors that the oracle is sure of, with %s false alarms.\n",
			r.Round+1, t.Wrong, t.Asked, fooled, percent(h.DetectSyn), percent(h.DetectNat), percent(h.FalseAlarm))
		if err := show(std.out, said); err != nil {
			slog.Error("showing a round", "err", err)
		}
	}
	trained, err := work.Play(ctx, llm, toys(tasks.Train, uint64(c.Seed), c.Rounds*c.PerRound)) // #nosec G115 -- a seed, of which all bits count
	if err != nil {
		return err
	}
	model := trained.Model
	if err := c.anecdote(ctx, llm, folder, std); err != nil {
		return err
	}
	if err := prm.Save(c.Out, model); err != nil {
		return err
	}

	took := time.Since(began)
	e, err := engineOf(llm, generator.Instruction)
	if err != nil {
		return err
	}
	if err := e.Use(model); err != nil {
		return err
	}
	gate := trained.Gate(c.Seed)
	if gate != nil {
		if err := writeGate(c.Out, gate); err != nil {
			return err
		}
	}
	bar := newProgress(std.err, "measure")
	report, err := eval.Answers(ctx, e, toys(tasks.Test, uint64(c.Seed), c.Unseen), eval.Config{ // #nosec G115 -- a seed, of which all bits count
		Options: decode.Options{N: c.N, Temperature: 0.8, TopP: 1, MaxTokens: 160, MaxSteps: 12, Aggregate: "min", Seed: c.Seed, Gate: gate, Vote: gate.Rule(step.OnlyProse)},
		// One search step by step stands for all: each of the others takes as long again.
		Strategies: []string{decode.Greedy, decode.Majority, decode.BestOfN, decode.WeightedVote, decode.Guided, decode.Auto},
		Parallel:   16, Progress: func(done, total int, problem string) { bar.report(done, total, problem) }})
	if err != nil {
		return err
	}
	if err := show(std.out, fmt.Sprintf("\nToy world, %d unseen problems, PRM %s (trained in %.0f s, measured in %.0f s):\n\n%s\n",
		c.Unseen, model.ID(), took.Seconds(), (time.Since(began)-took).Seconds(), report.Markdown())); err != nil {
		return err
	}
	if err := show(std.out, fmt.Sprintf("%s\n\nKept in %s.\n\n", trained.Verdict(gate), c.Out)); err != nil {
		return err
	}
	if _, err := io.WriteString(std.out, c.next()); err != nil { // not wrapped, to be copied
		return err
	}
	if !c.Serve {
		return nil
	}
	upstream := upstreamFlags{URL: builtinURL, Concurrency: 16, Timeout: time.Minute}
	if err := upstream.resolve(ctx, 0); err != nil {
		return err
	}
	return service{
		upstream: upstream, engine: e, gate: gate, gateFrom: gatePath(c.Out), strategy: decode.Auto, listen: c.Listen, probeWait: time.Minute, page: true, runs: filepath.Dir(c.Out),
		config: server.Config{
			Defaults:    decode.Options{N: c.N, Temperature: 0.8, TopP: 1, MaxTokens: 160, MaxSteps: 12, Aggregate: prm.Min},
			MaxSearches: 4, SearchTimeout: time.Minute, Traces: 256,
		},
	}.run(ctx, std)
}

// next is how to go on.
func (c *demoCommand) next() string {
	text := "Measure all searches, or by other problems (sidecar tasks writes some):\n  sidecar eval --upstream builtin --checkpoint " + c.Out + " --problems FILE\n" +
		"See what to do with an LLM on this machine:\n  sidecar\n"
	if !c.Serve {
		text = "Serve it, with a page to try it on:\n  sidecar serve --upstream builtin --checkpoint " + c.Out + "\n" + text
	}
	return text + "\n"
}

// percent is a share, where there is one.
func percent(f metric.Figure) string { return (100 * f).Text("%.0f") + " %" }

// ready says before the work what would spoil its end.
func (c *demoCommand) ready() error {
	if c.Serve {
		ln, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return badInput{fmt.Errorf("--listen: %w; choose another address, or --no-serve", err)}
		}
		if err := ln.Close(); err != nil {
			return err
		}
	}
	return toWrite("--out", c.Out)
}

// anecdote shows, of the corrupted steps that the PRM of their round took for correct and the last one doesn't, the one
// with the largest change; one of a problem kept out of training, if there is any.
func (c *demoCommand) anecdote(ctx context.Context, llm adapters.LLM, folder string, std streams) error {
	steps, err := generator.ReadLabelled(filepath.Join(folder, training.StepsFile))
	if err != nil {
		return err
	}
	e, err := engineOf(llm, "")
	if err != nil {
		return err
	}
	score := func(round int, l generator.Labelled) (float64, error) {
		m, err := prm.Load(training.RoundPath(folder, round))
		if err != nil {
			return 0, err
		}
		if err := e.Use(m); err != nil {
			return 0, err
		}
		scores, _, err := e.Judge(ctx, l.Trace(), nil)
		if err != nil {
			return 0, err
		}
		return scores[len(scores)-1].Step, nil
	}
	var best generator.Labelled
	var before, after float64
	for _, l := range steps {
		if l.Source != generator.Attack || l.Step != step.Wrong || l.Round == 0 || l.Round == c.Rounds-1 || best.HeldOut && !l.HeldOut {
			continue // round 0 has no PRM to fool yet, and nothing has been learned since the last one
		}
		first, err := score(l.Round-1, l)
		if err != nil {
			return err
		}
		if first <= 0.5 {
			continue
		}
		last, err := score(c.Rounds-1, l)
		if err != nil {
			return err
		}
		if last < 0.5 && (first-last > before-after || l.HeldOut && !best.HeldOut) {
			best, before, after = l, first, last
		}
	}
	if best.ID == "" {
		return nil
	}
	since := "which it has learned from since"
	if best.HeldOut {
		since = "kept out of its training"
	}
	return show(std.out, fmt.Sprintf("\nWhat fooled the PRM in round %d and doesn't any more, %s: %q (%s).\n%s\n"+
		"It gave this %.2f to be correct then, and gives it %.2f now.\n", best.Round+1, since, best.Text, best.Strategy, best.Prefix.Problem.Question, before, after))
}
