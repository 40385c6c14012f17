package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"aprm/adapters"
	"aprm/sidecar/cluster"
)

// natsFlags say where work is put that is done by others too.
type natsFlags struct {
	URL   string `name:"nats" help:"Have workers do the work ('sidecar worker'), by way of this NATS server or cluster with JetStream: nats://HOST:PORT, several with commas between, with USER:PASSWORD@ or TOKEN@ before the host if need be; or embedded, for one in this process that opens no port. With --upstream or embedded the command works itself too." env:"SIDECAR_NATS" placeholder:"URL"`
	Creds string `name:"nats-creds" help:"File of credentials for it." type:"existingfile" placeholder:"FILE"`
	Dir   string `name:"nats-dir" help:"Folder that an embedded server keeps what it is given in; without one it is gone with the process." type:"path" placeholder:"FOLDER"`
}

// connect connects. Close the bus when done.
func (n natsFlags) connect(ctx context.Context) (*cluster.Bus, error) {
	return given(cluster.Connect(ctx, cluster.Options{URL: n.URL, Creds: n.Creds, Dir: n.Dir, Name: "sidecar"}))
}

// queued is the model of the workers, whom an endpoint that is named, or an embedded server, has this process be one
// of. Calls are as many at a time as the queue is to have.
func (u *upstreamFlags) queued(ctx context.Context, n natsFlags) (_ adapters.LLM, close func() error, err error) {
	bus, err := n.connect(ctx)
	if err != nil {
		return nil, func() error { return nil }, err
	}
	close = bus.Close
	if n.URL == cluster.Embedded || u.URL != "" {
		own, err := u.live(ctx)
		if err != nil {
			return nil, close, err
		}
		if _, err := own.Capabilities(ctx); err != nil {
			return nil, close, u.explain(ctx, err)
		}
		work, stop := context.WithCancel(ctx)
		var worker sync.WaitGroup
		worker.Go(func() {
			w := cluster.Worker{Bus: bus, LLM: own, Concurrency: u.places(), Grace: time.Second}
			if err := w.Run(work); err != nil && work.Err() == nil {
				slog.Error("working on the queue", "err", err)
			}
		})
		close = func() error {
			stop()
			worker.Wait()
			return bus.Close()
		}
	}
	llm, err := cluster.Open(ctx, bus, u.Model)
	if err != nil {
		return nil, close, err
	}
	below := close
	close = func() error { return errors.Join(llm.Close(), below()) }
	caps, err := llm.Capabilities(ctx)
	u.Model, u.Concurrency = caps.Model, max(u.Concurrency, cluster.InQueue)
	return llm, close, err
}
