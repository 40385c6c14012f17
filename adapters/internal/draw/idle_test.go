package draw

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
)

// TestSilence: how long a silence may be, before the first word and behind it, with a deadline in 12 s and without one.
func TestSilence(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	for _, test := range []struct {
		name          string
		deadline      bool
		mark          func(context.Context) context.Context
		first, behind time.Duration
	}{
		{"no deadline", false, plain, time.Minute, time.Minute},
		{"a deadline", true, plain, 6 * time.Second, 4 * time.Second},
		{"patience", true, adapters.WithPatience, 12 * time.Second, 4 * time.Second},
		{"patience without a deadline", false, adapters.WithPatience, time.Minute, time.Minute},
	} {
		for _, spoken := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := test.mark(t.Context()), func() {}
				if test.deadline {
					ctx, end = context.WithTimeout(ctx, 12*time.Second)
				}
				defer end()
				watched, alive, stop := Watch(ctx, time.Minute)
				defer stop()
				want := test.first
				if spoken {
					want = test.behind
					time.Sleep(time.Second)
					alive()
				}
				began := time.Now()
				<-watched.Done()
				if took := time.Since(began); took != want || errors.Is(context.Cause(watched), ErrIdle) != (want != 12*time.Second) {
					t.Errorf("%s, spoken %t: %v after %v, want %v", test.name, spoken, context.Cause(watched), took, want)
				}
			})
		}
	}
}
