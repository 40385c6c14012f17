package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"aprm/prm"
	"aprm/sidecar/server/dialect"
)

// parse reads a command line with the real commands and runs nothing.
func parse(t *testing.T, args ...string) (commands, error) {
	t.Helper()
	var cmd commands
	var parser *kong.Kong
	parser, err := kong.New(&cmd, kong.Configuration(func(r io.Reader) (kong.Resolver, error) { return loadConfig(parser.Model, r) }), kong.Vars(defaults()), kong.Exit(func(int) {}), kong.Bind(new(commandLine)))
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
	path := configFile(t, "upstream: 'http://host:1'\nupstream-model: m\nn: 16\nlisten: 127.0.0.1:1\nsearch-timeout: 30s\nstrategies: [greedy, guided]\n")
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
	if cmd, err = parse(t, "eval", "--config", path, "--problems", "config_test.go"); err != nil || len(cmd.Eval.Strategies) != 2 {
		t.Errorf("a list: %v, %v", cmd.Eval.Strategies, err)
	}
}

// All faults are said at once, those of settings that another command would read too.
func TestConfigFileFaults(t *testing.T) {
	for text, want := range map[string][]string{
		"upstreem: x":                           {"upstreem"},
		"n: 4\nmystery: 1\nenigma: 2":           {"mystery", "enigma"},
		"upstream: {url: b}":                    {"upstream", "mapping"},
		"n: [":                                  {"config"},
		"n: many\nstrategy: magic\nrounds: two": {"n: ", "strategy: ", "rounds: "},
		"aggregate: mean":                       {"min, product, last"},
		"listen:":                               {"listen", "no value"},
		"checkpoint: nowhere.prm":               {"checkpoint", "nowhere.prm"},
		"search-timeout: 5":                     {"search-timeout"},
		"n: 4\n---\nn: 5":                       {"more than one document"},
		"api-key: a\nkeys: config_test.go":      {"api-key and --keys can't be used together"},
	} {
		path := configFile(t, text)
		for _, args := range [][]string{{"serve", "--config", path}, {"config", "check", path}} {
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 2 {
				t.Errorf("%q, %s: status %d, want 2", text, args[0], code)
			}
			for _, w := range want {
				if !strings.Contains(errs.String(), w) {
					t.Errorf("%q, %s: %q doesn't name %q", text, args[0], errs.String(), w)
				}
			}
		}
	}
}

// TestExampleConfigs keeps the examples and the flags in step.
func TestExampleConfigs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "configs", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(kubernetes, "vllm.yaml"), filepath.Join(kubernetes, "ollama.yaml"))
	checked := 0
	for _, file := range files {
		if name := filepath.Base(file); strings.HasPrefix(name, "compose") || name == "prometheus.yaml" || name == "alerts.yaml" {
			continue
		} else if filepath.Dir(file) == kubernetes {
			file = settingsWithin(t, file)
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"config", "check", file}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Errorf("%s: status %d: %s", file, code, errs.String())
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("%d examples, want one of all settings and one for each kind of endpoint", checked)
	}
	cmd, err := parse(t, "serve", "--config", filepath.Join("..", "configs", "sidecar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	every, err := os.ReadFile(filepath.Join("..", "configs", "sidecar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range flagsOf(t, "serve") {
		if !regexp.MustCompile(`(?m)^(# )?` + name + `: `).Match(every) {
			t.Errorf("sidecar.yaml, of every setting, lacks %s", name)
		}
	}
	if !reflect.DeepEqual(cmd.Serve, plain.Serve) {
		t.Errorf("the example differs from the defaults:\n%+v\n%+v", cmd.Serve, plain.Serve)
	}
}

// flagsOf are the names of a command's flags that a file can set.
func flagsOf(t *testing.T, command string) (names []string) {
	t.Helper()
	parser, err := kong.New(new(commands), kong.Vars(defaults()))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Leaves(false) {
		if node.Name != command {
			continue
		}
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				if f.Name != "help" && f.Name != "config" && f.Name != "version" { // which are no settings
					names = append(names, f.Name)
				}
			}
		}
	}
	return names
}

