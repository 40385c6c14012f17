package draw

import (
	"context"
	"errors"
	"time"
)

// ErrIdle is the cause of a context that Watch cancelled.
var ErrIdle = errors.New("the endpoint sent nothing for too long")

// Watch returns a context that is cancelled when alive hasn't been called for that long. Call stop when done with it.
func Watch(ctx context.Context, idle time.Duration) (watched context.Context, alive func(), stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(idle, func() { cancel(ErrIdle) })
	return watched, func() { timer.Reset(idle) }, func() { timer.Stop(); cancel(nil) }
}
