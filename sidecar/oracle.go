package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm/arith"
	"aprm/prm/arith/formula"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
)

type oracleCommand struct {
	Step  oracleStepCommand  `cmd:"" help:"Judge steps read from standard input."`
	Equal oracleEqualCommand `cmd:"" help:"Compare pairs of final answers read from standard input."`
	Audit oracleAuditCommand `cmd:"" help:"Judge worked steps as they are, reworded, displaced and corrupted by rule, and list every one given the opposite of its true verdict."`
}

type oracleStepCommand struct{}

func (c *oracleStepCommand) Help() string {
	return `Reads a step in question a line, {"problem":"…","prefix":["…","…"],"reference":"the correct step here","step":"…"}, prefix and reference may be missing,
and writes {"verdict":"correct|wrong|unknown","reason":"…","layer":"…"} for each. What no layer is sure of is unknown, its layer "".

  echo '{"problem":"…","step":"3 * 4 = 13 pens"}' | sidecar oracle step`
}

func (c *oracleStepCommand) Run(ctx context.Context, std streams) error {
	type question struct {
		Problem   string   `json:"problem"`
		Prefix    []string `json:"prefix"`
		Reference string   `json:"reference"`
		Step      string   `json:"step"`
	}
	judge := oracle.New()
	check := func(q question) error {
		if strings.TrimSpace(q.Step) == "" {
			return errors.New(`"step" is missing or empty`)
		}
		return nil
	}
	for q, err := range dataset.Objects(std.in, "standard input", check) {
		if err != nil {
			return badInput{err}
		}
		ruling, err := judge.Judge(ctx, oracle.Case{
			Prefix:    step.Trace{Problem: step.Problem{Question: q.Problem}, Steps: q.Prefix},
			Reference: q.Reference, Step: q.Step})
		if err != nil {
			return err
		}
		if err := writeLine(std.out, struct {
			Verdict string `json:"verdict"`
			Reason  string `json:"reason"`
			Layer   string `json:"layer"`
		}{ruled[ruling.Verdict], ruling.Reason, ruling.Layer}); err != nil {
			return err
		}
	}
	return nil
}

// ruled are the words for an oracle's verdicts on a step.
var ruled = [...]string{step.Unknown: "unknown", step.Right: "correct", step.Wrong: "wrong"}

type oracleEqualCommand struct {
	OneWay bool `help:"As Math-Verify has it: an interval may answer an inequality, an inequality no interval."`
}

func (c *oracleEqualCommand) Help() string {
	return `Reads a pair a line, {"gold":"…","pred":"…"}, each an answer in LaTeX or plain notation or a text that announces one (\boxed{…}, ####, <answer>, "the answer is"), and
writes {"equal":true|false|null,"gold_parsed":"…","pred_parsed":"…","reason":"…"}; null is what can't be told.

  echo '{"gold":"\\frac{\\sqrt2}{2}","pred":"1/sqrt(2)"}' | sidecar oracle equal`
}

func (c *oracleEqualCommand) Run(std streams) error {
	type pair struct {
		Gold *string `json:"gold"`
		Pred *string `json:"pred"`
	}
	check := func(p pair) error {
		if p.Gold == nil || p.Pred == nil {
			return errors.New(`want the texts "gold" and "pred"`)
		}
		return nil
	}
	for p, err := range dataset.Objects(std.in, "standard input", check) {
		if err != nil {
			return badInput{err}
		}
		found := arith.Compare(*p.Gold, *p.Pred, formula.Options{GoldRelationOnly: c.OneWay})
		line := struct {
			Equal  *bool  `json:"equal"`
			Gold   string `json:"gold_parsed"`
			Pred   string `json:"pred_parsed"`
			Reason string `json:"reason"`
		}{nil, found.Gold, found.Pred, found.Reason}
		if found.Verdict != arith.Unknown {
			equal := found.Verdict == arith.True
			line.Equal = &equal
		}
		if err := writeLine(std.out, line); err != nil {
			return err
		}
	}
	return nil
}

type oracleAuditCommand struct {
	Upstream upstreamFlags `embed:""`
	Answers  recordFlags   `embed:""`
	Problems string        `help:"Problems with worked solutions; this or --labelled." type:"existingfile" placeholder:"FILE"`
	Labelled string        `help:"Solutions whose first wrong step people have labelled, in any format that prm eval reads: judged as the LLM's own steps are, with no solution to hold them against." type:"existingfile" placeholder:"FILE"`
	Limit    int           `help:"So many of the file, from the beginning; 0 for all." default:"2000"`
	Layers   []string      `help:"Which layers judge, in this order: arithmetic, equivalence, rollouts (--upstream continues each solution with the step and with the right one), jury (rollouts, and the LLM asked of the step must agree)." default:"arithmetic,equivalence" placeholder:"NAME,…"`
	Rollouts int           `help:"Continuations of each solution." default:"8"`
	Jury     int           `help:"Times that the LLM is asked." default:"3"`
	Seed     uint64        `help:"Of the rewordings, corruptions and rollouts." default:"1"`
	JSON     bool          `name:"json" help:"Write the report as JSON."`
}

func (c *oracleAuditCommand) Help() string {
	return `A layer by itself, to see what it is worth:

  sidecar oracle audit --problems gsm8k_train.jsonl --layers equivalence
  sidecar tasks --split test --n 100 > toy.jsonl
  sidecar oracle audit --problems toy.jsonl --layers rollouts --upstream builtin
  sidecar oracle audit --labelled mr_gsm8k.jsonl`
}

