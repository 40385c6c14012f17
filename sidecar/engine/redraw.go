package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"aprm/adapters"
	"aprm/sidecar/decode"
)

const (
	redraws   = 2 // times that a candidate that died is drawn again
	insistent = 8 // and while none of its siblings lives, though the endpoint does, as words had come
)

// redraw draws candidates that died again, with other seeds: those that were cut off, fell silent or got no answer,
// though the adapter has asked several times. The dead stay among the samples, behind those asked for, so that they are
// charged and seen. What was spent on one that died is taken off its successor's MaxTokens: replacing costs no budget.
// The new ones are waited for as long as there is time, for an endpoint that is slow to begin is so again. One that
// lets everyone die in mid-sentence is asked on, so that there is an answer at all. All of it comes out of the search's
// budget.
type redraw struct{ decode.Sampler }

func (r redraw) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	samples, err := r.Sampler.Sample(ctx, req)
	if len(samples) == 0 {
		samples = make([]decode.Sample, req.N)
		for i := range samples {
			samples[i].Err = err
		}
	}
	var alive atomic.Bool
	alive.Store(slices.ContainsFunc(samples, func(s decode.Sample) bool { return s.Err == nil }))
	var mu sync.Mutex
	var dead []decode.Sample
	var group sync.WaitGroup
	for i := range samples {
		group.Go(func() {
			spent := samples[i].CompletionTokens
			for try := 1; mayPass(ctx, samples[i].Err) && spent < req.MaxTokens; try++ {
				if try > redraws && (try > insistent || alive.Load() || samples[i].Text == "") {
					break
				}
				if !adapters.BudgetOf(ctx).Again() {
					break
				}
				again := req
				again.N, again.MaxTokens = 1, req.MaxTokens-spent
				if req.Seed != nil {
					seed := (*req.Seed + int64(i) + int64(try)*500_009) & math.MaxInt32 // some endpoints take 31 bits
					again.Seed = &seed
				}
				fresh, err := r.Sampler.Sample(adapters.WithPatience(ctx), again)
				if len(fresh) != 1 {
					fresh = []decode.Sample{{Err: err}}
				}
				mu.Lock()
				dead = append(dead, samples[i])
				mu.Unlock()
				samples[i] = fresh[0]
				spent += fresh[0].CompletionTokens
				if fresh[0].Err == nil {
					alive.Store(true)
				}
			}
		})
	}
	group.Wait()
	for _, s := range samples {
		if s.Err == nil {
			return append(samples, dead...), nil
		}
	}
	return append(samples, dead...), samples[0].Err
}

// mayPass reports whether a candidate that died of err could live when it is drawn again.
func mayPass(ctx context.Context, err error) bool {
	var up *adapters.UpstreamError
	return ctx.Err() == nil && errors.As(err, &up) && up.MayPass()
}
