//go:build unix

package training

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"aprm/prm/train"
	"aprm/sidecar/dataset"
)

// A whole training from 3,200 recorded answers, as 'train --solutions' has it: minutes of the clock and of the
// processor, and the most memory that the process had.
func BenchmarkLearn(b *testing.B) {
	answered, err := dataset.ReadAnswers("../../configs/experiments/votes/gsm8k-1.5b.jsonl.gz")
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	debug.FreeOSMemory()
	worked := processor(b)
	epochs := 0
	for b.Loop() {
		epochs = 0
		opt := train.Options{Seed: 1, Entropy: 0.01, Progress: func(int, int, float64) { epochs++ }}
		if _, err := (Solutions{PRM: opt, Head: train.SolutionOptions{Seed: 1}, Answered: answered}).Learn(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Minutes()/float64(b.N), "minutes")
	b.ReportMetric((processor(b)-worked).Minutes()/float64(b.N), "processor-minutes")
	b.ReportMetric(float64(epochs), "epochs")
	var of syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &of); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(of.Maxrss)/1024, "peak-MiB") // Linux counts kilobytes
}

// processor is the time that this process has had processors for.
func processor(b *testing.B) time.Duration {
	var of syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &of); err != nil {
		b.Fatal(err)
	}
	return time.Duration(of.Utime.Nano() + of.Stime.Nano())
}
