package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

// TestEveryStrategyIsNamed: what serve prints and what its help says know every strategy that there is.
func TestEveryStrategyIsNamed(t *testing.T) {
	c := serveCommand{Upstream: upstreamFlags{URL: "http://h:1", Model: "m"}}
	trained, bare := c.welcome("a:1", decode.Auto, "ab12", true), c.welcome("a:1", "raw", "", false)
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
	if !strings.Contains(bare, "sidecar serve --upstream http://h:1 --upstream-model m --checkpoint my.prm") {
		t.Errorf("it doesn't say how to go on: %s", bare)
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
