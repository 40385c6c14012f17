package experiment

import (
	"context"

	"aprm/generator/tasks"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
)

// perfect is the name of what knows the toy world's exact truth of every step: the most that scoring steps can give
// with these answers. A right answer that wrong steps led to is to it as bad as a wrong answer, so this is less than
// pass@N.
const perfect = "perfect verifier"

// exact is a bench whose PRM knows the truth.
type exact struct {
	eval.Bench
	toys map[string]tasks.Problem // by ID
}

func newExact(sampling eval.Bench, toys []tasks.Problem) exact {
	e := exact{sampling, map[string]tasks.Problem{}}
	for _, p := range toys {
		e.toys[p.ID] = p
	}
	return e
}

func (e exact) Scorer(p step.Problem) (decode.Scorer, error) { return verifier{e.toys[p.ID]}, nil }

// verifier scores steps of one problem.
type verifier struct{ problem tasks.Problem }

// unsound is the score from the first wrong step on: above 0, so that where no candidate is sound all still vote.
const unsound = 0.01

func (v verifier) Score(_ context.Context, w decode.Working) (prm.Judgement, error) {
	var normal []string
	for _, s := range w.Steps {
		normal = append(normal, step.Normalize(s))
	}
	first := v.problem.FirstError(normal)
	out := make([]prm.Score, len(w.Steps))
	for i := range out {
		score := 1.0
		if first >= 0 && i >= first {
			score = unsound
		}
		out[i] = prm.Score{Step: score, Value: score}
	}
	return prm.Judgement{Steps: out}, nil
}
