package training

import (
	"fmt"
	"slices"
	"testing"

	"aprm/adapters/builtin"
	"aprm/generator"
	"aprm/generator/tasks"
	"aprm/prm/step"
	"aprm/prm/train"
)

// answer is a whole answer's steps, as a journal has them; each has tokens where they are known.
func answer(source generator.Source, sample string, value step.Verdict, known bool, steps ...string) []generator.Labelled {
	var out []generator.Labelled
	for i, text := range steps {
		l := generator.Labelled{Prefix: step.Trace{Problem: step.Problem{ID: "a", Question: "How many?"}, Steps: steps[:i:i]}, Text: text, Source: source, Sample: sample, Value: value}
		if known {
			l.Tokens = []step.Token{{Text: text, LogProb: -0.5}}
		}
		out = append(out, l)
	}
	return out
}

// A wrong answer that was looked for teaches against the right one that it leaves, and is none of the answers that
// votes are measured by.
func TestBranchedAnswersTeachByContrastAlone(t *testing.T) {
	right := answer(generator.Natural, "right", step.Right, true, "1 + 1 = 2.", "2 + 3 = 5.", "#### 5")
	branch := func(known, heldOut bool) []generator.Labelled {
		out := answer(generator.Branched, "branch", step.Unknown, known, "1 + 1 = 2.", "2 + 4 = 6.", "#### 6")
		for i := range out {
			out[i].Against, out[i].HeldOut = "right", heldOut
		}
		return out
	}
	for _, tt := range []struct {
		name           string
		known, heldOut bool
		want           int
	}{{"as the solver drew it", true, false, 1}, {"under another instruction", false, false, 1}, {"of a problem held out", true, true, 0}} {
		solutions, contrasts := whole(slices.Concat(right, branch(tt.known, tt.heldOut)))
		if len(solutions) != 1 || solutions[0].right != step.Right || len(contrasts) != tt.want {
			t.Errorf("%s: %d answers and %d contrasts, want 1 and %d", tt.name, len(solutions), len(contrasts), tt.want)
			continue
		}
		for _, c := range contrasts {
			if (c.Better.LogProbs != nil) != tt.known || (c.Worse.LogProbs != nil) != tt.known {
				t.Errorf("%s: one of two has log-probabilities, or neither has", tt.name)
			}
			if c.Better.Symbols == c.Worse.Symbols {
				t.Errorf("%s: both are the same", tt.name)
			}
		}
	}
}

// Of an answer that was cut off, lessons hold what is sure of its steps: that may be a later one alone, which is no
// answer.
func TestALaterStepAloneIsNoAnswer(t *testing.T) {
	cut := answer(generator.Natural, "cut", step.Unknown, true, "There are some.", "2 + 3 = 6.", "So there")
	cut[1].Step = step.Wrong
	told := answer(generator.Natural, "told", step.Wrong, true, "1 + 1 = 2.", "#### 2")
	solutions, _ := whole(generator.Balance(slices.Concat(cut, told)))
	if len(solutions) != 1 || len(solutions[0].steps) != 2 {
		t.Fatalf("%+v, want the answer that was told", solutions)
	}
	if answers, _, _ := grouped(solutions, nil); len(answers) != 1 {
		t.Errorf("%d answers", len(answers))
	}
}

// Where no head for whole answers could be learned, an answer weighs by its worst step; a slower player thinks less of
// what it has learned.
func TestAnAnswerWeighsByWhatWasLearned(t *testing.T) {
	e := over(t, seeing())
	of := func(text string) generator.Candidate {
		return generator.Candidate{Trace: labelled("new", true, text, "First, 1 + 1 = 2.").Trace()}
	}
	pair := []generator.Candidate{of("Then 2 + 3 = 5."), of("Then 2 + 3 = 9.")}
	var gap []float64
	for _, pace := range []float64{1, 0.5} {
		l := NewLearner(e, t.TempDir(), train.Options{Seed: 1, Epochs: 20}, train.SolutionOptions{}, pace)
		if w, err := l.Weigh(t.Context(), pair); err != nil || w[0] != 0 || w[1] != 0 {
			t.Errorf("before it has learned anything: %v, %v", w, err)
		}
		if _, err := l.Learn(t.Context(), 0, lesson()); err != nil {
			t.Fatal(err)
		}
		w, err := l.Weigh(t.Context(), pair)
		if err != nil {
			t.Fatal(err)
		}
		gap = append(gap, w[0]-w[1])
	}
	if gap[0] <= 0 || gap[1] <= 0 || gap[1] > gap[0]/2 {
		t.Errorf("the right answer weighs %.3f more, by a player at half the pace %.3f", gap[0], gap[1])
	}
}

// Learned to the end in each round, the PRM's votes are misled less after the first; at a pace they are while rounds
// last. In the toy world.
func TestASlowPlayerStaysToBeFooled(t *testing.T) {
	llm, err := builtin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var problems []step.Problem
	for i := range 40 {
		p := tasks.Generate(tasks.Train, 5, i)
		problems = append(problems, step.Problem{ID: p.ID, Question: p.Question, Answer: fmt.Sprint(p.Answer), Worked: p.Worked()})
	}
	cfg := generator.DefaultConfig()
	cfg.Rounds, cfg.Problems, cfg.Samples, cfg.Attacks, cfg.MaxTokens, cfg.Slip, cfg.Replay = 3, 10, 2, 24, 160, true, generator.Whole
	play := func(pace float64) Trained {
		trained, err := Run{Game: cfg, Folder: t.TempDir(), PRM: train.Options{Seed: 1}, Pace: pace}.Play(t.Context(), llm, problems)
		if err != nil {
			t.Fatal(err)
		}
		return trained
	}
	mean := func(trained Trained, of func(generator.StrategyReport) float64) float64 {
		var sum float64
		for _, r := range trained.Game[1:] {
			sum += of(r.Total) / float64(len(trained.Game)-1)
		}
		return sum
	}
	fooling := func(s generator.StrategyReport) float64 { return float64(s.Fooling) }
	damage := func(s generator.StrategyReport) float64 { return float64(s.Damage) }
	slow, fast := play(0.05), play(1)
	if f := mean(slow, fooling); f < 0.3 {
		t.Errorf("fooling after the first round: %.2f at a pace, want 0.3 or more", f)
	}
	// Votes tell the two apart. A step's probability does not: in so small a game it is calibrated by few problems, and
	// says little at either pace.
	if a, b := mean(slow, damage), mean(fast, damage); a < 0.3 || a < b+0.05 {
		t.Errorf("damage after the first round: %.2f at a pace, want 0.3 or more; %.2f without", a, b)
	}
	if a, b := len(slow.Reports), len(fast.Reports); a != b+1 {
		t.Errorf("%d rounds learned at a pace and %d without, want one more, to the end", a, b)
	}
	branched := 0
	for _, r := range slow.Game {
		for _, s := range r.Strategies {
			if s.Strategy == "branch" || s.Strategy == "hot" {
				branched += s.Wrong
			}
		}
	}
	if branched == 0 {
		t.Error("no own move of the toy model ended wrong")
	}
}
