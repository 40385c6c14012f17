package training

import (
	"context"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// Gate says how far auto may trust the PRM that was trained, by the answers it learned from, each judged by a head that
// had not learned from its problem. Nil where there is no such head, or no prose that it judged. seed is of the
// bootstrap.
func (t Trained) Gate(seed int64) *decode.Gate {
	n := 0
	votes := make([]eval.Votes, len(t.votes))
	for i, v := range t.votes {
		votes[i] = v.Of(step.OnlyProse)
		n = max(n, len(votes[i].Ballots))
	}
	if n == 0 {
		return nil
	}
	made := eval.NewGate(decode.Gate{Checkpoint: t.Model.ID(), Model: t.llm, Aggregate: prm.Min, N: n, Source: "its own training, crosswise"}, votes, nil, uint64(seed), 0) // #nosec G115 -- a seed, of which all bits count
	made.Drawing = t.Solutions.Drawing
	return &made
}

// GateAbout is the beginning of a gate of an engine's PRM with its LLM.
func GateAbout(ctx context.Context, e *engine.Engine) (decode.Gate, error) {
	caps, err := e.Capabilities(ctx)
	if err != nil {
		return decode.Gate{}, err
	}
	id, _ := e.Checkpoint()
	return decode.Gate{Checkpoint: id, Model: caps.Identity()}, nil
}
