package generator

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Policy is π_G(strategy | kind): a softmax over the attack strategies for each kind of step, mixed with a floor so that no
// strategy is ever given up for good. It learns, as Config.Learner says, by optimistic steps on
//
//	U_G = E[r_G] − τ·KL(π‖uniform) + c·H(π)
//
// for each kind on its own. The expected reward of a strategy on a kind is its mean so far, a round counting half as much as
// the one after it because R has learned since, shrunk towards the strategy's mean over all kinds, and that towards the mean of
// all attacks: what was never tried counts as average.
type Policy struct {
	Names  []string           `json:"strategies"`
	Floor  float64            `json:"floor"`
	Tau    float64            `json:"tau"`
	Bonus  float64            `json:"entropy"` // c
	Shrink float64            `json:"shrink"`
	Logits map[Kind][]float64 `json:"logits"`
	Steps  map[Kind]*Optimist `json:"steps"`
	Rates  map[Kind][]Tally   `json:"rates"`
	Still  []Tally            `json:"still_correct"` // of each strategy: attacks, and those of them that came out still correct
	By     Learner            `json:"learner"`
}

// Outcome is what one attack earned the generator: P(correct) that R gave it if it is wrong, −1 if it is still correct.
type Outcome struct {
	Strategy     string
	Kind         Kind
	Reward       float64
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

// Probabilities returns π(· | kind), in the order of Names; each is at least Floor, and just that where the strategy's corruptions are
// still correct too often.
func (p *Policy) Probabilities(kind Kind) []float64 {
	pi := softmax(p.Logits[kind])
	var kept float64
	for i := range pi {
		if p.vain(i) {
			pi[i] = 0
		}
		kept += pi[i]
	}
	if kept == 0 {
		pi, kept = softmax(p.Logits[kind]), 1
	}
	for i := range pi {
		pi[i] /= kept
	}
	rest := 1 - p.Floor*float64(len(pi))
	for i := range pi {
		pi[i] = p.Floor + rest*pi[i]
	}
	return pi
}

// vain reports whether too many of what strategy i gives is still correct, copies of the step among it.
func (p *Policy) vain(i int) bool {
	return p.By != Uniform && i < len(p.Still) && p.Still[i].N >= few && p.Still[i].Sum > tooManyRight*p.Still[i].N
}

// Draw returns a strategy for a step of this kind, none of those in not where others are left.
func (p *Policy) Draw(rng *rand.Rand, kind Kind, not ...string) string {
	pi := p.Probabilities(kind)
	var total float64
	for i, name := range p.Names {
		if len(not) < len(p.Names) && slices.Contains(not, name) {
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

// Learn takes one step per kind. Outcomes of strategies that the policy does not know are an error.
func (p *Policy) Learn(outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	for _, o := range outcomes {
		if !slices.Contains(p.Names, o.Strategy) || p.Rates[o.Kind] == nil {
			return fmt.Errorf("policy: no strategy %q for kind %q", o.Strategy, o.Kind)
		}
	}
	if p.By == Uniform {
		return nil
	}
	if p.Still == nil { // a state of before it was counted
		p.Still = make([]Tally, len(p.Names))
	}
	for i := range p.Still {
		p.Still[i].N, p.Still[i].Sum = fading*p.Still[i].N, fading*p.Still[i].Sum
	}
	for _, rates := range p.Rates {
		for i := range rates {
			rates[i].N, rates[i].Sum = fading*rates[i].N, fading*rates[i].Sum
		}
	}
	for _, o := range outcomes {
		at := slices.Index(p.Names, o.Strategy)
		p.Rates[o.Kind][at].add(1, o.Reward)
		still := 0.0
		if o.StillCorrect {
			still = 1
		}
		p.Still[at].add(1, still)
	}
	pooled := make([]Tally, len(p.Names))
	var all Tally
	for _, k := range Kinds() {
		for i, t := range p.Rates[k] {
			pooled[i].add(t.N, t.Sum)
			all.add(t.N, t.Sum)
		}
	}
	for _, k := range Kinds() {
		pi := softmax(p.Logits[k])
		reward := make([]float64, len(p.Names))
		for i := range reward {
			reward[i] = p.Rates[k][i].shrunk(p.Shrink, pooled[i].shrunk(p.Shrink/4, all.Sum/all.N))
		}
		if p.By == BestResponse {
			for i, r := range reward {
				p.Logits[k][i] = r / max(p.Tau+p.Bonus, 1e-3)
			}
			continue
		}
		p.Steps[k].Step(p.Logits[k], advantages(pi, reward, p.Tau, p.Bonus))
	}
	return nil
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

// shrunk is the mean as if weight further outcomes had come out at prior.
func (t Tally) shrunk(weight, prior float64) float64 {
	if t.N+weight == 0 {
		return prior
	}
	return (t.Sum + weight*prior) / (t.N + weight)
}
