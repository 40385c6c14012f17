package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"aprm/adapters"
	"aprm/generator"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
	"aprm/sidecar/server"
	"aprm/sidecar/trace/span"
)

type serveCommand struct {
	Upstream upstreamFlags `embed:"" group:"Endpoint:"`
	PRM      modelFlags    `embed:"" group:"PRM:"`
	Decode   decodeFlags   `embed:"" group:"Search:"`

	Listen        string        `help:"Address to serve at." default:"127.0.0.1:8484"`
	APIKey        string        `help:"Bearer token that clients must present; none lets everyone in." env:"SIDECAR_API_KEY" placeholder:"KEY"`
	Strategy      string        `help:"What a bare model name gets: raw or one of the strategies above. Without a PRM auto is raw here, and NAME@auto a plain vote that stops early. auto weighs votes by the PRM only where CHECKPOINT.gate.json, which train and eval write, says that this helps." default:"auto" enum:"raw,${strategies}"`
	Instruction   string        `help:"What is added to the system message of requests that are searched: to go in short steps and to end with #### and the number, unless told otherwise; 'none' adds nothing." placeholder:"TEXT" default:"${instruction}"`
	MaxSearches   int           `help:"So many searches at a time; more wait their turn." default:"16"`
	SearchTimeout time.Duration `help:"Longest time for one search; what is best by then is the answer." default:"10m"`
	ProbeWait     time.Duration `help:"How long starting waits for the endpoint to show what it can do. Then it serves: until that is known, searches ask for nothing that not every endpoint can do." default:"30s"`
	ShowSearch    bool          `help:"Tell clients of each search as thoughts before the answer (reasoning_content, thinking), unless a request's prm.show_search says no."`

	Traces       int    `help:"Keep the traces of so many last searches, for 'sidecar trace' and /v1/prm/traces; 0 keeps none." default:"256"`
	TraceTexts   bool   `help:"Keep questions and texts in the traces; false leaves them out." default:"true" negatable:""`
	OTLPEndpoint string `name:"otlp-endpoint" help:"Send the traces, without texts, as spans to the OpenTelemetry collector at this URL (OTLP by HTTP). Without it, to where OTEL_EXPORTER_OTLP_ENDPOINT says, if it is set." placeholder:"URL"`
}

func (c *serveCommand) Help() string {
	var b strings.Builder
	b.WriteString(`Chat clients point at the sidecar instead of at the endpoint. What is no reasoning problem (and tools, images, JSON schemas) goes to the endpoint byte for
byte. Without a checkpoint so does everything else, unless the model's name asks otherwise:

  sidecar serve --upstream http://127.0.0.1:8080                       the endpoint as it is; MODEL@majority-8 is a plain vote
  sidecar serve --upstream http://127.0.0.1:8080 --checkpoint my.prm   guided by the PRM that 'sidecar train' made of that model
  sidecar serve --upstream builtin                                     to try it: the embedded toy model and its PRM

A client picks a way of answering by the model's name, as MODEL@SUFFIX or, but for raw and greedy, MODEL@SUFFIX-N, or by "prm":{"strategy":…} in the request. N is
the number of candidates. Strategies, with their suffixes (* needs a PRM):

`)
	for _, d := range decode.Strategies() {
		star := " "
		if d.NeedsPRM {
			star = "*"
		}
		fmt.Fprintf(&b, "  %-14s@%-10s%s %s\n", d.Name, server.Suffix(d.Name), star, d.Help)
	}
	return b.String()
}

func (c *serveCommand) Validate() error {
	return errors.Join(c.Decode.check(), atLeast(1, "--max-searches", c.MaxSearches), atLeast(0, "--traces", c.Traces),
		atLeast(0, "--search-timeout", c.SearchTimeout), atLeast(0, "--probe-wait", c.ProbeWait))
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
	llm, err := c.Upstream.open("")
	if err != nil {
		return err
	}
	e, err := c.PRM.engine(func(model string) (adapters.LLM, error) {
		if model == "" || model == c.Upstream.Model {
			return llm, nil // by either name the same slots, and one probe
		}
		return c.Upstream.open(model)
	}, instruction)
	if err != nil {
		return err
	}
	var gate *decode.Gate
	where := gatePath(c.PRM.Checkpoint)
	switch {
	case c.PRM.Checkpoint != "":
		gate, err = readGate(c.PRM.Checkpoint)
	case c.Upstream.URL == builtinURL && !c.PRM.named():
		if err = useShipped(e); err == nil {
			where = "in the program"
			gate, err = decode.ParseGate(shippedGate)
		}
	}
	if err != nil {
		return err
	}
	e.Trust(gate)
	var tools atomic.Bool
	wait, err := c.probe(ctx, llm, func(caps adapters.Capabilities) error {
		slog.Info("upstream", "url", c.Upstream.URL, "dialect", c.Upstream.Dialect, "capabilities", caps)
		tools.Store(caps.Tools)
		return explainGate(ctx, e, gate, where)
	})
	if err != nil {
		return err
	}
	defer wait()

	options := c.Decode.options()
	options.Strategy = c.Strategy
	id, trained := e.Checkpoint()
	if c.Strategy == decode.Auto && !trained { // a person who only looks in is not to pay for votes
		options.Strategy = "raw"
	}
	if !trained && decode.NeedsPRM(options.Strategy) {
		return badInput{fmt.Errorf("--strategy %s needs a PRM: train one with `sidecar train --problems FILE --out my.prm` and serve it with --checkpoint my.prm, or name another server's with --prm-url", options.Strategy)}
	}
	exporter, shutdown, err := c.exporter(ctx)
	if err != nil {
		return err
	}
	defer shutdown()
	srv, err := server.New(server.Config{
		Upstream: target, Dialect: c.Upstream.Dialect, UpstreamKey: c.Upstream.Key, APIKey: c.APIKey,
		Model: c.Upstream.Model, Tools: tools.Load, Defaults: options, MaxSearches: c.MaxSearches, SearchTimeout: c.SearchTimeout, ShowSearch: c.ShowSearch,
		StepToken: c.PRM.Remote.StepToken, GoodFirst: c.PRM.Remote.Column == 0,
		Traces: c.Traces, NoTraceTexts: !c.TraceTexts, TraceExporter: exporter,
	}, e)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return badInput{fmt.Errorf("--listen: %w; choose another address", err)}
	}
	fmt.Fprint(std.out, c.welcome(ln.Addr().String(), options.Strategy, id, trained))
	return srv.Run(ctx, ln)
}

