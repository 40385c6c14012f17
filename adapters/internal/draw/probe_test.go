package draw

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
)

// slowProbe is a probe that takes its time, as long as its context lets it, and counts.
type slowProbe struct {
	takes time.Duration
	err   error
	asked atomic.Int32
}

func (p *slowProbe) ask(ctx context.Context) (adapters.Capabilities, error) {
	p.asked.Add(1)
	select {
	case <-time.After(p.takes):
		return adapters.Capabilities{Model: "m"}, p.err
	case <-ctx.Done():
		return adapters.Capabilities{}, ctx.Err()
	}
}

// TestSlowProbe: who has a deadline doesn't wait for long, at most once; who has none does; and it is known to all
// then.
func TestSlowProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known Probed
		p := &slowProbe{takes: time.Minute}
		patient := make(chan error)
		go func() {
			_, err := known.Or(t.Context(), time.Hour, p.ask)
			patient <- err
		}()
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		search := adapters.WithSearch(t.Context())
		for i, want := range []time.Duration{patience, 0, 0, 0} {
			began := time.Now()
			if _, err := known.Or([]context.Context{search, hurried}[i%2], time.Hour, p.ask); !errors.Is(err, adapters.ErrUnprobed) || time.Since(began) != want {
				t.Errorf("%v after %v, want %v", err, time.Since(began), want)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := known.Or(gone, time.Hour, p.ask); !errors.Is(err, context.Canceled) {
			t.Errorf("who has left: %v", err)
		}
		if err := <-patient; err != nil {
			t.Error(err)
		}
		if caps, err := known.Or(hurried, time.Hour, p.ask); err != nil || caps.Model != "m" || p.asked.Load() != 1 {
			t.Errorf("%+v, %v after %d probes", caps, err, p.asked.Load())
		}
	})
}

// TestProbeOfACallWithADeadline goes on behind the call, ends with its context, and is taken up by who waited for it.
func TestProbeOfACallWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known Probed
		p := &slowProbe{takes: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := known.Or(ctx, time.Hour, p.ask); !errors.Is(err, adapters.ErrUnprobed) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		caps, err := known.Or(t.Context(), time.Hour, p.ask)
		if took := time.Since(began); err != nil || caps.Model != "m" || took != time.Minute+3*time.Second || p.asked.Load() != 2 {
			t.Errorf("%v after %v and %d probes", err, took, p.asked.Load())
		}
	})
}

// TestProbeFails: a fault is no answer; who has a deadline begins another after a pause, who has none at once.
func TestProbeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known Probed
		p := &slowProbe{err: errors.New("out of order")}
		hurried, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for i, wait := range []time.Duration{0, 0, pause, 0} {
			time.Sleep(wait)
			if _, err := known.Or(hurried, time.Hour, p.ask); !errors.Is(err, adapters.ErrUnprobed) || !errors.Is(err, p.err) || p.asked.Load() != int32(1+i/2) {
				t.Errorf("%d: %v after %d probes", i, err, p.asked.Load())
			}
		}
		if _, err := known.Or(t.Context(), time.Hour, p.ask); !errors.Is(err, p.err) || errors.Is(err, adapters.ErrUnprobed) || p.asked.Load() != 3 {
			t.Errorf("%v after %d probes", err, p.asked.Load())
		}
		p.takes = time.Hour
		if _, err := known.Or(t.Context(), time.Minute, p.ask); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("past its limit: %v", err)
		}
		if _, err := known.Or(t.Context(), time.Hour, func(context.Context) (adapters.Capabilities, error) { panic("oops") }); err == nil {
			t.Error("a panic is no error")
		}
		p.takes, p.err = 0, nil
		time.Sleep(pause)
		if _, err := known.Or(hurried, time.Hour, p.ask); err != nil {
			t.Errorf("it is well again: %v", err)
		}
	})
}

// TestProbeTakesNoSlots: one that stalls leaves them to those who can't wait.
func TestProbeTakesNoSlots(t *testing.T) {
	s := NewSlots(1)
	ctx := withoutSlots(t.Context())
	if err := s.Acquire(ctx, 1); err != nil || s.free != 1 {
		t.Errorf("%d free, %v", s.free, err)
	}
	s.Release(ctx, 1)
	if s.free != 1 {
		t.Errorf("%d free", s.free)
	}
}
