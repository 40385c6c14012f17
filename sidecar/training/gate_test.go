package training

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/prm/vote"
	"aprm/sidecar/dataset"
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

// Who learns from answers alone has a prefix head, of prose; of programs alone there is none.
func TestBeginningsAreLearned(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	answered := answeredBy(rng, 120, true)
	for i, a := range answered {
		for j := range a.Answers {
			if a.Sampling.Kind == step.Prose { // a first step that gives it away, and a second one that says nothing
				sum := "1 + 4 = 5"
				if !strings.HasSuffix(a.Answers[j].Text, a.Problem.Answer) {
					sum = "1 + 4 = 6"
				}
				answered[i].Answers[j].Text = "She has " + sum + " pens.\n" + a.Answers[j].Text
			}
		}
	}
	learn := func(of []dataset.Answered) Trained {
		trained, err := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1, Units: -1}, Answered: of}.Learn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return trained
	}
	both := learn(answered)
	h := both.Model.Header().Prefix
	if h == nil || !(h.AUC > 0.9) || both.Solutions.Begun != h.AUC || !strings.Contains(both.Solutions.String(), "of beginnings in ") {
		t.Errorf("%+v: %s", h, both.Solutions)
	}
	if h := learn(answeredBy(rng, 120, false)).Model.Header().Prefix; h != nil {
		t.Errorf("of beginnings that say nothing: %+v", h)
	}
	programs := learn(slices.DeleteFunc(answered, func(a dataset.Answered) bool { return a.Sampling.Kind != step.Program }))
	if h := programs.Model.Header().Prefix; h != nil || strings.Contains(programs.Solutions.String(), "beginnings") {
		t.Errorf("of programs alone: %+v: %s", h, programs.Solutions)
	}
}

// What was measured of votes over programs alone says nothing of votes over prose.
func TestProgramsAloneSayNothingOfProse(t *testing.T) {
	llm := seeing()
	answered := answeredBy(rand.New(rand.NewPCG(1, 2)), 120, true)
	answered = slices.DeleteFunc(answered, func(a dataset.Answered) bool { return a.Sampling.Kind != step.Program })
	for i := range answered {
		answered[i].Sampling.Model = llm.caps.Identity()
	}
	trained, err := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1}, Answered: answered}.Learn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if said := trained.Solutions.String(); !trained.Solutions.Vote.Trusted() || !strings.Contains(said, "it wasn't compared with programs") {
		t.Errorf("%s", said)
	}
	e := over(t, llm)
	if err := e.Use(trained.Model); err != nil {
		t.Fatal(err)
	}
	g, err := e.Gate(t.Context())
	if err != nil || g == nil {
		t.Fatalf("%v, %v", g, err)
	}
	if g.Rule(step.OnlyProse) != vote.Plain || g.Weighs() || g.Rule(step.OnlyPrograms) != trained.Solutions.Vote {
		t.Errorf("prose by %+v, programs by %+v: %s", g.Rule(step.OnlyProse), g.Rule(step.OnlyPrograms), g)
	}
}

// Programs that are right are attacked, each several times, and nothing else is; the head learns from pairs of a right
// one and its corruption, by a weight that is chosen.
func TestAttackedPrograms(t *testing.T) {
	answered := answeredBy(rand.New(rand.NewPCG(1, 2)), 40, true)
	for i, a := range answered {
		if a.Sampling.Kind == step.Program {
			for j := range a.Answers {
				text := &answered[i].Answers[j].Text
				*text = strings.Replace(*text, "pens = ", "pens = 1 + -1 + ", 1)
			}
		}
	}
	_, solutions, err := recordedSolutions(t.Context(), answered)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, s := range solutions {
		if s.kind == step.Program && s.right == step.Right {
			right++
		}
	}
	pairs := Attacks{Programs: 3}.on(t.Context(), solutions, 1)
	if len(pairs) != 3*right {
		t.Errorf("%d pairs of %d right programs", len(pairs), right)
	}
	for _, p := range pairs {
		if p.Better.Program == nil || p.Worse.Program == nil || p.Better.LogProbs != nil || p.Worse.LogProbs != nil || p.Better.Symbols == p.Worse.Symbols && *p.Better.Program == *p.Worse.Program {
			t.Fatalf("%+v", p)
		}
	}
	if none := (Attacks{}).on(t.Context(), solutions, 1); none != nil {
		t.Errorf("%d pairs though none are wanted", len(none))
	}
	trained, err := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1}, Answered: answered, Attacks: Attacks{Programs: 2}}.Learn(t.Context())
	if said := trained.Solutions.String(); err != nil || !strings.Contains(said, "contrasts beside them weigh ") || trained.Solutions.Contrasts != 2*right {
		t.Errorf("%v: %s", err, said)
	}
}

