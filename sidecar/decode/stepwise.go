package decode

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// stepwise is what the searches share that build several answers step by step: it draws the next steps of all of them
// at once, has them scored, and lets a rule say which go on. An answer that is finished is never continued. When
// nothing is left to go on with, the final answer is voted on by all finished ones, each with the weight of its score,
// as in weighted_vote; without an answer the best scored path is the result, a finished one before others.
//
// A next step that failed, was cut off or couldn't be scored is dropped, and the rule fills its place or not; a path of
// which nothing came is asked again, at most resamples times. Near the end of the budget, when another step of all
// could leave every answer unfinished, as many ends as can be paid are drawn whole, of the best paths first. When
// nothing comes at all, when the deadline passes and after Options.MaxSteps, what is in hand is the result; where the
// PRM has failed on the way, see mustScore and unguided.
type stepwise struct {
	rule func(Options) rule // a new one for each search
}

// rule says which paths go on.
type rule interface {
	// start returns the drafts of the first step, out of an empty path.
	start(root *path) []draft
	// next decides the fate of the children of drafts, those of drafts[i] at [i], and returns the next drafts, the best
	// first; none when the search is over.
	next(s *Search, drafts []draft, children [][]*path) []draft
	// finished are the answers so far, in the order in which they were found; one counts as often as it is among them.
	finished() []*path
}

func (w stepwise) Search(ctx context.Context, s *Search) (Result, error) {
	r := w.rule(s.Options)
	drafts := r.start(&path{})
	dearest := s.Options.N * firstStep // tokens of the dearest step of all so far
	var ended []*path                  // drawn whole
	for at := 0; width(drafts) > 0; at++ {
		if at >= s.Options.MaxSteps {
			s.stopped = StoppedSteps
			break
		}
		if s.left() < max(dearest+dearest/2, width(drafts)) {
			s.stopped = StoppedBudget
			var err error
			if ended, err = s.finish(ctx, s.affordable(drafts, r.finished())); err != nil && !s.suffices(ctx, err, at > 0) {
				return Result{}, err
			}
			break
		}
		before := s.completionTokens
		children, err := s.insist(ctx, drafts)
		if err != nil {
			if !s.suffices(ctx, err, at > 0) || s.mustScore(err) {
				return Result{}, err
			}
			ended = s.unguided(ctx, err, s.affordable(drafts, r.finished()))
			break
		}
		if cost := s.completionTokens - before; at == 0 || cost > dearest {
			dearest = cost
		}
		drafts = r.next(s, drafts, children)
		s.settle(common(drafts, r.finished()))
	}
	return s.conclude(append(slices.Clone(r.finished()), ended...), drafts), nil
}

// errUnscored is in the error of steps of which the PRM could score none.
var errUnscored = errors.New("the PRM failed")

// mustScore reports whether a search that failed so has failed, whatever is in hand: a measurement of half an answer is
// none.
func (s *Search) mustScore(err error) bool { return errors.Is(err, errUnscored) && !s.Options.Fallback }

// unguided draws ends, without choosing further, where the PRM has failed on the way: what is served should be a whole
// answer. Nil where nothing comes, or err is another failure.
func (s *Search) unguided(ctx context.Context, err error, ends []draft) []*path {
	if !errors.Is(err, errUnscored) {
		return nil
	}
	ended, err := s.finish(ctx, ends)
	if err != nil {
		return nil
	}
	s.stopped = StoppedPRM
	return ended
}

// insist expands drafts, and those of which nothing came again.
func (s *Search) insist(ctx context.Context, drafts []draft) ([][]*path, error) {
	children := make([][]*path, len(drafts))
	var failure error
	came := false
	for round := range 1 + resamples {
		var missing []draft
		var of []int
		for i, d := range drafts {
			if len(children[i]) == 0 {
				missing, of = append(missing, d), append(of, i)
			}
		}
		if len(missing) == 0 || ctx.Err() != nil && round > 0 || s.left() < width(missing) {
			break
		}
		more, err := s.expand(ctx, round, missing)
		if err != nil {
			failure = err
			continue
		}
		came = true
		for j, i := range of {
			children[i] = more[j]
		}
	}
	if !came {
		return nil, cmp.Or(failure, ErrNoCandidate)
	}
	return children, nil
}

