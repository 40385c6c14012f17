// Package training plays the game with an LLM and has a PRM learn by it: a run's folder, the learner that is the other
// player, and the gate that what the run kept out makes. What it trains on reaches the PRM through the engine, as what
// is served does.
package training

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// Run is a game to be played, and how the PRM learns by it.
type Run struct {
	Game      generator.Config // Compact is set by what the LLM says of itself
	PRM       train.Options
	Head      train.SolutionOptions                 // of the head for whole answers
	Pace      float64                               // of the PRM, see NewLearner; 0 for 1
	Answered  []dataset.Answered                    // recorded answers of the same LLM, from which it learns beside those that the game draws
	Attacks   Attacks                               // on Answered
	Disguises []eval.Disguise                       // as Solutions has them
	Folder    string                                // labelled steps, checkpoints, state and report of this run: the same training goes on from there
	Engine    *engine.Engine                        // over the same LLM, to share what is known of hidden states; nil for one of its own
	NoHidden  bool                                  // don't ask for hidden states, where Engine is nil
	Truth     func(step.Trace) (first int, ok bool) // for generator.Exact; see generator.Players
	Show      func(generator.Report)                // called after each round; nil for none
}

// Trained is what came of a Run.
type Trained struct {
	Model   *prm.Model         `json:"-"`
	Game    []generator.Report `json:"game"`
	Reports []train.Report     `json:"prm"` // of the rounds learned in this process

	Solutions SolutionReport `json:"solutions"` // how the head for whole answers was learned

	votes []eval.Votes // the answers it learned from, judged crosswise
	llm   string
}

// The files of a run's folder, beside the rounds' checkpoints.
const (
	StepsFile    = "steps.jsonl"
	stateFile    = "state.json"
	progressFile = "progress.json"
	settingsFile = "settings.json"
	reportFile   = "report.json"
)

// FolderError is what is wrong with a run's folder.
type FolderError struct{ error }

func (e FolderError) Unwrap() error { return e.error }

// Play plays the game with an LLM on problems. A file of the folder that can't be read is a FolderError.
func (r Run) Play(ctx context.Context, llm adapters.LLM, problems []step.Problem) (trained Trained, err error) {
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return Trained{}, err
	}
	if r.Engine == nil {
		r.Engine, err = engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NoHidden: r.NoHidden, CachedStates: 1 << 16})
		if err != nil {
			return Trained{}, err
		}
	}
	if r.Pace == 0 {
		r.Pace = 1
	}
	if !(r.Pace > 0 && r.Pace <= 1) {
		return Trained{}, fmt.Errorf("pace: must be in (0,1], is %v", r.Pace)
	}
	learner := NewLearner(r.Engine, r.Folder, r.PRM, r.Head, r.Pace)
	journal, err := generator.OpenJournal(filepath.Join(r.Folder, StepsFile))
	if err != nil {
		return Trained{}, FolderError{err}
	}
	defer func() { err = errors.Join(err, journal.Close()) }()

	cfg := r.Game
	cfg.Compact = caps.Compact
	cfg.Progress = told(r.Folder, cfg.Rounds, cfg.Progress)
	if cfg.Slip && caps.Prefill == adapters.PrefillNone {
		return Trained{}, errors.New("slip: the endpoint doesn't continue an unfinished answer, so it can't be branched off")
	}
	game, err := generator.New(cfg, problems, generator.Players{LLM: llm, Judge: oracle.New(), Reward: learner, Journal: journal, Truth: r.Truth})
	if err != nil {
		return Trained{}, err
	}
	kept, err := resume(game, filepath.Join(r.Folder, stateFile))
	if err != nil {
		return Trained{}, err
	}
	begun := kept.Round > 0 || len(journal.Rounds(0)) > 0
	if err := r.hold(filepath.Join(r.Folder, settingsFile), begun, kept.Holds.Settings != "", caps.Identity(), problems); err != nil {
		return Trained{}, err
	}
	if err := kept.Holds.fit(r.Folder, journal); err != nil {
		return Trained{}, err
	}
	if kept.Round > cfg.Rounds {
		return Trained{}, FolderError{fmt.Errorf("%s: %d rounds of this run are played, which is more than %d: ask for as many, or take another folder", r.Folder, kept.Round, cfg.Rounds)}
	}
	if err := learner.Resume(kept.Round); err != nil {
		return Trained{}, FolderError{fmt.Errorf("this run can't be gone on with: %w; take another folder to begin anew", err)}
	}
	state, err := game.Run(ctx, kept.State, func(s generator.State) error {
		if r.Show != nil {
			r.Show(s.Reports[len(s.Reports)-1])
		}
		holds, err := held(r.Folder, journal, s.Round)
		if err != nil {
			return err
		}
		if err := dataset.WriteJSON(filepath.Join(r.Folder, stateFile), state{s, holds}, disk.Private); err != nil {
			return err
		}
		if err := follow(r.Folder, s.Reports); err != nil {
			slog.Warn("the rounds' table and curves aren't written", "err", err)
		}
		return nil
	})
	if err != nil {
		return Trained{}, err
	}
	if err := learner.Finish(ctx, state.Round, game.Lessons(state.Round-1)); err != nil {
		return Trained{}, err
	}
	trained = Trained{Game: state.Reports, Reports: learner.Reports(), llm: caps.Identity()}
	solutions, contrasts, err := natural(r.Folder)
	if err != nil {
		return Trained{}, FolderError{err}
	}
	other, recorded, err := recordedSolutions(ctx, r.Answered)
	if err == nil && other != "" && other != trained.llm {
		err = otherLLM(other, trained.llm)
	}
	if err != nil {
		return Trained{}, err
	}
	trained.Model, trained.Solutions, trained.votes, err = judging(ctx, learner.Model(), trained.llm, append(solutions, recorded...), append(contrasts, r.Attacks.on(ctx, recorded, r.Head.Seed)...), r.Disguises, r.Head)
	if err != nil {
		return Trained{}, err
	}
	return trained, dataset.WriteJSON(filepath.Join(r.Folder, reportFile), trained, disk.Private)
}

