package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm/disk"
	"aprm/sidecar/access"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
	"aprm/sidecar/server"
)

type serveCommand struct {
	Upstream upstreamFlags `embed:"" group:"Endpoint:"`
	PRM      modelFlags    `embed:"" group:"PRM:"`
	Decode   decodeFlags   `embed:"" group:"Search:"`

	Listen        string        `help:"Address to serve at." env:"SIDECAR_LISTEN" default:"127.0.0.1:8484"`
	AdminListen   string        `help:"Address to serve Go's profiles at (/debug/pprof/), to keys of the scope admin; without keys at addresses of this machine alone. None without it." placeholder:"ADDRESS"`
	APIKey        string        `help:"Bearer token that clients must present, which opens everything; without one, and without --keys, everyone on this machine is let in." env:"SIDECAR_API_KEY" placeholder:"KEY"`
	Keys          string        `help:"File of keys (YAML) with scopes, rates and budgets; 'sidecar key new' makes them." type:"existingfile" placeholder:"FILE"`
	TLSCert       string        `name:"tls-cert" help:"Serve by TLS, with the certificate in this file (PEM, with what leads to its authority). It is read again when it changes." type:"existingfile" placeholder:"FILE"`
	TLSKey        string        `name:"tls-key" help:"File with its key (PEM)." type:"existingfile" placeholder:"FILE"`
	Insecure      bool          `help:"Let everyone in who reaches an address beyond this machine, without any key. The page then shows what there is, but begins no trainings and promotes nothing."`
	CORSOrigins   []string      `name:"cors-origins" help:"Origins of web pages that browsers let use the sidecar, such as https://chat.example.org; * for all. Without any none may." placeholder:"URL"`
	Strategy      way           `placeholder:"NAME" help:"What a bare model name gets: raw or one of the strategies above, also by its suffix and with a number (best-of-8), which goes before --n. Without a PRM auto is raw here, and NAME@auto a vote weighed by the LLM's own log-probabilities that stops early. auto weighs votes by the PRM only where CHECKPOINT.gate.json, which train and eval write, says that this helps." default:"auto" enum:"raw,${strategies}"`
	Instruction   string        `help:"What is added to the system message of requests that are searched: to go in short steps and to end with #### and the number, unless told otherwise; 'none' adds nothing." placeholder:"TEXT" default:"${instruction}"`
	Hosts         []string      `help:"Names that clients without a key may call the sidecar by, beside addresses, localhost and names of local networks; * for any." placeholder:"NAME"`
	MaxSearches   int           `help:"So many searches at a time; more wait their turn, --max-queued at most." default:"16"`
	MaxQueued     int           `help:"So many searches wait their turn; more are refused (429)." default:"64"`
	MaxBody       int           `help:"Largest request that is looked into, in MiB; a larger one is the endpoint's." default:"32"`
	MaxBodies     int           `help:"What requests under way may have in memory all together, in MiB; more are refused (503)." default:"128"`
	BodyTimeout   time.Duration `help:"How long a client may take to send its request, beside a second for each KiB." default:"30s"`
	WriteTimeout  time.Duration `help:"How long a client may leave unread what is written to it." default:"2m"`
	HeaderTimeout time.Duration `help:"How long the endpoint may take to begin the answer to a request that is passed on as it is." default:"15m"`
	IdleTimeout   time.Duration `help:"Longest silence within such an answer." default:"5m"`
	Grace         time.Duration `help:"When told to stop, finish what is under way for so long." default:"10s"`
	SearchTimeout time.Duration `help:"Longest time for one search; what is best by then is the answer." default:"10m"`
	ProbeWait     time.Duration `help:"How long starting waits for the endpoint to show what it can do. Then it serves: until that is known, searches ask for nothing that not every endpoint can do." default:"30s"`
	ShowSearch    bool          `help:"Tell clients of each search as thoughts before the answer (reasoning_content, thinking), unless a request's prm.show_search says no."`

	Page bool   `help:"Show a page to browsers, at /: chat, runs, evaluation, checkpoints, health; with a key of the scope admin where there are keys. Without it they get the endpoint's own." default:"true" negatable:""`
	Runs string `help:"Folder of runs, reports and checkpoints that the page shows, and in which it begins trainings." type:"path" placeholder:"FOLDER" default:"runs"`

	Traces     int             `help:"Keep the traces of so many last searches, for 'sidecar trace' and /v1/prm/traces; 0 keeps none." default:"256"`
	TraceTexts bool            `help:"Keep questions and texts in the traces; false leaves them out." default:"true" negatable:""`
	Experience experienceFlags `embed:"" group:"Experience:"`

	NATS        sharedFlags `embed:"" group:"Checkpoints from others:"`
	Checkpoints string      `help:"Folder to keep the checkpoints in that are taken from --nats: the last good one is served from there while NATS is away." type:"path" default:"runs/checkpoints" placeholder:"FOLDER" group:"Checkpoints from others:"`
	live        *live       // nil without --nats

	OTLPEndpoint string `name:"otlp-endpoint" help:"Send the traces, without texts, as spans to the OpenTelemetry collector at this URL (OTLP by HTTP). Without it, to where OTEL_EXPORTER_OTLP_ENDPOINT says, if it is set." placeholder:"URL"`
}

