package formula

import "slices"

// maxMatrix is the most rows or columns of a matrix that is calculated with.
const maxMatrix = 8

// shape returns the rows and columns of a matrix; ok is false for what is none, or has rows of several lengths.
func shape(n *Node) (rows, columns int, ok bool) {
	if n.Op != Matrix || len(n.Args) == 0 || len(n.Args) > maxMatrix {
		return 0, 0, false
	}
	columns = len(n.Args[0].Args)
	if columns > maxMatrix || slices.ContainsFunc(n.Args, func(r *Node) bool { return r.Op != Tuple || len(r.Args) != columns }) {
		return 0, 0, false
	}
	return len(n.Args), columns, true
}

// calculated returns the matrix that a sum, a product or a transposition of matrices comes to, nil for anything else.
func calculated(n *Node) *Node {
	switch n.Op {
	case Sum:
		return added(n.Args)
	case Product:
		return multiplied(n.Args)
	case Power:
		if rows, columns, ok := shape(n.Args[0]); ok && n.Args[1].Op == Symbol && n.Args[1].Name == "T" {
			return built(columns, rows, func(i, j int) *Node { return n.Args[0].Args[j].Args[i] })
		}
	}
	return nil
}

func built(rows, columns int, element func(i, j int) *Node) *Node {
	m := node(Matrix)
	for i := range rows {
		row := node(Tuple)
		for j := range columns {
			row.Args = append(row.Args, element(i, j))
		}
		m.Args = append(m.Args, row)
	}
	return m
}

// entries is a term of a sum of matrices as a matrix: itself, worked out, or with the other sign.
func entries(n *Node) *Node {
	switch {
	case n.Op == Negative:
		if m := entries(n.Args[0]); m != nil {
			if rows, columns, ok := shape(m); ok {
				return built(rows, columns, func(i, j int) *Node { return node(Negative, m.Args[i].Args[j]) })
			}
		}
		return nil
	case n.Op == Matrix:
		return n
	case n.count(Matrix) > 0:
		return calculated(n)
	}
	return nil
}

func added(terms []*Node) *Node {
	var total *Node
	for _, t := range terms {
		m := entries(t)
		if m == nil {
			return nil
		}
		if total == nil {
			total = m
			continue
		}
		rows, columns, ok := shape(m)
		r, c, okTotal := shape(total)
		if !ok || !okTotal || rows != r || columns != c {
			return nil
		}
		sum := total
		total = built(rows, columns, func(i, j int) *Node { return node(Sum, sum.Args[i].Args[j], m.Args[i].Args[j]) })
	}
	return total
}

func multiplied(factors []*Node) *Node {
	var product *Node
	var scalars []*Node
	matrices := 0
	for _, f := range factors {
		if f.count(Matrix) == 0 {
			scalars = append(scalars, f)
			continue
		}
		m := entries(f)
		if m == nil {
			return nil
		}
		if matrices++; matrices > 4 {
			return nil
		}
		if product == nil {
			product = m
			continue
		}
		rows, inner, ok := shape(product)
		again, columns, okNext := shape(m)
		if !ok || !okNext || inner != again {
			return nil
		}
		left := product
		product = built(rows, columns, func(i, j int) *Node {
			sum := node(Sum)
			for k := range inner {
				sum.Args = append(sum.Args, node(Product, left.Args[i].Args[k], m.Args[k].Args[j]))
			}
			return sum
		})
	}
	if product == nil || len(scalars) == 0 {
		return product
	}
	rows, columns, ok := shape(product)
	if !ok {
		return nil
	}
	unscaled := product
	return built(rows, columns, func(i, j int) *Node { return node(Product, append(slices.Clone(scalars), unscaled.Args[i].Args[j])...) })
}
