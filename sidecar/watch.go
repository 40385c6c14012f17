package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"aprm/prm/disk"
)

// settled is how long files are left alone once one of them changed: who writes several is not met between them.
const settled = 300 * time.Millisecond

// watch calls reload on SIGHUP, and when files hold something else than was, until ctx ends or stop is called, which
// waits for the end of a reload that is under way. What reload returns is what the files that it read held before it
// read them, nil where it came to none: from then on those are watched. Its error is logged: whatever it was to replace
// is still in place.
func watch(ctx context.Context, was digests, reload func() (seen digests, err error)) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		cancel()
		signal.Stop(hangup)
		return nil, fmt.Errorf("watching files: %w", err)
	}
	look := func() {
		for path := range was { // folders, for files are replaced by others of their name
			if err := watcher.Add(filepath.Dir(path)); err != nil { // one that is watched already is no error
				slog.Warn("changes of a file will not be noticed: send SIGHUP", "file", path, "err", err)
			}
		}
	}
	look()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hangup)
		defer func() { logClose(watcher.Close()) }()
		var seen digests
		var quiet <-chan time.Time
		await := func() { seen, quiet = was.anew(), time.After(settled) }
		await() // something may have changed since was
		for {
			asked := false
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				asked = true
			case <-watcher.Events:
				if quiet == nil { // what else is in the folder may change all the time
					await()
				}
				continue
			case err := <-watcher.Errors:
				slog.Warn("watching files", "err", err)
				continue
			case <-quiet:
				quiet = nil
			}
			now := was.anew()
			if !maps.Equal(now, seen) && !asked { // they are still being written
				await()
				continue
			}
			if maps.Equal(now, was) && !asked {
				continue
			}
			read, err := reload()
			if err != nil && ctx.Err() == nil {
				slog.Error("not reloaded: what is in place stays", "err", err)
			}
			if was = now; read != nil {
				was = read
				look()
			}
			await() // something may have changed while it was read
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// digests are those of what files hold, by path; zero for a file that can't be read.
type digests map[string][sha256.Size]byte

// contents are the digests of files now; "" names none.
func contents(files []string) digests { return digests(nil).and(files) }

// and are these, and those of more files now.
func (d digests) and(files []string) digests {
	all := digests{}
	maps.Copy(all, d)
	for _, path := range files {
		if _, known := d[path]; path != "" && !known {
			all[path] = digest(path)
		}
	}
	return all
}

// anew are those of the same files now.
func (d digests) anew() digests { return contents(slices.Collect(maps.Keys(d))) }

// digest is that of what a file holds.
func digest(path string) (sum [sha256.Size]byte) {
	f, err := disk.Open(path)
	if err != nil {
		return sum
	}
	all := sha256.New()
	_, err = io.Copy(all, f)
	if errors.Join(err, f.Close()) == nil {
		copy(sum[:], all.Sum(nil))
	}
	return sum
}
