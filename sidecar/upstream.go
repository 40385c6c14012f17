package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/adapters/ollama"
	"aprm/adapters/openai"
	"aprm/adapters/pool"
	"aprm/adapters/recorded"
	"aprm/sidecar/server/dialect"
)

// upstreamFlags say which LLM stands behind the sidecar.
type upstreamFlags struct {
	URLs        []string      `name:"upstream" help:"The endpoint, or, given several times, endpoints of the same model at the same path, among which the work is spread and which stand in for each other: ollama://HOST:PORT, openai+http://HOST:PORT/v1, http://HOST:PORT to ask it what it speaks, or builtin for the embedded toy model. Without one: what answers on this machine." placeholder:"URL" env:"SIDECAR_UPSTREAM"`
	Model       string        `name:"upstream-model" help:"Its model; needed where it serves several." placeholder:"NAME"`
	HiddenURL   string        `name:"upstream-hidden-url" help:"A second server of the same model that gives hidden states (llama-server --embeddings --pooling none, or vllm serve --runner pooling --convert embed --pooler-config.task token_embed)." placeholder:"URL"`
	HiddenKey   string        `name:"upstream-hidden-key" help:"Bearer token for --upstream-hidden-url; it never gets --upstream-key, nor what clients send." env:"SIDECAR_UPSTREAM_HIDDEN_KEY" placeholder:"KEY"`
	Key         string        `name:"upstream-key" help:"Bearer token for the endpoint; without one the client's own Authorization is passed on." env:"SIDECAR_UPSTREAM_KEY" placeholder:"KEY"`
	Concurrency int           `name:"upstream-concurrency" help:"Completions that the endpoint works on at a time." default:"8"`
	NoSeeds     bool          `name:"no-upstream-seeds" help:"Send it no seeds, so that the same command draws other answers: for servers that die of them, as vLLM on CPUs does."`
	Timeout     time.Duration `name:"upstream-timeout" help:"Longest time for one call of it." default:"15m"`

	URL     string          `kong:"-"` // the first of URLs
	Dialect dialect.Dialect `kong:"-"` // what resolve found
	Pool    *pool.Pool      `kong:"-"` // the way to the endpoint, which all that asks it shares; nil for builtin

	budget *adapters.Budget // of what is asked again there
	faults *faultsOf        // what went wrong there, for the figures
	own    adapters.LLM     // the configured model, once it was opened: by any name the same slots, and one probe
}

// AfterApply is kong's hook.
func (u *upstreamFlags) AfterApply() error {
	if len(u.URLs) > 0 {
		u.URL = u.URLs[0]
	}
	return nil
}

// builtinURL names the embedded model.
const builtinURL = "builtin"

