package page

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aprm/generator"
	"aprm/prm/disk"
	"aprm/sidecar/dataset"
	"aprm/sidecar/training"
)

// planFile holds the plan of a run that the page began, so that it can be gone on with.
const planFile = "page.json"

// plan is what a run that the page begins is to do.
type plan struct {
	Problems string `json:"problems"` // a file of the folder of runs
	Rounds   int    `json:"rounds"`
	PerRound int    `json:"per_round"` // problems of a round
	Samples  int    `json:"samples"`   // natural solutions of each problem
	Attacks  int    `json:"attacks"`   // attacked steps a round
	Epochs   int    `json:"epochs"`
	Seed     int64  `json:"seed"`
}

// check says everything that is wrong with it.
func (p plan) check(problems []string) error {
	var errs []error
	for _, f := range []struct {
		name        string
		value, most int
	}{{"rounds", p.Rounds, 100}, {"per_round", p.PerRound, 10_000}, {"samples", p.Samples, 64}, {"attacks", p.Attacks, 10_000}, {"epochs", p.Epochs, 1000}} {
		if f.value < 1 || f.value > f.most {
			errs = append(errs, fmt.Errorf("%s must be from 1 to %d, is %d", f.name, f.most, f.value))
		}
	}
	if !slices.Contains(problems, p.Problems) {
		errs = append(errs, fmt.Errorf("problems: there is no file %q in the folder of runs; put one there (*.jsonl), such as `sidecar tasks` writes", p.Problems))
	}
	if err := errors.Join(errs...); err != nil {
		return bad("%v", err)
	}
	return nil
}

// How a run stands.
const (
	statusRunning       = "running"
	statusFinished      = "finished"
	statusPaused        = "paused"            // it can be gone on with here
	statusFailed        = "failed"            // likewise
	statusElsewhere     = "begun elsewhere"   // by a command of somebody's: whether it is under way its last sign of life tells
	statusRunsElsewhere = "running elsewhere" // begun by a page whose sidecar is gone, or gone on with by hand
)

// run is a run as a list has it.
type run struct {
	Name     string             `json:"name"` // its folder, below the folder of runs
	Status   string             `json:"status"`
	Failed   string             `json:"failed,omitempty"` // why
	Model    string             `json:"model,omitempty"`
	Rounds   int                `json:"rounds"` // played
	Of       int                `json:"of,omitempty"`
	Touched  time.Time          `json:"touched"`
	Progress *training.Progress `json:"progress,omitempty"`
	Plan     *plan              `json:"plan,omitempty"`
}

// mostRuns are listed, the last touched first.
const mostRuns = 200

// deepest is how many folders below the folder of runs a run or a report is looked for.
const deepest = 3

