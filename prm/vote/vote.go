// Package vote says how much answers to one problem count against each other, given how much a PRM, or the LLM's own
// confidence, was measured to know of them, and when so much is settled that more answers need not be drawn. It is pure
// and imports nothing of this module.
package vote

import (
	"fmt"
	"math"
)

// Ballot is an answer to a problem.
type Ballot struct {
	Group   int     // equal final answers share one; negative: it has no final answer and can't be voted for
	Logit   float64 // what is thought of it: of two answers to one problem, the difference is the log odds that the one ends right and not the other
	Program bool    // it is a program that was run, and no prose
	Right   bool    // it ends right; for Fit alone
}

// Rule is how much a logit counts: a group of n equal answers weighs n^Power · mean exp(Beta·logit). Beta and Power are
// at least 0; {Beta: 0, Power: 1} is a plain vote, a great Beta is best-of-N.
type Rule struct {
	Beta  float64 `json:"beta"`
	Power float64 `json:"power"`

	Nats     float64 `json:"nats"`     // log-likelihood of the right answers gained over Beta 0, a problem
	Margin   float64 `json:"margin"`   // what had to be gained for it to be more than chance
	Problems int     `json:"problems"` // it was found on, with right and wrong answers; 0: not measured, but set

	Mix  Mix  `json:"mix,omitzero"`
	Stop Stop `json:"stop"`
}

// Mix is how programs count beside prose: a program's say is exp(Beta·logit + Programs), and the weight of a group is
// multiplied by (1+m)^Both, where m is the number of its programs or of its prose answers, whichever is less. What both
// kinds come to is oftener right than what one comes to as often (PROVE, arXiv 2410.12608). The zero value makes no
// difference between them.
type Mix struct {
	Programs float64 `json:"programs"`
	Both     float64 `json:"both"`

	Nats   float64 `json:"nats"`   // log-likelihood of the right answers gained over no difference, a problem
	Margin float64 `json:"margin"` // what had to be gained for it to be more than chance
}

// Plain is the vote that counts heads.
var Plain = Rule{Power: 1}

// Check reports numbers that no vote can be counted by.
func (r Rule) Check() error {
	for _, v := range []float64{r.Beta, r.Power, r.Nats, r.Margin, r.Mix.Programs, r.Mix.Both, r.Mix.Nats, r.Mix.Margin,
		r.Stop.Bias, r.Stop.Lead, r.Stop.Level, r.Stop.Draws, r.Stop.Both, r.Stop.At} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%v is not finite", v)
		}
	}
	if r.Beta < 0 || r.Power < 0 || r.Beta > 1e3 || r.Power > 1e3 {
		return fmt.Errorf("beta %g and power %g are not in [0, 1000]", r.Beta, r.Power)
	}
	if math.Abs(r.Mix.Programs) > 1e3 || math.Abs(r.Mix.Both) > 1e3 {
		return fmt.Errorf("mix: programs %g and both %g are not in [-1000, 1000]", r.Mix.Programs, r.Mix.Both)
	}
	if r.Stop.At < 0 || r.Stop.At > 1 {
		return fmt.Errorf("stop: the chance %g is not in [0, 1]", r.Stop.At)
	}
	return nil
}

// Trusted reports whether logits were shown to be worth more than nothing.
func (r Rule) Trusted() bool { return r.Beta > 0 && r.Nats > r.Margin }

// Stop is when a vote is settled: the chance that the leading group is right is σ(Bias + Lead·lead + Level·level +
// Draws·ln n + Both·ln(1+m)), with lead the log weight of the leading group over that of all others and of one average
// answer yet unseen, level the mean logit of its members, n the number of answers drawn, and m the leading group's
// programs or prose answers, whichever are fewer.
type Stop struct {
	Bias  float64 `json:"bias"`
	Lead  float64 `json:"lead"`
	Level float64 `json:"level"`
	Draws float64 `json:"draws"`
	Both  float64 `json:"both,omitempty"`

	At     float64 `json:"at"`     // no more answers are drawn once the chance is at least this; 0: nothing was measured
	Of     int     `json:"of"`     // answers to a problem that At was found with; 0: not known
	Loss   float64 `json:"loss"`   // of accuracy by stopping, where it was measured
	Tokens float64 `json:"tokens"` // share of the answers that were drawn there
}

