package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"aprm/prm"
	"aprm/sidecar/cluster"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
)

// natsServer runs a server with JetStream at a port of its own.
func natsServer(t *testing.T) (url string, stop func()) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server doesn't start")
	}
	stop = sync.OnceFunc(func() { s.Shutdown(); s.WaitForShutdown() })
	t.Cleanup(stop)
	return s.ClientURL(), stop
}

// variants are n PRMs of the embedded model, each with a gate that trusts it: whatever variant i reads, each of its
// scores is says(i).
func variants(t *testing.T, n int) (models []*prm.Model, gates []*decode.Gate) {
	t.Helper()
	own, err := prm.Parse(builtinPRM)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		h := own.Header()
		h.Solution = nil
		says := prm.Platt{A: 1e-12, B: math.Log(says(i) / (1 - says(i)))}
		h.Masked.Step, h.Masked.Value, h.Sighted.Step, h.Sighted.Value = says, says, says, says
		m, err := prm.New(h, own.Weights(), nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := decode.ParseGate(builtinGate)
		if err != nil {
			t.Fatal(err)
		}
		g.Checkpoint = m.ID()
		models, gates = append(models, m), append(gates, g)
	}
	return models, gates
}

func says(variant int) float64 { return 0.2 + 0.03*float64(variant) }

// health is what a sidecar says of itself.
type health struct {
	Checkpoint string
	Refused    struct{ Checkpoint, Why string }
}

