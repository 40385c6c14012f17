package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestPRMOverHTTP closes the loop: one sidecar serves its PRM at /pooling, another command takes it from there, and the
// scores are those of the same checkpoint on this machine.
func TestPRMOverHTTP(t *testing.T) {
	const solutions = `{"id":"a","problem":"Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?","steps":["3 * 12 = 36","36 + 5 = 41","#### 41"]}
{"id":"b","problem":"Ann has 7 <extra_0> pens and gives 2 away. How many are left?","steps":["7 + 2 = <extra_0>9","#### 9"]}
`
	addr, stop := startServe(t, "--upstream", "builtin")
	defer stop()
	score := func(in string, args ...string) (all [][]float64) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"prm", "score", "--log-level", "error"}, args...), strings.NewReader(in), &out, &errs); code != 0 {
			t.Fatalf("%v: status %d: %s", args, code, errs.String())
		}
		for dec := json.NewDecoder(&out); dec.More(); {
			var line struct{ Scores []float64 }
			if err := dec.Decode(&line); err != nil {
				t.Fatal(err)
			}
			all = append(all, line.Scores)
		}
		return all
	}
	local := score(strings.ReplaceAll(solutions, "<extra_0>", ""), "--checkpoint", "builtin.prm", "--upstream", "builtin")
	remote := []string{"--prm-url", "http://" + addr, "--prm-model", "sidecar-prm"}
	for name, got := range map[string][][]float64{
		"messages": score(solutions, remote...),
		"shepherd": score(solutions, append(remote, "--prm-format", "shepherd")...),
	} {
		if len(got) != len(local) || len(local) != 2 {
			t.Fatalf("%s: %v, on this machine %v", name, got, local)
		}
		for i := range local {
			if len(got[i]) != len(local[i]) {
				t.Fatalf("%s: %v, on this machine %v", name, got, local)
			}
			for j := range local[i] {
				if math.Abs(got[i][j]-local[i][j]) > 1e-6 {
					t.Errorf("%s: solution %d, step %d scores %v over HTTP and %v on this machine", name, i, j, got[i][j], local[i][j])
				}
			}
		}
	}
}
