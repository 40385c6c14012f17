package decode

import (
	"context"
	"math"

	"aprm/prm/step"
	"aprm/prm/vote"
)

// auto draws as few whole answers as settle the vote, up to Options.N.
//
// Where something was measured of the PRM with this LLM (Options.Gate, else what the checkpoint has from its training)
// and logits were worth more than nothing, votes are weighed by them: one answer is drawn after the other, until the
// chance that the leading answer is right, fitted on that hold-out, is as great as was found to lose no accuracy there
// (vote.Stop). Questions that are still open after half of the candidates go to Gate.Escalate with the tokens that the
// others would have taken, if that was measured to be better. Of programs and prose a program comes first; where
// nothing says how likely it alone is right, one of each.
//
// Without a PRM answers weigh what their own log-probabilities say (see Confidence), where the endpoint gives them.
//
// Else the vote is plain: three answers, then as many as could settle it, until the chance that another answer ends
// with more votes is below risk. A draw repeats an answer that m of n had with probability m/(n+1), and is a new one
// with 1/(n+1) (Pólya's urn; Beta as in Adaptive-Consistency, arXiv 2305.11860, with all answers and the number of
// draws left in view); the chances of all rivals are added up, and those of all new answers given to one. With a PRM of
// which nothing was measured, ties alone are broken by it; one that was measured and not found useful has no say.
type auto struct{}

const (
	risk     = 0.05 // that an early stop of a plain vote changes its outcome, by the model above
	opening  = 3    // answers drawn at first for a plain vote
	silent   = 5    // answers without a final one after which nobody is taken to give one
	tiebreak = 1e-6 // beta of a vote in which logits decide between groups of one size, and nothing else
)

// AutoReport says what auto decided.
type AutoReport struct {
	Vote      string  `json:"vote"`   // "prm", "confidence" or "plain"
	Reason    string  `json:"reason"` // why
	Drawn     int     `json:"drawn"`
	Of        int     `json:"of"`                  // N
	Overturn  float64 `json:"overturn,omitempty"`  // plain: the bound on the chance that the rest of N had changed the vote
	Lead      float64 `json:"lead,omitempty"`      // weighed: by which share of the weight the answer won
	Chance    float64 `json:"chance,omitempty"`    // weighed: that the answer is right
	Escalated string  `json:"escalated,omitempty"` // the strategy that gave the answer in the end

	Kinds step.Kinds `json:"kinds,omitempty"` // of the answers that it drew, where they aren't prose alone

	Rule vote.Rule `json:"-"` // by which votes counted
}

// stops reports whether a vote by the rule is weighed, and knows when it is settled.
func stops(r vote.Rule) bool { return r.Beta > 0 && r.Stop.At > 0 }

// more is how many of n answers of these kinds to draw next when drawn are there, dead ones counted; 0 to stop. Of both
// kinds one of each comes first, but where it is known how likely the first alone is right.
func more(r vote.Rule, kinds step.Kinds, ballots []ballot, drawn, n int) int {
	left := n - drawn
	c := r.Of(numbered(ballots))
	switch {
	case left <= 0:
		return 0
	case drawn == 0 && stops(r):
		return 1
	case drawn == 0 && kinds == step.Mixed:
		return min(2, left)
	case drawn == 0:
		return min(opening, left)
	case c.Winner < 0:
		if drawn >= silent {
			return 0
		}
		return min(silent-drawn, left)
	case stops(r):
		if r.Stop.Settled(c, n) {
			return 0
		}
		return 1
	}
	// A vote that only the leader's own draws would settle isn't looked at again before these are there.
	sizes, first := sizesOf(ballots)
	for more := 0; more < left; more++ {
		if overturn(sizes, first, drawn+more, left-more) <= risk {
			return more
		}
		sizes[first]++
	}
	return left
}

// sizesOf are the numbers of ballots for each answer, in the order in which they came, and which of them is the
// greatest, the first of several.
func sizesOf(ballots []ballot) (sizes []int, first int) {
	for _, b := range numbered(ballots) {
		switch {
		case b.Group < 0:
		case b.Group == len(sizes):
			sizes = append(sizes, 1)
		default:
			sizes[b.Group]++
		}
	}
	for i, n := range sizes {
		if n > sizes[first] {
			first = i
		}
	}
	return sizes, first
}

// overturn bounds the chance that a plain vote has another winner after left further draws; drawn are there, those
// without an answer among them. See auto.
func overturn(sizes []int, first, drawn, left int) float64 {
	leader := sizes[first]
	const fresh = 1
	sum := overtakes(leader, 0, fresh, drawn-leader, left, false)
	for i, n := range sizes {
		if i != first {
			sum += overtakes(leader, n, 0, drawn-leader-n+fresh, left, i < first)
		}
	}
	return min(1, sum)
}

