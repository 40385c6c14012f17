package decode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/step"
)

const (
	stepCap   = 256 // tokens of one step: a model that forgets to break its lines is cut off
	firstStep = 24  // tokens that a step is taken to need before one was seen
)

// path is an answer as far as it has come. Paths share their beginnings and are never changed once others see them.
type path struct {
	from   *path // that it continues; nil for none
	steps  []string
	tokens [][]step.Token // of each step, those that spell it, as in training
	all    []step.Token   // of the text, line breaks included
	scores []prm.Score    // of each step; fewer where the last ones could not be scored
	score  float64        // by Search.rate, in [0,1]; 0 without steps
	whole  float64        // what the PRM thinks of it as an answer, in [0,1]
	length int            // tokens
	id     int            // of the candidate that is the last step; 0 without one
	ended  Finish         // why it is not to be continued; "" while it may be
	empty  bool           // it ended because the LLM had nothing to add
}

func (p *path) text() string { return strings.Join(p.steps, "\n") }

// answer is the final answer of a path that has ended.
func (p *path) answer() (string, bool) { return answer(p.text(), p.steps, p.ended) }

// extend returns p continued by a sample, which is cut into steps already.
func (p *path) extend(sample draw, steps []string) *path {
	at := len(p.steps)
	return &path{
		from:   p,
		steps:  append(p.steps[:at:at], steps...),
		tokens: append(p.tokens[:at:at], step.SplitTokens(sample.Text, steps, sample.Tokens)...),
		all:    append(p.all[:len(p.all):len(p.all)], sample.Tokens...),
		scores: p.scores,
		score:  p.score,
		whole:  p.whole,
		length: p.length + sample.CompletionTokens,
		id:     sample.id,
	}
}

// draft asks for n next steps of a path.
type draft struct {
	from *path
	n    int
}

// width is how many next steps drafts ask for.
func width(drafts []draft) int {
	sum := 0
	for _, d := range drafts {
		sum += d.n
	}
	return sum
}

// twin is what makes two next steps the same: the text, behind the same path.
type twin struct {
	from *path
	text string
}

func (p *path) twin() twin {
	if p.empty {
		return twin{p.from, ""}
	}
	return twin{p.from, p.steps[len(p.steps)-1]}
}

// double is what makes two next steps one: they are twins, and both go on or both have ended. A step that the LLM ended
// with says nothing of one after which it goes on.
type double struct {
	twin
	ended Finish
}

func (p *path) double() double { return double{p.twin(), p.ended} }

// distinct drops those that are the same as one before them.
func (s *Search) distinct(paths []*path) []*path {
	var out []*path
	seen := map[double]bool{}
	for _, p := range paths {
		if seen[p.double()] {
			s.drop(p.id, "the same as another")
			continue
		}
		seen[p.double()] = true
		out = append(out, p)
	}
	return out
}

// merge puts the first of several that are the same in the place of all: they go on as one, as often as they are in the
// list.
func (s *Search) merge(paths []*path) []*path {
	out := make([]*path, len(paths))
	first := map[double]*path{}
	for i, p := range paths {
		if one, known := first[p.double()]; known {
			s.drop(p.id, "the same as another, and merged with it")
			p = one
		}
		first[p.double()], out[i] = p, p
	}
	return out
}

// gather makes one draft of all that are for one path, in the order of the paths given.
func gather(paths []*path, n []int) []draft {
	var out []draft
	at := map[*path]int{}
	for i, p := range paths {
		if _, known := at[p]; !known {
			at[p] = len(out)
			out = append(out, draft{from: p})
		}
		out[at[p]].n += n[i]
	}
	return out
}

// expand draws the next steps that drafts ask for, all at once, and scores each in its context, twins once; drafts of
// one path make one request. The i-th list has what came of the i-th draft, in the order in which it was drawn: paths
// of one step more, and for a continuation that was empty the path itself, ended. What failed, was cut off or could not
// be scored is dropped and is not in it. round tells repeated draws of the same step apart. The error is for when
// nothing came at all; it is errUnscored, too, where the PRM has its part in that.
func (s *Search) expand(ctx context.Context, round int, drafts []draft) ([][]*path, error) {
	var requests []request
	of := map[*path]int{} // where a path's request is
	share, before := s.left()/width(drafts), 0
	for _, d := range drafts {
		i, asked := of[d.from]
		if !asked {
			i = len(requests)
			of[d.from] = i
			at := len(d.from.steps)
			requests = append(requests, request{SampleRequest{Prefix: d.from.steps, MaxTokens: min(stepCap, s.Options.MaxTokens-d.from.length, max(1, share)),
				Temperature: s.Options.Temperature, TopP: s.Options.TopP, Seed: s.seed(at, round*s.Options.N+before), OneStep: true}, d.from.id, at})
		}
		requests[i].N += d.n
		before += d.n
	}
	replies := s.sampleAll(ctx, requests)
	var first error
	for _, r := range replies {
		if first == nil {
			first = r.err
		}
	}
	children := make([][]*path, len(drafts))
	var all []*path
	for i, d := range drafts {
		r := &replies[of[d.from]]
		n := min(d.n, len(r.draws)) // where some failed, the last drafts have less
		for _, sample := range r.draws[:n] {
			if child := s.child(d.from, sample); child != nil {
				children[i] = append(children[i], child)
				all = append(all, child)
			}
		}
		r.draws = r.draws[n:]
	}
	failed := s.scoreLast(ctx, all)
	came := 0
	for i := range children {
		children[i] = slices.DeleteFunc(children[i], func(p *path) bool {
			err := failed[p.twin()]
			if err == nil {
				s.tell(p.id)
				return false
			}
			s.drop(p.id, "not scored: "+err.Error())
			if first == nil {
				first = err
			}
			return true
		})
		came += len(children[i])
	}
	switch {
	case came > 0:
		return children, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case first == nil:
		return nil, ErrNoCandidate
	case len(failed) > 0:
		return nil, fmt.Errorf("%w: %w: %w", ErrNoCandidate, errUnscored, first)
	case errors.Is(first, ErrNoCandidate):
		return nil, first
	}
	return nil, fmt.Errorf("%w: %w", ErrNoCandidate, first)
}

