package generator

import "math"

// Optimist takes optimistic gradient steps: along 2g_t − g_{t−1}, the last gradient's guess of the next (optimistic
// gradient descent ascent when every player of a game takes them; APRM, arXiv 2511.22888, section 4). On zero-sum
// matrix games such steps converge to an equilibrium where plain steps cycle around it; with strongly concave
// regularisers both converge, the optimistic ones at larger step sizes.
//
// The theorem asks for every player's utility to be regularised enough over its own mixed strategy. It covers the
// softmax over attack strategies; it covers neither the few-shot memory, which changes what a strategy means while the
// game goes on, nor the parameters of the reward model's network, in which the utility is not concave.
type Optimist struct {
	Rate  float64   `json:"rate"`            // step size, > 0; negative to descend
	Plain bool      `json:"plain,omitempty"` // along g_t alone
	Last  []float64 `json:"last"`            // g_{t−1}, nil before the first step: then the step is a plain one
}

// Step moves x in place along the gradient.
func (o *Optimist) Step(x, gradient []float64) {
	for i, g := range gradient {
		ahead := g
		if o.Last != nil && !o.Plain {
			ahead = 2*g - o.Last[i]
		}
		x[i] += o.Rate * ahead
	}
	o.Last = append(o.Last[:0], gradient...)
}

// softmax returns exp(x)/Σexp(x).
func softmax(x []float64) []float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	p := make([]float64, len(x))
	var sum float64
	for i, v := range x {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// entropy is H(p) in nats.
func entropy(p []float64) float64 {
	var h float64
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}

// advantages returns the natural gradient (Fisher's metric), in the logits of free = softmax, of
//
//	U(π) = Σ π_i r_i − τ·KL(π‖uniform) + c·H(π)
//
// where r_i is the expected reward of choice i, and π = played is free but for what a floor takes of it, whose share is
// left to the caller: each choice's excess over the mean, by free, of r_i − (τ+c)·log π_i; none of a choice that free
// rules out. KL to uniform is log n − H, so both terms pull towards uniform. In this metric a choice of small
// probability moves as fast as any other.
func advantages(free, played, reward []float64, tau, c float64) []float64 {
	g := make([]float64, len(free))
	var mean float64
	for i, p := range played {
		g[i] = reward[i] - (tau+c)*math.Log(max(p, math.SmallestNonzeroFloat64))
		mean += free[i] * g[i]
	}
	for i := range g {
		if g[i] -= mean; free[i] == 0 {
			g[i] = 0
		}
	}
	return g
}
