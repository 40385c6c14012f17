package generator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aprm/generator/oracle"
	"aprm/prm/step"
)

// rolled is a roller in which so many of eight rollouts end right after a prefix of each length.
type rolled []int

func (r rolled) Roll(_ context.Context, prefix step.Trace, n int) ([]string, error) {
	answers := make([]string, n)
	for i := range r[len(prefix.Steps)] {
		answers[i] = prefix.Problem.Answer
	}
	return answers, nil
}

// wandering is a solution of so many steps that ends wrong.
func wandering(steps int) *solution {
	s := &solution{}
	for i := range steps {
		s.steps = append(s.steps, Labelled{Text: fmt.Sprintf("step %d", i), Value: step.Wrong, Sample: "s"})
	}
	return s
}

func labelsOf(s *solution) string {
	var out []string
	for _, l := range s.steps {
		out = append(out, l.Step.String())
	}
	return strings.Join(out, " ")
}

func TestFirstErrorIsWhereRolloutsStopToEndRight(t *testing.T) {
	for _, tc := range []struct {
		right rolled // by the number of steps kept
		want  string
	}{
		{rolled{8, 7, 6, 0, 0}, "right right wrong unknown"},
		{rolled{8, 0, 0, 0, 0}, "wrong unknown unknown unknown"},
		{rolled{5, 4, 4, 4, 0}, "right right right wrong"},
		{rolled{8, 7, 2, 0, 0}, "unknown unknown unknown unknown"}, // already lost before it: nothing is sure
		{rolled{0, 0, 0, 0, 0}, "unknown unknown unknown unknown"}, // never able
	} {
		s := wandering(4)
		if err := s.firstError(t.Context(), oracle.Rollouts{Roller: tc.right, N: 8}, step.Problem{Answer: "7"}); err != nil {
			t.Fatal(err)
		}
		if got := labelsOf(s); got != tc.want {
			t.Errorf("rollouts %v: labelled %s, want %s", tc.right, got, tc.want)
		}
	}
}

func TestFirstErrorLeavesSureLabelsAlone(t *testing.T) {
	s := wandering(4)
	s.steps[1].Step = step.Wrong
	if err := s.firstError(t.Context(), oracle.Rollouts{Roller: rolled{8, 8, 8, 0, 0}, N: 8}, step.Problem{Answer: "7"}); err != nil {
		t.Fatal(err)
	}
	if got := labelsOf(s); got != "unknown wrong unknown unknown" {
		t.Error(got)
	}
}

func TestEstimateCallsRightWhatAnyRolloutSaves(t *testing.T) {
	s := wandering(4)
	if err := s.estimate(t.Context(), oracle.Rollouts{Roller: rolled{8, 5, 1, 0, 0}, N: 8}, step.Problem{Answer: "7"}); err != nil {
		t.Fatal(err)
	}
	if got := labelsOf(s); got != "right right wrong wrong" {
		t.Error(got)
	}
}

func TestRollsAreRepeatableAndReadTheAnswer(t *testing.T) {
	p := testProblems(1)[0]
	r := roller{&meter{llm: &scripted{}}, testConfig()}
	for prefix, want := range map[string]string{"Ann has 10 + 3 = 13 pens.": p.Answer, "Perhaps Ann has 13 pens.": "0", "#### 12": "12"} {
		got, err := r.Roll(t.Context(), step.Trace{Problem: p, Steps: []string{prefix}}, 4)
		if err != nil || !slices.Equal(got, []string{want, want, want, want}) {
			t.Errorf("after %q: %v, %v, want four times %s", prefix, got, err, want)
		}
	}
}

// vagueRound plays a round in which the judge is never sure of two strategies' corruptions.
func vagueRound(t *testing.T, change func(*Config)) Report {
	cfg := testConfig()
	cfg.Rollouts = 8
	change(&cfg)
	game, _ := newGame(t, cfg, &scripted{vague: map[string]bool{"operator": true, "context": true}}, &scriptedReward{})
	state, err := game.Round(t.Context(), game.Start())
	if err != nil {
		t.Fatal(err)
	}
	return state.Reports[0]
}

func TestTheThirdLayerRulesWhereTheJudgeIsNotSure(t *testing.T) {
	without := vagueRound(t, func(c *Config) { c.Rollouts = 0 })
	with := vagueRound(t, func(*Config) {})
	if without.Total.Unknown == 0 {
		t.Fatal("the script leaves nothing open, so this tests nothing")
	}
	if with.Total.Unknown != 0 || with.Total.Wrong != without.Total.Wrong+without.Total.Unknown {
		t.Errorf("%d unknown and %d wrong with rollouts, %d and %d without", with.Total.Unknown, with.Total.Wrong, without.Total.Unknown, without.Total.Wrong)
	}
	if with.Calls <= without.Calls {
		t.Error("the rollouts are not counted among the calls")
	}
	limited := vagueRound(t, func(c *Config) { c.RolloutLimit = 1 })
	if limited.Total.Unknown != without.Total.Unknown-1 {
		t.Errorf("%d unknown with a limit of one, want %d", limited.Total.Unknown, without.Total.Unknown-1)
	}
}

func TestConsensusTakesOnlyWhatBothCallWrong(t *testing.T) {
	// The script's rollouts end right after every corruption but the vague ones, of which its judge is not sure.
	r := vagueRound(t, func(c *Config) { c.Consensus = true })
	if r.Total.Wrong != 0 || r.Total.Unknown == 0 {
		t.Errorf("%d wrong, %d unknown, want none that only one of them calls wrong", r.Total.Wrong, r.Total.Unknown)
	}
}

