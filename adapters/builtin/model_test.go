package builtin

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// reference computes the logits after each of the tokens, [tokens][vocab], and the states that they are of, from the
// definition of the model: in float64, one token after another, without a cache.
func reference(h header, tensors [][]float32, tokens []int32) (logits, states [][]float64) {
	product := func(weights []float32, x []float64) []float64 {
		out := make([]float64, len(weights)/len(x))
		for r := range out {
			for c, v := range x {
				out[r] += float64(weights[r*len(x)+c]) * v
			}
		}
		return out
	}
	norm := func(x []float64, gain []float32) []float64 {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = v / math.Sqrt(sum/float64(len(x))+1e-5) * float64(gain[i])
		}
		return out
	}
	size := h.Dim / h.Heads
	rotate := func(x []float64, pos int) []float64 {
		out := make([]float64, len(x))
		for head := 0; head < len(x); head += size {
			for i := range size / 2 {
				sin, cos := math.Sincos(float64(pos) * math.Pow(10000, -2*float64(i)/float64(size)))
				a, b := x[head+i], x[head+i+size/2]
				out[head+i], out[head+i+size/2] = a*cos-b*sin, a*sin+b*cos
			}
		}
		return out
	}
	add := func(x, y []float64) {
		for i, v := range y {
			x[i] += v
		}
	}

	embedding := tensors[0]
	rows := make([][]float64, len(tokens))
	for i, token := range tokens {
		for _, v := range embedding[int(token)*h.Dim : int(token+1)*h.Dim] {
			rows[i] = append(rows[i], float64(v))
		}
	}
	for layer := range h.Layers {
		w := tensors[1+8*layer:]
		var keys, values [][]float64
		for pos, x := range rows {
			n := norm(x, w[0])
			query := rotate(product(w[1], n), pos)
			keys, values = append(keys, rotate(product(w[2], n), pos)), append(values, product(w[3], n))
			mixed := make([]float64, h.Dim)
			for head := 0; head < h.Dim; head += size {
				weights, total := make([]float64, pos+1), 0.0
				for j := range weights {
					score := 0.0
					for d := head; d < head+size; d++ {
						score += query[d] * keys[j][d]
					}
					weights[j] = math.Exp(score / math.Sqrt(float64(size)))
					total += weights[j]
				}
				for j, p := range weights {
					for d := head; d < head+size; d++ {
						mixed[d] += p / total * values[j][d]
					}
				}
			}
			add(x, product(w[4], mixed))
			units := product(w[6], norm(x, w[5]))
			for i, v := range units {
				units[i] = max(v, 0) * max(v, 0)
			}
			add(x, product(w[7], units))
		}
	}
	for _, x := range rows {
		state := norm(x, tensors[len(tensors)-1])
		states = append(states, state)
		logits = append(logits, product(embedding, state))
	}
	return logits, states
}

// near compares numbers relatively to the largest of them.
func near(got []float32, want []float64, tolerance float64) error {
	largest := 0.0
	for _, x := range want {
		largest = max(largest, math.Abs(x))
	}
	for i, x := range want {
		if math.Abs(x-float64(got[i])) > tolerance*largest {
			return fmt.Errorf("at %d: %g, want %g", i, got[i], x)
		}
	}
	return nil
}

func someTokens(h header, n int) []int32 {
	r := rand.New(rand.NewPCG(9, 9))
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = r.Int32N(int32(len(h.Vocab)))
	}
	return tokens
}

func TestModelAgainstItsDefinition(t *testing.T) {
	shape := small()
	shape.Dim, shape.Heads, shape.Hidden = 96, 3, 80
	for _, h := range []header{small(), shape} {
		tensors := random(h, 7)
		m, _, err := load(write(t, h, tensors))
		if err != nil {
			t.Fatal(err)
		}
		tokens := someTokens(h, 75)
		logits, states := reference(h, tensors, tokens)
		s := new(scratch)
		got := m.read(s, []run{{tokens, new(cache)}})
		scores := m.head(s, got, len(tokens))
		for i := range tokens {
			if err := near(got[i*h.Dim:], states[i], 2e-4); err != nil {
				t.Fatalf("state %d: %v", i, err)
			}
			if err := near(scores[i*padded(len(h.Vocab)):], logits[i], 2e-4); err != nil {
				t.Fatalf("logits %d: %v", i, err)
			}
		}
	}
}