func (c *serveCommand) Help() string {
	var b strings.Builder
	b.WriteString(`Chat clients point at the sidecar instead of at the endpoint. What is no reasoning problem (and tools, images, JSON schemas) goes to the endpoint byte for
byte. Without a checkpoint so does everything else, unless the model's name asks otherwise:

  sidecar serve --upstream http://127.0.0.1:8080                       the endpoint as it is; MODEL@majority-8 is a plain vote
  sidecar serve --upstream http://127.0.0.1:8080 --checkpoint general   guided by the PRM that comes with the program
  sidecar serve --upstream http://127.0.0.1:8080 --checkpoint my.prm    guided by the PRM that 'sidecar train' made of that model
  sidecar serve --upstream builtin                                     to try it: the embedded toy model and its PRM

A client picks a way of answering by the model's name, as MODEL@SUFFIX or, but for raw and greedy, MODEL@SUFFIX-N, or by "prm":{"strategy":…} in the request. N is
the number of candidates. Strategies, with their suffixes (* needs a PRM):

`)
	for _, d := range decode.Strategies() {
		star := " "
		if d.NeedsPRM {
			star = "*"
		}
		fmt.Fprintf(&b, "  %-15s@%-10s%s %s\n", d.Name, server.Suffix(d.Name), star, d.Help)
	}
	return b.String()
}

func (c *serveCommand) Validate() error {
	var clash error
	if c.APIKey != "" && c.Keys != "" {
		clash = errors.New("--api-key and --keys can't be used together")
	}
	if c.NATS.URL != "" && c.PRM.Remote.URL != "" {
		clash = errors.Join(clash, errors.New("--nats and --prm-url can't be used together: PRMs are served by one of them"))
	}
	return errors.Join(clash, c.NATS.check(), c.Decode.check(), c.Experience.check(), atLeast(1, "--max-searches", c.MaxSearches), atLeast(0, "--traces", c.Traces), atLeast(1, "--max-queued", c.MaxQueued),
		atLeast(1, "--max-body", c.MaxBody), atLeast(c.MaxBody, "--max-bodies", c.MaxBodies), atLeast(time.Millisecond, "--body-timeout", c.BodyTimeout),
		atLeast(time.Millisecond, "--write-timeout", c.WriteTimeout), atLeast(time.Millisecond, "--header-timeout", c.HeaderTimeout),
		atLeast(time.Millisecond, "--idle-timeout", c.IdleTimeout), atLeast(time.Millisecond, "--grace", c.Grace),
		atLeast(0, "--search-timeout", c.SearchTimeout), atLeast(0, "--probe-wait", c.ProbeWait))
}

