package generator

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
)

func toks(texts ...string) []step.Token {
	var out []step.Token
	for _, s := range texts {
		out = append(out, step.Token{Text: s})
	}
	return out
}

func TestLabel(t *testing.T) {
	p := step.Problem{ID: "p", Question: "q", Answer: "7"}
	for _, tt := range []struct {
		name, text string
		finish     adapters.FinishReason
		right      bool
		want       string // step and value of each step, r, w or u
	}{
		{"right", "3 * 4 = 12 pens.\n12 - 5 = 7 pens.\n#### 7", adapters.FinishEnd, true, "rr rr rr"},
		{"failed", "3 + 4 = 7 pens.\n7 - 5 = 2 pens.\n#### 2", adapters.FinishEnd, false, "uw uw uw"},
		{"failed by arithmetic", "3 * 4 = 12 pens.\n12 - 5 = 6 pens.\nStill 6 + 0 = 7.\n#### 6", adapters.FinishEnd, false, "uw ww uw uw"},
		{"right in spite of a slip", "3 * 4 = 13 pens.\n12 - 5 = 7 pens.\n#### 7", adapters.FinishEnd, false, "wr ur ur"},
		{"cut off", "3 * 4 = 12 pens.\nThen we", adapters.FinishLength, false, "uu uu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := label(Sure, p, adapters.Completion{Text: tt.text, Finish: tt.finish, Tokens: toks(tt.text)}, 1, 2, false)
			var got []string
			for i, l := range s.steps {
				got = append(got, l.Step.String()[:1]+l.Value.String()[:1])
				if len(l.Prefix.Steps) != i || l.Sample != "p/1/2" || l.Prefix.Problem.Answer != "" {
					t.Errorf("step %d: %+v", i, l)
				}
			}
			if g := strings.Join(got, " "); g != tt.want || s.right != tt.right {
				t.Errorf("got %s, right %v; want %s, %v", g, s.right, tt.want, tt.right)
			}
		})
	}
}

// trusting has an opinion of each sample of a problem.
type trusting struct {
	scriptedReward
	of map[string]float64
}

func (r *trusting) Score(_ context.Context, ex []Labelled) ([]float64, error) {
	out := make([]float64, len(ex))
	for i, l := range ex {
		out[i] = 0.99
		if len(l.Prefix.Steps) == 1 { // the lowest of its steps is what counts
			out[i] = r.of[l.Text]
		}
	}
	return out, nil
}

func TestTheSolutionsKeptAreThoseThatMislead(t *testing.T) {
	cfg := testConfig()
	cfg.Samples, cfg.Drawn = 3, 6
	reward := &trusting{of: map[string]float64{"w1": 0.2, "w2": 0.9, "w3": 0.4, "r1": 0.8, "r2": 0.1}}
	game, _ := newGame(t, cfg, &scripted{}, reward)
	p := testProblems(1)[0]
	make1 := func(name string, value step.Verdict) solution {
		prefix := step.Trace{Problem: bareProblem(p)}
		return solution{steps: []Labelled{
			{Prefix: prefix, Text: "first of " + name, Value: value, Sample: name},
			{Prefix: prefix.With("first of " + name), Text: name, Value: value, Sample: name},
		}}
	}
	list := []solution{make1("w1", step.Wrong), make1("r1", step.Right), make1("w2", step.Wrong), {}, make1("w2", step.Wrong), make1("r2", step.Right), make1("w3", step.Wrong)}
	names := func(round int, heldOut bool) string {
		of := [][]solution{slices.Clone(list)}
		if err := game.hardest(t.Context(), round, []roundProblem{{p, heldOut}}, of); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range of[0] {
			out = append(out, s.steps[0].Sample)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		round   int
		heldOut bool
		want    string
	}{
		{1, false, "w2 r2 w3"}, // the wrong one it trusts most, the right one it trusts least, and again
		{0, false, "w1 r1 w2"}, // nothing is known yet
		{1, true, "w1 r1 w2"},  // what is measured on is as the solver writes
	} {
		if got := names(tt.round, tt.heldOut); got != tt.want {
			t.Errorf("round %d, held out %v: %s, want %s", tt.round, tt.heldOut, got, tt.want)
		}
	}
}

func TestReplay(t *testing.T) {
	for _, tt := range []struct {
		replay Replay
		want   []int
	}{{Recent, []int{0, 2, 3}}, {Whole, []int{0, 1, 2, 3}}} {
		cfg := testConfig()
		cfg.Replay, cfg.Rounds = tt.replay, 4
		reward := &scriptedReward{}
		game, _ := newGame(t, cfg, &scripted{}, reward)
		if _, err := game.Run(t.Context(), game.Start(), func(State) error { return nil }); err != nil {
			t.Fatal(err)
		}
		rounds := map[int]bool{}
		for _, l := range reward.learned[3] {
			rounds[l.Round] = true
		}
		if got := slices.Sorted(maps.Keys(rounds)); !slices.Equal(got, tt.want) {
			t.Errorf("replay %q: the last round learns from rounds %v, want %v", tt.replay, got, tt.want)
		}
	}
}

func TestStrategiesLeftOut(t *testing.T) {
	cfg := testConfig()
	cfg.LeftOut = []string{"operator", "formula"}
	game, _ := newGame(t, cfg, &scripted{}, &scriptedReward{})
	if _, err := game.Round(t.Context(), game.Start()); err != nil {
		t.Fatal(err)
	}
	for _, l := range game.Journal.Rounds(0) {
		if slices.Contains(cfg.LeftOut, l.Strategy) {
			t.Fatalf("%s was played", l.Strategy)
		}
	}
}

func TestExactTruthLabelsUpToTheFirstWrongStep(t *testing.T) {
	p := testProblems(1)[0]
	c := adapters.Completion{Text: "One.\nTwo.\nThree.\n#### 7", Finish: adapters.FinishEnd}
	for _, tt := range []struct {
		first int
		known bool
		want  []step.Verdict
	}{
		{-1, true, []step.Verdict{step.Right, step.Right, step.Right, step.Right}},
		{1, true, []step.Verdict{step.Right, step.Wrong, step.Unknown, step.Unknown}},
		{0, true, []step.Verdict{step.Wrong, step.Unknown, step.Unknown, step.Unknown}},
		{-1, false, []step.Verdict{step.Unknown, step.Unknown, step.Unknown, step.Unknown}},
	} {
		s := label(Exact, p, c, 0, 0, false)
		s.follow(func(step.Trace) (int, bool) { return tt.first, tt.known })
		for i, l := range s.steps {
			if l.Step != tt.want[i] {
				t.Errorf("first wrong %d, known %v: step %d is %v, want %v", tt.first, tt.known, i, l.Step, tt.want[i])
			}
		}
	}
	cfg := testConfig()
	cfg.Natural = Exact
	if _, err := New(cfg, testProblems(3), Players{}); err == nil || !strings.Contains(err.Error(), "made-up") {
		t.Errorf("exact truth without Truth: %v", err)
	}
}
