package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"aprm/adapters"
)

// LLM implements adapters.LLM over the queue: each call is a job, which any worker of the same model answers. What a
// context carries (searches, a client's headers) stays here.
type LLM struct {
	queue *queue
	group string
	caps  adapters.Capabilities
	watch jetstream.KeyWatcher

	mu      sync.Mutex
	waiting map[string][]chan result // by key
	looked  time.Time                // when it was last seen whether anybody works
}

var _ adapters.LLM = (*LLM)(nil)

// InQueue is how many calls those who ask should have under way at a time: the workers, who come and go, do as many of
// them as they can.
const InQueue = 1024

// repeat is after how long a job that has no result is put again, which changes nothing where it is in the queue still.
const repeat = 20 * time.Second

// patient is how many looks for a worker, three a second, are made before somebody is told to start one: a worker just
// begun, such as the process's own, asks its endpoint first what it can do.
const patient = 10

// Open returns the model that the workers there serve, of that name; "" where they serve only one. It waits until there
// is a worker. Close it before the Bus.
func Open(ctx context.Context, b *Bus, model string) (*LLM, error) {
	q, err := openQueue(ctx, b)
	if err != nil {
		return nil, err
	}
	l := &LLM{queue: q, waiting: map[string][]chan result{}}
	for looks := 1; l.group == ""; looks++ {
		var groups map[string][]presence
		if err := b.insist(ctx, func() (err error) { groups, err = q.present(ctx); return err }); err != nil {
			return nil, named(err, "bucket", workersKV)
		}
		if l.group, l.caps, err = find(groups, model); err != nil {
			return nil, err
		}
		if l.group == "" {
			if looks == patient {
				slog.Info("waiting for a worker: sidecar worker --nats URL --upstream URL", "model", model)
			}
			if sleep(ctx, 300*time.Millisecond); ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	if err := b.insist(ctx, func() (err error) {
		l.watch, err = q.results.Watch(context.WithoutCancel(ctx), l.group+".*", jetstream.UpdatesOnly(), jetstream.IgnoreDeletes())
		return err
	}); err != nil {
		return nil, named(err, "bucket", resultsKV)
	}
	go l.listen()
	return l, nil
}

// find is the one group of workers that serve the model; "" while there is none.
func find(groups map[string][]presence, model string) (group string, caps adapters.Capabilities, err error) {
	names := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		of := groups[name][0].Capabilities
		if model != "" && of.Model != model {
			continue
		}
		if group != "" && of.Model == caps.Model {
			return "", caps, fmt.Errorf("the workers' endpoints serve %s in several ways (other weights, or one gives log-probabilities or hidden states and another doesn't): start them alike", of.Model)
		}
		names[of.Model] = true
		group, caps = name, of
	}
	if len(names) > 1 {
		return "", caps, fmt.Errorf("the workers serve several models, name one with --upstream-model: %s", strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	return group, caps, nil
}

// Close lets go of the queue. Jobs that are in it stay there.
func (l *LLM) Close() error {
	if err := l.watch.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		return err
	}
	return nil
}

// Capabilities implements adapters.LLM: those of the workers' endpoints when it was opened.
func (l *LLM) Capabilities(context.Context) (adapters.Capabilities, error) { return l.caps, nil }

// Generate implements adapters.LLM.
func (l *LLM) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	j := job{Op: opGenerate, Request: &req}
	if req.Seed == nil && req.Temperature != 0 {
		j.Draw = nuid.Next()
	}
	r, err := l.call(ctx, j)
	if err != nil {
		return nil, err
	}
	out := make([]adapters.Completion, len(r.Completions))
	for i, c := range r.Completions {
		out[i], out[i].Err = c.Completion, c.Err.err()
	}
	if len(out) == 0 {
		return nil, r.Fault.err()
	}
	return out, nil
}

// Hidden implements adapters.LLM.
func (l *LLM) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	r, err := l.call(ctx, job{Op: opHidden, Text: text, Spans: spans})
	if err != nil {
		return nil, err
	}
	out := make([]adapters.State, len(r.States))
	for i, s := range r.States {
		out[i] = adapters.State{Last: s.Last, Mean: s.Mean}
	}
	return out, r.Fault.err()
}