// walk calls visit with each folder, and each file in it, that is near enough below the folder of runs. What can't be
// read is passed over.
func (b *Board) walk(visit func(path, name string, d fs.DirEntry)) error {
	root, err := filepath.EvalSymlinks(b.cfg.Runs)
	if errors.Is(err, fs.ErrNotExist) { // nothing was trained yet
		return nil
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root {
				return err
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() && (strings.Count(name, "/") >= deepest || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		visit(path, name, d)
		return nil
	})
}

var errNoRuns = bad("this sidecar shows no runs: start it with --runs FOLDER")

func (b *Board) listRuns(*http.Request) (any, error) {
	if b.cfg.Runs == "" {
		return nil, errNoRuns
	}
	out := struct {
		Runs     []*run   `json:"runs"`
		Problems []string `json:"problems"` // files that a run can be begun with
	}{[]*run{}, nil}
	err := b.walk(func(path, name string, d fs.DirEntry) {
		if !d.IsDir() {
			return
		}
		r, _, err := b.run(name)
		if errors.As(err, new(*problem)) { // a folder of something else
			return
		}
		if err != nil {
			r.Status, r.Failed = statusFailed, err.Error()
		}
		out.Runs = append(out.Runs, &r)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out.Runs, func(x, y *run) int { return cmp.Or(y.Touched.Compare(x.Touched), cmp.Compare(x.Name, y.Name)) })
	out.Runs = out.Runs[:min(len(out.Runs), mostRuns)]
	out.Problems, err = b.problems()
	return out, err
}

// problems are the files of problems in the folder of runs.
func (b *Board) problems() ([]string, error) {
	entries, err := os.ReadDir(b.cfg.Runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() && (strings.HasSuffix(e.Name(), ".jsonl") || strings.HasSuffix(e.Name(), ".jsonl.gz")) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// folder is where a run of that name is, "" for no name of a run.
func (b *Board) folder(name string) string {
	if b.cfg.Runs == "" || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") {
		return ""
	}
	return filepath.Join(b.cfg.Runs, filepath.FromSlash(name))
}

// run reads one.
func (b *Board) run(name string) (r run, f training.Folder, err error) {
	folder := b.folder(name)
	if folder == "" {
		return r, f, bad("%q is no name of a run", name)
	}
	r = run{Name: name, Status: statusElsewhere}
	if data, err := disk.Read(filepath.Join(folder, planFile), 64<<10); err == nil {
		var p plan
		if err := json.Unmarshal(data, &p); err != nil {
			return r, f, fmt.Errorf("%s: %w", filepath.Join(folder, planFile), err)
		}
		r.Plan, r.Of, r.Status = &p, p.Rounds, statusPaused
	}
	f, err = training.Look(folder)
	if err != nil && (r.Plan == nil || !errors.Is(err, fs.ErrNotExist)) { // one that was just begun has nothing to show yet
		if errors.Is(err, fs.ErrNotExist) {
			err = &problem{http.StatusNotFound, fmt.Sprintf("there is no run %q", name)}
		}
		return r, f, err
	}
	r.Model, r.Rounds, r.Touched, r.Progress = f.Model, len(f.Rounds), f.Touched, f.Progress
	if r.Progress != nil {
		r.Of = r.Progress.Rounds
	}
	running, failed := b.trainings.about(folder)
	switch {
	case running:
		r.Status = statusRunning
	case r.Plan != nil && disk.InUse(filepath.Join(folder, training.AnswersFile)):
		r.Status = statusRunsElsewhere
	case f.Finished:
		r.Status = statusFinished
	case failed != "":
		r.Status, r.Failed = statusFailed, failed
	}
	return r, f, nil
}

func (b *Board) showRun(q *http.Request) (any, error) {
	r, f, err := b.run(q.URL.Query().Get("name"))
	if err != nil {
		return nil, err
	}
	return struct {
		run
		Reports []generator.Report `json:"reports"`
	}{r, append([]generator.Report{}, f.Rounds...)}, nil
}

// named is a request about a run that is there.
type named struct {
	Name string `json:"name"`
}

var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (b *Board) startRun(q *http.Request) (any, error) {
	var ask struct {
		named
		plan
	}
	if err := read(q, &ask); err != nil {
		return nil, err
	}
	if b.cfg.Runs == "" {
		return nil, errNoRuns
	}
	if !runName.MatchString(ask.Name) {
		return nil, bad("name must be letters, digits, dots and dashes, 64 at most, and is %q", ask.Name)
	}
	problems, err := b.problems()
	if err != nil {
		return nil, err
	}
	if err := ask.plan.check(problems); err != nil {
		return nil, err
	}
	folder := b.folder(ask.Name)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return nil, bad("name: there is a %s in the folder of runs already; take another name, or resume that run", ask.Name)
	}
	if b.train() == nil { // before there is anything of it
		return nil, errNoTraining
	}
	if err := dataset.WriteJSON(filepath.Join(folder, planFile), ask.plan, disk.Private); err != nil {
		return nil, err
	}
	return b.goOn(ask.Name, folder, ask.plan)
}

func (b *Board) resumeRun(q *http.Request) (any, error) {
	var ask named
	if err := read(q, &ask); err != nil {
		return nil, err
	}
	r, _, err := b.run(ask.Name)
	switch {
	case err != nil:
		return nil, err
	case r.Plan == nil:
		return nil, bad("%s was begun elsewhere: the command that began it goes on with it", ask.Name)
	case r.Status == statusFinished:
		return nil, bad("%s is finished", ask.Name)
	case r.Status == statusRunsElsewhere:
		return nil, bad("%s is under way in a process that this sidecar didn't start, such as one that an earlier sidecar left behind: wait for its end, or stop it there", ask.Name)
	}
	return b.goOn(ask.Name, b.folder(ask.Name), *r.Plan)
}

// train is Config.Train, nil where there is none.
func (b *Board) train(args ...string) *exec.Cmd {
	if b.cfg.Train == nil {
		return nil
	}
	return b.cfg.Train(args...)
}

var errNoTraining = bad("this sidecar can start no training now: it knows no model of the endpoint; name one with --upstream-model")

// goOn begins a run, or goes on with it, which is the same.
func (b *Board) goOn(name, folder string, p plan) (any, error) {
	number := strconv.Itoa
	cmd := b.train("--problems", filepath.Join(b.cfg.Runs, p.Problems), "--run", folder, "--out", filepath.Join(folder, filepath.Base(folder)+".prm"),
		"--rounds", number(p.Rounds), "--per-round", number(p.PerRound), "--samples", number(p.Samples), "--attacks", number(p.Attacks), "--epochs", number(p.Epochs),
		"--seed", strconv.FormatInt(p.Seed, 10))
	if cmd == nil {
		return nil, errNoTraining
	}
	if err := b.trainings.start(folder, cmd); err != nil {
		return nil, err
	}
	r, _, err := b.run(name)
	return r, err
}

func (b *Board) pauseRun(q *http.Request) (any, error) {
	var ask named
	if err := read(q, &ask); err != nil {
		return nil, err
	}
	folder := b.folder(ask.Name)
	if err := b.trainings.pause(folder); err != nil {
		return nil, err
	}
	r, _, err := b.run(ask.Name)
	return r, err
}
