package experiment_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/prm/casetest"
	"aprm/sidecar/experiment"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// counted says how often an LLM was asked to generate, and can be cut off.
type counted struct {
	adapters.LLM
	calls atomic.Int64
	limit int64 // 0: none
}

func (c *counted) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	if n := c.calls.Add(1); c.limit > 0 && n > c.limit {
		return nil, errors.New("the power is out")
	}
	return c.LLM.Generate(ctx, req)
}

func lab(t *testing.T, folder string, limit int64) (experiment.Lab, *counted) {
	llm, err := builtin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{LLM: llm, limit: limit}
	return experiment.Lab{LLM: c, Folder: folder, Concurrency: 8, Progress: func(string) func(int, int, string) { return func(int, int, string) {} }}, c
}

// files reads a folder's results: what is written at the end.
func files(t *testing.T, folder string) map[string][]byte {
	out := map[string][]byte{}
	for _, pattern := range []string{"*.md", "*.json", "*.csv", "*.svg"} {
		paths, err := fs.Glob(os.DirFS(folder), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if out[path], err = os.ReadFile(filepath.Join(folder, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func TestRun(t *testing.T) {
	plan, err := experiment.Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	l, first := lab(t, folder, 0)
	report, err := l.Run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}

	if report.Strongest != "static" || len(report.Trials) != 12 { // four trials, three ways to aggregate
		t.Errorf("strongest %q of %d trials", report.Strongest, len(report.Trials))
	}
	set := report.Sets[0]
	best := map[string]float64{}
	compared := 0
	for _, row := range set.Rows {
		best[row.PRM+" "+row.Method] = row.Accuracy.Mean
		if row.Accuracy.Low > row.Accuracy.Mean || row.Accuracy.High < row.Accuracy.Mean || row.Tokens <= 0 {
			t.Errorf("%+v", row)
		}
		if row.VsStrongest != nil {
			compared++
			if d := row.Accuracy.Mean - best["static "+row.Method]; d-row.VsStrongest.Mean > 1e-9 || row.VsStrongest.Mean-d > 1e-9 {
				t.Errorf("%s: by %v better than static, want %v", row.Method, row.VsStrongest.Mean, d)
			}
		}
		if row.PRM != "" && row.N == 4 && row.Accuracy.Mean > best[" pass@4 (the ceiling)"] && !strings.HasPrefix(row.Method, "guided") {
			t.Errorf("%s of %s is above the ceiling", row.Method, row.PRM)
		}
	}
	if compared != 4 { // best-of and weighted votes, of two sizes
		t.Errorf("%d rows of the game are held against the strongest fixed PRM, want 4", compared)
	}
	if _, ok := best["game guided-4"]; !ok {
		t.Errorf("no guided decoding among %v", best)
	}
	if top := best["perfect verifier weighted-vote-4"]; top < best[" majority-4"] || top < best["game weighted-vote-4"] {
		t.Errorf("a vote by exact truth is right in %v", best)
	}
	for name, want := range map[string]int{"game": 2, "once": 1} {
		if trained, _ := filepath.Glob(filepath.Join(folder, "prms", name, "*", "seed-*")); len(trained) != want {
			t.Errorf("%s was trained with %d seeds, want %d", name, len(trained), want)
		}
	}
	if len(set.Steps) != 3 || set.Steps[1].VsStrongest == nil {
		t.Errorf("first wrong steps: %+v", set.Steps)
	}
	if len(report.Attacks) != 1 || report.Attacks[0].Pairs == 0 || len(report.Attacks[0].Rows) != 2 {
		t.Errorf("attacks: %+v", report.Attacks)
	}
	arithmetic := 0
	for _, l := range report.Labels {
		if l.TrulyRight > l.Right || l.TrulyWrong > l.Wrong || l.OpenWrong > l.Open {
			t.Errorf("%+v", l)
		}
		if l.Ground == "arithmetic" || l.Ground == "false equation" {
			arithmetic += l.Wrong
			if l.TrulyWrong != l.Wrong {
				t.Errorf("a false equation is no guess: %+v", l)
			}
		}
	}
	if arithmetic == 0 {
		t.Error("no label rests on arithmetic, so nothing was tested")
	}
	if game := report.PRMs[1]; len(game.Rounds) != 2 || game.Wrong == 0 || game.Calls == 0 || game.Own <= 0 || game.LLM <= 0 {
		t.Errorf("the game's training: %+v", game)
	}

	written := files(t, folder)
	for _, name := range []string{"report.md", "results.json", "results.csv", "accuracy-in-distribution.svg", "fooling.svg"} {
		if len(written[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for name, text := range written {
		switch filepath.Ext(name) {
		case ".csv":
			if rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll(); err != nil || len(rows) != len(set.Rows)+1 {
				t.Errorf("%s: %d rows, %v", name, len(rows), err)
			}
		case ".svg":
			dec := xml.NewDecoder(bytes.NewReader(text))
			for err == nil {
				_, err = dec.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", name, err)
			}
			err = nil
		}
	}

	l, again := lab(t, folder, 0)
	if _, err := l.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if again.calls.Load() >= first.calls.Load()/2 { // the pools are drawn again, from what a recording would hold
		t.Errorf("%d calls, %d the first time, though all PRMs were there", again.calls.Load(), first.calls.Load())
	}
	for name, text := range files(t, folder) {
		if !bytes.Equal(text, written[name]) {
			t.Errorf("%s is another the second time", name)
		}
	}
}

func TestNothingIsMeasuredOnWhatWasLearnedFrom(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"dev: {split: dev, seed: 12", "dev: {split: train, seed: 11", "train and dev share 8 problems, toy-train-11-0"},
		{"split: test, seed: 13", "split: dev, seed: 12", "dev and test in distribution share 8 problems"},
	} {
		plan, err := experiment.Read(strings.NewReader(strings.Replace(small, tt.old, tt.new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		l, c := lab(t, t.TempDir(), 0)
		if _, err := l.Run(t.Context(), plan); err == nil || !strings.Contains(err.Error(), tt.want) || c.calls.Load() > 0 {
			t.Errorf("%s: %v after %d calls, want it to say %q", tt.new, err, c.calls.Load(), tt.want)
		}
	}
}

func TestCutOffRunGoesOn(t *testing.T) {
	plan, err := experiment.Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	plan.Seeds, plan.PRMs, plan.Game, plan.Guided.PRMs, plan.Attacks = plan.Seeds[:1], plan.PRMs[1:], "", nil, nil
	figures := func(folder string) string { // without what the clock decides
		return string(files(t, folder)["results.csv"])
	}
	whole, broken := t.TempDir(), t.TempDir()
	l, c := lab(t, whole, 0)
	if _, err := l.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	cut, _ := lab(t, broken, c.calls.Load()*2/3)
	if _, err := cut.Run(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "the power is out") {
		t.Fatalf("cut off: %v", err)
	}
	l, _ = lab(t, broken, 0)
	if _, err := l.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if a, b := figures(whole), figures(broken); a != b {
		t.Errorf("cut off and run again:\n%s\nunbroken:\n%s", b, a)
	}
	if text := string(files(t, broken)["report.md"]); strings.Contains(text, "NaN") {
		t.Errorf("a figure that isn't known is written NaN:\n%s", text)
	}
}

// TestAFolderIsOfOneExperiment: another would write its report over what was measured there.
func TestAFolderIsOfOneExperiment(t *testing.T) {
	plan, err := experiment.Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	l, _ := lab(t, folder, 1) // it gets nowhere, which is enough
	if _, err := l.Run(t.Context(), plan); err == nil {
		t.Fatal("the power was on")
	}
	if _, err := l.Run(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "the power is out") {
		t.Errorf("the same plan: %v", err)
	}
	other := plan
	other.Sizes = append([]int{1}, plan.Sizes...)
	if _, err := l.Run(t.Context(), other); err == nil || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("other sizes: %v", err)
	}
}
