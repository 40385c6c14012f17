package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"aprm/prm"
	"aprm/sidecar/engine"
)

// builtinPRM is a PRM of the embedded model, as `sidecar demo --out` writes it.
//
//go:embed builtin.prm
var builtinPRM []byte

// builtinGate says how far auto may trust it: what eval wrote beside it.
//
//go:embed builtin.prm.gate.json
var builtinGate []byte

// generalPRM is learned from answers of one LLM and was tried on those of others; see configs/experiments/README.md.
//
//go:embed general.prm
var generalPRM []byte

// general is the name of generalPRM where a checkpoint is asked for.
const general checkpointFile = "general"

// checkpointFile is a flag that names a PRM: a file, general, or "" for none.
type checkpointFile string

// Decode implements kong.MapperValue. A file must be there.
func (c *checkpointFile) Decode(ctx *kong.DecodeContext) error {
	var name string
	if err := ctx.Scan.PopValueInto("file", &name); err != nil {
		return err
	}
	if *c = checkpointFile(name); *c == general || name == "" {
		return nil
	}
	*c = checkpointFile(kong.ExpandPath(name))
	_, err := os.Stat(c.file())
	return err
}

// file is where it is, "" where it is none.
func (c checkpointFile) file() string {
	if c == general {
		return ""
	}
	return string(c)
}

// gate is where its gate is kept, "" where there can be none.
func (c checkpointFile) gate() string {
	if c.file() == "" {
		return ""
	}
	return gatePath(c.file())
}

// load reads it.
func (c checkpointFile) load() (*prm.Model, error) {
	if c == general {
		return embeddedPRM(generalPRM, "program")
	}
	return given(prm.Load(string(c)))
}

// embeddedPRM reads the one that comes with something.
func embeddedPRM(data []byte, with string) (*prm.Model, error) {
	m, err := prm.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("the PRM that comes with the %s: %w", with, err)
	}
	return m, nil
}

// useBuiltin puts the PRM of the embedded model in place.
func useBuiltin(e *engine.Engine) error {
	model, err := embeddedPRM(builtinPRM, "builtin model")
	if err != nil {
		return err
	}
	return e.Use(model)
}
