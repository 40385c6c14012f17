package builtin

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// file returns a file with this header and so many bytes behind it, signed.
func file(head string, behind int) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(head)))
	return signed(append(append(b, head...), make([]byte, behind)...))
}

func TestLoadFaults(t *testing.T) {
	h := small()
	tensors := random(h, 1)
	whole := write(t, h, tensors)
	with := func(change func(*header)) []byte {
		changed := h
		change(&changed)
		head, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return file(string(head), 2*int(min(changed.size(), 1<<20)))
	}
	changed := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x11
		return b
	}
	infinite := random(h, 1)
	infinite[3][5] = float32(math.Inf(1))
	for _, test := range []struct {
		name string
		file []byte
		says string
	}{
		{"nothing", nil, "no file"},
		{"something else", bytes.Repeat([]byte("x"), 100), "no file"},
		{"the magic alone", []byte(magic), "no file"},
		{"cut off", whole[:len(whole)-1], "bytes"},
		{"cut off in the header", whole[:100], "cut off"},
		{"longer", append(bytes.Clone(whole), 0, 0), "bytes"},
		{"a weight changed", changed(len(whole) - 1000), "damaged"},
		{"the checksum changed", changed(len(whole) - 1), "damaged"},
		{"a header without end", append([]byte(magic+"\xff\xff\xff\xff"), make([]byte, 50)...), "cut off"},
		{"no JSON", file("{", 10), "header"},
		{"an empty header", file("{}", 10), "want 1 to 4096"},
		{"a huge dim", with(func(h *header) { h.Dim = 1 << 40 }), "dim is"},
		{"a negative context", with(func(h *header) { h.Context = -1 }), "context is"},
		{"too long a context", with(func(h *header) { h.Context = 4097 }), "context is"},
		{"the largest that may be", with(func(h *header) { h.Dim, h.Heads, h.Hidden, h.Layers = 4096, 1, 4096, 4096 }), "bytes"},
		{"no heads", with(func(h *header) { h.Heads = 0 }), "heads is"},
		{"too many heads", with(func(h *header) { h.Heads = 4 }), "multiple"},
		{"odd hidden units", with(func(h *header) { h.Hidden = 40 }), "multiple"},
		{"no name", with(func(h *header) { h.Name = "" }), "no name"},
		{"no words", with(func(h *header) { h.Vocab = h.Vocab[:4] }), "no words"},
		{"too many words", with(func(h *header) { h.Vocab = make([]string, maxVocab+1) }), "more than"},
		{"no specials", with(func(h *header) { h.Vocab = h.Vocab[1:] }), "want \"<user>\""},
		{"a word twice", with(func(h *header) { h.Vocab = append(h.Vocab[:10:10], h.Vocab[9:]...) }), "twice"},
		{"an empty word", with(func(h *header) { h.Vocab = append(h.Vocab[:10:10], "") }), "empty"},
		{"a weight that isn't finite", write(t, h, infinite), "finite"},
	} {
		t.Run(test.name, func(t *testing.T) {
			llm, err := New(test.file)
			if err == nil || llm != nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want something about %q", err, test.says)
			}
		})
	}
	if _, err := New(whole); err != nil {
		t.Error(err)
	}
}

// FuzzNew: whatever a file holds, it is loaded or refused. Each is tried as it is and with the right checksum.
func FuzzNew(f *testing.F) {
	h := small()
	h.Dim, h.Heads, h.Hidden, h.Layers, h.Vocab = 16, 1, 16, 1, h.Vocab[:6]
	f.Add(write(f, h, random(h, 1)))
	f.Add(file(`{"name":"x","dim":16,"layers":1,"heads":1,"hidden":16,"context":1,"vocab":["<user>","<assistant>","<end>","<unk>","a"]}`, 3000))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, signed(data)} {
			if llm, err := New(data); (llm == nil) == (err == nil) {
				t.Fatalf("%v, %v", llm, err)
			}
		}
	})
}
