package train

import (
	"errors"
	"fmt"
	"slices"

	_ "go4.org/unsafe/assume-no-moving-gc" // pinned: an older one that gorgonia asks for panics on current Go
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"aprm/prm"
)

// real is what a graph computes in: float32 to train, float64 to check gradients.
type real interface{ float32 | float64 }

// graph is the network and its loss for one batch size, with the gradient of every trained tensor. Shapes are fixed, so
// a smaller batch is padded with examples of no weight.
//
// What the dense layer reads of a step beside its hidden states is one matrix, so that it takes one product. Bags are
// looked up in their tables outside of gorgonia, which knows no sparse product: most of a table's rows are in no step
// of a batch.
type graph[F real] struct {
	size int
	vm   G.VM

	in      inputs[F]
	at      [prm.NumBlocks]int // column of in.read at which a block begins; -1: it isn't there
	feed    []bound[F]         // every input node with the slice that fills it
	trained []bound[F]         // every node that there is a gradient of
	params  []param[F]         // every trained tensor that has any numbers

	loss      G.Value
	logits    G.Value // size × 2: step, value
	gradients []G.Value
}

// param is a trained tensor.
type param[F real] struct {
	name   string
	tensor int // which of prm.Weights.Trained it is
	data   []F

	node  int // of trained its numbers are in, from there on
	from  int
	moved []F // its gradient, of a table of bags; nil of others
}

// bags are those of one kind in a batch.
type bags struct {
	block prm.Block // that they are looked up for
	table int       // of params
	cols  int
	rows  [][]uint16
}

