//go:build unix

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestAPipeIsNoFile: opened, it would be waited for.
func TestAPipeIsNoFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for what, do := range map[string]func() error{
		"open":   func() error { _, err := Open(pipe); return err },
		"read":   func() error { _, err := Read(pipe, 9); return err },
		"write":  func() error { return Write(pipe, nil, Public) },
		"append": func() error { _, err := numbered.Lines(pipe, nil); return err },
		"repair": func() error { _, err := Repair(pipe, numbered); return err },
	} {
		if err := do(); !errors.Is(err, ErrNotFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWriteSweeps: what a killed process has left half written goes with the next write, what another is writing just
// now doesn't.
func TestWriteSweeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	dead, _, err := unfinishedOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil { // which lets go of it, as the end of a process does
		t.Fatal(err)
	}
	living, _, err := unfinishedOf(path)
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	if err := Write(path, []byte("text"), Private); err != nil {
		t.Fatal(err)
	}
	if Exists(dead.Name()) || !Exists(living.Name()) {
		t.Errorf("of a dead process: %t; of a living one: %t", Exists(dead.Name()), Exists(living.Name()))
	}
}

// TestWriteTogether: who writes the same file at the same time takes nothing from the others, also where names have a
// meaning in patterns.
func TestWriteTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "[a-z]", "f*le")
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for range 100 {
				if err := Write(path, []byte("text"), Private); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "file")
	for _, text := range []string{"one", "two"} {
		if err := Write(path, []byte(text), Private); err != nil {
			t.Fatal(err)
		}
		data, err := Read(path, 3)
		info, _ := os.Stat(path)
		if err != nil || string(data) != text || info.Mode().Perm() != Private {
			t.Errorf("%q, %v, %v", data, err, info.Mode())
		}
	}
	if _, err := Read(path, 2); !errors.Is(err, ErrTooLarge) {
		t.Errorf("three bytes of two: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
