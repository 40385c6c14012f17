package generator

import (
	"context"
	"math/rand/v2"

	"aprm/prm/arith"
	"aprm/prm/program"
)

// ProgramAttack is a program that comes to a right answer with one operand, operator or number changed, and surely
// wrong: it was run, and comes to something else.
type ProgramAttack struct {
	Strategy program.Alteration
	Source   string
	Run      program.Result
}

// AttackProgram corrupts a program that comes to answer in n ways at most, by rule: no LLM is asked, and no oracle,
// since the truth of each is computed. Strategies are drawn alike, as long as they have something to offer. It is the
// same for equal states of rng.
func AttackProgram(ctx context.Context, rng *rand.Rand, source, answer string, n int) (out []ProgramAttack) {
	var strategies []program.Alteration
	of := map[program.Alteration][]program.Altered{}
	for _, a := range program.Alter(source) {
		if of[a.What] == nil {
			strategies = append(strategies, a.What)
		}
		of[a.What] = append(of[a.What], a)
	}
	for len(strategies) > 0 && len(out) < n && ctx.Err() == nil {
		k := rng.IntN(len(strategies))
		left := of[strategies[k]]
		if len(left) == 0 {
			strategies = append(strategies[:k], strategies[k+1:]...)
			continue
		}
		i := rng.IntN(len(left))
		a := left[i]
		left[i] = left[len(left)-1]
		of[a.What] = left[:len(left)-1]
		r, err := program.Run(ctx, program.Opening+a.Source+program.Closing)
		if err == nil && arith.Equal(answer, r.Answer) == arith.False {
			out = append(out, ProgramAttack{a.What, a.Source, r})
		}
	}
	return out
}
