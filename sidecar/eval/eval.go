// Package eval measures: how often the ways of decoding find the right answer at equal tokens, and how well a PRM's
// scores agree with human labels of steps. Every figure comes with a 95 % interval by bootstrap over problems or
// traces.
package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"aprm/prm"
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
	Options    decode.Options // N is the candidates of a search; Strategy and TokenBudget are set by the method
	Sizes      []int          // of the votes and best-of-N beside Options.N. The pool holds as many samples as the greatest needs
	Strategies []string       // of those that Strategies names; empty for all that the bench allows
	Rotate     bool           // what chooses among whole answers does so once from each of the pool's, in turn, and the mean counts: the order in which they were drawn is chance
	Programs   int            // recorded programs of each problem, at least, to be measured alone and, with as much prose, mixed; 0 for none
	Beginnings int            // of answers, up to so many steps, that the PRM is to tell apart too; 0 for none
	Parallel   int            // problems at a time; 0 means 1
	Draws      int            // of the bootstrap; 0 means 10,000
	Progress   func(done, total int, problem string)
}

// Outcome is what a method made of a problem.
type Outcome struct {
	Correct       float64 `json:"correct"`          // 0 or 1; for pass@1 the share of the pool
	Untold        float64 `json:"untold,omitempty"` // 1 where whether it is right can't be told, so that it counts as wrong; for pass@1 the share of the pool
	Answer        string  `json:"answer,omitempty"`
	Tokens        int     `json:"tokens"`        // generated
	PromptTokens  int     `json:"prompt_tokens"` // read, as the endpoint counts them
	SamplingCalls int     `json:"llm_calls"`
	ScoringCalls  int     `json:"scoring_calls"`
	Seconds       float64 `json:"seconds"`
	Stopped       string  `json:"stopped,omitempty"`

	Drawn     int    `json:"drawn,omitempty"`     // auto: candidates
	Changed   bool   `json:"changed,omitempty"`   // auto: the same vote of all N comes to another answer
	Escalated string `json:"escalated,omitempty"` // auto: the strategy that decided in the end
}

// Row is a method over all problems.
type Row struct {
	Method        string          `json:"method"`
	N             int             `json:"n"` // samples that it chooses from, or searches with
	Accuracy      metric.Interval `json:"accuracy"`
	VsMajority    metric.Interval `json:"vs_majority"` // paired difference in accuracy
	Untold        float64         `json:"untold"`      // share of problems on which it can't be told, see Outcome
	Tokens        float64         `json:"tokens"`      // means over problems
	PromptTokens  float64         `json:"prompt_tokens"`
	SamplingCalls float64         `json:"llm_calls"`
	ScoringCalls  float64         `json:"scoring_calls"`
	Seconds       float64         `json:"seconds"`
	Outcomes      []Outcome       `json:"outcomes"` // in the order of Report.Problems
}

// Report is the table.
type Report struct {
	N        int      `json:"n"`
	Seed     int64    `json:"seed"`
	Problems []string `json:"problems"`
	Digest   string   `json:"digest,omitempty"` // of the problems' questions: ids may be those of another file's
	Rows     []Row    `json:"rows"`
	Untold   *Untold  `json:"untold,omitempty"` // nil in a report of a build that didn't count

	// AUC is the chance that of a right and a wrong answer to one problem the right one is thought the better, by the
	// PRM or, without one, by its own log-probabilities; of answers that can be voted for.
	AUC metric.Interval `json:"auc_within_problem"`

	Begun []Beginning `json:"beginnings,omitempty"` // nil where none were asked for, or there is no PRM

	Kinds *KindsReport `json:"kinds,omitempty"` // programs beside prose; nil of one kind

	votes []Votes // of the pool's first N, problem by problem, for a gate
}

// Untold counts what can't be told, and so counts as wrong.
type Untold struct {
	Golds      int `json:"golds_unread"` // problems whose final answer nothing can be held against
	Answers    int `json:"answers"`      // that were drawn to all problems
	Empty      int `json:"nothing_extracted"`
	Uncompared int `json:"not_compared"` // an answer was extracted, and can't be told to be equal to the problem's, or different
}

func (u *Untold) add(o Untold) {
	u.Golds += o.Golds
	u.Answers += o.Answers
	u.Empty += o.Empty
	u.Uncompared += o.Uncompared
}

