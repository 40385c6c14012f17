package builtin

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// TestUnpack: what train/pack.py makes of bytes comes back as they were; what is cut off is an error.
func TestUnpack(t *testing.T) {
	for planes, want := range map[string]string{"": "", "a": "a", "acebd": "abcde", "acebdf": "abcdef"} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(planes)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := unpack(b.Bytes()); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", planes, got, err, want)
		}
		for _, cut := range []int{0, 5, b.Len() - 1} {
			if got, err := unpack(b.Bytes()[:cut]); err == nil {
				t.Errorf("%q cut off at %d: %q", planes, cut, got)
			}
		}
	}
}

// BenchmarkEmbedded is what starting with the embedded model costs.
func BenchmarkEmbedded(b *testing.B) {
	for b.Loop() {
		weights, err := unpack(packed)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := New(weights); err != nil {
			b.Fatal(err)
		}
	}
}