// TestReadingInPieces: the states are the same to the bit however a text is cut up, beside others or alone, and on a
// cache that was forked.
func TestReadingInPieces(t *testing.T) {
	h := small()
	m := newLLM(t, h).scheduler.model
	tokens := someTokens(h, 90)
	whole := slices.Clone(m.read(new(scratch), []run{{tokens, new(cache)}}))
	s := new(scratch)
	for _, piece := range []int{1, 2, 3, 7, 16, 33} {
		c, other := new(cache), new(cache)
		var got []float32
		for at := 0; at < len(tokens); at += piece {
			part := tokens[at:min(at+piece, len(tokens))]
			states := m.read(s, []run{{tokens[at : at+1], other}, {part, c}})
			got = append(got, states[h.Dim:]...)
			if at%5 == 0 { // what is written to a cache doesn't show in those forked off it
				fork := c.fork(c.n)
				m.read(s, []run{{tokens[:5], c}})
				*c = fork
			}
		}
		if !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d, the states differ", piece)
		}
	}
}

// TestTiles holds the assembly to the Go code. The order of the sums is the same; only the rounding of a product isn't.
func TestTiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	numbers := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = r.Float32() - 0.5
		}
		return out
	}
	equal := func(what string, got, want []float32) {
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("%s: %g at %d, want %g", what, got[i], i, want[i])
			}
		}
	}
	for _, k := range []int{1, 2, 3, 16, 31, 192} {
		for panels := 1; panels <= 9; panels++ {
			stride := k*wide + panels%3*16
			out, w, x := numbers(panels*wide+3), numbers(panels*stride), numbers(k)
			want := slices.Clone(out)
			tile1(out, w, stride, x, k, panels)
			tile1Go(want, w, stride, x, k, panels)
			equal(fmt.Sprintf("one vector of %d, %d panels", k, panels), out, want)
		}
		out, w, x := numbers(4*50), numbers(k*wide), numbers(4*(k+1))
		want, single := slices.Clone(out), slices.Clone(out)
		tile4(out, 50, w, x, k+1, k)
		tile4Go(want, 50, w, x, k+1, k)
		equal(fmt.Sprintf("four vectors of %d", k), out, want)
		for i := range 4 {
			tile1(single[i*50:], w, 0, x[i*(k+1):], k, 1)
		}
		if !slices.Equal(single, out) {
			t.Fatalf("four vectors of %d differ from one and one", k)
		}
	}
}

func TestPromptsKept(t *testing.T) {
	var p prompts
	fill := func(n int) cache {
		c := cache{n: n}
		for range (n + page - 1) / page {
			c.pages = append(c.pages, make([]float32, 1))
		}
		return c
	}
	tokens := someTokens(small(), 100)
	p.keep(tokens[:20], fill(20), 4)
	p.keep(tokens[:50], fill(50), 4) // takes its place
	if len(p.kept) != 1 {
		t.Errorf("%d prompts, one of which begins with the other", len(p.kept))
	}
	branch := append(slices.Clone(tokens[:30]), 1, 1, 1)
	p.keep(branch, fill(33), 4)
	for _, test := range []struct {
		tokens      []int32
		limit, want int
	}{{tokens, 99, 50}, {branch, 32, 32}, {tokens[:40], 39, 39}, {tokens[:10], 9, 9}, {[]int32{-1, -2}, 1, 0}, {tokens, 0, 0}} {
		if c := p.find(test.tokens, test.limit); c.n != test.want || len(c.pages) != (test.want+page-1)/page {
			t.Errorf("found %d tokens on %d pages, want %d", c.n, len(c.pages), test.want)
		}
	}
	for i := range 2 * keptPrompts {
		p.keep([]int32{int32(1000 + i)}, fill(1), 4)
		p.find(tokens, 99) // in use
	}
	if len(p.kept) != keptPrompts || p.find(tokens, 99).n != 50 || p.find(branch, 33).n != 30 {
		t.Errorf("%d prompts are kept", len(p.kept))
	}
	p.keep([]int32{7}, fill(33), keptBytes/6)
	if bytes := len(p.kept); bytes > 4 {
		t.Errorf("%d prompts in more bytes than allowed", bytes)
	}
	p.keep([]int32{8}, fill(33), keptBytes)
	if len(p.kept) != 0 {
		t.Error("one larger than the bound was kept")
	}
}

// exp is right where vek's is garbage: attention that is sure of itself has scores that lie far apart.
func TestExp(t *testing.T) {
	x := []float32{0, -1, -20, -79, -90, -104, -1000, -1e30, float32(math.Inf(-1)), 0, -0.5, -88, -87.5, -2, -3, -4, -5}
	want := append([]float32(nil), x...)
	exp(x)
	for i := range x {
		if e := math.Exp(float64(want[i])); math.Abs(float64(x[i])-e) > 1e-6 {
			t.Errorf("e^%g = %g, not %g", want[i], x[i], e)
		}
	}
}
