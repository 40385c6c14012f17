package generator

import (
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"aprm/prm/metric"
	"aprm/prm/step"
)

// Probes tell how much the training steps give away by their looks. Each is the AUC of a naive Bayes classifier on
// problems that it was not fitted to: .5 says that nothing is given away.
type Probes struct {
	// Dialect tells steps that the adversary wrote, paraphrases among them, from correct steps that it did not, by
	// their words. It may be high without harm as long as paraphrases stand among the correct steps.
	Dialect metric.Figure `json:"dialect"`

	// Format tells wrong from correct members of pairs by spacing, punctuation and the lengths of words and numbers
	// alone. What it finds R can use in place of the meaning.
	Format metric.Figure `json:"format"`
}

// Probe runs both on labelled steps.
func Probe(steps []Labelled) Probes {
	var dialect, format []marked
	for _, l := range steps {
		if l.Pair == "" || l.Step == step.Unknown {
			continue
		}
		problem := l.Prefix.Problem.ID
		dialect = append(dialect, marked{problem, words(l.Text), l.Source == Attack || l.Source == Paraphrase})
		format = append(format, marked{problem, shapes(l.Text), l.Step == step.Wrong})
	}
	return Probes{Dialect: figure(bayesAUC(dialect)), Format: figure(bayesAUC(format))}
}

// marked is an example of a probe.
type marked struct {
	problem string
	signs   []string // each once, in order: sums of floats must not depend on a map's
	yes     bool
}

// words are the step's words, numbers all alike.
func words(text string) []string {
	out := make(map[string]bool)
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		out[strings.Map(zeroDigits, w)] = true
	}
	return slices.Sorted(maps.Keys(out))
}

func zeroDigits(r rune) rune {
	if unicode.IsDigit(r) {
		return '0'
	}
	return r
}

// shapes are the runs of three signs in the step once its letters are all a or A and its digits all 0.
func shapes(text string) []string {
	shape := []rune(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsUpper(r):
			return 'A'
		case unicode.IsLetter(r):
			return 'a'
		}
		return zeroDigits(r)
	}, "^"+text+"$"))
	out := make(map[string]bool)
	for i := 3; i <= len(shape); i++ {
		out[string(shape[i-3:i])] = true
	}
	return slices.Sorted(maps.Keys(out))
}

// bayesAUC fits a naive Bayes classifier on four fifths of the problems and scores the fifth left out, five times. NaN
// when either class is missing.
func bayesAUC(examples []marked) float64 {
	const folds = 5
	fold := func(problem string) byte { return contentHash("probe", problem)[0] % folds }
	scores := make([]float64, len(examples))
	yes := make([]bool, len(examples))
	for f := range byte(folds) {
		var n [2]float64
		counts := make(map[string]*[2]float64)
		for _, e := range examples {
			if fold(e.problem) == f {
				continue
			}
			c := class(e.yes)
			n[c]++
			for _, s := range e.signs {
				if counts[s] == nil {
					counts[s] = new([2]float64)
				}
				counts[s][c]++
			}
		}
		for i, e := range examples {
			yes[i] = e.yes
			if fold(e.problem) != f {
				continue
			}
			// The share of classes says nothing about a step, so the prior is left out; it would differ between folds.
			for _, s := range e.signs {
				if k := counts[s]; k != nil {
					scores[i] += math.Log((k[1]+0.5)/(n[1]+1)) - math.Log((k[0]+0.5)/(n[0]+1))
				}
			}
		}
	}
	return metric.AUC(scores, yes)
}

func class(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
