package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// parse reads a command line with the real commands and runs nothing.
func parse(t *testing.T, args ...string) (commands, error) {
	t.Helper()
	var cmd commands
	parser, err := kong.New(&cmd, kong.Configuration(loadConfig), kong.Vars(defaults()), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return cmd, err
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigFile(t *testing.T) {
	path := configFile(t, "upstream: {url: 'http://host:1', model: m}\nn: 16\nlisten: 127.0.0.1:1\nsearch-timeout: 30s\n")
	cmd, err := parse(t, "serve", "--config", path, "--n", "4")
	if err != nil {
		t.Fatal(err)
	}
	s := cmd.Serve
	if s.Upstream.URL != "http://host:1" || s.Upstream.Model != "m" || s.Listen != "127.0.0.1:1" || s.SearchTimeout.Seconds() != 30 {
		t.Errorf("the file isn't heeded: %+v", s)
	}
	if s.Decode.N != 4 {
		t.Errorf("n is %d; the flag should win over the file", s.Decode.N)
	}
}

func TestConfigFileFaults(t *testing.T) {
	for text, want := range map[string]string{
		"upstreem: {url: x}":                  "upstreem-url",
		"n: 4\nmystery: 1":                    "mystery",
		"upstream-url: a\nupstream: {url: b}": "twice",
		"n: [":                                "config",
		"n: many":                             "n",
	} {
		_, err := parse(t, "serve", "--config", configFile(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error that names %s", text, err, want)
		}
	}
}

// TestExampleConfig keeps the example and the flags in step.
func TestExampleConfig(t *testing.T) {
	cmd, err := parse(t, "serve", "--config", filepath.Join("..", "configs", "sidecar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Serve != plain.Serve {
		t.Errorf("the example differs from the defaults:\n%+v\n%+v", cmd.Serve, plain.Serve)
	}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"", 0, "sidecar train", ""},
		{"--help", 0, "eval", ""},
		{"serve --help", 0, "--listen", ""},
		{"serve --n many", 2, "", "--n"},
		{"dance", 2, "", "dance"},
		{"serve --upstream-url nonsense", 1, "", "no URL"},
		{"serve --upstream-url http://127.0.0.1:1", 1, "", "no endpoint answers"},
		{"train --data missing.jsonl", 2, "", "missing.jsonl"},
		{"checkpoint config_test.go", 1, "", "not a PRM checkpoint"},
		{"score", 1, "", "--checkpoint"},
	} {
		var out, errs bytes.Buffer
		code := run(context.Background(), strings.Fields(test.args), strings.NewReader(""), &out, &errs)
		if code != test.code || !strings.Contains(out.String(), test.out) || !strings.Contains(errs.String(), test.errs) {
			t.Errorf("sidecar %s: status %d\nout: %s\nerr: %s", test.args, code, out.String(), errs.String())
		}
	}
}
