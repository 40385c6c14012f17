package cluster

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// TestOneLooks: of many calls that wait, one says that nobody works.
func TestOneLooks(t *testing.T) {
	b := embedded(t)
	q, err := openQueue(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)
	l := &LLM{queue: q, group: "none"}
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() { l.warn(t.Context()) })
	}
	calls.Wait()
	if n := strings.Count(said.String(), "no worker is there"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &said)
	}
}
