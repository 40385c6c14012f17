package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"aprm/prm/disk"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func openExperience(t *testing.T, folder string, keep Retention, now time.Time) *Experience {
	t.Helper()
	e, err := OpenExperience(folder, keep, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestExperienceIsReadAsAnswers: what serving kept reads as what was sampled, labelled by what clients said of it, also
// in a later file, and survives a torn end.
func TestExperienceIsReadAsAnswers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	e := openExperience(t, folder, Retention{}, noon)
	hot := drawn
	hot.Temperature = 1
	keep := func(id, question, final string, kept ...Kept) {
		t.Helper()
		if err := e.Add(noon, id, question, Given{Owner: "team", Final: final}, kept...); err != nil {
			t.Fatal(err)
		}
	}
	said := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keep("c-1", "Pens?", "5", Kept{drawn, []Answer{five, six}})
	keep("c-2", "Cups?", "6", Kept{drawn, []Answer{six}})
	keep("c-3", "Both?", "7", Kept{drawn, []Answer{six}}, Kept{hot, []Answer{five}})
	keep("c-4", "None?", "8", Kept{hot, []Answer{five}})
	said(e.Say(noon, Feedback{ID: "c-1", Right: false}))
	said(e.Say(noon, Feedback{ID: "c-1", Right: true})) // who spoke last is right
	said(e.Say(noon, Feedback{ID: "c-2", Right: false}))
	if err := e.Say(noon, Feedback{ID: "c-9", Right: true}); !errors.Is(err, ErrNotKept) {
		t.Errorf("of what isn't kept: %v", err)
	}
	if _, err := OpenExperience(folder, Retention{}, noon.Add(time.Second)); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("two write in one folder: %v", err)
	}
	said(e.Close())
	paths := files(t, folder)
	text, err := os.ReadFile(paths[0])
	said(err)
	said(os.WriteFile(paths[0], append(text, `{"feedback":{"id":"c-3","ri`...), 0o600))

	e = openExperience(t, folder, Retention{}, noon.Add(time.Hour))
	if given, err := e.Given("c-3"); err != nil || given != (Given{Owner: "team", Final: "7"}) {
		t.Errorf("%+v, %v", given, err)
	}
	said(e.Say(noon.Add(time.Hour), Feedback{ID: "c-3", Right: false, Answer: "9"}))
	said(e.Close())
	if paths = files(t, folder); len(paths) != 2 {
		t.Fatalf("%q", paths)
	}
	got, err := ReadAnswers(paths...)
	said(err)
	type label struct{ id, answer, wrong string }
	var labels []label
	for _, a := range got {
		labels = append(labels, label{a.Problem.ID, a.Problem.Answer, a.Wrong})
	}
	if want := []label{{"c-1", "5", ""}, {"c-2", "", "6"}, {"c-3", "9", ""}, {"c-3", "9", ""}, {"c-4", "", ""}}; !reflect.DeepEqual(labels, want) {
		t.Errorf("%+v, want %+v", labels, want)
	}
	if len(got[0].Answers) != 2 || got[0].Answers[0].Text != five.Text || got[0].Sampling != drawn || got[3].Sampling != hot {
		t.Errorf("%+v", got)
	}
	// It isn't sampled into.
	if _, err := OpenAnswers(paths[0], drawn); err == nil || !strings.Contains(err.Error(), "name another file") {
		t.Errorf("%v", err)
	}
}

// TestRetention: nothing older than its age is kept, nor more than its size, across restarts.
func TestRetention(t *testing.T) {
	folder := t.TempDir()
	foreign := filepath.Join(folder, "experience-mine.jsonl")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	keep := Retention{Age: 8 * time.Hour, Bytes: 1 << 20}
	e := openExperience(t, folder, keep, noon)
	for h := range 12 {
		if err := e.Add(noon.Add(time.Duration(h)*time.Hour+time.Minute), string(rune('a'+h)), "?", Given{}, Kept{drawn, []Answer{five}}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (ids string) {
		for h := range 20 {
			if _, err := e.Given(string(rune('a' + h))); err == nil {
				ids += string(rune('a' + h))
			}
		}
		return ids
	}
	if ids := kept(); ids != "efghijkl" { // at 23:01, of those since 15:01
		t.Errorf("kept %q", ids)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openExperience(t, folder, keep, noon.Add(14*time.Hour))
	if ids := kept(); ids != "ghijkl" {
		t.Errorf("after a restart: kept %q", ids)
	}
	if err := e.Prune(noon.Add(100 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if ids, left := kept(), files(t, folder); ids != "" || len(left) != 2 {
		t.Errorf("long idle: kept %q in %q", ids, left)
	}
	// Full, the oldest goes.
	long := Answer{Text: strings.Repeat("x", 20<<10)}
	for i := range 100 {
		if err := e.Add(noon.Add(100*time.Hour+time.Duration(i)*time.Millisecond), string(rune('a'+i%20)), "?", Given{}, Kept{drawn, []Answer{long}}); err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, path := range files(t, folder) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			total += info.Size()
		}
		if total > keep.Bytes || i > 60 && total < keep.Bytes/2 {
			t.Fatalf("%d bytes after %d answers", total, i)
		}
	}
	if err := e.Add(noon.Add(101*time.Hour), "z", "?", Given{}, Kept{drawn, []Answer{{Text: strings.Repeat("x", 200<<10)}}}); err == nil {
		t.Error("an answer larger than its part of the folder is kept")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(foreign); err != nil || string(text) != "mine" {
		t.Errorf("a file of somebody else's: %q, %v", text, err)
	}
}
