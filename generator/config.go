package generator

import (
	"errors"
	"fmt"
	"slices"
)

// Config sets a run. The zero value of a field is not its default: start from DefaultConfig.
type Config struct {
	Seed        int64 `json:"seed" yaml:"seed"`               // everything drawn derives from it
	Rounds      int   `json:"rounds" yaml:"rounds"`           // ≥ 1
	Problems    int   `json:"problems" yaml:"problems"`       // problems of a round, ≥ 1
	Samples     int   `json:"samples" yaml:"samples"`         // natural solutions of each problem, ≥ 1
	Drawn       int   `json:"drawn,omitempty" yaml:"drawn"`   // solutions drawn for that: from round 1 on those are kept on which R errs most; 0 for Samples
	Attacks     int   `json:"attacks" yaml:"attacks"`         // attacked steps a round, ≥ 0
	Concurrency int   `json:"concurrency" yaml:"concurrency"` // LLM calls at a time, ≥ 1

	Temperature       float64 `json:"temperature" yaml:"temperature"`               // of natural samples, > 0
	MaxTokens         int     `json:"max_tokens" yaml:"max_tokens"`                 // of a natural sample
	AttackTemperature float64 `json:"attack_temperature" yaml:"attack_temperature"` // of attacks and paraphrases, > 0
	AttackMaxTokens   int     `json:"attack_max_tokens" yaml:"attack_max_tokens"`   // of an attack or a paraphrase

	Wave     int      `json:"wave" yaml:"wave"`                   // attacked steps between two updates of the policy and the memory, ≥ 1
	Turns    int      `json:"turns" yaml:"turns"`                 // attacks on a step, at most: after the first, on those where R was not fooled
	Slip     bool     `json:"slip" yaml:"slip"`                   // have the solver's own moves among the arms; needs an endpoint that continues an unfinished answer
	LeftOut  []string `json:"left_out,omitempty" yaml:"left_out"` // strategies, and own moves, that are never played, to be met later
	Learner  Learner  `json:"learner" yaml:"learner"`             // how the policy learns
	Tau      float64  `json:"tau" yaml:"tau"`                     // τ_G, weight of KL(π‖uniform), ≥ 0
	Entropy  float64  `json:"entropy" yaml:"entropy"`             // c_G, weight of the entropy, ≥ 0
	StepSize float64  `json:"step_size" yaml:"step_size"`         // of an optimistic step, > 0
	Floor    float64  `json:"floor" yaml:"floor"`                 // least probability of an arm, in [0, 1/arms)
	Shrink   float64  `json:"shrink" yaml:"shrink"`               // attacks' worth of the pooled rates in a kind's own, ≥ 0

	Natural      NaturalLabels `json:"natural" yaml:"natural"`             // what the solver's own steps are labelled by
	Rollouts     int           `json:"rollouts" yaml:"rollouts"`           // continuations of a prefix, for the oracle's third layer and for Natural; 0 for neither
	RolloutLimit int           `json:"rollout_limit" yaml:"rollout_limit"` // attacks that the third layer is asked about in a round, ≥ 0; with Consensus the rest stay unknown
	Jury         int           `json:"jury,omitempty" yaml:"jury"`         // times the LLM is asked about a step that rollouts ruled on: layer 4, which must agree; 0 for never
	Consensus    bool          `json:"consensus" yaml:"consensus"`         // a corruption counts as wrong only where rollouts find it wrong too

	Replay      Replay  `json:"replay,omitempty" yaml:"replay"` // which rounds R learns from; "" for the last two and round 0
	Paraphrases float64 `json:"paraphrases" yaml:"paraphrases"` // share of pairs whose correct step is reworded, in [0,1]
	Memory      int     `json:"memory" yaml:"memory"`           // corruptions remembered, ≥ 0
	HeldOut     float64 `json:"held_out" yaml:"held_out"`       // share of problems kept for measuring, in [0,1)
	Instruction string  `json:"instruction" yaml:"instruction"` // system message of natural samples
	Compact     bool    `json:"compact" yaml:"compact"`         // ask for attacks and paraphrases by Compact, for models that know this form only

	// Progress is called after each finished unit of work, from one goroutine at a time; nil for none.
	Progress func(Progress) `json:"-" yaml:"-"`
}

// Learner is how the policy goes from one round to the next.
type Learner string

const (
	Optimistic   Learner = "optimistic"    // along 2g_t − g_{t−1}, as the paper's game has it
	Plain        Learner = "plain"         // along g_t: gradient descent-ascent
	BestResponse Learner = "best_response" // at once to the policy that is best against R as it stood
	Uniform      Learner = "uniform"       // not at all: every strategy alike, and nothing remembered
)

// Replay says which rounds R learns from.
type Replay string

const (
	Recent Replay = ""    // this one, the one before and round 0
	Whole  Replay = "all" // all so far, as fictitious play has it
)

// NaturalLabels is what a natural sample's steps are labelled by.
type NaturalLabels string

const (
	Sure        NaturalLabels = "sure"     // all right where the answer is and no equation is false; the first false equation wrong; else unknown
	FirstErrors NaturalLabels = "search"   // Sure, and in other wrong solutions the first wrong step found by rollouts (OmegaPRM, arXiv 2406.06592)
	MonteCarlo  NaturalLabels = "rollouts" // a step is right if any rollout from it ends right (Math-Shepherd, arXiv 2312.08935, hard estimation)
	Exact       NaturalLabels = "exact"    // the truth, where problems are made up: a control that no real problem allows (Players.Truth)
	Outcomes    NaturalLabels = "outcome"  // steps unknown; only whether the solution ends right
)

