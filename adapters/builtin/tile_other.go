//go:build !amd64

package builtin

func tile1(out, w []float32, stride int, x []float32, k, panels int) {
	tile1Go(out, w, stride, x, k, panels)
}

func tile4(out []float32, ostride int, w, x []float32, xstride, k int) {
	tile4Go(out, ostride, w, x, xstride, k)
}
