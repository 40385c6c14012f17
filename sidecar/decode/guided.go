package decode

import (
	"cmp"
	"context"

	"aprm/prm"
)

// guided builds the answer step by step: it samples N next steps, scores each in its context, and keeps the best by its
// own score. When even that one is below Options.Threshold, it samples again, at most resamples times, and keeps the
// best of all. It is what a beam of one path would be that looks at the last step only.
//
// Near the end of the budget, when choosing on could leave the answer unfinished, one continuation is drawn to the end.
type guided struct{}

const resamples = 2 // times that a step is sampled again

func (guided) Search(ctx context.Context, s *Search) (Result, error) {
	s.rate = func(j prm.Judgement) float64 {
		if j.Begun {
			return j.Prefix
		}
		return lastStep(j.Steps)
	}
	p, why := &path{}, "the end, drawn whole for want of tokens"
	dearest := s.Options.N * firstStep // tokens of the dearest choice so far
	for p.ended == "" {
		if len(p.steps) >= s.Options.MaxSteps {
			s.stopped = StoppedSteps
			break
		}
		if s.left() < dearest+dearest/2 { // not enough for another choice and an end
			s.stopped = StoppedBudget
			ends, err := s.finish(ctx, []draft{{p, 1}})
			if err == nil {
				p = ends[0]
			} else if !s.suffices(ctx, err, len(p.steps) > 0) {
				return Result{}, err
			}
			break
		}
		before := s.completionTokens
		next, err := s.nextStep(ctx, p)
		if err != nil {
			if !s.suffices(ctx, err, len(p.steps) > 0) || s.mustScore(err) {
				return Result{}, err
			}
			if ends := s.unguided(ctx, err, []draft{{p, 1}}); len(ends) > 0 {
				p, why = ends[0], "the end, drawn whole as the PRM had failed"
			}
			break
		}
		if cost := s.completionTokens - before; len(p.steps) == 0 || cost > dearest {
			dearest = cost
		}
		p = next
		s.settle(p.text())
	}
	return s.pathResult(p, why), nil
}

// lastStep is the chance that the last step is correct.
func lastStep(scores []prm.Score) float64 { return scores[len(scores)-1].Step }

// nextStep samples, scores and chooses the next step: the path with it. It is the path itself, ended, when nobody has
// anything to add.
func (s *Search) nextStep(ctx context.Context, p *path) (*path, error) {
	var all []*path
	var best, silent *path
	var failure error
	for round := range 1 + resamples {
		if best != nil && (lastStep(best.scores) >= s.Options.Threshold || s.left() < s.Options.N*(best.length-p.length)) || s.left() < s.Options.N {
			break
		}
		children, err := s.expand(ctx, round, []draft{{p, s.Options.N}})
		if err != nil {
			if failure = err; ctx.Err() != nil {
				break
			}
			continue
		}
		for _, c := range children[0] {
			switch {
			case c.empty && silent == nil:
				silent = c
			case !c.empty && (best == nil || c.score > best.score):
				best = c
			}
		}
		all = append(all, children[0]...)
		if best == nil && len(p.steps) > 0 {
			break
		}
	}
	chosen, why := best, "the best next step"
	if best == nil {
		chosen, why = silent, "nobody has anything to add"
	}
	if chosen == nil {
		return nil, cmp.Or(failure, ErrNoCandidate)
	}
	for _, c := range s.distinct(all) {
		switch {
		case c == chosen:
			s.choose(c.id, why)
		case c.empty:
			s.drop(c.id, "empty")
		default:
			s.drop(c.id, "a lower score")
		}
	}
	return chosen, nil
}
