package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestCompletion: what a shell is offered for the words so far.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]struct{ has, lacks []string }{
		"":                                {[]string{"serve", "train", "completion"}, []string{"healthy", "--config"}},
		"se":                              {[]string{"serve"}, []string{"train"}},
		"experiment ":                     {[]string{"run"}, []string{"serve"}},
		"serve --ups":                     {[]string{"--upstream", "--upstream-model"}, []string{"--listen"}},
		"serve --strategy ":               {[]string{"auto", "guided", "raw"}, []string{"serve"}},
		"serve --strategy=raw --listen ":  {nil, []string{"serve", "raw"}},
		"--log-format json serve --admin": {[]string{"--admin-listen"}, nil},
		"serve --show-search --tls":       {[]string{"--tls-cert", "--tls-key"}, nil},
		"serve --strategy = gu":           {[]string{"guided"}, []string{"auto"}}, // so bash splits --strategy=gu
		"serve --strategy =":              {[]string{"auto", "guided"}, nil},
		"sample --kind p":                 {[]string{"prose", "program"}, nil},
	} {
		args := append([]string{"completion", "words", "--"}, strings.Split(line, " ")...)
		got := strings.Fields(command(t, 0, args...))
		for _, w := range want.has {
			if !slices.Contains(got, w) {
				t.Errorf("%q: no %s in %v", line, w, got)
			}
		}
		for _, w := range want.lacks {
			if slices.Contains(got, w) {
				t.Errorf("%q: %s in %v", line, w, got)
			}
		}
	}
}

// TestBashCompletes: what bash makes of its script for a line that somebody types.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	const stand = "sidecar() { echo --one; echo 'a b'; echo \"$@\" >&3; }\n"
	script := stand + command(t, 0, "completion", "bash") + "COMP_WORDS=(sidecar serve --ups) COMP_CWORD=2\n_sidecar 3>/dev/stdout\nprintf '[%s]' \"${COMPREPLY[@]}\""
	out, err := exec.Command(bash, "-c", script).CombinedOutput()
	if got := string(out); err != nil || got != "completion words -- serve --ups\n[--one][a b]" {
		t.Errorf("%v: %s", err, got)
	}
}

// TestCompletionScripts: each shell that is there takes its script.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := command(t, 0, "completion", shell)
		if !strings.Contains(script, "sidecar completion words") && !strings.Contains(script, `completion words -- "${`) {
			t.Errorf("%s: %s", shell, script)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s isn't here: its script was not tried", shell)
			continue
		}
		if strings.Contains(script, "mapfile") {
			t.Errorf("%s: macOS has a bash 3.2, which knows no mapfile", shell)
		}
		if out, err := exec.Command(path, "-n", "-c", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
}
