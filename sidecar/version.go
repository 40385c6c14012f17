package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"aprm/prm/feature"
	"aprm/prm/step"
)

// stamp and stampedRevision are what a package was built as and from (-ldflags '-X main.stamp=…', see .ci/package);
// without them what Go itself knows of a build stands.
var stamp, stampedRevision string

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

// built is what this binary was built as, from and with; "unknown" for what isn't known.
type built struct {
	version, revision, compiler string
	changed                     bool // since the revision
}

func builtAs() built {
	b := built{version: stamp, revision: stampedRevision, compiler: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.version = cmp.Or(b.version, info.Main.Version)
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.revision = cmp.Or(b.revision, s.Value)
			case "vcs.modified":
				b.changed = s.Value == "true"
			}
		}
	}
	b.version, b.revision = cmp.Or(b.version, "unknown"), cmp.Or(b.revision, "unknown")
	return b
}

func printVersion(out io.Writer) error {
	b, changed := builtAs(), ""
	if b.changed {
		changed = ", changed since"
	}
	_, err := fmt.Fprintf(out, "sidecar %s (revision %s%s; %s %s/%s)\ncheckpoints: step splitter %d, inputs %d\n",
		b.version, b.revision, changed, b.compiler, runtime.GOOS, runtime.GOARCH, step.Version, feature.Version)
	return err
}
