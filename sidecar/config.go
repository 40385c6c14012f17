package main

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// loadConfig reads a YAML file whose keys are the flags' names; a flag's prefix may be a mapping of its own, so that
// `upstream: {url: …}` and `upstream-url: …` say the same. Unknown keys are errors.
func loadConfig(r io.Reader) (kong.Resolver, error) {
	var tree map[string]any
	if err := yaml.NewDecoder(r).Decode(&tree); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config: %w", err)
	}
	settings := config{}
	if err := settings.flatten("", tree); err != nil {
		return nil, err
	}
	return settings, nil
}

// config maps a flag's name to its value in the file.
type config map[string]any

func (c config) flatten(prefix string, tree map[string]any) error {
	for key, value := range tree {
		name := prefix + key
		if sub, ok := value.(map[string]any); ok {
			if err := c.flatten(name+"-", sub); err != nil {
				return err
			}
			continue
		}
		if _, twice := c[name]; twice {
			return fmt.Errorf("config: %s is set twice", name)
		}
		c[name] = value
	}
	return nil
}

// Validate implements kong.Resolver: every key must be a flag of some command.
func (c config) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(app.Node)
	var unknown []string
	for name := range c {
		if !known[name] || name == "config" || name == "help" {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	if len(unknown) > 0 {
		return fmt.Errorf("config: no such setting: %s (the settings are the flags that `sidecar COMMAND --help` lists)",
			strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve implements kong.Resolver.
func (c config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := c[flag.Name]
	if !ok {
		return nil, nil
	}
	if list, ok := value.([]any); ok { // kong reads lists as it reads flags
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = fmt.Sprint(v)
		}
		return strings.Join(parts, ","), nil
	}
	return value, nil
}
