package generator

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/step"
)

// Judge is the oracle that the rewards rest on; *oracle.Oracle is one.
type Judge interface {
	Judge(ctx context.Context, c oracle.Case) (oracle.Ruling, error)
}

// jury is the oracle's fourth layer: the LLM itself is asked several times whether a step is right, and must always say
// the same. What a small model says of steps is worth little, so it only ever confirms the third.
type jury struct {
	meter *meter
	cfg   Config
}

// Name implements oracle.Layer.
func (jury) Name() string { return "jury" }

// Rule implements oracle.Layer.
func (j jury) Rule(ctx context.Context, c oracle.Case) (oracle.Ruling, error) {
	cs, err := j.meter.generate(ctx, adapters.Request{
		Messages: juryMessages(c.Prefix, c.Step), N: j.cfg.Jury, Temperature: j.cfg.Temperature, MaxTokens: 8,
		Seed: seedOf(j.cfg.Seed, "jury", c.Prefix.Problem.ID, c.Prefix.Text(), c.Step),
	})
	if err != nil {
		return oracle.Ruling{}, fmt.Errorf("jury: %w", err)
	}
	votes := map[step.Verdict]int{}
	for _, c := range cs {
		if c.Err != nil {
			return oracle.Ruling{}, fmt.Errorf("jury: %w", c.Err)
		}
		votes[said(c.Text)]++
	}
	r := oracle.Ruling{Reason: fmt.Sprintf("%d of %d say right, %d wrong", votes[step.Right], j.cfg.Jury, votes[step.Wrong])}
	for _, v := range []step.Verdict{step.Right, step.Wrong} {
		if votes[v] == j.cfg.Jury {
			r.Verdict = v
		}
	}
	return r, nil
}

// said reads a juror's answer by its first word.
func said(text string) step.Verdict {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) == 0 {
		return step.Unknown
	}
	switch words[0] {
	case "right", "correct", "yes":
		return step.Right
	case "wrong", "incorrect", "no":
		return step.Wrong
	default:
		return step.Unknown
	}
}

// Layers returns the oracle's layers that ask an LLM, by cfg: rollouts, and a jury that has to agree with them where
// Config.Jury says so; nil without rollouts.
func Layers(llm LLM, cfg Config) oracle.Layer { return llmLayers(&meter{llm: llm}, cfg) }

func llmLayers(m *meter, cfg Config) oracle.Layer {
	if cfg.Rollouts == 0 {
		return nil
	}
	rollouts := oracle.Rollouts{Roller: roller{m, cfg}, N: cfg.Rollouts}
	if cfg.Jury == 0 {
		return rollouts
	}
	return oracle.Agreement{rollouts, jury{m, cfg}}
}
