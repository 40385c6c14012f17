// Command sidecar stands next to an LLM endpoint and makes that LLM reason better: it trains a process reward model
// (PRM) on the LLM's own errors, and serves the endpoint's API with decoding guided by it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// commands is the whole command line. A setting is defined once, as a flag; the config file has the same names.
type commands struct {
	Settings  settingsFlag `name:"config" help:"YAML file with the same settings as the flags (upstream-model: … is --upstream-model). Flags win." placeholder:"FILE"`
	LogFormat string       `help:"How it is logged: words for people, text (key=value), or json for machines; unless it is said, text by serve and words by all others." enum:",words,text,json" placeholder:"KIND" default:""`
	LogLevel  slog.Level   `help:"How much is logged to standard error: debug, info, warn or error." default:"info"`

	Train trainCommand `cmd:"" help:"Train a PRM of the LLM: from its recorded answers, or by the game, in which it corrupts correct steps and an oracle says what is wrong."`
	Eval  evalCommand  `cmd:"" help:"Measure whether it helps: greedy, votes, best-of-N and searches step by step side by side, at equal tokens."`
	Serve serveCommand `cmd:"" help:"Serve the endpoint's own API, OpenAI and Ollama, with guided decoding."`
	Ask   askCommand   `cmd:"" help:"Ask one question, and see the search at work: candidates, steps and their scores as they come."`
	Demo  demoCommand  `cmd:"" help:"Show it all in a minute or two, with the embedded toy model: train a PRM, measure it on unseen problems, serve it."`
	Tasks tasksCommand `cmd:"" help:"Write word problems of the toy world, with worked solutions."`

	Sample sampleCommand `cmd:"" help:"Draw answers to many problems and keep them, with log-probabilities: what train --solutions learns from."`

	Examine examineCommand `cmd:"" help:"Ask the LLM about its recorded answers again: whether it takes them to be right, and its hidden states."`

	Worker workerCommand `cmd:"" help:"Work for commands that run with --nats: have the endpoint answer what they put into the queue."`

	Trace traceCommand `cmd:"" help:"Show what a search did: its candidates as a tree, with scores, why each was kept or dropped, and where the time went."`

	Compare compareCommand `cmd:"" help:"Say by how much one measurement (eval --json) is better than another, paired by problem."`

	Experiment experimentCommand `cmd:"" help:"Remake a study from a file: PRMs trained in several ways, compared with seeds and intervals."`

	Toy toyCommand `cmd:"" help:"Measure the embedded model itself on the toy world: accuracy, votes, pass@N and kinds of mistakes, by family."`

	Dataset datasetCommand `cmd:"" help:"Convert files of labelled solutions and of problems."`

	Checkpoint checkpointCommand `cmd:"" help:"Say which of the checkpoints that trainers announce in NATS is served by all sidecars there: list, promote, pin, roll back."`

	PRM        prmCommand        `cmd:"" name:"prm" help:"Score steps with a PRM, measure it on labelled steps, or print what its checkpoint says."`
	Oracle     oracleCommand     `cmd:"" help:"Ask the oracle whether steps are truly wrong, or audit it on steps whose truth is known."`
	Probe      probeCommand      `cmd:"" help:"Ask the endpoint what it can do, and print it."`
	Config     configCommand     `cmd:"" help:"Check a file of settings."`
	Shown      showVersion       `name:"version" help:"Print the version."`
	Version    versionCommand    `cmd:"" help:"Print the version of this build and of what its checkpoints hold."`
	Key        keyCommand        `cmd:"" help:"Make keys up that clients are let in with."`
	Completion completionCommand `cmd:"" help:"Print what has a shell complete commands, flags and their values."`
	Manual     manualCommand     `cmd:"" help:"Print the manual page: sidecar manual > sidecar.1, then man ./sidecar.1."`
	Recording  recordingCommand  `cmd:"" help:"Check a file that the LLM's answers are kept in, and mend it."`
	Healthy    healthyCommand    `cmd:"" help:"Exit with 0 when the sidecar at an address is ready (for container health checks)." hidden:""`
}

// streams is what a command reads and writes besides files.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

