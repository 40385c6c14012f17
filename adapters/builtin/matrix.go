package builtin

// wide is how many outputs a tile computes together: two AVX2 registers.
const wide = 16

// matrix holds weights [rows, cols] in panels of wide rows, [⌈rows/wide⌉][cols][wide], padded with zeros: so a tile
// reads them in the order in which they lie.
type matrix struct {
	rows, cols int
	panels     []float32
}

// newMatrix packs row-major weights.
func newMatrix(rows, cols int, weights []float32) matrix {
	m := matrix{rows: rows, cols: cols, panels: make([]float32, padded(rows)*cols)}
	for r := range rows {
		panel := m.panels[r/wide*wide*cols:]
		for c := range cols {
			panel[c*wide+r%wide] = weights[r*cols+c]
		}
	}
	return m
}

// padded is n rounded up to whole tiles.
func padded(n int) int { return (n + wide - 1) / wide * wide }

// row copies one row of the weights to dst.
func (m matrix) row(r int, dst []float32) {
	panel := m.panels[r/wide*wide*m.cols:]
	for c := range dst[:m.cols] {
		dst[c] = panel[c*wide+r%wide]
	}
}

// mulAdd adds the product with each of n vectors: out [n, padded(rows)] += x [n, cols] · mᵀ. Each output is one sum in
// the order of the columns, whatever n is, so that a vector's product doesn't depend on those beside it.
func (m matrix) mulAdd(out, x []float32, n int) {
	const group = 4 // panels that a single vector goes through at once
	stride, size := padded(m.rows), wide*m.cols
	whole := n - n%4
	for first := 0; first < stride/wide; first += group {
		count := min(group, stride/wide-first)
		for p := first; p < first+count; p++ {
			for i := 0; i < whole; i += 4 {
				tile4(out[i*stride+p*wide:], stride, m.panels[p*size:(p+1)*size], x[i*m.cols:], m.cols, m.cols)
			}
		}
		for i := whole; i < n; i++ {
			tile1(out[i*stride+first*wide:], m.panels[first*size:(first+count)*size], size, x[i*m.cols:], m.cols, count)
		}
	}
}

// tile1Go adds to out [panels·wide] the product of x [k] with so many panels, which lie stride apart in w.
func tile1Go(out, w []float32, stride int, x []float32, k, panels int) {
	for p := range panels {
		sums := out[p*wide : (p+1)*wide]
		for c := range k {
			row := w[p*stride+c*wide:][:wide]
			for r := range sums {
				sums[r] += row[r] * x[c]
			}
		}
	}
}

// tile4Go adds to four rows of out, ostride apart, the products of four vectors x [k], xstride apart, with one panel.
func tile4Go(out []float32, ostride int, w, x []float32, xstride, k int) {
	for i := range 4 {
		tile1Go(out[i*ostride:], w, 0, x[i*xstride:], k, 1)
	}
}