func (c *serveCommand) Run(ctx context.Context, std streams, line *commandLine) error {
	bounded()
	asked := c.Upstream
	if err := c.Upstream.resolve(ctx, c.ProbeWait); err != nil {
		return err
	}
	if c.NATS.URL != "" {
		e, _, _, err := openEngine(&c.Upstream, modelFlags{}, c.Instruction)
		if err != nil {
			return err
		}
		if err := disk.MkdirAll(c.Checkpoints); err != nil {
			return badInput{fmt.Errorf("--checkpoints: %w", err)}
		}
		c.live = &live{folder: c.Checkpoints}
		c.live.serving.Store(e)
		defer c.live.follow(ctx, c.NATS)()
	}
	seen := line.seen.and(c.files()) // before any of them is read
	s, err := c.service()
	if err != nil {
		return err
	}
	s.asked, s.seen = asked, seen
	s.reload = func(ctx context.Context, now service) (service, digests, error) {
		cmd, seen, err := line.again()
		if err != nil {
			return service{}, nil, err
		}
		next := &cmd.Serve
		next.live = c.live
		seen = seen.and(next.files())
		asked := next.Upstream
		if reflect.DeepEqual(asked, now.asked) {
			next.Upstream = now.upstream // what is known of it, and shared
		} else if err := next.Upstream.resolve(ctx, 0); err != nil {
			return service{}, seen, err
		}
		made, err := next.service()
		made.asked = asked
		return made, seen, err
	}
	return s.run(ctx, std)
}

// files are those that a service is made of, beside that of its settings; "" for none.
func (c *serveCommand) files() []string {
	files := []string{c.Keys, c.TLSCert, c.TLSKey, c.PRM.Checkpoint.file(), c.PRM.Checkpoint.gate()}
	if c.live != nil { // what it names is never written again
		files = append(files, c.live.pointer())
	}
	return files
}

// service is what the flags ask for, over a resolved endpoint. It starts nothing.
func (c *serveCommand) service() (service, error) {
	flags, promotes := c.PRM, c.PRM.Checkpoint.file()
	if c.live != nil {
		promotes = "" // `sidecar checkpoint` does, for all
		if served := c.live.served(); served != "" {
			flags.Checkpoint = served
		}
	}
	e, gate, where, err := openEngine(&c.Upstream, flags, c.Instruction)
	if err != nil {
		return service{}, err
	}
	if err := needsPRM(e, c.Strategy.String()); err != nil {
		return service{}, err
	}
	keys, err := c.keys()
	if err != nil {
		return service{}, err
	}
	cert, err := readCertificate(c.TLSCert, c.TLSKey)
	if err != nil {
		return service{}, err
	}
	options := c.Decode.options()
	c.Strategy.into(&options)
	return service{
		experience: c.Experience, certificate: cert, checkpoint: promotes, live: c.live, nats: c.NATS, page: c.Page, runs: c.Runs,
		upstream: c.Upstream, engine: e, gate: gate, gateFrom: where, strategy: c.Strategy.String(), listen: c.Listen, admin: c.AdminListen, insecure: c.Insecure, probeWait: c.ProbeWait, otlp: c.OTLPEndpoint,
		config: server.Config{
			Keys: keys, Origins: c.CORSOrigins, Defaults: options, MaxSearches: c.MaxSearches, SearchTimeout: c.SearchTimeout, ShowSearch: c.ShowSearch,
			Hosts: c.Hosts, MaxQueued: c.MaxQueued, MaxBody: int64(c.MaxBody) << 20, MaxBodies: int64(c.MaxBodies) << 20, BodyTimeout: c.BodyTimeout,
			WriteTimeout: c.WriteTimeout, HeaderTimeout: c.HeaderTimeout, IdleTimeout: c.IdleTimeout, Grace: c.Grace,
			StepToken: c.PRM.Remote.StepToken, GoodFirst: c.PRM.Remote.Column == 0, Traces: c.Traces, NoTraceTexts: !c.TraceTexts,
		},
	}, nil
}

