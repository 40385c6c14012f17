package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm"
	"aprm/prm/casetest"
	"aprm/sidecar/access"
)

// posts sends a body with a key, and returns the status and what comes back.
func posts(t *testing.T, addr, key, path string, body []byte) (code int, said []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, said
}

// askedAs asks for a search with a key, and returns the status and what the answer says of itself.
func askedAs(t *testing.T, addr, key, strategy string) (code int, checkpoint, said string) {
	t.Helper()
	body := fmt.Sprintf(`{"model":"fake","prm":{"strategy":%q,"n":2,"steps":false},"messages":[{"role":"user","content":"Go on."}]}`, strategy)
	code, text := posts(t, addr, key, "/v1/chat/completions", []byte(body))
	var answer struct{ PRM struct{ Checkpoint string } }
	_ = json.Unmarshal(text, &answer)
	return code, answer.PRM.Checkpoint, string(text)
}

func soon(t testing.TB, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestReload: keys, settings and the checkpoint are read again when they change; what is bad changes nothing, and a
// stream under way ends as it began.
func TestReload(t *testing.T) {
	var slow atomic.Bool
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
		if slow.Load() {
			time.Sleep(3 * time.Second)
		}
		return adaptertest.Fault{}
	}}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	dir := t.TempDir()
	keys, settings, checkpoint := filepath.Join(dir, "keys", "keys.yaml"), filepath.Join(dir, "sidecar.yaml"), filepath.Join(dir, "my.prm")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil { // as editors and Kubernetes do
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) (key, text string) {
		key, e := access.New(name, nil)
		return key, fmt.Sprintf("keys:\n  - name: %s\n    hash: %s\n", name, e.Hash)
	}
	first, text := file("first")
	write(keys, text)
	write(settings, "max-searches: 4\nkeys: "+keys+"\ncheckpoint: "+checkpoint+"\n")
	old, err := prm.Load("builtin.prm")
	if err != nil {
		t.Fatal(err)
	}
	if err := prm.Save(checkpoint, old); err != nil {
		t.Fatal(err)
	}
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--config", settings, "--log-level", "error")
	if code, id, said := askedAs(t, addr, first, "best_of_n"); code != 200 || id != old.ID() {
		t.Fatalf("%d by %s: %s", code, id, said)
	}

	// Another key: the old one opens nothing any more, and what began with it ends well.
	slow.Store(true)
	began := make(chan string, 1)
	go func() {
		_, _, said := askedAs(t, addr, first, "majority")
		began <- said
	}()
	soon(t, "the request has begun", func() bool { return len(upstream.Requests()) > 8 })
	second, text := file("second")
	write(keys, text)
	soon(t, "the new key opens", func() bool {
		slow.Store(false)
		code, _, _ := askedAs(t, addr, second, "majority")
		return code == 200
	})
	if code, _, _ := askedAs(t, addr, first, "majority"); code != http.StatusUnauthorized {
		t.Errorf("the old key: %d", code)
	}
	if said := <-began; !strings.Contains(said, "#### 5") {
		t.Errorf("the one under way: %s", said)
	}

	// What is bad changes nothing.
	for path, bad := range map[string]string{keys: "keys: 7\n", settings: "no-such-setting: 1\n", checkpoint: "no checkpoint"} {
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(path, bad)
		time.Sleep(3 * settled)
		if code, id, said := askedAs(t, addr, second, "best_of_n"); code != 200 || id != old.ID() {
			t.Errorf("with bad %s: %d by %s: %s", path, code, id, said)
		}
		write(path, string(was))
		time.Sleep(3 * settled)
	}

	// Another checkpoint, which the answer and /healthz name.
	h := old.Header()
	h.Seed, h.Solution = h.Seed+1, nil
	other, err := prm.New(h, old.Weights(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := prm.Save(checkpoint, other); err != nil {
		t.Fatal(err)
	}
	soon(t, "the new checkpoint answers", func() bool {
		code, id, _ := askedAs(t, addr, second, "best_of_n")
		return code == 200 && id == other.ID()
	})
	resp, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	health, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(health), other.ID()) {
		t.Errorf("/healthz: %s", health)
	}
	stop()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}

