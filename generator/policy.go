package generator

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Policy is π_G(arm | kind): a softmax over the arms for each kind of step, mixed with a floor so that no
// strategy is ever given up for good. It learns, as Config.Learner says, by optimistic steps on
//
//	U_G = E[r_G] − τ·KL(π‖uniform) + c·H(π)
//
// for each kind on its own, where π is what is played, floor and veto included. Validity is a constraint and no reward:
// what is still correct earns nothing, but a strategy that gives it too often is vetoed, that is played at the floor;
// what the oracle can't judge counts for nothing.
//
// The expected reward of a strategy on a kind is estimated from all attacks so far, those of a round counting half as
// much as those of the one after it because R has learned since: the mean of the kind, the strategy's effect over all
// kinds, and what it has beside that on this one, each shrunk towards none. So no strategy is credited for the kinds it
// was played on, and what was never tried counts as average.
type Policy struct {
	Names  []string           `json:"strategies"`
	Floor  float64            `json:"floor"`
	Tau    float64            `json:"tau"`
	Bonus  float64            `json:"entropy"` // c
	Shrink float64            `json:"shrink"`
	Logits map[Kind][]float64 `json:"logits"`
	Steps  map[Kind]*Optimist `json:"steps"`
	Rates  map[Kind][]Tally   `json:"rates"`           // of truly wrong attacks: what they earned
	Still  []Tally            `json:"still_correct"`   // of each strategy: attacks that the oracle was sure of, and those of them that came out still correct
	Vetoed []bool             `json:"vetoed,omitzero"` // since the last step; nil before any
	By     Learner            `json:"learner"`
}

// Outcome is an attack that the oracle was sure of: what it earned the generator if it is wrong.
type Outcome struct {
	Strategy     string
	Kind         Kind
	Reward       float64 // in [0,1]; nothing where it is still correct
	StillCorrect bool
}

// NewPolicy returns the uniform policy over the strategies.
func NewPolicy(names []string, cfg Config) *Policy {
	p := &Policy{
		Names: slices.Clone(names), Floor: cfg.Floor, Tau: cfg.Tau, Bonus: cfg.Entropy, Shrink: cfg.Shrink,
		Logits: make(map[Kind][]float64), Steps: make(map[Kind]*Optimist), Rates: make(map[Kind][]Tally),
		Still: make([]Tally, len(names)), By: cfg.Learner,
	}
	for _, k := range Kinds() {
		p.Logits[k] = make([]float64, len(names))
		p.Steps[k] = &Optimist{Rate: cfg.StepSize, Plain: cfg.Learner == Plain}
		p.Rates[k] = make([]Tally, len(names))
	}
	return p
}

// Probabilities returns π(· | kind), in the order of Names; each is at least Floor, and just that where the strategy is
// vetoed.
func (p *Policy) Probabilities(kind Kind) []float64 {
	_, played := p.play(kind)
	return played
}

// play returns the softmax over the strategies that are not vetoed, 0 for those that are, and π: the floor mixed in.
func (p *Policy) play(kind Kind) (free, played []float64) {
	free = softmax(p.Logits[kind])
	var kept float64
	for i := range free {
		if i < len(p.Vetoed) && p.Vetoed[i] {
			free[i] = 0
		}
		kept += free[i]
	}
	if kept == 0 {
		free, kept = softmax(p.Logits[kind]), 1
	}
	played = make([]float64, len(free))
	for i := range free {
		free[i] /= kept
		played[i] = p.Floor + p.share()*free[i]
	}
	return free, played
}

// share is what the floor leaves to the softmax.
func (p *Policy) share() float64 { return 1 - p.Floor*float64(len(p.Names)) }

// own reports whether strategy i is a move of the solver's own.
func (p *Policy) own(i int) bool {
	return slices.ContainsFunc(Arms(), func(a Arm) bool { return a.Own() && a.Name == p.Names[i] })
}

// vetoes returns the strategies too much of what they give is still correct, copies of the step among it: by a share
// drawn towards that of all, for a few attacks tell little. An own move that comes to nothing wrong mislabels nothing;
// it only costs, so it may be more.
func (p *Policy) vetoes() []bool {
	var all Tally
	for _, t := range p.Still {
		all.add(t.N, t.Sum)
	}
	out := make([]bool, len(p.Names))
	for i, t := range p.Still {
		limit := tooManyRight
		if p.own(i) {
			limit = tooManyDry
		}
		out[i] = t.N >= few && t.shrunk(few, all.mean()) > limit && t.mean() > limit
	}
	return out
}

