package decode

import (
	"context"
	"math"
)

// auto draws as few whole answers as settle the vote, up to Options.N.
//
// Where Options.Gate trusts the PRM, a vote weighs score^exponent: one answer is drawn, then two at a time, until the leading
// answer is ahead by the weight Gate.Lead. That lead, and after how many worthless answers to give up, are chosen on the
// hold-out, the most careful setting first, as long as auto stays better than a plain vote of N at 95 % (fixed-sequence testing,
// as in arXiv 2110.01052); Gate.Auto says how often stopping changed the vote there. Questions that are still open after half of
// the candidates go to Gate.Escalate with the tokens that the others would have taken, if that was measured to be better.
//
// Else the vote is plain: three answers, then as many as could settle it, until the chance that another answer ends with more votes
// is below risk. A draw repeats an answer that m of n had with probability m/(n+1), and is a new one with 1/(n+1) (Pólya's urn; Beta
// as in Adaptive-Consistency, arXiv 2305.11860, with all answers and the number of draws left in view); the chances of all rivals
// are added up, and those of all new answers given to one. With a PRM of which nothing was measured, ties alone are broken by it;
// one that was measured and not found useful has no say.
type auto struct{}

const (
	risk     = 0.05 // that an early stop of a plain vote changes its outcome, by the model above
	opening  = 3    // answers drawn at first for a plain vote
	silent   = 5    // answers without a final one after which nobody is taken to give one
	nothing  = 0.05 // weight that is none
	prmDraws = 2    // answers drawn at a time behind the first, by the PRM's vote
)

// AutoReport says what auto decided.
type AutoReport struct {
	Vote      string  `json:"vote"`   // "prm" or "plain"
	Reason    string  `json:"reason"` // why
	Drawn     int     `json:"drawn"`
	Of        int     `json:"of"`                  // N
	Overturn  float64 `json:"overturn,omitempty"`  // plain: the bound on the chance that the rest of N had changed the vote
	Lead      float64 `json:"lead,omitempty"`      // prm: by which the answer won
	Escalated string  `json:"escalated,omitempty"` // the strategy that gave the answer in the end
}

// stopping is a rule of when to stop drawing: the PRM's, or where prm is false the plain vote's.
type stopping struct {
	prm      bool
	exponent float64
	lead     float64
	hopeless int
}

func ruleOf(g *Gate) stopping {
	if g == nil || !g.Trust {
		return stopping{}
	}
	return stopping{prm: true, exponent: g.Exponent, lead: g.Lead, hopeless: g.Hopeless}
}

// ballot is the vote of a candidate.
func (r stopping) ballot(answer string, answered bool, score float64) ballot {
	b := ballot{answer: answer, answered: answered, weight: 1}
	if r.prm {
		b.weight, b.score = math.Pow(score, r.exponent), score
	}
	return b
}

// more is how many of n answers to draw next when drawn are there, dead ones counted; 0 to stop.
func (r stopping) more(ballots []ballot, drawn, n int) int {
	left := n - drawn
	all := parties(ballots)
	switch {
	case left <= 0:
		return 0
	case drawn == 0 && r.prm:
		return 1
	case drawn == 0:
		return min(opening, left)
	case len(all) == 0:
		if drawn >= silent {
			return 0
		}
		return min(silent-drawn, left)
	case r.prm:
		ahead := lead(all)
		if ahead >= r.lead || r.hopeless > 0 && drawn >= r.hopeless && all[winner(all)].votes < nothing {
			return 0
		}
		return min(prmDraws, left)
	}
	// A vote that only the leader's own draws would settle isn't looked at again before these are there.
	at := winner(all)
	for more := 0; more < left; more++ {
		if overturn(all, drawn+more, left-more) <= risk {
			return more
		}
		all[at].members++
		all[at].votes++
	}
	return left
}

// lead is by how much weight the winner is ahead.
func lead(all []party) float64 {
	first := winner(all)
	second := 0.0
	for i, p := range all {
		if i != first {
			second = max(second, p.votes)
		}
	}
	return all[first].votes - second
}