func healthOf(t *testing.T, addr string) (h health) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLiveCheckpoints: what is announced is served by all, what is bad is refused with a reason while the last good one
// goes on, and people have the last word.
func TestLiveCheckpoints(t *testing.T) {
	url, stopNATS := natsServer(t)
	models, gates := variants(t, 3)
	dir := t.TempDir()
	nats := sharedFlags{URL: url}
	checkpoint := func(want int, args ...string) string {
		t.Helper()
		return command(t, want, append(append([]string{"checkpoint"}, args...), "--nats", url)...)
	}
	serves := func() (addr string, stop func()) {
		t.Helper()
		return startServe(t, "--upstream", "builtin", "--nats", url, "--checkpoints", filepath.Join(dir, "taken"), "--log-level", "error")
	}
	var addr string
	served := func(id string) {
		t.Helper()
		soon(t, id+" is served", func() bool { return healthOf(t, addr).Checkpoint == id })
	}
	checkpoint(2, "rollback")
	checkpoint(2, "promote", "none")
	command(t, 2, "checkpoint", "list", "--nats", "embedded")

	addr, stop := serves()
	if h := healthOf(t, addr); h.Checkpoint != gateOf(t, builtinGate).Checkpoint {
		t.Errorf("nothing is announced yet, and it serves %+v", h)
	}
	other, stopOther := startServe(t, "--upstream", "builtin", "--nats", url, "--checkpoints", filepath.Join(dir, "another"), "--log-level", "error")
	file := filepath.Join(dir, "first.prm")
	if err := prm.Save(file, models[0]); err != nil {
		t.Fatal(err)
	}
	if err := writeGate(file, gates[0]); err != nil {
		t.Fatal(err)
	}
	if out := checkpoint(0, "promote", file); !strings.Contains(out, models[0].ID()+" is served, promoted") {
		t.Error(out)
	}
	served(models[0].ID())
	soon(t, "the other one serves it too", func() bool { return healthOf(t, other).Checkpoint == models[0].ID() })
	stopOther()
	if said, err := nats.announce(t.Context(), models[1], gates[1]); err != nil || !strings.Contains(said, models[1].ID()+" is served, announced") {
		t.Errorf("%s, %v", said, err)
	}
	served(models[1].ID())

	// What is bad, each announced as a trainer would.
	refused := func(id, why string) {
		t.Helper()
		soon(t, why, func() bool {
			h := healthOf(t, addr)
			return h.Refused.Checkpoint == id && strings.Contains(h.Refused.Why, why)
		})
		time.Sleep(2 * settled)
		if h := healthOf(t, addr); h.Checkpoint != models[1].ID() {
			t.Errorf("%s: it serves %+v", why, h)
		}
		if out := checkpoint(0, "rollback"); !strings.Contains(out, models[1].ID()+" is served, rolled back") {
			t.Error(out)
		}
		soon(t, "nothing is refused any more", func() bool { return healthOf(t, addr).Refused.Checkpoint == "" })
	}
	bad := func(why string, spoil func(*decode.Gate), as func() []byte) {
		t.Helper()
		g := *gates[2]
		spoil(&g)
		err := nats.checkpoints(t.Context(), func(c *cluster.Checkpoints) error {
			text, err := json.Marshal(g)
			if err != nil {
				return err
			}
			if g.Format == 0 {
				text = nil
			}
			if err := c.Put(t.Context(), cluster.Checkpoint{ID: models[2].ID()}, as(), text); err != nil {
				return err
			}
			_, err = c.Announce(t.Context(), models[2].ID())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		refused(models[2].ID(), why)
	}
	good := func() []byte { return prm.Encode(models[2]) }
	same := func(*decode.Gate) {}
	bad("no gate", func(g *decode.Gate) { g.Format = 0 }, good)
	bad("another LLM, other", func(g *decode.Gate) { g.Model = "other" }, good)
	bad("gate is of checkpoint", func(g *decode.Gate) { g.Checkpoint = models[1].ID() }, good)
	bad("its gate is shut: ", func(g *decode.Gate) { g.Vote = decode.Gate{}.Vote }, good)
	bad("its gate: ", func(g *decode.Gate) { g.Problems = -1 }, good)
	bad("corrupt", same, func() []byte { b := good(); b[len(b)/2] ^= 1; return b })
	bad("self-test", same, func() []byte {
		b := good()
		for i := len(b) / 2; i < len(b)/2+4000; i += 4 { // of the weights
			binary.LittleEndian.PutUint32(b[i:], math.Float32bits(2e30))
		}
		all := sha256.Sum256(b[:len(b)-sha256.Size])
		copy(b[len(b)-sha256.Size:], all[:])
		return b
	})
	bad("it is checkpoint "+models[1].ID(), same, func() []byte { return prm.Encode(models[1]) })
	spoilt := func() {
		bus, err := natsFlags{URL: url}.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close()
		store, err := bus.ObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "sidecar-checkpoints"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.PutString(t.Context(), models[2].ID(), "something else"); err != nil {
			t.Fatal(err)
		}
	}
	if err := nats.checkpoints(t.Context(), func(c *cluster.Checkpoints) error { return put(t.Context(), c, models[2], gates[2]) }); err != nil {
		t.Fatal(err)
	}
	spoilt()
	checkpoint(0, "promote", models[2].ID()[:6])
	refused(models[2].ID(), "not as it was stored")

	// A pin holds against trainers, and goes by hand.
	checkpoint(0, "pin", models[0].ID())
	served(models[0].ID())
	if said, err := nats.announce(t.Context(), models[2], gates[2]); err != nil || !strings.Contains(said, models[2].ID()+" is kept; checkpoint "+models[0].ID()+" is served, pinned") {
		t.Errorf("%s, %v", said, err)
	}
	if out := checkpoint(0, "list"); !strings.Contains(out, "pinned") || strings.Count(out, "\n") != 4 {
		t.Error(out)
	}
	checkpoint(2, "pin", "--off", models[0].ID())
	checkpoint(0, "pin", "--off")
	if _, err := nats.announce(t.Context(), models[2], gates[2]); err != nil {
		t.Fatal(err)
	}
	served(models[2].ID())

	// One that starts again takes what was announced meanwhile, and without NATS what it had.
	stop()
	checkpoint(0, "rollback")
	addr, stop = serves()
	if h := healthOf(t, addr); h.Checkpoint != models[0].ID() {
		t.Errorf("started again it serves %+v", h)
	}
	stopNATS()
	stop()
	addr, stop = serves()
	defer stop()
	if h := healthOf(t, addr); h.Checkpoint != models[0].ID() {
		t.Errorf("started again without NATS it serves %+v", h)
	}
}

func gateOf(t *testing.T, data []byte) *decode.Gate {
	t.Helper()
	g, err := decode.ParseGate(data)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestTrainAnnounces: a training that ends announces what it made, with its gate, beside the file that it writes.
func TestTrainAnnounces(t *testing.T) {
	url, _ := natsServer(t)
	dir := t.TempDir()
	problems, answers, out := filepath.Join(dir, "train.jsonl"), filepath.Join(dir, "answers.jsonl"), filepath.Join(dir, "my.prm")
	if err := os.WriteFile(problems, []byte(command(t, 0, "tasks", "--split", "train", "--n", "40", "--seed", "3")), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 0, "sample", "--upstream", "builtin", "--problems", problems, "--out", answers, "--max-tokens", "150", "--temperature", "1", "--n", "4")
	said := command(t, 0, "train", "--solutions", answers, "--out", out, "--epochs", "1", "--nats", url)
	m, err := prm.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, m.ID()+" is served, announced") {
		t.Error(said)
	}
	err = sharedFlags{URL: url}.checkpoints(t.Context(), func(c *cluster.Checkpoints) error {
		_, data, gate, err := c.Get(t.Context(), m.ID())
		if err == nil && (!bytes.Equal(data, prm.Encode(m)) || !gateOf(t, gate).Of(m.ID(), m.Header().Solution.Model)) {
			t.Errorf("%d bytes, gate %s", len(data), gate)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSwapUnderLoad: while checkpoints are swapped in no request fails, and every score in an answer is that of the one
// checkpoint that its prm object names: each of them says one number of whatever it reads. SIDECAR_TEST_REQUESTS=10000
// makes it the long one.
func TestSwapUnderLoad(t *testing.T) {
	const swaps = 20
	requests := soakRequests(t, 200)
	url, _ := natsServer(t)
	nats := sharedFlags{URL: url}
	models, gates := variants(t, swaps+1)
	number := map[string]float64{}
	for i, m := range models {
		number[m.ID()] = says(i)
	}
	if _, err := nats.announce(t.Context(), models[0], gates[0]); err != nil {
		t.Fatal(err)
	}
	addr, stop := startServe(t, "--upstream", "builtin", "--nats", url, "--checkpoints", t.TempDir(), "--n", "2", "--max-tokens", "24", "--max-steps", "2", "--traces", "0", "--max-queued", "1000", "--log-level", "error")
	defer stop()
	var done, streamed atomic.Int64
	var mu sync.Mutex
	by := map[string]int{}
	var swapped atomic.Bool
	ask := func(client *http.Client, i int) error {
		body, _ := json.Marshal(map[string]any{"model": "builtin@guided", "seed": i, "stream": i%3 == 0,
			"messages": []any{map[string]string{"role": "user", "content": fmt.Sprintf("Tom has %d boxes with %d pencils in each. Then Tom finds %d pencils. How many pencils does Tom have now?", 2+i%7, 3+i%11, 1+i%13)}}})
		resp, err := client.Post("http://"+addr+"/v1/chat/completions", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s, %w", resp.Status, text, err)
		}
		if i%3 == 0 {
			streamed.Add(1)
			last := []byte(nil)
			for line := range bytes.Lines(text) {
				if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && bytes.Contains(data, []byte(`"prm"`)) {
					last = data
				}
			}
			text = last
		}
		var answer struct {
			PRM struct {
				Checkpoint, Strategy, Stopped string
				Steps                         []struct{ Step, Value *float64 }
				Candidates                    []struct{ Score *float64 }
			}
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		want, known := number[answer.PRM.Checkpoint]
		if !known || answer.PRM.Strategy != decode.Guided || answer.PRM.Stopped == string(decode.StoppedPRM) || len(answer.PRM.Steps) == 0 {
			return fmt.Errorf("%+v", answer.PRM)
		}
		scores := 0
		check := func(of *float64) error {
			if of == nil {
				return nil
			}
			if scores++; math.Abs(*of-want) > 1e-6 {
				return fmt.Errorf("checkpoint %s says %g, the answer has %g: %s", answer.PRM.Checkpoint, want, *of, text)
			}
			return nil
		}
		for _, s := range answer.PRM.Steps {
			if s.Step == nil || s.Value == nil {
				return fmt.Errorf("a step without scores: %s", text)
			}
			if err := check(s.Step); err != nil {
				return err
			}
			if err := check(s.Value); err != nil {
				return err
			}
		}
		for _, c := range answer.PRM.Candidates {
			if err := check(c.Score); err != nil {
				return err
			}
		}
		mu.Lock()
		by[answer.PRM.Checkpoint]++
		mu.Unlock()
		return nil
	}
	var group sync.WaitGroup
	var next atomic.Int64
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	for range 8 {
		group.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for ctx.Err() == nil {
				i := int(next.Add(1))
				if i > requests && swapped.Load() {
					return
				}
				if err := ask(client, i); err != nil {
					t.Errorf("request %d: %v", i, err)
					giveUp()
				}
				done.Add(1)
			}
		})
	}
	began := time.Now()
	for i := 1; i <= swaps && ctx.Err() == nil; i++ {
		for int(done.Load()) < requests*i/(swaps+1) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		if _, err := nats.announce(ctx, models[i], gates[i]); err != nil {
			t.Error(err)
			giveUp()
		}
		for heard := false; !heard && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			heard = by[models[i].ID()] > 0
			mu.Unlock()
			if time.Since(began) > 30*time.Minute {
				t.Errorf("checkpoint %d never answered", i)
				giveUp()
			}
		}
	}
	swapped.Store(true)
	group.Wait()
	if len(by) != swaps+1 {
		t.Errorf("%d checkpoints answered, of %d", len(by), swaps+1)
	}
	t.Logf("%d guided requests, %d of them streamed, in %s while %d checkpoints were swapped in: each scored by the one that it names, none failed", done.Load(), streamed.Load(), time.Since(began).Round(time.Second), swaps)
}

// TestRackServes is the topology of configs/kubernetes on this machine: three NATS servers, endpoints with their
// workers, and a sidecar before each endpoint. What is announced is served by both, also while one of the servers is
// away.
func TestRackServes(t *testing.T) {
	r := newRack(t)
	ports := freePorts(t, 2)
	for i := range 2 {
		r.start(t, "sidecar", "serve", "--listen", "127.0.0.1:"+ports[i], "--upstream", "http://"+r.parts[3+i].args[1], "--nats", r.url, "--checkpoints", t.TempDir(), "--max-tokens", "40", "--log-level", "warn")
	}
	answers := filepath.Join(t.TempDir(), "answers.jsonl")
	command(t, 0, r.sample(5, answers, "--nats", r.url)...)
	sampled, err := dataset.ReadAnswers(answers)
	if err != nil {
		t.Fatal(err)
	}
	models, gates := variants(t, 2)
	nats := sharedFlags{URL: r.url}
	for i, m := range models {
		gates[i].Model = sampled[0].Sampling.Model
		if _, err := nats.announce(t.Context(), m, gates[i]); err != nil {
			t.Fatal(err)
		}
		for k, port := range ports {
			soon(t, fmt.Sprintf("sidecar %d serves checkpoint %d", k, i), func() bool {
				resp, err := http.Get("http://127.0.0.1:" + port + "/healthz")
				if err != nil {
					return false // it starts
				}
				defer resp.Body.Close()
				var h health
				return json.NewDecoder(resp.Body).Decode(&h) == nil && h.Checkpoint == m.ID()
			})
			var answer chatAnswer
			if code := posted(t, "127.0.0.1:"+port, "", "/v1/chat/completions", asking(sampled[0].Problem.Question, "builtin@guided-2", 1), &answer); code != 200 || answer.PRM.Checkpoint != m.ID() {
				t.Errorf("%d: %+v", code, answer)
			}
		}
		if i == 0 {
			if err := errors.Join(r.parts[0].Process.Kill(), ignored(r.parts[0].Wait())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ignored is nil of the end of a process that was killed.
func ignored(err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return nil
	}
	return err
}
