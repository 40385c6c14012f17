package main

import (
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
