package draw

import (
	"context"
	"errors"
	"time"
)

// ErrIdle is the cause of a context that Watch cancelled.
var ErrIdle = errors.New("the endpoint sent nothing for too long")

// Watch returns a context that is cancelled when alive hasn't been called for that long. Call stop when done with it. Where ctx has
// a deadline, a third of the time that is left is the longest silence: then there is time for something else.
func Watch(ctx context.Context, idle time.Duration) (watched context.Context, alive func(), stop func()) {
	if deadline, ok := ctx.Deadline(); ok {
		idle = min(idle, time.Until(deadline)/3)
	}
	watched, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(idle, func() { cancel(ErrIdle) })
	return watched, func() { timer.Reset(idle) }, func() { timer.Stop(); cancel(nil) }
}
