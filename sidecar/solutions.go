package main

import (
	"fmt"
	"log/slog"

	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/training"
)

// readSolutions reads files of recorded answers that a flag names.
func readSolutions(paths []string) ([]dataset.Answered, error) {
	answered, err := given(dataset.ReadAnswers(paths...))
	if err != nil {
		return nil, err
	}
	ways, told := map[step.Kind]dataset.Sampling{}, false
	for _, of := range answered {
		if err := of.Sampling.Kind.Check(); err != nil {
			return nil, badInput{err}
		}
		if way, known := ways[of.Sampling.Kind]; known && way != of.Sampling && !told {
			told = true
			slog.Warn("answers of one kind that were drawn in different ways are taken together", "apart", way.Apart(of.Sampling))
		}
		ways[of.Sampling.Kind] = of.Sampling
	}
	return answered, nil
}

// replayed are recorded answers to be measured on.
type replayed struct {
	problems []step.Problem
	samples  [][]decode.Sample
	programs int // to each problem, beside prose; 0 where all answers are of one kind
}

// replayedFrom joins the answers of both kinds to a problem: n of prose and as many programs as most problems have, n
// at most; or n of the one kind there is. Problems that lack some are left out.
func replayedFrom(answered []dataset.Answered, n int) (p replayed) {
	type both struct {
		problem step.Problem
		of      map[step.Kind][]decode.Sample
	}
	at := map[string]int{}
	var all []both
	kinds := map[step.Kind]bool{}
	for _, a := range answered {
		k, known := at[a.Problem.Question]
		if !known {
			k = len(all)
			at[a.Problem.Question], all = k, append(all, both{a.Problem, map[step.Kind][]decode.Sample{}})
		}
		for _, s := range a.Answers {
			sample := training.Sample(s, a.Sampling.Kind)
			all[k].of[sample.Kind], kinds[sample.Kind] = append(all[k].of[sample.Kind], sample), true
		}
	}
	wanted := map[step.Kind]int{step.Prose: n}
	switch {
	case len(kinds) > 1:
		p.programs = mostCommon(all, func(b both) int { return min(len(b.of[step.Program]), n) })
		wanted[step.Program] = p.programs
	case kinds[step.Program]:
		wanted = map[step.Kind]int{step.Program: n}
	}
	left, lacking := 0, ""
	for _, b := range all {
		enough := true
		for kind, n := range wanted {
			enough = enough && len(b.of[kind]) >= n
		}
		if !enough {
			left++
			lacking = b.problem.ID
			continue
		}
		var samples []decode.Sample
		for _, kind := range []step.Kind{step.Prose, step.Program} {
			samples = append(samples, b.of[kind][:wanted[kind]]...)
		}
		p.problems, p.samples = append(p.problems, b.problem), append(p.samples, samples)
	}
	if left > 0 {
		slog.Warn("left out: problems with fewer answers than asked for (--n)", "problems", left, "such as", lacking, "wanted", fmt.Sprint(wanted))
	}
	return p
}

// mostCommon is the number above 0 that most of all have, the greatest of several; 0 where none has any.
func mostCommon[T any](all []T, of func(T) int) (most int) {
	count := map[int]int{}
	for _, x := range all {
		if n := of(x); n > 0 {
			if count[n]++; count[n] > count[most] || count[n] == count[most] && n > most {
				most = n
			}
		}
	}
	return most
}
