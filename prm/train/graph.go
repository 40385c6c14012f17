package train

import (
	"errors"
	"fmt"

	_ "go4.org/unsafe/assume-no-moving-gc" // pinned: an older one that gorgonia asks for panics on current Go
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"aprm/prm"
	"aprm/prm/feature"
)

// real is what a graph computes in: float32 to train, float64 to check gradients.
type real interface{ float32 | float64 }

// graph is the network and its loss for one batch size, with the gradient of every trained tensor. Shapes are fixed, so a
// smaller batch is padded with examples of no weight.
type graph[F real] struct {
	size int
	vm   G.VM

	in      inputs[F]
	feed    []bound[F] // every input node with the slice that fills it
	params  []bound[F] // every trained tensor that has any numbers
	tensors []int      // which of prm.Weights.Trained each of params is

	loss      G.Value
	logits    G.Value // size × 2: step, value
	gradients []G.Value
}

// inputs are the slices a batch is written to, row-major, one row an example.
type inputs[F real] struct {
	last, mean            []F                // size × Width, standardised; zero rows are masked
	words, context, roles []F                // size × rows of the table: the bag's weights
	logProbs, symbols     []F                // standardised
	dropout               [prm.NumBlocks][]F // size × block's width: 0 or 1/(1−rate)
	hiddenDropout         []F                // size × Hidden
	targets, weights      []F                // size × 2: 1 for Right; 0 weighs nothing
	reference             []F                // size × 2: R_ref's logits
	towardsRef, spread    []F                // size × 2: τ and c, times the example's weight
}

type bound[F real] struct {
	node *G.Node
	data []F
	rows int
	cols int
}

// tensor wraps the slice without copying it.
func (b bound[F]) tensor() *tensor.Dense {
	return tensor.New(tensor.WithShape(b.rows, b.cols), tensor.WithBacking(b.data))
}

// newGraph builds the graph of a network of header h for batches of size examples.
func newGraph[F real](h prm.Header, size int) (*graph[F], error) {
	b := &builder{g: G.NewGraph(), dtype: tensor.Float32}
	if _, ok := any(F(0)).(float64); ok {
		b.dtype = tensor.Float64
	}
	gr := &graph[F]{size: size}
	input := func(name string, cols int, data *[]F) *G.Node {
		*data = make([]F, size*cols)
		n := b.matrix(name, size, cols)
		gr.feed = append(gr.feed, bound[F]{n, *data, size, cols})
		return n
	}
	shapes := prm.NewWeights(h)
	nodes := make(map[*prm.Tensor]*G.Node)
	for i, t := range shapes.Trained() {
		if h.Width == 0 && unseen(shapes, t) {
			continue
		}
		gr.tensors = append(gr.tensors, i)
		n := b.matrix(t.Name, t.Rows, t.Cols)
		nodes[t] = n
		gr.params = append(gr.params, bound[F]{n, make([]F, t.Rows*t.Cols), t.Rows, t.Cols})
	}
	param := func(t *prm.Tensor) *G.Node { return nodes[t] }

	in := &gr.in
	var z [prm.NumBlocks]*G.Node
	if h.Width > 0 {
		z[prm.LastState] = b.mul(input("last", h.Width, &in.last), param(&shapes.LastProjection))
		z[prm.MeanState] = b.mul(input("mean", h.Width, &in.mean), param(&shapes.MeanProjection))
	}
	z[prm.Words] = b.mul(input("words", feature.WordRows, &in.words), param(&shapes.WordEmbedding))
	z[prm.Context] = b.mul(input("context", feature.ContextRows, &in.context), param(&shapes.ContextEmbedding))
	z[prm.Roles] = b.mul(input("roles", feature.RoleRows, &in.roles), param(&shapes.RoleEmbedding))
	z[prm.Cross] = b.times(z[prm.Words], z[prm.Context])
	z[prm.LogProbs] = input("logprobs", feature.NumLogProbs, &in.logProbs)
	z[prm.Symbols] = input("symbols", feature.NumSymbols, &in.symbols)

	// A column of ones spreads the biases over the batch: a product, where a broadcast's gradient would be a reduction.
	ones := make([]F, size)
	for i := range ones {
		ones[i] = 1
	}
	one := b.matrix("ones", size, 1)
	gr.feed = append(gr.feed, bound[F]{one, ones, size, 1})

	hidden := b.mul(one, param(&shapes.DenseBias))
	logits := b.mul(one, param(&shapes.OutBias))
	for block := range prm.NumBlocks {
		if z[block] == nil {
			continue
		}
		keep := input(fmt.Sprintf("%s.dropout", block), shapes.Dense[block].Rows, &in.dropout[block])
		kept := b.times(z[block], keep)
		hidden = b.plus(hidden, b.mul(kept, param(&shapes.Dense[block])))
		logits = b.plus(logits, b.mul(kept, param(&shapes.Skip[block])))
	}
	hidden = b.times(b.rectify(hidden), input("hidden.dropout", h.Shape.Hidden, &in.hiddenDropout))
	logits = b.plus(logits, b.mul(hidden, param(&shapes.Out)))

	cost := b.cost(logits,
		input("targets", 2, &in.targets), input("weights", 2, &in.weights),
		input("reference", 2, &in.reference), input("towards-ref", 2, &in.towardsRef), input("spread", 2, &in.spread))
	if b.err != nil {
		return nil, fmt.Errorf("build the graph: %w", b.err)
	}
	if err := gr.compile(b.g, cost, logits); err != nil {
		return nil, fmt.Errorf("build the graph: %w", err)
	}
	return gr, nil
}

