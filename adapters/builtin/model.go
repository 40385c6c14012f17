package builtin

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// model is the transformer: blocks of causal attention with rotary positions and of squared-ReLU units, each behind a
// root mean square norm and added to what it read; the embedding is also the output head. It is immutable.
type model struct {
	header
	digest    string // of the file
	embedding matrix // [vocab, dim]
	blocks    []block
	gain      []float32 // of the last norm
	cos, sin  []float32 // of the positions' angles, [context, headSize/2]
}

type block struct {
	gain1                  []float32
	query, key, value, out matrix // [dim, dim]
	gain2                  []float32
	up, down               matrix // [hidden, dim], [dim, hidden]
}

func (m *model) headSize() int { return m.Dim / m.Heads }

// pageSize is how many numbers a page of a cache holds.
func (m *model) pageSize() int { return m.Layers * 2 * m.Dim * page }

// run is a piece of one sequence to be read: the tokens that follow those in the cache.
type run struct {
	tokens []int32
	cache  *cache
}

// scratch is the working memory of one goroutine; its matrices have one row for each token read.
type scratch struct {
	x       []float32 // the residual stream
	normed  []float32
	q, k, v []float32
	mixed   []float32 // what attention gathered
	units   []float32 // [hidden]
	scores  []float32 // at one position, [heads, positions before it]
	states  []float32 // last norm's output at each token, what read returns
	last    []float32 // states that logits are wanted of
	logits  []float32
	weights []float32 // of the words, when one is sampled
}

// sized returns a slice of n numbers in the place of *s. What it holds is arbitrary.
func sized(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}

// zeroed is sized, with zeros in it.
func zeroed(s *[]float32, n int) []float32 {
	out := sized(s, n)
	clear(out)
	return out
}

// read takes the tokens of all runs through the model, adds them to the runs' caches, and returns the state at each
// token, [tokens, dim], which is s's until the next call. What comes out for a sequence is the same to the bit however
// it is cut into runs and whatever runs it stands beside. No run may go beyond the context, and no two may share a
// cache.
func (m *model) read(s *scratch, runs []run) []float32 {
	dim, n := m.Dim, 0
	for _, r := range runs {
		r.cache.grow(len(r.tokens), m.pageSize())
		n += len(r.tokens)
	}
	x, row := sized(&s.x, n*dim), 0
	for _, r := range runs {
		for _, token := range r.tokens {
			m.embedding.row(int(token), x[row*dim:])
			row++
		}
	}
	for layer, b := range m.blocks {
		h := norm(sized(&s.normed, n*dim), x, b.gain1)
		b.query.mulAdd(zeroed(&s.q, n*dim), h, n)
		b.key.mulAdd(zeroed(&s.k, n*dim), h, n)
		b.value.mulAdd(zeroed(&s.v, n*dim), h, n)
		zeroed(&s.mixed, n*dim)
		row := 0
		for _, r := range runs {
			for i := range r.tokens {
				m.attend(s, r.cache, layer, r.cache.n+i, row*dim)
				row++
			}
		}
		b.out.mulAdd(x, s.mixed, n)
		b.up.mulAdd(zeroed(&s.units, n*m.Hidden), norm(h, x, b.gain2), n)
		b.down.mulAdd(x, squaredReLU(s.units), n)
	}
	for _, r := range runs {
		r.cache.n += len(r.tokens)
	}
	return norm(sized(&s.states, n*dim), x, m.gain)
}

// attend writes the key and the value at a position to a layer of the cache and gathers what its query finds there. at
// is where the position's row begins in the matrices of s.
func (m *model) attend(s *scratch, c *cache, layer, pos, at int) {
	dim, size := m.Dim, m.headSize()
	keys := layer * 2 * dim * page // where they begin in a page
	values := keys + dim*page
	q, k, v := s.q[at:at+dim], s.k[at:at+dim], s.v[at:at+dim]
	m.rotate(q, pos)
	m.rotate(k, pos)
	vek32.MulNumber_Inplace(q, float32(1/math.Sqrt(float64(size))))

	current, slot := c.pages[pos/page], pos%page
	for i, x := range k {
		current[keys+i*page+slot] = x
	}
	for i := 0; i < dim; i += wide {
		copy(current[values+i*page+slot*wide:][:wide], v[i:])
	}

	// Page by page, as they lie in memory, and not head by head.
	pages := c.pages[:pos/page+1]
	length := len(pages) * page
	scores := zeroed(&s.scores, m.Heads*length)
	for i, p := range pages {
		for head := range m.Heads {
			tile1(scores[head*length+i*page:], p[keys+head*size*page:], 0, q[head*size:], size, 1)
		}
	}
	for head := range m.Heads {
		weights := scores[head*length:][:pos+1]
		vek32.SubNumber_Inplace(weights, vek32.Max(weights))
		exp(weights)
		vek32.DivNumber_Inplace(weights, vek32.Sum(weights))
	}
	for i, p := range pages {
		for head := range m.Heads {
			tile1(s.mixed[at+head*size:], p[values+head*size*page:], wide*page, scores[head*length+i*page:], min(page, pos+1-i*page), size/wide)
		}
	}
}

// exp replaces numbers up to zero by their exponentials. vek's own, which is fast, returns garbage below −88; what is
// that small is as good as nothing.
func exp(x []float32) {
	vek32.MaximumNumber_Inplace(x, -80)
	vek32.Exp_Inplace(x)
}

// rotate turns each head's pairs (i, i + size/2) of x by the angles of a position.
func (m *model) rotate(x []float32, pos int) {
	size := m.headSize()
	half := size / 2
	cos, sin := m.cos[pos*half:(pos+1)*half], m.sin[pos*half:(pos+1)*half]
	for head := 0; head < len(x); head += size {
		a, b := x[head:head+half], x[head+half:head+size]
		for i, c := range cos {
			a[i], b[i] = a[i]*c-b[i]*sin[i], a[i]*sin[i]+b[i]*c
		}
	}
}

// norm writes each row of x, divided by its root mean square and times gain, to dst.
func norm(dst, x, gain []float32) []float32 {
	dim := len(gain)
	for at := 0; at < len(x); at += dim {
		row := x[at : at+dim]
		vek32.Mul_Into(dst[at:at+dim], row, gain)
		vek32.DivNumber_Inplace(dst[at:at+dim], float32(math.Sqrt(float64(vek32.Dot(row, row))/float64(dim)+1e-5)))
	}
	return dst
}

func squaredReLU(x []float32) []float32 {
	for i, v := range x {
		v = max(v, 0)
		x[i] = v * v
	}
	return x
}

// head returns the logits at states [n, dim], in rows of padded(vocab).
func (m *model) head(s *scratch, states []float32, n int) []float32 {
	m.embedding.mulAdd(zeroed(&s.logits, n*padded(m.embedding.rows)), states, n)
	return s.logits
}
