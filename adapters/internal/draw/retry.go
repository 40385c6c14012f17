package draw

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"aprm/adapters"
)

// longest is what an endpoint may ask to wait and still be asked again.
const longest = time.Minute

// Retry calls open until it works, at most tries times, waiting longer each time or as long as the endpoint asked for.
// Only what may pass is tried again (adapters.UpstreamError.MayPass). A model that is being loaded is waited for as
// long as ctx lasts. open must fail before the first byte of an answer was used. What is asked again comes out of the
// endpoint's budget and out of the search's that ctx belongs to; there is none left, and the error is what went wrong.
// Where ctx ends the wait, the error is why it was waited, not the silence of an endpoint that had answered.
func Retry(ctx context.Context, tries int, budget *adapters.Budget, open func() error) error {
	if !adapters.Patience(ctx) { // else it is itself asked again
		budget.First()
		adapters.BudgetOf(ctx).First()
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 250*time.Millisecond, 5*time.Second
	var last error
	done := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := open()
		last = err
		var upstream *adapters.UpstreamError
		loading := errors.As(err, &upstream) && upstream.Loading()
		if !loading {
			done++
		}
		switch {
		case err == nil:
			return struct{}{}, nil
		case done >= tries:
			return struct{}{}, backoff.Permanent(err)
		case ctx.Err() != nil, !errors.As(err, &upstream) || !upstream.MayPass() || upstream.RetryAfter > longest && !loading:
			return struct{}{}, backoff.Permanent(err)
		case !loading && !(adapters.BudgetOf(ctx).Again() && budget.Again()):
			return struct{}{}, backoff.Permanent(err)
		case tooLong(ctx, upstream.RetryAfter): // the client may wait, this call can't
			return struct{}{}, backoff.Permanent(err)
		case upstream.RetryAfter > 0:
			return struct{}{}, errors.Join(err, &backoff.RetryAfterError{Duration: upstream.RetryAfter})
		default:
			return struct{}{}, err
		}
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(0), backoff.WithMaxElapsedTime(0))
	var upstream *adapters.UpstreamError
	if err == ErrIdle || errors.As(last, &upstream) && upstream.Loading() && ctx.Err() != nil {
		err = last
	}
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Err
	}
	if errors.As(err, &upstream) {
		return upstream
	}
	return err
}

// tooLong reports whether a wait would last beyond the deadline.
func tooLong(ctx context.Context, wait time.Duration) bool {
	until, timed := ctx.Deadline()
	return timed && wait > 0 && time.Until(until) <= wait
}
