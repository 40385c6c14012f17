// Package cluster spreads work over machines by NATS JetStream: a queue of what LLMs are to be asked, workers that ask
// them, and an adapters.LLM whose calls go there. The server is one or a cluster somewhere, or is embedded in the
// process; what speaks to it is the same code.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"aprm/prm/disk"
)

// Embedded is the URL of a server in this process: nobody else can connect to it, and no port is open.
const Embedded = "embedded"

// Options say which server is spoken to. Only URL is needed.
type Options struct {
	URL      string // nats://HOST:PORT, tls://…, several with commas between, with a user's name and password or a token if need be; or Embedded
	Creds    string // file of credentials (nsc), "" for none
	Dir      string // where an embedded server keeps what it is given; "" for in memory, gone with the process
	Name     string // of this client, as the server's people see it
	Replicas int    // of all that is kept; 0 for three on a cluster and one else
}

// Bus is a connection to a server with JetStream. It connects again by itself when the connection breaks, for as long
// as it takes. Safe for concurrent use.
type Bus struct {
	jetstream.JetStream

	conn     *nats.Conn
	server   *server.Server // nil unless it is embedded
	claim    *os.File       // nobody else has an embedded server on the same folder
	scratch  string         // folder that goes with an embedded server that keeps nothing
	storage  jetstream.StorageType
	replicas int
}

// patience is how long an embedded server may take to start, and any server to answer.
const patience = 10 * time.Second

