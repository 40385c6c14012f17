package builtin

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"sync"
)

// Title is what a user is told that the embedded model is.
const Title = "builtin (a tiny demonstration model)"

// packed is what train/train.sh wrote; MODEL_CARD.md says what the weights are good for.
//
//go:embed weights.bin.gz
var packed []byte

// Embedded returns the model that is part of this program, loaded once.
var Embedded = sync.OnceValues(func() (*LLM, error) {
	weights, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("the embedded model: %w", err)
	}
	return New(weights)
})

// unpack undoes train/pack.py: of numbers of two bytes the first bytes stand before all second ones, which makes them a
// seventh smaller in gzip.
func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	planes, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	out, half := make([]byte, len(planes)), (len(planes)+1)/2
	for i := range out {
		out[i] = planes[i/2+i%2*half]
	}
	return out, nil
}
