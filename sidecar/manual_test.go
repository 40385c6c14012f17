package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestManual: the page has every command and flag that help has, and no word of theirs is taken for one of its macros.
func TestManual(t *testing.T) {
	page := command(t, 0, "manual")
	parser, err := kong.New(new(commands), kong.Name("sidecar"), kong.Vars(defaults()))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Leaves(true) {
		if node.Hidden {
			continue
		}
		_, of, found := strings.Cut(page, "\n.SS "+roff(strings.TrimPrefix(node.FullPath(), "sidecar "))+"\n")
		if !found {
			t.Errorf("no command %s", node.FullPath())
			continue
		}
		of, _, _ = strings.Cut(of, "\n.S")
		for _, f := range node.Flags {
			if !f.Hidden && !strings.Contains(of, roff(f.Name)+`\fR`) {
				t.Errorf("%s: no --%s", node.FullPath(), f.Name)
			}
		}
	}
	macro := regexp.MustCompile(`^\.(TH|SH|SS|TP|PP|B|I|nf|fi)( |$)`)
	for i, line := range strings.Split(page, "\n") {
		if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && !macro.MatchString(line) {
			t.Errorf("line %d would be taken for a macro: %s", i+1, line)
		}
	}
	if got := roff(".hidden\n'quoted' a\\b --c"); got != "\\&.hidden\n\\&'quoted' a\\eb \\-\\-c" {
		t.Errorf("%q", got)
	}
}
