package experiment_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aprm/sidecar/experiment"
)

// FuzzRead: a plan is read or refused, in time.
func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add("a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nprms: *c")
	f.Add("prms:\n  - {name: x, trials: [{rounds: -1}]}\nseeds: [.nan]")
	plans, err := filepath.Glob("../../configs/experiments/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range plans {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		plan, err := experiment.Read(strings.NewReader(text))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if err == nil && (len(plan.PRMs) == 0 || len(plan.Sizes) == 0) {
			t.Errorf("a plan of nothing: %q", text)
		}
	})
}
