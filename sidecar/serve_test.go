package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"aprm/prm/casetest"
	"aprm/sidecar/access"
	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

// TestEveryStrategyIsNamed: what serve prints and what its help says know every strategy that there is.
func TestEveryStrategyIsNamed(t *testing.T) {
	u := &upstreamFlags{URL: "http://h:1", Model: "m"}
	trained, bare := welcome(u, "http://a:1", decode.Auto, "ab12", true), welcome(u, "http://a:1", "raw", "", false)
	var help, errs bytes.Buffer
	if code := run(t.Context(), []string{"serve", "--help"}, strings.NewReader(""), &help, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	for _, d := range decode.Strategies() {
		suffix := "@" + server.Suffix(d.Name)
		if !strings.Contains(trained, suffix) {
			t.Errorf("no %s in %s", suffix, trained)
		}
		if strings.Contains(bare, suffix) == d.NeedsPRM {
			t.Errorf("%s needs a PRM: %v; without one it says %s", suffix, d.NeedsPRM, bare)
		}
		if !strings.Contains(help.String(), suffix+" ") || !strings.Contains(help.String(), d.Help) {
			t.Errorf("no %s in the help", suffix)
		}
	}
	for _, way := range []string{"add --checkpoint general", "sidecar train --upstream http://h:1 --upstream-model m --problems FILE --out my.prm, and add --checkpoint my.prm"} {
		if !strings.Contains(bare, way) {
			t.Errorf("it doesn't say how to go on, %s: %s", way, bare)
		}
	}
}

// An address that is taken is what was given at fault, and says which flag gives another.
func TestAddressTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--upstream", "builtin", "--listen", ln.Addr().String()}, nil, io.Discard, &errs)
	if code != 2 || !strings.Contains(errs.String(), "--listen: ") || !strings.Contains(errs.String(), "choose another address") {
		t.Errorf("status %d: %s", code, &errs)
	}
}

// Settings that no search can live with are told before anything starts, with the flag's name, whatever a bare model
// name gets: else the first client that asks for a search would be told that its request is at fault.
func TestImpossibleSettings(t *testing.T) {
	for _, command := range [][]string{{"serve", "--strategy", "raw"}, {"eval", "--problems", "serve_test.go"}} {
		for _, flag := range []string{"--n=0", "--temperature=NaN", "--temperature=0", "--top-p=0", "--ess-threshold=0", "--rebase-temperature=0", "--top-p=2", "--max-tokens=0", "--max-steps=-1", "--token-budget=-1", "--threshold=2", "--expansion=0",
			"--ess-threshold=2", "--rebase-temperature=101"} {
			name, _, _ := strings.Cut(flag, "=")
			if _, err := parse(t, append(command, flag)...); err == nil || !strings.Contains(err.Error(), name+" ") {
				t.Errorf("%s %s: %v", command[0], flag, err)
			}
		}
	}
	for _, flag := range []string{"--max-searches=0", "--traces=-1", "--search-timeout=-1s", "--probe-wait=-1s"} {
		name, _, _ := strings.Cut(flag, "=")
		if _, err := parse(t, "serve", flag); err == nil || !strings.Contains(err.Error(), name+" ") {
			t.Errorf("serve %s: %v", flag, err)
		}
	}
}

// TestNobodyIsLetInByAccident: beyond this machine the sidecar wants keys, or to be told that it needs none.
func TestNobodyIsLetInByAccident(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"serve", "--upstream", "builtin", "--listen", listen}, strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), "--insecure") {
			t.Errorf("%s: %d %s", listen, code, errs.String())
		}
	}
	for listen, want := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "127.8.8.8:1": true, "10.0.0.1:1": false, "example.org:1": false, "x": false} {
		if local(listen) != want {
			t.Errorf("%s: %t", listen, !want)
		}
	}
}

// TestEmptyIsNotGiven: a variable of the environment that is set to nothing gives no setting, nor does a key of no
// letters.
func TestEmptyIsNotGiven(t *testing.T) {
	key, entry := access.New("chat", []access.Scope{access.Chat})
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(keys, fmt.Appendf(nil, "keys:\n  - {name: chat, hash: %q, scopes: [chat]}\n", entry.Hash), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIDECAR_API_KEY", "another")
	if said := command(t, 2, "serve", "--upstream", "builtin", "--keys", keys); !strings.Contains(said, "--api-key and --keys can't be used together") {
		t.Error(said)
	}
	for _, args := range [][]string{nil, {"--api-key="}} {
		t.Setenv("SIDECAR_API_KEY", "")
		t.Setenv("SIDECAR_LISTEN", "")
		addr, stop := startServe(t, append(args, "--upstream", "builtin", "--keys", keys)...)
		for with, want := range map[string]int{"": 401, "another": 401, key: 200} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/v1/models", nil)
			if err != nil {
				t.Fatal(err)
			}
			if with != "" {
				req.Header.Set("Authorization", "Bearer "+with)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Body.Close(); resp.StatusCode != want {
				t.Errorf("%v, key %q: %d, want %d", args, with, resp.StatusCode, want)
			}
		}
		stop()
		if cmd, err := parse(t, "serve"); err != nil || cmd.Serve.Listen != "127.0.0.1:8484" {
			t.Errorf("it listens at %q, %v", cmd.Serve.Listen, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestProfiles: none unless asked for; beyond this machine not without keys, --insecure or not; and with keys only for
// those of the scope admin.
func TestProfiles(t *testing.T) {
	for _, args := range [][]string{{"--insecure"}, nil} {
		var errs bytes.Buffer
		if code := run(t.Context(), append([]string{"serve", "--upstream", "builtin", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"}, args...), nil, io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), "--admin-listen") {
			t.Errorf("%v: status %d: %s", args, code, &errs)
		}
	}
	leaks := goleak.IgnoreCurrent()
	chat, a := access.New("chat", []access.Scope{access.Chat})
	boss, b := access.New("boss", []access.Scope{access.Admin})
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	text := fmt.Sprintf("keys:\n  - {name: chat, hash: %q, scopes: [chat]}\n  - {name: boss, hash: %q, scopes: [admin]}\n", a.Hash, b.Hash)
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serves := startServing(t, "serve", "--listen", "127.0.0.1:0", "--upstream", "builtin", "--keys", keys, "--admin-listen", "127.0.0.1:0")
	addr, admin := serves.at(t, servesAt), serves.at(t, profilesAt)
	for _, tt := range []struct {
		at, path, key string
		code          int
	}{
		{admin, "/debug/pprof/", "", 401}, {admin, "/debug/pprof/heap", chat, 403}, {admin, "/debug/pprof/", boss, 200}, {admin, "/debug/pprof/heap", boss, 200},
		{admin, "/debug/pprof/goroutine?debug=1", boss, 200}, {admin, "/v1/models", boss, 404}, {addr, "/debug/pprof/", boss, 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+tt.at+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tt.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if said := bodyOf(t, resp); resp.StatusCode != tt.code {
			t.Errorf("%s%s: %d, not %d: %.200s", tt.at, tt.path, resp.StatusCode, tt.code, said)
		}
	}
	serves.stop(t)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}

// TestKeyNew: what it prints opens, and is a file's entry.
func TestKeyNew(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"key", "new", "team", "--scopes", "chat,metrics"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	key := first[strings.LastIndex(first, " ")+1:]
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte("keys:\n"+out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := readKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if k := table.Find(key); k == nil || k.Name != "team" || !k.May("metrics") || k.May("traces") {
		t.Errorf("%q finds %+v in\n%s", key, k, out.String())
	}
}