// settingsWithin is a file of the settings in the ConfigMap of an example for Kubernetes.
func settingsWithin(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object struct {
			Kind string
			Data map[string]string
		}
		if err := dec.Decode(&object); err != nil {
			t.Fatalf("%s: no ConfigMap with sidecar.yaml: %v", file, err)
		}
		if object.Kind != "ConfigMap" {
			continue
		}
		path := filepath.Join(t.TempDir(), "sidecar.yaml")
		if err := os.WriteFile(path, []byte(object.Data["sidecar.yaml"]), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func TestUpstreamURL(t *testing.T) {
	for _, test := range []struct {
		given, url string
		dialect    dialect.Dialect
		fails      bool
	}{
		{given: "ollama://host:1", url: "http://host:1", dialect: dialect.Ollama},
		{given: "ollama+https://host", url: "https://host", dialect: dialect.Ollama},
		{given: "openai+http://host:1/v1", url: "http://host:1/v1", dialect: dialect.OpenAI},
		{given: "openai+https://host/v1", url: "https://host/v1", dialect: dialect.OpenAI},
		{given: "openai://host", fails: true},
		{given: "ftp://host", fails: true},
		{given: "ollama+ftp://host", fails: true},
		{given: "host:1", fails: true},
		{given: "nonsense", fails: true},
	} {
		u := upstreamFlags{URL: test.given, Model: "m"}
		err := u.resolve(t.Context(), 0)
		if (err != nil) != test.fails || err == nil && (u.URL != test.url || u.Dialect != test.dialect) {
			t.Errorf("%s: %s, %s, %v", test.given, u.URL, u.Dialect, err)
		}
	}
}

// untrained is a PRM that reads no hidden states and gives every step one half.
func untrained(t *testing.T) *prm.Model {
	t.Helper()
	header := prm.Fresh("", "", 0, prm.Shape{Projected: 1, Embedded: 4, Hidden: 4})
	m, err := prm.New(header, prm.NewWeights(header), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRun(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	model := filepath.Join(folder, "m.prm")
	if err := prm.Save(model, untrained(t)); err != nil {
		t.Fatal(err)
	}
	broken := write("broken.jsonl", `{"question":"q","answer":"#### 1"}`+"\n{oops\n")
	good := write("good.jsonl", `{"question":"q","answer":"1 + 1 = <<1+1=2>>2\\n#### 2"}`+"\n")
	measured := write("measured.json", `{"problems":["p"],"rows":[{"method":"majority-2","outcomes":[{"correct":1}]}]}`)
	const bench = `{"id":"a","problem":"How many?","steps":["3 + 4 = 7","7 + 1 = 9"],"label":1}` + "\n" + `{"id":"b","problem":"How many?","steps":["3 + 4 = 7"],"label":-1}` + "\n"
	for _, test := range []struct {
		args, in  string
		code      int
		out, errs string
	}{
		{args: "", out: "sidecar demo"},
		{args: "tasks --split test --n 2 --seed 3", out: `{"id":"toy-test-3-1","family":"`},
		{args: "tasks --corpus --n 1", out: `[["user","`},
		{args: "tasks --corpus --split test", code: 2, errs: "--split train only"},
		{args: "toy --problems 3 --n 2", out: "| all | 3 |"},
		{args: "probe --upstream builtin", out: `"Compact": true`},
		{args: "probe --upstream builtin --upstream-model gpt", code: 2, errs: `has no model "gpt"`},
		{args: "probe --upstream builtin --upstream-hidden-url http://127.0.0.1:1", code: 2, errs: "--upstream-hidden-url"},
		{args: "toy --problems=-1", code: 2, errs: "--problems must be at least 1"},
		{args: "toy --problems 2 --n 1 --json", out: `"mistakes":`},
		{args: "tasks --n=-1", code: 2, errs: "--n must be at least 0"},
		{args: "demo --unseen=-1", code: 2, errs: "--unseen must be at least 1"},
		{args: "demo --listen nowhere:x", code: 2, errs: "--listen"},
		{args: "--help", out: "eval"},
		{args: "serve --help", out: "--listen"},
		{args: "serve --help", out: "@particle"},
		{args: "serve --strategy magic", code: 2, errs: "particle"},
		{args: "version", out: "step splitter"},
		{args: "serve --n many", code: 2, errs: "--n"},
		{args: "dance", code: 2, errs: "dance"},
		{args: "serve --upstream nonsense", code: 2, errs: "no URL"},
		{args: "probe --upstream http://127.0.0.1:1", code: 1, errs: "no endpoint answers"},
		{args: "train --problems missing.jsonl", code: 2, errs: "missing.jsonl"},
		{args: "train --problems " + broken, code: 2, errs: "broken.jsonl:2"},
		{args: "eval --problems " + broken, code: 2, errs: "broken.jsonl:2"},
		{args: "eval --strategies magic --problems " + good, code: 2, errs: "magic"},
		{args: "eval --strategies guided --problems " + good, code: 2, errs: "--checkpoint"},
		{args: "prm show " + broken, code: 2, errs: "not a PRM checkpoint"},
		{args: "prm show " + model, out: `"id"`},
		{args: "prm score", code: 2, errs: "--checkpoint"},
		{args: "prm score --prm-url http://127.0.0.1:1", code: 2, errs: "--prm-model is missing"},
		{args: "prm score --prm-url http://127.0.0.1:1 --prm-model m --checkpoint " + model, code: 2, errs: "choose one"},
		{args: "prm score --prm-model m", code: 2, errs: "--prm-url"},
		{args: "prm score --prm-url nowhere --prm-model m", code: 2, errs: "no URL"},
		{args: "prm score --checkpoint " + broken, code: 2, errs: "not a PRM checkpoint"},
		{args: "prm score --checkpoint " + model, in: bench, out: `{"id":"a","scores":[0.`},
		{args: "prm score --checkpoint " + model, in: bench + "nonsense\n", code: 2, errs: "standard input:3"},
		{args: "prm eval --checkpoint " + model, in: bench, out: `{"n":2,"error_acc":`},
		{args: "prm eval --checkpoint " + model, in: `{"problem":"p","steps":["s"]}`, code: 2, errs: "labelled"},
		{args: "prm eval --table --checkpoint " + model, in: bench, out: "| PRM without hidden states |"},
		{args: "prm robust --checkpoint " + model, in: bench, out: "| padded: "},
		{args: "prm robust --checkpoint " + model, in: `{"problem":"p","steps":["s"]}`, code: 2, errs: "labelled"},
		{args: "prm robust --limit 40 --solutions ../configs/experiments/votes/train-0.5b.jsonl.gz --checkpoint " + model, out: "| padded: "},
		{args: "oracle step", in: `{"problem":"p","prefix":[],"step":"3 * 4 = 13"}`, out: `{"verdict":"wrong","reason":"`},
		{args: "oracle step", in: `{"problem":"p","step":"We think."}`, out: `{"verdict":"unknown","reason":"`},
		{args: "oracle step", in: `{"problem":"p"}`, code: 2, errs: `standard input:1: "step"`},
		{args: "oracle equal", in: `{"gold":"\\frac12","pred":"The answer is 0.5."}`, out: `{"equal":true,"gold_parsed":"1/2","pred_parsed":"0.5","reason":"`},
		{args: "oracle equal", in: `{"gold":"Monday","pred":"Tuesday"}`, out: `{"equal":false,`},
		{args: "oracle equal", in: `{"gold":"a cat","pred":"one cat"}`, out: `{"equal":null,`},
		{args: "oracle equal", in: `{"gold":"[1,2]","pred":"[1,2)"}`, out: `{"equal":false,`},
		{args: "oracle equal", in: `{"gold":"1"}`, code: 2, errs: `standard input:1: want the texts`},
		{args: "compare " + measured + " " + measured, out: "| majority-2 |"},
		{args: "compare " + measured + " " + good, code: 2, errs: "eval --json"},
		{args: "compare " + measured + " " + broken, code: 2, errs: "eval --json"},
		{args: "oracle audit --problems " + good, out: "| as they stand | 1 |"},
		{args: "oracle audit --layers arithmetic --problems " + good, out: "| as they stand | 1 |"},
		{args: "oracle audit --layers rollouts --rollouts 4 --upstream builtin --problems " + good, out: "| as they stand | 1 |"},
		{args: "oracle audit --layers rollouts --rollouts 2 --upstream builtin --problems " + good, code: 2, errs: "--rollouts must be at least 4"},
		{args: "oracle audit --layers guesses --problems " + good, code: 2, errs: `"guesses" is none of`},
		{args: "oracle audit --layers jury --upstream builtin --problems " + good, code: 2, errs: "can't be on a jury"},
		{args: "experiment run --upstream http://127.0.0.1:1 ../configs/experiments/toy.yaml", code: 2, errs: "is an experiment with builtin"},
		{args: "experiment run " + good, code: 2, errs: "experiment:"},
		{args: "experiment run " + broken + "x", code: 2, errs: "no such file"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(test.args), strings.NewReader(test.in), &out, &errs)
		if code != test.code || !strings.Contains(out.String(), test.out) || !strings.Contains(errs.String(), test.errs) {
			t.Errorf("sidecar %s: status %d\nout: %s\nerr: %s", test.args, code, out.String(), errs.String())
		}
	}
}
