package eval

import (
	"fmt"
	"slices"
	"strings"

	"aprm/prm/metric"
)

// Difference is one method in two measurements of the same problems.
type Difference struct {
	Method string          `json:"method"`
	First  metric.Interval `json:"first"` // accuracies
	Second metric.Interval `json:"second"`
	Gain   metric.Interval `json:"gain"` // of the first over the second, paired by problem
	Tokens [2]float64      `json:"tokens"`
}

// Compare pairs the methods that two reports have in common, problem by problem. The reports must be of the same
// problems in the same order. Seed and draws are of the bootstrap; draws 0 means 10,000.
func Compare(first, second Report, seed uint64, draws int) ([]Difference, error) {
	if len(first.Problems) == 0 || !slices.Equal(first.Problems, second.Problems) {
		return nil, fmt.Errorf("the two are not of the same problems: %s, and %s", some(first.Problems), some(second.Problems))
	}
	if first.Digest != second.Digest && first.Digest != "" && second.Digest != "" {
		return nil, fmt.Errorf("the two are not of the same problems: the ids are alike, the questions are not")
	}
	if draws <= 0 {
		draws = 10_000
	}
	n := len(first.Problems)
	var out []Difference
	for _, a := range first.Rows {
		at := slices.IndexFunc(second.Rows, func(b Row) bool { return b.Method == a.Method })
		if at < 0 {
			continue
		}
		b := second.Rows[at]
		if len(a.Outcomes) != n || len(b.Outcomes) != n {
			return nil, fmt.Errorf("%s has %d and %d outcomes of %d problems", a.Method, len(a.Outcomes), len(b.Outcomes), n)
		}
		out = append(out, Difference{Method: a.Method, First: a.Accuracy, Second: b.Accuracy, Tokens: [2]float64{a.Tokens, b.Tokens},
			Gain: metric.Bootstrap(seed, n, draws, func(idx []int) float64 {
				return meanOver(idx, func(i int) float64 { return a.Outcomes[i].Correct - b.Outcomes[i].Correct })
			})})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the two have no method in common")
	}
	return out, nil
}

// some names a list's length and beginning.
func some(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d from %s", len(ids), ids[0])
}

// CompareMarkdown writes the differences as a table, under two names.
func CompareMarkdown(differences []Difference, first, second string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| method | %s, correct [95 %%] | %s, correct [95 %%] | gain [95 %%] | tokens generated |\n|---|---|---|---|---|\n", first, second)
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f, %.0f |\n", d.Method, share(d.First), share(d.Second), points(d.Gain), d.Tokens[0], d.Tokens[1])
	}
	return b.String()
}
