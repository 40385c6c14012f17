package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"aprm/adapters"
)

// What the queue is on the server.
const (
	jobsStream  = "SIDECAR_JOBS"    // a work queue: sidecar.job.GROUP.KEY, at most one of a subject
	deadStream  = "SIDECAR_DEAD"    // jobs that nothing came of: sidecar.dead.GROUP.KEY, why in the header Reason
	resultsKV   = "sidecar-results" // GROUP.KEY
	workersKV   = "sidecar-workers" // GROUP.WORKER
	largeStore  = "sidecar-large"   // results too long for a message, each by a name of its own
	jobSubject  = "sidecar.job."
	deadSubject = "sidecar.dead."
	reason      = "Reason"
)

// Times of the queue.
const (
	ackWait     = 10 * time.Second // after so long without a word of its worker a job is another's
	beat        = 3 * time.Second  // so often a worker says that it is at it, and that it is there
	absent      = 10 * time.Second // after so long without a word a worker has left
	resultsKept = 10 * time.Minute // at full speed they are most of what is stored
	largeKept   = 2 * resultsKept  // an entry that names an object is gone before it
	deadKept    = 7 * 24 * time.Hour
)

// queue is the jobs, their results, and who works on them.
type queue struct {
	bus     *Bus
	jobs    jetstream.Stream
	results jetstream.KeyValue
	workers jetstream.KeyValue
	large   jetstream.ObjectStore
}

// openQueue makes what isn't there.
func openQueue(ctx context.Context, b *Bus) (*queue, error) {
	q := &queue{bus: b}
	var err error
	q.jobs, err = b.Stream(ctx, jetstream.StreamConfig{Name: jobsStream, Subjects: []string{jobSubject + ">"}, Retention: jetstream.WorkQueuePolicy,
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, AllowDirect: true,
		Description: "what LLMs are to be asked; a job is there once, however often it is put"})
	if err != nil {
		return nil, err
	}
	if _, err = b.Stream(ctx, jetstream.StreamConfig{Name: deadStream, Subjects: []string{deadSubject + ">"}, MaxMsgsPerSubject: 1, MaxAge: deadKept,
		Description: "jobs that nothing came of; the header " + reason + " says why"}); err != nil {
		return nil, err
	}
	if q.results, err = b.KeyValue(ctx, jetstream.KeyValueConfig{Bucket: resultsKV, TTL: resultsKept, Description: "what came of jobs, until it is on the disk of those who asked"}); err != nil {
		return nil, err
	}
	if q.workers, err = b.KeyValue(ctx, jetstream.KeyValueConfig{Bucket: workersKV, TTL: absent, Description: "who works"}); err != nil {
		return nil, err
	}
	q.large, err = b.ObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: largeStore, TTL: largeKept, Description: "results that are too long for a message"})
	return q, err
}

// consumer is what all workers of a group take their jobs from. That jobs aren't delivered for ever is the workers'
// part (Worker.MaxDeliver): when the server gives up on a message, it stays in the stream and nobody is told why.
func (q *queue) consumer(ctx context.Context, group string) (c jetstream.Consumer, err error) {
	err = q.bus.insist(ctx, func() (err error) {
		c, err = q.jobs.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "workers-" + group, FilterSubject: jobSubject + group + ".*",
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 1 << 16})
		return err
	})
	return c, named(err, "consumer of", jobsStream)
}

// put has a job in the queue, once.
func (q *queue) put(ctx context.Context, group, key string, data []byte) error {
	_, err := q.bus.PublishMsg(ctx, &nats.Msg{Subject: jobSubject + group + "." + key, Data: data})
	var api *jetstream.APIError
	if errors.As(err, &api) && strings.Contains(api.Description, "maximum messages per subject") { // it is there already
		return nil
	}
	return err
}

// keep has the result of a job known to all that wait for it. The first one counts.
func (q *queue) keep(ctx context.Context, group, key string, r result) error {
	data, err := packed(r)
	if err != nil {
		return err
	}
	if int64(len(data)) > q.bus.conn.MaxPayload()/2 { // what stands around it has a place too
		name := key + "." + nuid.Next() // another worker's result of the same job is another object
		if _, err := q.large.PutBytes(ctx, name, data); err != nil {
			return err
		}
		if data, err = packed(result{Object: name, Worker: r.Worker}); err != nil {
			return err
		}
	}
	return q.bus.insist(ctx, func() error { // it has cost the endpoint's time
		if _, err := q.results.Create(ctx, group+"."+key, data); !errors.Is(err, jetstream.ErrKeyExists) {
			return err
		}
		return nil
	})
}

// read is the result in an entry of the bucket.
func (q *queue) read(ctx context.Context, data []byte) (result, error) {
	r, err := unpacked[result](data)
	if err == nil && r.Object != "" {
		if data, err = q.large.GetBytes(ctx, r.Object); err == nil {
			r, err = unpacked[result](data)
		}
	}
	return r, err
}

// bury keeps a job that nothing came of, with the reason.
func (q *queue) bury(ctx context.Context, group, key, why string, data []byte) error {
	_, err := q.bus.PublishMsg(ctx, &nats.Msg{Subject: deadSubject + group + "." + key, Data: data, Header: nats.Header{reason: {strings.Join(strings.Fields(why), " ")}}})
	return err
}

// presence is a worker, as it says of itself.
type presence struct {
	Name         string                `json:"name"`
	Concurrency  int                   `json:"concurrency"` // completions at a time
	Capabilities adapters.Capabilities `json:"capabilities"`
}

// groupOf names the workers whose answers may stand for each other's: of the same weights, who can do the same as far
// as answers show it. How an endpoint is asked, and whether it takes seeds, is its worker's own.
func groupOf(caps adapters.Capabilities) (string, error) {
	caps.Server, caps.Streaming, caps.N, caps.Tools, caps.Seed, caps.Stop, caps.StopReason = "", false, false, false, false, false, false
	data, err := json.Marshal(caps)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), err
}

// present are the workers that are there, by group.
func (q *queue) present(ctx context.Context) (map[string][]presence, error) {
	keys, err := q.workers.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	groups := map[string][]presence{}
	for _, key := range keys {
		entry, err := q.workers.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) { // it has left
			continue
		}
		if err != nil {
			return nil, err
		}
		var p presence
		if err := json.Unmarshal(entry.Value(), &p); err != nil {
			return nil, fmt.Errorf("NATS: worker %s: %w", key, err)
		}
		group, _, _ := strings.Cut(key, ".")
		groups[group] = append(groups[group], p)
	}
	return groups, nil
}
