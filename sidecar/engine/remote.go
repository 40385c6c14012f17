package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"aprm/prm"
	"aprm/prm/step"
)

// remoteScorer is decode's view of a PRM that runs elsewhere: one problem. It asks about the same steps once: candidates are often
// word for word the same, and then scored at once. What failed is asked again. It is safe for concurrent use, by callers whose contexts end together.
type remoteScorer struct {
	remote  Remote
	problem step.Problem
	asking  singleflight.Group
	mu      sync.Mutex
	known   map[string][]prm.Score
}

func newRemoteScorer(r Remote, p step.Problem) *remoteScorer {
	return &remoteScorer{remote: r, problem: p, known: map[string][]prm.Score{}}
}

func (s *remoteScorer) Score(ctx context.Context, steps []string, _ [][]step.Token) ([]prm.Score, error) {
	var key strings.Builder
	for _, text := range steps {
		fmt.Fprintf(&key, "%d:%s", len(text), text)
	}
	scores, err, _ := s.asking.Do(key.String(), func() (any, error) {
		s.mu.Lock()
		scores, ok := s.known[key.String()]
		s.mu.Unlock()
		if ok {
			return scores, nil
		}
		scores, err := remoteScores(ctx, s.remote, step.Trace{Problem: s.problem, Steps: steps})
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known[key.String()] = scores
		return scores, nil
	})
	if err != nil {
		return nil, err
	}
	return slices.Clone(scores.([]prm.Score)), nil
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
