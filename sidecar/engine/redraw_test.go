package engine

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/sidecar/decode"
)

// dying is a sampler whose n-th drawn sample dies of the n-th error; those after are well.
type dying struct {
	mu       sync.Mutex
	errs     []error
	requests []decode.SampleRequest
	mute     bool // those that die have said nothing
}

func (d *dying) Sample(_ context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, req)
	out := make([]decode.Sample, req.N)
	alive := false
	for i := range out {
		out[i] = decode.Sample{Text: "#### 1", Finish: decode.FinishEnd, CompletionTokens: 10}
		if len(d.errs) > 0 {
			out[i].Err, d.errs = d.errs[0], d.errs[1:]
		}
		if d.mute && out[i].Err != nil {
			out[i].Text, out[i].CompletionTokens = "", 0
		}
		alive = alive || out[i].Err == nil
	}
	if !alive && out[0].Text == "" {
		return nil, out[0].Err
	}
	return out, nil
}

func TestDeadCandidatesAreDrawnAgain(t *testing.T) {
	cut := &adapters.UpstreamError{Op: "generate", Message: "cut off", Err: io.ErrUnexpectedEOF}
	busy := &adapters.UpstreamError{Op: "generate", Status: 429}
	refused := &adapters.UpstreamError{Op: "generate", Status: 400, Message: "too long"}
	seed := int64(5)
	for _, test := range []struct {
		name            string
		errs            []error
		maxTokens       int
		requests, alive int
		dead            int
		err             error
	}{
		{"all well", nil, 100, 1, 3, 0, nil},
		{"one is cut off", []error{nil, cut}, 100, 2, 3, 1, nil},
		{"one is cut off twice", []error{nil, nil, cut, busy}, 100, 3, 3, 2, nil},
		{"one dies for good", []error{nil, nil, cut, cut, cut}, 100, 3, 2, 3, nil},
		{"no tokens are left for another", []error{nil, nil, cut}, 10, 1, 2, 1, nil},
		{"it would be refused again", []error{nil, nil, refused}, 100, 1, 2, 1, nil},
		{"nobody answers at first", []error{busy, busy, busy}, 100, 4, 3, 3, nil},
		{"all are refused", []error{refused, refused, refused}, 100, 1, 0, 3, refused},
	} {
		d := &dying{errs: test.errs}
		samples, err := redraw{d}.Sample(t.Context(), decode.SampleRequest{N: 3, MaxTokens: test.maxTokens, Seed: &seed})
		alive, dead := 0, 0
		for i, s := range samples {
			if s.Err == nil {
				alive++
			} else {
				dead++
			}
			if i >= 3 && s.Err == nil {
				t.Errorf("%s: a live sample stands among the dead", test.name)
			}
		}
		if len(d.requests) != test.requests || alive != test.alive || dead != test.dead || !errors.Is(err, test.err) {
			t.Errorf("%s: %d requests, %d alive, %d dead, %v; want %d, %d, %d, %v", test.name, len(d.requests), alive, dead, err, test.requests, test.alive, test.dead, test.err)
		}
		seeds := map[int64]bool{}
		for i, req := range d.requests {
			if seeds[*req.Seed] || i > 0 && (req.N != 1 || req.MaxTokens > test.maxTokens) {
				t.Errorf("%s: request %d is %+v", test.name, i, req)
			}
			seeds[*req.Seed] = true
		}
	}
}

// TestTheOnlyHopeIsDrawnLonger: while nothing lives, an endpoint that begins to answer is asked on, one that is dumb
// isn't.
func TestTheOnlyHopeIsDrawnLonger(t *testing.T) {
	cut := &adapters.UpstreamError{Op: "generate", Message: "cut off", Err: io.ErrUnexpectedEOF}
	for _, test := range []struct {
		name     string
		deaths   int
		mute     bool
		requests int
		alive    bool
	}{
		{"the eighth lives", 8, false, 9, true},
		{"none lives", 100, false, 9, false},
		{"not a word", 100, true, 3, false},
	} {
		d := &dying{mute: test.mute}
		for range test.deaths {
			d.errs = append(d.errs, cut)
		}
		samples, err := redraw{d}.Sample(t.Context(), decode.SampleRequest{N: 1, MaxTokens: 1000})
		if len(d.requests) != test.requests || len(samples) != test.requests || (samples[0].Err == nil) != test.alive || (err == nil) != test.alive {
			t.Errorf("%s: %d requests, %d samples, the first %v, %v", test.name, len(d.requests), len(samples), samples[0].Err, err)
		}
	}
	// With a sibling alive nobody is drawn for longer.
	d := &dying{errs: []error{cut, nil, cut, cut, cut, cut}}
	if samples, err := (redraw{d}).Sample(t.Context(), decode.SampleRequest{N: 2, MaxTokens: 1000}); err != nil || len(samples) != 4 {
		t.Errorf("%d samples, %v; want two and two dead", len(samples), err)
	}
}

// TestNothingIsDrawnAgainForNobody: a search that was cancelled draws no more.
func TestNothingIsDrawnAgainForNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &dying{errs: []error{&adapters.UpstreamError{Op: "generate", Status: 500}}}
	if _, err := (redraw{d}).Sample(ctx, decode.SampleRequest{N: 1, MaxTokens: 10}); err == nil || len(d.requests) != 1 {
		t.Errorf("%v after %d requests", err, len(d.requests))
	}
}

// slowStart is a sampler that needs its time to begin, and is given up as an adapter gives up an endpoint.
type slowStart struct{ begins time.Duration }

func (s slowStart) Sample(ctx context.Context, _ decode.SampleRequest) ([]decode.Sample, error) {
	wait := time.Hour
	if deadline, _ := ctx.Deadline(); !adapters.Patience(ctx) {
		wait = time.Until(deadline) / 2
	}
	select {
	case <-time.After(s.begins):
		return []decode.Sample{{Text: "#### 1"}}, nil
	case <-time.After(wait):
		return nil, &adapters.UpstreamError{Op: "generate", Status: 504}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestSlowToBegin: who begins within half of the time is never given up, neither at first nor when drawn again.
func TestSlowToBegin(t *testing.T) {
	for begins, want := range map[time.Duration]bool{time.Second: true, 3900 * time.Millisecond: true, 5 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			time.Sleep(100 * time.Millisecond)
			if _, err := (redraw{slowStart{begins}}).Sample(ctx, decode.SampleRequest{N: 1, MaxTokens: 10}); (err == nil) != want {
				t.Errorf("%v: %v", begins, err)
			}
		})
	}
}
