package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
)

// Training is a game to be played, and how the PRM learns by it.
type Training struct {
	Game     generator.Config // Compact is set by what the LLM says of itself
	PRM      train.Options
	Folder   string                                // labelled steps, checkpoints, state and report of this run: the same training goes on from there
	Engine   *Engine                               // over the same LLM, to share what is known of hidden states; nil for one of its own
	NoHidden bool                                  // don't ask for hidden states, where Engine is nil
	Truth    func(step.Trace) (first int, ok bool) // for generator.Exact; see generator.Players
	Show     func(generator.Report)                // called after each round; nil for none
}

// Trained is what came of a Training.
type Trained struct {
	Model   *prm.Model         `json:"-"`
	Game    []generator.Report `json:"game"`
	Reports []train.Report     `json:"prm"` // of the rounds learned in this process
}

// The files of a run's folder, beside the rounds' checkpoints.
const (
	StepsFile  = "steps.jsonl"
	stateFile  = "state.json"
	reportFile = "report.json"
)

// FolderError is what is wrong with a run's folder.
type FolderError struct{ error }

func (e FolderError) Unwrap() error { return e.error }

// Run plays the game with an LLM on problems. A file of the folder that can't be read is a FolderError.
func (t Training) Run(ctx context.Context, llm adapters.LLM, problems []step.Problem) (trained Trained, err error) {
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return Trained{}, err
	}
	if t.Engine == nil {
		t.Engine, err = New(Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NoHidden: t.NoHidden, CachedStates: 1 << 16})
		if err != nil {
			return Trained{}, err
		}
	}
	learner := NewLearner(t.Engine, t.Folder, t.PRM)
	if err := os.MkdirAll(t.Folder, 0o755); err != nil {
		return Trained{}, err
	}
	journal, err := generator.OpenJournal(filepath.Join(t.Folder, StepsFile))
	if err != nil {
		return Trained{}, FolderError{err}
	}
	defer func() { err = errors.Join(err, journal.Close()) }()

	cfg := t.Game
	cfg.Compact = caps.Compact
	if cfg.Slip && caps.Prefill == adapters.PrefillNone {
		return Trained{}, errors.New("slip: the endpoint doesn't continue an unfinished answer, so its next step can't be drawn")
	}
	game, err := generator.New(cfg, problems, generator.Players{LLM: llm, Judge: oracle.New(), Reward: learner, Journal: journal, Truth: t.Truth})
	if err != nil {
		return Trained{}, err
	}
	state, err := resume(game, filepath.Join(t.Folder, stateFile))
	if err != nil {
		return Trained{}, err
	}
	if err := learner.Resume(state.Round); err != nil {
		return Trained{}, err
	}
	state, err = game.Run(ctx, state, func(s generator.State) error {
		if t.Show != nil {
			t.Show(s.Reports[len(s.Reports)-1])
		}
		return dataset.WriteJSON(filepath.Join(t.Folder, stateFile), s)
	})
	if err != nil {
		return Trained{}, err
	}
	trained = Trained{Model: learner.Model(), Game: state.Reports, Reports: learner.Reports()}
	return trained, dataset.WriteJSON(filepath.Join(t.Folder, reportFile), trained)
}

// resume returns where a file says that the game stands, its start where there is no file.
func resume(game *generator.Game, path string) (generator.State, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return game.Start(), nil
	}
	if err != nil {
		return generator.State{}, err
	}
	var s generator.State
	if err := json.Unmarshal(data, &s); err != nil {
		return s, FolderError{fmt.Errorf("%s: %w", path, err)}
	}
	start := game.Start()
	if s.Policy == nil || !slices.Equal(s.Policy.Names, start.Policy.Names) {
		return s, FolderError{fmt.Errorf("%s: this run was begun with other strategies: take another folder, or the settings that it was begun with", path)}
	}
	return s, nil
}
