package draw

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
)

// TestRetry runs on a clock of its own, so that waits are exact and take no time.
func TestRetry(t *testing.T) {
	up := func(status int, after time.Duration) error {
		return &adapters.UpstreamError{Op: "generate", Status: status, RetryAfter: after}
	}
	for _, test := range []struct {
		name    string
		answers []error // one a try; the last one again for every further try
		tries   int
		asked   int
		status  int // of the error returned; -1 for none
		least   time.Duration
		most    time.Duration
	}{
		{"at once", []error{nil}, 4, 1, -1, 0, 0},
		{"500, then an answer", []error{up(500, 0), nil}, 4, 2, -1, 100 * time.Millisecond, time.Second},
		{"no answer, then one", []error{up(0, 0), nil}, 4, 2, -1, 100 * time.Millisecond, time.Second},
		{"waits as long as it is told", []error{up(429, 7*time.Second), nil}, 4, 2, -1, 7 * time.Second, 7 * time.Second},
		{"told twice", []error{up(503, 3*time.Second), up(429, 5*time.Second), nil}, 4, 3, -1, 8 * time.Second, 8 * time.Second},
		{"the longest wait", []error{up(429, longest), nil}, 4, 2, -1, longest, longest},
		{"told to wait too long", []error{up(429, longest+time.Second), nil}, 4, 1, 429, 0, 0},
		{"408", []error{up(408, 0), nil}, 4, 2, -1, 100 * time.Millisecond, time.Second},
		{"400 stands", []error{up(400, 0), nil}, 4, 1, 400, 0, 0},
		{"401 stands", []error{up(401, time.Second), nil}, 4, 1, 401, 0, 0},
		{"404 stands", []error{up(404, 0), nil}, 4, 1, 404, 0, 0},
		{"501 stands", []error{up(501, 0), nil}, 4, 1, 501, 0, 0},
		{"always 500", []error{up(500, 0)}, 3, 3, 500, 200 * time.Millisecond, 3 * time.Second},
		{"the last refusal is told", []error{up(500, 0), up(400, 0)}, 4, 2, 400, 100 * time.Millisecond, time.Second},
		{"one try", []error{up(503, time.Second)}, 1, 1, 503, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, asked := time.Now(), 0
				err := Retry(t.Context(), test.tries, nil, func() error {
					asked++
					return test.answers[min(asked, len(test.answers))-1]
				})
				took := time.Since(begun)
				if asked != test.asked || took < test.least || took > test.most {
					t.Errorf("asked %d times in %v, want %d in %v to %v", asked, took, test.asked, test.least, test.most)
				}
				var upstream *adapters.UpstreamError
				switch {
				case test.status < 0 && err != nil:
					t.Error(err)
				case test.status >= 0 && (!errors.As(err, &upstream) || upstream.Status != test.status):
					t.Errorf("%v, want the endpoint's %d", err, test.status)
				}
			})
		})
	}
}

func TestRetryStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begun, asked := time.Now(), 0
		err := Retry(ctx, 4, nil, func() error {
			asked++
			return &adapters.UpstreamError{Status: 429, RetryAfter: 30 * time.Second}
		})
		if took := time.Since(begun); err == nil || asked != 1 || took > 2*time.Second {
			t.Errorf("%v after %d tries in %v: nobody waits for it any more", err, asked, took)
		}
	})
}

// TestRetryWaitsForAModelThatLoads as long as there is time, whatever it takes and however long the endpoint asks to be
// left alone.
func TestRetryWaitsForAModelThatLoads(t *testing.T) {
	for _, asks := range []time.Duration{0, 20 * time.Second, 90 * time.Second} {
		for limit, want := range map[time.Duration]int{time.Hour: 0, 45 * time.Second: 503} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				begun := time.Now()
				err := Retry(ctx, 2, nil, func() error {
					if time.Since(begun) < time.Minute {
						return &adapters.UpstreamError{Status: 503, Message: "Loading model", RetryAfter: asks}
					}
					return nil
				})
				var upstream *adapters.UpstreamError
				if got := errors.As(err, &upstream); got != (want != 0) || got && upstream.Status != want || time.Since(begun) > 2*time.Minute {
					t.Errorf("asked to wait %v, within %v: %v after %v", asks, limit, err, time.Since(begun))
				}
			})
		}
	}
}

// TestRetryIsNoSilence: an endpoint that asks for patience has answered, and that answer is what a client is told.
func TestRetryIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _, stop := Watch(t.Context(), 10*time.Second)
		defer stop()
		err := Retry(ctx, 4, nil, func() error {
			return &adapters.UpstreamError{Op: "generate", Status: 429, RetryAfter: 30 * time.Second}
		})
		var upstream *adapters.UpstreamError
		if !errors.As(err, &upstream) || upstream.Status != 429 || !upstream.MayPass() {
			t.Errorf("%v, want the endpoint's 429", err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"3":                             3 * time.Second,
		"0":                             0,
		"-3":                            0,
		"soon":                          0,
		"Mon, 23 Nov 2026 12:00:05 GMT": 5 * time.Second,
		"Mon, 23 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := adapters.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, alive, stop := Watch(t.Context(), 10*time.Second)
		defer stop()
		for range 3 { // longer in all than it may be silent
			time.Sleep(9 * time.Second)
			alive()
		}
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatalf("cancelled while the endpoint was talking: %v", context.Cause(ctx))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), ErrIdle) {
			t.Errorf("silent for as long as it may be: %v", context.Cause(ctx))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, _, stop := Watch(t.Context(), time.Second)
		stop()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), context.Canceled) || errors.Is(context.Cause(ctx), ErrIdle) {
			t.Errorf("stopped, it ended with %v", context.Cause(ctx))
		}
	})
}

func TestFanOut(t *testing.T) {
	bad := errors.New("bad")
	for _, test := range []struct {
		name string
		done []adapters.Completion
		want error
	}{
		{"all well", []adapters.Completion{{Text: "a"}, {Text: "b"}}, nil},
		{"one failed", []adapters.Completion{{Err: bad}, {Text: "b"}}, nil},
		{"one said something first", []adapters.Completion{{Err: bad}, {Text: "b", Err: errors.New("cut")}}, nil},
		{"an answer may be empty", []adapters.Completion{{Err: bad}, {}}, nil},
		{"all failed", []adapters.Completion{{Err: bad}, {Err: errors.New("worse")}}, bad},
	} {
		t.Run(test.name, func(t *testing.T) {
			done, err := FanOut(t.Context(), len(test.done), func(_ context.Context, i int) adapters.Completion { return test.done[i] })
			if err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
			for i := range done {
				if done[i].Text != test.done[i].Text || done[i].Err != test.done[i].Err {
					t.Errorf("completion %d is %+v", i, done[i])
				}
			}
		})
	}
}

func TestPrefilled(t *testing.T) {
	for text, want := range map[string]adapters.Prefill{
		" July, August, September":                            adapters.PrefillContinued,
		"July, August":                                        adapters.PrefillContinued,
		knownBegin + " July, August":                          adapters.PrefillEchoed,
		"January, February, March, April, May, June, July":    adapters.PrefillNone,
		"As the clockmakers of Vell used to sing it: January": adapters.PrefillNone,
		knownBegin: adapters.PrefillNone,
		"":         adapters.PrefillNone,
	} {
		if got := Prefilled(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
