package main

import (
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// TestWay: --strategy, the setting and what stands behind the @ of a model's name are one name.
func TestWay(t *testing.T) {
	type named struct {
		strategy string
		n        int
		kinds    step.Kinds
	}
	for name, want := range map[string]*named{
		"raw": {strategy: "raw"}, "auto": {strategy: decode.Auto}, "best_of_n": {strategy: decode.BestOfN}, "best-of": {strategy: decode.BestOfN},
		"best-of-8": {decode.BestOfN, 8, ""}, "vote-3": {decode.WeightedVote, 3, ""}, "auto-mixed-4": {decode.Auto, 4, step.Mixed}, "guided-2": {decode.Guided, 2, ""},
		"magic": nil, "best-of-0": nil, "best-of-65": nil, "raw-2": nil, "greedy-2": nil, "": nil,
	} {
		for from, args := range map[string][]string{"flag": {"serve", "--strategy", name}, "flag=": {"ask", "--strategy=" + name, "why?"}, "file": {"serve"}} {
			var cmd commands
			parser, err := kong.New(&cmd, kong.Vars(defaults()), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if from == "file" {
				settings, err := loadConfig(parser.Model, strings.NewReader("strategy: '"+name+"'\n"))
				if (err == nil) != (want != nil) {
					t.Errorf("%q from a file: %v", name, err)
				}
				if err != nil {
					continue
				}
				if parser, err = kong.New(&cmd, kong.Vars(defaults()), kong.Resolvers(settings)); err != nil {
					t.Fatal(err)
				}
			}
			_, err = parser.Parse(args)
			given := cmd.Serve.Strategy
			if from == "flag=" {
				given = cmd.Ask.Strategy
			}
			var options decode.Options
			given.into(&options)
			got := named{given.String(), options.N, options.Kinds}
			switch {
			case want == nil && err == nil:
				t.Errorf("%s %q is taken for %+v", from, name, got)
			case want == nil && !strings.Contains(err.Error(), "best_of_n"):
				t.Errorf("%s %q: it isn't said what there is: %v", from, name, err)
			case want != nil && from == "flag=" && name == "raw": // ask has none
			case want != nil && (err != nil || got != *want):
				t.Errorf("%s %q: %+v, %v, want %+v", from, name, got, err, *want)
			}
		}
	}
	options := decode.Options{N: 4, Kinds: step.OnlyProse}
	way("vote").into(&options)
	if options.N != 4 || options.Kinds != step.OnlyProse {
		t.Errorf("%+v", options)
	}
	for name, want := range map[string]string{"vote": decode.WeightedVote, "vote-8": decode.WeightedVote, "vote-4": "vote-4", "weighted_vote": decode.WeightedVote, "nothing": "nothing"} {
		if got := strategyNamed(name, 8); got != want {
			t.Errorf("%s of 8: %s, want %s", name, got, want)
		}
	}
}