// method is a row in the making: a strategy over the first n of the recorded pool, or asking anew. Without a strategy
// it is a baseline that every table has, as it has the majority vote.
type method struct {
	name     string
	strategy string
	n        int
	run      func(ctx context.Context, c *contest, n int) (Outcome, error)
	kinds    step.Kinds // of the recorded answers that it chooses from; "" for those of the pool
}

// measured is what the method makes of a problem.
func (m method) measured(ctx context.Context, c *contest, cfg Config) (Outcome, error) {
	if !cfg.Rotate || m.strategy == decode.Greedy || m.strategy != "" && decode.Stepwise(m.strategy) {
		return m.run(ctx, c, m.n)
	}
	var all []Outcome
	for k := range c.turns() {
		o, err := m.run(ctx, c.rotated(k, m.kinds), m.n)
		if err != nil {
			return o, err
		}
		all = append(all, o)
	}
	return meanOutcome(all), nil
}

// methods are the rows for votes of some sizes and searches of n candidates.
func methods(sizes []int, n int) []method {
	out := []method{{name: "greedy", strategy: decode.Greedy, n: n, run: greedy}, {name: "pass@1 (mean of the pool)", n: n, run: single}}
	for _, n := range sizes {
		out = append(out, votes(n)...)
	}
	out = append(out, method{name: fmt.Sprintf("auto-%d", n), strategy: decode.Auto, n: n, run: auto})
	for _, strategy := range []string{decode.Guided, decode.Beam, decode.DVTS, decode.Particle, decode.Rebase} {
		out = append(out, method{name: fmt.Sprintf("%s-%d", strategy, n), strategy: strategy, n: n, run: search(strategy)})
	}
	for _, n := range sizes {
		out = append(out, method{name: fmt.Sprintf("pass@%d (the ceiling)", n), n: n, run: ceiling})
	}
	return out
}

// votes are the rows for what chooses among n whole answers.
func votes(n int) []method {
	return []method{
		{name: fmt.Sprintf("majority-%d", n), strategy: decode.Majority, n: n, run: over(decode.Majority)},
		{name: fmt.Sprintf("confident-vote-%d", n), strategy: decode.Confident, n: n, run: over(decode.Confident)},
		{name: fmt.Sprintf("best-of-%d", n), strategy: decode.BestOfN, n: n, run: over(decode.BestOfN)},
		{name: fmt.Sprintf("weighted-vote-%d", n), strategy: decode.WeightedVote, n: n, run: over(decode.WeightedVote)},
	}
}

// sizes are the votes', in ascending order; one is Options.N, against which what isn't a vote is held.
func (c Config) sizes() []int {
	return slices.Compact(slices.Sorted(slices.Values(append([]int{c.Options.N}, c.Sizes...))))
}

// pooled is how many samples a problem needs.
func (c Config) pooled() int { return slices.Max(c.sizes()) }

