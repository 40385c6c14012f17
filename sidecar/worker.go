package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"aprm/adapters"
	"aprm/sidecar/cluster"
)

type workerCommand struct {
	Upstream   upstreamFlags `embed:"" group:"Endpoint:"`
	NATS       natsFlags     `embed:""`
	Wait       time.Duration `help:"How long to wait for an endpoint that is loading its model, or isn't there yet." default:"15m"`
	Grace      time.Duration `help:"Told to stop (SIGTERM), it takes nothing more, and what is under way may take so long to end; what doesn't is another worker's." default:"25s"`
	Deliveries int           `help:"A call that so often came to nothing, or killed its worker, is given up: it goes to the subject sidecar.dead with the reason." default:"8"`
}

func (c *workerCommand) Help() string {
	return `Takes calls of the LLM out of a queue, where 'train', 'sample', 'eval', 'examine' and 'experiment run' with --nats put them, and has its endpoint answer. It joins and leaves
at any time, and takes as much as its endpoint gets done (--upstream-concurrency completions at a time).

  nats-server --jetstream
  sidecar worker --nats nats://127.0.0.1:4222 --upstream http://127.0.0.1:8080
  sidecar sample --nats nats://127.0.0.1:4222 --problems train.jsonl --seed 1 --out answers.jsonl`
}

func (c *workerCommand) Validate() error {
	switch c.NATS.URL {
	case "":
		return errors.New("name the server whose queue is to be worked on: --nats URL")
	case cluster.Embedded:
		return errors.New("--nats: nobody else can put work into an embedded server: name one that is reached by a URL")
	}
	return errors.Join(atLeast(1, "--deliveries", c.Deliveries), atLeast(0, "--grace", c.Grace), atLeast(0, "--wait", c.Wait))
}

func (c *workerCommand) Run(ctx context.Context) (err error) {
	if err := c.Upstream.resolve(ctx, c.Wait); err != nil {
		return err
	}
	llm, err := c.Upstream.open("")
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	for until := time.Now().Add(c.Wait); err != nil && ctx.Err() == nil && mayPass(err) && time.Now().Before(until); caps, err = llm.Capabilities(ctx) {
		slog.Info("waiting for the endpoint", "err", err)
		select {
		case <-time.After(firstProbes):
		case <-ctx.Done():
		}
	}
	if err != nil {
		return c.Upstream.explain(ctx, err)
	}
	bus, err := c.NATS.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bus.Close()) }()
	host, _ := os.Hostname() // a name for people, which need not be there
	w := cluster.Worker{Bus: bus, LLM: llm, Concurrency: c.Upstream.places(), MaxDeliver: c.Deliveries, Grace: max(c.Grace, time.Millisecond), Name: fmt.Sprintf("%s-%d", host, os.Getpid())}
	slog.Info("at work", "worker", w.Name, "endpoint", c.Upstream.name(), "completions_at_a_time", w.Concurrency, "capabilities", caps)
	err = w.Run(ctx)
	slog.Info("left", "worker", w.Name, "answered", w.Done())
	return err
}

// mayPass reports whether an endpoint may answer another time.
func mayPass(err error) bool {
	var up *adapters.UpstreamError
	return errors.Is(err, adapters.ErrUnprobed) || errors.As(err, &up) && up.MayPass()
}