// resolve asks the endpoint what was left open: its dialect, and its model where it has only one. URL is plain http(s)
// after it. An endpoint that is down, loading or failing is asked again for as long as wait; with a wait what is still
// open then is guessed, or left open, so that it can be served once it is there. Without, and where waiting is of no
// use, it is an error.
func (u *upstreamFlags) resolve(ctx context.Context, wait time.Duration) error {
	if u.URL == "" {
		found := discover(ctx, usual)
		if len(found) == 0 { // rather than fall back on a toy that nobody asked for
			return badInput{errors.New("--upstream: " + nothing + "; name yours, or builtin for the embedded toy model")}
		}
		u.URL = found[0].url
	}
	if u.faults == nil {
		u.faults = newFaultsOf()
	}
	if len(u.URLs) > 1 && slices.Contains(u.URLs, builtinURL) {
		return badInput{fmt.Errorf("--upstream: %s stands by itself", builtin.Title)}
	}
	if u.URL == builtinURL {
		llm, err := builtin.Embedded()
		if err != nil {
			return err
		}
		caps, err := llm.Capabilities(ctx)
		if err == nil && u.HiddenURL != "" {
			err = badInput{fmt.Errorf("--upstream-hidden-url: %s gives its hidden states itself", builtin.Title)}
		}
		if err == nil && u.Model != "" && u.Model != caps.Model {
			err = badInput{fmt.Errorf("--upstream-model: %s has no model %q: leave --upstream-model out", builtin.Title, u.Model)}
		}
		u.Model, u.Dialect = caps.Model, dialect.OpenAI
		return err
	}
	base, spoken, err := located(u.URL)
	if err != nil {
		return err
	}
	all := []*url.URL{base}
	for _, text := range u.URLs[min(1, len(u.URLs)):] {
		other, speaks, err := located(text)
		if err == nil && speaks != spoken {
			err = badInput{fmt.Errorf("--upstream: %q speaks another dialect than the first: they must be of one kind", text)}
		}
		if err != nil {
			return err
		}
		all = append(all, other)
	}
	u.URL, u.Dialect = base.String(), spoken
	if u.Pool, err = pool.New(all, u.faults.tell); err != nil {
		return badInput{fmt.Errorf("--upstream: %w", err)}
	}
	u.budget = adapters.NewBudget(64, 256)
	until := time.Now().Add(wait)
	for {
		err := u.discover(ctx)
		var in badInput
		switch {
		case err == nil || errors.As(err, &in):
			return err
		case hopeless(err):
			return u.explain(ctx, err)
		case wait == 0 || ctx.Err() != nil:
			return err
		case time.Now().After(until):
			if u.Dialect == "" {
				u.Dialect = dialect.OpenAI
				if base.Port() == "11434" { // where Ollama listens unless told otherwise
					u.Dialect = dialect.Ollama
				}
			}
			slog.Warn("the endpoint isn't there yet: serving it as soon as it is", "url", u.URL, "taken for", u.Dialect, "err", err)
			return nil
		}
		slog.Info("waiting for the endpoint", "err", err)
		select {
		case <-time.After(firstProbes):
		case <-ctx.Done():
		}
	}
}

// located reads an URL as --upstream takes it: where it is, and which dialect it names, "" for none.
func located(text string) (*url.URL, dialect.Dialect, error) {
	base, err := url.Parse(text)
	if err != nil || base.Host == "" {
		return nil, "", badInput{fmt.Errorf("--upstream: %q is no URL (want http://HOST:PORT, ollama://HOST:PORT, openai+http://HOST:PORT/v1 or builtin)", text)}
	}
	spoken, transport, both := strings.Cut(base.Scheme, "+")
	switch {
	case !both && (spoken == "http" || spoken == "https"):
		spoken, transport = "", spoken
	case !both && spoken == string(dialect.Ollama):
		transport = "http"
	case !both || transport != "http" && transport != "https" || spoken != string(dialect.Ollama) && spoken != string(dialect.OpenAI):
		return nil, "", badInput{fmt.Errorf("--upstream: %q begins with no known scheme (want http, https, ollama, ollama+https, openai+http or openai+https)", text)}
	}
	if route := routed(base.Path); route != "" {
		return nil, "", badInput{fmt.Errorf("--upstream: leave %s out of %q: that is a route of the API, its address ends before it", route, text)}
	}
	base.Scheme = transport
	return base, dialect.Dialect(spoken), nil
}

// routed is the route of an API that an address goes on to, "" for none.
func routed(path string) string {
	path = strings.TrimRight(path, "/")
	for _, route := range []string{"/chat/completions", "/completions", "/responses", "/messages", "/embeddings", "/models", "/api/chat", "/api/generate", "/api/tags", "/api/show", "/api"} {
		if strings.HasSuffix(path, route) {
			return route
		}
	}
	return ""
}

