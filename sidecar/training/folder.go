package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aprm/generator"
	"aprm/prm/disk"
	"aprm/sidecar/dataset"
)

// AnswersFile is where whoever plays a run keeps the LLM's answers in its folder, open for as long as it is played.
const AnswersFile = "answers.jsonl"

// Progress says how far a run has come within its round.
type Progress struct {
	Round  int             `json:"round"` // from 0
	Rounds int             `json:"rounds"`
	Stage  generator.Stage `json:"stage"`
	Done   int             `json:"done"` // units of the stage
	Total  int             `json:"total"`
	Failed int             `json:"failed,omitempty"`
	At     time.Time       `json:"at"`
}

// Folder is what can be read of a run, finished or not, by whoever looks on.
type Folder struct {
	Model    string             `json:"model,omitempty"` // the LLM
	Rounds   []generator.Report `json:"rounds"`          // those played
	Progress *Progress          `json:"progress,omitempty"`
	Touched  time.Time          `json:"touched"` // when the run last wrote to it
	Finished bool               `json:"finished"`
}

// Look reads the folder of a run. One that no run has begun in is fs.ErrNotExist.
func Look(folder string) (f Folder, err error) {
	if _, err := os.Stat(filepath.Join(folder, settingsFile)); err != nil {
		return f, err
	}
	for _, name := range []string{StepsFile, stateFile, progressFile, settingsFile} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err == nil && info.ModTime().After(f.Touched) {
			f.Touched = info.ModTime()
		}
	}
	if f.Model, err = playedWith(folder); err != nil {
		return f, err
	}
	var s struct {
		Reports []generator.Report `json:"reports"`
	}
	var p Progress
	for name, into := range map[string]any{stateFile: &s, progressFile: &p} {
		data, err := disk.Read(filepath.Join(folder, name), largestFile)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f, FolderError{fmt.Errorf("%s: %w", filepath.Join(folder, name), err)}
		}
	}
	if f.Rounds = s.Reports; !p.At.IsZero() {
		f.Progress = &p
	}
	_, err = os.Stat(filepath.Join(folder, reportFile))
	f.Finished = err == nil && len(f.Rounds) >= p.Rounds // else more rounds were asked for since
	return f, nil
}

// toldEvery is how often a run writes how far it has come, at most, but for the beginning of a stage.
const toldEvery = time.Second

// told has progress written to a folder, for Look, and passed on.
func told(folder string, rounds int, next func(generator.Progress)) func(generator.Progress) {
	var mu sync.Mutex
	var last Progress
	return func(p generator.Progress) {
		if next != nil {
			next(p)
		}
		mu.Lock()
		defer mu.Unlock()
		now := Progress{Round: p.Round, Rounds: rounds, Stage: p.Stage, Done: p.Done, Total: p.Total, Failed: p.Failed, At: time.Now()}
		if now.Stage == last.Stage && now.Round == last.Round && now.At.Sub(last.At) < toldEvery && now.Done < now.Total {
			return
		}
		last = now
		if err := dataset.WriteJSON(filepath.Join(folder, progressFile), now, disk.Private); err != nil {
			slog.Debug("how far the run has come is not written down", "err", err) // nothing depends on it
		}
	}
}
