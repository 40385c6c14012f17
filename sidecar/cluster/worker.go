package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"golang.org/x/sync/semaphore"

	"aprm/adapters"
)

// Worker takes jobs out of the queue and asks an LLM. It takes another only when the endpoint has a place free, so that
// of several workers each gets as many as it gets done.
type Worker struct {
	Bus         *Bus
	LLM         adapters.LLM
	Concurrency int           // completions at a time, ≥ 1
	MaxDeliver  int           // a job that so often came to nothing, or killed its worker, is given up; 0 means 8
	Grace       time.Duration // how long what is under way may take to end when the worker is to stop; what doesn't is another's at once. 0 means 25 seconds
	Name        string        // as others see it; "" for one made up

	queue *queue
	group string
	slots *semaphore.Weighted
	done  atomic.Int64
	ails  atomic.Int64 // failures of the endpoint since it last answered
}

// A job that failed is delivered again after the number of the delivery, from 1, times pause; an endpoint that failed
// is left alone for as long, doubled each time up to longestPause.
const (
	pause        = time.Second
	longestPause = 30 * time.Second
)

// Run works until ctx is done, then ends what is under way. It is an error when the endpoint can't say what it is, or
// the server lets nobody make the queue.
func (w *Worker) Run(ctx context.Context) error {
	if w.MaxDeliver == 0 {
		w.MaxDeliver = 8
	}
	if w.Grace == 0 {
		w.Grace = 25 * time.Second
	}
	id := nuid.Next()
	if w.Name == "" {
		w.Name = id
	}
	caps, err := w.LLM.Capabilities(ctx)
	if err != nil {
		return err
	}
	if w.queue, err = openQueue(ctx, w.Bus); err != nil {
		return err
	}
	if w.group, err = groupOf(caps); err != nil {
		return err
	}
	here, err := json.Marshal(presence{Name: w.Name, Concurrency: w.Concurrency, Capabilities: caps})
	if err != nil {
		return err
	}
	consumer, err := w.queue.consumer(ctx, w.group)
	if err != nil {
		return err
	}
	w.slots = semaphore.NewWeighted(int64(w.Concurrency))
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var others sync.WaitGroup
	others.Go(func() { w.attend(ctx, w.group+"."+id, here) })
	var underWay sync.WaitGroup
	for ctx.Err() == nil {
		need := int64(1)
		if ails := w.ails.Load(); ails > 0 { // one job at a time shows when it is well again; the others' are safe from it
			sleep(ctx, min(pause<<min(ails, 10), longestPause))
			need = int64(w.Concurrency)
		}
		if err := w.slots.Acquire(ctx, need); err != nil {
			break
		}
		msg, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			w.slots.Release(need)
			consumer = w.again(ctx, consumer, err)
			continue
		}
		j, bad := asJob(msg.Data())
		more := max(0, min(int64(j.weight()), int64(w.Concurrency))-need) // a job of many completions waits until they have room, and says so meanwhile
		stop := w.attending(msg)
		if err := w.slots.Acquire(ctx, more); err != nil {
			stop()
			w.slots.Release(need)
			w.tell(msg.Nak())
			break
		}
		underWay.Go(func() {
			defer w.slots.Release(need + more)
			defer stop()
			w.do(work, msg, j, bad)
		})
	}
	defer time.AfterFunc(w.Grace, abort).Stop()
	underWay.Wait()
	others.Wait()
	return nil
}

// Done is how many jobs it has answered.
func (w *Worker) Done() int { return int(w.done.Load()) }

// again waits where the server can't be asked just now, and makes the consumer anew where it is gone.
func (w *Worker) again(ctx context.Context, consumer jetstream.Consumer, err error) jetstream.Consumer {
	if ctx.Err() != nil || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoMessages) { // there was nothing to do
		return consumer
	}
	slog.Debug("NATS: no job to be had", "err", err)
	sleep(ctx, time.Second)
	if errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, nats.ErrNoResponders) {
		if anew, err := w.queue.consumer(ctx, w.group); err == nil {
			return anew
		}
	}
	return consumer
}

