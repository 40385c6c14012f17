package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aprm/prm/casetest"
)

// numbered is a format of lines {"n":…}.
var numbered = Format{Kind: "a file of numbers", Begin: `{"n":`, Check: func(line []byte) error {
	var l struct{ N *int }
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	if l.N == nil {
		return errors.New("no n")
	}
	return nil
}}

func open2(t *testing.T, f Format, path string) (l *Lines, read []string) {
	t.Helper()
	l, err := f.Lines(path, func(line []byte) error { read = append(read, string(line)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, read
}

func TestLinesAreAppendedAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "n.jsonl")
	l, _ := open2(t, numbered, path)
	for n := range 3 {
		if err := l.Append(fmt.Appendf(nil, `{"n":%d}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != Private {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	_, read := open2(t, numbered, path)
	if len(read) != 3 || !strings.HasPrefix(read[2], `{"n":2,"crc":"`) {
		t.Errorf("read %q", read)
	}
}

// TestEveryChangeOfALineShows: of one byte, by its checksum or because the line is none any more; but for one of the
// checksum itself the number is another.
func TestEveryChangeOfALineShows(t *testing.T) {
	line := Summed([]byte(`{"n":12345678}`))
	if err := numbered.check(line); err != nil {
		t.Fatal(err)
	}
	for at := range line {
		for bit := range 8 {
			other := bytes.Clone(line)
			other[at] ^= 1 << bit
			if at < bytes.Index(line, []byte(sumHead)) && numbered.check(other) == nil {
				t.Errorf("%q passes for %q", other, line)
			}
		}
	}
}

func TestATornLineGoesWithTheNext(t *testing.T) {
	for torn, whole := range map[string]int{"": 2, `{"n":`: 2, "{": 2} {
		path := filepath.Join(t.TempDir(), "n.jsonl")
		text := "{\"n\":1}\n{\"n\":2}\n" + torn
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, read := open2(t, numbered, path)
		if now, _ := os.ReadFile(path); len(read) != whole || string(now) != text {
			t.Errorf("%q: %q read, and the file is %q", torn, read, now)
		}
		if err := l.Append([]byte(`{"n":3}`)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, read := open2(t, numbered, path); len(read) != 3 {
			t.Errorf("%q: then %q", torn, read)
		}
	}
	// So does a first one, which begins as a first one does.
	path := filepath.Join(t.TempDir(), "n.jsonl")
	if err := os.WriteFile(path, []byte(`{"n`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := open2(t, numbered, path)
	if err := l.Append([]byte(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
}

// TestALastLineWithoutItsBreak is a line like any other, if it is good.
func TestALastLineWithoutItsBreak(t *testing.T) {
	for name, last := range map[string]string{"with a checksum": string(Summed([]byte(`{"n":2}`))), "without": `{"n":2}`} {
		path := filepath.Join(t.TempDir(), "n.jsonl")
		if err := os.WriteFile(path, []byte("{\"n\":1}\n"+last), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found, err := Examine(path, numbered); err != nil || found.Lines != 2 || found.Torn != 0 || len(found.Broken) > 0 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		l, read := open2(t, numbered, path)
		if len(read) != 2 {
			t.Errorf("%s: %q", name, read)
		}
		for n := range 2 {
			if err := l.Append(fmt.Appendf(nil, `{"n":%d}`, 3+n)); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
		if _, read := open2(t, numbered, path); len(read) != 4 || read[1] != last {
			t.Errorf("%s: %q", name, read)
		}
	}
}

// TestWhoWaitsForAFileGetsTheOneThatIsThere: a file that was mended is another one of the same name.
func TestWhoWaitsForAFileGetsTheOneThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.jsonl")
	if err := os.WriteFile(path, []byte("{\"n\":1}\nbroken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wrote sync.WaitGroup
	for n := range 8 {
		wrote.Go(func() {
			for {
				if n%2 == 0 {
					if _, err := Repair(path, numbered); err == nil {
						return
					}
					continue
				}
				f := numbered
				f.Skip = true
				l, err := f.Lines(path, func([]byte) error { return nil })
				if errors.Is(err, ErrInUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(l.Append(fmt.Appendf(nil, `{"n":%d}`, n)), l.Close()); err != nil {
					t.Error(err)
				}
				return
			}
		})
	}
	wrote.Wait()
	if _, read := open2(t, numbered, path); len(read) != 5 {
		t.Errorf("%d lines, of 5 that were written: %q", len(read), read)
	}
}

func TestRepair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.jsonl")
	good := string(Summed([]byte(`{"n":1}`))) + "\n"
	bad := strings.Replace(good, `"n":1`, `"n":7`, 1)
	text := bad + good + "nonsense\n" + good + `{"n":`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, found, err := Examine(path, Format{Kind: "nothing", Check: func([]byte) error { return errors.New("no") }}, numbered)
	if err != nil || f.Kind != numbered.Kind || found.Lines != 2 || fmt.Sprint(found.Broken) != "[1 3]" || found.Torn != 5 {
		t.Fatalf("%+v, %v", found, err)
	}
	dropped, err := Repair(path, f)
	if err != nil {
		t.Fatal(err)
	}
	now, _ := os.ReadFile(path)
	out, _ := os.ReadFile(dropped)
	if string(now) != good+good || string(out) != bad+"nonsense\n"+`{"n":` {
		t.Errorf("left %q, dropped %q", now, out)
	}
	if err := os.WriteFile(path, []byte(good+"more nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Repair(path, f)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(dropped)
	now, _ = os.ReadFile(again)
	if string(before) != string(out) || string(now) != "more nonsense\n" {
		t.Errorf("mended a second time: of the first %q is left, of the second %q", before, now)
	}
	foreign := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(foreign, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Examine(foreign, numbered); err == nil {
		t.Error("notes are a file of numbers")
	}
	if _, err := Repair(foreign, numbered); err == nil {
		t.Error("notes were repaired")
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"n\":1}\n{\"n\":"), true)
	f.Add(append(Summed([]byte(`{"n":1}`)), '\n'), false)
	f.Add([]byte("\xef\xbb\xbf{\"n\":1}\r\n\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, skip bool) {
		format := numbered
		format.Skip = skip
		path := filepath.Join(t.TempDir(), "n.jsonl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var read int
		var l *Lines
		var err error
		took, made := casetest.Cost(func() { l, err = format.Lines(path, func([]byte) error { read++; return nil }) })
		if took > 5*time.Second || made > 4<<20+64*uint64(len(text)) {
			t.Errorf("%d bytes took %v and %d bytes", len(text), took, made)
		}
		if err != nil {
			if now, _ := os.ReadFile(path); !bytes.Equal(now, text) {
				t.Errorf("refused, %q became %q", text, now)
			}
			return
		}
		defer l.Close()
		if err := l.Append([]byte(`{"n":9}`)); err != nil {
			t.Fatal(err)
		}
		now, _ := os.ReadFile(path)
		whole := text[:bytes.LastIndexByte(text, '\n')+1]
		if !bytes.HasPrefix(now, whole) || !bytes.HasSuffix(now, append(Summed([]byte(`{"n":9}`)), '\n')) {
			t.Errorf("%q became %q", text, now)
		}
	})
}
