package main

import (
	"os"
	"strings"
	"testing"
	"time"

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
		parser, err := kong.New(&cmd, kong.Vars(defaults()), kong.Exit(func(int) {}))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		settings, err := loadConfig(parser.Model, strings.NewReader(text))
		if err == nil {
			_ = settings.check() // what is wrong with it is a file's to say
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
	})
}
