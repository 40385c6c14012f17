package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"aprm/sidecar/cluster"
	"aprm/sidecar/dataset"
)

// TestRackChaos has parts of a rack die (SIGKILL) while a coordinator draws answers by it: workers, NATS servers,
// endpoints, and the coordinator itself, whose file besides is torn at its end, or lies on a disk that is full. What
// died is started again after a while. Whatever happens, in the end the file holds what one process draws from the same
// seed: nothing is lost, and nothing there twice. As TestChaos, it goes by SIDECAR_TEST_ROUNDS and SIDECAR_TEST_SEED:
//
//	SIDECAR_TEST_RACK=1 SIDECAR_TEST_ROUNDS=100 go test ./sidecar -run '^TestRackChaos$' -v -timeout 120m
func TestRackChaos(t *testing.T) {
	rounds, seed := chaotic(t)
	rng := rand.New(rand.NewPCG(19, seed))
	r := newRack(t)
	died := map[string]int{}
	for round := range rounds {
		woe := []string{"killed", "torn", "full disk"}[round%3]
		t.Run(fmt.Sprintf("%d %s", round, woe), func(t *testing.T) { r.survive(t, rng, int(seed)*1000+round+1, woe, died) })
	}
	t.Logf("%d rounds; killed or ended: %v", rounds, died)
}

// survive has a coordinator come to its end, however often it and the rest die.
func (r *rack) survive(t *testing.T, rng *rand.Rand, seed int, woe string, died map[string]int) {
	alone := filepath.Join(t.TempDir(), "alone.jsonl")
	command(t, 0, r.sample(seed, alone, "--upstream", "http://"+r.parts[3].args[1])...)
	want, wanted := contentOf(t, alone)
	folder, more := t.TempDir(), func() {}
	if woe == "full disk" {
		more = smallDisk(t, folder, 4096*(1+rng.Int64N(8)))
	}
	out := filepath.Join(folder, "spread.jsonl")
	over := make(chan struct{})
	var disturber sync.WaitGroup
	var mu sync.Mutex // over the coordinator
	var coordinator *process
	disturber.Go(func() {
		for range 2 + rng.IntN(4) {
			select {
			case <-time.After(time.Duration(rng.Int64N(int64(1500 * time.Millisecond)))):
			case <-over:
				return
			}
			if at := rng.IntN(len(r.parts) + 3); at < len(r.parts) {
				p := r.parts[at]
				_ = p.Process.Kill() // it may have ended
				_ = p.Wait()
				died[p.kind]++
				time.Sleep(time.Duration(rng.Int64N(int64(time.Second))))
				p.again(t)
				continue
			}
			mu.Lock()
			_ = coordinator.Process.Kill()
			mu.Unlock()
		}
	})
	for try := 0; ; try++ {
		if try > 30 {
			t.Fatal("it comes to no end")
		}
		mu.Lock()
		coordinator = startProcess(t, nil, r.sample(seed, out, "--nats", r.url)...)
		mu.Unlock()
		err := coordinator.Wait()
		if err == nil {
			break
		}
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
			died["coordinator"]++
			if info, err := os.Stat(out); err == nil && woe == "torn" && info.Size() > 400 {
				if err := os.Truncate(out, info.Size()-1-rng.Int64N(200)); err != nil {
					t.Error(err)
				}
				died["torn line"]++
			}
		case strings.Contains(coordinator.errs.String(), "no space left on device"):
			died["full disk"]++
			more()
		default:
			t.Errorf("%v\n%s", err, &coordinator.errs)
			close(over)
			disturber.Wait()
			return
		}
	}
	close(over)
	disturber.Wait()
	if got, is := contentOf(t, out); got != want || is != wanted {
		t.Errorf("%d answers, content %s; one process has %d, %s", got, is, want, wanted)
	}
	answered, err := dataset.ReadAnswers(out)
	if err != nil || len(answered) != 12 {
		t.Errorf("%d problems, %v", len(answered), err)
	}
	for _, a := range answered {
		if len(a.Answers) != 3 {
			t.Errorf("%s has %d answers", a.Problem.ID, len(a.Answers))
		}
	}
	r.settled(t)
}

// settled holds that the queue comes to its end, with no job given up.
func (r *rack) settled(t *testing.T) {
	t.Helper()
	bus, err := cluster.Connect(t.Context(), cluster.Options{URL: r.url})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		left := map[string]uint64{}
		for _, name := range []string{"SIDECAR_JOBS", "SIDECAR_DEAD"} {
			var s jetstream.Stream
			var info *jetstream.StreamInfo
			if s, err = bus.JetStream.Stream(t.Context(), name); err == nil {
				if info, err = s.Info(t.Context()); err == nil {
					left[name] = info.State.Msgs
				}
			}
		}
		if err == nil && left["SIDECAR_JOBS"]+left["SIDECAR_DEAD"] == 0 {
			return
		}
		if time.Since(began) > time.Minute {
			t.Errorf("in the queue are still %v, %v", left, err)
			return
		}
	}
}
