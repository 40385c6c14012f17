// Package feature turns a step of a trace into what the PRM's network reads. Everything is read from text without its
// format (step.Normalize): numbering, calculator marks, bold and answer marks never reach the network, nor does any
// length in bytes or tokens of a step.
//
// The blocks of an Input, each of which but the text's may be masked:
//
//   - Last, Mean: the proxied LLM's hidden states, scaled to unit length, so that an endpoint that normalises them and
//     one that does not give the same input.
//   - LogProbs: how likely the step's tokens were to the LLM that sampled them (see logprobs.go).
//   - Symbols: what exact arithmetic and bookkeeping say of the step (see symbols.go).
//   - Words, Context, Roles: hashed word and number-shape n-grams of the step, of what precedes it, and of how the step's
//     numbers are used against how the question speaks of them (see bags.go). They select rows of learned embeddings.
package feature

import (
	"math"

	"aprm/prm/step"
)

// Version names the inputs. Raise it whenever the same step could give a different Input: checkpoints of another
// version are refused.
const Version = 2

// Rows of each embedding table; the indices of a bag lie in [0, rows).
const (
	WordRows    = 2048
	ContextRows = 2048
	RoleRows    = 4096
)

// Evidence is what the endpoint said about a step beyond its text. Nil fields are masked.
type Evidence struct {
	Last   []float32    // hidden state at the step's last token, as the endpoint gave it
	Mean   []float32    // mean of the hidden states over the step's tokens, as the endpoint gave it
	Tokens []step.Token // the step's own tokens with log-probabilities; only for steps sampled while solving
}

// Input is what the network reads about one step. Treat it as immutable: inputs share slices.
type Input struct {
	Last     []float32             // unit length, nil when masked
	Mean     []float32             // unit length, nil when masked; as wide as Last when both are there
	LogProbs *[NumLogProbs]float32 // nil when masked
	Symbols  [NumSymbols]float32   // always there; each about in [−1, 1]

	// Bags of distinct indices in ascending order; each index weighs 1/√len(bag).
	Words, Context, Roles []uint16
}

// Reader reads the steps of a trace in order, each from the question and the steps before it only. It is not safe for
// concurrent use.
type Reader struct{ r *reading }

// NewReader returns a reader before the first step of a solution of p, of which it reads the question alone.
func NewReader(p step.Problem) *Reader { return &Reader{open(p.Question)} }

// Next reads the next step; ev holds the endpoint's evidence about it.
func (r *Reader) Next(text string, ev Evidence) Input {
	r.r.next(text)
	return Input{
		Last:     unit(ev.Last),
		Mean:     unit(ev.Mean),
		LogProbs: logProbs(ev.Tokens),
		Symbols:  r.r.symbols(),
		Words:    r.r.words(),
		Context:  r.r.context(),
		Roles:    r.r.roles(),
	}
}

// Extract reads step i of t, 0 ≤ i < len(t.Steps), as a Reader of t would, with the endpoint's evidence about that same
// step.
func Extract(t step.Trace, i int, ev Evidence) Input {
	r := NewReader(t.Problem)
	for _, s := range t.Steps[:i] {
		r.r.next(s)
	}
	return r.Next(t.Steps[i], ev)
}

// Block names a part of an Input.
type Block string

const (
	BlockLast     Block = "last"     // Last
	BlockMean     Block = "mean"     // Mean
	BlockLogProbs Block = "logprobs" // LogProbs
	BlockSymbols  Block = "symbols"  // Symbols
	BlockWords    Block = "words"    // Words
	BlockContext  Block = "context"  // Context
	BlockRoles    Block = "roles"    // Roles
)

// Blocks lists all blocks.
func Blocks() []Block {
	return []Block{BlockLast, BlockMean, BlockLogProbs, BlockSymbols, BlockWords, BlockContext, BlockRoles}
}

// Without returns in with these blocks blank, to find out what they are worth: a PRM must be trained and served alike.
// Blocks that are none of Blocks are passed over.
func (in Input) Without(blocks ...Block) Input {
	for _, b := range blocks {
		switch b {
		case BlockLast:
			in.Last = nil
		case BlockMean:
			in.Mean = nil
		case BlockLogProbs:
			in.LogProbs = nil
		case BlockSymbols:
			in.Symbols = [NumSymbols]float32{}
		case BlockWords:
			in.Words = nil
		case BlockContext:
			in.Context = nil
		case BlockRoles:
			in.Roles = nil
		}
	}
	return in
}

// unit returns v scaled to unit length; nil for a nil, zero or non-finite v, which says nothing.
func unit(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil
	}
	scale := 1 / math.Sqrt(sum)
	u := make([]float32, len(v))
	for i, x := range v {
		u[i] = float32(float64(x) * scale)
	}
	return u
}