// jury is the name of the layer that asks the LLM of a step.
const jury = "jury"

// judge is the oracle of the layers asked for. Call close when done.
func (c *oracleAuditCommand) judge(ctx context.Context) (judge *oracle.Oracle, close func() error, err error) {
	close = func() error { return nil }
	if err := errors.Join(atLeast(4, "--rollouts", c.Rollouts), atLeast(1, "--jury", c.Jury)); err != nil {
		return nil, close, badInput{err}
	}
	arithmetic, equivalence, rollouts := oracle.Arithmetic{}, oracle.Equivalence{}, oracle.Rollouts{}.Name()
	known := []string{arithmetic.Name(), equivalence.Name(), rollouts, jury}
	for _, name := range c.Layers {
		if !slices.Contains(known, name) {
			return nil, close, badInput{fmt.Errorf("--layers: %q is none of %s", name, strings.Join(known, ", "))}
		}
	}
	cfg := generator.DefaultConfig()
	cfg.Seed, cfg.Rollouts = int64(c.Seed), c.Rollouts // #nosec G115 -- a seed, of which all bits count
	var llm adapters.LLM
	if slices.Contains(c.Layers, rollouts) || slices.Contains(c.Layers, jury) {
		if llm, close, err = c.Upstream.llm(ctx, natsFlags{}, c.Answers); err != nil {
			return nil, close, err
		}
		caps, err := llm.Capabilities(ctx)
		if err == nil && caps.Compact && slices.Contains(c.Layers, jury) {
			err = badInput{fmt.Errorf("--layers: %s knows no instructions, so it can't be on a jury", titled(caps))}
		}
		if err != nil {
			return nil, close, errors.Join(err, close())
		}
	}
	var layers []oracle.Layer
	for _, name := range c.Layers {
		switch name {
		case arithmetic.Name():
			layers = append(layers, arithmetic)
		case equivalence.Name():
			layers = append(layers, equivalence)
		case rollouts:
			layers = append(layers, generator.Layers(llm, cfg))
		case jury:
			both := cfg
			both.Jury = c.Jury
			layers = append(layers, generator.Layers(llm, both))
		}
	}
	return oracle.New(layers...), close, nil
}

func (c *oracleAuditCommand) Run(ctx context.Context, std streams) error {
	if (c.Problems == "") == (c.Labelled == "") {
		return badInput{errors.New("give either --problems or --labelled")}
	}
	judge, closeLLM, err := c.judge(ctx)
	if err != nil {
		return err
	}
	defer func() { logClose(closeLLM()) }()
	if c.Labelled != "" {
		return c.labelled(ctx, std, judge)
	}
	problems, err := readProblems(c.Problems)
	if err != nil {
		return err
	}
	report, err := oracle.Audit(ctx, judge, first(problems, c.Limit), c.Seed)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeLine(std.out, report)
	}
	return printAudit(std.out, fmt.Sprintf("%d problems, %d worked steps, seed %d", report.Problems, report.Steps, c.Seed), []auditGroup{{"as they stand", report.Worked},
		{"reworded", report.Reworded}, {"displaced or merged, solution hidden", report.Displaced}, {"corrupted", report.Corrupted}})
}

// labelled audits the oracle on what people have labelled.
func (c *oracleAuditCommand) labelled(ctx context.Context, std streams, judge *oracle.Oracle) error {
	solutions, err := given(dataset.ReadJudged(c.Labelled, c.Limit))
	if err != nil {
		return err
	}
	right, wrong, err := oracle.AuditSolutions(ctx, judge, solutions)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeLine(std.out, map[string]oracle.Group{"right": right, "wrong": wrong})
	}
	return printAudit(std.out, fmt.Sprintf("%d labelled solutions", len(solutions)), []auditGroup{{"people call right", right}, {"people call wrong", wrong}})
}

func printAudit(out io.Writer, title string, groups []auditGroup) error {
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s\n\n| cases | number | correct | wrong | unknown |\n|---|---:|---:|---:|---:|\n", title)
	for _, g := range groups {
		g.print(w)
	}
	for _, g := range groups {
		if g.Solutions > 0 {
			fmt.Fprintf(w, "\nof %d right solutions %d (%.2f %%) hold a step called wrong\n", g.Solutions, g.Misjudged, 100*float64(g.Misjudged)/float64(g.Solutions))
		}
	}
	for _, g := range groups {
		for _, f := range g.Opposite {
			fmt.Fprintf(w, "\n%s, %s, %s: %q\n  %s: %s", g.name, f.Problem, f.Rule, f.Step, f.Layer, f.Reason)
		}
	}
	fmt.Fprintln(w)
	return show(out, w.String())
}

// auditGroup is a group of the audit with its name.
type auditGroup struct {
	name string
	oracle.Group
}

// print writes the group's row and one for each of its rules.
func (g auditGroup) print(w io.Writer) {
	row := func(name string, t oracle.Tally) {
		share := func(v step.Verdict) string { return fmt.Sprintf("%.2f %%", 100*t.Share(v)) }
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s |\n", name, t.Cases, share(step.Right), share(step.Wrong), share(step.Unknown))
	}
	row(g.name, g.Tally)
	if len(g.Rules) < 2 {
		return
	}
	for _, rule := range slices.Sorted(maps.Keys(g.Rules)) {
		row("– "+rule, *g.Rules[rule])
	}
}
