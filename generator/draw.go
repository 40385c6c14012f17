package generator

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// contentHash is a hash of parts that no other list of parts shares.
func contentHash(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// key is contentHash as a short name.
func key(parts ...string) string {
	sum := contentHash(parts...)
	return hex.EncodeToString(sum[:12])
}

// seedOf derives the seed of a request from the run's and what is asked. It leaves room for the seeds of N completions
// and fits what endpoints take (31 bits).
func seedOf(run int64, parts ...string) *int64 {
	sum := contentHash(append([]string{strconv.FormatInt(run, 10)}, parts...)...)
	s := int64(binary.BigEndian.Uint32(sum[:])>>2) + 1
	return &s
}

// rngOf derives a random generator in the same way.
func rngOf(run int64, parts ...string) *rand.Rand {
	sum := contentHash(append([]string{strconv.FormatInt(run, 10)}, parts...)...)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))) // #nosec G404 -- a draw that must follow from its seed, and guards nothing
}