// otherLLM is the error that recorded answers are of another LLM than the one at the endpoint.
func otherLLM(recorded, asked string) error {
	return fmt.Errorf("the recorded answers are of %s, the endpoint's model is %s: a PRM is of one LLM", recorded, asked)
}

// resume returns where a file says that the game stands, its start where there is no file.
func resume(game *generator.Game, path string) (state, error) {
	data, err := disk.Read(path, largestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return state{State: game.Start()}, nil
	}
	if err != nil {
		return state{}, FolderError{err}
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return s, FolderError{fmt.Errorf("%s: %w", path, err)}
	}
	if s.Round < 0 || s.Memory == nil || len(s.Reports) != s.Round {
		return s, FolderError{fmt.Errorf("%s: it is of no run: take another folder", path)}
	}
	start := game.Start()
	if s.Policy == nil || !slices.Equal(s.Policy.Names, start.Policy.Names) {
		return s, FolderError{fmt.Errorf("%s: this run was begun with other strategies: take another folder, or the settings that it was begun with", path)}
	}
	return s, nil
}

// settings are what a run is begun with: gone on with others, its labelled steps and its PRM would be of other
// problems, some of them held out before and learned from now.
type settings struct {
	Model    string                `json:"model"`
	Problems string                `json:"problems"` // their number and digest
	NoHidden bool                  `json:"no_hidden"`
	Game     generator.Config      `json:"game"` // without rounds and concurrency, which may change
	PRM      train.Options         `json:"prm"`
	Head     train.SolutionOptions `json:"head"`
	Pace     float64               `json:"pace"`
}

// hold writes the settings down where the run begins, and else holds them against those that it was begun with. A run
// begun before they were written down is taken for the same; of one whose state says that they were written, it is an
// error when they are gone.
func (r Run) hold(path string, begun, written bool, model string, problems []step.Problem) error {
	text, err := json.Marshal(problems)
	if err != nil {
		return err
	}
	now := settings{model, fmt.Sprintf("%d (%.8x)", len(problems), sha256.Sum256(text)), r.NoHidden, r.Game, r.PRM, r.Head, r.Pace}
	now.Game.Rounds, now.Game.Concurrency = 0, 0
	data, err := disk.Read(path, largestFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && written:
		return FolderError{fmt.Errorf("%s is gone: with what settings this run was begun is not known any more; take another folder to begin anew", path)}
	case errors.Is(err, fs.ErrNotExist), err == nil && !begun:
		return dataset.WriteJSON(path, now, disk.Private)
	case err != nil:
		return FolderError{err}
	}
	var before settings
	if err := json.Unmarshal(data, &before); err != nil {
		return FolderError{fmt.Errorf("%s: %w", path, err)}
	}
	was, err1 := before.flat()
	is, err2 := now.flat()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var other []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was[name] != is[name] {
			other = append(other, fmt.Sprintf("%s %s, not %s", name, cmp.Or(was[name], "unset"), cmp.Or(is[name], "unset")))
		}
	}
	if len(other) == 0 {
		return nil
	}
	return FolderError{fmt.Errorf("%s: this run was begun with other settings (%s): take another folder, or the settings that it was begun with", path, strings.Join(other, "; "))}
}

// playedWith is the LLM that the game in a folder was played with.
func playedWith(folder string) (model string, err error) {
	path := filepath.Join(folder, settingsFile)
	data, err := disk.Read(path, largestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", FolderError{fmt.Errorf("%s is no folder of a run of the game: there is no %s in it", folder, settingsFile)}
	}
	var begun settings
	if err == nil {
		if err = json.Unmarshal(data, &begun); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return "", FolderError{err}
	}
	return begun.Model, nil
}

// flat are the settings by name, each as JSON has it; what is left out there is not set.
func (s settings) flat() (map[string]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	out := make(map[string]string)
	for _, part := range []string{"game", "prm"} {
		var of map[string]json.RawMessage
		if err := json.Unmarshal(fields[part], &of); err != nil {
			return nil, err
		}
		delete(fields, part)
		for name, v := range of {
			out[part+"."+strings.ToLower(name)] = string(v)
		}
	}
	for name, v := range fields {
		out[name] = string(v)
	}
	return out, nil
}