// compile differentiates the cost and readies the machine. Values are taken through Read nodes only: the machine reuses
// its registers.
func (gr *graph[F]) compile(g *G.ExprGraph, cost, logits *G.Node) error {
	wrt := make(G.Nodes, len(gr.params))
	for i, p := range gr.params {
		wrt[i] = p.node
	}
	gradients, err := G.Grad(cost, wrt...)
	if err != nil {
		return err
	}
	if len(gradients) != len(wrt) {
		return fmt.Errorf("%d gradients for %d tensors", len(gradients), len(wrt))
	}
	gr.gradients = make([]G.Value, len(gradients))
	roots := G.Nodes{G.Read(cost, &gr.loss), G.Read(logits, &gr.logits)}
	for i, n := range gradients {
		roots = append(roots, G.Read(n, &gr.gradients[i]))
	}
	// Differentiating also made gradients towards the inputs, which nobody reads: leave them out.
	gr.vm = G.NewTapeMachine(g.SubgraphRoots(roots...))
	return nil
}

// run computes loss, logits and gradients of what stands in the inputs and params.
func (gr *graph[F]) run() error {
	for _, group := range [][]bound[F]{gr.feed, gr.params} {
		for _, b := range group {
			if err := G.Let(b.node, b.tensor()); err != nil {
				return fmt.Errorf("feed %s: %w", b.node.Name(), err)
			}
		}
	}
	gr.vm.Reset()
	if err := gr.vm.RunAll(); err != nil {
		return fmt.Errorf("run the graph: %w", err)
	}
	for i, v := range gr.gradients {
		if v == nil {
			return fmt.Errorf("no gradient for %s", gr.params[i].node.Name())
		}
		if got, ok := v.Data().([]F); !ok || len(got) != len(gr.params[i].data) {
			return fmt.Errorf("gradient of %s: got %v", gr.params[i].node.Name(), v.Shape())
		}
	}
	return nil
}

// gradient returns the gradient of the i-th of params, valid until the next run.
func (gr *graph[F]) gradient(i int) []F { return gr.gradients[i].Data().([]F) }

// value returns the loss of the last run.
func (gr *graph[F]) value() float64 {
	v, _ := gr.loss.Data().(F)
	return float64(v)
}

func (gr *graph[F]) close() error { return gr.vm.Close() }

// load copies weights into params.
func (gr *graph[F]) load(w *prm.Weights) {
	trained := w.Trained()
	for i, p := range gr.params {
		for k, v := range trained[gr.tensors[i]].Data {
			p.data[k] = F(v)
		}
	}
}

// store copies params into weights.
func (gr *graph[F]) store(w *prm.Weights) {
	trained := w.Trained()
	for i, p := range gr.params {
		t := trained[gr.tensors[i]]
		for k, v := range p.data {
			t.Data[k] = float32(v)
		}
	}
}

// unseen tells the tensors that are there only to read hidden states.
func unseen(w *prm.Weights, t *prm.Tensor) bool {
	for _, b := range []prm.Block{prm.LastState, prm.MeanState} {
		if t == &w.Dense[b] || t == &w.Skip[b] {
			return true
		}
	}
	return t == &w.LastProjection || t == &w.MeanProjection
}

// builder strings operations together and keeps the first error.
type builder struct {
	g     *G.ExprGraph
	dtype tensor.Dtype
	err   error
}

func (b *builder) matrix(name string, rows, cols int) *G.Node {
	return G.NewMatrix(b.g, b.dtype, G.WithShape(rows, cols), G.WithName(name))
}

func (b *builder) op(n *G.Node, err error) *G.Node {
	b.err = errors.Join(b.err, err)
	return n
}

func (b *builder) two(f func(x, y *G.Node) (*G.Node, error), x, y *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.op(f(x, y))
}

func (b *builder) one(f func(x *G.Node) (*G.Node, error), x *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.op(f(x))
}

func (b *builder) mul(x, y *G.Node) *G.Node   { return b.two(G.Mul, x, y) }
func (b *builder) plus(x, y *G.Node) *G.Node  { return b.two(G.Add, x, y) }
func (b *builder) minus(x, y *G.Node) *G.Node { return b.two(G.Sub, x, y) }
func (b *builder) times(x, y *G.Node) *G.Node { return b.two(G.HadamardProd, x, y) }
func (b *builder) rectify(x *G.Node) *G.Node  { return b.one(G.Rectify, x) }
func (b *builder) sum(x *G.Node) *G.Node {
	return b.one(func(x *G.Node) (*G.Node, error) { return G.Sum(x) }, x)
}

// cost is, with z a head's logit, p = σ(z) and q the reference's probability, summed over examples and heads:
//
//	w·(−log P(target)) + τ·KL(p ‖ q) − c·H(p)
//
// APRM's reward of the reward model is linear in p: p for a correct step, 1−p for a wrong one. Its gradient in z is
// p(1−p), which vanishes just where R is surely wrong. The log-loss stands for it: it is proper too, ranks the same, and
// its gradient p − target never vanishes there. KL and entropy are those of the Bernoulli verdict; all is written with
// softplus(z) = log(1+e^z), so that no logarithm meets a zero:
//
//	−log P(target) = softplus(z) − target·z
//	KL(p ‖ q)      = p·(z − z_q) − softplus(z) + softplus(z_q)      (the last is constant and left out here)
//	H(p)           = softplus(z) − p·z
func (b *builder) cost(z, targets, weights, reference, towardsRef, spread *G.Node) *G.Node {
	softplus := b.one(G.Softplus, z)
	p := b.one(G.Sigmoid, z)
	loss := b.times(weights, b.minus(softplus, b.times(targets, z)))
	kl := b.times(towardsRef, b.minus(b.times(p, b.minus(z, reference)), softplus))
	entropy := b.times(spread, b.minus(softplus, b.times(p, z)))
	return b.sum(b.minus(b.plus(loss, kl), entropy))
}
