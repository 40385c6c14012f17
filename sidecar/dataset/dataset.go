// Package dataset reads the files that problems and labelled solutions come in, and writes labelled solutions for others to
// train on. Files hold one JSON object a line; they may be gzipped, begin with a byte order mark and have CRLF line ends.
// Everything is streamed, and every error names file and line.
package dataset

import (
	"crypto/sha256"
	"encoding/binary"
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

// FirstWrong returns the index of the first wrong step, −1 if all are right. It is false where that is not known: there is
// an unlabelled step before any wrong one.
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
	sum := fingerprint(question)
	return "q" + hex.EncodeToString(sum[:8])
}

// Holdout reports whether a problem belongs to the held-out share (0 to 1) and not to the training split. It goes by the
// question alone (the first 8 bytes of the SHA-256 of its words, as a fraction, below share), so the same problem is
// on the same side in every file and every run, and a larger share holds out what a smaller one does and more.
func Holdout(question string, share float64) bool {
	sum := fingerprint(question)
	return float64(binary.BigEndian.Uint64(sum[:])>>11)/(1<<53) < share
}

func fingerprint(question string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.ToLower(strings.Join(strings.Fields(question), " "))))
}
