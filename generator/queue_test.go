package generator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"aprm/prm/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// Errors come back in the order of the units, whatever order they end in, and never more than so many run at a time.
func TestPool(t *testing.T) {
	const size = 3
	errOdd := errors.New("odd")
	var mu sync.Mutex
	running, most, reported := 0, 0, 0
	full := make(chan struct{}) // closed once the pool is as full as it may be
	units := make([]Unit, 20)
	for i := range units {
		units[i] = Unit{Key: fmt.Sprint(i), Do: func(context.Context) error {
			mu.Lock()
			running++
			if most = max(most, running); running == size && i < size {
				close(full)
			}
			mu.Unlock()
			<-full
			mu.Lock()
			running--
			mu.Unlock()
			if i%2 == 1 {
				return fmt.Errorf("unit %d: %w", i, errOdd)
			}
			return nil
		}}
	}
	errs, err := Pool(size).Run(t.Context(), units, func(error) { reported++ })
	if err != nil || reported != len(units) || most != size {
		t.Errorf("%v; %d of %d units reported, %d at a time, want %d", err, reported, len(units), most, size)
	}
	for i, err := range errs {
		if i%2 == 0 && err != nil || i%2 == 1 && (!errors.Is(err, errOdd) || err.Error() != fmt.Sprintf("unit %d: odd", i)) {
			t.Errorf("unit %d: %v", i, err)
		}
	}
}

// Once its context is done the pool starts nothing more, and says so for each unit left.
func TestPoolStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := 0
	units := make([]Unit, 10)
	for i := range units {
		units[i] = Unit{Do: func(context.Context) error {
			if started++; i == 2 {
				cancel()
			}
			return nil
		}}
	}
	errs, err := Pool(1).Run(ctx, units, func(error) {})
	if !errors.Is(err, context.Canceled) || started > 5 {
		t.Errorf("%v after %d units", err, started)
	}
	for i, err := range errs {
		if (i < started) != (err == nil) {
			t.Errorf("unit %d of %d started: %v", i, started, err)
		}
	}
	if errs, err := Pool(4).Run(t.Context(), nil, nil); len(errs) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", errs, err)
	}
}

func TestTooManyFailed(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		errs []error
		stop bool
	}{
		{nil, false},
		{[]error{nil, nil}, false},
		{[]error{boom, nil}, false},
		{[]error{nil, boom, boom}, true},
	} {
		if err := tooManyFailed(StageAttack, tt.errs); (err != nil) != tt.stop || tt.stop && !errors.Is(err, boom) {
			t.Errorf("%v: %v", tt.errs, err)
		}
	}
}