// Progress says how far a stage of a round is.
type Progress struct {
	Round       int
	Stage       Stage
	Done, Total int // units of the stage
	Failed      int // of those done
}

// Stage is a part of a round that takes LLM calls.
type Stage string

const (
	StageSolve  Stage = "solve"  // natural samples
	StageAttack Stage = "attack" // corruptions
	StageJudge  Stage = "judge"  // the oracle's rollouts
	StageReword Stage = "reword" // paraphrases of the correct partners
	StageLearn  Stage = "learn"  // both players: one unit
)

// DefaultConfig returns settings for a small model on a few cores: about twenty minutes a round.
func DefaultConfig() Config {
	return Config{
		Seed: 1, Rounds: 3, Problems: 10, Samples: 4, Attacks: 50, Concurrency: 4,
		Temperature: 0.7, MaxTokens: 320, AttackTemperature: 0.8, AttackMaxTokens: 80,
		Wave: 16, Turns: 1, Learner: Optimistic, Natural: Sure, RolloutLimit: 1000,
		Tau: 0.02, Entropy: 0.02, StepSize: 2, Floor: 0.02, Shrink: 16,
		Paraphrases: 0.5, Memory: 64, HeldOut: 0.2, Instruction: Instruction,
	}
}

// Validate names every field that is out of its range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, field, want string, got any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: must be %s, is %v", field, want, got))
		}
	}
	for _, f := range []struct {
		name string
		v    int
	}{
		{"rounds", c.Rounds}, {"problems", c.Problems}, {"samples", c.Samples}, {"wave", c.Wave}, {"turns", c.Turns},
		{"concurrency", c.Concurrency}, {"max_tokens", c.MaxTokens}, {"attack_max_tokens", c.AttackMaxTokens},
	} {
		check(f.v >= 1, f.name, "at least 1", f.v)
	}
	check(c.Drawn == 0 || c.Drawn >= c.Samples, "drawn", "0, or at least as many as samples", c.Drawn)
	check(c.Replay == Recent || c.Replay == Whole, "replay", `"" or all`, c.Replay)
	check(c.Attacks >= 0, "attacks", "at least 0", c.Attacks)
	check(c.RolloutLimit >= 0, "rollout_limit", "at least 0", c.RolloutLimit)
	check(c.Rollouts == 0 || c.Rollouts >= 4, "rollouts", "0, or at least 4 to tell anything", c.Rollouts)
	check(slices.Contains([]Learner{Optimistic, Plain, BestResponse, Uniform}, c.Learner), "learner", "optimistic, plain, best_response or uniform", c.Learner)
	check(slices.Contains([]NaturalLabels{Sure, FirstErrors, MonteCarlo, Exact, Outcomes}, c.Natural), "natural", "sure, search, rollouts, exact or outcome", c.Natural)
	check(c.Rollouts > 0 || c.Natural != FirstErrors && c.Natural != MonteCarlo, "rollouts", "at least 4 for natural: "+string(c.Natural), c.Rollouts)
	check(c.Jury >= 0, "jury", "at least 0", c.Jury)
	check(c.Jury == 0 || c.Rollouts > 0, "rollouts", "at least 4 for a jury", c.Rollouts)
	check(c.Jury == 0 || !c.Compact, "jury", "0 for a model that knows no instructions", c.Jury)
	check(c.Rollouts > 0 || !c.Consensus, "rollouts", "at least 4 for consensus", c.Rollouts)
	check(c.Temperature > 0 && c.Temperature <= 2, "temperature", "in (0,2]: at 0 all samples are alike", c.Temperature)
	check(c.AttackTemperature > 0 && c.AttackTemperature <= 2, "attack_temperature", "in (0,2]", c.AttackTemperature)
	check(c.Tau >= 0, "tau", "at least 0", c.Tau)
	check(c.Entropy >= 0, "entropy", "at least 0", c.Entropy)
	check(c.StepSize > 0, "step_size", "above 0", c.StepSize)
	check(c.StepSize*(c.Tau+c.Entropy) < 0.5, "step_size", "below 0.5 / (tau + entropy), or the policy overshoots", c.StepSize)
	for _, name := range c.LeftOut {
		known := slices.ContainsFunc(Strategies(), func(s Strategy) bool { return s.Name == name }) ||
			slices.ContainsFunc(Arms(), func(a Arm) bool { return a.Own() && a.Name == name })
		check(known, "left_out", "names of strategies or of own moves", name)
	}
	if !slices.ContainsFunc(c.arms(), func(a Arm) bool { return !a.Own() }) {
		return errors.Join(append(errs, errors.New("left_out: leaves no strategy, and own moves alone have nothing to do on worked solutions"))...)
	}
	limit := 1 / float64(len(c.arms()))
	check(c.Floor >= 0 && c.Floor < limit, "floor", fmt.Sprintf("in [0, %.3f)", limit), c.Floor)
	check(c.Shrink >= 0, "shrink", "at least 0", c.Shrink)
	check(c.Paraphrases >= 0 && c.Paraphrases <= 1, "paraphrases", "in [0,1]", c.Paraphrases)
	check(c.Memory >= 0, "memory", "at least 0", c.Memory)
	check(c.HeldOut >= 0 && c.HeldOut < 1, "held_out", "in [0,1)", c.HeldOut)
	check(c.Instruction != "", "instruction", "a sentence on the form of solutions", "empty")
	return errors.Join(errs...)
}
