package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
)

// TestRequestsToThePRMShareIt: many clients that send batches at once don't have more of it at a time than one.
func TestRequestsToThePRMShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		r := &reasoner{checkpoint: "x", score: func(_ context.Context, tr step.Trace) ([]prm.Score, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Second)
			return make([]prm.Score, len(tr.Steps)), nil
		}}
		s := build(t, Config{}, r)
		batch := `{"solutions":[` + strings.TrimSuffix(strings.Repeat(`{"problem":"p","steps":["x"]},`, 10), ",") + `]}`
		began := time.Now()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if rec := post(s, "/v1/prm/score", batch); rec.Code != http.StatusOK {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); most.Load() != scoredAtOnce || took != 5*time.Second {
			t.Errorf("40 solutions, %d at a time, took %v", most.Load(), took)
		}
	})
}

// TestThePRMsKeyIsNotTheClients: a client whose key is right isn't told to bring another.
func TestThePRMsKeyIsNotTheClients(t *testing.T) {
	for status, want := range map[int]int{401: 502, 403: 502, 404: 502, 400: 400, 429: 429, 500: 502} {
		r := &reasoner{checkpoint: "x", score: func(context.Context, step.Trace) ([]prm.Score, error) {
			return nil, &adapters.UpstreamError{Op: adapters.OpPRM, Status: status, Message: "no"}
		}}
		rec := post(build(t, Config{}, r), "/v1/prm/score", `{"problem":"p","steps":["x"]}`)
		if rec.Code != want || rec.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("the PRM answered %d: %d %s", status, rec.Code, rec.Body)
		}
	}
}
