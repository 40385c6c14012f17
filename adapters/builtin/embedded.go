package builtin

import (
	_ "embed"
	"sync"
)

// Title is what a user is told that the embedded model is.
const Title = "builtin (a tiny demonstration model)"

// weights is what train/train.sh wrote; MODEL_CARD.md says what they are good for.
//
//go:embed weights.bin
var weights []byte

// Embedded returns the model that is part of this program, loaded once.
var Embedded = sync.OnceValues(func() (*LLM, error) { return New(weights) })
