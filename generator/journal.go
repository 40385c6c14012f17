package generator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"aprm/adapters/claim"
)

// Journal is the data set of record: labelled steps, one JSON object a line, appended and synced to disk before Append
// returns. A step is held once, by its ID. A last line torn by a crash is cut off when the file is opened; any other broken
// line is an error. Safe for concurrent use.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	seen  map[string]bool
	steps []Labelled
	end   int64 // where the next line goes
}

// OpenJournal opens or creates the file at path and reads what it holds. A file that another process has open so is claim.ErrInUse.
func OpenJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{file: f, seen: make(map[string]bool)}
	if err := claim.File(f); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), f.Close())
	}
	steps, end, err := readLabelled(f, path)
	if err == nil {
		err = f.Truncate(end)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j.end = end
	for _, l := range steps {
		j.seen[l.ID] = true
	}
	j.steps = steps
	return j, nil
}

// ReadLabelled returns the labelled steps of a journal's file without changing it. A torn last line is left out; another
// broken one is an error that names file and line.
func ReadLabelled(path string) ([]Labelled, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	steps, _, err := readLabelled(f, path)
	return steps, errors.Join(err, f.Close())
}

// readLabelled reads whole lines; end is the offset after the last good one.
func readLabelled(r io.Reader, path string) (steps []Labelled, end int64, err error) {
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return steps, end, nil // what stands after the last line break is torn, if anything
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", path, err)
		}
		var l Labelled
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, 0, fmt.Errorf("%s:%d: not a labelled step: %w", path, n, err)
		}
		if l.ID == "" || l.Text == "" {
			return nil, 0, fmt.Errorf("%s:%d: a labelled step needs id and text", path, n)
		}
		steps = append(steps, l)
		end += int64(len(line))
	}
}

// Append adds the steps that are new, in one write. It returns how many these were, once they are on disk.
func (j *Journal) Append(steps ...Labelled) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var buf bytes.Buffer
	var fresh []Labelled
	within := make(map[string]bool)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, l := range steps {
		if j.seen[l.ID] || within[l.ID] {
			continue
		}
		if err := enc.Encode(l); err != nil {
			return 0, fmt.Errorf("journal: %w", err)
		}
		within[l.ID] = true
		fresh = append(fresh, l)
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	// Always at the end of the last whole line: a write that failed half-way is written over by the next.
	if _, err := j.file.WriteAt(buf.Bytes(), j.end); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	j.end += int64(buf.Len())
	for _, l := range fresh {
		j.seen[l.ID] = true
	}
	j.steps = append(j.steps, fresh...)
	return len(fresh), nil
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
