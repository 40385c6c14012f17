package decode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// beam keeps, of all next steps of all kept paths, the N/Expansion best, and draws Expansion next steps of each of
// those (arXiv 2408.03314, section 5; Hugging Face's search-and-learn). The first step is chosen from N. A finished
// answer competes with its score for a place among the kept: when all places are taken by finished ones, the search is
// over. Of the finished ones the best N are voted on, whether they kept their place or not, those with an answer before
// those without.
type beam struct {
	n, expansion int
	done         []*path
}

func newBeam(o Options) rule { return &beam{n: o.N, expansion: min(o.Expansion, o.N)} }

func (b *beam) start(root *path) []draft { return []draft{{root, b.n}} }

func (b *beam) finished() []*path { return b.done }

func (b *beam) next(s *Search, _ []draft, children [][]*path) []draft {
	var all []*path
	for _, siblings := range children {
		all = append(all, s.distinct(siblings)...)
	}
	ended, open := split(all)
	b.done = append(b.done, ended...)
	places := b.n / b.expansion
	var next []draft
	for i, p := range byScore(append(answered(b.done), open...)) {
		switch {
		case p.ended != "":
		case i < places:
			s.keep(p.id, fmt.Sprintf("among the best %d", places))
			next = append(next, draft{p, b.expansion})
		default:
			s.drop(p.id, fmt.Sprintf("not among the best %d", places))
		}
	}
	if len(b.done) > b.n {
		// Those that stay keep their order: of two answers with as many votes the earlier one wins.
		with := answered(b.done)
		lowest := append(byScore(with), byScore(without(b.done, with))...)[b.n:]
		b.done = without(b.done, lowest)
		for _, p := range lowest {
			s.drop(p.id, fmt.Sprintf("not among the best %d answers", b.n))
		}
	}
	return next
}

// answered are those with a final answer.
func answered(paths []*path) []*path {
	var out []*path
	for _, p := range paths {
		if _, ok := p.answer(); ok {
			out = append(out, p)
		}
	}
	return out
}

func without(paths, these []*path) []*path {
	gone := map[*path]bool{}
	for _, p := range these {
		gone[p] = true
	}
	var out []*path
	for _, p := range paths {
		if !gone[p] {
			out = append(out, p)
		}
	}
	return out
}

// dvts is diverse verifier tree search (Hugging Face's search-and-learn): N/Expansion trees, each of which keeps the
// best of its Expansion next steps, one that ends without an answer aside, and ends when that one ends. So one mistaken
// score misleads one tree, not all. All finished answers are voted on. A tree of which nothing came is dropped.
type dvts struct {
	n, expansion int
	done         []*path
}

func newDVTS(o Options) rule { return &dvts{n: o.N, expansion: min(o.Expansion, o.N)} }

func (d *dvts) start(root *path) []draft {
	trees := make([]draft, d.n/d.expansion)
	for i := range trees {
		trees[i] = draft{root, d.expansion}
	}
	return trees
}

func (d *dvts) finished() []*path { return d.done }

func (d *dvts) next(s *Search, _ []draft, children [][]*path) []draft {
	var best []draft
	for _, siblings := range children {
		ended, open := split(s.distinct(siblings))
		d.done = append(d.done, ended...)
		first := byScore(append(answered(ended), open...))
		for _, p := range open {
			if p == first[0] {
				s.keep(p.id, "the best of its tree")
				best = append(best, draft{p, d.expansion})
			} else {
				s.drop(p.id, "not the best of its tree")
			}
		}
	}
	return ranked(best)
}

// particle is particle filtering (arXiv 2502.01618): N particles, each an answer under way, go one step at a time; a
// particle weighs the softmax of the logits of all particles' scores. Only when the effective sample size falls below
// ESSThreshold·N are they drawn anew, by systematic resampling: good ones several times, bad ones not. A finished
// particle keeps its score and is compared with the others at the same step, so it can be multiplied or be lost. In the
// place of a dead particle another one is put, drawn by weight. All finished particles are voted on, each copy with its
// score.
//
// Entropic (after arXiv 2510.05825): early scores are sure of too much, and a filter that believes them is left with
// copies of one beginning. When particles are drawn anew, the softmax has the least temperature, at least 1, at which
// the effective sample size is 0.6·(1-progress)·N. progress is the greatest of: steps of MaxSteps, tokens of
// TokenBudget, finished particles of N.
type particle struct {
	options Options
	rounds  int
	done    []*path
}

// evenly is what share of the particles an entropic filter would keep effective at the very beginning.
const evenly = 0.6

func newParticle(o Options) rule { return &particle{options: o} }

func (f *particle) start(root *path) []draft { return []draft{{root, f.options.N}} }

func (f *particle) finished() []*path { return f.done }

func (f *particle) next(s *Search, _ []draft, children [][]*path) []draft {
	all := slices.Concat(f.done, s.merge(slices.Concat(children...)))
	f.rounds++
	ended, open := split(all)
	if len(open) == 0 {
		f.done = ended
		return nil
	}
	drawn := gather(all, f.resample(all, f.progress(s, len(ended))))
	f.done = nil
	var next []draft
	for _, d := range drawn {
		switch {
		case d.n == 0:
			s.drop(d.from.id, "not drawn again")
		case d.from.ended != "":
			for range d.n {
				f.done = append(f.done, d.from)
			}
		default:
			s.keep(d.from.id, fmt.Sprintf("particles ×%d", d.n))
			next = append(next, d)
		}
	}
	return ranked(next)
}

