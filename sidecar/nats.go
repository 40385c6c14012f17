package main

import (
	"context"

	"aprm/sidecar/cluster"
)

// natsFlags say which NATS server is spoken to.
type natsFlags struct {
	URL   string `name:"nats" help:"NATS server with JetStream that is shared with others: nats://HOST:PORT, several with commas between." env:"SIDECAR_NATS" placeholder:"URL" sep:"none"`
	Creds string `name:"nats-creds" help:"File of credentials for it, as nsc makes them." type:"existingfile" placeholder:"FILE"`
}

// connect speaks to the server as somebody.
func (f *natsFlags) connect(ctx context.Context, as string) (*cluster.Bus, error) {
	return given(cluster.Connect(ctx, cluster.Options{URL: f.URL, Creds: f.Creds, Name: "sidecar " + as}))
}

// checkpoints connects, and lends the checkpoints that are there to do.
func (f *natsFlags) checkpoints(ctx context.Context, as string, do func(*cluster.Checkpoints) error) (err error) {
	bus, err := f.connect(ctx, as)
	if err != nil {
		return err
	}
	defer func() { logClose(bus.Close()) }()
	from, err := bus.Checkpoints(ctx)
	if err != nil {
		return err
	}
	return do(from)
}
