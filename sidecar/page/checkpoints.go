package page

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aprm/generator"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/metric"
	"aprm/sidecar/decode"
	"aprm/sidecar/training"
)

// largest bounds a checkpoint that is read, and its gate, in bytes.
const (
	largest     = 1 << 30
	largestGate = 1 << 20
)

// checkpoint is a PRM that could be served.
type checkpoint struct {
	File    string              `json:"file"` // what it is called in a request
	Where   string              `json:"where"`
	ID      string              `json:"id,omitempty"`
	Error   string              `json:"error,omitempty"` // why it can't be served
	Round   int                 `json:"round"`
	LLM     string              `json:"llm,omitempty"` // whose answers or hidden states it learned from
	Hidden  bool                `json:"hidden"`        // it reads hidden states
	Created time.Time           `json:"created"`
	Trained prm.Counts          `json:"trained"`
	AUC     *metric.Figure      `json:"auc,omitempty"` // of answers within a problem, by heads that had not learned from it
	Beta    float64             `json:"beta"`          // how much its word counts in a vote
	HeldOut *generator.Measured `json:"held_out,omitempty"`
	Gate    *gate               `json:"gate,omitempty"`
	Serving bool                `json:"serving"`
	Before  bool                `json:"before"` // it was served before
	Since   time.Time           `json:"since"`  // when the file was written

	path string
}

// gate is what a checkpoint was measured to be worth.
type gate struct {
	Problems int     `json:"problems"`
	Source   string  `json:"source"`
	Gain     float64 `json:"gain"` // of auto over a plain vote, with its interval
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Tokens   float64 `json:"tokens"` // share of a vote's
	Weighs   bool    `json:"weighs"` // auto weighs votes by it
}

// beforeFolder is where checkpoints go that were served before.
func beforeFolder(served string) string { return served + ".before" }

