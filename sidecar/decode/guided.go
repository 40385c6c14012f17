package decode

import (
	"context"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// guided builds the answer step by step: it samples N next steps, scores each in its context, and keeps the best. When even
// that one is below Options.Threshold, it samples again, at most resamples times, and keeps the best of all.
//
// Near the end of the budget, when choosing on could leave the answer unfinished, one continuation is drawn to the end.
type guided struct{}

const (
	resamples = 2   // times that a step is sampled again
	stepCap   = 256 // tokens of one step: a model that forgets to break its lines is cut off
	firstStep = 24  // tokens that a step is taken to need before one was seen
)

// path is the answer as far as it has come.
type path struct {
	steps  []string
	tokens [][]step.Token // of each step
	all    []step.Token   // of the text, line breaks included
	scores []Score
	length int // tokens
	id     int // of the candidate that is the last step
}

func (guided) Search(ctx context.Context, s *Search) (Result, error) {
	var p path
	dearest := s.Options.N * firstStep // tokens of the dearest choice so far
	finish := FinishLength
	for len(p.steps) < s.Options.MaxSteps && p.length < s.Options.MaxTokens {
		if s.left() < dearest+dearest/2 { // not enough for another choice and an end
			end, err := s.finishAlone(ctx, &p)
			if err != nil && len(p.steps) == 0 {
				return Result{}, err
			}
			finish = end
			s.stopped = StoppedBudget
			break
		}
		before := s.completionTokens
		next, err := s.nextStep(ctx, p)
		if err != nil {
			if len(p.steps) > 0 && (s.late(ctx, err) || ctx.Err() == nil) {
				break // what is in hand is the answer
			}
			return Result{}, err
		}
		if cost := s.completionTokens - before; len(p.steps) == 0 || cost > dearest {
			dearest = cost
		}
		if next.text != "" {
			p.add(next)
			s.settle(strings.Join(p.steps, "\n"))
		}
		if next.ends {
			finish = FinishEnd
			break
		}
	}
	text := strings.Join(p.steps, "\n")
	found, ok := answer(text, p.steps, finish)
	return Result{Text: text, Answer: found, Answered: ok, Finish: finish, Steps: scoredSteps(p.steps, p.scores), Tokens: p.all}, nil
}

// next is a candidate for the next step.
type next struct {
	text   string
	tokens []step.Token // that spell it, as in training
	all    []step.Token // that were drawn, what ends the step included
	length int
	score  Score
	ends   bool // the answer ends with it
	id     int  // of the candidate
}

func (p *path) add(n next) {
	p.steps = append(p.steps, n.text)
	p.tokens = append(p.tokens, n.tokens)
	p.all = append(p.all, n.all...)
	p.scores = append(p.scores, n.score)
	p.length += n.length
	p.id = n.id
}

// nextStep samples, scores and chooses the next step.
func (s *Search) nextStep(ctx context.Context, p path) (next, error) {
	var chosen next
	var scored []next
	known := map[string]Score{}
	at := len(p.steps)
	others := 0 // than empty ones
	for round := range 1 + resamples {
		limit := min(stepCap, s.Options.MaxTokens-p.length, max(1, s.left()/s.Options.N))
		samples, err := s.sample(ctx, SampleRequest{Prefix: p.steps, N: s.Options.N, MaxTokens: limit, Temperature: s.Options.Temperature,
			TopP: s.Options.TopP, Seed: s.seed(at, round*s.Options.N), OneStep: true}, at, p.id)
		if err != nil {
			if len(scored) > 0 {
				break
			}
			return next{}, err
		}
		for _, sample := range samples {
			n := next{text: strings.TrimSpace(sample.Text), all: sample.Tokens, length: sample.CompletionTokens, id: sample.id}
			n.tokens = step.SplitTokens(sample.Text, []string{n.text}, sample.Tokens)[0]
			n.ends = sample.Finish == FinishEnd || endsAnswer(n.text)
			c := s.candidate(n.id)
			c.Text = n.text
			if n.ends {
				c.Answer, c.Answered = arith.Extract(n.text)
			}
			if n.text == "" {
				// The LLM says that there is nothing to add: that ends the answer, if nobody has anything to add.
				s.drop(n.id, "empty")
				continue
			}
			others++
			if sample.Finish == FinishLength {
				s.drop(n.id, "cut off before the step ended")
				continue
			}
			twin, twice := known[n.text]
			if twice {
				n.score = twin
				c.Dropped = "the same as another"
			} else {
				scores, err := s.score(ctx, append(p.steps[:at:at], n.text), append(p.tokens[:at:at], n.tokens))
				if err != nil {
					s.drop(n.id, "not scored: "+err.Error())
					if ctx.Err() != nil {
						return next{}, err
					}
					continue
				}
				n.score = scores[at]
				known[n.text] = n.score
			}
			c.Score, c.Scored = n.score.Step, true
			s.tell(n.id)
			if twice {
				continue
			}
			if scored = append(scored, n); len(scored) == 1 || n.score.Step > chosen.score.Step {
				chosen = n
			}
		}
		if len(scored) > 0 && chosen.score.Step >= s.Options.Threshold {
			break
		}
		if s.left() < s.Options.N*max(1, chosen.length) {
			break
		}
		if others == 0 {
			return next{ends: true}, nil
		}
	}
	if len(scored) == 0 {
		return next{}, ErrNoCandidate
	}
	for _, n := range scored {
		if n.id == chosen.id {
			s.choose(n.id, "the best next step")
		} else {
			s.drop(n.id, "a lower score")
		}
	}
	return chosen, nil
}

// endsAnswer reports whether a step is the one that states the final answer.
func endsAnswer(text string) bool {
	if !step.IsAnswer(text) {
		return false
	}
	_, ok := arith.Extract(text)
	return ok
}

// finishAlone draws one continuation to the end of the answer with what is left of the budget, and scores nothing more.
func (s *Search) finishAlone(ctx context.Context, p *path) (Finish, error) {
	limit := min(s.left(), s.Options.MaxTokens-p.length)
	if limit <= 0 {
		return FinishLength, ErrNoCandidate
	}
	at := len(p.steps)
	samples, err := s.sample(ctx, SampleRequest{Prefix: p.steps, N: 1, MaxTokens: limit, Temperature: s.Options.Temperature,
		TopP: s.Options.TopP, Seed: s.seed(at, 0)}, at, p.id)
	if err != nil {
		return FinishLength, err
	}
	rest := step.Split(samples[0].Text)
	steps := append(p.steps[:at:at], rest...)
	tokens := append(p.tokens[:at:at], step.SplitTokens(samples[0].Text, rest, samples[0].Tokens)...)
	p.all = append(p.all, samples[0].Tokens...)
	p.length += samples[0].CompletionTokens
	p.steps, p.tokens = steps, tokens
	s.candidate(samples[0].id).Text = strings.TrimSpace(samples[0].Text)
	s.choose(samples[0].id, "the end, drawn whole for want of tokens")
	scores, err := s.score(ctx, steps, tokens)
	if err != nil {
		scores = append(p.scores, make([]Score, len(rest))...)
	}
	p.scores = scores
	return samples[0].Finish, nil
}
