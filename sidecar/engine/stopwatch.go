package engine

import (
	"context"
	"sync"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/sidecar/decode"
)

// stopwatch tells where the time of one search goes. A moment in which any call of the LLM is under way is the LLM's,
// hidden states included; one in which only the PRM is at work is the PRM's; the rest is the search's own. What the
// adapter does around a call (its JSON, its waiting for a free place at the endpoint) counts as the LLM's. It is safe
// for concurrent use.
type stopwatch struct {
	mu       sync.Mutex
	llm, prm int // calls under way
	since    time.Time
	llmTime  time.Duration
	prmTime  time.Duration
}

// tick books the time since the last change.
func (w *stopwatch) tick() {
	now := time.Now()
	switch {
	case w.llm > 0:
		w.llmTime += now.Sub(w.since)
	case w.prm > 0:
		w.prmTime += now.Sub(w.since)
	}
	w.since = now
}

// begin notes that a call of which calls are counted begins, and returns what notes its end.
func (w *stopwatch) begin(calls *int) (end func()) {
	count := func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tick()
		*calls += n
	}
	count(1)
	return func() { count(-1) }
}

// spent is what was booked so far; calls under way are not in it.
func (w *stopwatch) spent() (llm, prm time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.llmTime, w.prmTime
}

// sampler is s, timed.
func (w *stopwatch) sampler(s decode.Sampler) decode.Sampler { return timedSampler{s, w} }

// scorer is s, timed; nil for nil.
func (w *stopwatch) scorer(s decode.Scorer) decode.Scorer {
	switch s := s.(type) {
	case nil:
		return nil
	case stepScorer:
		s.llm = timedLLM{s.llm, w} // which it asks for hidden states
		return timedScorer{s, w}
	default:
		return timedScorer{s, w}
	}
}

type timedSampler struct {
	decode.Sampler
	watch *stopwatch
}

func (t timedSampler) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	defer t.watch.begin(&t.watch.llm)()
	return t.Sampler.Sample(ctx, req)
}

type timedScorer struct {
	decode.Scorer
	watch *stopwatch
}

func (t timedScorer) Score(ctx context.Context, w decode.Working) (prm.Judgement, error) {
	defer t.watch.begin(&t.watch.prm)()
	return t.Scorer.Score(ctx, w)
}

type timedLLM struct {
	adapters.LLM
	watch *stopwatch
}

func (t timedLLM) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	defer t.watch.begin(&t.watch.llm)()
	return t.LLM.Hidden(ctx, text, spans)
}
