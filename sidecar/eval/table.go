package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"aprm/prm/metric"
)

// Markdown writes the table, for a report or the README.
func (r Report) Markdown() string {
	var b strings.Builder
	b.WriteString("| method | correct [95 %] | not told | against majority [95 %] | tokens generated | tokens read | LLM calls | PRM calls | seconds |\n")
	b.WriteString("|---|---|---:|---|---:|---:|---:|---:|---:|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s | %.1f %% | %s | %.0f | %.0f | %.1f | %.1f | %.1f |\n", row.Method, share(row.Accuracy), 100*row.Untold, points(row.VsMajority),
			row.Tokens, row.PromptTokens, row.SamplingCalls, row.ScoringCalls, row.Seconds)
	}
	fmt.Fprintf(&b, "\n%d problems, N = %d, seed %d. Tokens, calls and seconds are means over problems; an LLM call is for some continuations of one beginning. The intervals are by bootstrap over problems, "+
		"the differences paired. The searches step by step may generate what the pool of the votes took, problem by problem.\n", len(r.Problems), r.N, r.Seed)
	if math.IsNaN(r.AUC.Mean) {
		b.WriteString("\nAUC of whole answers within a problem: unknown, for none of them has right and wrong answers that were scored.\n")
	} else {
		fmt.Fprintf(&b, "\nAUC of whole answers within a problem: %.3f [%.3f, %.3f].\n", r.AUC.Mean, r.AUC.Low, r.AUC.High)
	}
	b.WriteString(begunIn(r.Begun))
	b.WriteString("\n" + r.Untold.String() + "\n")
	b.WriteString(r.stopping())
	if r.Kinds != nil {
		b.WriteString(r.Kinds.String())
	}
	return b.String()
}

// String says what can't be told, in a sentence.
func (u *Untold) String() string {
	if u == nil {
		return "How many answers can't be told to be right or wrong was not counted."
	}
	return fmt.Sprintf("Not told, and counted as wrong: of %d answers drawn %d gave nothing to extract and %d can't be compared with the problem's; the final answers of %d problems can't be read.",
		u.Answers, u.Empty, u.Uncompared, u.Golds)
}

// stopping says how auto stopped, and how often that changed the vote.
func (r Report) stopping() string {
	at := slices.IndexFunc(r.Rows, func(row Row) bool { return strings.HasPrefix(row.Method, "auto-") })
	if at < 0 || len(r.Problems) == 0 {
		return ""
	}
	row := r.Rows[at]
	n := float64(len(r.Problems))
	var early, changed, escalated, tokens float64
	var differences []float64
	majority := slices.IndexFunc(r.Rows, func(m Row) bool { return m.Method == fmt.Sprintf("majority-%d", r.N) })
	for i, o := range row.Outcomes {
		switch {
		case o.Escalated != "":
			escalated++
		case o.Drawn < r.N:
			early++
		}
		if o.Changed {
			changed++
		}
		tokens += float64(r.Rows[majority].Outcomes[i].Tokens)
		differences = append(differences, o.Correct-r.Rows[majority].Outcomes[i].Correct)
	}
	return fmt.Sprintf("\nauto: %.0f %% of the majority's tokens; %.1f %% of the problems ended before N candidates and %.1f %% step by step; on %.1f %% the same vote of all N "+
		"would have come to another answer (the stopping rule's error rate). auto - majority: %+.1f points, one-sided 95 %% bound %+.1f.\n",
		100*row.Tokens*n/max(tokens, 1), 100*early/n, 100*escalated/n, 100*changed/n, 100*row.VsMajority.Mean, 100*oneSided(differences))
}

// oneSided is the lower end of the one-sided 95 % interval of a mean, by the normal approximation.
func oneSided(x []float64) float64 {
	n := float64(len(x))
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	return mean - 1.645*math.Sqrt(square/max(n-1, 1)/n)
}

func share(i metric.Interval) string {
	return fmt.Sprintf("%.1f %% [%.1f, %.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}

func points(i metric.Interval) string {
	return fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}
