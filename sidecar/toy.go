package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/generator/tasks"
	"aprm/prm/arith"
	"aprm/prm/metric"
)

type toyCommand struct {
	Split       string  `help:"Kind of problems; see sidecar tasks --help." default:"test" enum:"train,dev,test,deep,families"`
	Problems    int     `help:"How many." default:"2000"`
	N           int     `name:"n" help:"Samples of each." default:"8"`
	Temperature float64 `help:"Of the samples." default:"0.8"`
	Seed        uint64  `help:"Of problems, samples and bootstrap." default:"1"`
	JSON        bool    `name:"json" help:"Write the figures as JSON."`
}

func (c *toyCommand) Help() string {
	return `Measures ` + builtin.Title + `: greedy accuracy, majority of N, pass@N, and what goes wrong first in the samples that are wrong, by family.
Intervals are by bootstrap over problems.`
}

// Validate is called before Run.
func (c *toyCommand) Validate() error {
	return errors.Join(atLeast(1, "--problems", c.Problems), atLeast(1, "--n", c.N))
}

// attempt is what the model made of one problem.
type attempt struct {
	family                string
	greedy, majority, any float64
	mistakes              map[tasks.Mistake]float64 // samples of each kind; tasks.None counts those that are right
}

func (c *toyCommand) Run(ctx context.Context, std streams) error {
	llm, err := embedded()
	if err != nil {
		return err
	}
	attempts := make([]attempt, c.Problems)
	bar := newProgress(std.err, "toy")
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8) // so many samples together fill the model's batch
	for i := range attempts {
		group.Go(func() (err error) {
			attempts[i], err = c.attempt(ctx, llm, tasks.Generate(tasks.Split(c.Split), c.Seed, i), int64(i))
			bar.report(int(done.Add(1)), c.Problems, "")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.write(std, attempts)
}

func (c *toyCommand) attempt(ctx context.Context, llm adapters.LLM, p tasks.Problem, index int64) (attempt, error) {
	a := attempt{family: p.Family, mistakes: map[tasks.Mistake]float64{}}
	seed := int64(c.Seed)<<32 + index*int64(c.N) // #nosec G115 -- a seed, of which all bits count
	req := adapters.Request{Messages: []adapters.Message{{Role: adapters.User, Content: p.Question}}, MaxTokens: 200, Seed: &seed}
	greedy, err := llm.Generate(ctx, req)
	if err != nil {
		return a, err
	}
	if p.Judge(greedy[0].Text) == tasks.None {
		a.greedy = 1
	}
	req.N, req.Temperature = c.N, c.Temperature
	samples, err := llm.Generate(ctx, req)
	if err != nil {
		return a, err
	}
	votes := map[string]int{}
	best := ""
	for _, s := range samples {
		m := p.Judge(s.Text)
		a.mistakes[m]++
		if m == tasks.None {
			a.any = 1
		}
		if answer, ok := arith.Extract(s.Text); ok {
			if votes[answer]++; votes[answer] > votes[best] { // of equals, the one that got there first
				best = answer
			}
		}
	}
	if arith.Equal(best, fmt.Sprint(p.Answer)) == arith.True {
		a.majority = 1
	}
	return a, nil
}

// toyRow is the figures of a family, or of all.
type toyRow struct {
	Family   string                            `json:"family"`
	Problems int                               `json:"problems"`
	Greedy   metric.Interval                   `json:"greedy"`
	Majority metric.Interval                   `json:"majority"`
	Pass     metric.Interval                   `json:"pass"`
	Gap      metric.Interval                   `json:"pass_minus_majority"`
	Mistakes map[tasks.Mistake]metric.Interval `json:"mistakes"` // shares of the wrong samples; empty where none is wrong
}

func (c *toyCommand) write(std streams, attempts []attempt) error {
	families := map[string][]attempt{}
	for _, a := range attempts {
		families[a.family] = append(families[a.family], a)
	}
	rows := []toyRow{c.row("all", attempts)}
	for _, name := range tasks.FamilyNames() {
		if len(families[name]) > 0 {
			rows = append(rows, c.row(name, families[name]))
		}
	}
	if c.JSON {
		return printJSON(std, rows)
	}
	var b strings.Builder
	percent := func(i metric.Interval) string {
		return fmt.Sprintf("%.1f %% [%.1f, %.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
	}
	fmt.Fprintf(&b, "Toy world, split %s, %d problems, seed %d, temperature %g: %s\n\n", c.Split, c.Problems, c.Seed, c.Temperature, builtin.Title)
	fmt.Fprintf(&b, "| family | problems | greedy | majority-%d | pass@%d | pass − majority |", c.N, c.N)
	line := "\n|---|---:|---|---|---|---|"
	for _, m := range tasks.Mistakes() {
		fmt.Fprintf(&b, " %s |", m)
		line += "---:|"
	}
	b.WriteString(line + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |", r.Family, r.Problems, percent(r.Greedy), percent(r.Majority), percent(r.Pass), percent(r.Gap))
		for _, m := range tasks.Mistakes() {
			if share, ok := r.Mistakes[m]; ok {
				fmt.Fprintf(&b, " %.0f %% |", 100*share.Mean)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	all := rows[0].Mistakes
	fmt.Fprintf(&b, "\nThe last columns are shares of the wrong samples, by what went wrong first: %s are arithmetic, the rest is meaning. Intervals are 95 %%, by bootstrap over problems.\n",
		percent(all[tasks.Arithmetic]))
	return show(std.out, b.String())
}

func (c *toyCommand) row(name string, attempts []attempt) toyRow {
	const draws = 2000
	mean := func(of func(a attempt) float64) metric.Interval {
		return metric.Bootstrap(c.Seed, len(attempts), draws, func(idx []int) float64 {
			sum := 0.0
			for _, i := range idx {
				sum += of(attempts[i])
			}
			return sum / float64(len(idx))
		})
	}
	r := toyRow{Family: name, Problems: len(attempts), Mistakes: map[tasks.Mistake]metric.Interval{},
		Greedy: mean(func(a attempt) float64 { return a.greedy }), Majority: mean(func(a attempt) float64 { return a.majority }),
		Pass: mean(func(a attempt) float64 { return a.any }), Gap: mean(func(a attempt) float64 { return a.any - a.majority })}
	for _, m := range tasks.Mistakes() {
		share := metric.Bootstrap(c.Seed, len(attempts), draws, func(idx []int) float64 {
			kind, wrong := 0.0, 0.0
			for _, i := range idx {
				kind += attempts[i].mistakes[m]
				wrong += float64(c.N) - attempts[i].mistakes[tasks.None]
			}
			return kind / wrong
		})
		if !math.IsNaN(share.Mean) {
			r.Mistakes[m] = share
		}
	}
	return r
}
