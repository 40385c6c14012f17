package main

import (
	"fmt"
	"log/slog"

	"aprm/prm/step"
	"aprm/sidecar/dataset"
)

// readProblems reads a file of problems that a flag names, and says which of them are of no use.
func readProblems(path string) ([]step.Problem, error) {
	all, err := given(dataset.ReadProblems(path))
	if err != nil {
		return nil, err
	}
	if all.Open > 0 {
		slog.Warn("left out problems whose solutions state no final answer", "file", path, "left_out", all.Open, "kept", len(all.Problems))
	}
	if n := len(all.Unread); n > 0 {
		slog.Warn("final answers that can't be read: no answer to these counts as right", "file", path, "problems", n, "of", len(all.Problems), "such_as", all.Unread[0])
	}
	return all.Problems, nil
}

// behind are the problems of a file that --skip leaves.
func behind(problems []step.Problem, skip int) ([]step.Problem, error) {
	if skip < 0 || skip >= len(problems) {
		return nil, badInput{fmt.Errorf("--skip %d leaves nothing of %d problem(s): give 0 to %d", skip, len(problems), len(problems)-1)}
	}
	return problems[skip:], nil
}
