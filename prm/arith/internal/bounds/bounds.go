// Package bounds holds the fuzz tests of arith and formula to what one call may cost.
package bounds

import (
	"os"
	"runtime"
	"testing"
	"time"
)

const (
	most      = 50 * time.Millisecond
	mostBytes = 50 << 20
)

// Check runs f and, where ARITH_BOUNDS is set, fails if it takes over 50 ms or allocates over 50 MB in each of three
// tries. Where the system tells it, the time is the processor's, so that others on the machine don't count.
func Check(t testing.TB, f func()) {
	t.Helper()
	if os.Getenv("ARITH_BOUNDS") == "" {
		f()
		return
	}
	var took time.Duration
	var bytes uint64
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := spent()
		f()
		took = spent() - began
		runtime.ReadMemStats(&after)
		if bytes = after.TotalAlloc - before.TotalAlloc; took <= most && bytes <= mostBytes {
			return
		}
	}
	t.Fatalf("took %v and %d MB", took, bytes>>20)
}
