package experiment_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm/casetest"
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
		var plan experiment.Plan
		var err error
		casetest.Bounded(t, len(text), 4096, func() { plan, err = experiment.Read(strings.NewReader(text)) })
		if err == nil && (len(plan.PRMs) == 0 || len(plan.Sizes) == 0) {
			t.Errorf("a plan of nothing: %q", text)
		}
	})
}
