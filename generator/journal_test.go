package generator

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aprm/prm/casetest"
	"aprm/prm/disk"
	"aprm/prm/step"
)

func labelled(t testing.TB, text string, round int) Labelled {
	t.Helper()
	l, err := Labelled{
		Prefix: step.Trace{Problem: step.Problem{ID: "p", Question: "How many < 3?"}, Steps: []string{"a & b"}}, Text: text, Step: step.Wrong, Value: step.Right,
		Source: Natural, Kind: Mixed, Round: round, Tokens: []step.Token{{Text: "é", LogProb: -0.25}}, Reason: "because",
	}.identify()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := labelled(t, "one", 0), labelled(t, "two", 1), labelled(t, "three", 1)
	if n, err := j.Append(a, b, a); n != 2 || err != nil {
		t.Fatalf("appended %d, %v; want 2: each step once", n, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	// A crash in the middle of a line.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"torn","text":"fo`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got, err := ReadLabelled(path); err != nil || len(got) != 2 {
		t.Fatalf("read %d steps of a torn file, %v; want 2", len(got), err)
	}
	if j, err = OpenJournal(path); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if n, err := j.Append(b, c); n != 1 || err != nil {
		t.Fatalf("appended %d, %v; want 1: the other is there", n, err)
	}
	got, err := ReadLabelled(path)
	if err != nil || !reflect.DeepEqual(got, []Labelled{a, b, c}) {
		t.Errorf("read back %+v, %v", got, err)
	}
	if r := j.Rounds(1); !reflect.DeepEqual(r, []Labelled{b, c}) {
		t.Errorf("round 1 holds %+v", r)
	}
}

func TestJournalNamesTheBrokenLine(t *testing.T) {
	for name, bad := range map[string]string{"no JSON": "nonsense\n", "no step": "{}\n", "no such label": `{"id":"x","text":"y","step":"maybe"}` + "\n"} {
		path := filepath.Join(t.TempDir(), "j.jsonl")
		if err := os.WriteFile(path, []byte("{\"id\":\"x\",\"text\":\"y\"}\n"+bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenJournal(path)
		if err == nil || !strings.Contains(err.Error(), "j.jsonl:2:") {
			t.Errorf("%s: got %v, want file and line", name, err)
		}
		if b, _ := os.ReadFile(path); !strings.HasSuffix(string(b), bad) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func FuzzReadLabelled(f *testing.F) {
	f.Add("{\"id\":\"x\",\"text\":\"y\"}\n{\"id\":")
	f.Add("\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		var steps []Labelled
		var found disk.Found
		var err error
		casetest.Bounded(t, len(s), 1024, func() { steps, found, err = readLabelled(strings.NewReader(s), "f") })
		end := found.End
		if err == nil && (end > int64(len(s)) || len(slices.Collect(strings.Lines(s[:end]))) != len(steps) || strings.Contains(s[end:], "\n")) {
			t.Errorf("%d steps up to byte %d of %q", len(steps), end, s)
		}
	})
}

// Two that append to one file write over each other's lines: two trainings in the default folder, say.
func TestAJournalHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.jsonl")
	first, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := OpenJournal(path); !errors.Is(err, disk.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second writer: %v, %v", second, err)
	}
	if _, err := first.Append(labelled(t, "one", 0)); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLabelled(path); err != nil || len(got) != 1 {
		t.Errorf("a reader beside it: %d steps, %v", len(got), err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}