// Strategies names what can be measured.
func Strategies() []string {
	var names []string
	for _, m := range methods([]int{0}, 0) {
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

// Answers measures every method on every problem. The votes and best-of-N choose from one pool of samples, drawn once;
// the searches step by step may generate as many tokens as the first N of that pool took, problem by problem. So all
// but greedy and pass@1 have spent at most the same.
func Answers(ctx context.Context, bench Bench, problems []step.Problem, cfg Config) (Report, error) {
	return measure(ctx, problems, cfg, func(ctx context.Context, i int) (*contest, error) {
		c, err := draw(ctx, bench, problems[i], cfg)
		if err != nil {
			return nil, err
		}
		return c, c.judgedBy(ctx, bench)
	})
}

// Pool is samples of some problems, drawn once: what any PRM is measured on with no further draw.
type Pool struct{ contests []*contest }

// Draw draws a pool; of cfg it takes Options, Sizes, Parallel and Progress.
func Draw(ctx context.Context, bench Bench, problems []step.Problem, cfg Config) (*Pool, error) {
	p := &Pool{contests: make([]*contest, len(problems))}
	err := each(ctx, problems, cfg, func(ctx context.Context, i int) (err error) {
		p.contests[i], err = draw(ctx, bench, problems[i], cfg)
		return err
	})
	return p, err
}

// Problems returns the pool's problems.
func (p *Pool) Problems() []step.Problem {
	out := make([]step.Problem, len(p.contests))
	for i, c := range p.contests {
		out[i] = c.problem
	}
	return out
}

// First returns the pool of the first n problems.
func (p *Pool) First(n int) *Pool { return &Pool{contests: p.contests[:n]} }

// Samples returns the samples of problem i.
func (p *Pool) Samples(i int) []decode.Sample { return p.contests[i].pool }

// Measure is Answers on a pool that is there already, of as many samples as cfg needs.
func (p *Pool) Measure(ctx context.Context, bench Bench, cfg Config) (Report, error) {
	return measure(ctx, p.Problems(), cfg, func(ctx context.Context, i int) (*contest, error) {
		c := *p.contests[i]
		c.options = cfg.Options
		c.options.Kinds = kindsIn(c.pool)
		if len(c.pool) < cfg.pooled() {
			return nil, fmt.Errorf("the pool has %d samples, %d are needed", len(c.pool), cfg.pooled())
		}
		return &c, c.judgedBy(ctx, bench)
	})
}

func measure(ctx context.Context, problems []step.Problem, cfg Config, open func(context.Context, int) (*contest, error)) (Report, error) {
	if cfg.Draws <= 0 {
		cfg.Draws = 10_000
	}
	report := Report{N: cfg.Options.N, Seed: cfg.Options.Seed, Digest: Digest(problems)}
	for _, p := range problems {
		report.Problems = append(report.Problems, p.ID)
	}
	outcomes := make([][]Outcome, len(problems))
	votes := make([]Votes, len(problems))
	counts := make([]Untold, len(problems))
	kinds := make([]kindsOf, len(problems))
	rated := make([][]begun, len(problems))
	all := slices.Concat(methods(cfg.sizes(), cfg.Options.N), cfg.kindsMethods())
	var rows []Row
	err := each(ctx, problems, cfg, func(ctx context.Context, i int) error {
		c, err := open(ctx, i)
		if err != nil {
			return err
		}
		for _, m := range all {
			if !cfg.wanted(m, c.scorer != nil) {
				continue
			}
			o, err := m.measured(ctx, c, cfg)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			outcomes[i] = append(outcomes[i], o)
			if i == 0 {
				rows = append(rows, Row{Method: m.name, N: m.n})
			}
		}
		votes[i], kinds[i] = c.votes, c.ofKinds(ctx)
		if rated[i], err = c.beginnings(ctx, cfg.Beginnings); err != nil {
			return err
		}
		counts[i], err = c.untold(ctx)
		return err
	})
	if err != nil {
		return report, err
	}
	for j := range rows {
		for i := range problems {
			rows[j].Outcomes = append(rows[j].Outcomes, outcomes[i][j])
		}
	}
	report.Rows, report.votes = rows, votes
	report.Untold = &Untold{}
	for _, u := range counts {
		report.Untold.add(u)
	}
	report.AUC = answersAUC(votes, uint64(cfg.Options.Seed), cfg.Draws)          // #nosec G115 -- a seed, of which all bits count
	report.Begun = beginningsOf(rated, uint64(cfg.Options.Seed), cfg.Draws)      // #nosec G115 -- a seed, of which all bits count
	summarise(rows, len(problems), uint64(cfg.Options.Seed), cfg.Draws)          // #nosec G115 -- a seed, of which all bits count
	report.Kinds = kindsReport(kinds, rows, uint64(cfg.Options.Seed), cfg.Draws) // #nosec G115 -- a seed, of which all bits count
	return report, nil
}

// answersAUC is the AUC of answers within a problem.
func answersAUC(votes []Votes, seed uint64, draws int) metric.Interval {
	won, pairs := make([]float64, len(votes)), make([]float64, len(votes))
	for i, v := range votes {
		var scores []float64
		var right []bool
		for k, b := range v.Ballots {
			if b.Answered {
				scores, right = append(scores, b.Score), append(right, v.Right[k])
			}
		}
		won[i], pairs[i] = metric.PairsWon(scores, right)
	}
	return wonOf(won, pairs, seed, draws)
}

// wonOf is the share of pairs that were won, of those of each problem, with its interval over problems.
func wonOf(won, pairs []float64, seed uint64, draws int) metric.Interval {
	return metric.Bootstrap(seed, len(won), draws, func(idx []int) float64 {
		var w, p float64
		for _, i := range idx {
			w, p = w+won[i], p+pairs[i]
		}
		return w / p
	})
}

// each does something with every problem, Config.Parallel at a time.
func each(ctx context.Context, problems []step.Problem, cfg Config, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(cfg.Parallel, 1))
	finished := make(chan string, len(problems))
	for i, p := range problems {
		group.Go(func() error {
			if err := do(ctx, i); err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			finished <- p.ID
			if cfg.Progress != nil {
				cfg.Progress(len(finished), len(problems), p.ID)
			}
			return nil
		})
	}
	return group.Wait()
}

// summarise fills in the figures of rows from their outcomes. A row is held against the majority vote of its own N.
func summarise(rows []Row, n int, seed uint64, draws int) {
	for j := range rows {
		r := &rows[j]
		majority := slices.IndexFunc(rows, func(m Row) bool { return m.Method == fmt.Sprintf("majority-%d", r.N) })
		mean := func(of func(Outcome) float64) float64 {
			return meanOver(all(n), func(i int) float64 { return of(r.Outcomes[i]) })
		}
		r.Tokens = mean(func(o Outcome) float64 { return float64(o.Tokens) })
		r.PromptTokens = mean(func(o Outcome) float64 { return float64(o.PromptTokens) })
		r.SamplingCalls = mean(func(o Outcome) float64 { return float64(o.SamplingCalls) })
		r.ScoringCalls = mean(func(o Outcome) float64 { return float64(o.ScoringCalls) })
		r.Seconds = mean(func(o Outcome) float64 { return o.Seconds })
		r.Untold = mean(func(o Outcome) float64 { return o.Untold })
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
	coded   []decode.Sample // recorded programs beside a pool of prose
	prose   []decode.Sample // of a rotated contest, the prose, whatever its pool is of
	votes   Votes           // of the pool's first N
	prompt  int
	seconds float64 // that drawing it took
}

func draw(ctx context.Context, bench Bench, p step.Problem, cfg Config) (*contest, error) {
	sampler, err := bench.Sampler(p)
	if err != nil {
		return nil, err
	}
	c := &contest{problem: p, sampler: sampler, options: cfg.Options}
	if c.options.Kinds == decode.AsMeasured {
		c.options.Kinds = step.OnlyProse // what is chosen from one pool is of the same kinds
	}
	keep := &keeper{from: sampler}
	opts := c.options
	opts.Strategy, opts.N, opts.TokenBudget, opts.LogProbs, opts.TopLogProbs = decode.Majority, cfg.pooled(), 0, true, 3
	r, err := decode.Solve(ctx, keep, nil, opts)
	if err != nil {
		return nil, fmt.Errorf("drawing the pool: %w", err)
	}
	c.pool, c.prompt, c.seconds = inTurn(keep.samples, c.options.Draws()), r.PromptTokens, r.Elapsed.Seconds()
	return c, nil
}

// judgedBy puts the bench's PRM in place.
func (c *contest) judgedBy(ctx context.Context, bench Bench) error {
	sampler, err := bench.Sampler(c.problem)
	if err != nil {
		return err
	}
	scorer, err := bench.Scorer(c.problem)
	if err != nil {
		return err
	}
	c.sampler, c.scorer = sampler, nil
	if scorer != nil {
		c.scorer = &scored{by: scorer, known: map[solved]prm.Judgement{}}
	}
	c.votes, err = c.ballots(ctx)
	return err
}

// ballots are the pool's first N with their scores, if there is a PRM.
func (c *contest) ballots(ctx context.Context) (Votes, error) {
	opts := c.options
	pool := c.pool[:min(opts.N, len(c.pool))]
	opts.Strategy, opts.N = decode.Confident, len(pool)
	if c.scorer != nil {
		opts.Strategy = decode.WeightedVote
	}
	r, err := decode.Solve(ctx, &drawn{samples: pool}, c.scorer, opts)
	var v Votes
	for _, b := range r.Candidates {
		v.Ballots = append(v.Ballots, decode.Ballot{Answer: b.Answer, Answered: b.Answered, Score: b.Score, Tokens: b.Tokens, Kind: b.Kind, Program: b.Program})
		v.Right = append(v.Right, c.verdict(b.Answer, b.Answered) == arith.True)
	}
	return v, err
}

// scored remembers scores: the votes of all sizes ask for the same solutions.
type scored struct {
	by    decode.Scorer
	mu    sync.Mutex
	known map[solved]prm.Judgement
}

// solved tells solutions apart: by their text, and those of one text by where their tokens are kept.
type solved struct {
	text    string
	program bool
	first   *step.Token
}

func (s *scored) Score(ctx context.Context, w decode.Working) (prm.Judgement, error) {
	key := solved{text: strings.Join(w.Steps, "\n"), program: w.Program != nil}
	if len(w.Tokens) > 0 && len(w.Tokens[0]) > 0 {
		key.first = &w.Tokens[0][0]
	}
	s.mu.Lock()
	scores, ok := s.known[key]
	s.mu.Unlock()
	if ok {
		return scores, nil
	}
	scores, err := s.by.Score(ctx, w)
	if err == nil {
		s.mu.Lock()
		s.known[key] = scores
		s.mu.Unlock()
	}
	return scores, err
}

// tokens is what the first n samples of the pool took.
func (c *contest) tokens(n int) int {
	sum := 0
	for _, s := range c.pool[:min(n, len(c.pool))] {
		sum += s.CompletionTokens
	}
	return sum
}

// keeper passes samples on and remembers those that were asked for: not those that died and in whose place others were
// drawn.
type keeper struct {
	from    decode.Sampler
	mu      sync.Mutex // those of several kinds are asked for at once
	samples []decode.Sample
}

func (k *keeper) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	samples, err := k.from.Sample(ctx, req)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range samples[:min(req.N, len(samples))] {
		s.Kind = req.Kind
		k.samples = append(k.samples, s)
	}
	return samples, err
}

// kindsIn is what kinds there are among samples.
func kindsIn(samples []decode.Sample) step.Kinds {
	programs := 0
	for _, s := range samples {
		if s.Kind == step.Program {
			programs++
		}
	}
	switch programs {
	case 0:
		return step.OnlyProse
	case len(samples):
		return step.OnlyPrograms
	}
	return step.Mixed
}

// inTurn are samples in the order in which a search of these kinds draws them.
func inTurn(samples []decode.Sample, kinds step.Kinds) []decode.Sample {
	of := map[bool][]decode.Sample{}
	for _, s := range samples {
		of[s.Kind == step.Program] = append(of[s.Kind == step.Program], s)
	}
	var out []decode.Sample
	for n := 0; len(out) < len(samples); n++ {
		if next := of[kinds.At(n) == step.Program]; len(next) > 0 {
			out, of[kinds.At(n) == step.Program] = append(out, next[0]), next[1:]
		} else if n > 2*len(samples) { // what is left is of one kind
			return append(append(out, of[false]...), of[true]...)
		}
	}
	return out
}

// drawn serves a pool in its order, kind by kind, so that a strategy chooses from what was drawn before.
type drawn struct {
	mu      sync.Mutex
	samples []decode.Sample
}

func (d *drawn) Sample(_ context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out, left []decode.Sample
	for _, s := range d.samples {
		if len(out) < req.N && (s.Kind == step.Program) == (req.Kind == step.Program) {
			out = append(out, s)
		} else {
			left = append(left, s)
		}
	}
	d.samples = left
	if len(out) == 0 {
		return nil, decode.ErrNoCandidate
	}
	return out, nil
}

// verdict says whether an answer is the problem's.
func (c *contest) verdict(answer string, answered bool) arith.Verdict {
	if !answered {
		return arith.Unknown
	}
	return arith.Equal(c.problem.Answer, answer)
}

// as is 1 for a verdict that is v, 0 for any other.
func as(v arith.Verdict) func(arith.Verdict) float64 {
	return func(of arith.Verdict) float64 {
		if of == v {
			return 1
		}
		return 0
	}
}

// right and untold are what a verdict counts.
var right, untold = as(arith.True), as(arith.Unknown)

func (c *contest) outcome(r decode.Result) Outcome {
	v := c.verdict(r.Answer, r.Answered)
	return Outcome{Correct: right(v), Untold: untold(v), Answer: r.Answer, Tokens: r.CompletionTokens, PromptTokens: r.PromptTokens,
		SamplingCalls: r.SamplingCalls, ScoringCalls: r.ScoringCalls, Seconds: r.Elapsed.Seconds(), Stopped: string(r.Stopped)}
}

func greedy(ctx context.Context, c *contest, _ int) (Outcome, error) {
	opts := c.options
	opts.Strategy, opts.Kinds = decode.Greedy, step.OnlyProse
	r, err := decode.Solve(ctx, c.sampler, nil, opts)
	return c.outcome(r), err
}

// over returns the method that runs a strategy over the pool's first n.
func over(strategy string) func(context.Context, *contest, int) (Outcome, error) {
	return func(ctx context.Context, c *contest, n int) (Outcome, error) {
		opts := c.options
		pool := c.pool[:min(n, len(c.pool))]
		opts.Strategy, opts.N = strategy, len(pool)
		r, err := decode.Solve(ctx, &drawn{samples: pool}, c.scorer, opts)
		o := c.outcome(r)
		o.Seconds += c.seconds * float64(len(pool)) / float64(len(c.pool))
		return o, err
	}
}

// auto runs over the pool's first n; a step-wise strategy that it escalates to asks anew.
func auto(ctx context.Context, c *contest, n int) (Outcome, error) {
	opts := c.options
	pool := c.pool[:min(n, len(c.pool))]
	opts.Strategy, opts.N = decode.Auto, len(pool)
	r, err := decode.Solve(ctx, &pooled{drawn{samples: pool}, c.sampler}, c.scorer, opts)
	if err != nil {
		return Outcome{}, err
	}
	if len(c.votes.Ballots) == 0 {
		if c.votes, err = c.ballots(ctx); err != nil {
			return Outcome{}, err
		}
	}
	o := c.outcome(r)
	o.Drawn, o.Escalated = r.Auto.Drawn, r.Auto.Escalated
	o.Seconds += c.seconds * float64(o.Drawn) / float64(len(c.pool))
	if chosen, _ := decode.Replay(c.votes.Ballots, r.Auto.Rule, false); chosen >= 0 && o.Escalated == "" && o.Drawn < len(pool) {
		o.Changed = !same(c.votes.Ballots[chosen].Answer, r.Answer)
	}
	return o, nil
}

// same tells whether two answers are one; none is only the same as none.
func same(a, b string) bool {
	return a == b || a != "" && b != "" && arith.Equal(a, b) == arith.True
}

// pooled serves whole answers from a pool, and steps from the LLM.
type pooled struct {
	drawn
	llm decode.Sampler
}

func (p *pooled) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	if req.OneStep || len(req.Prefix) > 0 {
		return p.llm.Sample(ctx, req)
	}
	return p.drawn.Sample(ctx, req)
}

