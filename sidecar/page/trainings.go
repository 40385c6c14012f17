package page

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aprm/prm/disk"
)

// logFile holds what a training says, in its folder.
const logFile = "train.log"

// patience is how long a training that is told to stop may take to put down what it has.
const patience = 20 * time.Second

// trainings are processes that play games, at most one in a folder. Each keeps what it has finished, so that it can be
// stopped at any time and gone on with.
type trainings struct {
	log    *slog.Logger
	mu     sync.Mutex
	of     map[string]*process
	closed bool
}

// process is one of them, or what is left of it.
type process struct {
	cmd    *exec.Cmd
	paused bool          // on request
	ended  chan struct{} // closed at its end
	err    error         // to be read after that: how it ended
}

func (t *process) running() bool {
	select {
	case <-t.ended:
		return false
	default:
		return true
	}
}

// start starts a process in a folder, which is made.
func (t *trainings) start(folder string, cmd *exec.Cmd) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.of[folder]; old != nil && old.running() {
		return bad("this run is under way already")
	}
	if t.closed {
		return bad("the sidecar is being stopped")
	}
	if err := disk.MkdirAll(folder); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(folder, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, disk.Private) // #nosec G304 -- folders of runs lie in the one that the person who serves names
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a training: %w", err)
	}
	begun := &process{cmd: cmd, ended: make(chan struct{})}
	if t.of == nil {
		t.of = map[string]*process{}
	}
	t.of[folder] = begun
	t.log.Info("a training was started", "folder", folder, "pid", cmd.Process.Pid)
	go func() {
		begun.err = cmd.Wait()
		close(begun.ended)
		t.log.Info("a training ended", "folder", folder, "how", cmd.ProcessState.String())
	}()
	return nil
}

// pause stops the one in a folder, and waits until it has.
func (t *trainings) pause(folder string) error {
	t.mu.Lock()
	one := t.of[folder]
	if one == nil || !one.running() {
		t.mu.Unlock()
		return bad("this run isn't under way, or was started elsewhere: stop it where it was started")
	}
	one.paused = true
	t.mu.Unlock()
	return one.stop()
}

// stop interrupts a training; one that doesn't heed it is killed, which loses no more than what is not yet finished.
func (one *process) stop() error {
	if err := one.cmd.Process.Signal(os.Interrupt); err != nil { // as on Windows
		if err := one.cmd.Process.Kill(); err != nil && one.running() {
			return fmt.Errorf("stop a training: %w", err)
		}
	}
	select {
	case <-one.ended:
		return nil
	case <-time.After(patience):
	}
	if err := one.cmd.Process.Kill(); err != nil && one.running() {
		return fmt.Errorf("kill a training: %w", err)
	}
	<-one.ended
	return nil
}

// about says how the training in a folder stands: whether it runs, and why it failed, "" where it didn't.
func (t *trainings) about(folder string) (running bool, failed string) {
	t.mu.Lock()
	one := t.of[folder]
	t.mu.Unlock()
	switch {
	case one == nil:
		return false, ""
	case one.running():
		return true, ""
	case one.err == nil || one.paused:
		return false, ""
	}
	return false, fmt.Sprintf("%v: %s", one.err, lastLine(filepath.Join(folder, logFile)))
}

// lastLine is what a log says last of what went wrong, else its end.
func lastLine(path string) string {
	f, err := disk.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 2 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.HasPrefix(line, "sidecar:") { // what stands behind it advises
			return line
		}
	}
	return lines[len(lines)-1]
}

func (t *trainings) close() {
	t.mu.Lock()
	t.closed = true
	var all []*process
	for _, one := range t.of {
		if one.running() {
			one.paused = true
			all = append(all, one)
		}
	}
	t.mu.Unlock()
	var wait sync.WaitGroup
	for _, one := range all {
		wait.Go(func() {
			if err := one.stop(); err != nil {
				t.log.Error("a training is not stopped", "err", err)
			}
		})
	}
	wait.Wait()
}
