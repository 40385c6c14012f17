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
	"aprm/sidecar/decode"
)

// remoteScorer is decode's view of a PRM that runs elsewhere: one problem. Such a PRM knows steps only, and judges each
// by what stands before it: the value of a prefix is the score of its last step, and what is known of an answer is
// known of its beginnings. It asks about the same steps once: candidates are often word for word the same, and then
// scored at once. What failed is asked again. It is safe for concurrent use, by callers whose contexts end
// together.
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

func (s *remoteScorer) Score(ctx context.Context, w decode.Working) (prm.Judgement, error) {
	var key strings.Builder
	ends := make([]int, len(w.Steps)) // of the beginnings' keys
	for i, text := range w.Steps {
		fmt.Fprintf(&key, "%d:%s", len(text), text)
		ends[i] = key.Len()
	}
	scores, err, _ := s.asking.Do(key.String(), func() (any, error) {
		s.mu.Lock()
		scores, ok := s.known[key.String()]
		s.mu.Unlock()
		if ok {
			return scores, nil
		}
		found, err := s.remote.Score(ctx, step.Trace{Problem: s.problem, Steps: w.Steps})
		if err != nil {
			return nil, err
		}
		if len(found) != len(w.Steps) {
			return nil, fmt.Errorf("%s gave %d scores for %d steps", s.remote.ID(), len(found), len(w.Steps))
		}
		for _, p := range found {
			scores = append(scores, prm.Score{Step: p, Value: p})
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, end := range ends {
			s.known[key.String()[:end]] = scores[: i+1 : i+1]
		}
		return scores, nil
	})
	if err != nil {
		return prm.Judgement{}, err
	}
	return prm.Judgement{Steps: slices.Clone(scores.([]prm.Score))}, nil
}
