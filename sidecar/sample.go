package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"aprm/adapters"
	"aprm/prm/arith"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
)

type sampleCommand struct {
	Upstream    upstreamFlags `embed:"" group:"Endpoint:"`
	NATS        natsFlags     `embed:"" group:"Endpoint:"`
	Problems    string        `help:"Problems, ${published}." required:"" type:"existingfile" placeholder:"FILE"`
	Skip        int           `help:"Leave out so many problems at the beginning of the file."`
	Limit       int           `help:"Take only so many of the rest; 0 for all."`
	N           int           `name:"n" help:"Answers to each problem; those that the file has already count." default:"8"`
	Kind        step.Kind     `help:"What to ask for: prose, or a short program, which is run (here, with no files or network) for its value." enum:"prose,program" default:"prose"`
	Instruction string        `help:"What is added to the system message where prose is asked for; 'none' adds nothing, which very small models may do best with." placeholder:"TEXT" default:"${instruction}"`
	Out         string        `help:"File of answers (JSON lines) to write; it is gone on with where it is there." required:"" type:"path" placeholder:"FILE"`
	Temperature float64       `help:"Temperature of sampling." default:"0.7"`
	TopP        float64       `name:"top-p" help:"Nucleus of sampling; 0 leaves it to the endpoint." default:"0"`
	MaxTokens   int           `help:"Most tokens of one answer." default:"320"`
	Seed        int64         `help:"Every draw's seed follows from it, the problem and the answer's number, so that the same command draws the same answers where the endpoint takes seeds; 0 leaves them to the endpoint." default:"0"`
}

func (c *sampleCommand) Help() string {
	return `Draws N answers to each problem, as serve and eval draw them, and keeps them with the log-probabilities of their tokens: what 'train --solutions' learns
from and a vote can be tried on again and again, with no endpoint. As many problems are under way as the endpoint works on completions at a time
(--upstream-concurrency over --n). Every problem is on disk as soon as it is answered: cut off, the same command goes on.

  sidecar sample --problems train.jsonl --limit 400 --n 8 --out answers.jsonl --upstream-concurrency 64`
}

func (c *sampleCommand) Validate() error {
	return errors.Join(atLeast(1, "--n", c.N), atLeast(0, "--skip", c.Skip), above("--temperature", c.Temperature, 2), within("--top-p", c.TopP, 1),
		atLeast(1, "--max-tokens", c.MaxTokens))
}

func (c *sampleCommand) Run(ctx context.Context, std streams) (err error) {
	problems, err := readProblems(c.Problems)
	if err != nil {
		return err
	}
	if problems, err = behind(problems, c.Skip); err != nil {
		return err
	}
	problems = first(problems, c.Limit)
	llm, closeLLM, err := c.Upstream.llm(ctx, c.NATS, recordFlags{})
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return err
	}
	if !caps.LogProbs {
		slog.Warn("the endpoint gives no log-probabilities: the answers will be without, and a PRM that learns from them too")
	}
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, Instruction: instructionOf(c.Instruction)})
	if err != nil {
		return err
	}
	asked := e.Instruction()
	if c.Kind == step.Program {
		asked = decode.AsksProgram
		if err := e.Writes(ctx, ""); err != nil {
			return badInput{fmt.Errorf("--kind: %w", err)}
		}
	}
	opening, err := e.Opening(ctx, c.Kind)
	if err != nil {
		return err
	}
	file, err := given(dataset.OpenAnswers(c.Out, dataset.Sampling{Model: caps.Identity(), Kind: c.Kind, Temperature: c.Temperature, TopP: c.TopP,
		MaxTokens: c.MaxTokens, Instruction: asked, Opening: opening}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return c.draw(ctx, std, e, problems, file)
}

// draw asks for what the file lacks. A problem that fails leaves the others alone and is named at the end.
func (c *sampleCommand) draw(ctx context.Context, std streams, e *engine.Engine, problems []step.Problem, file *dataset.AnswersFile) error {
	bar := newProgress(std.err, "sample")
	began := time.Now()
	var mu sync.Mutex
	var failed []error
	done, tokens, right, answers := 0, 0, 0, 0
	var group errgroup.Group
	group.SetLimit(max(1, c.Upstream.Concurrency/c.N))
	for _, p := range problems {
		mu.Lock()
		known := file.Known(p.Question)
		missing := c.N - known
		if missing <= 0 {
			done++
		}
		mu.Unlock()
		if missing <= 0 || ctx.Err() != nil {
			continue
		}
		group.Go(func() error {
			samples, err := c.samples(ctx, e, p, known, missing)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if ctx.Err() == nil {
					failed = append(failed, fmt.Errorf("%s: %w", p.ID, err))
				}
				return nil
			}
			drawn := make([]dataset.Answer, len(samples))
			for i, s := range samples {
				drawn[i] = dataset.Answer{Text: s.Text, Cut: s.Finish == decode.FinishLength, Spent: s.CompletionTokens, Tokens: s.Tokens}
			}
			if err := file.Add(p, drawn); err != nil {
				return err
			}
			done++
			for i, a := range drawn {
				answers++
				tokens += a.Spent
				if r := samples[i].Read(ctx); r.Answered && arith.Equal(p.Answer, r.Answer) == arith.True {
					right++
				}
			}
			bar.report(done, len(problems), fmt.Sprintf("%.0f tokens/s, %.0f %% right", float64(tokens)/time.Since(began).Seconds(), 100*float64(right)/float64(answers)))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err := fmt.Fprintf(std.out, "%d of %d problems have %d answers; drawn now: %d answers of %d tokens in %s\n",
		done, len(problems), c.N, answers, tokens, time.Since(began).Round(time.Second))
	return errors.Join(errors.Join(failed...), err)
}

// samples draws n whole answers to a problem, of which some are known.
func (c *sampleCommand) samples(ctx context.Context, e *engine.Engine, p step.Problem, known, n int) ([]decode.Sample, error) {
	sampler, err := e.Sampler(p)
	if err != nil {
		return nil, err
	}
	samples, err := sampler.Sample(ctx, decode.SampleRequest{N: n, MaxTokens: c.MaxTokens, Temperature: c.Temperature, TopP: c.TopP, Seed: c.seed(p, known), LogProbs: true, TopLogProbs: 3, Kind: c.Kind})
	if err != nil {
		return nil, err
	}
	samples = samples[:min(n, len(samples))] // those that died stand behind
	for i := range samples {
		if samples[i].Err != nil {
			return nil, samples[i].Err
		}
		samples[i].Kind = c.Kind
	}
	return samples, nil
}

// seed is that of the answer to a problem that so many stand before; those after it count on from there. Nil leaves it
// to the endpoint.
func (c *sampleCommand) seed(p step.Problem, known int) *int64 {
	if c.Seed == 0 {
		return nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", c.Seed, p.Question))
	seed := (int64(binary.LittleEndian.Uint32(sum[:])) + int64(known)) & math.MaxInt32 // some endpoints take 31 bits
	return &seed
}
