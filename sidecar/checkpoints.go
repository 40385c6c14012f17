package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"aprm/prm"
	"aprm/sidecar/cluster"
	"aprm/sidecar/decode"
)

type checkpointCommand struct {
	List     checkpointListCommand     `cmd:"" help:"Show those that are kept, the newest first, and which is served."`
	Promote  checkpointPromoteCommand  `cmd:"" help:"Have one served; a later announcement of a trainer replaces it."`
	Pin      checkpointPinCommand      `cmd:"" help:"Have one served whatever trainers announce; or let them replace it again."`
	Rollback checkpointRollbackCommand `cmd:"" help:"Have the one served again that was before; once more, the one before that."`
}

const checkpointHelp = `

'train --nats' announces each checkpoint that it finishes, with its gate; every 'serve --nats' takes it up without a stop, and refuses one that is not as it was made or
whose gate is shut: its log and /healthz say why.`

// announce puts a checkpoint with its gate where all sidecars find it, and has it served unless another one is pinned,
// or its gate is shut, so that every sidecar would refuse it. It returns what has become of it, in words.
func (f sharedFlags) announce(ctx context.Context, m *prm.Model, gate *decode.Gate) (said string, err error) {
	err = f.checkpoints(ctx, func(to *cluster.Checkpoints) error {
		if err := put(ctx, to, m, gate); err != nil {
			return err
		}
		if gate == nil || !gate.Weighs() {
			said = fmt.Sprintf("checkpoint %s is kept and not announced: its gate is shut, so no sidecar would serve it", m.ID())
			return nil
		}
		now, err := to.Announce(ctx, m.ID())
		said = describeServed(now)
		if now.ID != m.ID() {
			said = fmt.Sprintf("checkpoint %s is kept; %s", m.ID(), said)
		}
		return err
	})
	return said, err
}

// put stores a checkpoint with its gate, nil for none.
func put(ctx context.Context, to *cluster.Checkpoints, m *prm.Model, gate *decode.Gate) error {
	host, _ := os.Hostname()
	of := cluster.Checkpoint{ID: m.ID(), By: cmp.Or(host, "unknown"), At: time.Now().UTC(), Note: "no gate"}
	var data []byte
	if gate != nil {
		of.Note = gate.Model + ": " + gate.String()
		var err error
		if data, err = json.Marshal(gate); err != nil {
			return err
		}
	}
	return to.Put(ctx, of, prm.Encode(m), data)
}

func describeServed(s cluster.Served) string {
	if s.ID == "" {
		return "no checkpoint is served yet"
	}
	said := fmt.Sprintf("checkpoint %s is served, %s %s", s.ID, s.How, s.At.Local().Format(time.DateTime))
	if s.Pinned {
		said += "; it is pinned: trainers don't replace it"
	}
	return said
}

type checkpointListCommand struct {
	NATS sharedFlags `embed:""`
	JSON bool        `name:"json" help:"Print it as JSON."`
}

func (c *checkpointListCommand) Help() string    { return strings.TrimSpace(checkpointHelp) }
func (c *checkpointListCommand) Validate() error { return c.NATS.needed() }

func (c *checkpointListCommand) Run(ctx context.Context, std streams) error {
	return c.NATS.checkpoints(ctx, func(of *cluster.Checkpoints) error {
		all, err := of.List(ctx)
		if err != nil {
			return err
		}
		now, err := of.Served(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(std, struct {
				Served      cluster.Served       `json:"served"`
				Checkpoints []cluster.Checkpoint `json:"checkpoints"`
			}{now, all})
		}
		rows := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for _, one := range all {
			mark := ""
			if one.ID == now.ID {
				mark = "served"
			}
			if mark != "" && now.Pinned {
				mark = "pinned"
			}
			fmt.Fprintf(rows, "%s\t%s\t%s\t%s\t%s\n", one.ID, mark, one.At.Local().Format(time.DateTime), one.By, one.Note)
		}
		if err := rows.Flush(); err != nil {
			return err
		}
		return show(std.out, describeServed(now)+"\n")
	})
}

// chosenFlags name a checkpoint among those that are kept, or a file to be kept with them.
type chosenFlags struct {
	NATS  sharedFlags `embed:""`
	Which string      `arg:"" optional:"" help:"Its id, or how that begins; or a file, which is stored first, with the gate beside it." placeholder:"ID|FILE"`
}

func (c *chosenFlags) Validate() error {
	if err := c.NATS.needed(); err != nil || c.Which != "" {
		return err
	}
	return errors.New("name a checkpoint: `sidecar checkpoint list` shows their ids")
}

// id is the whole id of what was named.
func (c *chosenFlags) id(ctx context.Context, of *cluster.Checkpoints) (string, error) {
	if _, err := os.Stat(c.Which); err == nil {
		m, err := checkpointFile(c.Which).load()
		if err != nil {
			return "", err
		}
		gate, err := readGate(c.Which)
		if err != nil {
			return "", err
		}
		return m.ID(), put(ctx, of, m, gate)
	}
	all, err := of.List(ctx)
	if err != nil {
		return "", err
	}
	id := ""
	for _, one := range all {
		switch {
		case !strings.HasPrefix(one.ID, c.Which):
		case id != "":
			return "", badInput{fmt.Errorf("%s is the beginning of %s and of %s: name more of it", c.Which, id, one.ID)}
		default:
			id = one.ID
		}
	}
	if id == "" {
		return "", badInput{fmt.Errorf("%s: %w, nor such a file: `sidecar checkpoint list` shows them", c.Which, cluster.ErrNoCheckpoint)}
	}
	return id, nil
}

// change does something to what is served, and says what is then.
func (f sharedFlags) change(ctx context.Context, std streams, do func(*cluster.Checkpoints) (cluster.Served, error)) error {
	return f.checkpoints(ctx, func(of *cluster.Checkpoints) error {
		now, err := do(of)
		if errors.Is(err, cluster.ErrNoCheckpoint) {
			err = badInput{err}
		}
		if err != nil {
			return err
		}
		return show(std.out, describeServed(now)+"\n")
	})
}

type checkpointPromoteCommand struct {
	chosenFlags `embed:""`
}

func (c *checkpointPromoteCommand) Run(ctx context.Context, std streams) error {
	return c.NATS.change(ctx, std, func(of *cluster.Checkpoints) (now cluster.Served, err error) {
		id, err := c.id(ctx, of)
		if err != nil {
			return now, err
		}
		return of.Promote(ctx, id)
	})
}

type checkpointPinCommand struct {
	chosenFlags `embed:""`
	Off         bool `help:"Let trainers replace it again."`
}

func (c *checkpointPinCommand) Validate() error {
	if !c.Off {
		return c.chosenFlags.Validate()
	}
	if c.Which != "" {
		return errors.New("--off is of the one that is pinned: name none")
	}
	return c.NATS.needed()
}

func (c *checkpointPinCommand) Run(ctx context.Context, std streams) error {
	return c.NATS.change(ctx, std, func(of *cluster.Checkpoints) (now cluster.Served, err error) {
		if c.Off {
			return of.Unpin(ctx)
		}
		id, err := c.id(ctx, of)
		if err != nil {
			return now, err
		}
		return of.Pin(ctx, id)
	})
}

type checkpointRollbackCommand struct {
	NATS sharedFlags `embed:""`
}

func (c *checkpointRollbackCommand) Validate() error { return c.NATS.needed() }

func (c *checkpointRollbackCommand) Run(ctx context.Context, std streams) error {
	return c.NATS.change(ctx, std, func(of *cluster.Checkpoints) (cluster.Served, error) { return of.RollBack(ctx) })
}
