package training

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aprm/generator"
)

// TestWhoLooksOnSeesTheRun: its rounds, how far it has come, and whether it is finished; of what is no run, or is
// broken, that.
func TestWhoLooksOnSeesTheRun(t *testing.T) {
	llm, run, problems := answering(t)
	if _, err := Look(run.Folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it begins: %v", err)
	}
	var during Folder
	passed := 0
	run.Game.Progress = func(p generator.Progress) {
		if passed++; p.Stage == generator.StageAttack && p.Done == p.Total {
			f, err := Look(run.Folder)
			if err != nil {
				t.Error(err)
			}
			during = f
		}
	}
	if _, err := run.Play(t.Context(), llm, problems); err != nil {
		t.Fatal(err)
	}
	if p := during.Progress; during.Finished || len(during.Rounds) != 0 || p == nil || p.Round != 0 || p.Rounds != 1 || time.Since(p.At) > time.Minute || passed == 0 {
		t.Errorf("while it runs: %+v, %+v", during, p)
	}
	after, err := Look(run.Folder)
	if p := after.Progress; err != nil || !after.Finished || len(after.Rounds) != 1 || after.Model == "" || p == nil || p.Stage != generator.StageLearn || p.Done != p.Total || after.Touched.IsZero() {
		t.Errorf("at its end: %v, %+v, %+v", err, after, p)
	}
	for _, name := range []string{stateFile, progressFile, settingsFile} {
		path := filepath.Join(run.Folder, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range [][]byte{[]byte("{"), text[:len(text)/2]} {
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Look(run.Folder); !errors.As(err, &FolderError{}) {
				t.Errorf("a broken %s: %v", name, err)
			}
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
