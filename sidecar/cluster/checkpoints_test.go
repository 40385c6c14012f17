package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func openCheckpoints(t *testing.T) *Checkpoints {
	t.Helper()
	b, err := Connect(t.Context(), Options{URL: Embedded})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	c, err := b.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func putCheckpoint(t *testing.T, c *Checkpoints, id string, at int) {
	t.Helper()
	if err := c.Put(t.Context(), Checkpoint{ID: id, Note: "of " + id, At: time.Unix(int64(at), 0).UTC()}, []byte("weights of "+id), []byte("gate of "+id)); err != nil {
		t.Fatal(err)
	}
}

// TestWhichCheckpointIsServed: what trainers, and people, make of it.
func TestWhichCheckpointIsServed(t *testing.T) {
	c, ctx := openCheckpoints(t), t.Context()
	if s, err := c.Served(ctx); err != nil || s.ID != "" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := c.RollBack(ctx); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("nothing to go back to: %v", err)
	}
	for i, id := range []string{"a", "b", "c"} {
		putCheckpoint(t, c, id, i)
	}
	unpin := func(ctx context.Context, _ string) (Served, error) { return c.Unpin(ctx) }
	back := func(ctx context.Context, _ string) (Served, error) { return c.RollBack(ctx) }
	for i, step := range []struct {
		do   func(context.Context, string) (Served, error)
		id   string
		want string // served, with its pin, and what was before
	}{
		{c.Announce, "a", "a false []"},
		{c.Announce, "b", "b false [a]"},
		{c.Announce, "b", "b false [a]"},
		{c.Announce, "c", "c false [a b]"},
		{back, "", "b false [a]"},
		{back, "", "a false []"},
		{c.Pin, "b", "b true [a]"},
		{c.Announce, "c", "b true [a]"},
		{unpin, "", "b false [a]"},
		{unpin, "", "b false [a]"},
		{c.Announce, "c", "c false [a b]"},
		{c.Pin, "c", "c true [a b]"},
		{c.Promote, "a", "a false [a b c]"},
		{c.Pin, "c", "c true [a b c a]"},
		{back, "", "a false [a b c]"},
	} {
		s, err := step.do(ctx, step.id)
		if got := fmt.Sprint(s.ID, " ", s.Pinned, " ", s.Before); err != nil || got != step.want {
			t.Errorf("%d: %s, %v; want %s", i, got, err, step.want)
		}
	}
	for _, do := range []func(context.Context, string) (Served, error){c.Promote, c.Pin} {
		for _, id := range []string{"d", "", "no id"} {
			if _, err := do(ctx, id); !errors.Is(err, ErrNoCheckpoint) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	all, err := c.List(ctx)
	if err != nil || len(all) != 3 || all[0].ID != "c" || all[2].Note != "of a" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestCheckpointsAreGotAsTheyWerePut, or not at all.
func TestCheckpointsAreGotAsTheyWerePut(t *testing.T) {
	c, ctx := openCheckpoints(t), t.Context()
	putCheckpoint(t, c, "a", 1)
	if err := c.Put(ctx, Checkpoint{ID: "bare"}, []byte("weights"), nil); err != nil {
		t.Fatal(err)
	}
	if of, data, gate, err := c.Get(ctx, "a"); err != nil || of.Note != "of a" || string(data) != "weights of a" || string(gate) != "gate of a" {
		t.Errorf("%+v %q %q %v", of, data, gate, err)
	}
	if _, data, gate, err := c.Get(ctx, "bare"); err != nil || string(data) != "weights" || gate != nil {
		t.Errorf("%q %q %v", data, gate, err)
	}
	if _, _, _, err := c.Get(ctx, "none"); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(err)
	}
	for _, name := range []string{"a", "a" + gateSuffix} {
		putCheckpoint(t, c, "a", 1)
		if _, err := c.objects.PutString(ctx, name, "something else"); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := c.Get(ctx, "a"); !errors.Is(err, ErrSpoilt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.objects.Delete(ctx, "a"+gateSuffix); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.Get(ctx, "a"); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(err)
	}
}

// TestOldCheckpointsGo, but none that is served or was lately.
func TestOldCheckpointsGo(t *testing.T) {
	c, ctx := openCheckpoints(t), t.Context()
	for i := range keptCheckpoints + 5 {
		putCheckpoint(t, c, fmt.Sprintf("c%03d", i), i)
		if i == 1 || i == 3 {
			if _, err := c.Announce(ctx, fmt.Sprintf("c%03d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := c.List(ctx)
	var ids []string
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	if err != nil || len(ids) != keptCheckpoints+2 || !slices.Equal(ids[keptCheckpoints-1:], []string{"c005", "c003", "c001"}) {
		t.Errorf("%q, %v", ids, err)
	}
	if _, _, _, err := c.Get(ctx, "c000"); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(err)
	}
	if _, err := c.objects.GetInfo(ctx, "c000"); err == nil {
		t.Error("its bytes are kept")
	}
}

// TestWatch: who watches hears what is served, whatever it is, and is asked again after a failure.
func TestWatch(t *testing.T) {
	c := openCheckpoints(t)
	ctx, stop := context.WithCancel(t.Context())
	heard, ended := make(chan string, 9), make(chan error, 1)
	failed := false
	go func() {
		ended <- c.Watch(ctx, func(_ context.Context, s Served) error {
			heard <- s.ID
			if s.ID == "b" && !failed {
				failed = true
				return errors.New("not now")
			}
			return nil
		})
	}()
	next := func() string {
		select {
		case id := <-heard:
			return id
		case <-time.After(20 * time.Second):
			return "nothing"
		}
	}
	got := []string{next()}
	for _, id := range []string{"a", "b"} {
		putCheckpoint(t, c, id, 1)
		if _, err := c.Announce(ctx, id); err != nil {
			t.Fatal(err)
		}
		got = append(got, next())
	}
	if got = append(got, next()); strings.Join(got, ",") != ",a,b,b" {
		t.Errorf("heard %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