// overtakes is the chance that a rival ends with more votes than the leader, or as many where it wins ties, by Pólya's
// urn with the votes of the leader, the rival (to which extra is added, as if it had so many) and the rest.
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
	Score    float64   // aggregated, in [0,1]
	Tokens   int       // generated for it
	Kind     step.Kind // as it was asked for
	Program  bool      // it is a program and has given its value
}

// Replay has auto choose from recorded candidates, in their order, as it would have while drawing them, but for what is
// left to Gate.Escalate. It returns the index of the one chosen, -1 when there is none, and how many were drawn. early
// false draws all.
func Replay(recorded []Ballot, r vote.Rule, early bool) (chosen, drawn int) {
	kinds := step.OnlyProse // as far as it matters to what comes first
	if len(recorded) > 1 && recorded[0].Kind != recorded[1].Kind {
		kinds = step.Mixed
	}
	var ballots []ballot
	for drawn < len(recorded) {
		n := len(recorded) - drawn
		if early {
			n = more(r, kinds, ballots, drawn, len(recorded))
		}
		if n == 0 {
			break
		}
		for _, b := range recorded[drawn : drawn+n] {
			ballots = append(ballots, ballot{b.Answer, b.Answered, b.Score, b.Program})
		}
		drawn += n
	}
	if drawn == 0 {
		return -1, 0
	}
	return max(r.Of(numbered(ballots)).Winner, 0), drawn
}

// Rule is how auto's votes over answers of these kinds count by what was measured of a PRM, nil for nothing. Where that
// wasn't worth anything, or it isn't known when to stop, logits say nothing: heads count, and, as they were measured to
// without a PRM's word, which kinds agree.
func (g *Gate) Rule(kinds step.Kinds) vote.Rule {
	r, ok := g.measuredFor(kinds)
	switch {
	case !ok:
		return vote.Plain
	case r.Trusted() && stops(r):
		return r
	}
	return vote.Rule{Power: 1, Mix: r.Mix}
}

func (auto) Search(ctx context.Context, s *Search) (Result, error) {
	g := s.Options.Gate
	report := AutoReport{Vote: "plain", Reason: g.reason(s.kinds), Of: s.Options.N}
	r, escalate := g.Rule(s.kinds), ""
	switch {
	case s.scorer == nil:
		report.Vote, report.Reason = byConfidence, "there is no PRM: answers weigh what the LLM's own log-probabilities say of them"
		r, s.confident = Confidence, true
	case stops(r):
		report.Vote, s.Options.Aggregate = byPRM, g.Aggregate
		if !s.kinds.HavePrograms() { // with which nothing else was compared
			escalate = g.Escalate
		}
	}
	if s.kinds.HavePrograms() {
		report.Kinds = s.kinds
	}
	plainly := func(why string) { r, report.Vote, report.Reason = vote.Plain, "plain", why }
	var solutions []solution
	var died error
	for {
		drawn := s.turns
		n := more(r, s.kinds, ballotsOf(solutions), drawn, s.Options.N)
		if n == 0 {
			break
		}
		if escalate != "" && report.Vote == byPRM && 2*drawn >= s.Options.N && len(solutions) > 0 {
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
		fresh, err := s.whole(ctx, drawn+n, s.Options.Temperature)
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
		latest := solutions[len(solutions)-len(fresh):]
		switch report.Vote {
		case byPRM:
			if err := s.scoreAll(ctx, latest); err != nil {
				if ctx.Err() != nil {
					return Result{}, ctx.Err()
				}
				plainly("the PRM failed: " + err.Error())
			}
		case byConfidence:
			if !s.weighConfidence(latest) {
				plainly("there is no PRM, and the endpoint gives no log-probabilities")
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
	if report.Vote == byPRM && !scored(solutions) {
		plainly("time was up before the PRM had a say")
	}
	c := r.Of(numbered(ballotsOf(solutions)))
	if _, measured := g.measuredFor(s.kinds); s.scorer != nil && !measured && c.Winner >= 0 && c.Lead() < 1e-9 {
		if err := s.scoreAll(ctx, solutions); err != nil && ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		r = vote.Rule{Beta: tiebreak, Power: 1}
		c = r.Of(numbered(ballotsOf(solutions)))
	}
	report.Drawn, report.Rule = s.turns, r
	switch {
	case c.Winner < 0:
	case report.Vote != "plain":
		if report.Lead = c.Lead(); stops(r) { // else nothing was fitted that would know
			report.Chance = r.Stop.Chance(c)
		}
	case s.Options.N > report.Drawn:
		sizes, first := sizesOf(ballotsOf(solutions))
		report.Overturn = overturn(sizes, first, report.Drawn, s.Options.N-report.Drawn)
	}
	result := s.elected(solutions, r)
	result.Auto = report
	return result, nil
}

// escalate gives what is still open to a step-wise strategy, with the tokens that the rest of the candidates would have
// taken. ok is false when no answer came of it; then everything is as before, but for the bill.
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
