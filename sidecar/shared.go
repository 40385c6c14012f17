package main

import (
	"context"
	"errors"

	"aprm/sidecar/cluster"
)

// sharedFlags say where checkpoints are shared by trainers and sidecars.
type sharedFlags struct {
	URL   string `name:"nats" help:"NATS server or cluster with JetStream where trainers announce checkpoints ('sidecar train --nats'), for every sidecar there to serve: nats://HOST:PORT, several with commas between." env:"SIDECAR_NATS" placeholder:"URL"`
	Creds string `name:"nats-creds" help:"File of credentials for it." type:"existingfile" placeholder:"FILE"`
}

// check is the error of a server that nobody shares.
func (f sharedFlags) check() error {
	if f.URL == cluster.Embedded {
		return errors.New("--nats embedded is a server in this process alone: name one that trainers and sidecars share")
	}
	return nil
}

// needed is the error of a command that can do nothing without one.
func (f sharedFlags) needed() error {
	if f.URL == "" {
		return errors.New("--nats is missing: name the server that trainers and sidecars share")
	}
	return f.check()
}

// checkpoints connects, and lends the checkpoints that are there to do.
func (f sharedFlags) checkpoints(ctx context.Context, do func(*cluster.Checkpoints) error) error {
	bus, err := natsFlags{URL: f.URL, Creds: f.Creds}.connect(ctx)
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