func TestASecondTurnGoesToThoseThatDidNotFool(t *testing.T) {
	cfg := testConfig()
	once := playRound(t, cfg, &scriptedReward{})
	cfg.Turns = 2
	again := playRound(t, cfg, &scriptedReward{})
	if again.Total.Asked <= once.Total.Asked {
		t.Errorf("%d attacks with a second turn, %d without", again.Total.Asked, once.Total.Asked)
	}
	all := map[string]bool{}
	for _, s := range Strategies() {
		all[s.Name] = true
	}
	fooled := playRound(t, cfg, &scriptedReward{blind: all})
	if fooled.Total.Usable > once.Total.Usable {
		t.Errorf("%d usable attacks though the first fooled, %d in one turn", fooled.Total.Usable, once.Total.Usable)
	}
}

func playRound(t *testing.T, cfg Config, reward *scriptedReward) Report {
	game, _ := newGame(t, cfg, &scripted{}, reward)
	state, err := game.Round(t.Context(), game.Start())
	if err != nil {
		t.Fatal(err)
	}
	return state.Reports[0]
}

func TestTheSecondTurnShowsTheFirstAndItsScore(t *testing.T) {
	p := testProblems(1)[0]
	target := Target{Prefix: step.Trace{Problem: p}, Text: "Ann has 10 + 3 = 13 pens.", Kind: Additive}
	cfg := testConfig()
	first := &attack{target: target, problem: roundProblem{p, false}, arm: cfg.arm("relation"), name: "operator", label: step.Wrong, reply: "Ann has 10 * 3 = 30 pens.", p: 0.12, done: true}
	again := planAgain(cfg, 1, []*attack{first}, map[string][]string{target.stepKey(): {"relation"}}, NewPolicy([]string{"relation", "operand"}, cfg), &Memory{})
	if len(again) != 1 || again[0].arm.Name != "operand" {
		t.Fatalf("%+v, want one attack by the other arm", again)
	}
	n := len(again[0].ask)
	if again[0].ask[n-2].Content != first.reply || !strings.Contains(again[0].ask[n-1].Content, "12 %") {
		t.Errorf("the adversary is shown %q", again[0].ask)
	}
	if first.p = 0.8; len(planAgain(cfg, 1, []*attack{first}, map[string][]string{target.stepKey(): {"relation"}}, NewPolicy([]string{"relation", "operand"}, cfg), &Memory{})) != 0 {
		t.Error("an attack that fooled R is made again")
	}
}

func TestStrategiesThatStayCorrectSinkToTheFloor(t *testing.T) {
	cfg := testConfig()
	p := NewPolicy([]string{"vain", "plain", "other"}, cfg)
	var out []Outcome
	for i := range 20 { // it fools best where it is wrong at all
		o := Outcome{Strategy: "vain", Kind: Additive, Reward: 1}
		if i%5 < 2 {
			o.Reward, o.StillCorrect = 0, true
		}
		out = append(out, o, Outcome{Strategy: "plain", Kind: Additive, Reward: 0.05}, Outcome{Strategy: "other", Kind: Additive, Reward: 0})
	}
	for range 5 {
		if err := p.Observe(out); err != nil {
			t.Fatal(err)
		}
		p.Step()
	}
	for _, k := range Kinds() {
		if got := p.Probabilities(k)[0]; got != cfg.Floor {
			t.Errorf("%s: still correct 40 %% of the time, and drawn with %.3f, want the floor %.3f", k, got, cfg.Floor)
		}
	}
}

func TestLearners(t *testing.T) {
	cfg := testConfig()
	out := []Outcome{{Strategy: "a", Kind: Additive, Reward: 0.9}, {Strategy: "b", Kind: Additive, Reward: 0.1}}
	after := func(by Learner, rounds int) []float64 {
		cfg.Learner = by
		p := NewPolicy([]string{"a", "b"}, cfg)
		for range rounds {
			if err := p.Observe(out); err != nil {
				t.Fatal(err)
			}
			p.Step()
		}
		return p.Probabilities(Additive)
	}
	if p := after(Uniform, 3); p[0] != 0.5 {
		t.Errorf("uniform: %v", p)
	}
	if best, step := after(BestResponse, 1), after(Optimistic, 1); best[0] <= step[0] || step[0] <= 0.5 {
		t.Errorf("after one round the best response prefers what pays with %v, an optimistic step with %v", best, step)
	}
	if a, b := after(Optimistic, 1), after(Plain, 1); a[0] != b[0] {
		t.Errorf("the first optimistic step is a plain one: %v, %v", a, b)
	}
	if a, b := after(Optimistic, 2), after(Plain, 2); a[0] == b[0] {
		t.Errorf("the second is not: %v, %v", a, b)
	}
}

func TestConsensusLeavesOpenWhatItDoesNotAsk(t *testing.T) {
	// The script's rollouts end right after every corruption that its judge is sure of, so nothing is wrong by both;
	// what the limit leaves unasked must not count as wrong either.
	for _, limit := range []int{0, 1, 1000} {
		r := vagueRound(t, func(c *Config) { c.Consensus, c.RolloutLimit = true, limit })
		if r.Total.Wrong != 0 || r.Rolled > limit {
			t.Errorf("limit %d: %d wrong, %d asked", limit, r.Total.Wrong, r.Rolled)
		}
	}
	twice := vagueRound(t, func(c *Config) { c.RolloutLimit, c.Turns = 1, 2 })
	if twice.Rolled != 1 {
		t.Errorf("%d asked in a round of two turns, want 1", twice.Rolled)
	}
}