// overturn bounds the chance that a plain vote has another winner after left further draws; drawn are there, those without an
// answer among them. See auto.
func overturn(all []party, drawn, left int) float64 {
	first := winner(all)
	leader := all[first].members
	const fresh = 1
	sum := overtakes(leader, 0, fresh, drawn-leader, left, false)
	for i, p := range all {
		if i != first {
			sum += overtakes(leader, p.members, 0, drawn-leader-p.members+fresh, left, i < first)
		}
	}
	return min(1, sum)
}

// overtakes is the chance that a rival ends with more votes than the leader, or as many where it wins ties, by Pólya's urn with the
// votes of the leader, the rival (to which extra is added, as if it had so many) and the rest.
func overtakes(leader, rival, extra, rest, left int, winsTies bool) float64 {
	lg := logGamma(leader + rival + extra + rest + left + 1)
	a, b, c := leader, rival+extra, rest
	base := lg(left+1) + lg(a+b+c) - lg(a+b+c+left) - lg(a) - lg(b)
	if c > 0 {
		base -= lg(c)
	}
	p := 0.0
	for y := range left + 1 {
		for x := range left - y + 1 {
			if rival+y < leader+x || rival+y == leader+x && !winsTies {
				continue
			}
			z := left - x - y
			if c == 0 && z > 0 {
				continue
			}
			log := base + lg(a+x) + lg(b+y) - lg(x+1) - lg(y+1) - lg(z+1)
			if c > 0 {
				log += lg(c + z)
			}
			p += math.Exp(log)
		}
	}
	return p
}

// logGamma returns ln Γ of 1 to n. It is looked up: bounds of large votes ask for it millions of times.
func logGamma(n int) func(int) float64 {
	table := make([]float64, n+1)
	for i := 2; i <= n; i++ {
		table[i] = table[i-1] + math.Log(float64(max(i-1, 1)))
	}
	return func(i int) float64 { return table[i] }
}

// Ballot is a recorded candidate, for Replay.
type Ballot struct {
	Answer   string
	Answered bool
	Score    float64 // aggregated, in [0,1]
	Tokens   int     // generated for it
}

// Replay has auto choose from recorded candidates, in their order, as it would have while drawing them, but for what is left to
// Gate.Escalate. It returns the index of the one chosen, -1 when there is none, and how many were drawn. early false draws all.
func Replay(ballots []Ballot, g *Gate, early bool) (chosen, drawn int) {
	r := ruleOf(g)
	var votes []ballot
	for drawn < len(ballots) {
		more := len(ballots) - drawn
		if early {
			more = r.more(votes, drawn, len(ballots))
		}
		if more == 0 {
			break
		}
		for _, b := range ballots[drawn : drawn+more] {
			votes = append(votes, r.ballot(b.Answer, b.Answered, b.Score))
		}
		drawn += more
	}
	if drawn == 0 {
		return -1, 0
	}
	return max(elect(votes), 0), drawn
}

