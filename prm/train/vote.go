package train

import (
	"math"

	"aprm/prm"
)

// Grids of FitVote: coarse enough to be quick, and finer than what a few hundred problems can tell.
var (
	betas  = []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 6}
	powers = []float64{0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3}
)

// FitVote returns how much logits should count among answers: the Beta and Power, 0 among both, under which a vote makes the right answers of
// the problems that have right and wrong ones most likely, over votes of the first 2, 3, … of their answers. logits must be of heads that had
// not learned from the answers' own problems.
//
// Nats is what Beta gains over the best Power with Beta 0; twice that, times the problems, is χ² distributed with one degree of freedom where the logits
// say nothing (Wilks), so that a Margin of 3.3 nats over all problems is passed by chance in one of a hundred hold-outs; it grows as the hold-out shrinks.
func FitVote(answers []Answer, logits []float64) prm.Vote {
	const passed = 3.3 // half of χ²₁'s 99th percentile
	votes := ballots(answers, logits)
	if len(votes) == 0 {
		return prm.Plain
	}
	best := func(betas []float64) (v prm.Vote, most float64) {
		most = math.Inf(-1)
		for _, beta := range betas {
			for _, power := range powers {
				if ll := likelihoodOf(votes, prm.Vote{Beta: beta, Power: power}); ll > most {
					v, most = prm.Vote{Beta: beta, Power: power}, ll
				}
			}
		}
		return v, most
	}
	_, without := best(betas[:1])
	v, most := best(betas)
	v.Problems, v.Nats, v.Margin = len(votes), most-without, passed/float64(len(votes))
	if !v.Trusted() {
		return prm.Vote{Power: 1, Nats: v.Nats, Margin: v.Margin, Problems: v.Problems}
	}
	return v
}

// likelihood is the mean log of the share that a vote gives the right answers, a problem.
func likelihood(answers []Answer, logits []float64, v prm.Vote) float64 {
	return likelihoodOf(ballots(answers, logits), v)
}

// voters are the answers to a problem in their order.
type voters struct {
	logit []float64
	group []int
	right []bool
}

// ballots are the answers by problem, of those that have right and wrong ones.
func ballots(answers []Answer, logits []float64) []voters {
	at := map[string]int{}
	var all []voters
	for i, a := range answers {
		k, ok := at[a.Problem]
		if !ok {
			k = len(all)
			at[a.Problem], all = k, append(all, voters{})
		}
		v := &all[k]
		v.logit, v.group, v.right = append(v.logit, logits[i]), append(v.group, a.Group), append(v.right, a.Right)
	}
	var out []voters
	for _, v := range all {
		right, wrong := false, false
		for _, r := range v.right {
			right, wrong = right || r, wrong || !r
		}
		if right && wrong {
			out = append(out, v)
		}
	}
	return out
}

func likelihoodOf(all []voters, v prm.Vote) float64 {
	sum := 0.0
	for _, p := range all {
		of, sizes := 0.0, 0
		for n := 2; n <= len(p.logit); n++ {
			if share, ok := p.share(n, v); ok {
				of += math.Log(share)
				sizes++
			}
		}
		if sizes > 0 {
			sum += of / float64(sizes)
		}
	}
	return sum / float64(len(all))
}

// share is what the right answers get of a vote of the first n; ok is false where these are all right or all wrong.
func (p voters) share(n int, v prm.Vote) (share float64, ok bool) {
	groups := map[int][]float64{}
	right := map[int]bool{}
	for i := range n {
		groups[p.group[i]] = append(groups[p.group[i]], p.logit[i])
		right[p.group[i]] = p.right[i]
	}
	var logs []float64
	var of []bool
	for i := range n { // in the order of the answers: sums must not depend on a map's
		if g := p.group[i]; groups[g] != nil {
			logs, of = append(logs, v.Group(groups[g])), append(of, right[g])
			groups[g] = nil
		}
	}
	highest := math.Inf(-1)
	for _, l := range logs {
		highest = max(highest, l)
	}
	var total, won float64
	for i, l := range logs {
		w := math.Exp(l - highest)
		total += w
		if of[i] {
			won += w
		}
	}
	if won == 0 || won == total {
		return 0, false
	}
	return max(won/total, 1e-12), true
}
