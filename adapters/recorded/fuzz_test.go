package recorded

import (
	"os"
	"path/filepath"
	"testing"

	"aprm/adapters"
	"aprm/prm/casetest"
	"aprm/prm/disk"
)

// FuzzOpen: whatever a file holds, it is a recording or an error, in time and within bounds, compressed or not; and
// what answers from it answers.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "answers.jsonl")
	l, err := Wrap(&counting{caps: adapters.Capabilities{Model: "m"}}, path)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := l.Generate(f.Context(), request(1)); err != nil {
		f.Fatal(err)
	}
	if _, err := l.Hidden(f.Context(), "text", []adapters.Span{{End: 1}, {End: 4}}); err != nil {
		f.Fatal(err)
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"key":"","op":"capabilities","answer":{"Model":7}}`))
	f.Add([]byte("\x1f\x8b\x08\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "answers.jsonl")
		if err := disk.Write(path, text, disk.Private); err != nil {
			t.Fatal(err)
		}
		casetest.Bounded(t, len(text), 4096, func() {
			l, err := Open(path)
			if err != nil {
				return
			}
			_, _ = l.Generate(t.Context(), request(1)) // it may have it or not
			if _, err := l.Hidden(t.Context(), "text", []adapters.Span{{End: 1}, {End: 4}}); err == nil && len(text) < 100 {
				t.Errorf("%q has hidden states", text)
			}
		})
	})
}
