package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aprm/prm"
	"aprm/prm/disk"
	"aprm/sidecar/cluster"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
)

// live is a folder of checkpoints that were taken from NATS, each with its gate, and a file that names the one to be
// served. What is announced there is taken once it is found good; serving reads it again because that file changes, as
// it does with any other file of its own. The last good one stays there without NATS, too.
type live struct {
	folder  string
	serving atomic.Pointer[engine.Engine] // that they would score for

	mu      sync.Mutex
	refused refusal
}

// refusal is a checkpoint that is announced and not served.
type refusal struct{ id, why string }

// pointer is the file that names the one to be served.
func (l *live) pointer() string { return filepath.Join(l.folder, "served") }

func (l *live) path(id string) string { return filepath.Join(l.folder, id+".prm") }

// served is the checkpoint to be served, "" where there is none yet or it is not what it was.
func (l *live) served() checkpointFile {
	text, err := disk.Read(l.pointer(), 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	path := l.path(strings.TrimSpace(string(text)))
	if err == nil {
		_, err = prm.Load(path)
	}
	if err != nil {
		slog.Warn("the checkpoint that was taken last can't be read: it is fetched again", "err", err)
		return ""
	}
	return checkpointFile(path)
}

// refusal is the one that is announced and not served, none where it is.
func (l *live) refusal() (id, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused.id, l.refused.why
}

// respite is how long a checkpoint that isn't as it was stored is left before it is looked at once more.
const respite = time.Second

// take has a checkpoint served that is announced, if it is good. An error is one that goes away: of NATS.
func (l *live) take(ctx context.Context, from *cluster.Checkpoints, now cluster.Served) error {
	if now.ID == "" {
		return nil
	}
	if l.served() == checkpointFile(l.path(now.ID)) {
		l.decided(refusal{})
		return nil
	}
	of, checkpoint, gate, err := from.Get(ctx, now.ID)
	if errors.Is(err, cluster.ErrSpoilt) { // it may be on its way there again, bytes before what says which they are
		select {
		case <-time.After(respite):
		case <-ctx.Done():
		}
		of, checkpoint, gate, err = from.Get(ctx, now.ID)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil && !errors.Is(err, cluster.ErrSpoilt) && !errors.Is(err, cluster.ErrNoCheckpoint) {
		slog.Warn("a checkpoint is announced that can't be fetched yet", "checkpoint", now.ID, "err", err)
		return err
	}
	if err == nil {
		err = l.good(ctx, now.ID, checkpoint, gate)
	}
	if err != nil {
		slog.Error("a checkpoint is refused: the last good one is served on", "checkpoint", now.ID, "by", of.By, "why", err)
		l.decided(refusal{now.ID, err.Error()})
		return nil
	}
	path, before := l.path(now.ID), l.served()
	err = errors.Join(disk.Write(path, checkpoint, disk.Public), disk.Write(gatePath(path), gate, disk.Public))
	if err == nil {
		err = disk.Write(l.pointer(), []byte(now.ID+"\n"), disk.Public) // behind what it names
	}
	if err != nil {
		slog.Error("a checkpoint is announced that can't be kept: name a folder that can be written, --checkpoints", "checkpoint", now.ID, "err", err)
		return err
	}
	slog.Info("a checkpoint is "+now.How+", and taken", "checkpoint", now.ID, "by", of.By)
	l.decided(refusal{})
	l.tidy(checkpointFile(path), before)
	return nil
}

func (l *live) decided(r refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = r
}

// good says why a checkpoint with its gate is none to be served: nil where it is.
func (l *live) good(ctx context.Context, id string, checkpoint, gate []byte) error {
	m, err := prm.Parse(checkpoint) // its own checksum, and its self-test
	if err != nil {
		return err
	}
	if m.ID() != id {
		return fmt.Errorf("it is checkpoint %s", m.ID())
	}
	if gate == nil {
		return errors.New("it has no gate: what it is worth isn't known")
	}
	g, err := decode.ParseGate(gate)
	switch {
	case err != nil:
		return fmt.Errorf("its gate: %w", err)
	case g.Checkpoint != id:
		return fmt.Errorf("its gate is of checkpoint %s", g.Checkpoint)
	case !g.Weighs():
		return fmt.Errorf("its gate is shut: %s", g)
	}
	e := l.serving.Load()
	if err := e.Bare().Use(m); err != nil {
		return err
	}
	caps, err := e.Capabilities(ctx)
	switch {
	case err != nil: // its gate counts for no other
		slog.Warn("whether a checkpoint is of this LLM isn't known yet", "checkpoint", id, "err", err)
	case g.Model != caps.Identity():
		return fmt.Errorf("its gate is of another LLM, %s; here it is %s", g.Model, caps.Identity())
	}
	return nil
}

// tidy removes what was taken earlier, but for some: what serves until it has read the folder again, and the one
// before.
func (l *live) tidy(some ...checkpointFile) {
	old, err := filepath.Glob(l.path("*"))
	if err != nil {
		slog.Warn("old checkpoints stay", "err", err)
	}
	for _, path := range old {
		if slices.Contains(some, checkpointFile(path)) {
			continue
		}
		for _, file := range []string{path, gatePath(path)} {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				slog.Warn("an old checkpoint stays", "err", err)
			}
		}
	}
}

// startPatience is how long a start waits to hear what is announced, before it serves what it has.
const startPatience = 5 * time.Second

// follow takes what is announced, from now until it is stopped. It returns as soon as what is announced now is taken or
// refused, or startPatience is over.
func (l *live) follow(ctx context.Context, nats sharedFlags) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	heard, ended := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(heard) })
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			err := nats.checkpoints(ctx, func(from *cluster.Checkpoints) error {
				return from.Watch(ctx, func(ctx context.Context, now cluster.Served) error {
					defer first()
					return l.take(ctx, from, now)
				})
			})
			if err == nil || ctx.Err() != nil {
				continue
			}
			first() // nothing is to be heard so soon
			slog.Warn("what is announced isn't heard: what was taken last is served on", "err", err, "asked again in", probeAgain)
			select {
			case <-time.After(probeAgain):
			case <-ctx.Done():
			}
		}
	}()
	select {
	case <-heard:
	case <-ctx.Done():
	case <-time.After(startPatience):
	}
	return func() { cancel(); <-ended }
}
