// Package disk is how files that must last are read, written and appended to: only regular files are opened, what is
// written is there whole or not at all and survives the end of the process or of the machine, and files of lines take
// nothing from, and give nothing to, a file that is none of theirs.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotFile is returned for what is no regular file: opening a named pipe would wait for a writer that may never come.
var ErrNotFile = errors.New("not a regular file")

// ErrTooLarge is returned for a file that is longer than whatever it should hold ever is.
var ErrTooLarge = errors.New("too large")

// Modes of the files that are made.
const (
	Private fs.FileMode = 0o600 // they hold what people asked and were answered
	Public  fs.FileMode = 0o644
)

// Open opens a regular file to read.
func Open(path string) (*os.File, error) { return open(path, os.O_RDONLY, 0) }

// Read reads a regular file of at most so many bytes.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, ErrTooLarge, most)
	}
	return data, err
}

// Regular is the error of a path where something stands that is no regular file.
func Regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w (%s)", ErrNotFile, kind(info.Mode()))}
	}
	return nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

func open(path string, flag int, mode fs.FileMode) (*os.File, error) {
	if err := Regular(path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flag, mode) // #nosec G304 -- the path is what the person who runs the command names
}

// Write writes a file whole or not at all, and makes its folder: to a new file beside it, which is synced and then
// renamed over it, after which the folder is synced, without which the rename itself could be lost when the machine
// goes down. Something else than a file is never replaced.
func Write(path string, data []byte, mode fs.FileMode) (err error) {
	if err := Regular(path); err != nil {
		return err
	}
	if err := MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	sweep(path)
	f, claimed, err := unfinishedOf(path)
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close() // all of it is on disk by then, or given up
		if err != nil {
			_ = os.Remove(f.Name()) // swept up the next time
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if !claimed { // where there are no claims a file that is open may have to stay where it is; else it is claimed until it has its name
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// unfinished is in the names of files that are being written.
const unfinished = ".unfinished-"

// unfinishedOf makes a file that is to become the one at path, and claims it, where there are claims. Others who write
// the same may sweep it away before that: then it is another one.
func unfinishedOf(path string) (f *os.File, claimed bool, err error) {
	for range 100 {
		f, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+unfinished+"*")
		if err != nil {
			return nil, false, err
		}
		if claimed, err = claim(f); err == nil {
			if _, err = os.Lstat(f.Name()); err == nil {
				return f, claimed, nil
			}
		}
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	return nil, false, err
}

// sweep removes what processes that were killed have left of files that were to become the one at path: such as nobody
// has claimed. What can't be removed, or be told from what is being written, is no reason not to write.
func sweep(path string) {
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), "."+filepath.Base(path)+unfinished) {
			continue
		}
		name := filepath.Join(filepath.Dir(path), entry.Name())
		f, err := open(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if claimed, err := claim(f); claimed && err == nil {
			_ = os.Remove(name)
		}
		_ = f.Close()
	}
}

// MkdirAll makes a folder and those above it that aren't there, and has each on disk in the one above it.
func MkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(path)
	if above != path {
		if err := MkdirAll(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { // #nosec G301 -- folders may be looked into: what is private in them is 0600
		return err
	}
	return syncFolder(above)
}

// syncFolder has what a folder lists on disk. Where a folder can't be synced, as on some network file systems, there is
// nothing to be done about it.
func syncFolder(path string) error {
	d, err := os.Open(path) // #nosec G304 -- the path is what the person who runs the command names
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !unsyncable(err) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
