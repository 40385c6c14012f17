package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"aprm/prm/feature"
	"aprm/prm/step"
)

type versionCommand struct{}

func (c *versionCommand) Run(std streams) error { return printVersion(std.out) }

// showVersion is the flag that does the same.
type showVersion bool

// BeforeReset is kong's hook.
func (showVersion) BeforeReset(app *kong.Kong) error {
	err := printVersion(app.Stdout)
	app.Exit(0)
	return err
}

func printVersion(out io.Writer) error {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary was built without build information")
	}
	revision, changed := "unknown", ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	_, err := fmt.Fprintf(out, "sidecar %s (revision %s%s; %s)\ncheckpoints: step splitter %d, inputs %d\n",
		build.Main.Version, revision, changed, build.GoVersion, step.Version, feature.Version)
	return err
}
