package main

import (
	"errors"
	"fmt"
	"slices"

	"aprm/adapters/recorded"
	"aprm/prm"
	"aprm/prm/train"
)

// advised adds to an error from further down what whoever gave the command can do about it.
func advised(err error) error {
	switch {
	case errors.Is(err, recorded.ErrNotRecorded):
		return badInput{fmt.Errorf("--replay: %w: give the problems and the settings that it was made with, or make one of these with --record FILE", err)}
	case errors.Is(err, prm.ErrNotCheckpoint):
		return badInput{fmt.Errorf("%w: name what `sidecar train --out FILE` wrote", err)}
	case errors.Is(err, train.ErrUnlabelled):
		return badInput{fmt.Errorf("%w: give problems with worked solutions, have the oracle continue solutions (--rollouts), or give recorded answers to problems that the model solves now and then (--solutions)", err)}
	case errors.Is(err, prm.ErrVersion):
		return badInput{fmt.Errorf("%w: train it again with this build, or take the build that it is of", err)}
	}
	return err
}

// meant is the name that was probably meant by one that there isn't; "" where none is near.
func meant(name string, known []string) (near string) {
	least := 1 + len(name)/3 // more wrong letters are another word
	for _, k := range known {
		if d := letters(name, k); d <= least && (near == "" || d < letters(name, near)) {
			near = k
		}
	}
	return near
}

// letters counts by how many of them, put in, left out or put in place of another, two words differ (Levenshtein).
func letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			other := before[j]
			if a[i] != b[j] {
				other++
			}
			row[j+1] = min(other, before[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
