// Package dataset reads the files that problems and labelled solutions come in, and writes labelled solutions for
// others to train on. Files hold JSON objects, one a line or all in an array; they may be gzipped, begin with a byte
// order mark and have CRLF line ends. Nothing is lost or replaced without a word: every error names file and line, and
// says what would do.
package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"aprm/prm/step"
)

// Solution is a trace with a label for each step.
type Solution struct {
	ID         string // of the solution; the file's base name and 0-based line where the format has none
	step.Trace        // its Problem.ID is ProblemID of the question: no format of solutions names its problem
	Labels     []step.Verdict
	Correct    step.Verdict // whether the final answer is right
	Source     string       // who wrote it, or the data set it is of; "" where unknown
}

// FirstWrong returns the index of the first wrong step, −1 if all are right. It is false where that is not known: there
// is an unlabelled step before any wrong one.
func (s Solution) FirstWrong() (int, bool) {
	i := slices.IndexFunc(s.Labels, func(l step.Verdict) bool { return l != step.Right })
	return i, i < 0 || s.Labels[i] == step.Wrong
}

// labelsFor returns the labels of n steps whose first wrong one is known: what follows an error is not judged any more.
func labelsFor(n, firstWrong int) []step.Verdict {
	labels := make([]step.Verdict, n)
	for i := range labels {
		switch {
		case firstWrong < 0 || i < firstWrong:
			labels[i] = step.Right
		case i == firstWrong:
			labels[i] = step.Wrong
		}
	}
	return labels
}

// ProblemID names a problem by its question, so that the solutions of one problem belong together whichever file they
// are in. Case and spacing do not count.
func ProblemID(question string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(strings.Fields(question), " "))))
	return "q" + hex.EncodeToString(sum[:8])
}
