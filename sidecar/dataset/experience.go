package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"aprm/prm/disk"
	"aprm/prm/step"
)

// Retention bounds what an Experience keeps. Whole files go, the oldest first.
type Retention struct {
	Age   time.Duration // nothing older is kept; 0 for no bound
	Bytes int64         // of all files together; 0 for no bound
}

// parts is into how many files what is kept is cut, at least: with one of them no more than that share of it goes.
const parts = 8

// Experience is a folder of files of answers that serving came to, and of what clients said of them, as ReadAnswers
// reads them. Lines are appended, have checksums, and are on disk when a call returns; one that a crash has torn is
// dropped when the folder is next opened. It is safe for concurrent use, and one process's at a time (disk.ErrInUse).
type Experience struct {
	mu     sync.Mutex
	folder string
	keep   Retention
	files  []segment // the oldest first; the last one is open
	open   *disk.Lines
	drawn  Sampling // how the last answers of the open file were; zero where it has none
	known  map[string]Given
}

// segment is one of the files.
type segment struct {
	path  string
	begun time.Time
	size  int64
	ids   []string // of the searches in it
}

// segmentName is how a file is called, by when it was begun.
const segmentName = "experience-20060102T150405.000000000Z.jsonl"

// experienceFormat is AnswersFormat, but that a file may begin with what a client said.
var experienceFormat = disk.Format{Kind: AnswersFormat.Kind, Begin: `{"`, Check: AnswersFormat.Check, Skip: true}

// ErrNotKept is the error of a search that nothing is known of: it was never kept, or is gone by now.
var ErrNotKept = errors.New("no answer of that id is kept")

// OpenExperience opens a folder, and makes it where there is none. What is too old or too much goes; what else was kept
// before can still be spoken of.
func OpenExperience(folder string, keep Retention, now time.Time) (*Experience, error) {
	e := &Experience{folder: folder, keep: keep, known: map[string]Given{}}
	if err := disk.MkdirAll(folder); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(folder, "experience-*.jsonl"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths) // which is by time
	for _, path := range paths {
		begun, err := time.Parse(segmentName, filepath.Base(path))
		if err != nil {
			continue // somebody else's
		}
		if err := e.read(segment{path: path, begun: begun}); err != nil {
			return nil, err
		}
	}
	if err := e.begin(now); err != nil {
		return nil, err
	}
	if err := e.turn(now, 0); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// read learns what a file holds, and leaves an empty one behind no longer.
func (e *Experience) read(s segment) error {
	lines, err := experienceFormat.Lines(s.path, func(line []byte) error { // which tells whether another process writes it
		l, err := parseAnswers(line)
		if err == nil && l.Problem != nil && l.Given != nil {
			e.known[l.Problem.ID] = *l.Given
			s.ids = append(s.ids, l.Problem.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = lines.Mend() // whoever reads it later knows of no crash
	info, stat := os.Stat(s.path)
	if err = errors.Join(err, stat, lines.Close()); err != nil {
		return err
	}
	s.size = info.Size()
	e.files = append(e.files, s)
	if s.size == 0 {
		return e.drop(len(e.files) - 1)
	}
	return nil
}

// Kept are answers of one kind that a search drew, and how.
type Kept struct {
	Sampling Sampling
	Answers  []Answer
}

// Add keeps a search's answers to a question, under its id.
func (e *Experience) Add(now time.Time, id, question string, given Given, kept ...Kept) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var drawn, answers [][]byte
	size := 0
	for i, k := range kept {
		for _, l := range []struct {
			into *[][]byte
			line answersLine
		}{{&drawn, answersLine{Sampling: &kept[i].Sampling}}, {&answers, answersLine{Problem: &step.Problem{ID: id, Question: question}, Answers: k.Answers, Given: &given}}} {
			data, err := json.Marshal(l.line)
			if err != nil {
				return err
			}
			*l.into = append(*l.into, data)
			size += disk.LineSize(data)
		}
	}
	if err := e.turn(now, int64(size)); err != nil {
		return err
	}
	var lines [][]byte
	was := e.drawn
	for i, k := range kept {
		if k.Sampling != was {
			lines = append(lines, drawn[i])
			was = k.Sampling
		}
		lines = append(lines, answers[i])
	}
	if err := e.write(lines...); err != nil {
		return err
	}
	e.drawn, e.known[id] = was, given
	s := e.last()
	s.ids = append(s.ids, id)
	return nil
}

// Given is what is known of a search, by its id; ErrNotKept where nothing is.
func (e *Experience) Given(id string) (Given, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	given, ok := e.known[id]
	if !ok {
		return Given{}, ErrNotKept
	}
	return given, nil
}

// Say keeps what a client said of a search that is kept.
func (e *Experience) Say(now time.Time, f Feedback) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.known[f.ID]; !ok {
		return ErrNotKept
	}
	f.At = now.UTC()
	data, err := json.Marshal(answersLine{Feedback: &f})
	if err != nil {
		return err
	}
	if err := e.turn(now, int64(disk.LineSize(data))); err != nil {
		return err
	}
	return e.write(data)
}

// Prune drops what is too old by now.
func (e *Experience) Prune(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.turn(now, 0)
}

// Close ends the writing.
func (e *Experience) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open.Close()
}

func (e *Experience) last() *segment { return &e.files[len(e.files)-1] }

// turn begins a new file where the open one holds its part, or is too old to be gone on with, and drops those that are
// too old or too much once as many bytes are added.
func (e *Experience) turn(now time.Time, add int64) error {
	if e.keep.Bytes > 0 && add > e.keep.Bytes/parts {
		return fmt.Errorf("%d bytes to keep of one answer, of %d in all", add, e.keep.Bytes)
	}
	s := e.last()
	if e.keep.Bytes > 0 && s.size+add > e.keep.Bytes/parts || e.keep.Age > 0 && now.Sub(s.begun) >= e.keep.Age/parts {
		was, empty := e.open, s.size == 0
		if err := e.begin(now); err != nil {
			return err
		}
		if err := was.Close(); err != nil {
			return err
		}
		if empty {
			if err := e.drop(len(e.files) - 2); err != nil {
				return err
			}
		}
	}
	total := add
	for _, s := range e.files {
		total += s.size
	}
	for len(e.files) > 1 && (e.keep.Age > 0 && now.Sub(e.files[0].begun) >= e.keep.Age || e.keep.Bytes > 0 && total > e.keep.Bytes) {
		total -= e.files[0].size
		if err := e.drop(0); err != nil {
			return err
		}
	}
	return nil
}

// begin opens a new file to write to.
func (e *Experience) begin(now time.Time) error {
	path := filepath.Join(e.folder, now.UTC().Format(segmentName))
	open, err := experienceFormat.Lines(path, func([]byte) error { return errors.New("it is there already: is the clock right?") })
	if err != nil {
		return err
	}
	e.open, e.drawn, e.files = open, Sampling{}, append(e.files, segment{path: path, begun: now})
	return nil
}

// drop removes a file that isn't open, and what is known of it.
func (e *Experience) drop(i int) error {
	if err := os.Remove(e.files[i].path); err != nil {
		return err
	}
	for _, id := range e.files[i].ids {
		delete(e.known, id)
	}
	e.files = slices.Delete(e.files, i, i+1)
	return nil
}

// write appends lines to the open file.
func (e *Experience) write(lines ...[]byte) error {
	if err := e.open.Append(lines...); err != nil {
		return err
	}
	for _, line := range lines {
		e.last().size += int64(disk.LineSize(line))
	}
	return nil
}