// Right answers in prose are attacked at steps that compute something, each one at most so often: up to there the two
// sides are alike, and how likely either is isn't known.
func TestAttackedProse(t *testing.T) {
	about := step.Problem{ID: "a", Question: "Ann has 2 pens, gets 3 and then 4. How many?", Answer: "9"}
	answered := []dataset.Answered{{Problem: about, Sampling: dataset.Sampling{Model: "m", Kind: step.Prose}, Answers: []dataset.Answer{
		{Text: "She has 2 + 3 = 5 pens.\nThen 5 + 4 = 9 pens.\n#### 9", Spent: 9},
		{Text: "She has 2 * 3 = 6 pens.\n#### 6", Spent: 5},
		{Text: "Nine, plainly.\n#### 9", Spent: 5},
	}}}
	_, solutions, err := recordedSolutions(t.Context(), answered)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []int{0, 1, 2, 2} {
		pairs := Attacks{Prose: n}.on(t.Context(), solutions, 1)
		if len(pairs) != want {
			t.Errorf("%d pairs, %d at most of an answer; want %d", len(pairs), n, want)
		}
		for _, p := range pairs {
			if p.Better.Symbols == p.Worse.Symbols || p.Better.LogProbs != nil || p.Worse.LogProbs != nil || p.Problem != problemKey(about) {
				t.Errorf("%+v", p)
			}
		}
	}
	outcomes, err := Outcomes(t.Context(), answered)
	if err != nil || len(outcomes) != 3 || outcomes[0].FirstWrong != -1 || outcomes[1].FirstWrong != 0 || len(outcomes[0].Steps) != 3 {
		t.Errorf("%v, %+v", err, outcomes)
	}
}

// The heads for steps learn from each right answer also with a step made wrong, seen as the LLM reads it where it is
// asked to read: the first answers of each problem first.
func TestLessons(t *testing.T) {
	var answered []dataset.Answered
	for _, id := range []string{"a", "b"} {
		answered = append(answered, dataset.Answered{Problem: step.Problem{ID: id, Question: "Ann has 2 pens, gets 3 and then 4. How many? " + id, Answer: "9"}, Sampling: dataset.Sampling{Model: "m", Kind: step.Prose},
			Answers: []dataset.Answer{{Text: "She has 2 + 3 = 5 pens.\nThen 5 + 4 = 9 pens.\n#### 9", Spent: 9}, {Text: "She has 2 * 3 = 6 pens.\n#### 6", Spent: 5}}})
	}
	_, solutions, err := recordedSolutions(t.Context(), answered)
	if err != nil {
		t.Fatal(err)
	}
	for read, states := range []int{0, 3 + 2, 2 * (3 + 2), 2*(3+2) + 2, 2 * (3 + 2 + 2)} { // steps that have some: an answer's, and a pair of a right one's
		llm := seeing()
		lessons, err := Solutions{Reading: Reading{Engine: over(t, llm), Answers: read}}.lessons(t.Context(), solutions)
		if err != nil {
			t.Fatal(err)
		}
		seen, pairs := 0, map[string][]step.Verdict{}
		for _, l := range lessons {
			if len(l.Input.Mean) > 0 {
				seen++
			}
			if l.Pair != "" {
				pairs[l.Pair] = append(pairs[l.Pair], l.Step)
			}
		}
		if seen != states || len(lessons) != 2*(3+2+2) {
			t.Errorf("of %d answers read: %d of %d steps are seen, want %d of %d", read, seen, len(lessons), states, 2*(3+2+2))
		}
		if len(pairs) != 2 {
			t.Errorf("%d pairs, want one of each right answer", len(pairs))
		}
		for name, verdicts := range pairs {
			if !slices.Equal(verdicts, []step.Verdict{step.Right, step.Wrong}) {
				t.Errorf("pair %s: %v", name, verdicts)
			}
		}
	}
	lessons, err := Solutions{Attacks: Attacks{Prose: 2}}.lessons(t.Context(), solutions)
	if want := 2 * (3 + 2 + 4); err != nil || len(lessons) != want {
		t.Errorf("with two corruptions of each %d steps, %v; want %d", len(lessons), err, want)
	}
}

// Only the LLM that gave the answers reads them, and only where its endpoint gives the states of steps.
func TestWhoReads(t *testing.T) {
	learn := func(llm *script) error {
		_, err := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1, Units: -1},
			Answered: answeredBy(rand.New(rand.NewPCG(7, 2)), 20, false), Reading: Reading{Engine: over(t, llm), Answers: 2}}.Learn(t.Context())
		return err
	}
	other, pooled := seeing(), seeing()
	other.caps.Model, pooled.caps.Hidden.Kind = "another", adapters.HiddenMean
	if err := learn(other); err == nil || !strings.Contains(err.Error(), "the endpoint's model is another") {
		t.Errorf("another LLM: %v", err)
	}
	if err := learn(pooled); !errors.Is(err, adapters.ErrUnsupported) {
		t.Errorf("states that are of no step: %v", err)
	}
	if len(other.reads)+len(pooled.reads) > 0 {
		t.Errorf("%q, %q were read", other.reads, pooled.reads)
	}
}

