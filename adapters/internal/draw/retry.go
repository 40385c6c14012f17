package draw

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"aprm/adapters"
)

// longest is what an endpoint may ask to wait and still be asked again.
const longest = time.Minute

// Retry calls open until it works, at most tries times, waiting longer each time or as long as the endpoint asked for. Only
// what may pass is tried again (adapters.UpstreamError.MayPass). open must fail before the first byte of an answer was used. Where Watch
// ends the wait, the error is why it was waited, not the silence of an endpoint that had answered.
func Retry(ctx context.Context, tries int, open func() error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 250 * time.Millisecond
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := open()
		last = err
		var upstream *adapters.UpstreamError
		switch {
		case err == nil:
			return struct{}{}, nil
		case ctx.Err() != nil, !errors.As(err, &upstream) || !upstream.MayPass() || upstream.RetryAfter > longest:
			return struct{}{}, backoff.Permanent(err)
		case upstream.RetryAfter > 0:
			return struct{}{}, errors.Join(err, &backoff.RetryAfterError{Duration: upstream.RetryAfter})
		default:
			return struct{}{}, err
		}
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(tries)), backoff.WithMaxElapsedTime(0))
	if err == ErrIdle {
		err = last
	}
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Err
	}
	var upstream *adapters.UpstreamError
	if errors.As(err, &upstream) {
		return upstream
	}
	return err
}

// RetryAfter reads the header of that name: seconds or a date. 0 when there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.Atoi(value); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
