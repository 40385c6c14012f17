package main

import (
	"context"
	"fmt"
	"strings"

	"aprm/generator"
	"aprm/prm/program"
	"aprm/sidecar/dataset"
)

// Kinds of answers that are drawn and read.
const (
	prose    = "prose"
	programs = "program"
)

// instructions are what asks for answers of each kind.
var instructions = map[string]string{prose: generator.Instruction, programs: program.Prompt}

// readSolutions reads files of recorded answers that a flag names. Programs are run, and told as the steps they took, with their value as the final answer; one
// without a value has no final answer. Log-probabilities are those of the program's text and say nothing of its steps: they are left out.
func readSolutions(ctx context.Context, paths []string) ([]dataset.Answered, error) {
	answered, err := given(dataset.ReadAnswers(paths...))
	if err != nil {
		return nil, err
	}
	for _, of := range answered {
		switch of.Sampling.Kind {
		case prose:
		case programs:
			for i := range of.Answers {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				of.Answers[i] = told(ctx, of.Answers[i])
			}
		default:
			return nil, badInput{fmt.Errorf("answers of kind %q: this build reads %s and %s", of.Sampling.Kind, prose, programs)}
		}
	}
	return answered, nil
}

// told is an answer that holds a program, as prose.
func told(ctx context.Context, a dataset.Answer) dataset.Answer {
	a.Tokens = nil
	r, err := program.Run(ctx, a.Text)
	if err != nil {
		a.Cut = true // no answer to vote for
		return a
	}
	var lines []string
	for _, s := range r.Steps {
		lines = append(lines, s.Text)
	}
	a.Text, a.Cut = strings.Join(append(lines, "#### "+r.Answer), "\n"), false
	return a
}

// mixed joins the answers of several kinds to a problem: one of each in turn, so that any beginning holds as many of each, as far as there are. Problems that lack a kind are left out.
// Of one kind they stay as they are.
func mixed(answered []dataset.Answered) []dataset.Answered {
	kinds := map[string]bool{}
	for _, a := range answered {
		kinds[a.Sampling.Kind] = true
	}
	if len(kinds) < 2 {
		return answered
	}
	byQuestion := map[string][]dataset.Answered{}
	for _, a := range answered {
		byQuestion[a.Problem.Question] = append(byQuestion[a.Problem.Question], a)
	}
	var out []dataset.Answered
	for _, a := range answered {
		of := byQuestion[a.Problem.Question]
		delete(byQuestion, a.Problem.Question)
		if len(of) < len(kinds) {
			continue
		}
		var joined []dataset.Answer
		for i := 0; ; i++ {
			before := len(joined)
			for _, k := range of {
				if i < len(k.Answers) {
					joined = append(joined, k.Answers[i])
				}
			}
			if len(joined) == before {
				break
			}
		}
		a.Answers = joined
		out = append(out, a)
	}
	return out
}
