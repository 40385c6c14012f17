package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Checkpoints are the PRMs that a team's trainers made, each with its gate, and which of them its sidecars serve. What
// a PRM and a gate are is not known here.
type Checkpoints struct {
	bus     *Bus
	objects jetstream.ObjectStore
	records jetstream.KeyValue
}

// Names in NATS, as people see them by `nats object ls` and `nats kv ls`.
const (
	checkpointsBucket = "sidecar-checkpoints"
	servedKey         = "served"      // which one is served
	recordKey         = "checkpoint." // what is known of each, by its id
	gateSuffix        = ".gate.json"  // of an object's name
)

// What is kept: so many checkpoints, the newest and those that are served or were lately; and so many that were served
// before.
const (
	keptCheckpoints = 100
	keptBefore      = 20
)

// Checkpoint is what is known of one.
type Checkpoint struct {
	ID   string    `json:"id"`
	Note string    `json:"note"`           // for people
	By   string    `json:"by"`             // who made it known
	At   time.Time `json:"at"`             //
	Sum  string    `json:"sum"`            // SHA-256 of its bytes, in hexadecimal
	Gate string    `json:"gate,omitempty"` // SHA-256 of its gate's bytes, "" where it has none
}

// Served says which checkpoint is.
type Served struct {
	ID     string    `json:"id"`
	Pinned bool      `json:"pinned,omitempty"` // trainers don't replace it
	How    string    `json:"how"`              // it came to be served: announced, promoted, pinned, rolled back
	At     time.Time `json:"at"`
	Before []string  `json:"before,omitempty"` // ids of those that were, the latest last
}

// ErrNoCheckpoint is the error of a checkpoint that there isn't.
var ErrNoCheckpoint = errors.New("there is no such checkpoint")

// Checkpoints opens them, and makes their buckets where there are none.
func (b *Bus) Checkpoints(ctx context.Context) (*Checkpoints, error) {
	objects, err := b.ObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: checkpointsBucket})
	if err != nil {
		return nil, err
	}
	records, err := b.KeyValue(ctx, jetstream.KeyValueConfig{Bucket: checkpointsBucket})
	return &Checkpoints{b, objects, records}, err
}

// Put stores a checkpoint with its gate, nil for none. Nothing is served by that: see Announce.
func (c *Checkpoints) Put(ctx context.Context, of Checkpoint, checkpoint, gate []byte) error {
	of.Sum, of.Gate = sum(checkpoint), ""
	put := map[string][]byte{of.ID: checkpoint}
	if gate != nil {
		of.Gate, put[of.ID+gateSuffix] = sum(gate), gate
	}
	for name, data := range put {
		err := c.bus.insist(ctx, func() error {
			_, err := c.objects.Put(ctx, jetstream.ObjectMeta{Name: name}, bytes.NewReader(data))
			return err
		})
		if err != nil {
			return fmt.Errorf("storing checkpoint %s: %w", of.ID, err)
		}
	}
	data, err := json.Marshal(of)
	if err != nil {
		return err
	}
	if err := c.bus.insist(ctx, func() error { // behind what it names
		_, err := c.records.Put(ctx, recordKey+of.ID, data)
		return err
	}); err != nil {
		return fmt.Errorf("storing checkpoint %s: %w", of.ID, err)
	}
	return c.prune(ctx)
}

// Get returns a checkpoint and its gate, nil where it has none, as they were stored: what is not the same any more is
// an error that is no trouble with NATS, ErrSpoilt.
func (c *Checkpoints) Get(ctx context.Context, id string) (of Checkpoint, checkpoint, gate []byte, err error) {
	if of, err = c.record(ctx, id); err != nil {
		return of, nil, nil, err
	}
	if checkpoint, err = c.bytes(ctx, id, of.Sum); err != nil || of.Gate == "" {
		return of, checkpoint, nil, err
	}
	gate, err = c.bytes(ctx, id+gateSuffix, of.Gate)
	return of, checkpoint, gate, err
}

// ErrSpoilt is the error of bytes that are not those that were stored.
var ErrSpoilt = errors.New("its checksum does not match: it is not as it was stored")

func (c *Checkpoints) bytes(ctx context.Context, name, want string) ([]byte, error) {
	data, err := c.objects.GetBytes(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrDigestMismatch), err == nil && sum(data) != want:
		return nil, fmt.Errorf("%s: %w", name, ErrSpoilt)
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return nil, fmt.Errorf("%s: %w", name, ErrNoCheckpoint)
	case err != nil:
		return nil, fmt.Errorf("fetching checkpoint %s: %w", name, err)
	}
	return data, nil
}

func sum(data []byte) string {
	all := sha256.Sum256(data)
	return hex.EncodeToString(all[:])
}

func (c *Checkpoints) record(ctx context.Context, id string) (of Checkpoint, err error) {
	entry, err := c.records.Get(ctx, recordKey+id)
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrInvalidKey) {
		return of, fmt.Errorf("%s: %w: `sidecar checkpoint list` shows them", id, ErrNoCheckpoint)
	}
	if err != nil {
		return of, fmt.Errorf("checkpoint %s: %w", id, err)
	}
	return of, json.Unmarshal(entry.Value(), &of)
}

// List returns all that are kept, the newest first.
func (c *Checkpoints) List(ctx context.Context) ([]Checkpoint, error) {
	keys, err := c.records.ListKeysFiltered(ctx, recordKey+"*")
	if err != nil {
		return nil, fmt.Errorf("listing checkpoints: %w", err)
	}
	defer keys.Stop()
	var all []Checkpoint
	for key := range keys.Keys() {
		of, err := c.record(ctx, strings.TrimPrefix(key, recordKey))
		if errors.Is(err, ErrNoCheckpoint) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b Checkpoint) int { return b.At.Compare(a.At) })
	return all, ctx.Err()
}

