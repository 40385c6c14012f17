package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"aprm/prm/disk"
)

// settingsFlag is kong's flag of a file of settings, which must be a file: a pipe would be waited for before there is
// anyone to say so.
type settingsFlag kong.ConfigFlag

// BeforeResolve implements kong's hook. The command line is told what the file held before it was read.
func (settingsFlag) BeforeResolve(app *kong.Kong, ctx *kong.Context, trace *kong.Path, line *commandLine) error {
	path := kong.ExpandPath(string(ctx.FlagValue(trace.Flag).(settingsFlag)))
	if err := regular(path); err != nil {
		return err
	}
	line.seen = contents([]string{path})
	settings, err := app.LoadConfig(path)
	if err != nil {
		return err
	}
	ctx.AddResolver(settings)
	return nil
}

// existing says which of the files that a command is to read is none: opening a named pipe waits for a writer that may
// never come, and nothing can end that wait.
func existing(parsed *kong.Context) error {
	values := parsed.Selected().Positional
	for _, f := range parsed.Flags() {
		values = append(values, f.Value)
	}
	for _, v := range values {
		for _, path := range filesOf(v) {
			if err := regular(path); err != nil {
				return fmt.Errorf("%s: %w", v.ShortSummary(), err)
			}
		}
	}
	return nil
}

// filesOf are the files to read that a flag or an argument names.
func filesOf(v *kong.Value) []string {
	if c, ok := v.Target.Interface().(checkpointFile); ok {
		return []string{c.file()}
	}
	if v.Tag == nil || v.Tag.Type != "existingfile" {
		return nil
	}
	if paths, many := v.Target.Interface().([]string); many {
		return paths
	}
	return []string{v.Target.String()}
}

// regular is the error of what is neither a regular file nor a pipe that the shell has opened already (/dev/stdin,
// <(…)), nor nothing at all.
func regular(path string) error {
	if path == "" || path == "-" || strings.HasPrefix(path, "/dev/") {
		return nil
	}
	return disk.Regular(path)
}