// Weight is the log of the weight of a group of equal answers, at least one.
func (r Rule) Weight(group []Ballot) float64 {
	says := make([]float64, len(group))
	for i, b := range group {
		says[i] = r.say(b)
	}
	return logSum(says) + (r.Power-1)*math.Log(float64(len(group))) + r.Mix.Both*math.Log1p(float64(both(group)))
}

// say is the log of what one answer says.
func (r Rule) say(b Ballot) float64 {
	if b.Program {
		return r.Beta*b.Logit + r.Mix.Programs
	}
	return r.Beta * b.Logit
}

// both is the number of programs of a group, or of its prose answers, whichever is less.
func both(group []Ballot) int {
	programs := 0
	for _, b := range group {
		if b.Program {
			programs++
		}
	}
	return min(programs, len(group)-programs)
}

// Count is the outcome of a vote.
type Count struct {
	Winner int       // ballot of the winning group with the greatest logit, the first of several; -1 when nobody votes
	Groups []int     // in the order in which they came
	Shares []float64 // of the weight, in [0,1], of each of Groups
	lead   float64   // as Stop has them
	level  float64
	draws  int
	both   int // of the leading group, see Mix
}

// Lead is by how great a share of the weight the winner is ahead, in [0,1].
func (c Count) Lead() float64 {
	first, second := 0.0, 0.0
	for _, s := range c.Shares {
		switch {
		case s > first:
			first, second = s, first
		case s > second:
			second = s
		}
	}
	return first - second
}

// Of counts ballots. Of groups that weigh the same the one that came first wins, so that a plain vote owes nothing to
// logits.
func (r Rule) Of(ballots []Ballot) Count {
	c := Count{Winner: -1, draws: len(ballots)}
	members := map[int][]Ballot{}
	var all []float64
	for _, b := range ballots {
		if b.Group < 0 {
			continue
		}
		if members[b.Group] == nil {
			c.Groups = append(c.Groups, b.Group)
		}
		members[b.Group] = append(members[b.Group], b)
		all = append(all, r.say(b))
	}
	if len(all) == 0 {
		return c
	}
	weights := make([]float64, len(c.Groups))
	first := 0
	for i, g := range c.Groups {
		if weights[i] = r.Weight(members[g]); weights[i] > weights[first] {
			first = i
		}
	}
	total := logSum(weights)
	for _, w := range weights {
		c.Shares = append(c.Shares, math.Exp(w-total))
	}
	unseen := logSum(all) - math.Log(float64(len(all))) // the mean of them
	rivals := append([]float64{unseen}, weights[:first]...)
	c.lead = weights[first] - logSum(append(rivals, weights[first+1:]...))
	leading := members[c.Groups[first]]
	for _, b := range leading {
		c.level += b.Logit / float64(len(leading))
	}
	c.both = both(leading)
	for i, b := range ballots {
		if b.Group == c.Groups[first] && (c.Winner < 0 || b.Logit > ballots[c.Winner].Logit) {
			c.Winner = i
		}
	}
	return c
}

// Chance is how likely it is that the winner of a count is right; 0 when nobody votes.
func (s Stop) Chance(c Count) float64 {
	if c.Winner < 0 {
		return 0
	}
	return s.sure(c.evidence())
}

func (s Stop) sure(e evidence) float64 {
	z := e.times([]float64{s.Bias, s.Lead, s.Level, s.Draws, s.Both})
	return Logistic(z)
}

// Settled reports whether the winner of a count is as likely right as At asks for, where n answers could be drawn.
// Where that is more than At was found with, what is forgone by stopping grows with what is left, and the doubt that is
// borne shrinks in proportion.
func (s Stop) Settled(c Count, n int) bool {
	doubt := 1 - s.At
	if s.Of > 0 && n > s.Of {
		doubt *= float64(s.Of) / float64(n)
	}
	return s.Chance(c) >= 1-doubt
}

// evidence is what Chance goes by.
type evidence [5]float64

func (c Count) evidence() evidence {
	return evidence{1, c.lead, c.level, math.Log(float64(max(c.draws, 1))), math.Log1p(float64(c.both))}
}

// Logistic is σ(z) = 1/(1+e^−z): the chance whose log odds are z.
func Logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func logSum(x []float64) float64 {
	highest := math.Inf(-1)
	for _, v := range x {
		highest = max(highest, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(v - highest)
	}
	return highest + math.Log(sum)
}
