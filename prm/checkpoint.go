package prm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"aprm/prm/disk"
)

// A checkpoint is, with all numbers little-endian:
//
//	magic "APRM-PRM" · format uint32 · three lengths uint64 (header, weights, optimiser's state, which may be 0)
//	header as JSON, with the scores of a few solutions (self-test) · weights as float32, Fixed then Trained, then the solution and the prefix head's, each row-major · optimiser's state
//	SHA-256 of everything before it
const (
	magic     = "APRM-PRM"
	format    = 1
	preamble  = len(magic) + 4 + 3*8
	maxHeader = 1 << 20
	maxFile   = 1 << 31
	sumSize   = sha256.Size
)

// Errors that Load wraps: what is wrong with a file.
var (
	ErrNotCheckpoint = errors.New("not a PRM checkpoint")
	ErrCorrupt       = errors.New("corrupt or truncated checkpoint")
	ErrVersion       = errors.New("checkpoint of another version")
)

// Save writes m to path for whoever scores with it, without the optimiser's state, which is four times as large as all
// else. It does so whole or not at all (disk.Write).
func Save(path string, m *Model) error { return save(path, Encode(m)) }

// Encode is what Save writes, for Parse to read.
func Encode(m *Model) []byte { return encode(m, nil) }

// SaveResumable is Save with the optimiser's state, for a training that goes on from there.
func SaveResumable(path string, m *Model) error { return save(path, encode(m, m.optimiser)) }

func save(path string, checkpoint []byte) error {
	if err := disk.Write(path, checkpoint, disk.Public); err != nil {
		return fmt.Errorf("save checkpoint %s: %w", path, err)
	}
	return nil
}

// Load reads the checkpoint at path, and has it score what it scored when it was saved. Errors wrap ErrNotCheckpoint,
// ErrCorrupt, ErrVersion or ErrSelfTest, or the file system's.
func Load(path string) (*Model, error) {
	m, err := load(path)
	if err != nil {
		// A PathError names the path itself.
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("load checkpoint %s: %w", path, err)
	}
	return m, nil
}

func load(path string) (*Model, error) {
	b, err := disk.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

func encode(m *Model, optimiser []byte) []byte {
	head, _ := json.Marshal(examined{m.header, m.examine()}) // finite numbers only: New has checked
	var weights []byte
	for _, t := range m.tensors() {
		weights = appendFloats(weights, t.Data)
	}
	out := make([]byte, 0, preamble+len(head)+len(weights)+len(optimiser)+sumSize)
	out = append(out, magic...)
	out = binary.LittleEndian.AppendUint32(out, format)
	for _, n := range []int{len(head), len(weights), len(optimiser)} {
		out = binary.LittleEndian.AppendUint64(out, uint64(n)) // #nosec G115 -- a length is not below 0
	}
	return seal(append(append(append(out, head...), weights...), optimiser...))
}

// seal appends the checksum.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Parse reads a checkpoint from memory, with the errors of Load. It trusts nothing: lengths are checked against the
// file before anything is allocated by them.
func Parse(b []byte) (*Model, error) {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrNotCheckpoint, magic)
	}
	if len(b) < preamble+sumSize {
		return nil, fmt.Errorf("%w: %d bytes are too few; copy it again or train again", ErrCorrupt, len(b))
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v != format {
		return nil, fmt.Errorf("%w: its format is %d, this build reads %d", ErrVersion, v, format)
	}
	var lengths [3]int
	rest := uint64(len(b) - preamble - sumSize) // #nosec G115 -- b is no shorter, as was seen above
	for i := range lengths {
		n := binary.LittleEndian.Uint64(b[len(magic)+4+8*i:])
		if n > rest {
			return nil, fmt.Errorf("%w: it is shorter than it says; copy it again or train again", ErrCorrupt)
		}
		rest -= n
		lengths[i] = int(n) // #nosec G115 -- n is at most what is left of b
	}
	if rest != 0 {
		return nil, fmt.Errorf("%w: it is %d bytes longer than it says", ErrCorrupt, rest)
	}
	body, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: its checksum does not match; copy it again or train again", ErrCorrupt)
	}
	body = body[preamble:]
	head, weights, state := body[:lengths[0]], body[lengths[0]:lengths[0]+lengths[1]], body[lengths[0]+lengths[1]:]
	if len(head) > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrCorrupt, len(head))
	}
	var read examined
	if err := json.Unmarshal(head, &read); err != nil {
		return nil, fmt.Errorf("%w: header: %v", ErrCorrupt, err)
	}
	h := read.Header
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrVersion, err)
	}
	of, begun := h.Solution, h.Prefix
	h.Solution, h.Prefix = nil, nil
	want := h.floats()
	var solution, prefix *SolutionHead
	var heads []*Tensor
	if of != nil {
		if solution = NewSolutionHead(of.Units, of.Without...); of.Programs {
			solution.ReadPrograms()
		}
		heads = append(heads, solution.all()...)
	}
	if begun != nil {
		prefix = NewPrefixHead(begun.Without...)
		heads = append(heads, prefix.all()...)
	}
	for _, t := range heads {
		want += len(t.Data)
	}
	if want*4 != len(weights) {
		return nil, fmt.Errorf("%w: %d bytes of weights, its header asks for %d", ErrCorrupt, len(weights), want*4)
	}
	w := NewWeights(h)
	for _, t := range append(w.all(), heads...) {
		weights = readFloats(weights, t.Data)
	}
	m, err := New(h, w, append([]byte(nil), state...))
	if err == nil && solution != nil {
		m, err = m.Judging(solution, *of)
	}
	if err == nil && prefix != nil {
		m, err = m.Foreseeing(prefix, *begun)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	if err := m.passes(read.SelfTest); err != nil {
		return nil, err
	}
	return m, nil
}

func appendFloats(b []byte, v []float32) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// readFloats fills v from b and returns what is left of b.
func readFloats(b []byte, v []float32) []byte {
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return b[4*len(v):]
}
