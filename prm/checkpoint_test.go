package prm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSaveThenLoad(t *testing.T) {
	state := []byte("optimiser")
	for _, test := range []struct {
		save        func(string, *Model) error
		state, kept []byte
	}{{Save, nil, nil}, {Save, state, nil}, {SaveResumable, nil, nil}, {SaveResumable, state, state}} {
		m := testModel(t, 8, smallShape, test.state)
		h := m.Header()
		h.Created, h.Seed, h.Round, h.Parent = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), -7, 3, "abc"
		h.Trained = Counts{1, 2, 3, 4}
		m, err := New(h, m.Weights(), test.state)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prm.ckpt")
		if err := test.save(path, m); err != nil {
			t.Fatal(err)
		}
		back, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := New(h, m.Weights(), test.kept)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, want) || back.ID() != m.ID() {
			t.Errorf("got %+v, want %+v", back, want)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	}
}

func TestSaveReplacesWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prm.ckpt")
	first, second := testModel(t, 4, smallShape, nil), testModel(t, 6, smallShape, nil)
	for _, m := range []*Model{first, second} {
		if err := Save(path, m); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := Load(path); err != nil || m.ID() != second.ID() {
		t.Errorf("got %v, %v", m, err)
	}
	// Where the rename can't succeed, nothing is left and nothing is lost.
	blocked := filepath.Join(t.TempDir(), "taken")
	if err := os.MkdirAll(filepath.Join(blocked, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Save(blocked, first); err == nil {
		t.Fatal("a folder was replaced")
	}
	files, err := os.ReadDir(filepath.Dir(blocked))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := Save(filepath.Join(t.TempDir(), "none", "prm.ckpt"), first); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing folder: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	good := encode(testModel(t, 4, smallShape, nil), []byte("state"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	newer := bytes.Clone(good)
	binary.LittleEndian.PutUint32(newer[len(magic):], format+1)
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint64(huge[len(magic)+4:], 1<<62)
	for _, c := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"empty", nil, ErrNotCheckpoint},
		{"text", []byte("{\"model\": \"something else entirely\"}"), ErrNotCheckpoint},
		{"magic only", []byte(magic), ErrCorrupt},
		{"half", good[:len(good)/2], ErrCorrupt},
		{"one byte short", good[:len(good)-1], ErrCorrupt},
		{"one byte more", append(bytes.Clone(good), 0), ErrCorrupt},
		{"a bit flipped", flipped, ErrCorrupt},
		{"another format", newer, ErrVersion},
		{"absurd length", huge, ErrCorrupt},
	} {
		path := filepath.Join(t.TempDir(), "prm.ckpt")
		if err := os.WriteFile(path, c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %v naming the file", c.name, err, c.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// A checkpoint whose header claims other versions or sizes, with a right checksum, is refused and named for what it is.
func TestLoadChecksHeader(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		want     error
	}{
		{"splitter", `"splitter":1`, `"splitter":9`, ErrVersion},
		{"hidden units", `"hidden":5`, `"hidden":6`, ErrCorrupt},
		{"endless units", `"hidden":5`, `"hidden":999999999`, ErrVersion},
		{"no JSON", `{"model"`, `["model"`, ErrCorrupt},
	} {
		b := reseal(encode(testModel(t, 4, smallShape, nil), nil), func(head []byte) []byte {
			if !bytes.Contains(head, []byte(c.old)) {
				t.Fatalf("%s: header has no %s: %s", c.name, c.old, head)
			}
			return bytes.Replace(head, []byte(c.old), []byte(c.new), 1)
		})
		if _, err := Parse(b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// reseal changes a checkpoint's header and makes lengths and checksum right again.
func reseal(b []byte, change func([]byte) []byte) []byte {
	n := int(binary.LittleEndian.Uint64(b[len(magic)+4:]))
	head := change(bytes.Clone(b[preamble : preamble+n]))
	out := append(bytes.Clone(b[:preamble]), head...)
	out = append(out, b[preamble+n:len(b)-sumSize]...)
	binary.LittleEndian.PutUint64(out[len(magic)+4:], uint64(len(head)))
	return seal(out)
}

func FuzzLoad(f *testing.F) {
	good := encode(testModel(f, 2, Shape{1, 1, 1}, nil), []byte("state"))
	// Most of a checkpoint is embeddings; short inputs fuzz better.
	f.Add(good[:200])
	f.Add(good[:preamble])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Parse(b); (m == nil) == (err == nil) {
			t.Fatalf("model %v, error %v", m, err)
		}
		// The same behind a valid checksum, so that the fuzzer gets past it.
		if len(b) >= preamble {
			if m, err := Parse(seal(bytes.Clone(b))); (m == nil) == (err == nil) {
				t.Fatalf("sealed: model %v, error %v", m, err)
			}
		}
	})
}
