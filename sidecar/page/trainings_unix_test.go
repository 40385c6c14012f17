//go:build unix

package page

import (
	"path/filepath"
	"syscall"
	"testing"

	"aprm/prm/disk"
	"aprm/sidecar/dataset"
	"aprm/sidecar/training"
)

// TestATrainingHasAGroupOfItsOwn, so that what a terminal interrupts isn't interrupted by the sidecar as well.
func TestATrainingHasAGroupOfItsOwn(t *testing.T) {
	b, runs := board(t, "wait")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	if code, said := ask(t, b, "/run/start", start); code != 200 {
		t.Fatalf("start: %d %v", code, said)
	}
	pid := b.trainings.of[filepath.Join(runs, "mine")].cmd.Process.Pid
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("process %d is of group %d (%v)", pid, group, err)
	}
}

// TestATrainingOfASidecarThatIsGone runs on: it is neither paused nor begun a second time.
func TestATrainingOfASidecarThatIsGone(t *testing.T) {
	b, runs := board(t, "wait")
	folder := filepath.Join(runs, "mine")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	put(t, filepath.Join(folder, planFile), `{"problems":"p.jsonl","rounds":2,"per_round":3,"samples":2,"attacks":4,"epochs":1,"seed":7}`)
	put(t, filepath.Join(folder, "settings.json"), `{"model":"m"}`)
	status := func() any {
		_, said := ask(t, b, "/run?name=mine", "")
		return said["status"]
	}
	answers, err := dataset.AnswersFormat.Lines(filepath.Join(folder, training.AnswersFile), func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !disk.InUse(filepath.Join(folder, training.AnswersFile)) {
		t.Skip("this file system has no locks")
	}
	if got := status(); got != statusRunsElsewhere {
		t.Errorf("while it has its answers open: %v", got)
	}
	for _, path := range []string{"/run/resume", "/run/pause"} {
		if code, said := ask(t, b, path, `{"name":"mine"}`); code != 400 || message(said) == "" {
			t.Errorf("%s: %d %v", path, code, said)
		}
	}
	if err := answers.Close(); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != statusPaused {
		t.Errorf("once it has ended: %v", got)
	}
}
