package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/prm/step"
)

// TestOneLLMOfAName: each has the endpoint's slots to itself, so two of one name would ask for twice of what it bears.
func TestOneLLMOfAName(t *testing.T) {
	var opened atomic.Int64
	e, err := New(Config{Open: func(string) (adapters.LLM, error) {
		opened.Add(1)
		time.Sleep(time.Millisecond)
		return seeing(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		for _, e := range []*Engine{e, e.Bare()} {
			group.Go(func() {
				if _, err := e.Sampler(step.Problem{Question: "2 + 3?"}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("it was opened %d times", n)
	}
}

// TestNobodyIsScoredFor: a trace of many steps takes a while, and a client that has left waits for none of it.
func TestNobodyIsScoredFor(t *testing.T) {
	e := with(t, seeing(), Config{NoHidden: true})
	m := taught(t, e)
	if err := e.Use(m); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	solution := step.Trace{Problem: step.Problem{Question: "2 + 3?"}, Steps: strings.Split(strings.Repeat("2 + 3 = 5|", 1000), "|")}
	if _, _, err := e.Judge(ctx, solution, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the client's own end", err)
	}
}
