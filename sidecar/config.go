package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Say everything that is wrong with a file of settings."`
}

type configCheckCommand struct {
	File string `arg:"" help:"YAML file, as --config takes it." type:"existingfile"`
}

func (c *configCheckCommand) Run(app *kong.Kong, std streams) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	settings, err := given(loadConfig(app.Model, f))
	if err != nil {
		return err
	}
	if err := settings.check(); err != nil {
		return badInput{err}
	}
	_, err = fmt.Fprintf(std.out, "%s: good\n", c.File)
	return err
}

// loadConfig reads a YAML file whose keys are the names of the flags of some command, and whose values those flags
// take. All faults are reported at once, whichever command is run.
func loadConfig(app *kong.Application, r io.Reader) (config, error) {
	c := config{}
	file := yaml.NewDecoder(r)
	if err := file.Decode((*map[string]any)(&c)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config: %w", err)
	}
	if err := file.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("config: more than one document: what stands behind --- would not be read")
	}
	flags := map[string][]*kong.Flag{}
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		for _, f := range n.Flags {
			flags[f.Name] = append(flags[f.Name], f)
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(app.Node)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c)) {
		known := flags[name]
		if len(known) == 0 || name == "config" || name == "help" || name == "version" {
			perhaps := ""
			if near := meant(name, slices.Sorted(maps.Keys(flags))); near != "" {
				perhaps = fmt.Sprintf("; did you mean %s?", near)
			}
			errs = append(errs, fmt.Errorf("config: no such setting: %s%s (the settings are the flags that `sidecar COMMAND --help` lists)", name, perhaps))
			continue
		}
		value, err := c.text(name)
		taken, other := false, error(nil)
		for _, f := range known { // commands may give one name different kinds
			if err != nil {
				break
			}
			var word unknownWord
			switch refused := accepts(f, value); {
			case errors.As(refused, &word):
				other = refused // a word that one command doesn't know may be another's
			case refused != nil:
				err = refused
			default:
				taken = true
			}
		}
		if err == nil && !taken {
			err = other
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("config: %s: %w", name, err))
		}
	}
	return c, errors.Join(errs...)
}

// check has every command say what it could not live with, as it would at its start. What is missing is no fault of a
// file's: only what is said of its own settings counts.
func (c config) check() error {
	var cmd commands
	parser, err := kong.New(&cmd, kong.Vars(defaults()), kong.Resolvers(c))
	if err != nil {
		return err
	}
	var errs []error
	said := map[string]bool{}
	for _, node := range parser.Model.Leaves(false) {
		able, ok := node.Target.Addr().Interface().(interface{ Validate() error })
		if !ok {
			continue
		}
		var path []string
		for n := node; n.Type == kong.CommandNode; n = n.Parent {
			path = append([]string{n.Name}, path...)
		}
		given, err := kong.Trace(parser, path)
		if err == nil {
			err = given.Reset()
		}
		if err == nil {
			err = given.Resolve()
		}
		if err == nil {
			_, err = given.Apply()
		}
		if err == nil {
			err = able.Validate()
		}
		for line := range strings.Lines(messageOf(err)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "--")
			if name, _, _ := strings.Cut(line, " "); c[name] != nil && !said[line] {
				said[line] = true
				errs = append(errs, fmt.Errorf("config: %s", line))
			}
		}
	}
	return errors.Join(errs...)
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// config maps a flag's name to its value in the file.
type config map[string]any

// accepts says whether a flag can be set to value, without setting it.
func accepts(f *kong.Flag, value string) error {
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	as := *f.Value
	as.Active, as.Set = true, false // else kong doesn't look whether a file exists
	into := reflect.New(f.Target.Type()).Elem()
	if err := f.Mapper.Decode(&kong.DecodeContext{Value: &as, Scan: scan}, into); err != nil {
		return err
	}
	named := value
	if as, ok := into.Interface().(fmt.Stringer); ok { // several names may stand for one
		named = as.String()
	}
	if f.Enum != "" && !slices.Contains(f.EnumSlice(), named) {
		return unknownWord{fmt.Errorf("%q is none of %s", value, strings.Join(f.EnumSlice(), ", "))}
	}
	return nil
}

// unknownWord is the error of a value that is none of those that a flag takes.
type unknownWord struct{ error }

// text is a value as a flag would be given it.
func (c config) text(name string) (string, error) {
	switch value := c[name].(type) {
	case map[string]any:
		return "", errors.New("want a value, not a mapping")
	case []any: // kong reads lists as it reads flags
		parts := make([]string, len(value))
		for i, v := range value {
			parts[i] = fmt.Sprint(v)
		}
		return strings.Join(parts, ","), nil
	case nil:
		return "", errors.New("has no value")
	default:
		return fmt.Sprint(value), nil
	}
}

// Validate implements kong.Resolver; loadConfig has done it, before the first value is used.
func (c config) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (c config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if _, ok := c[flag.Name]; !ok {
		return nil, nil
	}
	value, err := c.text(flag.Name)
	var word unknownWord
	if err == nil && errors.As(accepts(flag, value), &word) {
		return nil, nil // it is another command's
	}
	return value, err
}
