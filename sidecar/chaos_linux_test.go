package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aprm/adapters/builtin"
	"aprm/adapters/recorded"
	"aprm/generator"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/sidecar/dataset"
)

// chaotic is how many rounds a test of chaos is to have, and of what seed; a test that nobody asked for is skipped.
func chaotic(t *testing.T) (rounds int, seed uint64) {
	t.Helper()
	rounds, err := strconv.Atoi(os.Getenv("SIDECAR_TEST_ROUNDS"))
	if err != nil {
		t.Skip("SIDECAR_TEST_ROUNDS=N makes N rounds")
	}
	seed, err = strconv.ParseUint(os.Getenv("SIDECAR_TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano()) % 1e6
	}
	t.Logf("SIDECAR_TEST_SEED=%d", seed)
	return rounds, seed
}

// TestChaos has real processes die: killed at random times (SIGKILL), and besides before a full disk (a tmpfs), an
// endpoint that goes away, or a network that is cut off (a namespace of its own). Whatever was interrupted is run again
// until it ends, and must have come to what it comes to when nothing interrupts it. SIDECAR_TEST_ROUNDS says how many
// rounds; without it there are none, because a round takes seconds:
//
//	SIDECAR_TEST_ROUNDS=100 go test ./sidecar -run '^TestChaos$' -v -timeout 60m
//
// SIDECAR_TEST_SEED has the same times and sizes drawn again.
func TestChaos(t *testing.T) {
	rounds, seed := chaotic(t)
	endpoint := newFragile(t)
	problems := filepath.Join(t.TempDir(), "problems.jsonl")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "12", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &chaos{endpoint: endpoint, rng: rand.New(rand.NewPCG(17, seed)), unbroken: map[string]came{}}
	ordeals := append(ordealsOn(problems), ordeal{name: "serve"})
	woes := []woe{killed, fullDisk, endpointGone, networkCut}
	for round := range rounds {
		o, w := ordeals[round%len(ordeals)], woes[(round+round/len(ordeals))%len(woes)]
		if o.name == "serve" && w == fullDisk { // it writes nothing
			w = killed
		}
		t.Run(fmt.Sprintf("%d %s, %s", round, o.name, w), func(t *testing.T) {
			if o.name == "serve" {
				c.serve(t, w)
			} else {
				c.survive(t, o, w)
			}
		})
	}
	t.Logf("%d rounds: %d processes, of which %d were killed, %d ended before a full disk and %d because of the endpoint or the network; %d answers and labelled steps were on disk when one ended, and all are there at the end, once",
		rounds, c.processes, c.kills, c.full, c.lost, c.held)
}

// woe is what goes wrong besides.
type woe string

const (
	killed       woe = "killed"
	fullDisk     woe = "killed, on a disk that is full"
	endpointGone woe = "killed, before an endpoint that goes away"
	networkCut   woe = "killed, on a network that is cut off"
)

// ordeal is a command that is interrupted.
type ordeal struct {
	name  string
	args  func(folder, upstream string) []string // all that it keeps is in the folder
	lines map[string]disk.Format                 // files of the folder whose good lines are never lost nor doubled
	drawn bool                                   // what is drawn differs from run to run: only how much there is is the same
	ends  []string                               // files of the folder that end up the same as without interruption
	says  bool                                   // and so does what it prints
}

func ordealsOn(problems string) []ordeal {
	plan := filepath.Join(filepath.Dir(problems), "plan.yaml")
	err := os.WriteFile(plan, []byte(`
title: chaos
seeds: [1]
train: {split: train, seed: 11, problems: 12}
dev: {split: dev, seed: 12, problems: 4}
test:
  - {name: in distribution, split: test, seed: 13, problems: 5}
sampling: {temperature: 0.8, max_tokens: 80, parallel: 4}
sizes: [2]
game: game
base: {samples: 2, max_tokens: 80, concurrency: 4, network: {epochs: 2}}
prms:
  - {name: static, fixed: true, settings: {rounds: 1, problems: 6, attacks: 10, learner: uniform}}
  - {name: game, settings: {rounds: 2, problems: 4, attacks: 8}}
`), 0o600)
	if err != nil {
		panic(err)
	}
	answers := map[string]disk.Format{answersFile: recorded.Format}
	return []ordeal{
		{name: "train", lines: map[string]disk.Format{answersFile: recorded.Format, "steps.jsonl": generator.StepsFormat}, ends: []string{"my.prm", "report.json"},
			args: func(folder, upstream string) []string {
				return []string{"train", "--upstream", upstream, "--problems", problems, "--run", folder, "--out", filepath.Join(folder, "my.prm"),
					"--rounds", "3", "--per-round", "3", "--samples", "2", "--attacks", "8", "--epochs", "3", "--max-tokens", "80", "--no-hidden"}
			}},
		{name: "sample", lines: map[string]disk.Format{"drawn.jsonl": dataset.AnswersFormat}, drawn: true,
			args: func(folder, upstream string) []string {
				return []string{"sample", "--upstream", upstream, "--problems", problems, "--n", "3", "--max-tokens", "80", "--upstream-concurrency", "3", "--out", filepath.Join(folder, "drawn.jsonl")}
			}},
		{name: "experiment", lines: answers, ends: []string{"results.json", "results.csv"},
			args: func(folder, upstream string) []string {
				return []string{"experiment", "run", plan, "--upstream", upstream, "--out", folder}
			}},
		{name: "eval", lines: answers, says: true,
			args: func(folder, upstream string) []string {
				return []string{"eval", "--upstream", upstream, "--problems", problems, "--checkpoint", "builtin.prm", "--no-gate", "--no-hidden", "--n", "2", "--max-tokens", "80",
					"--strategies", "majority,weighted_vote,guided", "--record", filepath.Join(folder, answersFile), "--json"}
			}},
	}
}

// chaos is what the rounds share.
type chaos struct {
	endpoint *fragile
	rng      *rand.Rand
	unbroken map[string]came // by ordeal

	processes, kills, full, lost, held int
}

// came is what a command came to.
type came struct {
	lines map[string][]string // of each file of lines, sorted
	ends  map[string][]byte
	took  time.Duration
	size  int64 // bytes on disk
}

// survive interrupts a command, again and again, and holds what it comes to against a run of it that nothing
// interrupts.
func (c *chaos) survive(t *testing.T, o ordeal, w woe) {
	whole, known := c.unbroken[o.name]
	if !known {
		folder := t.TempDir()
		began := time.Now()
		p := startProcess(t, nil, o.args(folder, c.endpoint.URL)...)
		if err := p.Wait(); err != nil {
			t.Fatalf("with no interruption: %v\n%s", err, &p.errs)
		}
		whole = o.came(t, folder, p.out.Bytes())
		whole.took = time.Since(began)
		c.unbroken[o.name] = whole
	}
	folder, more := t.TempDir(), func() {}
	if w == fullDisk {
		more = smallDisk(t, folder, whole.size/8+c.rng.Int64N(whole.size*3/4))
	}
	upstream, before, cut := c.endpoint.URL, []string(nil), c.endpoint.away
	switch w {
	case networkCut:
		upstream, before, cut = apart(t, c.endpoint)
	case endpointGone:
	default:
		cut = nil
	}
	held, said := map[string][]string{}, []byte(nil)
	kills := 1 + c.rng.IntN(3)
	for try := 0; ; try++ {
		if try > 60 {
			t.Fatal("it comes to no end")
		}
		p := startProcess(t, before, o.args(folder, upstream)...)
		c.processes++
		over := make(chan struct{})
		var disturbers sync.WaitGroup
		disturb := func(what func()) {
			after := time.Duration(c.rng.Int64N(int64(whole.took)))
			disturbers.Go(func() {
				select {
				case <-time.After(after):
					what()
				case <-over:
				}
			})
		}
		if try < kills {
			disturb(func() { _ = p.Process.Kill() }) // it may have ended
		}
		if cut != nil && try < 4 {
			gone := time.Duration(c.rng.Int64N(int64(2 * time.Second)))
			disturb(func() { cut(gone) })
		}
		err := p.Wait()
		close(over)
		disturbers.Wait()
		c.look(t, o, folder, held)
		var exit *exec.ExitError
		switch {
		case err == nil:
			said = p.out.Bytes()
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() && try < kills:
			c.kills++
			continue
		case w == fullDisk && strings.Contains(p.errs.String(), "no space left on device"):
			c.full++
			more()
			continue
		case cut != nil && exit.ExitCode() == 1 && strings.Contains(p.errs.String(), "sidecar: "):
			c.lost++
			continue
		default:
			t.Fatalf("%v\n%s", err, &p.errs)
		}
		break
	}
	got := o.came(t, folder, said)
	for name, data := range whole.ends {
		if !bytes.Equal(got.ends[name], data) {
			t.Errorf("%s is another one than without interruption: %s", name, differ(data, got.ends[name]))
		}
	}
	for name, lines := range whole.lines {
		if !o.drawn {
			for i := range min(len(lines), len(got.lines[name])) {
				if a, b := lines[i], got.lines[name][i]; a != b {
					t.Logf("%s: %s", name, differ([]byte(a), []byte(b)))
					break
				}
			}
		}
		if !o.drawn && !slices.Equal(got.lines[name], lines) || o.drawn && len(got.lines[name]) < len(lines) {
			t.Errorf("%s has %d lines, %d without interruption, and they differ", name, len(got.lines[name]), len(lines))
		}
	}
	left, err := filepath.Glob(filepath.Join(folder, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("what was half written is still there: %v, %v", left, err)
	}
}

// look holds what is on disk when a process has ended, however it did: files of lines have no broken ones, and nothing
// is gone that was there before.
func (c *chaos) look(t *testing.T, o ordeal, folder string, held map[string][]string) {
	t.Helper()
	for name, format := range o.lines {
		now := linesOf(t, filepath.Join(folder, name), format)
		if was := held[name]; len(now) < len(was) || !slices.Equal(now[:len(was)], was) {
			t.Fatalf("%s had %d lines, and now they are not the first of its %d", name, len(was), len(now))
		}
		c.held += len(now) - len(held[name])
		held[name] = now
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".prm" && !strings.HasPrefix(d.Name(), ".") {
			_, err = prm.Load(path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("a checkpoint is there, and not whole: %v", err)
	}
}

// linesOf are the good lines of a file; a last one that was never finished may stand behind them, and no other may be
// broken.
func linesOf(t *testing.T, path string, format disk.Format) (lines []string) {
	t.Helper()
	f, err := disk.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	format.Skip = false
	if _, err := format.Read(f, path, func(line []byte) error { lines = append(lines, string(line)); return nil }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// times are measured anew each time.
var times = regexp.MustCompile(`"(\w*seconds|\w*minutes|elapsed_ns)": *([0-9.e+-]+|null)`)

// came reads what the command left.
func (o ordeal) came(t *testing.T, folder string, said []byte) came {
	t.Helper()
	got := came{lines: map[string][]string{}, ends: map[string][]byte{}}
	for name, format := range o.lines {
		lines := linesOf(t, filepath.Join(folder, name), format)
		slices.Sort(lines)
		if once := slices.Compact(slices.Clone(lines)); len(once) < len(lines) {
			t.Errorf("%s: %d lines are there more than once", name, len(lines)-len(once))
		}
		got.lines[name] = lines
	}
	for _, name := range o.ends {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		}
		if filepath.Ext(name) == ".prm" { // whose name is of its weights and all that it was made of, but for the time
			m, err := prm.Load(filepath.Join(folder, name))
			if err != nil {
				t.Error(err)
				continue
			}
			data = []byte(m.ID())
		}
		if name == "report.json" { // whose member prm is of this process alone
			var report map[string]json.RawMessage
			if err := json.Unmarshal(data, &report); err != nil {
				t.Error(err)
			}
			delete(report, "prm")
			if data, err = json.Marshal(report); err != nil {
				t.Error(err)
			}
		}
		got.ends[name] = times.ReplaceAll(data, nil)
	}
	if o.says {
		got.ends["what it prints"] = times.ReplaceAll(said, nil)
	}
	if o.drawn {
		answered, err := dataset.ReadAnswers(filepath.Join(folder, "drawn.jsonl"))
		if err != nil || len(answered) != 12 {
			t.Fatalf("%d problems are answered: %v", len(answered), err)
		}
		for _, a := range answered {
			if len(a.Answers) != 3 {
				t.Errorf("%s has %d answers, was to have 3", a.Problem.ID, len(a.Answers))
			}
		}
	}
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			got.size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// differ shows where two files begin to.
func differ(want, got []byte) string {
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	around := func(b []byte) []byte { return b[min(len(b), max(0, at-60)):min(len(b), at+60)] }
	return fmt.Sprintf("%d and %d bytes, from byte %d on %q and %q", len(want), len(got), at, around(want), around(got))
}

// serve has clients ask until each of their questions has a whole answer, while what they ask is killed, or the
// endpoint goes away. None may take a part for a whole: what comes with its end is what comes without interruption.
func (c *chaos) serve(t *testing.T, w woe) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	begin := func() *process {
		c.processes++
		return startProcess(t, nil, "serve", "--upstream", c.endpoint.URL, "--listen", addr, "--checkpoint", "builtin.prm", "--no-hidden", "--probe-wait", "100ms", "--log-level", "error")
	}
	// A raw answer follows from its seed. A vote does too, unless a candidate died and was drawn again.
	bodies := map[string]string{}
	for i := range 12 {
		strategy := "raw"
		if w == killed && i%3 == 0 {
			strategy = "majority"
		}
		bodies[fmt.Sprintf("%s %d", strategy, i)] = fmt.Sprintf(`{"model":%q,"seed":%d,"stream":%t,"temperature":0.8,"max_tokens":80,"prm":{"strategy":%q,"n":2,"steps":false},"messages":[{"role":"user","content":"Tom has %d boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"}]}`,
			c.endpoint.model, i, i%2 == 0, strategy, i+2)
	}
	whole, known := c.unbroken["serve"+string(w)]
	if !known {
		whole.ends = map[string][]byte{}
		began := time.Now()
		p := begin()
		for name, body := range bodies {
			for len(whole.ends[name]) == 0 {
				if time.Since(began) > time.Minute {
					t.Fatalf("no answer: %s", &p.errs)
				}
				whole.ends[name], _ = wholeAnswer(t.Context(), addr, body) // it may not listen yet
			}
		}
		whole.took = time.Since(began)
		c.ends(t, p)
		c.unbroken["serve"+string(w)] = whole
	}
	var current atomic.Pointer[process]
	current.Store(begin())
	done := make(chan struct{})
	var disturber, clients sync.WaitGroup
	rng := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
	disturber.Go(func() {
		for range 3 {
			select {
			case <-time.After(time.Duration(rng.Int64N(int64(whole.took)))):
			case <-done:
				return
			}
			if w == endpointGone || w == networkCut {
				c.endpoint.away(time.Duration(rng.Int64N(int64(time.Second))))
				c.lost++
				continue
			}
			p := current.Load()
			if err := p.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = p.Wait() // it was killed
			c.kills++
			current.Store(begin())
		}
	})
	names := slices.Sorted(maps.Keys(bodies))
	var next, broken atomic.Int64
	for range 3 {
		clients.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(names); i = next.Add(1) - 1 {
				began := time.Now()
				for {
					got, err := wholeAnswer(t.Context(), addr, bodies[names[i]])
					if err == nil {
						if !bytes.Equal(got, whole.ends[names[i]]) {
							t.Errorf("%s: %q came for whole, and is %q", names[i], got, whole.ends[names[i]])
						}
						break
					}
					broken.Add(1)
					if time.Since(began) > 2*time.Minute {
						t.Errorf("%s: no answer: %v", names[i], err)
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	clients.Wait()
	close(done)
	disturber.Wait()
	c.ends(t, current.Load())
	c.held += len(names)
	t.Logf("%d questions, each answered whole; %d answers were refused or broken off before that", len(names), broken.Load())
}

// ends has a process end as it is asked to.
func (c *chaos) ends(t *testing.T, p *process) {
	t.Helper()
	if err := errors.Join(p.Process.Signal(syscall.SIGTERM), p.Wait()); err != nil && !strings.Contains(p.errs.String(), "interrupted") {
		t.Errorf("told to stop: %v\n%s", err, &p.errs)
	}
}

// fragile is the embedded model as an endpoint that goes away at times.
type fragile struct {
	*httptest.Server
	model string

	mu    sync.Mutex
	conns map[net.Conn]bool
	gone  atomic.Bool
}

func newFragile(t *testing.T) *fragile {
	t.Helper()
	llm, err := builtin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	caps, err := llm.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &fragile{model: caps.Model, conns: map[net.Conn]bool{}}
	f.Server = httptest.NewUnstartedServer(llm.Handler())
	f.Config.ConnState = f.watch
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *fragile) watch(conn net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch state {
	case http.StateNew:
		f.conns[conn] = true
		if f.gone.Load() {
			conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		delete(f.conns, conn)
	}
}

// away breaks off all that is under way, and takes nothing new for so long.
func (f *fragile) away(d time.Duration) {
	f.gone.Store(true)
	f.mu.Lock()
	for conn := range f.conns {
		conn.Close()
	}
	f.mu.Unlock()
	time.Sleep(d)
	f.gone.Store(false)
}

// smallDisk mounts a tmpfs of so many bytes; more has it grow.
func smallDisk(t *testing.T, folder string, size int64) (more func()) {
	t.Helper()
	err := unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
	if err != nil {
		t.Skipf("no small disk: mounting a tmpfs: %v (it takes root)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return func() {
		if err := unix.Mount("", folder, "tmpfs", unix.MS_REMOUNT, "size=1g,mode=0700"); err != nil {
			t.Fatal(err)
		}
	}
}

// apart gives processes a network of their own, in which the endpoint is at upstream; before goes before their command
// line, and cut has everything that is sent go nowhere for so long.
func apart(t *testing.T, f *fragile) (upstream string, before []string, cut func(time.Duration)) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no network of its own: there is no command ip (iproute2)")
	}
	id := fmt.Sprintf("chaos%d", os.Getpid()%100000)
	net24 := fmt.Sprintf("10.213.%d.", os.Getpid()%250)
	ip := func(line string) error {
		out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
		return err
	}
	if err := ip("netns add " + id); err != nil {
		t.Skipf("no network of its own: %v (it takes root)", err)
	}
	t.Cleanup(func() {
		if err := ip("netns del " + id); err != nil {
			t.Error(err)
		}
	})
	for _, line := range []string{"link add " + id + "a type veth peer name " + id + "b netns " + id, "addr add " + net24 + "1/24 dev " + id + "a", "link set " + id + "a up",
		"-n " + id + " addr add " + net24 + "2/24 dev " + id + "b", "-n " + id + " link set " + id + "b up", "-n " + id + " link set lo up"} {
		if err := ip(line); err != nil {
			t.Skipf("no network of its own: %v", err)
		}
	}
	ln, err := net.Listen("tcp", net24+"1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: f.Config.Handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return "http://" + ln.Addr().String(), []string{"ip", "netns", "exec", id}, func(d time.Duration) {
		if err := ip("-n " + id + " link set " + id + "b down"); err != nil {
			t.Error(err)
		}
		time.Sleep(d)
		if err := ip("-n " + id + " link set " + id + "b up"); err != nil {
			t.Error(err)
		}
	}
}
