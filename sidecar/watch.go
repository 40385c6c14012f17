package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// watch calls reload on SIGHUP, and when the files hold something else than was, until ctx ends or stop is called, which waits for the end of a reload that is
// under way. Which files there are is asked again after each reload. What reload says is logged: whatever it was to replace is still in place.
func watch(ctx context.Context, files func() []string, was [sha256.Size]byte, reload func() error) (stop func(), err error) {
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
		for _, path := range files() { // folders, for files are replaced by others of their name
			if path == "" {
				continue
			}
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
		seen, quiet := contents(files()), time.After(settled) // a while ago; something may have changed since was
		for {
			asked := false
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				asked = true
			case <-watcher.Events:
				if quiet == nil { // what else is in the folder may change all the time
					seen, quiet = contents(files()), time.After(settled)
				}
				continue
			case err := <-watcher.Errors:
				slog.Warn("watching files", "err", err)
				continue
			case <-quiet:
				quiet = nil
			}
			now := contents(files())
			if now != seen && !asked { // they are still being written
				seen, quiet = now, time.After(settled)
				continue
			}
			if now == was && !asked {
				continue
			}
			was = now
			before := files()
			if err := reload(); err != nil {
				if ctx.Err() == nil {
					slog.Error("not reloaded: what is in place stays", "err", err)
				}
				continue
			}
			if after := files(); !slices.Equal(before, after) {
				look()
				was = contents(after)
			}
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// contents is a digest of all files.
func contents(files []string) (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, path := range files {
		if path == "" {
			continue
		}
		f, err := disk.Open(path)
		if err == nil {
			_, err = io.Copy(all, f)
			err = errors.Join(err, f.Close())
		}
		fmt.Fprintf(all, "\x00%t\x00", err == nil)
	}
	copy(sum[:], all.Sum(nil))
	return sum
}
