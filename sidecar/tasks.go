package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"aprm/generator/tasks"
	"aprm/prm/step"
)

type tasksCommand struct {
	Split  string `help:"Which kind: train, dev, test (like training, never trained on), deep (more steps than training has) or families (stories that training lacks)." default:"train" enum:"train,dev,test,deep,families"`
	N      int    `name:"n" help:"How many." default:"1000"`
	Seed   uint64 `help:"Another seed, other problems of the same split." default:"1"`
	Corpus bool   `help:"Write what the builtin model is trained on instead: one conversation a line, as [[role, text], …]. Of --split train only."`
}

func (c *tasksCommand) Help() string {
	return `Writes problems of the toy world to standard output, in GSM8K's format, for train and eval. They are drawn from the seed; no problem of one split
is in another.

  sidecar tasks --split train --n 500 > toy-train.jsonl
  sidecar train --upstream builtin --problems toy-train.jsonl --out toy.prm`
}

// Validate is called before Run.
func (c *tasksCommand) Validate() error { return atLeast(0, "--n", c.N) }

func (c *tasksCommand) Run(ctx context.Context, std streams) error {
	if c.Corpus && tasks.Split(c.Split) != tasks.Train {
		return badInput{fmt.Errorf("--corpus is of --split train only, not of %s", c.Split)}
	}
	w := bufio.NewWriter(std.out)
	for i := range c.N {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.Corpus {
			for _, conversation := range tasks.Conversations(c.Seed, i) {
				turns := make([][2]string, len(conversation))
				for k, m := range conversation {
					turns[k] = [2]string{string(m.Role), m.Content}
				}
				if err := writeLine(w, turns); err != nil {
					return err
				}
			}
			continue
		}
		p := tasks.Generate(tasks.Split(c.Split), c.Seed, i)
		if err := writeLine(w, struct {
			ID       string `json:"id"`
			Family   string `json:"family"`
			Question string `json:"question"`
			Answer   string `json:"answer"`
		}{p.ID, p.Family, p.Question, fmt.Sprintf("%s\n#### %d", strings.Join(p.Worked(), "\n"), p.Answer)}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// toys returns n problems of the toy world.
func toys(split tasks.Split, seed uint64, n int) []step.Problem {
	problems := make([]step.Problem, n)
	for i := range problems {
		p := tasks.Generate(split, seed, i)
		problems[i] = step.Problem{ID: p.ID, Question: p.Question, Answer: fmt.Sprint(p.Answer), Worked: p.Worked()}
	}
	return problems
}
