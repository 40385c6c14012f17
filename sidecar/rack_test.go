package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"aprm/adapters/builtin"
	"aprm/sidecar/cluster"
)

// others are programs that the test binary is too, for processes that tests kill.
var others = map[string]func(args []string) error{
	"nats-server": func(args []string) error { // as its module's main does it
		fs := flag.NewFlagSet("nats-server", flag.ExitOnError)
		opt, err := server.ConfigureOptions(fs, args, func() {}, fs.Usage, func() {})
		if err != nil {
			return err
		}
		s, err := server.NewServer(opt)
		if err != nil {
			return err
		}
		s.ConfigureLogger()
		if err := server.Run(s); err != nil {
			return err
		}
		s.WaitForShutdown()
		return nil
	},
	"builtin-endpoint": func(args []string) error {
		llm, err := builtin.Embedded()
		if err != nil {
			return err
		}
		srv := &http.Server{Addr: args[0], Handler: llm.Handler(), ReadHeaderTimeout: 10 * time.Second}
		return srv.ListenAndServe()
	},
}

// rack is a cluster of three NATS servers, two endpoints, and four workers on them, each a process.
type rack struct {
	parts    []*part
	url      string // of all servers
	problems string
}

// part is one process of it.
type part struct {
	kind string
	args []string
	*process
}

// newRack starts it, and waits until it works.
func newRack(t *testing.T) *rack {
	t.Helper()
	if os.Getenv("SIDECAR_TEST_RACK") == "" {
		t.Skip("nine processes: SIDECAR_TEST_RACK=1 has them started")
	}
	ports := freePorts(t, 8)
	at := func(i int) string { return "127.0.0.1:" + ports[i] }
	r := &rack{problems: filepath.Join(t.TempDir(), "problems.jsonl")}
	if err := os.WriteFile(r.problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "12", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	var urls, routes []string
	for i := range 3 {
		urls, routes = append(urls, "nats://"+at(i)), append(routes, "nats://"+at(3+i))
	}
	r.url = strings.Join(urls, ",")
	stores := t.TempDir()
	for i := range 3 {
		r.start(t, "NATS server", "nats-server", "--jetstream", "--store_dir", filepath.Join(stores, strconv.Itoa(i)), "--name", fmt.Sprintf("n%d", i), "--addr", "127.0.0.1",
			"--port", ports[i], "--cluster_name", "rack", "--cluster", routes[i], "--routes", strings.Join(routes, ","))
	}
	for i := range 2 {
		r.start(t, "endpoint", "builtin-endpoint", at(6+i))
	}
	t.Cleanup(func() {
		for _, p := range r.parts {
			_ = p.Process.Kill() // it may have ended
			_ = p.Wait()
		}
	})
	var bus *cluster.Bus
	var err error
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		if bus, err = cluster.Connect(t.Context(), cluster.Options{URL: r.url}); err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal(err)
		}
	}
	defer bus.Close()
	if _, err := bus.Stream(t.Context(), jetstream.StreamConfig{Name: "THERE"}); err != nil { // three of them
		t.Fatal(err)
	}
	for i := range 4 {
		r.start(t, "worker", "worker", "--nats", r.url, "--upstream", "http://"+at(6+i%2), "--upstream-concurrency", "3", "--log-level", "warn")
	}
	return r
}

func (r *rack) start(t *testing.T, kind string, args ...string) {
	r.parts = append(r.parts, &part{kind, args, startProcess(t, nil, args...)})
}

// again starts a part that has ended.
func (p *part) again(t *testing.T) { p.process = startProcess(t, nil, p.args...) }

// freePorts are ports of this machine that nobody listens at.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}

// sample is the command line of a coordinator.
func (r *rack) sample(seed int, out string, upstream ...string) []string {
	return append([]string{"sample", "--problems", r.problems, "--n", "3", "--max-tokens", "80", "--seed", strconv.Itoa(seed), "--out", out, "--log-level", "warn"}, upstream...)
}

var content = regexp.MustCompile(`(\d+) answers, content ([0-9a-f]{64})`)

// contentOf is how many answers a file holds and the hash of what they say; every line is as it was written, and there
// once.
func contentOf(t *testing.T, path string) (answers int, hash string) {
	t.Helper()
	found := content.FindStringSubmatch(command(t, 0, "dataset", "verify", path))
	if found == nil {
		t.Fatalf("%s has no content", path)
	}
	answers, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return answers, found[2]
}

// TestRack: three servers, two endpoints, four workers and a coordinator draw what one process draws from the same
// seed, and every worker has its part in it.
func TestRack(t *testing.T) {
	r := newRack(t)
	alone, spread := filepath.Join(t.TempDir(), "alone.jsonl"), filepath.Join(t.TempDir(), "spread.jsonl")
	command(t, 0, r.sample(5, alone, "--upstream", "http://"+r.parts[3].args[1])...)
	command(t, 0, r.sample(5, spread, "--nats", r.url)...)
	want, wanted := contentOf(t, alone)
	got, is := contentOf(t, spread)
	if want != 36 || got != want || is != wanted {
		t.Errorf("%d answers, content %s; one process has %d, %s", got, is, want, wanted)
	}
	for _, p := range r.parts {
		if p.kind != "worker" {
			continue
		}
		if err := errors.Join(p.Process.Signal(syscall.SIGTERM), p.Wait()); err != nil {
			t.Errorf("a worker that is to leave: %v\n%s", err, &p.errs)
		}
	}
	r.parts = slices.DeleteFunc(r.parts, func(p *part) bool { return p.kind == "worker" })
}
