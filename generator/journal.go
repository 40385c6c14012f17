package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"aprm/prm/disk"
)

// Journal is the data set of record: labelled steps, one JSON object a line (disk.Format), appended and synced to disk
// before Append returns, each with its checksum. A step is held once, by its ID. A last line torn by a crash is cut off
// when the next is written; any other broken line is an error. Safe for concurrent use.
type Journal struct {
	mu    sync.Mutex
	file  *disk.Lines
	seen  map[string]bool
	steps []Labelled
}

// StepsFormat is what a journal is on disk.
var StepsFormat = disk.Format{Kind: "a file of labelled steps", Begin: `{"id":"`, Check: func(line []byte) error {
	_, err := parseLabelled(line)
	return err
}}

func parseLabelled(line []byte) (l Labelled, err error) {
	if err := json.Unmarshal(line, &l); err != nil {
		return l, err
	}
	if l.ID == "" || l.Text == "" {
		return l, errors.New("a labelled step needs id and text")
	}
	return l, nil
}

// OpenJournal opens or creates the file at path and reads what it holds. A file of something else is refused and left
// alone, and one that another process has open so is disk.ErrInUse.
func OpenJournal(path string) (*Journal, error) {
	j := &Journal{seen: make(map[string]bool)}
	var err error
	j.file, err = StepsFormat.Lines(path, func(line []byte) error {
		l, err := parseLabelled(line)
		if err == nil {
			j.seen[l.ID] = true
			j.steps = append(j.steps, l)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// ReadLabelled returns the labelled steps of a journal's file without changing it. A torn last line is left out;
// another broken one is an error that names file and line.
func ReadLabelled(path string) ([]Labelled, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	steps, _, err := readLabelled(f, path)
	return steps, errors.Join(err, f.Close())
}

// readLabelled reads whole lines.
func readLabelled(r io.Reader, path string) (steps []Labelled, found disk.Found, err error) {
	found, err = StepsFormat.Read(r, path, func(line []byte) error {
		l, err := parseLabelled(line)
		if err == nil {
			steps = append(steps, l)
		}
		return err
	})
	return steps, found, err
}

// Append adds the steps that are new, in one write. It returns how many these were, once they are on disk.
func (j *Journal) Append(steps ...Labelled) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines [][]byte
	var fresh []Labelled
	within := make(map[string]bool)
	for _, l := range steps {
		if j.seen[l.ID] || within[l.ID] {
			continue
		}
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(l); err != nil {
			return 0, fmt.Errorf("journal: %w", err)
		}
		lines = append(lines, bytes.TrimSuffix(line.Bytes(), []byte("\n")))
		within[l.ID] = true
		fresh = append(fresh, l)
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	if err := j.file.Append(lines...); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	for _, l := range fresh {
		j.seen[l.ID] = true
	}
	j.steps = append(j.steps, fresh...)
	return len(fresh), nil
}

// Len is how many steps are held.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.steps)
}

// Digest is a hash of the first n steps, "" where there are fewer: by it a run knows the data set that it learned from.
func (j *Journal) Digest(n int) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n > len(j.steps) {
		return "", nil
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(j.steps[:n]); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Rounds returns the steps of the given rounds, in the order they were appended.
func (j *Journal) Rounds(rounds ...int) []Labelled {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Labelled
	for _, l := range j.steps {
		for _, r := range rounds {
			if l.Round == r {
				out = append(out, l)
				break
			}
		}
	}
	return out
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
