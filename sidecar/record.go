package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"aprm/adapters/recorded"
	"aprm/generator"
	"aprm/prm/disk"
	"aprm/sidecar/dataset"
)

// Files of record are what runs keep: recordings of an LLM's answers, files of answers and of labelled steps. They are
// appended to, synced, and have a checksum a line; whatever else there is (queues, checkpoints, reports) can be made
// from them again.

// recordKind is one of their kinds.
type recordKind struct {
	format disk.Format
	things string
	one    bool // of one LLM: what it said of itself stands above all
	// read says of a line, without its checksum, by what it is known and what it says, one text for each of the things
	// in it; under stands for all that follow.
	read func(line []byte) (id string, says []string, under bool, err error)
}

var recordKinds = []recordKind{
	{recorded.Format, "calls", true, func(line []byte) (string, []string, bool, error) {
		var l struct{ Op, Key string }
		err := json.Unmarshal(line, &l)
		return l.Op + " " + l.Key, []string{string(line)}, l.Key == "", err
	}},
	{dataset.AnswersFormat, "answers", false, func(line []byte) (string, []string, bool, error) {
		var l struct {
			Sampling, Problem json.RawMessage
			Answers           []json.RawMessage
		}
		err := json.Unmarshal(line, &l)
		var says []string
		for _, a := range l.Answers {
			says = append(says, string(l.Problem)+string(a))
		}
		return string(line), says, l.Sampling != nil, err
	}},
	{generator.StepsFormat, "labelled steps", false, func(line []byte) (string, []string, bool, error) {
		var l struct{ ID string }
		err := json.Unmarshal(line, &l)
		return l.ID, []string{string(line)}, false, err
	}},
}

// recordOf is the kind of a file, and what of it is broken.
func recordOf(path string) (recordKind, disk.Found, error) {
	var formats []disk.Format
	for _, k := range recordKinds {
		formats = append(formats, k.format)
	}
	format, found, err := disk.Examine(path, formats...)
	if err != nil {
		return recordKind{}, found, badInput{err}
	}
	at := slices.IndexFunc(recordKinds, func(k recordKind) bool { return k.format.Kind == format.Kind })
	return recordKinds[at], found, nil
}

// record is what was read of files of one kind.
type record struct {
	kind  recordKind
	seen  map[[32]byte][32]byte // what lines say, by what they are known by
	says  [][32]byte            // each thing once for every time it is said
	under []byte                // the line under which those that follow lie, nil for none

	lines, things, twice, differ int
}

func newRecord(kind recordKind) *record {
	return &record{kind: kind, seen: map[[32]byte][32]byte{}}
}

// add reads a file. keep gets each line that is new, and the one under which it lies where that is another than the
// last one's.
func (r *record) add(path string, kind recordKind, keep func(lines ...[]byte) error) error {
	if kind.format.Kind != r.kind.format.Kind {
		return badInput{fmt.Errorf("%s is %s, the first is %s: they don't go into one", path, kind.format.Kind, r.kind.format.Kind)}
	}
	file, err := given(disk.Open(path))
	if err != nil {
		return err
	}
	defer file.Close()
	var under []byte
	_, err = given(kind.format.Read(file, path, func(line []byte) error {
		line = disk.Bare(bytes.Clone(line))
		id, says, head, err := kind.read(line)
		if err != nil {
			return err
		}
		r.lines++
		if head {
			if under = line; r.kind.one && r.under != nil && !bytes.Equal(r.under, under) {
				return errors.New("it is of another LLM, or of one asked in another way")
			}
			return nil
		}
		above := under
		if len(says) == 0 { // what a client said is of a search, wherever it stands: before any answers, too
			above = nil
		}
		known, said := sha256.Sum256(append([]byte(id), above...)), sha256.Sum256(line)
		if before, ok := r.seen[known]; ok {
			if r.twice++; before != said {
				r.differ++
			}
			return nil
		}
		r.seen[known] = said
		r.things += len(says)
		for _, s := range says {
			r.says = append(r.says, sha256.Sum256(append([]byte(s), under...)))
		}
		if above != nil && !bytes.Equal(above, r.under) {
			r.under = above
			return keep(above, line)
		}
		return keep(line)
	}))
	return err
}

