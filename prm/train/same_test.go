package train

import (
	"encoding/json"
	flags "flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"aprm/prm"
)

var update = flags.Bool("update", false, "write testdata/same.json anew: what is learned has become other on purpose")

// figures tell a tensor from another: its sum, the sum of its squares, and one that depends on where its numbers stand.
func figures(t prm.Tensor) [3]float64 {
	var of [3]float64
	for i, v := range t.Data {
		of[0] += float64(v)
		of[1] += float64(v) * float64(v)
		of[2] += float64(v) * math.Sin(float64(i))
	}
	return of
}

// However its products are arranged, training comes to the weights that it came to before, but for the order in which
// floats are added.
func TestWhatIsLearnedStaysTheSame(t *testing.T) {
	got := map[string]map[string][3]float64{}
	keep := func(name string, tensors ...*prm.Tensor) {
		got[name] = map[string][3]float64{}
		for _, t := range tensors {
			if len(t.Data) > 0 {
				got[name][t.Name] = figures(*t)
			}
		}
	}
	for name, width := range map[string]int{"blind": 0, "with hidden states": 24} {
		examples := randomExamples(3, 60, width)
		examples[4].Input.Words, examples[5].Input.Roles = nil, []uint16{7} // none, and one
		m, _, err := Fit(t.Context(), nil, nil, examples, Options{Seed: 3, Epochs: 4, Batch: 32, Entropy: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		keep(name, m.Weights().Trained()...)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	answers := planted(rng, 60, 4, straight)
	h, _ := fitSolution(t, answers, []Contrast{{Better: answers[0].Solution, Worse: answers[1].Solution, Problem: answers[0].Problem}}, SolutionOptions{Seed: 3, Units: -1, Contrasts: 0.3})
	keep("linear", &h.Centre, &h.Scale, &h.Linear)
	opt := SolutionOptions{Seed: 3, Units: 5, Epochs: 4, Rate: 0.03}.withDefaults()
	design := newPairs(answers, nil, opt)
	deep, err := design.dense(t.Context(), h, func(string) bool { return true }, opt)
	if err != nil {
		t.Fatal(err)
	}
	keep("dense", &deep.Linear, &deep.Dense, &deep.DenseBias, &deep.Out)

	path := filepath.Join("testdata", "same.json")
	if *update {
		text, err := json.MarshalIndent(got, "", "\t")
		if err == nil {
			err = os.WriteFile(path, append(text, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string][3]float64
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for name, tensors := range want {
		if len(got[name]) != len(tensors) {
			t.Errorf("%s: %d tensors, want %d", name, len(got[name]), len(tensors))
		}
		for tensor, w := range tensors {
			g := got[name][tensor]
			for k := range w {
				if math.Abs(g[k]-w[k]) > 2e-3*(math.Abs(w[k])+math.Sqrt(w[1])+1e-3) {
					t.Errorf("%s: figure %d of %s is %g, was %g", name, k, tensor, g[k], w[k])
				}
			}
		}
	}
}
