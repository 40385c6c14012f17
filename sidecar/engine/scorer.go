package engine

import (
	"context"
	"errors"
	"log/slog"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// ErrNoCheckpoint is returned by what needs a PRM when there is none.
var ErrNoCheckpoint = errors.New("no PRM checkpoint is loaded: make one with `sidecar train`, then serve with --checkpoint")

// stepScorer is decode's view of the PRM: one problem, one checkpoint.
type stepScorer struct {
	engine  *Engine
	llm     adapters.LLM
	prm     *prm.Model
	problem step.Problem
}

func (s stepScorer) Score(ctx context.Context, w decode.Working) (prm.Judgement, error) {
	j, _, err := s.judge(ctx, w)
	return j, err
}

// judge is Score that also says whether hidden states of the LLM were read. A program's steps are told, not written by
// the LLM: it has none for them.
func (s stepScorer) judge(ctx context.Context, w decode.Working) (j prm.Judgement, sighted bool, err error) {
	var states []adapters.State
	if s.prm.Header().Width > 0 && w.Program == nil {
		if states, err = s.engine.hidden(ctx, s.llm, step.Trace{Problem: s.problem, Steps: w.Steps}, s.prm.Accepts); err != nil {
			if ctx.Err() != nil {
				return j, false, ctx.Err()
			}
			if s.engine.needHidden {
				return j, false, err
			}
			slog.Warn("scoring without hidden states", "err", err) // less sure, and better than no answer
		}
		if states == nil && s.engine.needHidden {
			return j, false, errors.New("the endpoint gives no hidden states that this PRM can read")
		}
	}
	scores, inputs := make([]prm.Score, len(w.Steps)), make([]feature.Input, len(w.Steps))
	reader := feature.NewReader(s.problem)
	for i, text := range w.Steps {
		if err := ctx.Err(); err != nil { // traces may be long, and whoever asked may be gone
			return j, false, err
		}
		inputs[i] = reader.Next(text, Evidence(states, w.Tokens, i))
		scores[i] = s.prm.Score(inputs[i])
	}
	return s.prm.Judge(scores, inputs, w.Tokens, w.Program), states != nil, nil
}

// Evidence is what the endpoint said of step i; nil states and tokens are masked.
func Evidence(states []adapters.State, tokens [][]step.Token, i int) feature.Evidence {
	var ev feature.Evidence
	if states != nil {
		ev.Last, ev.Mean = states[i].Last, states[i].Mean
	}
	if tokens != nil {
		ev.Tokens = tokens[i]
	}
	return ev
}
