package generator

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// learn has a policy take up outcomes and take a step.
func learn(t *testing.T, p *Policy, outcomes ...Outcome) {
	t.Helper()
	if err := p.Observe(outcomes); err != nil {
		t.Fatal(err)
	}
	p.Step()
}

// What is easy is the kind of step, not the strategy that was played on it more often.
func TestNoStrategyIsCreditedForTheKindsItWasPlayedOn(t *testing.T) {
	p := NewPolicy([]string{"a", "b"}, DefaultConfig())
	var out []Outcome
	of := func(n int, name string, kind Kind, reward float64) {
		for range n {
			out = append(out, Outcome{Strategy: name, Kind: kind, Reward: reward})
		}
	}
	of(90, "a", Additive, 0.9)
	of(10, "b", Additive, 0.9)
	of(10, "a", Mixed, 0.1)
	of(90, "b", Mixed, 0.1)
	if err := p.Observe(out); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		p.Step()
	}
	for _, k := range Kinds() {
		if pi := p.Probabilities(k); math.Abs(pi[0]-0.5) > 0.15 {
			t.Errorf("%s: two strategies that earn the same have %.2f", k, pi)
		}
	}
}

// Five arms of which one fools R by a tenth more, of a reward that varies by a quarter: two rounds of 120 attacks show
// it, whatever is still correct or undecided.
func TestAPolicyMovesOnWhatARoundShows(t *testing.T) {
	cfg := DefaultConfig()
	names := []string{"best", "b", "c", "d", "e"}
	var won float64
	const games = 40
	for seed := range uint64(games) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := NewPolicy(names, cfg)
		for round := range 2 {
			if round > 0 {
				p.Renew()
			}
			for range 120 / cfg.Wave {
				p.Step()
				var out []Outcome
				for range cfg.Wave {
					kind := Kinds()[rng.IntN(4)]
					o := Outcome{Strategy: p.Draw(rng, kind), Kind: kind, StillCorrect: rng.Float64() < 0.15}
					mean := 0.3
					if o.Strategy == "best" {
						mean = 0.4
					}
					if o.Reward = min(max(mean+0.25*rng.NormFloat64(), 0), 1); o.StillCorrect {
						o.Reward = 0
					}
					out = append(out, o)
				}
				if err := p.Observe(out); err != nil {
					t.Fatal(err)
				}
			}
		}
		won += p.Probabilities(Additive)[0] / games
	}
	if won < 0.3 {
		t.Errorf("the best of five has %.3f in the mean over %d games, want 0.3 or more", won, games)
	}
}

// The gradient is that of the policy that is played: with its floor, and without what is vetoed.
func TestTheGradientIsOfThePolicyPlayed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Floor, cfg.Tau, cfg.Entropy, cfg.StepSize, cfg.Shrink = 0.1, 0.3, 0.2, 0.001, 0
	names := []string{"a", "b", "c", "vain"}
	p := NewPolicy(names, cfg)
	rewards := []float64{0.9, 0.2, 0.4, 1}
	var out []Outcome
	for i, r := range rewards {
		for _, k := range Kinds() {
			for range 3 {
				out = append(out, Outcome{Strategy: names[i], Kind: k, Reward: r}, Outcome{Strategy: names[i], Kind: k, StillCorrect: names[i] == "vain", Reward: r * float64(1-i/3)})
			}
		}
	}
	for i := range out { // both of a pair earn the same
		if !out[i].StillCorrect {
			out[i].Reward = rewards[slices.Index(names, out[i].Strategy)]
		}
	}
	if err := p.Observe(out); err != nil {
		t.Fatal(err)
	}
	copy(p.Logits[Mixed], []float64{0.5, -1, 0.2, 0.7})
	p.Vetoed = p.vetoes()
	utility := func() float64 {
		var u float64
		for i, q := range p.Probabilities(Mixed) {
			u += q*rewards[i] - (cfg.Tau+cfg.Entropy)*q*math.Log(q)
		}
		return u
	}
	free, _ := p.play(Mixed)
	if free[3] != 0 {
		t.Fatalf("half of what it gives is still correct, and it is played freely with %.3f", free[3])
	}
	before := slices.Clone(p.Logits[Mixed])
	const h = 1e-5
	want := make([]float64, len(names)) // ∂U/∂logit, which the natural gradient has divided by the softmax's probability
	for i := range before {
		p.Logits[Mixed][i] = before[i] + h
		up := utility()
		p.Logits[Mixed][i] = before[i] - h
		want[i] = (up - utility()) / (2 * h)
		p.Logits[Mixed][i] = before[i]
	}
	p.Step()
	for i := range want {
		got := (p.Logits[Mixed][i] - before[i]) / cfg.StepSize * free[i]
		if math.Abs(got-want[i]) > 1e-6 {
			t.Errorf("%s: gradient %.6f, want %.6f", names[i], got, want[i])
		}
	}
}

