package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/trace"
)

// askCommand answers one question in the terminal.
type askCommand struct {
	Upstream    upstreamFlags `embed:"" group:"Endpoint:"`
	PRM         modelFlags    `embed:"" group:"PRM:"`
	Decode      decodeFlags   `embed:"" group:"Search:"`
	Strategy    way           `placeholder:"NAME" help:"How it is answered: one of the strategies that 'sidecar serve --help' lists, also by its suffix and with a number (best-of-8). Without a name auto." default:"auto" enum:"${strategies}"`
	Instruction string        `help:"What is added to the system message; 'none' adds nothing." placeholder:"TEXT" default:"${instruction}"`
	Seed        int64         `help:"Draws of the same seed are the same, where the endpoint keeps to it; 0 leaves them to it." default:"0"`
	Question    []string      `arg:"" optional:"" help:"The question; - reads it from standard input."`
}

func (c *askCommand) Help() string {
	return `Answers one question by a search, and shows what the search does while it does it: candidates and steps with the PRM's scores, as they are drawn, kept and dropped;
then the answer with its steps' scores, and what it took.

  sidecar ask --upstream builtin "Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"
  sidecar ask --upstream http://127.0.0.1:8080 --checkpoint my.prm --strategy guided "…"`
}

func (c *askCommand) Validate() error { return c.Decode.check() }

func (c *askCommand) Run(ctx context.Context, std streams) error {
	question, err := c.question(std.in)
	if err != nil {
		return err
	}
	if err := c.Upstream.resolve(ctx, 0); err != nil {
		return err
	}
	e, gate, _, err := openEngine(&c.Upstream, c.PRM, c.Instruction)
	if err != nil {
		return err
	}
	e.Trust(gate)
	opts := c.Decode.options()
	c.Strategy.into(&opts)
	opts.Strategy, opts.Seed, opts.Unseeded = c.Strategy.String(), c.Seed, c.Seed == 0
	if err := needsPRM(e, opts.Strategy); err != nil {
		return err
	}
	news := trace.NewProgress(true, false)
	opts.Watch = news.Watch
	type outcome struct {
		decode.Result
		error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := e.Solve(ctx, "", []adapters.Message{{Role: adapters.User, Content: question}}, opts)
		done <- outcome{result, err}
	}()
	for {
		select {
		case <-news.Told:
			fmt.Fprint(std.out, news.Notes(false))
		case o := <-done:
			fmt.Fprint(std.out, news.Notes(true))
			if o.error != nil {
				return c.Upstream.explain(ctx, o.error)
			}
			_, err := fmt.Fprint(std.out, answered(o.Result))
			return err
		}
	}
}

// question is what was asked.
func (c *askCommand) question(in io.Reader) (string, error) {
	question := strings.Join(c.Question, " ")
	if question == "-" {
		text, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return "", err
		}
		question = string(text)
	}
	if question = strings.TrimSpace(question); question == "" {
		return "", badInput{errors.New("there is no question: sidecar ask \"How many …?\"")}
	}
	return question, nil
}

// answered shows an answer: its steps, each with the PRM's score of it, and what it took.
func answered(r decode.Result) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, s := range r.Steps {
		score := "    "
		if s.Scored {
			score = fmt.Sprintf("%.2f", s.Step)
		}
		fmt.Fprintf(&b, "%s  %s\n", score, strings.ReplaceAll(s.Text, "\n", "\n      "))
	}
	if len(r.Steps) == 0 {
		b.WriteString(r.Text + "\n")
	}
	b.WriteString("\n")
	if r.Answered {
		fmt.Fprintf(&b, "answer: %s\n", r.Answer)
	} else {
		b.WriteString("no final answer was found in it\n")
	}
	if r.Stopped != "" {
		fmt.Fprintf(&b, "stopped: %s\n", r.Stopped)
	}
	fmt.Fprintf(&b, "%d tokens generated, %d read, %d calls of the PRM, %.1f s\n", r.CompletionTokens, r.PromptTokens, r.ScoringCalls, r.Elapsed.Seconds())
	return b.String()
}