// affordable is how many ends of which paths can be paid with what is left: one of each path, the best first, then a
// second.
func (s *Search) affordable(drafts []draft, finished []*path) []draft {
	length, steps := 0, 0
	for _, d := range drafts {
		length, steps = length+d.from.length, steps+len(d.from.steps)
	}
	if steps == 0 {
		return []draft{{drafts[0].from, 1}}
	}
	need := 2 * length / steps // what an end is taken to need: two steps or, once it is known, what is missing to an answer of the usual length
	if len(finished) > 0 {
		usual := 0
		for _, p := range finished {
			usual += p.length
		}
		need = max(length/steps, usual/len(finished)-length/len(drafts))
	}
	need += need / 4
	ends := make([]draft, len(drafts))
	for i, d := range drafts {
		ends[i].from = d.from
	}
	n := min(width(drafts), max(1, s.left()/max(1, need)))
	for turn := 0; n > 0; turn++ {
		for i := range drafts {
			if n > 0 && turn < drafts[i].n {
				ends[i].n++
				n--
			}
		}
	}
	return slices.DeleteFunc(ends, func(d draft) bool { return d.n == 0 })
}

// common is the text that the answer begins with, whichever of the paths it comes from.
func common(drafts []draft, finished []*path) string {
	var shared []string
	for i, p := range survivors(drafts, finished) {
		if i == 0 {
			shared = p.steps
			continue
		}
		n := 0
		for n < min(len(shared), len(p.steps)) && shared[n] == p.steps[n] {
			n++
		}
		shared = shared[:n]
	}
	return strings.Join(shared, "\n")
}

// survivors are the paths that the answer can come from, the finished ones first.
func survivors(drafts []draft, finished []*path) []*path {
	out := slices.Clone(finished)
	for _, d := range drafts {
		out = append(out, d.from)
	}
	return out
}

// conclude elects the answer.
func (s *Search) conclude(finished []*path, drafts []draft) Result {
	ballots := make([]ballot, len(finished))
	for i, p := range finished {
		found, ok := p.answer()
		ballots[i] = ballot{answer: found, answered: ok, score: p.whole}
	}
	if i := s.Options.Vote.Of(numbered(ballots)).Winner; i >= 0 {
		done := map[int]bool{finished[i].id: true}
		for j, p := range finished {
			if !done[p.id] {
				done[p.id] = true
				s.drop(p.id, outvoted(ballots[j].answer, ballots[j].answered, ballots[i].answer))
			}
		}
		return s.pathResult(finished[i], "its answer has the most votes")
	}
	all := survivors(drafts, finished)
	if len(finished) > 0 {
		all = finished
	}
	best := all[0]
	for _, p := range all {
		if p.score > best.score {
			best = p
		}
	}
	for _, p := range finished {
		if p.id != best.id {
			s.drop(p.id, "no answer")
		}
	}
	return s.pathResult(best, "the best score, as none has an answer")
}

// byScore orders paths, the best first, those of one score as they came.
func byScore(paths []*path) []*path {
	out := slices.Clone(paths)
	slices.SortStableFunc(out, func(a, b *path) int { return cmp.Compare(b.score, a.score) })
	return out
}

// ranked orders drafts likewise.
func ranked(drafts []draft) []draft {
	slices.SortStableFunc(drafts, func(a, b draft) int { return cmp.Compare(b.from.score, a.from.score) })
	return drafts
}

// split parts paths into those that have ended and those that go on.
func split(paths []*path) (ended, open []*path) {
	for _, p := range paths {
		if p.ended != "" {
			ended = append(ended, p)
		} else {
			open = append(open, p)
		}
	}
	return ended, open
}
