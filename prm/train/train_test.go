package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
)

// unitVector draws a direction.
func unitVector(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	var sum float64
	for i := range v {
		v[i] = float32(rng.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func randomBag(rng *rand.Rand, rows int) []uint16 {
	var b []uint16
	for i := rng.IntN(rows / 40); i < rows; i += 1 + rng.IntN(rows/10) {
		b = append(b, uint16(i))
	}
	return b
}

// randomExamples draws pairs of examples whose hidden state, and more faintly their symbols, tell right from wrong.
// Width 0 leaves hidden states out.
func randomExamples(seed uint64, pairs, width int) []Example {
	rng := rand.New(rand.NewPCG(seed, 0))
	var out []Example
	for p := range pairs {
		for member, target := range []step.Verdict{step.Right, step.Wrong} {
			e := Example{Step: target, Problem: fmt.Sprint("problem ", p/3), Pair: fmt.Sprint("pair ", p), Weight: 1}
			in := &e.Input
			if width > 0 {
				in.Last, in.Mean = unitVector(rng, width), unitVector(rng, width)
				in.Last[0] += float32(1-2*member) * 2 / float32(math.Sqrt(float64(width)))
			}
			for i := range in.Symbols {
				in.Symbols[i] = float32(rng.NormFloat64())
			}
			in.Symbols[3] += float32(1 - 2*member)
			if rng.IntN(3) > 0 {
				in.LogProbs = new([feature.NumLogProbs]float32)
				for i := range in.LogProbs {
					in.LogProbs[i] = float32(rng.NormFloat64())
				}
			}
			if rng.IntN(2) > 0 {
				e.Value = target
			}
			in.Words, in.Context, in.Roles = randomBag(rng, feature.WordRows), randomBag(rng, feature.ContextRows), randomBag(rng, feature.RoleRows)
			out = append(out, e)
		}
	}
	return out
}

var small = prm.Shape{Projected: 6, Embedded: 4, Hidden: 5}

// perturbed makes every trained number matter: fresh weights leave some at zero.
func perturbed(h prm.Header, items []item) *prm.Weights {
	w := initial(h, items, 1)
	rng := rand.New(rand.NewPCG(5, 5))
	for _, t := range w.Trained() {
		for i := range t.Data {
			t.Data[i] += float32(rng.NormFloat64() * 0.1)
		}
	}
	return w
}

func items(examples []Example) []item {
	var out []item
	rng := rand.New(rand.NewPCG(6, 6))
	for i, w := range balance(examples) {
		out = append(out, item{Example: examples[i], weights: w, reference: [2]float64{rng.NormFloat64(), rng.NormFloat64()}})
	}
	return out
}

func TestGradientsMeetFiniteDifferences(t *testing.T) {
	for _, width := range []int{0, 7} {
		t.Run(fmt.Sprint("width ", width), func(t *testing.T) {
			examples := randomExamples(1, 4, width)
			examples[1].Input = examples[1].Input.Without(feature.BlockLast, feature.BlockMean)
			its := items(examples)
			h := prm.Fresh("m", "last+mean", width, small)
			w := perturbed(h, its)
			// Two rows more than examples: padding must not move anything.
			gr, err := newGraph[float64](h, len(its)+2)
			if err != nil {
				t.Fatal(err)
			}
			defer gr.close()
			opt := Options{Dropout: 0.3, KL: 0.2, Entropy: 0.1}
			gr.load(w)
			gr.fill(w, its, opt, random(1, "test"))
			if err := gr.run(); err != nil {
				t.Fatal(err)
			}
			analytic := make([][]float64, len(gr.params))
			for i := range gr.params {
				analytic[i] = append([]float64(nil), gr.gradient(i)...)
			}
			loss := func() float64 {
				if err := gr.run(); err != nil {
					t.Fatal(err)
				}
				return gr.value()
			}
			rng := rand.New(rand.NewPCG(2, 2))
			for i, p := range gr.params {
				moved := false
				// Embeddings are large and mostly unused: look at rows that are, and at a few others.
				var at []int
				for k, g := range analytic[i] {
					if g != 0 && len(at) < 6 {
						at = append(at, k)
						moved = true
					}
				}
				if !moved {
					t.Errorf("%s: no gradient but zero", p.name)
				}
				for range 2 {
					at = append(at, rng.IntN(len(p.data)))
				}
				for _, k := range at {
					const step = 1e-5
					v := p.data[k]
					p.data[k] = v + step
					up := loss()
					p.data[k] = v - step
					down := loss()
					p.data[k] = v
					numeric := (up - down) / (2 * step)
					if got := analytic[i][k]; math.Abs(got-numeric) > 1e-6+1e-4*math.Abs(numeric) {
						t.Errorf("%s[%d]: gradient %v, finite difference %v", p.name, k, got, numeric)
					}
				}
			}
		})
	}
}

func TestForwardPassMeetsGraph(t *testing.T) {
	for _, width := range []int{0, 24} {
		examples := randomExamples(3, 8, width)
		examples[2].Input = examples[2].Input.Without(feature.BlockLast, feature.BlockMean)
		examples[3].Input.Mean = nil
		its := items(examples)
		h := prm.Fresh("m", "last+mean", width, prm.Shape{Projected: 8, Embedded: 8, Hidden: 16})
		w := perturbed(h, its)
		gr, err := newGraph[float32](h, len(its)+3)
		if err != nil {
			t.Fatal(err)
		}
		gr.load(w)
		gr.fill(w, its, Options{}, random(1, "test"))
		if err := gr.run(); err != nil {
			t.Fatal(err)
		}
		m, err := prm.New(h, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := gr.logits.Data().([]float32)
		for i, e := range examples {
			s, v := m.Logits(e.Input)
			if math.Abs(s-float64(got[2*i])) > 1e-4 || math.Abs(v-float64(got[2*i+1])) > 1e-4 {
				t.Errorf("width %d, example %d: forward pass %v %v, graph %v", width, i, s, v, got[2*i:2*i+2])
			}
		}
		if err := gr.close(); err != nil {
			t.Error(err)
		}
	}
}

// The same inputs twice give the same loss: the machine does not write into what it is fed.
func TestRunLeavesInputsAlone(t *testing.T) {
	examples := randomExamples(4, 6, 9)
	its := items(examples)
	h := prm.Fresh("m", "last+mean", 9, small)
	w := perturbed(h, its)
	gr, err := newGraph[float32](h, len(its))
	if err != nil {
		t.Fatal(err)
	}
	defer gr.close()
	gr.load(w)
	gr.fill(w, its, Options{Dropout: 0.5, KL: 1, Entropy: 1}, random(1, "test"))
	if err := gr.run(); err != nil { // which looks bags up
		t.Fatal(err)
	}
	var before [][]float32
	for _, b := range append(gr.feed, gr.trained...) {
		before = append(before, append([]float32(nil), b.data...))
	}
	for range 3 {
		if err := gr.run(); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range append(gr.feed, gr.trained...) {
		for k, v := range b.data {
			if v != before[i][k] {
				t.Fatalf("%s[%d] was %v, is %v", b.node.Name(), k, before[i][k], v)
			}
		}
	}
}

func TestFitLearns(t *testing.T) {
	examples := randomExamples(7, 180, 32)
	m, report, err := Fit(context.Background(), nil, nil, examples, Options{Model: "llm", Seed: 1, Shape: small, Batch: 64, Rate: 0.01, Epochs: 25})
	if err != nil {
		t.Fatal(err)
	}
	if report.PairAUC < .8 {
		t.Errorf("paired accuracy %.3f on held-out problems, want at least .8", report.PairAUC)
	}
	if !m.Accepts("llm", 32) || m.Accepts("other", 32) {
		t.Error("the model does not know which hidden states it was trained on")
	}
}
