package training

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"aprm/generator"
	"aprm/prm/disk"
)

// largestFile bounds each of a run's files but the labelled steps, in bytes.
const largestFile = 1 << 31

// state is a run's state file: where the game stands, and what the folder held then.
type state struct {
	generator.State
	Holds holds `json:"holds"`
}

// holds says what files a state belongs with: what was swapped, cut or is gone is not gone on with.
type holds struct {
	Settings    string   `json:"settings,omitempty"` // digest of the file; "" in a state of before there were any
	Steps       int      `json:"steps,omitempty"`    // labelled ones, and their digest
	Labelled    string   `json:"labelled,omitempty"`
	Checkpoints []string `json:"checkpoints,omitempty"` // digest of each round's file
}

// held is what a folder holds after so many rounds.
func held(folder string, journal *generator.Journal, rounds int) (h holds, err error) {
	h.Steps = journal.Len()
	if h.Labelled, err = journal.Digest(h.Steps); err != nil {
		return h, err
	}
	if h.Settings, err = digest(filepath.Join(folder, settingsFile)); err != nil {
		return h, err
	}
	for round := range rounds {
		sum, err := digest(RoundPath(folder, round))
		if err != nil {
			return h, err
		}
		h.Checkpoints = append(h.Checkpoints, sum)
	}
	return h, nil
}

// fit is the error of a folder that holds something else than it did.
func (h holds) fit(folder string, journal *generator.Journal) error {
	if h.Settings == "" {
		return nil
	}
	now, err := journal.Digest(h.Steps)
	if err != nil {
		return err
	}
	if now != h.Labelled {
		return misfit(filepath.Join(folder, StepsFile), fmt.Errorf("the %d labelled steps that this run learned from are not there as they were", h.Steps))
	}
	files := map[string]string{filepath.Join(folder, settingsFile): h.Settings}
	for round, sum := range h.Checkpoints {
		files[RoundPath(folder, round)] = sum
	}
	for path, sum := range files {
		switch now, err := digest(path); {
		case err != nil:
			return misfit(path, err)
		case now != sum:
			return misfit(path, fmt.Errorf("it is not the file that this run wrote"))
		}
	}
	return nil
}

func misfit(path string, why error) error {
	return FolderError{fmt.Errorf("%s: %w: this run can't be gone on with; put the file back, or take another folder to begin anew", path, why)}
}

func digest(path string) (string, error) {
	data, err := disk.Read(path, largestFile)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
