package training

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aprm/prm/disk"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
)

// answeredBy are four prose answers, and four programs where there are any, to each problem. Which of two results is
// right is chance, so that no text tells it; P(True) does, whether a program prints too, and the states are noise.
func answeredBy(rng *rand.Rand, problems int, programs bool) (out []dataset.Answered) {
	for p := range problems {
		about := step.Problem{ID: fmt.Sprint(p), Question: fmt.Sprintf("How many pens has girl %c%c?", 'a'+p%26, 'a'+p/26), Answer: fmt.Sprint(5 + rng.IntN(2))}
		prose := dataset.Answered{Problem: about, Sampling: dataset.Sampling{Model: "m", Kind: step.Prose}}
		coded := dataset.Answered{Problem: about, Sampling: dataset.Sampling{Model: "m", Kind: step.Program}}
		for i := range 8 {
			result := 5 + rng.IntN(2)
			right := fmt.Sprint(result) == about.Answer
			if i < 4 {
				z := 1.5 * rng.NormFloat64()
				if z -= 2; right {
					z += 4
				}
				chance := 1 / (1 + math.Exp(-z))
				prose.Answers = append(prose.Answers, dataset.Answer{Text: fmt.Sprintf("She has %d pens.\n#### %d", result, result), Spent: 5, PTrue: &chance,
					States: map[string]dataset.Vector{"last": {float32(rng.NormFloat64()), float32(rng.NormFloat64())}, "asked": {float32(z), float32(rng.NormFloat64())}}})
				continue
			}
			code := fmt.Sprintf("pens = %d", result)
			if right != (rng.IntN(8) == 0) {
				code += "\nprint(pens)"
			}
			coded.Answers = append(coded.Answers, dataset.Answer{Text: "```python\n" + code + "\n```", Spent: 5})
		}
		if out = append(out, prose); programs {
			out = append(out, coded)
		}
	}
	return out
}

// Inputs that decide come out as worth something, those that say nothing don't, of prose alone and of prose and
// programs.
func TestAblate(t *testing.T) {
	for _, programs := range []bool{false, true} {
		answered := answeredBy(rand.New(rand.NewPCG(1, 2)), 120, programs)
		fits, last := 0, 0
		a, err := Solutions{PRM: train.Options{Epochs: 3}, Answered: answered}.Ablate(t.Context(), "", func(done, total int) { fits, last = fits+1, total })
		if err != nil {
			t.Fatal(err)
		}
		if fits != last || fits != 2*len(a.Kinds)+1 {
			t.Errorf("%d of %d fits, of %d kinds", fits, last, len(a.Kinds))
		}
		alone := map[string]train.Worth{}
		for i, name := range a.Kinds {
			alone[name] = a.Alone[i]
		}
		worth := []string{"P(True)", "hidden states: asked", "hidden states together"}
		if programs {
			worth = append(worth, "runs of programs")
		}
		for _, name := range worth {
			w, known := alone[name]
			if !known || w.AUC < 0.6 || !w.Vote.Trusted() || !(w.Gains[0].Low > 0) {
				t.Errorf("programs %t, %s: %+v", programs, name, w)
			}
			left := a.Without[slices.Index(a.Kinds, name)]
			if name != "runs of programs" {
				continue // what another kind has too is not missed
			}
			if !(left.AUC < a.All.AUC-0.03) {
				t.Errorf("programs %t: without %s the AUC is %.3f, with all %.3f", programs, name, float64(left.AUC), float64(a.All.AUC))
			}
		}
		if w, known := alone["hidden states: last"]; !known || w.AUC < 0.4 || w.AUC > 0.6 || w.Vote.Trusted() {
			t.Errorf("programs %t, noise: %+v", programs, w)
		}
		if _, known := alone["profile of the answer's"]; known || programs != slices.Contains(a.Kinds, "runs of programs") {
			t.Errorf("programs %t: kinds %v", programs, a.Kinds)
		}
		unasked := 0
		if programs {
			unasked = 4 * 120
		}
		table := a.String()
		if a.Unasked != unasked || (unasked > 0) != strings.Contains(table, "480 answers neither") {
			t.Errorf("%d answers were not asked about, want %d", a.Unasked, unasked)
		}
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 10 {
				t.Errorf("a row of %d bars: %s", strings.Count(line, "|"), line)
			}
		}
		for _, want := range append(worth, "vote of 4", "vote of 8", "| all | ") {
			if !strings.Contains(table, want) {
				t.Errorf("no %q in:\n%s", want, table)
			}
		}
		t.Log("\n" + table)
	}
	if _, err := (Solutions{PRM: train.Options{Epochs: 1}, Answered: answeredBy(rand.New(rand.NewPCG(1, 3)), 5, false)}).Ablate(t.Context(), "", nil); !errors.As(err, &train.TooFewError{}) {
		t.Errorf("five problems: %v", err)
	}
}

// Answers read at servers of different models, and the game of another LLM, can't be weighed together: that is said,
// with what is at fault.
func TestAblateRefuses(t *testing.T) {
	answered := answeredBy(rand.New(rand.NewPCG(1, 4)), 30, false)
	quick := train.Options{Epochs: 1}
	answered[3].Answers[2].States["last"] = dataset.Vector{1, 2, 3}
	_, err := Solutions{PRM: quick, Answered: answered}.Ablate(t.Context(), "", nil)
	if !errors.As(err, &UnlikeError{}) || !strings.Contains(err.Error(), `hidden states "last"`) {
		t.Errorf("states of two widths: %v", err)
	}
	folder := t.TempDir()
	if _, err = (Solutions{PRM: quick, Answered: answered}).Ablate(t.Context(), folder, nil); !errors.As(err, &FolderError{}) {
		t.Errorf("no run: %v", err)
	}
	if err := dataset.WriteJSON(filepath.Join(folder, settingsFile), settings{Model: "another"}, disk.Private); err != nil {
		t.Fatal(err)
	}
	if _, err = (Solutions{PRM: quick, Answered: answered}).Ablate(t.Context(), folder, nil); !errors.As(err, &UnlikeError{}) || !strings.Contains(err.Error(), "played with another") {
		t.Errorf("the run of another LLM: %v", err)
	}
}
