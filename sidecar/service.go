package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/otel"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/page"
	"aprm/sidecar/server"
	"aprm/sidecar/trace/span"
)

// service is what serving takes, whoever starts it.
type service struct {
	upstream    upstreamFlags // resolved
	asked       upstreamFlags // as they were given, to see whether others are asked for
	engine      *engine.Engine
	gate        *decode.Gate // nil for none
	gateFrom    string       // where it is, or would be
	checkpoint  string       // the PRM's file, which the page may replace; "" for none
	live        *live        // what is taken from NATS; nil for nothing
	nats        sharedFlags
	page        bool   // a browser gets the page
	runs        string // folder that the page shows
	strategy    string // of a bare name; auto without a PRM is raw
	listen      string
	admin       string // address of the profiles; "" for none
	certificate *certificate
	insecure    bool // listen beyond this machine without a key
	probeWait   time.Duration
	otlp        string // URL of a collector; "" for where the environment says
	experience  experienceFlags
	config      server.Config

	seen   digests                                                                        // of the files that it was made of, before they were read
	reload func(ctx context.Context, now service) (next service, seen digests, err error) // makes it anew of what these say now; nil for never
}

// run serves until ctx ends.
func (s service) run(ctx context.Context, std streams) error {
	open, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than ctx: answers that have begun are finished
	defer stop()
	target, err := s.upstream.listen(open)
	if err != nil {
		return err
	}
	s.engine.Trust(s.gate)
	var tools atomic.Bool
	wait, err := s.probe(ctx, func(caps adapters.Capabilities) error {
		slog.Info("upstream", "url", s.upstream.URL, "dialect", s.upstream.Dialect, "capabilities", caps)
		tools.Store(caps.Tools)
		return explainGate(ctx, s.engine, s.gate, s.gateFrom)
	})
	if err != nil {
		return err
	}
	defer wait()
	exporter, shutdown, err := s.exporter(ctx)
	if err != nil {
		return err
	}
	defer shutdown()
	var serving atomic.Pointer[service]
	serving.Store(&s)
	board := page.New(page.Config{Runs: s.runs, Gate: gatePath,
		Train:   func(args ...string) *exec.Cmd { return serving.Load().upstream.training(args...) },
		Serving: func() page.Serving { return serving.Load().serving(open) }})
	defer board.Close()
	experience, closeExperience, err := s.experience.open(func() *engine.Engine { return serving.Load().engine })
	if err != nil {
		return err
	}
	defer closeExperience()
	complete := func(s service, target *url.URL) (server.Config, error) {
		cfg := s.config
		if s.page {
			cfg.Page, cfg.Board = page.Files(), board
			if cfg.Keys == nil && !local(s.listen) {
				cfg.Board = board.ReadOnly()
			}
		}
		cfg.Experience = experience
		if s.live != nil {
			cfg.Refused = s.live.refusal
		}
		cfg.Upstream, cfg.Dialect, cfg.UpstreamKey, cfg.Model = target, s.upstream.Dialect, s.upstream.Key, s.upstream.Model
		cfg.Route, cfg.Figures = s.upstream.route(), s.figures()
		cfg.Tools, cfg.Defaults.Strategy, cfg.TraceExporter = tools.Load, s.bare(), exporter
		if cfg.Keys == nil && s.admin != "" && !local(s.admin) {
			return cfg, badInput{fmt.Errorf("--admin-listen %s shows profiles to whoever reaches it: have clients send a key (--api-key, --keys), or listen at 127.0.0.1", s.admin)}
		}
		if cfg.Keys == nil && !s.insecure && !local(s.listen) {
			return cfg, badInput{fmt.Errorf("--listen %s lets in whoever reaches it: have clients send a key (--api-key, --keys), listen at 127.0.0.1, or say --insecure", s.listen)}
		}
		return cfg, nil
	}
	cfg, err := complete(s, target)
	if err != nil {
		return err
	}
	srv, err := server.New(cfg, s.engine)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.listen)
	if err != nil {
		return badInput{fmt.Errorf("--listen: %w; choose another address", err)}
	}
	if s.admin != "" {
		closeAdmin, err := profiles(s.admin, s.certificate, srv.Admin())
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		defer closeAdmin()
	}
	id, trained := s.engine.Checkpoint()
	fmt.Fprint(std.out, welcome(&s.upstream, s.certificate.scheme()+"://"+ln.Addr().String(), s.bare(), id, trained))
	ln = s.certificate.over(ln)
	if s.reload == nil {
		return srv.Run(ctx, ln)
	}
	now := s
	become := func(next service) error {
		if next.listen != s.listen || next.admin != s.admin || next.otlp != s.otlp || next.runs != s.runs || next.nats != s.nats || !reflect.DeepEqual(next.experience, s.experience) || (next.certificate == nil) != (s.certificate == nil) {
			slog.Warn("listen, admin-listen, otlp-endpoint, runs, nats, experience and its settings, and whether there is TLS stay as they are until the sidecar is started again")
			next.listen, next.admin = s.listen, s.admin
		}
		to, err := target, error(nil)
		if next.upstream.URL != builtinURL {
			to, err = url.Parse(next.upstream.URL)
		} else if now.upstream.URL != builtinURL {
			to, err = next.upstream.listen(open)
		}
		if err != nil {
			return err
		}
		next.engine.Trust(next.gate)
		if next.config.Keys != nil && now.config.Keys != nil {
			next.config.Keys.After(now.config.Keys)
		}
		cfg, err := complete(next, to)
		if err != nil {
			return err
		}
		if err := srv.Become(cfg, next.engine); err != nil {
			return err
		}
		if s.certificate != nil && next.certificate != nil {
			s.certificate.become(next.certificate)
		}
		now, target = next, to
		serving.Store(&next)
		if next.live != nil {
			next.live.serving.Store(next.engine)
		}
		id, _ := next.engine.Checkpoint()
		slog.Info("reloaded: requests from now on are answered by it, those under way by what they began with", "checkpoint", id)
		return nil
	}
	watching, err := watch(ctx, s.seen, func() (digests, error) {
		next, seen, err := s.reload(ctx, now)
		if err == nil {
			err = become(next)
		}
		return seen, err
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer watching()
	return srv.Run(ctx, ln)
}

// profiles serves them at an address until it is closed; by TLS where the rest is, for the keys are the same.
func profiles(at string, cert *certificate, handler http.Handler) (closeIt func(), err error) {
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return nil, badInput{fmt.Errorf("--admin-listen: %w; choose another address", err)}
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, WriteTimeout: server.LongestProfile + time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := srv.Serve(cert.over(ln)); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("profiles are served no more", "err", err)
		}
	}()
	slog.Info("profiles", "url", cert.scheme()+"://"+ln.Addr().String()+"/debug/pprof/")
	return func() { logClose(srv.Close()); <-ended }, nil
}

