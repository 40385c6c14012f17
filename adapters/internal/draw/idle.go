package draw

import (
	"context"
	"errors"
	"time"

	"aprm/adapters"
)

// ErrIdle is the cause of a context that Watch cancelled.
var ErrIdle = errors.New("the endpoint sent nothing for too long")

// Watch returns a context that is cancelled when alive hasn't been called for that long. Call stop when done with it.
// Where ctx has a deadline, half of the time that is left is the longest silence before the first call and a third of
// it the longest behind that: then there is time for something else. With adapters.WithPatience only idle bounds the
// wait for the first: who is slow to begin would be no faster another time.
func Watch(ctx context.Context, idle time.Duration) (watched context.Context, alive func(), stop func()) {
	first, silence := idle, idle
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		silence = min(idle, left/3)
		if !adapters.Patience(ctx) {
			first = min(idle, left/2)
		}
	}
	watched, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(first, func() { cancel(ErrIdle) })
	return watched, func() { timer.Reset(silence) }, func() { timer.Stop(); cancel(nil) }
}