// What the endpoint refuses to read is learned from without hidden states; that it reads nothing at all is an error, and
// so is a fault that may pass.
func TestRefusedReadings(t *testing.T) {
	_, solutions, err := recordedSolutions(t.Context(), answeredBy(rand.New(rand.NewPCG(7, 2)), 3, false))
	if err != nil {
		t.Fatal(err)
	}
	lessons := func(fails func(text string) error) (seen int, err error) {
		llm := seeing()
		llm.fails = fails
		of, err := Solutions{Reading: Reading{Engine: over(t, llm), Answers: 3}}.lessons(t.Context(), solutions)
		for _, l := range of {
			if len(l.Input.Mean) > 0 {
				seen++
			}
		}
		return seen, err
	}
	all, err := lessons(func(string) error { return nil })
	if err != nil || all == 0 {
		t.Fatalf("%d steps are seen, %v", all, err)
	}
	refusal := &adapters.UpstreamError{Op: "hidden", Status: 400, Message: "too long"}
	some, err := lessons(func(text string) error {
		if strings.Contains(text, "girl aa") {
			return refusal
		}
		return nil
	})
	if err != nil || some == 0 || some >= all {
		t.Errorf("one is refused: %d of %d steps are seen, %v", some, all, err)
	}
	for _, fault := range []error{refusal, &adapters.UpstreamError{Op: "hidden", Status: 503}, context.Canceled} {
		if _, err := lessons(func(string) error { return fault }); !errors.Is(err, fault) {
			t.Errorf("%v: %v", fault, err)
		}
	}
}

// Answers in prose are met in the disguises asked for, programs in none.
func TestDisguisedAnswers(t *testing.T) {
	learn := func(as []eval.Disguise) Trained {
		trained, err := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1}, Answered: answeredBy(rand.New(rand.NewPCG(1, 2)), 40, true), Disguises: as}.Learn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return trained
	}
	plain, dressed := learn(nil), learn(eval.Disguises())
	if plain.Solutions.Disguised != 0 || strings.Contains(plain.Solutions.String(), "disguise") {
		t.Errorf("%s", plain.Solutions)
	}
	if said := dressed.Solutions.String(); dressed.Solutions.Disguised != 160 || !strings.Contains(said, "160 answers were met in disguises") {
		t.Errorf("%s", said)
	}
}

// What a head is worth with other LLMs is found on their answers, and not on those of the one that it learned from.
func TestTriedElsewhere(t *testing.T) {
	slipping := func(rng *rand.Rand, programs bool) []dataset.Answered { // most wrong answers in prose hold an equation that is false
		out := answeredBy(rng, 60, programs)
		for _, of := range out {
			for i, a := range of.Answers {
				if of.Sampling.Kind == step.Prose && !strings.HasSuffix(a.Text, of.Problem.Answer) && rng.IntN(4) > 0 {
					of.Answers[i].Text = "There are 2 + 2 = 5 of them.\n" + a.Text
				}
			}
		}
		return out
	}
	answered := slipping(rand.New(rand.NewPCG(1, 2)), false)
	work := Solutions{PRM: train.Options{Seed: 1, Epochs: 1}, Head: train.SolutionOptions{Seed: 1}, Answered: answered, Elsewhere: answered}
	if _, err := work.Learn(t.Context()); !errors.As(err, &UnlikeError{}) {
		t.Errorf("its own answers: %v", err)
	}
	work.Elsewhere = slipping(rand.New(rand.NewPCG(3, 4)), true)
	for i := range work.Elsewhere {
		work.Elsewhere[i].Sampling.Model = "another"
	}
	trained, err := work.Learn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := trained.Model.Header().Solution.Elsewhere
	if of == nil || !slices.Equal(of.Models, []string{"another"}) || of.Problems == 0 || of.Problems > 60 || of.AUC < 0.6 || !of.Vote.Trusted() {
		t.Errorf("%+v", of)
	}
	also := slices.Clone(work.Elsewhere)
	for i := range also {
		also[i].Sampling.Model = "a third"
	}
	work.Elsewhere = append(also, work.Elsewhere...)
	both, err := work.Learn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if two := both.Model.Header().Solution.Elsewhere; len(two.Models) != 2 || two.Problems != of.Problems || two.Vote.Margin != of.Vote.Margin || two.Vote.Beta != of.Vote.Beta {
		t.Errorf("the same problems answered by another two: %+v, by one %+v", two, of)
	}
	work.Elsewhere = nil
	alone, err := work.Learn(t.Context())
	if err != nil || alone.Model.Header().Solution.Elsewhere != nil || !slices.Equal(alone.Model.Solution().Linear.Data, trained.Model.Solution().Linear.Data) {
		t.Errorf("the answers of another were learned from, %v", err)
	}
}