// Connect returns a connection, to be closed. It is an error when no server answers within seconds or before ctx is
// done, or when that one has no JetStream.
func Connect(ctx context.Context, opt Options) (_ *Bus, err error) {
	b := &Bus{storage: jetstream.FileStorage, replicas: opt.Replicas}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	settings := []nats.Option{nats.Name(opt.Name), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil where it was closed
				slog.Warn("lost the connection to NATS: connecting again", "err", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { slog.Info("connected to NATS again", "server", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { slog.Debug("NATS", "err", err) })}
	where := opt.URL
	switch {
	case opt.URL == "":
		return nil, errors.New("no NATS server is named")
	case opt.URL == Embedded:
		if err := b.embed(opt.Dir); err != nil {
			return nil, err
		}
		where, settings = "", append(settings, nats.InProcessServer(b.server))
	default:
		if err := checkURL(opt.URL); err != nil {
			return nil, err
		}
		if opt.Creds != "" {
			settings = append(settings, nats.UserCredentials(opt.Creds))
		}
	}
	if b.conn, err = dial(ctx, where, settings); err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", redacted(opt.URL), err)
	}
	if b.JetStream, err = jetstream.New(b.conn, jetstream.WithDefaultTimeout(patience)); err != nil {
		return nil, err
	}
	if err := b.insist(ctx, func() error { _, err := b.AccountInfo(ctx); return err }); err != nil {
		return nil, fmt.Errorf("NATS at %s: %w (it needs JetStream: nats-server --jetstream)", redacted(opt.URL), err)
	}
	if b.replicas == 0 {
		b.replicas = 1
		if b.conn.ConnectedClusterName() != "" {
			b.replicas = 3
		}
	}
	return b, nil
}

// dial connects, or returns when ctx is done: nats.Connect knows none, and waits for a server that says nothing.
func dial(ctx context.Context, where string, settings []nats.Option) (*nats.Conn, error) {
	var conn *nats.Conn
	came := make(chan error, 1)
	go func() {
		var err error
		conn, err = nats.Connect(where, settings...)
		came <- err
	}()
	select {
	case err := <-came:
		return conn, err
	case <-ctx.Done():
		go func() {
			if err := <-came; err == nil { // nobody wants it any more
				conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// embed starts a server in this process.
func (b *Bus) embed(dir string) (err error) {
	if dir == "" {
		b.storage = jetstream.MemoryStorage
		if dir, err = os.MkdirTemp("", "sidecar-nats-"); err != nil { // the server wants one even so
			return err
		}
		b.scratch = dir
	} else if err := disk.MkdirAll(dir); err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if b.claim, err = disk.Claim(filepath.Join(dir, "claim")); err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	b.server, err = server.NewServer(&server.Options{ServerName: "sidecar", DontListen: true, JetStream: true, StoreDir: dir, NoSigs: true, DisableJetStreamBanner: true})
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	b.server.SetLoggerV2(logger{}, false, false, false)
	b.server.Start()
	if !b.server.ReadyForConnections(patience) || !b.server.JetStreamEnabled() {
		return fmt.Errorf("embedded NATS: it didn't start within %s in %s", patience, dir)
	}
	return nil
}

// Close ends the connection, and an embedded server.
func (b *Bus) Close() error {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	var err error
	if b.claim != nil {
		err = b.claim.Close()
	}
	if b.scratch != "" {
		err = errors.Join(err, os.RemoveAll(b.scratch))
	}
	return err
}

// electing is how long a cluster may be without a leader, as it is after one of its servers went down.
const electing = 30 * time.Second

// insist does what may fail while a server is away or a cluster elects its leaders until it works, or has failed for
// long enough.
func (b *Bus) insist(ctx context.Context, do func() error) error {
	for until := time.Now().Add(electing); ; sleep(ctx, 300*time.Millisecond) {
		err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(until) || b.conn.IsConnected() && b.conn.ConnectedClusterName() == "" {
			return err
		}
		slog.Debug("NATS: it can't just now", "err", err)
	}
}

// Stream makes a stream where there is none of that name: kept on disk and replicated as the server is. One that is
// there stays as it is.
func (b *Bus) Stream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	cfg.Storage, cfg.Replicas = b.storage, b.replicas
	return made(ctx, b, "stream", cfg.Name, cfg, b.CreateStream, b.JetStream.Stream)
}

// KeyValue makes a bucket where there is none of that name, as Stream does.
func (b *Bus) KeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	cfg.Storage, cfg.Replicas = b.storage, b.replicas
	return made(ctx, b, "bucket", cfg.Bucket, cfg, b.CreateKeyValue, b.JetStream.KeyValue)
}

// ObjectStore makes an object store where there is none of that name, as Stream does.
func (b *Bus) ObjectStore(ctx context.Context, cfg jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error) {
	cfg.Storage, cfg.Replicas = b.storage, b.replicas
	return made(ctx, b, "object store", cfg.Bucket, cfg, b.CreateObjectStore, b.JetStream.ObjectStore)
}

// made is what create makes, or what is there already of that name.
func made[C, T any](ctx context.Context, b *Bus, what, name string, cfg C, create func(context.Context, C) (T, error), there func(context.Context, string) (T, error)) (of T, err error) {
	err = b.insist(ctx, func() (err error) {
		if of, err = create(ctx, cfg); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrBucketExists) {
			of, err = there(ctx, name)
		}
		return err
	})
	return of, named(err, what, name)
}

func named(err error, what, name string) error {
	if err != nil {
		return fmt.Errorf("NATS: %s %s: %w", what, name, err)
	}
	return nil
}

// checkURL says what is wrong with the URL of a server, or of several.
func checkURL(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Host == "" {
			return fmt.Errorf("%q is no URL of a NATS server (want nats://HOST:PORT, tls://HOST:PORT, ws:// or wss://, several with commas between, or %s)", redacted(text), Embedded)
		}
	}
	return nil
}

// redacted is a URL, or several, without what is secret in them.
func redacted(list string) string {
	urls := strings.Split(list, ",")
	for i, text := range urls {
		switch u, err := url.Parse(strings.TrimSpace(text)); {
		case err != nil:
			urls[i] = "(an unreadable URL)"
		case u.User != nil:
			u.User = url.User("…")
			urls[i] = u.String()
		}
	}
	return strings.Join(urls, ",")
}

// logger has what an embedded server says in the process's own log: what is wrong, and the rest where it is asked for.
type logger struct{}

func (logger) Noticef(format string, v ...any) { slog.Debug("NATS: " + fmt.Sprintf(format, v...)) }
func (logger) Debugf(format string, v ...any)  { slog.Debug("NATS: " + fmt.Sprintf(format, v...)) }
func (logger) Tracef(format string, v ...any)  { slog.Debug("NATS: " + fmt.Sprintf(format, v...)) }
func (logger) Warnf(format string, v ...any)   { slog.Warn("NATS: " + fmt.Sprintf(format, v...)) }
func (logger) Errorf(format string, v ...any)  { slog.Error("NATS: " + fmt.Sprintf(format, v...)) }
func (logger) Fatalf(format string, v ...any)  { slog.Error("NATS: " + fmt.Sprintf(format, v...)) }
