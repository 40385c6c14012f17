package generator

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Unit is an idempotent piece of work, known by a hash of its content: doing it twice gives the same result, so that a
// queue may deliver it again after a crash.
type Unit struct {
	Key string
	Do  func(ctx context.Context) error
}

// Queue runs units of work. It returns one error a unit, nil for those done, in the order of the units; a unit that
// failed leaves the others alone. done is called after each, from one goroutine at a time. The error is for the queue
// itself, or ctx's.
type Queue interface {
	Run(ctx context.Context, units []Unit, done func(err error)) ([]error, error)
}

// Pool is a Queue within this process: so many units at a time.
type Pool int

// Run does the units. Once ctx is done no further unit is started.
func (p Pool) Run(ctx context.Context, units []Unit, done func(err error)) ([]error, error) {
	errs := make([]error, len(units))
	index := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range max(1, min(int(p), len(units))) {
		wg.Go(func() {
			for i := range index {
				errs[i] = units[i].Do(ctx)
				mu.Lock()
				done(errs[i])
				mu.Unlock()
			}
		})
	}
feed:
	for i := range units {
		select {
		case index <- i:
		case <-ctx.Done():
			for k := i; k < len(units); k++ {
				errs[k] = ctx.Err()
			}
			break feed
		}
	}
	close(index)
	wg.Wait()
	return errs, ctx.Err()
}

// tooManyFailed reports failures of more than half of the units.
func tooManyFailed(stage Stage, errs []error) error {
	var failed []error
	for _, err := range errs {
		if err != nil {
			failed = append(failed, err)
		}
	}
	if 2*len(failed) <= len(errs) {
		return nil
	}
	return fmt.Errorf("%s: %d of %d units failed, so the round was given up; the first: %w", stage, len(failed), len(errs), errors.Join(failed[:1]...))
}