// servedBefore are the names of those in beforeFolder, the oldest first: they begin with when they went there.
func servedBefore(served string) (names []string, err error) {
	entries, err := os.ReadDir(beforeFolder(served)) // in the order of their names
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".prm" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (b *Board) listCheckpoints(r *http.Request) (any, error) {
	all, err := b.checkpoints()
	now := b.cfg.Serving()
	none := cannot(r)
	if none == "" && now.File == "" {
		none = "start the sidecar with --checkpoint FILE: promoting replaces that file"
	}
	return struct {
		Checkpoints []*checkpoint `json:"checkpoints"`
		Serving     string        `json:"serving"`          // id
		Cannot      string        `json:"cannot,omitempty"` // why none can be promoted
	}{all, now.Checkpoint, none}, err
}

// checkpoints are the one that is served, those that were before, and those of the folder of runs, the newest first
// within each.
func (b *Board) checkpoints() ([]*checkpoint, error) {
	now := b.cfg.Serving()
	out := []*checkpoint{}
	add := func(path, file, where string, before bool) *checkpoint {
		info, err := os.Stat(path)
		if err != nil {
			return nil
		}
		c := &checkpoint{path: path}
		if known, err := b.known.get(path, info, open); err != nil {
			c.Error = err.Error()
		} else {
			*c = *known
		}
		c.File, c.Where, c.Before, c.Since = file, where, before, info.ModTime()
		c.Serving = c.ID != "" && c.ID == now.Checkpoint
		c.Gate = b.gateOf(path, c.ID)
		out = append(out, c)
		return c
	}
	if now.File != "" {
		add(now.File, "serving", "the file that is served", false)
		names, err := servedBefore(now.File)
		if err != nil {
			return out, err
		}
		for _, name := range names {
			add(filepath.Join(beforeFolder(now.File), name), "before/"+name, "served before", true)
		}
	}
	if b.cfg.Runs != "" {
		held := map[string]training.Folder{}
		err := b.walk(func(path, name string, d fs.DirEntry) {
			if d.IsDir() || filepath.Ext(name) != ".prm" || path == now.File || now.File != "" && filepath.Dir(path) == beforeFolder(now.File) {
				return
			}
			c := add(path, "runs/"+name, name, false)
			if c == nil {
				return
			}
			folder := filepath.Dir(path)
			if _, looked := held[folder]; !looked {
				held[folder], _ = training.Look(folder) // of no run there is nothing to tell
			}
			if rounds := held[folder].Rounds; c.ID != "" && c.Round < len(rounds) && rounds[c.Round].Learn.Checkpoint == c.ID {
				c.HeldOut = &rounds[c.Round].HeldOut
			}
		})
		if err != nil {
			return out, err
		}
	}
	for _, c := range out { // a finished one has the steps' weights of a round, made at the same time, and another head
		for _, other := range out {
			if c.HeldOut == nil && other.HeldOut != nil && other.Created.Equal(c.Created) {
				c.HeldOut = other.HeldOut
			}
		}
	}
	slices.SortStableFunc(out, func(x, y *checkpoint) int {
		rank := func(c *checkpoint) int {
			switch {
			case c.File == "serving":
				return 0
			case c.Before:
				return 1
			}
			return 2
		}
		return cmp.Or(rank(x)-rank(y), y.Since.Compare(x.Since))
	})
	return out, nil
}

// open reads a checkpoint, as serving it does.
func open(path string) (*checkpoint, error) {
	m, err := prm.Load(path)
	if err != nil {
		return nil, err
	}
	h := m.Header()
	c := &checkpoint{ID: m.ID(), Round: h.Round, LLM: h.Model, Hidden: h.Width > 0, Created: h.Created, Trained: h.Trained, path: path}
	if s := h.Solution; s != nil {
		c.LLM, c.AUC, c.Beta = cmp.Or(s.Model, c.LLM), &s.AUC, s.Vote.Beta
	}
	return c, nil
}

// gateOf is the gate beside a checkpoint, nil where there is none of it.
func (b *Board) gateOf(path, id string) *gate {
	data, err := disk.Read(b.cfg.Gate(path), largestGate)
	if err != nil {
		return nil
	}
	g, err := decode.ParseGate(data)
	if err != nil || g.Checkpoint != id {
		return nil
	}
	return &gate{Problems: g.Problems, Source: g.Source, Gain: g.Auto.Gain, Low: g.Auto.Low, High: g.Auto.High, Tokens: g.Auto.Tokens, Weighs: g.Weighs()}
}

// promoted is what became of a request to serve another checkpoint. The server reads the file again by itself, a moment
// later.
type promoted struct {
	ID  string `json:"id"`
	Was string `json:"was"` // the id of what is served until then
}

func (b *Board) promote(r *http.Request) (any, error) {
	var ask struct {
		File string `json:"file"`
	}
	if err := read(r, &ask); err != nil {
		return nil, err
	}
	b.promoting.Lock()
	defer b.promoting.Unlock()
	return b.serve(func(c *checkpoint, _ string) bool { return c.File == ask.File }, fmt.Sprintf("file: there is no checkpoint %q any more: load the list again", ask.File))
}

func (b *Board) rollBack(*http.Request) (any, error) {
	b.promoting.Lock()
	defer b.promoting.Unlock()
	return b.serve(func(c *checkpoint, held string) bool { return c.Before && c.ID != held && c.Error == "" }, "there is nothing to go back to: nothing else was served before from here")
}

// serve puts the first checkpoint that is wanted in the place of the one that is served, and keeps that. held is the id
// of what stands there, which the server may have refused: then it serves what stood there before, and that can be put
// back.
func (b *Board) serve(wanted func(c *checkpoint, held string) bool, none string) (any, error) {
	now := b.cfg.Serving()
	if now.File == "" {
		return nil, bad("no checkpoint's file is served: start the sidecar with --checkpoint FILE, which promoting replaces")
	}
	all, err := b.checkpoints()
	if err != nil {
		return nil, err
	}
	held := ""
	if len(all) > 0 && all[0].File == "serving" {
		held = all[0].ID
	}
	at := slices.IndexFunc(all, func(c *checkpoint) bool { return wanted(c, held) })
	if at < 0 {
		return nil, bad("%s", none)
	}
	c := all[at]
	switch {
	case c.Error != "":
		return nil, bad("it can't be served: %s", c.Error)
	case c.ID == held:
		return nil, bad("%s is in place already", c.ID)
	}
	data, verdict, err := b.pair(c.path) // before what it may replace is moved
	if err != nil {
		return nil, err
	}
	if m, err := prm.Parse(data); err != nil || m.ID() != c.ID {
		return nil, bad("%s has changed meanwhile: load the list again", c.File)
	}
	if verdict != nil { // with one that can't be read the server would refuse the checkpoint
		if _, err := decode.ParseGate(verdict); err != nil {
			return nil, bad("it can't be served: %s: %v: write it anew with `sidecar eval --checkpoint %s --problems FILE`, or remove it", b.cfg.Gate(c.path), err, c.path)
		}
	}
	old, oldVerdict, err := b.pair(now.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unwritable(err)
	}
	if err := b.keep(now.File, old, oldVerdict); err != nil {
		return nil, unwritable(err)
	}
	if err := b.put(now.File, data, verdict); err != nil {
		if old != nil {
			err = errors.Join(err, b.put(now.File, old, oldVerdict))
		}
		return nil, unwritable(err)
	}
	b.cfg.Log.Info("another checkpoint is promoted", "checkpoint", c.ID, "from", c.path, "before", now.Checkpoint)
	return promoted{c.ID, now.Checkpoint}, nil
}

// pair reads a checkpoint and its gate, nil for none.
func (b *Board) pair(path string) (data, verdict []byte, err error) {
	if data, err = disk.Read(path, largest); err != nil {
		return nil, nil, err
	}
	verdict, err = disk.Read(b.cfg.Gate(path), largestGate)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return data, verdict, err
}

// put writes a checkpoint, and after it its gate: until then the one that stands there names another checkpoint and
// counts for nothing.
func (b *Board) put(path string, data, verdict []byte) error {
	if err := disk.Write(path, data, disk.Public); err != nil {
		return err
	}
	if verdict != nil {
		return disk.Write(b.cfg.Gate(path), verdict, disk.Public)
	}
	if err := os.Remove(b.cfg.Gate(path)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func unwritable(err error) error {
	return bad("nothing was promoted: %v; the sidecar must be able to write where its --checkpoint is", err)
}

// mostBefore are kept of the checkpoints that were served.
const mostBefore = 20

// keep puts the checkpoint that is served, and its gate, among those that were; of the same one the older goes, and the
// oldest of too many.
func (b *Board) keep(served string, data, verdict []byte) error {
	m, err := prm.Parse(data)
	if err != nil {
		return nil // it was never served, and is of no use
	}
	folder := beforeFolder(served)
	names, err := servedBefore(served)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, time.Now().UTC().Format("20060102T150405.000")+"-"+m.ID()+".prm")
	if err := b.put(path, data, verdict); err != nil {
		return err
	}
	for i, name := range names {
		if strings.HasSuffix(name, "-"+m.ID()+".prm") || i < len(names)+1-mostBefore {
			for _, gone := range []string{b.cfg.Gate(filepath.Join(folder, name)), filepath.Join(folder, name)} {
				if err := os.Remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
	}
	return nil
}