func (auto) Search(ctx context.Context, s *Search) (Result, error) {
	g := s.Options.Gate
	report := AutoReport{Vote: "plain", Reason: g.String(), Of: s.Options.N}
	var r stopping
	switch {
	case s.scorer == nil:
		report.Reason = "there is no PRM"
	case g != nil && g.Trust:
		r, report.Vote, s.Options.Aggregate = ruleOf(g), "prm", g.Aggregate
	}
	var solutions []solution
	votes := func() []ballot {
		out := make([]ballot, len(solutions))
		for i, c := range solutions {
			out[i] = r.ballot(c.answer, c.answered, c.score)
		}
		return out
	}
	var died error
	escalate := ""
	if r.prm {
		escalate = g.Escalate
	}
	for {
		drawn := s.turns
		more := r.more(votes(), drawn, s.Options.N)
		if more == 0 {
			break
		}
		if r.prm && escalate != "" && 2*drawn >= s.Options.N && len(solutions) > 0 {
			if result, ok := s.escalate(ctx, escalate, solutions); ok {
				report.Drawn, report.Escalated = drawn, escalate
				result.Auto = report
				return result, nil
			}
			if err := ctx.Err(); err != nil && !s.late(ctx, err) {
				return Result{}, err
			}
			break // its tokens are spent
		}
		fresh, err := s.whole(ctx, drawn+more, s.Options.Temperature)
		switch {
		case err == nil:
		case ctx.Err() == nil && s.turns > drawn: // they died, and have cost their turns
			died = err
			continue
		case len(solutions) == 0 || ctx.Err() != nil && !s.late(ctx, err):
			return Result{}, err
		}
		if len(fresh) == 0 {
			break // no budget, no time or no endpoint is left
		}
		solutions = append(solutions, fresh...)
		if r.prm {
			if err := s.scoreAll(ctx, solutions[len(solutions)-len(fresh):]); err != nil {
				if ctx.Err() != nil {
					return Result{}, ctx.Err()
				}
				r, report.Vote, report.Reason = stopping{}, "plain", "the PRM failed: "+err.Error()
			}
		}
	}
	switch {
	case len(solutions) > 0:
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	case died != nil:
		return Result{}, died
	default:
		return Result{}, ErrNoCandidate
	}
	if r.prm && !scored(solutions) {
		r, report.Vote, report.Reason = stopping{}, "plain", "time was up before the PRM had a say"
	}
	ballots := votes()
	if s.scorer != nil && g == nil {
		if err := s.breakTie(ctx, solutions, ballots); err != nil {
			return Result{}, err
		}
	}
	report.Drawn = s.turns
	chosen, why := elect(ballots), "its answer has the most votes"
	if all := parties(ballots); chosen < 0 {
		chosen, why = 0, "the first, as none has an answer"
	} else if r.prm {
		report.Lead = lead(all)
	} else if left := s.Options.N - report.Drawn; left > 0 {
		report.Overturn = overturn(all, report.Drawn, left)
	}
	result := s.result(solutions, chosen, why, func(c solution) string { return outvoted(c.answer, c.answered, solutions[chosen].answer) })
	result.Auto = report
	return result, nil
}

// breakTie lets the PRM decide among answers with equally many votes: it adds less than a vote to the best scored one. A PRM that
// fails has no say. The error is the context's.
func (s *Search) breakTie(ctx context.Context, solutions []solution, ballots []ballot) error {
	all := parties(ballots)
	if len(all) == 0 || lead(all) > 0 {
		return nil
	}
	if err := s.scoreAll(ctx, solutions); err != nil {
		return ctx.Err()
	}
	for i, c := range solutions {
		ballots[i].score = c.score
	}
	all = parties(ballots) // now led by their best scored members
	best := all[winner(all)]
	for _, p := range all {
		if p.votes == best.votes && ballots[p.leader].score > ballots[best.leader].score {
			best = p
		}
	}
	ballots[best.leader].weight += 0.5
	return nil
}

// escalate gives what is still open to a step-wise strategy, with the tokens that the rest of the candidates would have taken. ok is
// false when no answer came of it; then everything is as before, but for the bill.
func (s *Search) escalate(ctx context.Context, strategy string, solutions []solution) (r Result, ok bool) {
	d, err := find(strategy)
	if err != nil {
		return Result{}, false
	}
	before, drawn := s.Options, len(s.candidates)
	spent := 0
	for _, c := range solutions {
		spent += c.CompletionTokens
	}
	budget := s.completionTokens + spent/len(solutions)*(before.N-s.turns)
	if before.TokenBudget > 0 {
		budget = min(budget, before.TokenBudget)
	}
	s.Options.TokenBudget = budget
	if before.Watch != nil { // what it settles is settled only if its answer is taken
		s.Options.Watch = func(e Event) {
			if e.Candidate != nil {
				before.Watch(e)
			}
		}
	}
	r, err = d.strategy.Search(ctx, s)
	s.Options, s.settled = before, ""
	if s.stopped == StoppedBudget && s.left() > 0 {
		s.stopped = "" // its own budget, not the client's
	}
	if err == nil && r.Answered {
		for _, c := range solutions {
			s.drop(c.id, "left open: "+strategy+" was to decide")
		}
		return r, true
	}
	if s.stopped == StoppedSteps || s.stopped == StoppedPRM {
		s.stopped = "" // the search that came to nothing, not the vote that stands
	}
	for i := range s.candidates[drawn:] {
		if c := &s.candidates[drawn+i]; c.Chosen {
			c.Chosen, c.Kept = false, ""
			s.drop(c.ID, "no answer")
		}
	}
	return Result{}, false
}
