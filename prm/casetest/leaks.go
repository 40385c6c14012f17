package casetest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// grace is how long goroutines may take to end: on a busy machine longer than goleak waits for them.
const grace = time.Minute

// Main runs all tests of a package and holds that no goroutine outlasts them. It is what a TestMain does, and doesn't
// return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := leaked(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines outlast the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// NoLeaks holds that no goroutine is left but those of before, which is goleak.IgnoreCurrent.
func NoLeaks(t testing.TB, before goleak.Option) {
	t.Helper()
	if err := leaked(before); err != nil {
		t.Error(err)
	}
}

func leaked(known ...goleak.Option) (err error) {
	for until := time.Now().Add(grace); ; {
		if err = goleak.Find(known...); err == nil || time.Now().After(until) { // it looks several times within half a second
			return err
		}
	}
}