// probeAgain is the pause after a probe that failed.
const probeAgain = 10 * time.Second

// probe probes the endpoint and tells known what was found. One that takes long is waited for no longer than ProbeWait: it goes
// on, again and again if it fails, until it is known or ctx ends, and until then searches ask the endpoint for nothing that not every
// endpoint can do. The error is of a probe that failed at once. wait ends the probe and waits for its end.
func (c *serveCommand) probe(ctx context.Context, llm adapters.LLM, known func(adapters.Capabilities) error) (wait func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	first, started := make(chan error), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for try := 0; ; try++ {
			caps, err := llm.Capabilities(ctx)
			if err == nil {
				err = known(caps)
			}
			if try == 0 {
				select {
				case first <- err:
					if err != nil {
						return
					}
				case <-started:
				}
			}
			if err == nil || ctx.Err() != nil {
				return
			}
			slog.Warn("searches make do with what every endpoint can do", "err", err, "asked again in", probeAgain)
			select {
			case <-time.After(probeAgain):
			case <-ctx.Done():
				return
			}
		}
	}()
	wait = func() { cancel(); <-ended }
	select {
	case err = <-first:
	case <-time.After(c.ProbeWait):
		close(started)
		slog.Warn("the endpoint takes its time to show what it can do: serving meanwhile, searches make do with what every endpoint can")
	}
	if err != nil {
		wait()
	}
	return wait, err
}

// exporter is where traces are sent to, nil for nowhere; shutdown sends what is left.
func (c *serveCommand) exporter(ctx context.Context) (exporter server.TraceExporter, shutdown func(), err error) {
	if c.OTLPEndpoint == "" && os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("traces are not exported", "err", err) }))
	spans, err := span.OTLP(ctx, c.OTLPEndpoint)
	if err != nil {
		return nil, nil, badInput{fmt.Errorf("--otlp-endpoint: %w", err)}
	}
	return spans, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		logClose(spans.Shutdown(ctx))
	}, nil
}

// welcome says how to use what has just started.
func (c *serveCommand) welcome(addr, strategy, id string, trained bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sidecar before %s\n", c.Upstream.name())
	fmt.Fprintf(&b, "  point an OpenAI client at  http://%s/v1\n  point an Ollama client at  http://%s\n", addr, addr)
	example := "majority-4"
	if trained {
		example = "vote-8"
		fmt.Fprintf(&b, "  PRM %s: %s answers by %s\n", id, c.Upstream.Model, strategy)
	} else {
		as := "requests go to the endpoint as they are"
		if strategy != "raw" {
			as = c.Upstream.Model + " answers by " + strategy
		}
		fmt.Fprintf(&b, "  no PRM is loaded: %s\n"+
			"  to train one: sidecar train --upstream %s --upstream-model %s --problems FILE --out my.prm\n"+
			"  then:         sidecar serve --upstream %s --upstream-model %s --checkpoint my.prm\n",
			as, c.Upstream.URL, c.Upstream.Model, c.Upstream.URL, c.Upstream.Model)
	}
	fmt.Fprintf(&b, "  other ways: %s@%s; with a number of candidates: @%s\n", c.Upstream.Model, strings.Join(server.Suffixes(trained), ", @"), example)
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
	var formats []string
	for _, f := range dataset.Formats() {
		formats = append(formats, string(f))
	}
	return map[string]string{"instruction": generator.Instruction, "strategies": strings.Join(names, ","), "measured": strings.Join(eval.Strategies(), ", "),
		"formats":   strings.Join(formats, ","),
		"published": "as GSM8K, MATH, AIME, SVAMP, ASDiv, MAWPS, NuminaMath or MetaMath have them, JSON lines or an array, gzipped or not (sidecar dataset convert --help names the fields)"}
}
