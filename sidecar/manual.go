package main

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCommand prints the manual page, for packages; what it says is what --help says.
type manualCommand struct{}

func (c *manualCommand) Run(parsed *kong.Context, std streams) error {
	return manual(std.out, parsed.Model)
}

// roff is a text as a manual page takes it: no character of it is a request or an escape.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// manual writes the page of section 1 in man(7)'s macros: every command that help shows, with its own flags, those of
// all commands once.
func manual(out io.Writer, app *kong.Application) error {
	var b strings.Builder
	about, examples, _ := strings.Cut(app.Help, "\n\n")
	fmt.Fprintf(&b, ".TH SIDECAR 1 \"\" \"sidecar %s\" \"User Commands\"\n", roff(builtAs().version))
	fmt.Fprintf(&b, ".SH NAME\nsidecar \\- makes the LLM of an endpoint reason better\n.SH SYNOPSIS\n.B sidecar\n.I COMMAND\n[\\fIflags\\fR]\n")
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n.PP\n.nf\n%s\n.fi\n", roff(about), roff(examples))
	b.WriteString(".SH OPTIONS OF ALL COMMANDS\n")
	for _, f := range app.Flags {
		manualFlag(&b, f)
	}
	b.WriteString(".SH COMMANDS\n")
	var environment []string
	for _, node := range app.Leaves(true) {
		if node.Hidden {
			continue
		}
		fmt.Fprintf(&b, ".SS %s\n%s\n", roff(strings.TrimPrefix(node.FullPath(), app.Name+" ")), roff(node.Help))
		if node.Detail != "" {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roff(node.Detail))
		}
		for _, p := range node.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(p.ShortSummary()), roff(p.Help))
		}
		for at := node; at != nil && at.Type != kong.ApplicationNode; at = at.Parent {
			for _, f := range at.Flags {
				manualFlag(&b, f)
				environment = append(environment, f.Envs...)
			}
		}
	}
	b.WriteString(".SH ENVIRONMENT\nA flag wins over its environment variable, that over the file that \\-\\-config names.\n")
	slices.Sort(environment)
	for _, name := range slices.Compact(environment) {
		fmt.Fprintf(&b, ".TP\n.B %s\nThe flag that names it above.\n", roff(name))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// manualFlag writes what a flag is called, takes, does, and is by default.
func manualFlag(b *strings.Builder, f *kong.Flag) {
	if f.Hidden {
		return
	}
	name := "--" + f.Name
	if f.Tag.Negatable != "" && f.Default == "true" {
		name = "--[no-]" + f.Name
	}
	value := ""
	if !f.IsBool() {
		value = " \\fI" + roff(cmp.Or(f.PlaceHolder, kindOf(f.Target.Kind(), f.Target.Type().Name()))) + "\\fR"
	}
	help := f.Help
	if f.Default != "" && !f.IsBool() && !strings.Contains(f.Default, "\n") {
		help += " Default: " + f.Default + "."
	}
	if len(f.Envs) > 0 {
		help += " Environment: " + strings.Join(f.Envs, ", ") + "."
	}
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR%s\n%s\n", roff(name), value, roff(help))
}

// kindOf is what stands for a flag's value where it says nothing itself.
func kindOf(kind reflect.Kind, name string) string {
	switch {
	case name == "Duration":
		return "TIME"
	case name == "Level" || kind == reflect.String || kind == reflect.Slice:
		return "WORD"
	}
	return "NUMBER"
}