// child is what a sampled step makes of a path; nil when it is of no use.
func (s *Search) child(from *path, sample draw) *path {
	text := strings.TrimSpace(sample.Text)
	c := s.candidate(sample.id)
	c.Text = text
	if text != "" && sample.Finish == FinishLength {
		s.drop(sample.id, "cut off before the step ended")
		if len(from.steps) == 0 {
			s.cut = true
			s.broken(sample)
		}
		return nil
	}
	if text == "" {
		p := *from
		p.from, p.id, p.empty, p.ended = from, sample.id, true, FinishEnd
		p.length += sample.CompletionTokens
		return &p
	}
	p := from.extend(sample, []string{text})
	switch {
	case sample.Finish == FinishEnd || endsAnswer(text):
		p.ended = FinishEnd
		c.Answer, c.Answered = arith.Extract(text)
	case p.length >= s.Options.MaxTokens:
		p.ended = FinishLength
	}
	return p
}

// scoreLast scores the last step of each path, twins once, and says which could not be scored.
func (s *Search) scoreLast(ctx context.Context, paths []*path) map[twin]error {
	var fresh []*path
	asked := map[twin]bool{}
	for _, p := range paths {
		if _, known := s.known[p.twin()]; !known && !asked[p.twin()] && !p.empty {
			asked[p.twin()] = true
			fresh = append(fresh, p)
		}
	}
	failed := map[twin]error{}
	for i, v := range s.score(ctx, jobs(fresh)) {
		if v.err != nil {
			failed[fresh[i].twin()] = v.err
			continue
		}
		s.known[fresh[i].twin()] = v.Judgement
	}
	for _, p := range paths {
		if failed[p.twin()] != nil {
			continue
		}
		if !p.empty {
			at, known := len(p.steps)-1, s.known[p.twin()]
			p.scores = append(p.scores[:at:at], known.Steps[len(known.Steps)-1])
			known.Steps = p.scores
			p.score, p.whole = s.rate(known), known.Rate(s.Options.Aggregate)
		}
		c := s.candidate(p.id)
		c.Score, c.Scored = p.score, len(p.scores) > 0
	}
	return failed
}

func jobs(paths []*path) []Working {
	out := make([]Working, len(paths))
	for i, p := range paths {
		out[i] = Working{Steps: p.steps, Tokens: p.tokens}
	}
	return out
}

// endsAnswer reports whether a step is the one that states the final answer.
func endsAnswer(text string) bool {
	if !step.IsAnswer(text) {
		return false
	}
	_, ok := arith.Extract(text)
	return ok
}

// finish draws paths to the end of the answer, at once and with what is left of the budget, and returns those that
// came, in the order in which they were asked for, ended. One that can't be scored keeps the score it had.
func (s *Search) finish(ctx context.Context, ends []draft) ([]*path, error) {
	var requests []request
	share := s.left() / width(ends)
	if share == 0 {
		return nil, ErrNoCandidate
	}
	before := 0
	for _, d := range ends {
		at := len(d.from.steps)
		requests = append(requests, request{SampleRequest{Prefix: d.from.steps, N: d.n, MaxTokens: min(share, s.Options.MaxTokens-d.from.length),
			Temperature: s.Options.Temperature, TopP: s.Options.TopP, Seed: s.seed(at, before)}, d.from.id, at})
		before += d.n
	}
	var out []*path
	var first error
	for i, r := range s.sampleAll(ctx, requests) {
		if first == nil {
			first = r.err
		}
		for _, sample := range r.draws {
			p := ends[i].from.extend(sample, step.Split(sample.Text)) // #nosec G602 -- sampleAll answers each request, of which there is one for each end
			p.ended = sample.Finish
			c := s.candidate(sample.id)
			c.Text = strings.TrimSpace(sample.Text)
			c.Answer, c.Answered = p.answer()
			out = append(out, p)
		}
	}
	for i, v := range s.score(ctx, jobs(out)) {
		p := out[i]
		c := s.candidate(p.id)
		if v.err == nil && len(p.steps) > 0 {
			p.scores, p.score, p.whole = v.Steps, s.rate(v.Judgement), v.Rate(s.Options.Aggregate)
			c.Score, c.Scored = p.score, true
		}
		s.tell(p.id)
	}
	if len(out) == 0 {
		return nil, first
	}
	return out, nil
}

// pathResult makes the result out of a path and marks what it consists of.
func (s *Search) pathResult(p *path, why string) Result {
	for q := p; q != nil && q.id > 0; q = q.from {
		switch c := s.candidate(q.id); {
		case c.Chosen: // and told
		case q == p:
			s.choose(q.id, why)
		default:
			s.choose(q.id, c.Kept)
		}
	}
	r := Result{Text: p.text(), Finish: p.ended, Steps: scoredSteps(p.steps, p.scores), Tokens: p.all}
	if r.Finish == "" {
		r.Finish = FinishLength
	}
	r.Answer, r.Answered = answer(r.Text, p.steps, r.Finish)
	return r
}
