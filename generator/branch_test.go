package generator

import (
	"slices"
	"strconv"
	"testing"

	"aprm/prm/step"
)

// branched plays a round in which every attack on an own step is one arm's.
func branched(t *testing.T, arm string, reward RewardModel) (State, *Journal) {
	t.Helper()
	cfg := testConfig()
	cfg.Slip, cfg.Floor = true, 0
	game, j := newGame(t, cfg, &scripted{}, reward)
	state := game.Start()
	for _, k := range Kinds() {
		state.Policy.Logits[k][slices.Index(state.Policy.Names, arm)] = 50
	}
	state.Policy.By = Uniform // as it is
	next, err := game.Round(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	return next, j
}

// answers are the branched answers of a journal, by sample.
func answers(j *Journal) map[string][]Labelled {
	out := make(map[string][]Labelled)
	for _, l := range j.Rounds(0) {
		if l.Source == Branched {
			out[l.Sample] = append(out[l.Sample], l)
		}
	}
	return out
}

// An own move offers a whole answer that the solver gave, that ends wrong, that leaves a right one, and that is the
// likeliest of the wrong ones drawn.
func TestABranchIsAWrongAnswerOfTheSolversOwn(t *testing.T) {
	for _, arm := range []string{"branch", "hot", "hasty"} {
		t.Run(arm, func(t *testing.T) {
			s, j := branched(t, arm, &scriptedReward{})
			truth := make(map[string]string)
			for _, p := range testProblems(40) {
				truth[p.ID] = p.Answer
			}
			right := make(map[string][]Labelled)
			for _, l := range j.Rounds(0) {
				if l.Source == Natural && l.Value == step.Right {
					right[l.Sample] = append(right[l.Sample], l)
				}
			}
			found := answers(j)
			if len(found) < 5 {
				t.Fatalf("%d branched answers: %+v", len(found), s.Reports[0].Total)
			}
			kept := 0
			for _, steps := range found {
				last := steps[len(steps)-1]
				from := right[last.Against]
				if from == nil {
					t.Fatalf("it leaves %q, which is no right answer", last.Against)
				}
				if answer := truth[last.Prefix.Problem.ID]; last.Answer == answer || last.Answer == "" {
					t.Errorf("it ends with %q, as it should", last.Answer)
				}
				for i, l := range steps {
					if len(l.Prefix.Steps) != i || l.Strategy != arm || l.Step != step.Unknown || l.Value != step.Unknown {
						t.Errorf("step %d: %+v", i, l)
					}
					if (l.Tokens == nil) != (arm == "hasty") {
						t.Errorf("%s: step %d has %d tokens", arm, i, len(l.Tokens))
					}
				}
				if first := steps[0]; first.Reason == "kept of a right answer" {
					kept++
					n, err := strconv.Atoi(truth[first.Prefix.Problem.ID])
					if want := strconv.Itoa(n + 3); err != nil || first.Text != from[0].Text || last.Answer != want { // of four draws the second and the last go wrong, the last is likelier
						t.Errorf("after %q it ends with %s, want %s", first.Text, last.Answer, want)
					}
				}
			}
			if kept == 0 || kept == len(found) {
				t.Errorf("%d of %d leave a right answer within", kept, len(found))
			}
		})
	}
}

// What an own move earns is the chance that its answer beats the right one in a vote.
func TestAnAttackEarnsWhatItDoesToAVote(t *testing.T) {
	s, _ := branched(t, "branch", &scriptedReward{})
	for _, r := range s.Reports[0].Strategies {
		if r.Strategy == "branch" && (r.Wrong == 0 || r.Damage != 0.5) { // the script weighs them alike
			t.Errorf("%+v, want a damage of one half", r)
		}
	}
	a := &attack{arm: Arm{Name: "branch"}, label: step.Wrong, damage: 0.8, p: 0.1, done: true}
	if o, sure := a.outcome(); !sure || o.Reward != 0.8 || !a.fooled() {
		t.Errorf("%+v", o)
	}
	a.label = step.Right // nothing that it drew ended wrong
	if o, sure := a.outcome(); !sure || !o.StillCorrect || o.Reward != 0 {
		t.Errorf("%+v", o)
	}
	a.label = step.Unknown
	if _, sure := a.outcome(); sure {
		t.Error("what can't be told counts")
	}
}

// Worked solutions are nobody's own: their steps are attacked by prompting alone. A model that takes no instructions is
// never asked to be hasty.
func TestOwnMovesAreOfOwnSolutions(t *testing.T) {
	s, j := branched(t, "branch", &scriptedReward{})
	worked := 0
	for _, l := range j.Rounds(0) {
		if l.Source == Worked {
			worked++
		}
		if l.Source == Branched && l.Against == "" {
			t.Errorf("%+v leaves nothing", l)
		}
	}
	if worked == 0 || s.Reports[0].Total.Asked == 0 {
		t.Errorf("%d worked steps: nothing was tested", worked)
	}
	cfg := testConfig()
	cfg.Slip = true
	target := Target{Prefix: step.Trace{Problem: testProblems(1)[0]}, Text: "At last 13 + 5 = 18.", Source: Worked, Kind: Additive}
	used := map[string][]string{}
	for n := range 12 { // more often than there are other arms
		if a, _ := draw(cfg, rngOf(1, strconv.Itoa(n)), target, used, (&Game{cfg: cfg}).Start().Policy); a.Own() {
			t.Errorf("a worked step is attacked by %s", a.Name)
		}
	}
	cfg.Compact = true
	for _, a := range cfg.arms() {
		if a.Name == "hasty" {
			t.Error("it can't be told to be")
		}
	}
}

// Each trick is of one arm, and of strategies that are left out nothing remains.
func TestArms(t *testing.T) {
	seen := make(map[string]int)
	for _, a := range Arms() {
		for _, name := range a.Tricks {
			seen[name]++
		}
	}
	for _, s := range Strategies() {
		if seen[s.Name] != 1 {
			t.Errorf("%s is of %d arms", s.Name, seen[s.Name])
		}
	}
	if n := len(Arms()); n < 3 || n > 6 || len(seen) != len(Strategies()) {
		t.Errorf("%d arms of %d tricks", n, len(seen))
	}
	cfg := testConfig()
	cfg.Slip, cfg.LeftOut = true, []string{"hot", "operator", "calculation", "count", "unit", "deception"}
	var names []string
	for _, a := range cfg.arms() {
		names = append(names, a.Name)
		if slices.Contains(a.Tricks, "operator") {
			t.Error("operator is left out")
		}
	}
	if !slices.Equal(names, []string{"operand", "relation", "branch", "hasty"}) {
		t.Errorf("%v", names)
	}
}
