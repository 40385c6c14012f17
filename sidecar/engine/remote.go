package engine

import (
	"context"
	"fmt"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// remoteScorer is decode's view of a PRM that runs elsewhere: one problem.
type remoteScorer struct {
	remote  Remote
	problem step.Problem
}

func (s remoteScorer) Score(ctx context.Context, steps []string, _ [][]step.Token) ([]decode.Score, error) {
	scores, err := remoteScores(ctx, s.remote, step.Trace{Problem: s.problem, Steps: steps})
	return decodeScores(scores), err
}

// remoteScores asks a remote PRM. It knows steps only: the value of a prefix is the score of its last step.
func remoteScores(ctx context.Context, r Remote, t step.Trace) ([]prm.Score, error) {
	found, err := r.Score(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(found) != len(t.Steps) {
		return nil, fmt.Errorf("%s gave %d scores for %d steps", r.ID(), len(found), len(t.Steps))
	}
	scores := make([]prm.Score, len(found))
	for i, p := range found {
		scores[i] = prm.Score{Step: p, Value: p}
	}
	return scores, nil
}