// Draw returns a strategy for a step of this kind, none of those in not where others are left.
func (p *Policy) Draw(rng *rand.Rand, kind Kind, not ...string) string {
	pi := p.Probabilities(kind)
	others := slices.ContainsFunc(p.Names, func(name string) bool { return !slices.Contains(not, name) })
	var total float64
	for i, name := range p.Names {
		if others && slices.Contains(not, name) {
			pi[i] = 0
		}
		total += pi[i]
	}
	if total == 0 { // a floor of 0 may leave none of those that are left any chance
		for i, name := range p.Names {
			if !slices.Contains(not, name) {
				pi[i] = 1
				total++
			}
		}
	}
	x := rng.Float64() * total
	last := 0
	for i, v := range pi {
		if v == 0 {
			continue
		}
		last = i
		if x -= v; x < 0 {
			break
		}
	}
	return p.Names[last]
}

// Observe takes up outcomes, which the next Step learns from. Those of strategies that the policy does not know are an
// error.
func (p *Policy) Observe(outcomes []Outcome) error {
	for _, o := range outcomes {
		if !slices.Contains(p.Names, o.Strategy) || p.Rates[o.Kind] == nil {
			return fmt.Errorf("policy: no strategy %q for kind %q", o.Strategy, o.Kind)
		}
	}
	if p.By == Uniform {
		return nil
	}
	for _, o := range outcomes {
		at := slices.Index(p.Names, o.Strategy)
		if o.StillCorrect {
			p.Still[at].add(1, 1)
			continue
		}
		p.Still[at].add(1, 0)
		p.Rates[o.Kind][at].add(1, o.Reward)
	}
	return nil
}

// Step takes one step per kind, to the policy that is played next: what is never played is never stepped to.
func (p *Policy) Step() {
	if p.By == Uniform {
		return
	}
	p.Vetoed = p.vetoes()
	rewards := p.estimates()
	for _, k := range Kinds() {
		if p.By == BestResponse {
			for i, r := range rewards[k] {
				p.Logits[k][i] = r / max(p.Tau+p.Bonus, 1e-3)
			}
			continue
		}
		free, played := p.play(k)
		g := advantages(free, played, rewards[k], p.Tau, p.Bonus)
		for i := range g {
			g[i] *= p.share()
		}
		p.Steps[k].Step(p.Logits[k], g)
	}
}

// Renew is a new round's beginning: R has learned, so what was earned counts less, and the last gradient, which was
// against another R, foretells nothing: the next step is a plain one.
func (p *Policy) Renew() {
	for i := range p.Still {
		p.Still[i].fade()
	}
	for _, k := range Kinds() {
		for i := range p.Rates[k] {
			p.Rates[k][i].fade()
		}
		p.Steps[k].Last = nil
	}
}

// estimates returns what each strategy is thought to earn on each kind: kind + strategy + what is left. It is a ridge
// regression, found by descending along one after the other, whose penalty is Shrink attacks' worth of a strategy's
// effect and of what is left, and hardly any of a kind's: what a kind earns makes no strategy better than another.
func (p *Policy) estimates() map[Kind][]float64 {
	var all Tally
	for _, k := range Kinds() {
		for _, t := range p.Rates[k] {
			all.add(t.N, t.Sum)
		}
	}
	mean := all.mean()
	ofKind, ofName := make(map[Kind]float64), make([]float64, len(p.Names))
	for range 20 {
		for _, k := range Kinds() {
			var left Tally
			for i, t := range p.Rates[k] {
				left.add(t.N, t.Sum-t.N*(mean+ofName[i]))
			}
			ofKind[k] = left.shrunk(1, 0)
		}
		for i := range p.Names {
			var left Tally
			for _, k := range Kinds() {
				t := p.Rates[k][i]
				left.add(t.N, t.Sum-t.N*(mean+ofKind[k]))
			}
			ofName[i] = left.shrunk(p.Shrink, 0)
		}
	}
	out := make(map[Kind][]float64)
	for _, k := range Kinds() {
		out[k] = make([]float64, len(p.Names))
		for i, t := range p.Rates[k] {
			out[k][i] = t.shrunk(p.Shrink, mean+ofKind[k]+ofName[i])
		}
	}
	return out
}

// Entropy returns H(π(· | kind)) in nats, at most log of the number of strategies.
func (p *Policy) Entropy(kind Kind) float64 { return entropy(p.Probabilities(kind)) }

// fading is what a round's outcomes still count in the next.
const fading = 0.5

// Tally is a count, faded, and the sum of what was counted.
type Tally struct {
	N   float64 `json:"n"`
	Sum float64 `json:"sum"`
}

func (t *Tally) add(n, sum float64) { t.N, t.Sum = t.N+n, t.Sum+sum }

func (t *Tally) fade() { t.N, t.Sum = fading*t.N, fading*t.Sum }

// mean is 0 of nothing.
func (t Tally) mean() float64 { return t.shrunk(0, 0) }

// shrunk is the mean as if weight further outcomes had come out at prior.
func (t Tally) shrunk(weight, prior float64) float64 {
	if t.N+weight == 0 {
		return prior
	}
	return (t.Sum + weight*prior) / (t.N + weight)
}
