package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"aprm/generator"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
	"aprm/sidecar/server"
)

type serveCommand struct {
	Upstream upstreamFlags `embed:""`
	PRM      modelFlags    `embed:""`
	Decode   decodeFlags   `embed:""`

	Listen        string        `help:"Address to serve at." default:"127.0.0.1:8484"`
	APIKey        string        `help:"Bearer token that clients must present; none lets everyone in." env:"SIDECAR_API_KEY"`
	Strategy      string        `help:"What a bare model name gets: ${enum}; auto is weighted_vote with a checkpoint and raw without." default:"auto" enum:"auto,raw,${strategies}"`
	Instruction   string        `help:"Sentence added to the system message of guided requests; 'none' adds nothing." default:"${instruction}"`
	MaxSearches   int           `help:"Searches at a time; more wait." default:"16"`
	SearchTimeout time.Duration `help:"Of one search; what is best by then is the answer." default:"10m"`
	ShowSearch    bool          `help:"Tell clients of each search as thoughts before the answer (reasoning_content, thinking), unless a request's prm.show_search says no."`
}

func (c *serveCommand) Run(ctx context.Context, std streams) error {
	if err := c.Upstream.resolve(ctx); err != nil {
		return err
	}
	open, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than ctx: answers that have begun are finished
	defer stop()
	target, err := c.Upstream.listen(open)
	if err != nil {
		return err
	}
	instruction := c.Instruction
	if instruction == "none" {
		instruction = ""
	}
	e, err := c.PRM.engine(c.Upstream.open, instruction)
	if err == nil && c.Upstream.URL == builtinURL && c.PRM.Checkpoint == "" {
		err = useShipped(e)
	}
	if err != nil {
		return err
	}
	llm, err := c.Upstream.open("")
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		return err
	}
	slog.Info("upstream", "url", c.Upstream.URL, "dialect", c.Upstream.Dialect, "capabilities", caps)

	options := c.Decode.options()
	options.Strategy = c.Strategy
	id, trained := e.Checkpoint()
	if c.Strategy == "auto" {
		options.Strategy = "raw"
		if trained {
			options.Strategy = decode.WeightedVote
		}
	}
	if !trained && decode.NeedsPRM(options.Strategy) {
		return badInput{fmt.Errorf("--strategy %s needs a PRM: train one with `sidecar train --problems FILE --out my.prm` and serve it with --checkpoint my.prm", options.Strategy)}
	}
	srv, err := server.New(server.Config{
		Upstream: target, Dialect: c.Upstream.Dialect, UpstreamKey: c.Upstream.Key, APIKey: c.APIKey,
		Model: c.Upstream.Model, Tools: caps.Tools, Defaults: options, MaxSearches: c.MaxSearches, SearchTimeout: c.SearchTimeout, ShowSearch: c.ShowSearch,
	}, e)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprint(std.out, c.welcome(ln.Addr().String(), options.Strategy, id, trained))
	return srv.Run(ctx, ln)
}

// welcome says how to use what has just started.
func (c *serveCommand) welcome(addr, strategy, id string, trained bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sidecar before %s\n", c.Upstream.name())
	fmt.Fprintf(&b, "  point an OpenAI client at  http://%s/v1\n  point an Ollama client at  http://%s\n", addr, addr)
	example := "majority-4"
	if trained {
		example = "vote-8"
		fmt.Fprintf(&b, "  PRM %s: %s answers by %s; %s@%s pick another way\n", id, c.Upstream.Model, strategy, c.Upstream.Model, strings.Join(append(server.DefaultNames(), "beam-8", "dvts-8", "particle-8", "rebase-8"), ", @"))
	} else {
		fmt.Fprintf(&b, "  no PRM is loaded, so requests go to the endpoint as they are; %s@majority-8 takes a vote.\n"+
			"  To train one: sidecar train --upstream %s --upstream-model %s --problems FILE --out my.prm\n"+
			"  then:         sidecar serve --checkpoint my.prm\n", c.Upstream.Model, c.Upstream.URL, c.Upstream.Model)
	}
	fmt.Fprintf(&b, "  try: curl http://%s/v1/chat/completions -d '{\"model\":\"%s@%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?\"}]}'\n",
		addr, c.Upstream.Model, example)
	return b.String()
}

// defaults are values that the flags' help, defaults and ranges name.
func defaults() map[string]string {
	var names []string
	for _, d := range decode.Strategies() {
		names = append(names, d.Name)
	}
	return map[string]string{"instruction": generator.Instruction, "strategies": strings.Join(names, ","), "measured": strings.Join(eval.Strategies(), ", ")}
}