// search returns the method that asks anew, step by step, within what the pool's first n took.
func search(strategy string) func(context.Context, *contest, int) (Outcome, error) {
	return func(ctx context.Context, c *contest, n int) (Outcome, error) {
		opts := c.options
		opts.Strategy, opts.N, opts.TokenBudget, opts.Kinds = strategy, n, c.tokens(n), step.OnlyProse
		r, err := decode.Solve(ctx, c.sampler, c.scorer, opts)
		return c.outcome(r), err
	}
}

// candidates are those of the pool's first n.
func (c *contest) candidates(ctx context.Context, n int) ([]decode.Candidate, error) {
	opts := c.options
	pool := c.pool[:min(n, len(c.pool))]
	opts.Strategy, opts.N = decode.Majority, len(pool)
	r, err := decode.Solve(ctx, &drawn{samples: pool}, nil, opts)
	return r.Candidates, err
}

// verdicts is the truth about each of the pool's first n candidates.
func (c *contest) verdicts(ctx context.Context, n int) ([]arith.Verdict, error) {
	candidates, err := c.candidates(ctx, n)
	var out []arith.Verdict
	for _, candidate := range candidates {
		out = append(out, c.verdict(candidate.Answer, candidate.Answered))
	}
	return out, err
}

// untold counts what can't be told of the whole pool.
func (c *contest) untold(ctx context.Context) (Untold, error) {
	candidates, err := c.candidates(ctx, len(c.pool))
	u := Untold{Answers: len(candidates)}
	if !arith.Readable(c.problem.Answer) {
		u.Golds = 1
	}
	for _, candidate := range candidates {
		switch {
		case !candidate.Answered:
			u.Empty++
		case c.verdict(candidate.Answer, true) == arith.Unknown:
			u.Uncompared++
		}
	}
	return u, err
}

func single(ctx context.Context, c *contest, _ int) (Outcome, error) {
	v, err := c.verdicts(ctx, len(c.pool))
	if err != nil {
		return Outcome{}, err
	}
	n := len(v)
	share := func(of func(arith.Verdict) float64) float64 {
		return meanOver(all(n), func(i int) float64 { return of(v[i]) })
	}
	return Outcome{Correct: share(right), Untold: share(untold), Tokens: c.tokens(n) / n, PromptTokens: c.prompt, SamplingCalls: 1,
		Seconds: c.seconds / float64(n)}, nil
}

func ceiling(ctx context.Context, c *contest, n int) (Outcome, error) {
	v, err := c.verdicts(ctx, n)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Tokens: c.tokens(n), PromptTokens: c.prompt, SamplingCalls: 1, Seconds: c.seconds * float64(len(v)) / float64(len(c.pool))}
	switch {
	case slices.Contains(v, arith.True):
		o.Correct = 1
	case slices.Contains(v, arith.Unknown):
		o.Untold = 1
	}
	return o, nil
}
