package casetest

import (
	"math"
	"runtime"
	"testing"
	"time"
)

// Bounded runs f, which reads an input of so many bytes, and fails if it takes over 5 s or allocates over 16 MB and so
// many times the input in each of three tries: a busy machine is slow once. Under the race detector the time alone
// counts.
func Bounded(t testing.TB, size int, times uint64, f func()) {
	t.Helper()
	var took time.Duration
	var made uint64
	for range 3 {
		if took, made = Cost(f); took <= 5*time.Second && (raced || made <= 16<<20+times*uint64(size)) { // #nosec G115 -- a size is not below 0
			return
		}
	}
	t.Errorf("%d bytes took %v and %d bytes", size, took, made)
}

// Cost is how long f takes, by the clock or on the processors, whichever is less, since the machine may be busy with
// something else, and how many bytes the process allocates meanwhile.
func Cost(f func()) (took time.Duration, made uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, busy := time.Now(), worked()
	f()
	took = min(time.Since(began), worked()-busy)
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc
}

// Quickest is the least Cost of f in a few tries, the last of which is the first within a time: the collector's work is
// counted too, and a busy machine is slow once.
func Quickest(within time.Duration, f func()) (took time.Duration, made uint64) {
	took, made = math.MaxInt64, math.MaxUint64
	for range 5 {
		t, m := Cost(f)
		if took, made = min(took, t), min(made, m); took <= within {
			break
		}
	}
	return took, made
}
