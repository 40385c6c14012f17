package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
)

// What the LLM can be asked about an answer.
const (
	askPTrue  = "ptrue"
	askStates = "states"
)

type examineCommand struct {
	Upstream  upstreamFlags `embed:"" group:"Endpoint:"`
	Solutions []string      `help:"Files of recorded answers, as 'sidecar sample' writes them." required:"" type:"existingfile" placeholder:"FILE"`
	Limit     int           `help:"Take only so many problems, from the beginning; 0 for all."`
	Ask       []string      `help:"What to ask for: ptrue (the chance that the LLM gives its answer to be right, one token behind the answer), states (hidden states; see --upstream-hidden-url)." enum:"ptrue,states" default:"ptrue"`
	Out       string        `help:"File to write the same answers to, with what was found; it is gone on with where it is there." required:"" type:"path" placeholder:"FILE"`
}

func (c *examineCommand) Help() string {
	return `The LLM reads its recorded answers again: what that is worth beside the log-probabilities that came with them for nothing, 'train --solutions FILE --ablate' measures.
What was found in an earlier pass stays, so that the output may be asked about again:

  sidecar examine --solutions answers.jsonl --ask ptrue --out asked.jsonl --upstream http://127.0.0.1:8000
  sidecar examine --solutions asked.jsonl --ask states --out read.jsonl --upstream http://127.0.0.1:8000 --upstream-hidden-url http://127.0.0.1:8080`
}

func (c *examineCommand) Validate() error { return atLeast(0, "--limit", c.Limit) }

func (c *examineCommand) Run(ctx context.Context, std streams) (err error) {
	answered, err := given(dataset.ReadAnswers(c.Solutions...))
	if err != nil {
		return err
	}
	answered = first(answered, c.Limit)
	drawn := answered[0].Sampling
	for _, a := range answered {
		if a.Sampling != drawn {
			return badInput{errors.New("--solutions: answers drawn in several ways: examine those of each by themselves")}
		}
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, recordFlags{})
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	caps, err := llm.Capabilities(ctx)
	switch {
	case err != nil:
		return err
	case caps.Identity() != drawn.Model:
		return badInput{fmt.Errorf("the answers are of %s, the endpoint's model is %s: an LLM can only be asked about its own", drawn.Model, caps.Identity())}
	case slices.Contains(c.Ask, askPTrue) && !caps.LogProbs:
		return badInput{errors.New("--ask ptrue: the endpoint gives no log-probabilities")}
	case slices.Contains(c.Ask, askStates) && caps.Hidden.Kind != adapters.HiddenTokens:
		return badInput{errors.New("--ask states: the endpoint gives no hidden states of every token; name one of the same model that does: --upstream-hidden-url")}
	}
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, Instruction: drawn.Instruction})
	if err != nil {
		return err
	}
	file, err := given(dataset.OpenAnswers(c.Out, drawn))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return c.examine(ctx, std, e, answered, file)
}

// examine asks about what the file lacks; the answers to a problem are written together.
func (c *examineCommand) examine(ctx context.Context, std streams, e *engine.Engine, answered []dataset.Answered, file *dataset.AnswersFile) error {
	bar := newProgress(std.err, "examine")
	var mu sync.Mutex
	done, examined := 0, 0
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.Upstream.Concurrency/8)) // problems; their answers follow one another, and so does what an endpoint keeps of the question
	for _, of := range answered {
		mu.Lock()
		missing := of.Answers[min(file.Known(of.Problem.Question), len(of.Answers)):]
		if len(missing) == 0 {
			done++
		}
		mu.Unlock()
		if len(missing) == 0 {
			continue
		}
		group.Go(func() error {
			found := slices.Clone(missing)
			each, inner := errgroup.WithContext(inner)
			for i := range found {
				each.Go(func() error { return c.ask(inner, e, of.Problem, &found[i]) })
			}
			if err := each.Wait(); err != nil {
				return fmt.Errorf("%s: %w", of.Problem.ID, err)
			}
			mu.Lock()
			defer mu.Unlock()
			done, examined = done+1, examined+len(found)
			bar.report(done, len(answered), "")
			return file.Add(of.Problem, found)
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		_, err = fmt.Fprintf(std.out, "%d answers to %d problems examined now, %d problems in all: %s\n", examined, done, len(answered), c.Out)
	}
	return err
}

// ask adds to an answer what the LLM is found to think of it.
func (c *examineCommand) ask(ctx context.Context, e *engine.Engine, p step.Problem, a *dataset.Answer) error {
	if slices.Contains(c.Ask, askPTrue) {
		chance, ok, err := e.PTrue(ctx, p, a.Text)
		if err != nil {
			return err
		}
		if ok {
			a.PTrue = &chance
		}
	}
	steps := step.Split(a.Text)
	if !slices.Contains(c.Ask, askStates) || len(steps) == 0 {
		return nil
	}
	states, asked, err := e.Examine(ctx, step.Trace{Problem: p, Steps: steps})
	if err != nil {
		return err
	}
	a.States = statesOf(states)
	a.States["asked"] = asked.Last
	return nil
}

// statesOf are the states of an answer's steps in few vectors: the mean over its steps' tokens, the mean, the greatest and the least at the ends of its steps, and
// the one at its end.
func statesOf(states []adapters.State) map[string]dataset.Vector {
	out := map[string]dataset.Vector{}
	if len(states) == 0 {
		return out
	}
	n := len(states[0].Last)
	mean, ends := make(dataset.Vector, n), make(dataset.Vector, n)
	least, greatest := slices.Clone(states[0].Last), slices.Clone(states[0].Last)
	for _, s := range states {
		for i := range n {
			mean[i] += s.Mean[i] / float32(len(states))
			ends[i] += s.Last[i] / float32(len(states))
			least[i], greatest[i] = min(least[i], s.Last[i]), max(greatest[i], s.Last[i])
		}
	}
	out["mean"], out["ends"], out["least"], out["greatest"], out["last"] = mean, ends, least, greatest, states[len(states)-1].Last
	return out
}
