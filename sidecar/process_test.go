package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asProgram in the environment has the test binary be the program: tests that kill processes need real ones.
const asProgram = "SIDECAR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if len(os.Args) == 5 && os.Args[1] == bareProxy {
			fmt.Fprintln(os.Stderr, proxyBarely(os.Args[2], os.Args[4]))
			os.Exit(1)
		}
		if len(os.Args) > 1 && others[os.Args[1]] != nil {
			fmt.Fprintln(os.Stderr, others[os.Args[1]](os.Args[2:]))
			os.Exit(1)
		}
		main()
	}
	usual = nil // what runs on this machine is no part of a test
	os.Exit(m.Run())
}

// process is the program in a process of its own.
type process struct {
	*exec.Cmd
	out, errs bytes.Buffer // to be read once it has ended
}

// startProcess starts the program with these arguments; before is what stands before it on the command line.
func startProcess(t testing.TB, before []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(append(before[:len(before):len(before)], self), args...)
	p := &process{Cmd: exec.Command(line[0], line[1:]...)}
	p.Env = append(os.Environ(), asProgram+"=1", "GOTRACEBACK=single")
	p.Stdout, p.Stderr = &p.out, &p.errs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// wholeAnswer is the text of an answer that says that it is whole.
func wholeAnswer(ctx context.Context, addr, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, got)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") && !bytes.Contains(got, []byte("data: [DONE]")) {
		return nil, errors.New("the stream has no end")
	}
	text, stopped, err := answerIn(got)
	if err == nil && stopped != "" {
		err = errors.New("stopped: " + stopped)
	}
	return []byte(text), err
}