// inputs are the slices a batch is written to, row-major, one row an example.
type inputs[F real] struct {
	last, mean       []F                // size × Width, standardised; zero rows are masked
	bags             [3]bags            // words, context, roles
	read             []F                // size × width of all blocks but hidden states, standardised
	dropout          [prm.NumBlocks][]F // of hidden states, size × block's width: 0 or 1/(1−rate)
	readDropout      []F                // of read
	hiddenDropout    []F                // size × Hidden
	targets, weights []F                // size × 2: 1 for Right; 0 weighs nothing
	reference        []F                // size × 2: R_ref's logits
	towardsRef       []F                // size × 2: τ, times the example's weight
	spread           []F                // size × 2: c, times the example's weight
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
	trained := func(name string, rows, cols int) (*G.Node, []F) {
		data := make([]F, rows*cols)
		n := b.matrix(name, rows, cols)
		gr.trained = append(gr.trained, bound[F]{n, data, rows, cols})
		return n, data
	}
	shapes := prm.NewWeights(h)
	number := map[*prm.Tensor]int{}
	for i, t := range shapes.Trained() {
		number[t] = i
	}
	learned := func(t *prm.Tensor) *G.Node {
		n, data := trained(t.Name, t.Rows, t.Cols)
		gr.params = append(gr.params, param[F]{name: t.Name, tensor: number[t], data: data, node: len(gr.trained) - 1})
		return n
	}

	// A column of ones spreads the biases over the batch: a product, where a broadcast's gradient would be a reduction.
	in := &gr.in
	var ones []F
	one := input("ones", 1, &ones)
	for i := range ones {
		ones[i] = 1
	}
	hidden := b.mul(one, learned(&shapes.DenseBias))
	logits := b.mul(one, learned(&shapes.OutBias))
	readBy := func(z, dense, skip *G.Node) {
		hidden = b.plus(hidden, b.mul(z, dense))
		logits = b.plus(logits, b.mul(z, skip))
	}
	width := 0
	for block := range prm.NumBlocks {
		gr.at[block] = -1
		if block != prm.LastState && block != prm.MeanState {
			gr.at[block] = width
			width += shapes.Dense[block].Rows
			continue
		}
		if h.Width == 0 {
			continue
		}
		state, projection := &in.last, &shapes.LastProjection
		if block == prm.MeanState {
			state, projection = &in.mean, &shapes.MeanProjection
		}
		z := b.mul(input(block.String(), h.Width, state), learned(projection))
		keep := input(block.String()+".dropout", shapes.Dense[block].Rows, &in.dropout[block])
		readBy(b.times(z, keep), learned(&shapes.Dense[block]), learned(&shapes.Skip[block]))
	}
	read, data := trained("read", size, width)
	in.read = data
	dense, denses := trained("dense", width, h.Shape.Hidden)
	skip, skips := trained("skip", width, 2)
	readBy(b.times(read, input("read.dropout", width, &in.readDropout)), dense, skip)
	for block, at := range gr.at {
		if at < 0 {
			continue
		}
		rows := shapes.Dense[block].Rows
		for i, t := range []*prm.Tensor{&shapes.Dense[block], &shapes.Skip[block]} {
			all := [][]F{denses, skips}[i]
			gr.params = append(gr.params, param[F]{name: t.Name, tensor: number[t], data: all[at*t.Cols:][:rows*t.Cols], node: len(gr.trained) - 2 + i, from: at * t.Cols})
		}
	}
	for i, t := range []*prm.Tensor{&shapes.WordEmbedding, &shapes.ContextEmbedding, &shapes.RoleEmbedding} {
		in.bags[i] = bags{[]prm.Block{prm.Words, prm.Context, prm.Roles}[i], len(gr.params), t.Cols, make([][]uint16, size)}
		gr.params = append(gr.params, param[F]{name: t.Name, tensor: number[t], data: make([]F, t.Rows*t.Cols), moved: make([]F, t.Rows*t.Cols)})
	}
	hidden = b.times(b.rectify(hidden), input("hidden.dropout", h.Shape.Hidden, &in.hiddenDropout))
	logits = b.plus(logits, b.mul(hidden, learned(&shapes.Out)))

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
	wrt := make(G.Nodes, len(gr.trained))
	for i, t := range gr.trained {
		wrt[i] = t.node
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
	gr.embed()
	for _, group := range [][]bound[F]{gr.feed, gr.trained} {
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
		b := gr.trained[i]
		if v == nil {
			return fmt.Errorf("no gradient for %s", b.node.Name())
		}
		if got, ok := v.Data().([]F); !ok || len(got) != len(b.data) {
			return fmt.Errorf("gradient of %s: got %v", b.node.Name(), v.Shape())
		}
	}
	gr.scatter()
	return nil
}

// block are the columns of a block in a row of size × width numbers.
func (gr *graph[F]) block(of []F, row int, block prm.Block, cols int) []F {
	width := len(of) / gr.size
	return of[row*width+gr.at[block]:][:cols]
}

// embed writes what bags are in their tables to what is read: the sum of a bag's rows, each weighing 1/√n, and of words
// and context the product too.
func (gr *graph[F]) embed() {
	in := &gr.in
	for _, of := range in.bags {
		if of.rows == nil {
			return // a graph of something else
		}
		table := gr.params[of.table].data
		for row, bag := range of.rows {
			z := gr.block(in.read, row, of.block, of.cols)
			clear(z)
			for _, r := range bag {
				for i, v := range table[int(r)*of.cols:][:of.cols] {
					z[i] += v
				}
			}
			weight := F(prm.BagWeight(max(len(bag), 1)))
			for i := range z {
				z[i] *= weight
			}
		}
	}
	for row := range gr.size {
		cols := in.bags[0].cols
		words, context := gr.block(in.read, row, prm.Words, cols), gr.block(in.read, row, prm.Context, cols)
		for i := range cols {
			gr.block(in.read, row, prm.Cross, cols)[i] = words[i] * context[i]
		}
	}
}

// scatter brings the gradient of what is read to the tables of bags.
func (gr *graph[F]) scatter() {
	in := &gr.in
	for k, of := range in.bags {
		if of.rows == nil {
			return
		}
		p := gr.params[of.table]
		clear(p.moved)
		read := slices.IndexFunc(gr.trained, func(b bound[F]) bool { return b.node.Name() == "read" })
		gradient := gr.gradients[read].Data().([]F)
		for row, bag := range of.rows {
			if len(bag) == 0 {
				continue
			}
			slope := append([]F(nil), gr.block(gradient, row, of.block, of.cols)...)
			if of.block != prm.Roles {
				cross, other := gr.block(gradient, row, prm.Cross, of.cols), gr.block(in.read, row, in.bags[1-k].block, of.cols)
				for i := range slope {
					slope[i] += cross[i] * other[i]
				}
			}
			weight := F(prm.BagWeight(len(bag)))
			for _, r := range bag {
				to := p.moved[int(r)*of.cols:][:of.cols]
				for i, v := range slope {
					to[i] += weight * v
				}
			}
		}
	}
}

// gradient returns the gradient of the i-th of params, valid until the next run.
func (gr *graph[F]) gradient(i int) []F {
	p := gr.params[i]
	if p.moved != nil {
		return p.moved
	}
	return gr.gradients[p.node].Data().([]F)[p.from:][:len(p.data)]
}

// value returns the loss of the last run.
func (gr *graph[F]) value() float64 {
	v, _ := gr.loss.Data().(F)
	return float64(v)
}

func (gr *graph[F]) close() error { return gr.vm.Close() }

// load copies weights into params.
func (gr *graph[F]) load(w *prm.Weights) {
	trained := w.Trained()
	for _, p := range gr.params {
		for k, v := range trained[p.tensor].Data {
			p.data[k] = F(v)
		}
	}
}

// store copies params into weights.
func (gr *graph[F]) store(w *prm.Weights) {
	trained := w.Trained()
	for _, p := range gr.params {
		t := trained[p.tensor]
		for k, v := range p.data {
			t.Data[k] = float32(v)
		}
	}
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
// p(1−p), which vanishes just where R is surely wrong. The log-loss stands for it: it is proper too, ranks the same,
// and its gradient p − target never vanishes there. KL and entropy are those of the Bernoulli verdict; all is written
// with softplus(z) = log(1+e^z), so that no logarithm meets a zero:
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