// attend says that the worker is here until ctx is done.
func (w *Worker) attend(ctx context.Context, key string, here []byte) {
	for ctx.Err() == nil {
		if _, err := w.queue.workers.Put(ctx, key, here); err != nil && ctx.Err() == nil {
			slog.Debug("NATS: saying that the worker is here", "err", err)
		}
		sleep(ctx, beat)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beat)
	defer cancel()
	w.tell(w.queue.workers.Delete(ctx, key))
}

// attending says that a job is being worked on until stop is called.
func (w *Worker) attending(msg jetstream.Msg) (stop func()) {
	ticker, over := time.NewTicker(beat), make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		for {
			select {
			case <-ticker.C:
				w.tell(msg.InProgress())
			case <-over:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(over)
		teller.Wait()
	}
}

// do answers a job, or says why not.
func (w *Worker) do(ctx context.Context, msg jetstream.Msg, j job, bad error) {
	key := msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:]
	delivered := uint64(1)
	if meta, err := msg.Metadata(); err == nil {
		delivered = meta.NumDelivered
	}
	// Whoever had it before may have died between the answer and its word for it, or it was put again just when it had
	// been answered.
	if entry, err := w.queue.results.Get(ctx, w.group+"."+key); err == nil {
		if r, err := w.queue.read(ctx, entry.Value()); err == nil && r.Fault == nil {
			w.tell(msg.Ack())
			return
		}
	}
	r := result{Worker: w.Name, Fault: faultOf(bad)}
	switch {
	case bad != nil:
	case delivered > uint64(w.MaxDeliver): // #nosec G115 -- it is positive
		r.Fault = faultOf(fmt.Errorf("delivered %d times, and no worker came to an end with it", delivered-1))
	default:
		r = w.ask(ctx, j)
	}
	switch {
	case ctx.Err() != nil: // told to stop, and out of patience: another is to do it, now
		w.tell(msg.Nak())
		return
	case r.Fault.passes() && delivered < uint64(w.MaxDeliver): // #nosec G115 -- it is positive
		slog.Info("a job failed, and will be tried again", "worker", w.Name, "try", delivered, "err", r.Fault.Message)
		w.ails.Add(1)
		w.tell(msg.NakWithDelay(time.Duration(delivered) * pause)) // #nosec G115 -- a few
		return
	case r.Fault != nil:
		slog.Warn("a job is given up", "worker", w.Name, "tries", delivered, "err", r.Fault.Message)
		if err := w.queue.bury(ctx, w.group, key, r.Fault.Message, msg.Data()); err != nil {
			w.tell(err)
			w.tell(msg.NakWithDelay(pause))
			return
		}
	}
	if err := w.queue.keep(ctx, w.group, key, r); err != nil {
		w.tell(err)
		w.tell(msg.NakWithDelay(pause))
		return
	}
	w.done.Add(1)
	if r.Fault.passes() { // given up, and the endpoint is no better for it
		w.ails.Add(1)
	} else {
		w.ails.Store(0)
	}
	w.tell(msg.Ack())
}

// ask has the endpoint answer.
func (w *Worker) ask(ctx context.Context, j job) result {
	r := result{Worker: w.Name}
	if j.Op == opHidden {
		states, err := w.LLM.Hidden(ctx, j.Text, j.Spans)
		r.Fault = faultOf(err)
		for _, s := range states {
			r.States = append(r.States, state{s.Last, s.Mean})
		}
		return r
	}
	done, err := w.LLM.Generate(ctx, *j.Request)
	r.Fault = faultOf(err)
	for _, c := range done {
		f := faultOf(c.Err)
		if r.Fault == nil {
			r.Fault = f
		}
		c.Err = nil
		r.Completions = append(r.Completions, completion{c, f})
	}
	return r
}

// tell logs what the server made of a word to it: a word that is lost costs a delivery more, and no answer.
func (w *Worker) tell(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		slog.Debug("NATS", "worker", w.Name, "err", err)
	}
}

// sleep waits so long, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