// A gradient of the round before was against another R: it foretells nothing.
func TestARoundBeginsWithAPlainStep(t *testing.T) {
	cfg := DefaultConfig()
	after := func(by Learner) []float64 {
		cfg.Learner = by
		p := NewPolicy([]string{"a", "b"}, cfg)
		learn(t, p, Outcome{Strategy: "a", Kind: Additive, Reward: 0.9}, Outcome{Strategy: "b", Kind: Additive, Reward: 0.1})
		p.Renew()
		learn(t, p, Outcome{Strategy: "b", Kind: Additive, Reward: 0.9})
		return p.Probabilities(Additive)
	}
	if a, b := after(Optimistic), after(Plain); a[0] != b[0] {
		t.Errorf("after a step in each of two rounds: %v by optimistic steps, %v by plain ones", a, b)
	}
}

// What the oracle can't judge moves nothing, even where all that it can judge is still correct.
func TestThePolicyDoesNotDriftToWhatCannotBeJudged(t *testing.T) {
	cfg := testConfig()
	cfg.Rounds = 4
	s, _ := play(t, cfg, &scripted{copies: tricksOf("relation"), vague: tricksOf("operand")}, &scriptedReward{})
	at := func(name string) float64 {
		return s.Policy.Probabilities(Additive)[slices.Index(s.Policy.Names, name)]
	}
	if at("operand") > at("result")+0.01 {
		t.Errorf("the oracle can't judge what is played with %.3f; what is truly wrong is played with %.3f", at("operand"), at("result"))
	}
	i := slices.Index(s.Policy.Names, "operand")
	for _, k := range Kinds() {
		if s.Policy.Rates[k][i].N > 0 || s.Policy.Still[i].N > 0 {
			t.Errorf("%s: %v and %v of what can't be judged", k, s.Policy.Rates[k][i], s.Policy.Still[i])
		}
	}
}

// heldOutReward thinks otherwise of the problems that are held out.
type heldOutReward struct {
	scriptedReward
	held map[string]bool
	p    float64
}

func (r *heldOutReward) Score(ctx context.Context, ex []Labelled) ([]float64, error) {
	out, err := r.scriptedReward.Score(ctx, ex)
	for i, l := range ex {
		if l.Source == Attack && r.held[l.Prefix.Problem.ID] {
			out[i] = r.p
		}
	}
	return out, err
}

func (r *heldOutReward) Weigh(ctx context.Context, candidates []Candidate) ([]float64, error) {
	out, err := r.scriptedReward.Weigh(ctx, candidates)
	for i, c := range candidates {
		if i%2 == 1 && r.held[c.Trace.Problem.ID] { // the second of two is the wrong one
			out[i] = 20 * (r.p - 0.5)
		}
	}
	return out, err
}

// Whatever R makes of problems that are held out, policy and memory are the same.
func TestHeldOutProblemsNeverFeedPolicyOrMemory(t *testing.T) {
	cfg := testConfig()
	held := make(map[string]bool)
	for round := range cfg.Rounds {
		for _, p := range chooseProblems(cfg, testProblems(40), round) {
			held[p.ID] = held[p.ID] || p.heldOut
		}
	}
	after := func(p float64) (string, *Journal, State) {
		s, j := play(t, cfg, &scripted{}, &heldOutReward{scriptedReward{blind: tricksOf("relation")}, held, p})
		b, err := json.Marshal([]any{s.Policy, s.Memory})
		if err != nil {
			t.Fatal(err)
		}
		return string(b), j, s
	}
	fooled, j, s := after(0.99)
	seen, _, _ := after(0.01)
	if fooled != seen {
		t.Errorf("policy and memory depend on problems that are held out:\n%s\n%s", fooled, seen)
	}
	attacked := 0
	for _, l := range j.Rounds(0, 1, 2) {
		if l.Source == Attack && held[l.Prefix.Problem.ID] {
			attacked++
		}
	}
	if attacked == 0 || len(s.Memory.Items) == 0 {
		t.Errorf("%d attacks on them and %d memories: nothing was tested", attacked, len(s.Memory.Items))
	}
	for _, item := range s.Memory.Items {
		if held[item.Problem] {
			t.Errorf("%s is held out, and remembered", item.Problem)
		}
	}
}

// No update is made that is never played: the policy that a game ends with is the one that its last attacks were drawn
// from. And a round has many.
func TestThePolicyUpdatedIsThePolicyPlayed(t *testing.T) {
	cfg := testConfig()
	cfg.Rounds = 1
	s, _ := play(t, cfg, &scripted{}, &scriptedReward{blind: tricksOf("relation")})
	for _, k := range Kinds() {
		for i, p := range s.Policy.Probabilities(k) {
			if drawn := s.Reports[0].Policy[k][i].P; p != drawn {
				t.Fatalf("%s: %s was drawn with %.4f, the policy has %.4f", k, s.Policy.Names[i], drawn, p)
			}
		}
	}
	uniform := 1 / float64(len(s.Policy.Names))
	if p := s.Policy.Probabilities(Additive)[slices.Index(s.Policy.Names, "relation")]; p <= 1.05*uniform {
		t.Errorf("within the first round what fools R came to %.4f, uniform is %.4f", p, uniform)
	}
}
