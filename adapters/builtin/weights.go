package builtin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// magic begins every file of weights.
const magic = "APRMLM1\n"

// What a header may ask for at most.
const (
	maxDim   = 4096 // also of layers, hidden units and context
	maxVocab = 65536
)

// header is the JSON at the head of a file of weights.
type header struct {
	Name    string   `json:"name"`
	Dim     int      `json:"dim"`
	Layers  int      `json:"layers"`
	Heads   int      `json:"heads"`
	Hidden  int      `json:"hidden"`
	Context int      `json:"context"`
	Vocab   []string `json:"vocab"`
}

// check says what is wrong with a header.
func (h header) check() error {
	for name, n := range map[string]int{"dim": h.Dim, "layers": h.Layers, "heads": h.Heads, "hidden": h.Hidden, "context": h.Context} {
		if n < 1 || n > maxDim {
			return fmt.Errorf("%s is %d, want 1 to %d", name, n, maxDim)
		}
	}
	switch {
	case h.Name == "":
		return errors.New("the model has no name")
	case h.Dim%(h.Heads*wide) != 0:
		return fmt.Errorf("dim %d is no multiple of %d for each of the %d heads", h.Dim, wide, h.Heads)
	case h.Hidden%wide != 0:
		return fmt.Errorf("hidden is %d, no multiple of %d", h.Hidden, wide)
	case len(h.Vocab) > maxVocab:
		return fmt.Errorf("the vocabulary has %d tokens, more than %d", len(h.Vocab), maxVocab)
	}
	return nil
}

// size is how many weights follow the header.
func (h header) size() int64 {
	dim, hidden := int64(h.Dim), int64(h.Hidden)
	return dim*int64(len(h.Vocab)) + int64(h.Layers)*(2*dim+4*dim*dim+2*dim*hidden) + dim
}

// load reads a file of weights: the magic, the length of the header (uint32), the header, the tensors in float16 in the
// order in which they are read here, matrices row by row, and the SHA-256 of all that. Numbers are little-endian.
// Whatever is wrong with a file is an error, found before anything as large as it claims to be is allocated.
func load(file []byte) (*model, *tokenizer, error) {
	begin := len(magic) + 4
	if len(file) < begin+sha256.Size || string(file[:len(magic)]) != magic {
		return nil, nil, errors.New("this is no file of a builtin model's weights")
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	length := int64(binary.LittleEndian.Uint32(body[len(magic):]))
	if length > int64(len(body)-begin) {
		return nil, nil, fmt.Errorf("the header has %d bytes, it says, but %d are left: the file is cut off", length, len(body)-begin)
	}
	end := begin + int(length)
	var h header
	if err := json.Unmarshal(body[begin:end], &h); err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	words, err := newTokenizer(h.Vocab)
	if err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	if got, want := int64(len(body)-end), 2*h.size(); got != want {
		return nil, nil, fmt.Errorf("the weights have %d bytes, a model of this shape has %d", got, want)
	}
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, nil, errors.New("the checksum doesn't fit: the file is damaged")
	}

	r := tensors{data: body[end:]}
	m := &model{header: h, digest: hex.EncodeToString(sum[:6]), embedding: r.matrix(len(h.Vocab), h.Dim), blocks: make([]block, h.Layers)}
	for i := range m.blocks {
		m.blocks[i] = block{
			gain1: r.vector(h.Dim),
			query: r.matrix(h.Dim, h.Dim), key: r.matrix(h.Dim, h.Dim), value: r.matrix(h.Dim, h.Dim), out: r.matrix(h.Dim, h.Dim),
			gain2: r.vector(h.Dim),
			up:    r.matrix(h.Hidden, h.Dim), down: r.matrix(h.Dim, h.Hidden),
		}
	}
	m.gain = r.vector(h.Dim)
	if r.broken {
		return nil, nil, errors.New("some weights are no finite numbers")
	}
	m.cos, m.sin = angles(h.Context, m.headSize()/2)
	return m, words, nil
}

// tensors reads one tensor after the other. data is as long as all of them.
type tensors struct {
	data   []byte
	broken bool // something wasn't finite
}

func (r *tensors) vector(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		half := float16.Frombits(binary.LittleEndian.Uint16(r.data[2*i:]))
		r.broken = r.broken || !half.IsFinite()
		out[i] = half.Float32()
	}
	r.data = r.data[2*n:]
	return out
}

func (r *tensors) matrix(rows, cols int) matrix { return newMatrix(rows, cols, r.vector(rows*cols)) }

// angles returns the cosines and sines of RoPE, [context, half]: position · 10000^(−i/half).
func angles(context, half int) (cos, sin []float32) {
	for pos := range context {
		for i := range half {
			s, c := math.Sincos(float64(pos) * math.Pow(10000, -float64(i)/float64(half)))
			cos, sin = append(cos, float32(c)), append(sin, float32(s))
		}
	}
	return cos, sin
}