// discover asks the endpoint once.
func (u *upstreamFlags) discover(ctx context.Context) (err error) {
	if u.Dialect == "" {
		if u.Dialect, err = u.detect(ctx); err != nil {
			return err
		}
	}
	if u.Model != "" {
		return nil
	}
	models, err := u.models(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("asking %s for its models: %w", u.URL, err)
	case len(models) == 1:
		u.Model = models[0]
		return nil
	case len(models) == 0:
		return fmt.Errorf("%s has no model", u.URL)
	default:
		return badInput{fmt.Errorf("%s has several models, name one with --upstream-model: %s", u.URL, strings.Join(models, ", "))}
	}
}

// explain adds to an error of the endpoint what can be done about it.
func (u *upstreamFlags) explain(ctx context.Context, err error) error {
	var up *adapters.UpstreamError
	if !errors.As(err, &up) {
		return err
	}
	switch up.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s wants another key: give it with --upstream-key", err, u.URL)
	case http.StatusNotFound:
		models, listed := u.models(ctx)
		if listed != nil {
			return fmt.Errorf("%w: is %s its address? That of an OpenAI-compatible API should end at /v1", err, u.URL)
		}
		known := "there are " + strings.Join(models, ", ")
		if len(models) == 0 {
			known = "there are none"
		}
		if u.Dialect == dialect.Ollama {
			known += fmt.Sprintf("; or get it: ollama pull %s", u.Model)
		}
		return fmt.Errorf("%w: %s has no model %q: %s", err, u.URL, u.Model, known)
	}
	return err
}

func (u *upstreamFlags) detect(ctx context.Context) (dialect.Dialect, error) {
	var version struct {
		Version string `json:"version"`
	}
	root := adapters.Root(u.URL)
	err := u.get(ctx, root+"/api/version", &version)
	if err == nil && version.Version != "" {
		return dialect.Ollama, nil
	}
	var status *adapters.UpstreamError
	switch {
	case err != nil && !errors.As(err, &status):
		return "", fmt.Errorf("no endpoint answers at %s: %w (start one, or name yours with --upstream)", u.URL, err)
	case err != nil && status.Status >= http.StatusInternalServerError && status.Status != http.StatusNotImplemented:
		return "", err // it may be anyone's
	}
	return dialect.OpenAI, nil
}

func (u *upstreamFlags) models(ctx context.Context) ([]string, error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	root := adapters.Root(u.URL)
	if err := u.get(ctx, root+"/v1/models", &list); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	return names, nil
}

func (u *upstreamFlags) get(ctx context.Context, where string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	if u.Key != "" {
		req.Header.Set("Authorization", "Bearer "+u.Key)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // which follows nobody: another host would get the key
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); to != "" {
		return &adapters.UpstreamError{Op: "probe", Status: resp.StatusCode, Message: where + " sends its callers on to " + to + ": name that one with --upstream, should it be the endpoint"}
	}
	if resp.StatusCode != http.StatusOK {
		return &adapters.UpstreamError{Op: "probe", Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode)}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(answer); err != nil {
		return &adapters.UpstreamError{Op: "probe", Status: resp.StatusCode, Message: where + " answered no JSON"}
	}
	return nil
}

// open returns the model of that name at the endpoint, the configured one for "". It asks nothing yet.
func (u *upstreamFlags) open(model string) (adapters.LLM, error) {
	if model == "" {
		model = u.Model
	}
	if model == "" {
		return nil, &adapters.UpstreamError{Op: "generate", Status: http.StatusBadRequest, Message: "no model is named: name one in the request, or start the sidecar with --upstream-model", Param: "model"}
	}
	hidden := u.HiddenURL
	if model != u.Model {
		hidden = "" // the second server has the configured model
	}
	if u.URL == builtinURL {
		if model != u.Model {
			return nil, &adapters.UpstreamError{Op: "generate", Status: http.StatusNotFound, Message: fmt.Sprintf("there is no model %q, only %s", model, builtin.Title)}
		}
		return builtin.Embedded()
	}
	at := adapters.Endpoint{URL: u.URL, Model: model, HiddenURL: hidden, Key: u.Key, HiddenKey: u.HiddenKey, Concurrency: u.places(), Spread: u.Pool.Size() > 1, Timeout: u.Timeout, NoSeeds: u.NoSeeds,
		Transport: u.Pool.Waiting(http.DefaultTransport), Budget: u.budget}
	if u.Dialect == dialect.Ollama {
		return ollama.New(at)
	}
	return openai.New(at)
}