// digest is the hash of all that is said, whatever the order of the lines, and however answers to one problem are
// spread over them.
func (r *record) digest() string {
	slices.SortFunc(r.says, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	sum := sha256.New()
	for _, s := range r.says {
		sum.Write(s[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (r *record) String() string {
	text := fmt.Sprintf("%s: %d lines, %d %s, content %s", r.kind.format.Kind, r.lines, r.things, r.kind.things, r.digest())
	if r.twice > 0 {
		text += fmt.Sprintf("; %d lines stand there again", r.twice)
	}
	if r.differ > 0 {
		text += fmt.Sprintf(", %d of them saying something else", r.differ)
	}
	return text
}

// recordIn reads one file.
func recordIn(path string) (*record, disk.Found, error) {
	kind, found, err := recordOf(path)
	if err != nil {
		return nil, found, err
	}
	kind.format.Skip = true
	r := newRecord(kind)
	return r, found, r.add(path, kind, func(...[]byte) error { return nil })
}

type datasetStatsCommand struct {
	Files []string `arg:"" help:"Recordings, files of answers, of labelled steps." type:"existingfile"`
}

func (c *datasetStatsCommand) Run(std streams) error {
	for _, path := range c.Files {
		r, _, err := recordIn(path)
		if err != nil {
			return err
		}
		if err := show(std.out, fmt.Sprintf("%s: %s\n", path, r)); err != nil {
			return err
		}
	}
	return nil
}

type datasetVerifyCommand struct {
	Files []string `arg:"" help:"Recordings, files of answers, of labelled steps." type:"existingfile"`
}

func (c *datasetVerifyCommand) Run(std streams) error {
	var faults []error
	for _, path := range c.Files {
		r, found, err := recordIn(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if err := show(std.out, fmt.Sprintf("%s: %s\n", path, r)); err != nil {
			return err
		}
		switch {
		case len(found.Broken) > 0:
			faults = append(faults, fmt.Errorf("%s: lines %v are broken: sidecar recording check %s --repair", path, found.Broken, path))
		case r.twice > 0:
			faults = append(faults, fmt.Errorf("%s: %d lines stand there again: sidecar dataset dedupe %s --out FILE", path, r.twice, path))
		case found.Torn > 0: // as a crash leaves it: whoever writes on drops it
			if err := show(std.out, fmt.Sprintf("%s: %d bytes at its end are of a line that was never finished\n", path, found.Torn)); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return badInput{err}
	}
	return nil
}

type datasetDedupeCommand struct {
	File string `arg:"" help:"A recording, a file of answers or of labelled steps." type:"existingfile"`
	Out  string `help:"File to write, which must not be there." required:"" type:"path" placeholder:"FILE"`
}

func (c *datasetDedupeCommand) Run(std streams) error {
	return (&datasetMergeCommand{Files: []string{c.File}, Out: c.Out}).Run(std)
}

type datasetMergeCommand struct {
	Files []string `arg:"" help:"Recordings, or files of answers, or of labelled steps. Where two say different things of the same, the first counts." type:"existingfile"`
	Out   string   `help:"File to write, which must not be there." required:"" type:"path" placeholder:"FILE"`
}

// atOnce is how many lines are written, and synced, together.
const atOnce = 1000

func (c *datasetMergeCommand) Run(std streams) (err error) {
	if disk.Exists(c.Out) {
		return badInput{fmt.Errorf("--out: %s is there already: name another", c.Out)}
	}
	kind, _, err := recordOf(c.Files[0])
	if err != nil {
		return err
	}
	r := newRecord(kind)
	out, err := kind.format.Lines(c.Out, func([]byte) error { return nil })
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil { // a part of it would be taken for the whole
			err = errors.Join(err, os.Remove(c.Out))
		}
	}()
	var held [][]byte
	written := 0
	for i, path := range c.Files {
		if i > 0 {
			if kind, _, err = recordOf(path); err != nil {
				return err
			}
		}
		if err := r.add(path, kind, func(lines ...[]byte) error {
			written += len(lines)
			held = append(held, lines...)
			if len(held) < atOnce {
				return nil
			}
			full := held
			held = nil
			return out.Append(full...)
		}); err != nil {
			return err
		}
	}
	if len(held) > 0 {
		if err := out.Append(held...); err != nil {
			return err
		}
	}
	again := r.twice
	r.lines, r.twice, r.differ = written, 0, 0 // what is said is of the file written
	text := fmt.Sprintf("%s: %s", c.Out, r)
	if again > 0 {
		text += fmt.Sprintf("; left out %d lines that stood there before", again)
	}
	return show(std.out, text+"\n")
}
