package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"aprm/prm"
)

// The dense layer's training.
const (
	denseBatch   = 128
	denseDropout = 0.3
	denseDecay   = 0.3
)

// dense fits a dense layer beside the floor, which stays as it is: what the layer says is added to the floor's logits.
func (p *pairs) dense(ctx context.Context, floor *prm.SolutionHead, of func(problem string) bool, opt SolutionOptions) (_ *prm.SolutionHead, err error) {
	var rows []pair
	total := 0.0
	for _, r := range p.rows {
		if of(r.problem) {
			rows = append(rows, r)
			total += r.weight
		}
	}
	head := prm.NewSolutionHead(opt.Units, floor.Without...)
	copy(head.Centre.Data, floor.Centre.Data)
	copy(head.Scale.Data, floor.Scale.Data)
	copy(head.Linear.Data, floor.Linear.Data)
	rng := random(opt.Seed, "solution")
	normal(&head.Dense, math.Sqrt(2/float64(prm.SolutionWidth)), rng) // Out begins at zero: the head begins as the floor

	g, err := newContrastGraph(head, denseBatch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	moving := newMoments([]*prm.Tensor{&head.Dense, &head.DenseBias, &head.Out})
	rate := Options{Rate: opt.Rate, Decay: denseDecay}
	for range opt.Epochs {
		order := rng.Perm(len(rows))
		for len(order) > 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n := min(len(order), denseBatch)
			g.fill(head, rows, order[:n], float64(len(rows))/total, rng)
			order = order[n:]
			if err := g.run(); err != nil {
				return nil, err
			}
			for i, param := range g.params {
				moving.step(i, param.data, g.gradient(i), rate)
			}
			moving.done()
		}
	}
	for i, t := range []*prm.Tensor{&head.Dense, &head.DenseBias, &head.Out} {
		copy(t.Data, g.params[i].data)
	}
	return head, nil
}

// contrastGraph is the loss of a batch of pairs, softplus of the worse one's logit less the better one's, with the gradients of the dense layer.
type contrastGraph struct {
	*graph[float32]
	better, worse, keep []float32 // size × SolutionWidth; keep are both sides' dropout
	floor, weight       []float32 // size: the floor's difference, and the pair's weight, 0 for padding
}

func newContrastGraph(head *prm.SolutionHead, size int) (*contrastGraph, error) {
	b := &builder{g: G.NewGraph(), dtype: tensor.Float32}
	c := &contrastGraph{graph: &graph[float32]{size: size}}
	input := func(name string, cols int, data *[]float32) *G.Node {
		*data = make([]float32, size*cols)
		n := b.matrix(name, size, cols)
		c.feed = append(c.feed, bound[float32]{n, *data, size, cols})
		return n
	}
	param := func(t *prm.Tensor) *G.Node {
		n := b.matrix(t.Name, t.Rows, t.Cols)
		c.params = append(c.params, bound[float32]{n, append([]float32(nil), t.Data...), t.Rows, t.Cols})
		return n
	}
	dense, bias, out := param(&head.Dense), param(&head.DenseBias), param(&head.Out)
	var ones []float32
	one, keep := input("ones", 1, &ones), input("dropout", prm.SolutionWidth, &c.keep)
	for i := range ones {
		ones[i] = 1
	}
	spread := b.mul(one, bias)
	side := func(x *G.Node) *G.Node { return b.mul(b.rectify(b.plus(b.mul(b.times(x, keep), dense), spread)), out) }
	better, worse := side(input("better", prm.SolutionWidth, &c.better)), side(input("worse", prm.SolutionWidth, &c.worse))
	margin := b.plus(b.minus(better, worse), input("floor", 1, &c.floor))
	cost := b.sum(b.times(input("weight", 1, &c.weight), b.minus(b.one(G.Softplus, margin), margin))) // softplus(−m) = softplus(m) − m
	if b.err != nil {
		return nil, fmt.Errorf("build the graph: %w", b.err)
	}
	if err := c.compile(b.g, cost, margin); err != nil {
		return nil, fmt.Errorf("build the graph: %w", err)
	}
	return c, nil
}

// fill puts pairs into the batch; scale makes the mean weight of all pairs 1.
func (c *contrastGraph) fill(head *prm.SolutionHead, rows []pair, which []int, scale float64, rng *rand.Rand) {
	clear(c.better)
	clear(c.worse)
	clear(c.weight)
	clear(c.floor)
	for i, k := range which {
		r := rows[k]
		at := i * prm.SolutionWidth
		copy(c.better[at:], r.better)
		copy(c.worse[at:], r.worse)
		var margin float32
		for j, w := range head.Linear.Data {
			margin += w * (r.better[j] - r.worse[j])
		}
		c.floor[i] = margin
		c.weight[i] = float32(r.weight * scale / float64(len(which)))
	}
	for i := range c.keep {
		c.keep[i] = 0
		if rng.Float32() >= denseDropout {
			c.keep[i] = 1 / (1 - denseDropout)
		}
	}
}
