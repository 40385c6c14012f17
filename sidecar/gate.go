package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"aprm/prm/disk"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// gatePath is where a checkpoint's gate is kept.
func gatePath(checkpoint string) string { return checkpoint + ".gate.json" }

// readGate reads the gate beside a checkpoint; nil when there is none.
func readGate(checkpoint string) (*decode.Gate, error) {
	path := gatePath(checkpoint)
	data, err := disk.Read(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g, err := decode.ParseGate(data)
	if err != nil {
		return nil, badInput{fmt.Errorf("%s: %w: write it anew with `sidecar eval --checkpoint %s --problems FILE`, or remove it and auto takes plain votes", path, err, checkpoint)}
	}
	return g, nil
}

// useGate puts a gate in place and explains it.
func useGate(ctx context.Context, e *engine.Engine, g *decode.Gate, where string) error {
	e.Trust(g)
	return explainGate(ctx, e, g, where)
}

// explainGate says in the log what auto will make of a gate that is in place. where is where the gate is from.
func explainGate(ctx context.Context, e *engine.Engine, g *decode.Gate, where string) error {
	id, trained := e.Checkpoint()
	if !trained {
		return nil
	}
	own, err := e.Gate(ctx)
	switch {
	case err != nil:
		return err
	case g == nil && own == nil:
		slog.Info("auto takes plain votes, in which the PRM only breaks ties: there is no gate", "wanted", where,
			"to make one", "sidecar eval --checkpoint FILE.prm --problems HELD_OUT.jsonl")
	case own == nil:
		slog.Warn("auto takes plain votes, in which the PRM only breaks ties: the gate is of another PRM or another model", "gate", where,
			"its PRM", g.Checkpoint, "its model", g.Model, "this PRM", id)
	default:
		slog.Info(takes(own), "gate", where)
	}
	return nil
}

// takes says what auto makes of a gate.
func takes(g *decode.Gate) string {
	if g.Weighs() {
		return "auto weighs votes by the PRM: " + g.String()
	}
	return "auto takes plain votes: " + g.String()
}

// writeGate writes a checkpoint's gate beside it, whole or not at all, and says so. What stands there already and was
// measured on more problems, or not again, stays; see eval.MergeGates.
func writeGate(checkpoint string, g *decode.Gate) error {
	path := gatePath(checkpoint)
	old, err := readGate(checkpoint)
	if err != nil {
		slog.Warn("the gate that was there is of no use, and is replaced", "err", err)
	} else if old != nil && !old.Of(g.Checkpoint, g.Model) {
		slog.Info("the gate that was there is of another PRM or another model, and is replaced", "gate", path)
	}
	merged, kept := eval.MergeGates(old, *g)
	if err := dataset.WriteJSON(path, merged, disk.Public); err != nil {
		return fmt.Errorf("write the gate: %w", err)
	}
	slog.Info("wrote "+path+": "+merged.String(), "auto", describeGate(&merged))
	if len(kept) > 0 {
		names := make([]string, len(kept))
		for i, m := range kept {
			names[i] = fmt.Sprintf("%s (%d problems)", m.Strategy, m.Problems)
		}
		slog.Info("kept what the gate had from more problems than were measured now, or of strategies that weren't", "kept", strings.Join(names, ", "),
			"measured now on", g.Problems, "to begin anew", "remove "+path)
	}
	return nil
}

// describeGate says what auto will do by a gate.
func describeGate(g *decode.Gate) string {
	s := fmt.Sprintf("%.0f %% of a vote's tokens, %+.1f points [%+.1f, %+.1f] against it, %.1f %% of the votes changed by stopping",
		100*g.Auto.Tokens, 100*g.Auto.Gain, 100*g.Auto.Low, 100*g.Auto.High, 100*g.Auto.Changed)
	if g.Escalate != "" {
		s += ", open questions go to " + g.Escalate
	}
	return s
}
