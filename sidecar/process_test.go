package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// asProgram in the environment has the test binary be the program: tests that kill processes need real ones.
const asProgram = "SIDECAR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
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
