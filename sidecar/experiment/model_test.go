package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// "Train again" is what a checkpoint of an older build says; here running it again is just what was done.
func TestAModelThatCannotBeReadSaysWhatToDelete(t *testing.T) {
	s := &study{Lab: Lab{Folder: t.TempDir()}}
	u := unit{prm: PRM{Name: "game", Trials: []Settings{{}}}, seed: 1}
	folder := s.folder(u)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{doneFile: "{}", modelFile: "of another version"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.model(t.Context(), u); err == nil || !strings.Contains(err.Error(), "delete "+folder) {
		t.Error(err)
	}
}