// route is how requests that are passed on get to the endpoint; nil for straight.
func (u *upstreamFlags) route() func(http.RoundTripper) http.RoundTripper {
	if u.Pool == nil {
		return nil
	}
	return u.Pool.Passing
}

// listen makes the embedded model an endpoint like any other, for the requests that the sidecar passes on as they are:
// it serves it at an address of its own until ctx ends. Other endpoints have an address already.
func (u *upstreamFlags) listen(ctx context.Context) (*url.URL, error) {
	if u.URL != builtinURL {
		return url.Parse(u.URL)
	}
	llm, err := builtin.Embedded()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: llm.Handler(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { logClose(srv.Close()) })
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the builtin model's endpoint ended", "err", err)
		}
	}()
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}, nil
}

// name is what people are told stands behind the sidecar.
func (u *upstreamFlags) name() string {
	if u.URL == builtinURL {
		return builtin.Title
	}
	return fmt.Sprintf("%s (%s, %s)", u.URL, u.Dialect, u.Model)
}

// titled is how a model is called in a table that people read.
func titled(caps adapters.Capabilities) string {
	if caps.Server == builtinURL {
		return "Toy world: " + builtin.Title
	}
	return caps.Model
}

// recordFlags say where answers are kept.
type recordFlags struct {
	Record string `help:"Keep every answer of the LLM in this file: run the same command again and it goes on where it was cut off." placeholder:"FILE" type:"path"`
	Replay string `help:"Take all answers from this recording (.jsonl or .jsonl.gz) and ask no endpoint." placeholder:"FILE" type:"existingfile" xor:"record"`
	Folder string `kong:"-"` // where they are kept, in a file of the model's name, unless one is named
}

// llm returns the configured model, of the endpoint or of workers, recorded or replayed as asked. Call close when done.
func (u *upstreamFlags) llm(ctx context.Context, n natsFlags, r recordFlags) (llm adapters.LLM, close func() error, err error) {
	close = func() error { return nil }
	defer func() {
		if err != nil {
			err = errors.Join(err, close())
		}
	}()
	switch {
	case r.Replay != "":
		llm, err = given(recorded.Open(r.Replay))
		return llm, close, err
	case n.URL != "":
		llm, close, err = u.queued(ctx, n)
	default:
		llm, err = u.live(ctx)
	}
	if err != nil {
		return nil, close, err
	}
	if r.Record == "" && r.Folder != "" {
		r.Record = filepath.Join(r.Folder, strings.NewReplacer("/", "_", ":", "_").Replace(u.Model)+".jsonl")
	}
	if r.Record != "" {
		kept, err := given(recorded.Wrap(llm, r.Record))
		if err != nil {
			return nil, close, err
		}
		kept.GaveUp, _ = ctx.Value(giveUpKey{}).(func(error))
		below := close
		llm, close = kept, func() error { return errors.Join(kept.Close(), below()) }
	}
	caps, err := probed(ctx, llm)
	if err != nil {
		return nil, close, u.explain(ctx, err)
	}
	slog.Info("upstream", "url", cmp.Or(u.URL, "workers"), "dialect", u.Dialect, "capabilities", caps)
	return llm, close, nil
}

// live is the configured model at the endpoint.
func (u *upstreamFlags) live(ctx context.Context) (adapters.LLM, error) {
	if err := u.resolve(ctx, 0); err != nil {
		return nil, err
	}
	return u.open("")
}

// places is how many completions the endpoints work on at a time.
func (u *upstreamFlags) places() int {
	if u.Pool == nil {
		return u.Concurrency
	}
	return u.Concurrency * u.Pool.Size()
}
