package builtin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/x448/float16"

	"aprm/adapters"
	"aprm/prm/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// small is the shape of a model that tests quickly; context and vocabulary are large enough for the contract.
func small() header {
	return header{Name: "small", Dim: 32, Layers: 2, Heads: 2, Hidden: 48, Context: 256, Vocab: words(0)}
}

// large is the shape that the built-in model has.
func large() header {
	return header{Name: "large", Dim: 192, Layers: 6, Heads: 6, Hidden: 576, Context: 512, Vocab: words(503)}
}

// words returns a vocabulary of all printable characters and some words, filled up to n with names of no meaning.
func words(n int) []string {
	vocab := append(specialNames[:], "\n")
	for c := ' '; c <= '~'; c++ {
		vocab = append(vocab, string(c))
	}
	for d := '0'; d <= '9'; d++ {
		vocab = append(vocab, " "+string(d))
	}
	vocab = append(vocab, " pens", " boxes", "pens", "Tom", " has", " and", " left", "So", " +", " =")
	for i := len(vocab); i < n; i++ {
		vocab = append(vocab, " word"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	return vocab
}

// random returns the tensors of a model in the order of the file. It hardly ever ends an answer by itself.
func random(h header, seed uint64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	matrix := func(rows, cols int, scale float64) []float32 {
		out := make([]float32, rows*cols)
		for i := range out {
			out[i] = float16.Fromfloat32(float32(r.NormFloat64() * scale / math.Sqrt(float64(cols)))).Float32()
		}
		return out
	}
	gain := func() []float32 {
		out := make([]float32, h.Dim)
		for i := range out {
			out[i] = float16.Fromfloat32(float32(0.8 + 0.4*r.Float64())).Float32()
		}
		return out
	}
	embedding := matrix(len(h.Vocab), h.Dim, 2.5)
	clear(embedding[int(endToken)*h.Dim : int(endToken+1)*h.Dim])
	out := [][]float32{embedding}
	for range h.Layers {
		out = append(out, gain())
		for range 4 {
			out = append(out, matrix(h.Dim, h.Dim, 1.5))
		}
		out = append(out, gain(), matrix(h.Hidden, h.Dim, 1), matrix(h.Dim, h.Hidden, 1))
	}
	return append(out, gain())
}

// write is the inverse of load.
func write(t testing.TB, h header, tensors [][]float32) []byte {
	t.Helper()
	head, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(magic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	b.Write(head)
	for _, tensor := range tensors {
		for _, x := range tensor {
			b.Write(binary.LittleEndian.AppendUint16(nil, float16.Fromfloat32(x).Bits()))
		}
	}
	return signed(b.Bytes())
}

// signed ends a file with its checksum.
func signed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// newLLM returns a model of random weights.
func newLLM(t testing.TB, h header) *LLM {
	t.Helper()
	llm, err := New(write(t, h, random(h, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return llm
}

func ask(text string) []adapters.Message {
	return []adapters.Message{{Role: adapters.User, Content: text}}
}

func seeded(n int64) *int64 { return &n }