// bare is what a bare model name gets. A person who only looks in is not to pay for votes: auto without a PRM is raw.
func (s service) bare() string {
	if _, trained := s.engine.Checkpoint(); s.strategy == decode.Auto && !trained {
		return "raw"
	}
	return s.strategy
}

// bounded has the garbage collector keep below what the container has (GOMEMLIMIT from the cgroup, unless it is set),
// so that it works harder before the kernel ends the process.
func bounded() {
	limit, err := memlimit.Set(memlimit.WithRatio(0.9), memlimit.WithProvider(memlimit.FromCgroup))
	slog.Debug("memory", "limit", limit, "err", err) // without a cgroup there is none
}

// local reports whether only this machine reaches an address that is listened at.
func local(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "localhost" {
		return err == nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// probeAgain is the pause after a probe that failed, once what is served doesn't wait for it; firstProbes is the one
// before.
const (
	probeAgain  = 10 * time.Second
	firstProbes = time.Second
)

// probe probes the endpoint and tells known what was found. An endpoint that is down, loading or failing, or takes
// long, is waited for no longer than probeWait: the probe goes on, again and again, until it is known or ctx ends, and
// until then searches ask the endpoint for nothing that not every endpoint can do. The error is one that waiting
// doesn't mend. wait ends the probe and waits for its end.
func (s service) probe(ctx context.Context, known func(adapters.Capabilities) error) (wait func(), err error) {
	if s.upstream.Model == "" {
		return func() {}, nil // there is nothing to ask about
	}
	llm, err := s.engine.LLM("")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	first, started, ended := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			caps, err := llm.Capabilities(ctx)
			if err == nil {
				first <- known(caps)
				return
			}
			if hopeless(err) || ctx.Err() != nil {
				first <- err
				return
			}
			pause := firstProbes
			select {
			case <-started:
				pause = probeAgain
				slog.Warn("searches make do with what every endpoint can do", "err", err, "asked again in", pause)
			default:
				slog.Info("waiting for the endpoint", "err", err)
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}()
	wait = func() { cancel(); <-ended }
	select {
	case err = <-first:
	case <-time.After(s.probeWait):
		close(started)
		slog.Warn("the endpoint takes its time to show what it can do: serving meanwhile, searches make do with what every endpoint can")
	}
	if err != nil {
		wait()
		if ctx.Err() == nil || hopeless(err) {
			err = s.upstream.explain(context.WithoutCancel(ctx), err)
		}
	}
	return wait, err
}

// hopeless reports whether an endpoint's error is one that waiting doesn't mend: it wants a key, or hasn't the model or
// the API.
func hopeless(err error) bool {
	var up *adapters.UpstreamError
	if !errors.As(err, &up) {
		return false
	}
	return up.Status == http.StatusUnauthorized || up.Status == http.StatusForbidden || up.Status == http.StatusNotFound
}

// exporter is where traces are sent to, nil for nowhere; shutdown sends what is left.
func (s service) exporter(ctx context.Context) (exporter server.TraceExporter, shutdown func(), err error) {
	if s.otlp == "" && os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("traces are not exported", "err", err) }))
	spans, err := span.OTLP(ctx, s.otlp)
	if err != nil {
		return nil, nil, badInput{fmt.Errorf("--otlp-endpoint: %w", err)}
	}
	return spans, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		logClose(spans.Shutdown(ctx))
	}, nil
}
