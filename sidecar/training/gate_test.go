package training

import (
	"context"
	"path/filepath"
	"testing"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
)

// Steps are kept without their marks: what a solution answers can't be read from them any more.
func TestAnswersOfARunAreWhatWasAnswered(t *testing.T) {
	e := over(t, seeing())
	for text, want := range map[string]string{
		"She has 2 + 3 = 5 pens.\n#### 5":                                           "5",
		"She has 2 + 3 = 5 pens.\n#### 5 or so":                                     "5 or so", // which equals 5
		"She has 2 + 3 = 5 pens.\n#### 5\nThat took 3 steps.":                       "5",
		"<think>\nIs the answer 9?\nThe answer is 9.\n</think>\nShe has 2 + 3 = 5.": "5",
	} {
		folder := t.TempDir()
		journal, err := generator.OpenJournal(filepath.Join(folder, StepsFile))
		if err != nil {
			t.Fatal(err)
		}
		script := generator.Players{LLM: saying(text), Judge: oracle.New(), Reward: NewLearner(e, folder, train.Options{Seed: 1, Epochs: 1}, train.SolutionOptions{}, 1), Journal: journal}
		cfg := generator.DefaultConfig()
		cfg.Rounds, cfg.Problems, cfg.Attacks, cfg.HeldOut = 1, 8, 0, 0.5
		var problems []step.Problem
		for i := range 8 {
			problems = append(problems, step.Problem{ID: string(rune('a' + i)), Question: "Ann has 2 pens and gets 3. How many?", Answer: "5"})
		}
		game, err := generator.New(cfg, problems, script)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := game.Run(t.Context(), game.Start(), func(generator.State) error { return nil }); err != nil {
			t.Fatal(err)
		}
		answers, _, err := natural(folder)
		if err != nil || len(answers) == 0 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		if a := answers[0]; a.answer != want || a.right != step.Right || a.problem.Question != problems[0].Question {
			t.Errorf("%q answers %q, %v; want %q", text, a.answer, a.right, want)
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// saying is an LLM that answers this to everything.
type saying string

func (s saying) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	out := make([]adapters.Completion, req.N)
	for i := range out {
		out[i] = adapters.Completion{Text: string(s), Finish: adapters.FinishEnd}
	}
	return out, nil
}

// A PRM that has judged programs alone has no gate: that would be of votes over prose.
func TestThereIsNoGateOfProgramsAlone(t *testing.T) {
	program := eval.Votes{Ballots: []decode.Ballot{{Answer: "1", Answered: true, Kind: step.Program, Program: true}}, Right: []bool{true}}
	if g := (Trained{votes: []eval.Votes{program}}).Gate(1); g != nil {
		t.Errorf("%+v", g)
	}
}
