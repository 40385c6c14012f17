package eval

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Distortions of a PRM, to see what harm a bad one does.
const (
	Noise    = "noise"    // scores are drawn at random, by problem and steps
	Inverted = "inverted" // a score p becomes 1-p
)

// Distort returns a bench whose PRM is made bad: kind is Noise or Inverted. Equal seeds give equal noise.
func Distort(bench Bench, kind string, seed int64) Bench { return distorted{bench, kind, seed} }

type distorted struct {
	Bench
	kind string
	seed int64
}

func (d distorted) Scorer(p step.Problem) (decode.Scorer, error) {
	scorer, err := d.Bench.Scorer(p)
	if err != nil || scorer == nil {
		return nil, err
	}
	return badScorer{scorer, d, p.Question}, nil
}

type badScorer struct {
	decode.Scorer
	distorted
	question string
}

func (b badScorer) Score(ctx context.Context, w decode.Working) (prm.Judgement, error) {
	j, err := b.Scorer.Score(ctx, w)
	out := prm.Judgement{Steps: make([]prm.Score, len(j.Steps)), Whole: j.Whole, Solution: 1 - j.Solution}
	for i, s := range j.Steps {
		if out.Steps[i] = (prm.Score{Step: 1 - s.Step, Value: 1 - s.Value}); b.kind == Noise {
			out.Steps[i] = prm.Score{Step: b.draw("step", w.Steps[:i+1]), Value: b.draw("value", w.Steps[:i+1])}
		}
	}
	if b.kind == Noise {
		out.Solution = b.draw("solution", w.Steps)
	}
	return out, err
}

// draw is even in [0,1).
func (b badScorer) draw(what string, steps []string) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s", b.seed, what, b.question, strings.Join(steps, "\x00"))
	x := h.Sum64()
	x ^= x >> 33 // FNV's upper bits know little of the last bytes
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
