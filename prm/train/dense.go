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
// Where answers have disguises, it meets them in these half of the time, as if the floor were not moved at all.
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

	floors := make([]float32, len(rows))
	for i, r := range rows {
		for k, w := range head.Linear.Data {
			floors[i] += w * (r.better[k] - r.worse[k])
		}
	}
	g, err := newContrastGraph(head, denseBatch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	layer := []*prm.Tensor{&head.Dense, &head.DenseBias, &head.Out}
	moving := newMoments(layer)
	rate := Options{Rate: opt.Rate, Decay: denseDecay}
	for range opt.Epochs {
		order := rng.Perm(len(rows))
		for len(order) > 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n := min(len(order), denseBatch)
			g.fill(rows, floors, order[:n], float64(len(rows))/total, p.dressed, rng)
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
	for i, t := range layer {
		transposed(t.Data, g.params[i].data, t.Cols)
	}
	return head, nil
}

// contrastGraph is the loss of a batch of pairs, softplus of the worse one's logit less the better one's, with the
// gradients of the dense layer. Its matrices lie on their sides, an answer a column, those of the worse ones behind
// those of the better: rows of the layer's few units would make products of short ones.
type contrastGraph struct {
	*graph[float32]
	x, keep       []float32 // SolutionWidth × 2·size, as it is read; size × SolutionWidth, the dropout of both of a pair
	floor, weight []float32 // size: the floor's difference, and the pair's weight, 0 for padding
}

func newContrastGraph(head *prm.SolutionHead, size int) (*contrastGraph, error) {
	b := &builder{g: G.NewGraph(), dtype: tensor.Float32}
	c := &contrastGraph{graph: &graph[float32]{size: size}, keep: make([]float32, size*prm.SolutionWidth)}
	input := func(name string, rows, cols int) (*G.Node, []float32) {
		data := make([]float32, rows*cols)
		n := b.matrix(name, rows, cols)
		c.feed = append(c.feed, bound[float32]{n, data, rows, cols})
		return n, data
	}
	trained := func(t *prm.Tensor) *G.Node {
		n, data := b.matrix(t.Name, t.Cols, t.Rows), make([]float32, len(t.Data))
		transposed(data, t.Data, t.Rows)
		c.params = append(c.params, param[float32]{name: t.Name, data: data, node: len(c.trained)})
		c.trained = append(c.trained, bound[float32]{n, data, t.Cols, t.Rows})
		return n
	}
	x, read := input("answers", prm.SolutionWidth, 2*size)
	one, ones := input("ones", 1, 2*size)
	apart, signs := input("better less worse", 2*size, size)
	floor, floors := input("floor", 1, size)
	weight, weights := input("weight", 1, size)
	c.x, c.floor, c.weight = read, floors, weights
	for i := range size {
		ones[i], ones[size+i] = 1, 1
		signs[i*size+i], signs[(size+i)*size+i] = 1, -1
	}
	units := b.rectify(b.plus(b.mul(trained(&head.Dense), x), b.mul(trained(&head.DenseBias), one)))
	margin := b.plus(b.mul(b.mul(trained(&head.Out), units), apart), floor)
	cost := b.sum(b.times(weight, b.minus(b.one(G.Softplus, margin), margin))) // softplus(−m) = softplus(m) − m
	if b.err != nil {
		return nil, fmt.Errorf("build the graph: %w", b.err)
	}
	if err := c.compile(b.g, cost, margin); err != nil {
		return nil, fmt.Errorf("build the graph: %w", err)
	}
	return c, nil
}

// transposed writes a matrix of so many rows to out, its columns as rows.
func transposed(out, of []float32, rows int) {
	cols := len(of) / max(rows, 1)
	for r := range rows {
		for k := range cols {
			out[k*rows+r] = of[r*cols+k]
		}
	}
}

// fill puts pairs into the batch, with what the floor says of each, half of the answers that are dressed in one of
// their disguises; scale makes the mean weight of all pairs 1.
func (c *contrastGraph) fill(rows []pair, floors []float32, which []int, scale float64, dressed map[*float32][][]float32, rng *rand.Rand) {
	look := func(x []float32) []float32 {
		if of := dressed[&x[0]]; len(of) > 0 && rng.IntN(2) == 0 {
			return of[rng.IntN(len(of))]
		}
		return x
	}
	clear(c.x)
	clear(c.weight)
	clear(c.floor)
	for i := range c.keep {
		c.keep[i] = 0
		if rng.Float32() >= denseDropout {
			c.keep[i] = 1 / (1 - denseDropout)
		}
	}
	for i, k := range which {
		r, keep := rows[k], c.keep[i*prm.SolutionWidth:]
		better, worse := look(r.better), look(r.worse)
		for j, v := range better {
			c.x[j*2*c.size+i] = v * keep[j]
			c.x[j*2*c.size+c.size+i] = worse[j] * keep[j]
		}
		c.floor[i] = floors[k]
		c.weight[i] = float32(r.weight * scale / float64(len(which)))
	}
}