const description = `Stands between chat clients and an LLM endpoint (Ollama or anything OpenAI-compatible) and makes that LLM reason better: it draws
several answers, scores their steps with a process reward model (PRM), and keeps what is right. It trains the PRM of the very LLM you have, on a CPU.

  sidecar                                                    see what answers on this machine
  sidecar demo                                               see it work with no endpoint at all
  sidecar sample --problems train.jsonl --out answers.jsonl  draw answers of the model you have
  sidecar train --solutions answers.jsonl --out my.prm       train a PRM of it
  sidecar eval --checkpoint my.prm --problems dev.jsonl      see whether it helps, at equal tokens
  sidecar serve --checkpoint my.prm                          point your chat client at 127.0.0.1:8484

Exit status: 0 done; 1 something failed, such as the endpoint; 2 what was given is at fault: a flag, a setting, a file.`

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	if err := withoutEmpty("SIDECAR_"); err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 1
	}
	var cmd commands
	line := &commandLine{args: args}
	exit := -1
	var parser *kong.Kong
	parser, err := kong.New(&cmd,
		kong.Name("sidecar"),
		kong.Description(description),
		kong.Configuration(func(r io.Reader) (kong.Resolver, error) { return loadConfig(parser.Model, r) }),
		kong.Vars(defaults()),
		kong.Writers(out, errs),
		kong.Exit(func(code int) { exit = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Bind(line),
	)
	if err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 2
	}
	if len(args) == 0 {
		fmt.Fprint(out, found(discover(ctx, usual)))
		return 0
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help has printed what was asked for
		return exit
	}
	if err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 2
	}
	options := &slog.HandlerOptions{Level: cmd.LogLevel}
	var log slog.Handler = newWords(errs, cmd.LogLevel)
	switch {
	case cmd.LogFormat == "json":
		log = slog.NewJSONHandler(errs, options)
	case cmd.LogFormat == "text", cmd.LogFormat == "" && parsed.Command() == "serve":
		log = slog.NewTextHandler(errs, options)
	}
	slog.SetDefault(slog.New(log))
	work, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	parsed.BindTo(context.WithValue(work, giveUpKey{}, func(why error) {
		giveUp(fmt.Errorf("%w%s", why, goesOn))
	}), (*context.Context)(nil))
	if err := existing(parsed); err != nil {
		fmt.Fprintln(errs, "sidecar:", err)
		return 2
	}
	err = parsed.Run(streams{in: in, out: out, err: errs})
	if cause := context.Cause(work); cause != nil && ctx.Err() == nil { // also where the command made do with what it had
		err = cause
	}
	if err = advised(err); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			said := "interrupted"
			if c, may := parsed.Selected().Target.Addr().Interface().(keeping); may && c.keeps() {
				said += goesOn
			}
			fmt.Fprintln(errs, "sidecar:", said)
			return 130
		}
		fmt.Fprintln(errs, "sidecar:", err)
		if errors.As(err, &badInput{}) {
			return 2
		}
		return 1
	}
	return 0
}

// withoutEmpty takes out of the environment what is set to nothing, as files for containers do (${KEY:-}): it gives no
// setting.
func withoutEmpty(prefix string) error {
	var errs []error
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" && strings.HasPrefix(name, prefix) {
			errs = append(errs, os.Unsetenv(name))
		}
	}
	return errors.Join(errs...)
}

// keeping is a command that may keep what it has finished when it is interrupted, for its next run; keeps reports
// whether it does, as it was given.
type keeping interface{ keeps() bool }

const goesOn = "; what was finished is kept, the same command goes on from there"

func (c *trainCommand) keeps() bool         { return c.Problems != "" } // answers that were recorded are only read
func (c *evalCommand) keeps() bool          { return c.Problems != "" && c.Answers.Replay == "" }
func (c *sampleCommand) keeps() bool        { return true }
func (c *examineCommand) keeps() bool       { return true }
func (c *experimentRunCommand) keeps() bool { return true }

// giveUpKey holds in a command's context what ends the command with the reason why it can't go on.
type giveUpKey struct{}

// commandLine is what the process was started with, to be read again: the files that it names may say something else by
// then.
type commandLine struct {
	args []string
	seen digests // what the file that --config names held before it was read
}

// again reads it, and says everything that is wrong with it now. seen is what the file that --config names held before
// it was read.
func (l *commandLine) again() (cmd *commands, seen digests, err error) {
	cmd = &commands{}
	line := &commandLine{}
	var parser *kong.Kong
	parser, err = kong.New(cmd, kong.Vars(defaults()), kong.Exit(func(int) {}),
		kong.Configuration(func(r io.Reader) (kong.Resolver, error) { return loadConfig(parser.Model, r) }), kong.Bind(line))
	if err != nil {
		return nil, nil, err
	}
	parsed, err := parser.Parse(l.args)
	if err == nil {
		err = existing(parsed)
	}
	return cmd, line.seen, err
}

// atLeast is the error of a flag below its least value.
func atLeast[T int | time.Duration](least T, flag string, value T) error {
	if value >= least {
		return nil
	}
	return fmt.Errorf("%s must be at least %v, is %v", flag, least, value)
}

// within is the error of a flag that isn't from 0 to most, which NaN isn't.
func within(flag string, value, most float64) error {
	if value >= 0 && value <= most {
		return nil
	}
	return fmt.Errorf("%s must be from 0 to %g, is %g", flag, most, value)
}

// above is the error of a flag that isn't above 0, or is too great.
func above(flag string, value, most float64) error {
	if value > 0 && value <= most {
		return nil
	}
	return fmt.Errorf("%s must be above 0 and at most %g, is %g", flag, most, value)
}

// badInput marks an error as the fault of what was given: a flag, a setting, a file.
type badInput struct{ error }

func (b badInput) Unwrap() error { return b.error }

// given passes on what reading an input returned, and marks its error.
func given[T any](value T, err error) (T, error) {
	if err != nil {
		err = badInput{err}
	}
	return value, err
}

// logClose logs what closing a file said, where there is nobody to return it to.
func logClose(err error) {
	if err != nil {
		slog.Error("closing", "err", err)
	}
}
