package builtin

import "golang.org/x/sys/cpu"

var fast = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// tile1 is tile1Go, or the same in AVX2 where the machine has it. k and panels are at least 1.
func tile1(out, w []float32, stride int, x []float32, k, panels int) {
	if !fast {
		tile1Go(out, w, stride, x, k, panels)
		return
	}
	_, _, _ = out[panels*wide-1], w[(panels-1)*stride+k*wide-1], x[k-1] // the assembly checks no bounds
	tile1AVX2(&out[0], &w[0], stride, &x[0], k, panels)
}

// tile4 is tile4Go, or the same in AVX2 where the machine has it. k is at least 1.
func tile4(out []float32, ostride int, w, x []float32, xstride, k int) {
	if !fast {
		tile4Go(out, ostride, w, x, xstride, k)
		return
	}
	_, _, _ = out[3*ostride+wide-1], w[k*wide-1], x[3*xstride+k-1]
	tile4AVX2(&out[0], ostride, &w[0], &x[0], xstride, k)
}

//go:noescape
func tile1AVX2(out, w *float32, stride int, x *float32, k, panels int)

//go:noescape
func tile4AVX2(out *float32, ostride int, w, x *float32, xstride, k int)