// keys are those that clients must have, nil for none.
func (c *serveCommand) keys() (*access.Keys, error) {
	switch {
	case c.APIKey != "":
		return access.One(c.APIKey), nil
	case c.Keys == "":
		return nil, nil
	}
	return readKeys(c.Keys)
}

// instructionOf is what --instruction means.
func instructionOf(flag string) string {
	if flag == "none" {
		return ""
	}
	return flag
}

// openEngine joins an endpoint with the PRM that the flags name, or with the one that comes with the embedded model.
// where is where its gate is, or would be.
func openEngine(upstream *upstreamFlags, flags modelFlags, instruction string) (e *engine.Engine, gate *decode.Gate, where string, err error) {
	if upstream.Model != "" && upstream.own == nil {
		if upstream.own, err = upstream.open(""); err != nil {
			return nil, nil, "", err
		}
	}
	own := upstream.own
	e, err = flags.engine(func(model string) (adapters.LLM, error) {
		if own != nil && (model == "" || model == upstream.Model) {
			return own, nil
		}
		return upstream.open(model)
	}, instructionOf(instruction))
	if err != nil {
		return nil, nil, "", err
	}
	where = flags.Checkpoint.gate()
	switch {
	case flags.Checkpoint.file() != "":
		gate, err = readGate(flags.Checkpoint.file())
	case upstream.URL == builtinURL && !flags.named():
		if err = useBuiltin(e); err == nil {
			where = "in the program"
			gate, err = decode.ParseGate(builtinGate)
		}
	}
	return e, gate, where, err
}

// needsPRM is the error of a strategy that needs a PRM where there is none.
func needsPRM(e *engine.Engine, strategy string) error {
	if _, trained := e.Checkpoint(); trained || !decode.NeedsPRM(strategy) {
		return nil
	}
	return badInput{fmt.Errorf("--strategy %s needs a PRM: train one with `sidecar train --problems FILE --out my.prm` and serve it with --checkpoint my.prm, or name another server's with --prm-url", strategy)}
}

// welcome says how to use what has just started, at a base URL.
func welcome(upstream *upstreamFlags, base, strategy, id string, trained bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sidecar before %s\n", upstream.name())
	fmt.Fprintf(&b, "  point an OpenAI client at  %s/v1\n  point an Ollama client at  %s\n", base, base)
	example := "majority-4"
	if trained {
		example = "vote-8"
		fmt.Fprintf(&b, "  PRM %s: %s answers by %s\n", id, upstream.Model, strategy)
	} else {
		as := "requests go to the endpoint as they are"
		if strategy != "raw" {
			as = upstream.Model + " answers by " + strategy
		}
		fmt.Fprintf(&b, "  no PRM is loaded: %s\n"+
			"  one comes with the program: add --checkpoint general\n"+
			"  one of this LLM's own:      sidecar train --upstream %s --upstream-model %s --problems FILE --out my.prm, and add --checkpoint my.prm\n",
			as, upstream.URL, upstream.Model)
	}
	fmt.Fprintf(&b, "  other ways: %s@%s; with a number of candidates: @%s\n", upstream.Model, strings.Join(server.Suffixes(trained), ", @"), example)
	fmt.Fprintf(&b, "  try: curl %s/v1/chat/completions -d '{\"model\":\"%s@%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?\"}]}'\n",
		base, upstream.Model, example)
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
	vars := map[string]string{"instruction": generator.Instruction, "strategies": strings.Join(names, ","), "measured": strings.Join(eval.Strategies(), ", "),
		"formats":   strings.Join(formats, ","),
		"published": "as GSM8K, MATH, AIME, SVAMP, ASDiv, MAWPS, NuminaMath or MetaMath have them, JSON lines or an array, gzipped or not (sidecar dataset convert --help names the fields)"}
	for _, s := range decode.Settings() {
		vars[s.Name+"_help"], vars[s.Name+"_default"] = s.Help, s.Default
	}
	return vars
}
