package generator

import (
	"errors"
	"fmt"
)

// Config sets a run. The zero value of a field is not its default: start from DefaultConfig.
type Config struct {
	Seed        int64 `json:"seed" yaml:"seed"`               // everything drawn derives from it
	Rounds      int   `json:"rounds" yaml:"rounds"`           // ≥ 1
	Problems    int   `json:"problems" yaml:"problems"`       // problems of a round, ≥ 1
	Samples     int   `json:"samples" yaml:"samples"`         // natural solutions of each problem, ≥ 1
	Attacks     int   `json:"attacks" yaml:"attacks"`         // attacked steps a round, ≥ 1
	Concurrency int   `json:"concurrency" yaml:"concurrency"` // LLM calls at a time, ≥ 1

	Temperature       float64 `json:"temperature" yaml:"temperature"`               // of natural samples, > 0
	MaxTokens         int     `json:"max_tokens" yaml:"max_tokens"`                 // of a natural sample
	AttackTemperature float64 `json:"attack_temperature" yaml:"attack_temperature"` // of attacks and paraphrases, > 0
	AttackMaxTokens   int     `json:"attack_max_tokens" yaml:"attack_max_tokens"`   // of an attack or a paraphrase

	Tau      float64 `json:"tau" yaml:"tau"`             // τ_G, weight of KL(π‖uniform), ≥ 0
	Entropy  float64 `json:"entropy" yaml:"entropy"`     // c_G, weight of the entropy, ≥ 0
	StepSize float64 `json:"step_size" yaml:"step_size"` // of an optimistic step, > 0
	Floor    float64 `json:"floor" yaml:"floor"`         // least probability of a strategy, in [0, 1/strategies)
	Shrink   float64 `json:"shrink" yaml:"shrink"`       // attacks' worth of the pooled rates in a kind's own, ≥ 0

	Paraphrases float64 `json:"paraphrases" yaml:"paraphrases"` // share of pairs whose correct step is reworded, in [0,1]
	Memory      int     `json:"memory" yaml:"memory"`           // corruptions remembered, ≥ 0
	HeldOut     float64 `json:"held_out" yaml:"held_out"`       // share of problems kept for measuring, in [0,1)
	Instruction string  `json:"instruction" yaml:"instruction"` // system message of natural samples
	Compact     bool    `json:"compact" yaml:"compact"`         // ask for attacks and paraphrases by Compact, for models that know this form only

	// Progress is called after each finished unit of work, from one goroutine at a time; nil for none.
	Progress func(Progress) `json:"-" yaml:"-"`
}

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
	StageReword Stage = "reword" // paraphrases of the correct partners
	StageLearn  Stage = "learn"  // both players: one unit
)

// DefaultConfig returns settings for a small model on a few cores: about twenty minutes a round.
func DefaultConfig() Config {
	return Config{
		Seed: 1, Rounds: 3, Problems: 10, Samples: 4, Attacks: 50, Concurrency: 4,
		Temperature: 0.7, MaxTokens: 320, AttackTemperature: 0.8, AttackMaxTokens: 80,
		Tau: 0.1, Entropy: 0.1, StepSize: 2, Floor: 0.02, Shrink: 8,
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
		{"rounds", c.Rounds}, {"problems", c.Problems}, {"samples", c.Samples}, {"attacks", c.Attacks},
		{"concurrency", c.Concurrency}, {"max_tokens", c.MaxTokens}, {"attack_max_tokens", c.AttackMaxTokens},
	} {
		check(f.v >= 1, f.name, "at least 1", f.v)
	}
	check(c.Temperature > 0 && c.Temperature <= 2, "temperature", "in (0,2]: at 0 all samples are alike", c.Temperature)
	check(c.AttackTemperature > 0 && c.AttackTemperature <= 2, "attack_temperature", "in (0,2]", c.AttackTemperature)
	check(c.Tau >= 0, "tau", "at least 0", c.Tau)
	check(c.Entropy >= 0, "entropy", "at least 0", c.Entropy)
	check(c.StepSize > 0, "step_size", "above 0", c.StepSize)
	check(c.StepSize*(c.Tau+c.Entropy) < 0.5, "step_size", "below 0.5 / (tau + entropy), or the policy overshoots", c.StepSize)
	limit := 1 / float64(len(Strategies()))
	check(c.Floor >= 0 && c.Floor < limit, "floor", fmt.Sprintf("in [0, %.3f)", limit), c.Floor)
	check(c.Shrink >= 0, "shrink", "at least 0", c.Shrink)
	check(c.Paraphrases >= 0 && c.Paraphrases <= 1, "paraphrases", "in [0,1]", c.Paraphrases)
	check(c.Memory >= 0, "memory", "at least 0", c.Memory)
	check(c.HeldOut >= 0 && c.HeldOut < 1, "held_out", "in [0,1)", c.HeldOut)
	check(c.Instruction != "", "instruction", "a sentence on the form of solutions", "empty")
	return errors.Join(errs...)
}