// prune drops the oldest beyond what is kept, but none that is served or was lately.
func (c *Checkpoints) prune(ctx context.Context) error {
	all, err := c.List(ctx)
	if err != nil || len(all) <= keptCheckpoints {
		return err
	}
	now, _, err := c.served(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, old := range all[keptCheckpoints:] {
		if old.ID == now.ID || slices.Contains(now.Before, old.ID) {
			continue
		}
		errs = append(errs, c.records.Purge(ctx, recordKey+old.ID), c.objects.Delete(ctx, old.ID))
		if old.Gate != "" {
			errs = append(errs, c.objects.Delete(ctx, old.ID+gateSuffix))
		}
	}
	return errors.Join(errs...)
}

// Served returns which checkpoint is; its ID is "" where none is yet.
func (c *Checkpoints) Served(ctx context.Context) (Served, error) {
	s, _, err := c.served(ctx)
	return s, err
}

func (c *Checkpoints) served(ctx context.Context) (s Served, revision uint64, err error) {
	entry, err := c.records.Get(ctx, servedKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, fmt.Errorf("which checkpoint is served: %w", err)
	}
	return s, entry.Revision(), json.Unmarshal(entry.Value(), &s)
}

// Announce has a checkpoint that was put served, unless another one is pinned: then that stays, and now says so.
func (c *Checkpoints) Announce(ctx context.Context, id string) (now Served, err error) {
	return c.change(ctx, func(s *Served) error {
		if s.Pinned {
			return errUnchanged
		}
		return s.serve(id, "announced")
	})
}

// Promote has a checkpoint served, whatever is, and no pin holds any more.
func (c *Checkpoints) Promote(ctx context.Context, id string) (now Served, err error) {
	return c.promote(ctx, id, "promoted", false)
}

// Pin has a checkpoint served until another is promoted or pinned, whatever trainers announce.
func (c *Checkpoints) Pin(ctx context.Context, id string) (now Served, err error) {
	return c.promote(ctx, id, "pinned", true)
}

func (c *Checkpoints) promote(ctx context.Context, id, how string, pinned bool) (now Served, err error) {
	if _, err := c.record(ctx, id); err != nil {
		return now, err
	}
	return c.change(ctx, func(s *Served) error {
		s.Pinned = pinned
		return s.serve(id, how)
	})
}

// Unpin lets trainers replace the one that is served.
func (c *Checkpoints) Unpin(ctx context.Context) (now Served, err error) {
	return c.change(ctx, func(s *Served) error {
		if !s.Pinned {
			return errUnchanged
		}
		s.Pinned = false
		return nil
	})
}

// RollBack has the one served that was before; again, the one before that.
func (c *Checkpoints) RollBack(ctx context.Context) (now Served, err error) {
	return c.change(ctx, func(s *Served) error {
		n := len(s.Before)
		if n == 0 {
			return fmt.Errorf("there was none before %s: %w", s.ID, ErrNoCheckpoint)
		}
		s.ID, s.Before, s.How, s.Pinned = s.Before[n-1], s.Before[:n-1], "rolled back", false
		return nil
	})
}

// serve puts another one in the place of what is served.
func (s *Served) serve(id, how string) error {
	if s.ID != id && s.ID != "" {
		s.Before = append(s.Before, s.ID)
		s.Before = s.Before[max(0, len(s.Before)-keptBefore):]
	}
	s.ID, s.How = id, how
	return nil
}

// errUnchanged is what a change returns that is none.
var errUnchanged = errors.New("nothing changes")

// change changes what is served, anew where somebody else did so meanwhile.
func (c *Checkpoints) change(ctx context.Context, do func(*Served) error) (Served, error) {
	for {
		now, revision, err := c.served(ctx)
		if err != nil {
			return now, err
		}
		if err := do(&now); errors.Is(err, errUnchanged) {
			return now, nil
		} else if err != nil {
			return now, err
		}
		now.At = time.Now().UTC()
		data, err := json.Marshal(now)
		if err != nil {
			return now, err
		}
		if revision == 0 {
			_, err = c.records.Create(ctx, servedKey, data)
		} else {
			_, err = c.records.Update(ctx, servedKey, data, revision)
		}
		var wrong *jetstream.APIError
		if errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &wrong) && wrong.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		if err != nil {
			return now, fmt.Errorf("serving another checkpoint: %w", err)
		}
		return now, nil
	}
}

// Watch calls take with what is served, now and whenever that changes, until ctx ends; with an ID of "" where none is
// yet. What take returns an error of is tried again a moment later, unless something else is served by then.
func (c *Checkpoints) Watch(ctx context.Context, take func(context.Context, Served) error) error {
	watcher, err := c.records.Watch(ctx, servedKey)
	if err != nil {
		return fmt.Errorf("watching which checkpoint is served: %w", err)
	}
	defer func() { _ = watcher.Stop() }() // ctx has ended, and the connection may have
	var now Served
	var again <-chan time.Time
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return nil
		case entry, ok := <-watcher.Updates():
			if !ok {
				return errors.New("NATS: the watch of which checkpoint is served has ended")
			}
			switch {
			case entry == nil && !first: // all there was is told
				continue
			case entry != nil:
				now = Served{}
				if err := json.Unmarshal(entry.Value(), &now); err != nil {
					return fmt.Errorf("which checkpoint is served: %w", err)
				}
			}
		case <-again:
		}
		again = nil
		if take(ctx, now) != nil {
			again = time.After(tryAgain)
		}
	}
}

// tryAgain is the pause before what could not be fetched is fetched again.
const tryAgain = time.Second
