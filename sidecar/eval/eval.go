// Package eval measures: how often the ways of decoding find the right answer at equal tokens, and how well a PRM's scores
// agree with human labels of steps. Every figure comes with a 95 % interval by bootstrap over problems or traces.
package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"aprm/prm/arith"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Bench is what is measured: an LLM and a PRM.
type Bench interface {
	// Sampler draws solutions of a problem.
	Sampler(p step.Problem) (decode.Sampler, error)
	// Scorer scores steps of solutions of a problem; nil when there is no PRM.
	Scorer(p step.Problem) (decode.Scorer, error)
}

// Config of a measurement.
type Config struct {
	Options    decode.Options // N is the size of the pool; Strategy and TokenBudget are set by the method
	Strategies []string       // of those that Strategies names; empty for all that the bench allows
	Parallel   int            // problems at a time; 0 means 1
	Draws      int            // of the bootstrap; 0 means 10,000
	Progress   func(done, total int, problem string)
}

// Outcome is what a method made of a problem.
type Outcome struct {
	Correct      float64 `json:"correct"` // 0 or 1; for pass@1 the share of the pool
	Answer       string  `json:"answer,omitempty"`
	Tokens       int     `json:"tokens"`        // generated
	PromptTokens int     `json:"prompt_tokens"` // read, as the endpoint counts them
	ScoringCalls int     `json:"scoring_calls"`
	Seconds      float64 `json:"seconds"`
	Stopped      string  `json:"stopped,omitempty"`
}

// Row is a method over all problems.
type Row struct {
	Method       string          `json:"method"`
	Accuracy     metric.Interval `json:"accuracy"`
	VsMajority   metric.Interval `json:"vs_majority"` // paired difference in accuracy
	Tokens       float64         `json:"tokens"`      // means over problems
	PromptTokens float64         `json:"prompt_tokens"`
	ScoringCalls float64         `json:"scoring_calls"`
	Seconds      float64         `json:"seconds"`
	Outcomes     []Outcome       `json:"outcomes"` // in the order of Report.Problems
}

// Report is the table.
type Report struct {
	N        int      `json:"n"`
	Seed     int64    `json:"seed"`
	Problems []string `json:"problems"`
	Rows     []Row    `json:"rows"`
}

// method is a row in the making: a strategy over the recorded pool, or asking anew. Without a strategy it is a baseline that
// every table has, as it has the majority vote.
type method struct {
	name     string
	strategy string
	run      func(ctx context.Context, c *contest) (Outcome, error)
}

func methods(n int) []method {
	return []method{
		{"greedy", decode.Greedy, greedy},
		{"pass@1 (mean of the pool)", "", single},
		{fmt.Sprintf("majority-%d", n), decode.Majority, vote(decode.Majority)},
		{fmt.Sprintf("best-of-%d", n), decode.BestOfN, vote(decode.BestOfN)},
		{fmt.Sprintf("weighted-vote-%d", n), decode.WeightedVote, vote(decode.WeightedVote)},
		{fmt.Sprintf("guided-%d", n), decode.Guided, guided},
		{fmt.Sprintf("pass@%d (the ceiling)", n), "", ceiling},
	}
}

// Strategies names what can be measured.
func Strategies() []string {
	var names []string
	for _, m := range methods(0) {
		if m.strategy != "" {
			names = append(names, m.strategy)
		}
	}
	return names
}

// wanted says whether the table has the method's row.
func (c Config) wanted(m method, prm bool) bool {
	switch {
	case m.strategy == "" || m.strategy == decode.Majority:
		return true
	case len(c.Strategies) > 0:
		return slices.Contains(c.Strategies, m.strategy)
	default:
		return prm || !decode.NeedsPRM(m.strategy)
	}
}

// Answers measures every method on every problem. The votes and best-of-N choose from one pool of N samples, drawn once;
// guided decoding may generate as many tokens as that pool took, problem by problem. So all but greedy and pass@1 have spent
// at most the same.
func Answers(ctx context.Context, bench Bench, problems []step.Problem, cfg Config) (Report, error) {
	if cfg.Parallel <= 0 {
		cfg.Parallel = 1
	}
	if cfg.Draws <= 0 {
		cfg.Draws = 10_000
	}
	report := Report{N: cfg.Options.N, Seed: cfg.Options.Seed}
	outcomes := make([][]Outcome, len(problems))
	var names []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Parallel)
	finished := make(chan string, len(problems))
	for i, p := range problems {
		report.Problems = append(report.Problems, p.ID)
		group.Go(func() error {
			c, err := newContest(ctx, bench, p, cfg)
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			for _, m := range methods(cfg.Options.N) {
				if !cfg.wanted(m, c.scorer != nil) {
					continue
				}
				o, err := m.run(ctx, c)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.ID, m.name, err)
				}
				outcomes[i] = append(outcomes[i], o)
				if i == 0 {
					names = append(names, m.name)
				}
			}
			finished <- p.ID
			if cfg.Progress != nil {
				cfg.Progress(len(finished), len(problems), p.ID)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return report, err
	}
	for j, name := range names {
		row := Row{Method: name}
		for i := range problems {
			row.Outcomes = append(row.Outcomes, outcomes[i][j])
		}
		report.Rows = append(report.Rows, row)
	}
	summarise(report.Rows, len(problems), uint64(cfg.Options.Seed), cfg.Draws)
	return report, nil
}

