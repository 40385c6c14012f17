package main

import (
	"errors"
	"fmt"
	"runtime/debug"

	"aprm/prm/feature"
	"aprm/prm/step"
)

type versionCommand struct{}

func (c *versionCommand) Run(std streams) error {
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
	_, err := fmt.Fprintf(std.out, "sidecar %s (revision %s%s; %s)\ncheckpoints: step splitter %d, inputs %d\n",
		build.Main.Version, revision, changed, build.GoVersion, step.Version, feature.Version)
	return err
}
