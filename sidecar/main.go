// Command sidecar stands next to an LLM endpoint and makes that LLM reason better: it trains a process reward model (PRM)
// on the LLM's own errors, and serves the endpoint's API with decoding guided by it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// commands is the whole command line. A setting is defined once, as a flag; the config file has the same names.
type commands struct {
	Config   kong.ConfigFlag `help:"YAML file with the same settings as the flags (upstream: {url: …} is --upstream-url). Flags win." placeholder:"FILE"`
	LogLevel slog.Level      `help:"How much is logged to standard error: debug, info, warn or error." default:"info"`

	Train trainCommand `cmd:"" help:"Train a PRM on the LLM's own errors: the LLM corrupts correct steps, an oracle says what is wrong, the PRM learns to tell."`
	Eval  evalCommand  `cmd:"" help:"Measure: accuracy of the ways of decoding at equal tokens, or the PRM's step labels."`
	Serve serveCommand `cmd:"" help:"Serve the endpoint's own API, OpenAI and Ollama, with guided decoding."`
	Score scoreCommand `cmd:"" help:"Score the steps of traces read from standard input."`

	Oracle     oracleCommand     `cmd:"" help:"Measure what the oracle says of steps whose truth is known."`
	Probe      probeCommand      `cmd:"" help:"Ask the endpoint what it can do, and print it."`
	Checkpoint checkpointCommand `cmd:"" help:"Print what a checkpoint says of itself."`
	Healthy    healthyCommand    `cmd:"" help:"Exit with 0 when the sidecar at an address is ready (for container health checks)." hidden:""`
}

// streams is what a command reads and writes besides files.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

const description = `A sidecar for an LLM endpoint (Ollama or anything OpenAI-compatible).

  sidecar train --data problems.jsonl --out my.prm     train a PRM of the model you have
  sidecar eval answers --checkpoint my.prm --data …    see whether it helps, at equal tokens
  sidecar serve --checkpoint my.prm                    point your chat client at 127.0.0.1:8484`

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var cmd commands
	exit := -1
	parser, err := kong.New(&cmd,
		kong.Name("sidecar"),
		kong.Description(description),
		kong.Configuration(loadConfig),
		kong.Vars(defaults()),
		kong.Writers(out, errs),
		kong.Exit(func(code int) { exit = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
	if err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help has printed what was asked for
		return exit
	}
	if err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 2
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: cmd.LogLevel})))
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(streams{in: in, out: out, err: errs}); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			fmt.Fprintln(errs, "sidecar: interrupted; what was finished is kept, the same command goes on from there")
			return 130
		}
		fmt.Fprintln(errs, "sidecar:", err)
		return 1
	}
	return 0
}