// summarise fills in the figures of rows from their outcomes.
func summarise(rows []Row, n int, seed uint64, draws int) {
	majority := slices.IndexFunc(rows, func(r Row) bool { return strings.HasPrefix(r.Method, decode.Majority) })
	for j := range rows {
		r := &rows[j]
		mean := func(of func(Outcome) float64) float64 {
			return meanOver(all(n), func(i int) float64 { return of(r.Outcomes[i]) })
		}
		r.Tokens = mean(func(o Outcome) float64 { return float64(o.Tokens) })
		r.PromptTokens = mean(func(o Outcome) float64 { return float64(o.PromptTokens) })
		r.ScoringCalls = mean(func(o Outcome) float64 { return float64(o.ScoringCalls) })
		r.Seconds = mean(func(o Outcome) float64 { return o.Seconds })
		r.Accuracy = metric.Bootstrap(seed, n, draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return r.Outcomes[i].Correct })
		})
		r.VsMajority = metric.Bootstrap(seed, n, draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return r.Outcomes[i].Correct - rows[majority].Outcomes[i].Correct })
		})
	}
}

func all(n int) []int {
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	return idx
}

func meanOver(idx []int, of func(i int) float64) float64 {
	sum := 0.0
	for _, i := range idx {
		sum += of(i)
	}
	return sum / float64(len(idx))
}

// contest is one problem, with the pool that the votes share.
type contest struct {
	problem step.Problem
	sampler decode.Sampler
	scorer  decode.Scorer
	options decode.Options
	pool    []decode.Sample
	tokens  int // generated for the pool
	prompt  int
	seconds float64 // that drawing it took
}

func newContest(ctx context.Context, bench Bench, p step.Problem, cfg Config) (*contest, error) {
	sampler, err := bench.Sampler(p)
	if err != nil {
		return nil, err
	}
	scorer, err := bench.Scorer(p)
	if err != nil {
		return nil, err
	}
	c := &contest{problem: p, sampler: sampler, scorer: scorer, options: cfg.Options}
	keep := &keeper{from: sampler}
	opts := c.options
	opts.Strategy, opts.TokenBudget, opts.LogProbs, opts.TopLogProbs = decode.Majority, 0, true, 3
	r, err := decode.Solve(ctx, keep, nil, opts)
	if err != nil {
		return nil, fmt.Errorf("drawing the pool: %w", err)
	}
	c.pool, c.tokens, c.prompt, c.seconds = keep.samples, r.CompletionTokens, r.PromptTokens, r.Elapsed.Seconds()
	return c, nil
}

// keeper passes samples on and remembers them.
type keeper struct {
	from    decode.Sampler
	samples []decode.Sample
}

func (k *keeper) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	samples, err := k.from.Sample(ctx, req)
	k.samples = append(k.samples, samples...)
	return samples, err
}

// drawn serves a pool in its order, so that a strategy chooses from what was drawn before.
type drawn struct{ samples []decode.Sample }

func (d *drawn) Sample(_ context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	n := min(req.N, len(d.samples))
	out := d.samples[:n]
	d.samples = d.samples[n:]
	if n == 0 {
		return nil, decode.ErrNoCandidate
	}
	return out, nil
}

func (c *contest) right(answer string, answered bool) float64 {
	if answered && arith.Equal(c.problem.Answer, answer) == arith.True {
		return 1
	}
	return 0
}

func (c *contest) outcome(r decode.Result) Outcome {
	return Outcome{Correct: c.right(r.Answer, r.Answered), Answer: r.Answer, Tokens: r.CompletionTokens, PromptTokens: r.PromptTokens,
		ScoringCalls: r.ScoringCalls, Seconds: r.Elapsed.Seconds(), Stopped: string(r.Stopped)}
}

func greedy(ctx context.Context, c *contest) (Outcome, error) {
	opts := c.options
	opts.Strategy = decode.Greedy
	r, err := decode.Solve(ctx, c.sampler, nil, opts)
	return c.outcome(r), err
}

// vote returns the method that runs a strategy over the pool.
func vote(strategy string) func(context.Context, *contest) (Outcome, error) {
	return func(ctx context.Context, c *contest) (Outcome, error) {
		opts := c.options
		opts.Strategy, opts.N = strategy, len(c.pool)
		r, err := decode.Solve(ctx, &drawn{c.pool}, c.scorer, opts)
		o := c.outcome(r)
		o.Seconds += c.seconds
		return o, err
	}
}

// guided decodes step by step within what the pool took.
func guided(ctx context.Context, c *contest) (Outcome, error) {
	opts := c.options
	opts.Strategy, opts.TokenBudget = decode.Guided, c.tokens
	r, err := decode.Solve(ctx, c.sampler, c.scorer, opts)
	return c.outcome(r), err
}

// verdicts is the truth about each candidate of the pool.
func (c *contest) verdicts(ctx context.Context) ([]float64, error) {
	opts := c.options
	opts.Strategy, opts.N = decode.Majority, len(c.pool)
	r, err := decode.Solve(ctx, &drawn{c.pool}, nil, opts)
	var out []float64
	for _, candidate := range r.Candidates {
		out = append(out, c.right(candidate.Answer, candidate.Answered))
	}
	return out, err
}

func single(ctx context.Context, c *contest) (Outcome, error) {
	v, err := c.verdicts(ctx)
	if err != nil {
		return Outcome{}, err
	}
	n := len(v)
	return Outcome{Correct: meanOver(all(n), func(i int) float64 { return v[i] }), Tokens: c.tokens / n, PromptTokens: c.prompt,
		Seconds: c.seconds / float64(n)}, nil
}

func ceiling(ctx context.Context, c *contest) (Outcome, error) {
	v, err := c.verdicts(ctx)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Correct: slices.Max(v), Tokens: c.tokens, PromptTokens: c.prompt, Seconds: c.seconds}, nil
}