// progress is how far the search has come, in [0,1].
func (f *particle) progress(s *Search, ended int) float64 {
	done := max(float64(f.rounds)/float64(f.options.MaxSteps), float64(ended)/float64(f.options.N))
	if f.options.TokenBudget > 0 {
		done = max(done, float64(s.completionTokens)/float64(f.options.TokenBudget))
	}
	return min(done, 1)
}

// resample returns how many of each particle there shall be, N together.
func (f *particle) resample(particles []*path, progress float64) []int {
	n := f.options.N
	logits := make([]float64, len(particles))
	for i, p := range particles {
		logits[i] = logit(p.score)
	}
	weights := softmax(logits, 1)
	u := rand.New(rand.NewPCG(uint64(f.options.Seed), uint64(f.rounds))).Float64() // #nosec G115 G404 -- a seed, of which all bits count; a draw that must follow from it, and guards nothing
	if ess(weights) < f.options.ESSThreshold*float64(n) {
		if f.options.Entropic {
			weights = softmax(logits, temper(logits, evenly*(1-progress)*float64(n)))
		}
		return systematic(weights, n, u)
	}
	copies := systematic(weights, n-len(particles), u) // in the place of the dead
	for i := range copies {
		copies[i]++
	}
	return copies
}

// surest bounds the scores whose logits are taken.
const surest = 1e-6

func logit(p float64) float64 {
	p = min(max(p, surest), 1-surest)
	return math.Log(p / (1 - p))
}

// softmax returns positive weights that sum to 1.
func softmax(logits []float64, temperature float64) []float64 {
	highest := math.Inf(-1)
	for _, l := range logits {
		highest = max(highest, l)
	}
	weights, sum := make([]float64, len(logits)), 0.0
	for i, l := range logits {
		weights[i] = math.Exp((l - highest) / temperature)
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum
	}
	return weights
}

// ess is the effective sample size of weights that sum to 1: 1/Σw², from 1 for all on one to their number for all
// alike.
func ess(weights []float64) float64 {
	sum := 0.0
	for _, w := range weights {
		sum += w * w
	}
	return 1 / sum
}

// temper returns the least temperature, at least 1, at which the softmax of logits has that effective sample size, or
// nearly so; it grows with the temperature.
func temper(logits []float64, size float64) float64 {
	low, high := 0.0, math.Log(1e3) // of the temperature's logarithm
	if ess(softmax(logits, 1)) >= size {
		return 1
	}
	for range 40 {
		if middle := (low + high) / 2; ess(softmax(logits, math.Exp(middle))) < size {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Exp(high)
}

// systematic draws n by weights that sum to 1 with one random number u in [0,1): how often each is drawn is less than
// one off from n times its weight.
func systematic(weights []float64, n int, u float64) []int {
	copies := make([]int, len(weights))
	sum, i := 0.0, -1
	for k := range n {
		at := (float64(k) + u) / float64(n)
		for i < len(weights)-1 && (i < 0 || sum <= at) {
			i++
			sum += weights[i]
		}
		copies[i]++
	}
	return copies
}

// rebase is reward-balanced search (arXiv 2408.00724): the N minus the finished ones next steps of a round are dealt
// out to all paths by the softmax of their scores at RebaseTemperature; a path that gets none is dropped. It ends when
// N have finished; all of them are voted on.
type rebase struct {
	n           int
	temperature float64
	done        []*path
}

func newRebase(o Options) rule { return &rebase{n: o.N, temperature: o.RebaseTemperature} }

func (r *rebase) start(root *path) []draft { return []draft{{root, r.n}} }

func (r *rebase) finished() []*path { return r.done }

func (r *rebase) next(s *Search, _ []draft, children [][]*path) []draft {
	ended, open := split(s.merge(slices.Concat(children...)))
	if r.done = append(r.done, ended...); len(open) == 0 {
		return nil
	}
	scores := make([]float64, len(open))
	for i, p := range open {
		scores[i] = p.score
	}
	var next []draft
	for _, d := range gather(open, deal(softmax(scores, r.temperature), r.n-len(r.done))) {
		if d.n == 0 {
			s.drop(d.from.id, "no next step was dealt to it")
			continue
		}
		s.keep(d.from.id, fmt.Sprintf("next steps ×%d", d.n))
		next = append(next, d)
	}
	return ranked(next)
}

// deal deals n out by weights that sum to 1: the whole part of each share, and what is left to the greatest remainders,
// the first of equal ones.
func deal(weights []float64, n int) []int {
	out := make([]int, len(weights))
	rest := make([]float64, len(weights))
	left := n
	for i, w := range weights {
		out[i] = int(w * float64(n))
		rest[i] = w*float64(n) - float64(out[i])
		left -= out[i]
	}
	for ; left > 0; left-- {
		most := 0
		for i := range rest {
			if rest[i] > rest[most] {
				most = i
			}
		}
		out[most]++
		rest[most] = -1
	}
	return out
}
