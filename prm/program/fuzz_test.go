package program

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aprm/prm/casetest"
)

// kinds are all the errors that a program may end with.
var kinds = []error{ErrNone, ErrSyntax, ErrCut, ErrRefused, ErrLimit, ErrFailed, ErrNoValue}

func ofKind(err error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func seed(f *testing.F) {
	for _, r := range corpus(f) {
		if r.J == 0 {
			f.Add(r.Text)
		}
	}
	for _, source := range hostile {
		if len(source) < 500 {
			f.Add(source)
		}
	}
	for _, c := range snippets(f) {
		f.Add(c.Source)
	}
	f.Add("total = ken + Tony\nken = lost + 1\nlost = 3\ntony = 2 * baloons\nballoons = 1\nprint(total)")
}

// inTime fails a test when f took longer than a hostile program may, or allocated more. Where the fuzzer's own work may
// have come in between it asks again.
func inTime(t *testing.T, f func()) {
	if took, bytes := casetest.Quickest(limitTime, f); took > limitTime || bytes > limitBytes {
		t.Errorf("%v and %d MB", took, bytes>>20)
	}
}

// FuzzTranslate holds that any text is translated or refused with a reason, in time, and altered to something else.
func FuzzTranslate(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, source string) {
		var err error
		inTime(t, func() { _, err = Translate(source) })
		if err != nil && !ofKind(err) {
			t.Errorf("an error of no kind: %v", err)
		}
		for i, a := range Alter(source) {
			if a.Source == source || a.Line < 1 || i >= maxAltered {
				t.Errorf("altered to %+v", a)
			}
		}
	})
}

// FuzzRun holds that any answer ends in time, with a value that can be shown or an error of a kind, and the same each
// time.
func FuzzRun(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, answer string) {
		var r Result
		var err error
		inTime(t, func() { r, err = Run(context.Background(), answer) })
		if err != nil {
			if !ofKind(err) || strings.Contains(err.Error(), "internal") {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if strings.TrimSpace(r.Answer) == "" || utf8.ValidString(answer) && !utf8.ValidString(r.Answer) {
			t.Errorf("an answer %q", r.Answer)
		}
		if len(r.Steps) > maxTold {
			t.Errorf("%d steps", len(r.Steps))
		}
		for _, s := range r.Steps {
			if s.Text == "" || strings.Contains(s.Text, "\n") || s.Line < 1 {
				t.Errorf("a step %+v", s)
			}
		}
		start := time.Now()
		again, err := Run(context.Background(), answer)
		if err == nil && again.Answer != r.Answer {
			t.Errorf("%q, then %q after %v", r.Answer, again.Answer, time.Since(start))
		}
	})
}
