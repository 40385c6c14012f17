package casetest

import (
	"runtime"
	"testing"
	"time"
)

// Bounded runs f, which reads an input of so many bytes, and fails if it takes over 5 s or allocates over 16 MB and so many times the input in each of three
// tries: a busy machine is slow once. Under the race detector the time alone counts.
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

// Cost is how long f takes, and how many bytes the process allocates meanwhile.
func Cost(f func()) (took time.Duration, made uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	f()
	runtime.ReadMemStats(&after)
	return time.Since(began), after.TotalAlloc - before.TotalAlloc
}
