package training

import (
	"context"
	"path/filepath"
	"strings"

	"aprm/generator"
	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// GateOf makes a gate from what a run of training kept out, for the engine's PRM: from its natural solutions of those problems, at most n
// of each. Nil when it kept none out. seed is of the bootstrap.
func GateOf(ctx context.Context, e *engine.Engine, folder string, n int, seed int64) (*decode.Gate, error) {
	votes, problems, err := heldOutVotes(ctx, e, folder, n)
	if err != nil || len(votes) == 0 {
		return nil, err
	}
	g, err := GateAbout(ctx, e)
	if err != nil {
		return nil, err
	}
	g.Aggregate, g.N, g.Source, g.Digest = prm.Min, n, "training's own hold-out", eval.Digest(problems)
	made := eval.NewGate(g, votes, nil, uint64(seed), 0)
	return &made, nil
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

// heldOutVotes are a run's natural solutions of problems that were kept out of its training, at most n of a problem, scored by the
// engine's PRM. Nothing is drawn for it.
func heldOutVotes(ctx context.Context, e *engine.Engine, folder string, n int) ([]eval.Votes, []step.Problem, error) {
	steps, err := generator.ReadLabelled(filepath.Join(folder, StepsFile))
	if err != nil {
		return nil, nil, err
	}
	solutions := map[string][]generator.Labelled{}
	samples := map[string][]string{} // of a problem
	var problems []step.Problem
	for _, l := range steps {
		if !l.HeldOut || l.Source != generator.Natural {
			continue
		}
		id := l.Prefix.Problem.ID
		if samples[id] == nil {
			problems = append(problems, l.Prefix.Problem)
		}
		if solutions[l.Sample] == nil {
			samples[id] = append(samples[id], l.Sample)
		}
		if len(l.Prefix.Steps) == len(solutions[l.Sample]) { // a step that was labelled again stands there already
			solutions[l.Sample] = append(solutions[l.Sample], l)
		}
	}
	var out []eval.Votes
	for _, p := range problems {
		var v eval.Votes
		for _, id := range samples[p.ID][:min(n, len(samples[p.ID]))] {
			of := solutions[id]
			last := of[len(of)-1]
			var tokens [][]step.Token
			generated := 0
			for _, l := range of {
				tokens = append(tokens, l.Tokens)
				generated += len(l.Tokens)
			}
			scores, _, err := e.Judge(ctx, last.Trace(), tokens)
			if err != nil {
				return nil, nil, err
			}
			b := decode.Ballot{Score: prm.Aggregate(prm.Min, scores), Tokens: max(generated, 1)}
			if last.Value != step.Unknown {
				if b.Answer, b.Answered = last.Answer, last.Answer != ""; !b.Answered { // or the run is of before answers were kept
					b.Answer, b.Answered = arith.Extract(strings.Join(last.Trace().Steps, "\n"))
				}
			}
			v.Ballots, v.Right = append(v.Ballots, b), append(v.Right, last.Value == step.Right)
		}
		out = append(out, v)
	}
	return out, problems, nil
}