// TestReloadOfABadEndpoint: settings that could not be taken over are not taken for those in place the next time.
func TestReloadOfABadEndpoint(t *testing.T) {
	upstream, other := &adaptertest.Upstream{NoHidden: true}, &adaptertest.Upstream{NoHidden: true}
	upstream.Start(t)
	other.Start(t)
	settings := filepath.Join(t.TempDir(), "sidecar.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(settings+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(settings+".new", settings); err != nil {
			t.Fatal(err)
		}
	}
	write("upstream: [" + upstream.URL + "]\nupstream-model: fake\nmax-searches: 4\n")
	addr, stop := startServe(t, "--config", settings, "--log-level", "error")
	defer stop()
	write("upstream: [" + other.URL + "]\nupstream-model: fake\nstrategy: weighted_vote\n") // which needs a PRM
	time.Sleep(5 * settled)
	write("upstream: [" + other.URL + "]\nupstream-model: fake\n")
	soon(t, "the other endpoint is asked", func() bool {
		_, _, _ = askedAs(t, addr, "", "raw")
		return len(other.Requests()) > 2
	})
}

// TestWatchOfOtherFiles: what has changed since before it was read is read again, and once other files are read these
// are watched, what has changed in them while they were read included.
func TestWatchOfOtherFiles(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(one, "1")
	write(two, "2")
	seen := contents([]string{one, ""})
	write(one, "1, changed while it was read")
	var reloads atomic.Int64
	stop, err := watch(t.Context(), seen, func() (digests, error) {
		seen := contents([]string{two})
		if reloads.Add(1) == 1 {
			write(two, "2, changed while it was read")
		}
		return seen, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "it is read again, and so is the other one", func() bool { return reloads.Load() == 2 })
	time.Sleep(3 * settled)
	write(two, "2, changed")
	soon(t, "the other file is watched", func() bool { return reloads.Load() == 3 })
	write(one, "1, changed again")
	time.Sleep(3 * settled)
	if stop(); reloads.Load() != 3 {
		t.Errorf("%d reloads", reloads.Load())
	}
}

// TestSettingsChangedWhileTheyAreRead: what the file of settings held is noted before it is read, not after.
func TestSettingsChangedWhileTheyAreRead(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "sidecar.yaml")
	if err := os.WriteFile(settings, []byte("max-searches: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	was := contents([]string{settings})
	line := &commandLine{args: []string{"serve", "--upstream", "builtin", "--config", settings}}
	for range 2 {
		_, seen, err := line.again()
		if err != nil || !maps.Equal(seen, was) {
			t.Fatalf("%x, %v, not %x", seen, err, was)
		}
	}
	if err := os.WriteFile(settings, []byte("max-searches: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if seen := was.and([]string{settings}); !maps.Equal(seen, was) || maps.Equal(seen.anew(), was) {
		t.Errorf("%x: what is known already is not what the file holds now", seen)
	}
}

// TestAMendedFileOfBadSettings: a file that new settings name and that is bad is watched: once it is mended it is taken
// over.
func TestAMendedFileOfBadSettings(t *testing.T) {
	upstream := &adaptertest.Upstream{NoHidden: true}
	upstream.Start(t)
	dir := t.TempDir()
	settings, keys := filepath.Join(dir, "sidecar.yaml"), filepath.Join(t.TempDir(), "keys.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(settings, "max-searches: 4\n")
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--config", settings, "--log-level", "error")
	defer stop()
	write(keys, "keys: 7\n")
	write(settings, "keys: "+keys+"\n")
	time.Sleep(4 * settled)
	key, entry := access.New("one", nil)
	if code, _, _ := askedAs(t, addr, key, "raw"); code != 200 {
		t.Fatalf("bad keys were taken over: %d", code)
	}
	write(keys, fmt.Sprintf("keys:\n  - name: one\n    hash: %s\n", entry.Hash))
	soon(t, "the keys are wanted", func() bool {
		code, _, _ := askedAs(t, addr, "none", "raw")
		return code == http.StatusUnauthorized
	})
}

// TestWatchInABusyFolder: that something else in a file's folder changes all the time keeps no change from being
// noticed.
func TestWatchInABusyFolder(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "log")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(file, "one")
	var read atomic.Bool
	stop, err := watch(t.Context(), contents([]string{file}), func() (digests, error) { read.Store(true); return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	write(file, "two")
	for began := time.Now(); !read.Load(); time.Sleep(settled / 10) {
		write(other, time.Now().String())
		if time.Since(began) > time.Minute {
			t.Fatal("the change was not noticed")
		}
	}
}

// TestReloadGoesOverToAnotherEndpointAfterABadReload: an endpoint that a reload asks for and does not get, for something
// else is bad, is gone over to once that is mended.
func TestReloadGoesOverToAnotherEndpointAfterABadReload(t *testing.T) {
	one, two := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true}, &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true}
	one.Start(t)
	two.Start(t)
	dir := t.TempDir()
	keys, settings := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "sidecar.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, e := access.New("one", nil)
	good := fmt.Sprintf("keys:\n  - name: one\n    hash: %s\n", e.Hash)
	at := func(url string) string {
		return "upstream: " + url + "\nupstream-model: fake\nkeys: " + keys + "\n"
	}
	write(keys, good)
	write(settings, at(one.URL))
	addr, stop := startServe(t, "--config", settings, "--log-level", "error")
	defer stop()
	write(keys, "keys: 7\n")
	write(settings, at(two.URL))
	time.Sleep(3 * settled)
	searched := func(u *adaptertest.Upstream) bool { // probes ask in other words
		return slices.ContainsFunc(u.Requests(), func(r adaptertest.Asked) bool { return strings.Contains(string(r.Body["messages"]), "Go on.") })
	}
	if code, _, said := askedAs(t, addr, key, "majority"); code != 200 || searched(two) {
		t.Errorf("with bad keys: %d: %s", code, said)
	}
	write(keys, good)
	soon(t, "the other endpoint is asked", func() bool {
		one.Forget()
		two.Forget()
		askedAs(t, addr, key, "majority")
		return !searched(one) && searched(two)
	})
}

// TestDrain: told to stop, the sidecar takes nothing new, finishes what ends within the grace, and ends what doesn't
// with an error in its dialect.
func TestDrain(t *testing.T) {
	for name, tt := range map[string]struct{ upstream, path, body, want string }{
		"a search":        {"", "/v1/chat/completions", `{"model":"fake","stream":true,"prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"Go on."}]}`, `data: {"error":`},
		"a raw stream":    {"", "/v1/chat/completions", `{"model":"fake@raw","stream":true,"messages":[{"role":"user","content":"Go on."}]}`, `data: {"error":`},
		"Ollama's":        {"ollama+", "/api/chat", `{"model":"fake@raw","messages":[{"role":"user","content":"Go on."}]}`, `{"error":`},
		"Ollama's search": {"ollama+", "/api/chat", `{"model":"fake","prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"Go on."}]}`, `{"error":`},
	} {
		t.Run(name, func(t *testing.T) {
			var stalls atomic.Bool
			upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true, Fault: func(int) adaptertest.Fault {
				return adaptertest.Fault{Stall: stalls.Load()}
			}}
			upstream.Start(t)
			leaks := goleak.IgnoreCurrent()
			addr, stop := startServe(t, "--upstream", tt.upstream+upstream.URL, "--upstream-model", "fake", "--grace", "500ms")
			upstream.Forget()
			stalls.Store(true)
			resp, err := http.Post("http://"+addr+tt.path, "application/json", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			first := make([]byte, 1)
			if _, err := io.ReadFull(resp.Body, first); err != nil {
				t.Fatal(err)
			}
			soon(t, "the endpoint is asked", func() bool { return len(upstream.Requests()) > 0 })
			said, failed := make(chan string, 1), make(chan error, 1)
			go func() {
				text, err := io.ReadAll(resp.Body)
				said <- string(text)
				failed <- err
			}()
			began := time.Now()
			stop()
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("stopping took %v", took)
			}
			text := <-said
			if err := <-failed; err != nil {
				t.Fatalf("%v after %s", err, text)
			}
			if text := string(first) + text; !strings.Contains(text, tt.want) || !strings.Contains(text, "being stopped") {
				t.Errorf("it ends with %s", text)
			}
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
			casetest.NoLeaks(t, leaks)
		})
	}
}
