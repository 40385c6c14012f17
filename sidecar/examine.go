package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

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
	NATS      natsFlags     `embed:"" group:"Endpoint:"`
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
	if err := c.unasked(); err != nil {
		return err
	}
	llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, recordFlags{})
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

// examine asks about what the file lacks; the answers to a problem are written together. A problem that fails leaves
// the others alone and is named at the end.
func (c *examineCommand) examine(ctx context.Context, std streams, e *engine.Engine, answered []dataset.Answered, file *dataset.AnswersFile) error {
	bar := newProgress(std.err, "examine")
	began := time.Now()
	var mu sync.Mutex
	var failed []error
	done, examined := 0, 0
	group, work := errgroup.WithContext(ctx)                                    // which ends at an error of the file: what is asked then is lost
	group.SetLimit(1 + c.Upstream.Concurrency/max(1, len(answered[0].Answers))) // one more than keeps the endpoint busy: while a problem's last answers are read, the next one's are
	for _, of := range answered {
		mu.Lock()
		missing := of.Answers[min(file.Known(of.Problem.Question), len(of.Answers)):]
		if len(missing) == 0 {
			done++
		}
		mu.Unlock()
		if len(missing) == 0 || work.Err() != nil {
			continue
		}
		group.Go(func() error {
			found := slices.Clone(missing)
			each, inner := errgroup.WithContext(work)
			for i := range found {
				each.Go(func() error { return c.ask(inner, e, of.Problem, &found[i]) })
			}
			err := each.Wait()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if work.Err() == nil {
					failed = append(failed, fmt.Errorf("%s: %w", of.Problem.ID, err))
				}
				return nil
			}
			if err := file.Add(of.Problem, found); err != nil {
				return err
			}
			done, examined = done+1, examined+len(found)
			bar.report(done, len(answered), fmt.Sprintf("%.1f answers/s", float64(examined)/time.Since(began).Seconds()))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return errors.Join(append(failed, err)...)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err := fmt.Fprintf(std.out, "%d answers examined now in %s; %d of %d problems are in %s\n", examined, time.Since(began).Round(time.Second), done, len(answered), c.Out)
	return errors.Join(errors.Join(failed...), err)
}

// unasked is the error of an output of an earlier pass that asked for something else: nothing in it would be asked
// about again.
func (c *examineCommand) unasked() error {
	if _, err := os.Stat(c.Out); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	known := map[string]bool{}
	answers := 0
	before, err := given(dataset.ReadAnswers(c.Out))
	if err != nil {
		return nil // whoever opens it to write says what is wrong with it
	}
	for _, of := range before {
		for _, a := range of.Answers {
			answers++
			known[askPTrue] = known[askPTrue] || a.PTrue != nil
			known[askStates] = known[askStates] || a.States != nil
		}
	}
	for _, what := range c.Ask {
		if answers > 0 && !known[what] {
			return badInput{fmt.Errorf("--out: %s is of a pass that didn't ask for %s: take it for --solutions, and name another file", c.Out, what)}
		}
	}
	return nil
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

// statesOf are the states of an answer's steps in few vectors: the mean over its steps' tokens, the mean, the greatest
// and the least at the ends of its steps, and the one at its end.
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
