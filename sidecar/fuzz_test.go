package main

import (
	"os"
	"strings"
	"testing"

	"aprm/prm/casetest"

	"github.com/alecthomas/kong"
)

// FuzzSettings: a file of settings is read or refused, in time, and what is read can be held against every command.
func FuzzSettings(f *testing.F) {
	every, err := os.ReadFile("../configs/sidecar.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(every))
	f.Add("a: &a [x,x]\nb: &b [*a,*a,*a]\nupstream: *b")
	f.Add("n: 1e999\ntemperature: .nan\nlisten: [1, {a: b}]")
	f.Add("config: x\nhelp: true\nversion: true")
	f.Fuzz(func(t *testing.T, text string) {
		var cmd commands
		parser, err := kong.New(&cmd, kong.Vars(defaults()), kong.Exit(func(int) {}), kong.Bind(new(commandLine)))
		if err != nil {
			t.Fatal(err)
		}
		casetest.Bounded(t, len(text), 4096, func() {
			if settings, err := loadConfig(parser.Model, strings.NewReader(text)); err == nil {
				_ = settings.check() // what is wrong with it is a file's to say
			}
		})
	})
}
