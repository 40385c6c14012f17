package page

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aprm/prm/disk"
	"aprm/prm/metric"
)

// largestReport bounds a report that is read, in bytes. It holds every outcome of every problem.
const largestReport = 64 << 20

// report is what `sidecar eval --json` or an experiment (results.json) measured, without the outcomes.
type report struct {
	File    string          `json:"file"` // below the folder of runs
	Title   string          `json:"title"`
	Model   string          `json:"model,omitempty"`
	PRM     string          `json:"checkpoint,omitempty"`
	AUC     metric.Interval `json:"auc_within_problem"`
	Sets    []reportSet     `json:"sets,omitempty"`
	Touched time.Time       `json:"touched"`
}

// reportSet are the rows measured on some problems.
type reportSet struct {
	Name     string      `json:"name"`
	Problems int         `json:"problems"`
	Rows     []reportRow `json:"rows"`
}

// reportRow is a method: shares in [0,1] with 95 % intervals, means over problems.
type reportRow struct {
	PRM        string          `json:"prm,omitempty"`
	Method     string          `json:"method"`
	N          int             `json:"n"`
	Accuracy   metric.Interval `json:"accuracy"`
	VsMajority metric.Interval `json:"vs_majority"`
	Untold     metric.Figure   `json:"untold"`
	Tokens     float64         `json:"tokens"`
	Seconds    float64         `json:"seconds"`
}

// readReport reads a file that may be a report; nil for another one.
func readReport(path string) (*report, error) {
	data, err := disk.Read(path, largestReport)
	if err != nil {
		return nil, err
	}
	var of struct {
		Title      string          `json:"title"`
		Model      string          `json:"model"`
		Checkpoint string          `json:"checkpoint"`
		File       string          `json:"file"`
		Problems   []string        `json:"problems"`
		Rows       []reportRow     `json:"rows"`
		AUC        metric.Interval `json:"auc_within_problem"`
		Sets       []reportSet     `json:"sets"`
	}
	if json.Unmarshal(data, &of) != nil {
		return nil, nil // somebody else's
	}
	r := &report{Title: cmp.Or(of.Title, of.File), Model: of.Model, PRM: of.Checkpoint, AUC: of.AUC, Sets: of.Sets}
	if len(of.Rows) > 0 && len(of.Problems) > 0 {
		r.Sets = append(r.Sets, reportSet{Name: of.File, Problems: len(of.Problems), Rows: of.Rows})
	}
	for _, s := range r.Sets {
		if len(s.Rows) == 0 || s.Rows[0].Method == "" {
			return nil, nil
		}
	}
	if len(r.Sets) == 0 {
		return nil, nil
	}
	return r, nil
}

// eachReport calls take with every report in the folder of runs.
func (b *Board) eachReport(take func(*report)) error {
	if b.cfg.Runs == "" {
		return errNoRuns
	}
	return b.walk(func(path, name string, d fs.DirEntry) {
		if d.IsDir() || filepath.Ext(name) != ".json" || strings.HasSuffix(name, ".gate.json") {
			return
		}
		info, err := d.Info()
		if err != nil || info.Size() > largestReport {
			return
		}
		r, err := b.reports.get(path, info, readReport)
		if err != nil || r == nil {
			return
		}
		found := *r
		found.File, found.Touched = name, info.ModTime()
		found.Title = cmp.Or(found.Title, name)
		take(&found)
	})
}

func (b *Board) listReports(*http.Request) (any, error) {
	out := struct {
		Reports []*report `json:"reports"`
	}{[]*report{}}
	err := b.eachReport(func(r *report) {
		r.Sets = nil
		out.Reports = append(out.Reports, r)
	})
	slices.SortFunc(out.Reports, func(x, y *report) int { return cmp.Or(y.Touched.Compare(x.Touched), cmp.Compare(x.File, y.File)) })
	return out, err
}

func (b *Board) showReport(q *http.Request) (any, error) {
	name := q.URL.Query().Get("file")
	var found *report
	err := b.eachReport(func(r *report) {
		if r.File == name {
			found = r
		}
	})
	if err == nil && found == nil {
		err = &problem{http.StatusNotFound, "there is no report " + name + " any more: load the list again"}
	}
	return found, err
}
