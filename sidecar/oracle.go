package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"aprm/generator/oracle"
	"aprm/sidecar/dataset"
)

type oracleCommand struct {
	Audit oracleAuditCommand `cmd:"" help:"Judge worked steps as they are, reworded, displaced and corrupted by rule, and list every one given the opposite of its true verdict."`
}

type oracleAuditCommand struct {
	Data     string `help:"Problems with worked solutions." required:"" type:"existingfile"`
	Problems int    `name:"problems" help:"So many of them, from the beginning; 0 for all." default:"2000"`
	Seed     uint64 `help:"Of the rewordings and corruptions." default:"1"`
	Out      string `help:"Write the report as JSON here." placeholder:"FILE" type:"path"`
}

func (c *oracleAuditCommand) Run(ctx context.Context, std streams) error {
	problems, err := dataset.ReadProblems(c.Data)
	if err != nil {
		return err
	}
	if c.Problems > 0 && c.Problems < len(problems) {
		problems = problems[:c.Problems]
	}
	report, err := oracle.Audit(ctx, oracle.New(), problems, c.Seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%d problems, %d worked steps, seed %d\n\n| cases | number | correct | wrong | unknown |\n|---|---:|---:|---:|---:|\n",
		report.Problems, report.Steps, c.Seed)
	groups := []auditGroup{{"as they stand", report.Worked}, {"reworded", report.Reworded}, {"displaced or merged, solution hidden", report.Displaced},
		{"corrupted", report.Corrupted}}
	for _, g := range groups {
		g.print(std.out)
	}
	for _, g := range groups {
		for _, f := range g.Opposite {
			fmt.Fprintf(std.out, "\n%s, %s, %s: %q\n  %s: %s", g.name, f.Problem, f.Rule, f.Step, f.Layer, f.Reason)
		}
	}
	fmt.Fprintln(std.out)
	if c.Out == "" {
		return nil
	}
	return writeJSON(c.Out, report)
}

// auditGroup is a group of the audit with its name.
type auditGroup struct {
	name string
	oracle.Group
}

// print writes the group's row and one for each of its rules.
func (g auditGroup) print(w io.Writer) {
	row := func(name string, t oracle.Tally) {
		share := func(v oracle.Verdict) string { return fmt.Sprintf("%.2f %%", 100*t.Share(v)) }
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s |\n", name, t.Cases, share(oracle.Correct), share(oracle.Wrong), share(oracle.Unknown))
	}
	row(g.name, g.Tally)
	for _, rule := range slices.Sorted(maps.Keys(g.Rules)) {
		row("– "+rule, *g.Rules[rule])
	}
}