// call puts a job into the queue and waits for what comes of it. While the server is away it waits for that.
func (l *LLM) call(ctx context.Context, j job) (result, error) {
	key, err := adapters.ContentKey(j.Op, l.caps.Identity(), j)
	if err != nil {
		return result{}, err
	}
	data, err := packed(j)
	if err != nil {
		return result{}, err
	}
	came := make(chan result, 1)
	l.mu.Lock()
	l.waiting[key] = append(l.waiting[key], came)
	l.mu.Unlock()
	defer l.forget(key, came)
	for try := 0; ; try++ {
		r, found, err := l.known(ctx, key)
		if found {
			return r, nil
		}
		if err == nil {
			err = l.queue.put(ctx, l.group, key, data)
		}
		wait := repeat
		switch {
		case ctx.Err() != nil:
			return result{}, ctx.Err()
		case errors.Is(err, nats.ErrMaxPayload):
			return result{}, fmt.Errorf("a prompt is too long for NATS (max_payload of the server): %w", err)
		case err != nil:
			slog.Debug("NATS: a job can't be put just now", "err", err)
			wait = time.Second
		case try > 0:
			l.warn(ctx)
		}
		select {
		case r := <-came:
			return r, nil
		case <-ctx.Done():
			return result{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// warn says that nobody is there to do anything. Of all calls that wait, one looks: with many workers looking is a
// thousand requests.
func (l *LLM) warn(ctx context.Context) {
	l.mu.Lock()
	soon := time.Since(l.looked) < repeat
	if !soon {
		l.looked = time.Now()
	}
	l.mu.Unlock()
	if soon {
		return
	}
	if groups, err := l.queue.present(ctx); err == nil && len(groups[l.group]) == 0 {
		slog.Warn("no worker is there: what is asked waits for one", "model", l.caps.Model)
	}
}

// forget ends the waiting for a key.
func (l *LLM) forget(key string, came chan result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[key] = slices.DeleteFunc(l.waiting[key], func(c chan result) bool { return c == came }); len(l.waiting[key]) == 0 {
		delete(l.waiting, key)
	}
}

// known is the result that a job has already. A fault isn't kept: what failed is asked again.
func (l *LLM) known(ctx context.Context, key string) (r result, found bool, err error) {
	entry, err := l.queue.results.Get(ctx, l.group+"."+key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	if r, err = l.queue.read(ctx, entry.Value()); err != nil || r.Fault == nil {
		return r, err == nil, err
	}
	return r, false, l.drop(ctx, entry)
}

// drop has a fault forgotten.
func (l *LLM) drop(ctx context.Context, entry jetstream.KeyValueEntry) error {
	err := l.queue.results.Delete(ctx, entry.Key(), jetstream.LastRevision(entry.Revision()))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence { // another was before us
		return nil
	}
	return err
}

// listen hands results to those who wait for them, until Close.
func (l *LLM) listen() {
	for entry := range l.watch.Updates() {
		if entry == nil { // all that was there is told
			continue
		}
		_, key, _ := strings.Cut(entry.Key(), ".")
		l.mu.Lock()
		waits := len(l.waiting[key]) > 0
		l.mu.Unlock()
		if !waits {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		r, err := l.queue.read(ctx, entry.Value())
		if err == nil && r.Fault != nil {
			err = l.drop(ctx, entry)
		}
		cancel()
		if err != nil {
			slog.Warn("NATS: a result can't be read: it will be asked for again", "key", key, "err", err)
			continue
		}
		l.mu.Lock()
		for _, came := range l.waiting[key] {
			select {
			case came <- r:
			default: // it has one
			}
		}
		l.mu.Unlock()
	}
}
