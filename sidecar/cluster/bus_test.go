package cluster

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestEmbeddedKeeps: what an embedded server with a folder is given is there for the next process, and without one it
// leaves nothing behind.
func TestEmbeddedKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "queue")
	put := func(opt Options) *Bus {
		b, err := Connect(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		kv, err := b.KeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Create(t.Context(), "key", []byte("value")); err != nil && opt.Dir == "" {
			t.Fatal(err)
		}
		if got, err := kv.Get(t.Context(), "key"); err != nil || string(got.Value()) != "value" {
			t.Errorf("%v, %v", got, err)
		}
		return b
	}
	for range 2 { // the second finds the key
		if err := put(Options{URL: Embedded, Dir: dir}).Close(); err != nil {
			t.Error(err)
		}
	}
	b := put(Options{URL: Embedded})
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.scratch); b.scratch == "" || !os.IsNotExist(err) {
		t.Errorf("%q is left behind: %v", b.scratch, err)
	}
}

// TestEmbeddedOpensNoPort: all addresses that a server in this process could listen on stay free.
func TestEmbeddedOpensNoPort(t *testing.T) {
	b, err := Connect(t.Context(), Options{URL: Embedded})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a := b.server.Addr(); a != nil {
		t.Errorf("it listens at %v", a)
	}
	for _, addr := range []net.Addr{b.server.ClusterAddr(), b.server.MonitorAddr()} {
		if a, ok := addr.(*net.TCPAddr); ok && a != nil {
			t.Errorf("it listens at %v", a)
		}
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no NATS server is named",
		"localhost":                    "is no URL of a NATS server",
		"nats://me:secret@127.0.0.1:1": "connecting to NATS at nats://",
	} {
		_, err := Connect(t.Context(), Options{URL: text})
		if err == nil || !strings.Contains(err.Error(), want) || bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestConnectEndsWithItsContext: a server that takes the connection and says nothing is waited for no longer than that.
func TestConnectEndsWithItsContext(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := mute.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
		cancel()
	}()
	if _, err := Connect(ctx, Options{URL: "nats://" + mute.Addr().String()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
}
