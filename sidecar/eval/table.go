package eval

import (
	"fmt"
	"strings"

	"aprm/prm/metric"
)

// Markdown writes the table, for a report or the README.
func (r Report) Markdown() string {
	var b strings.Builder
	b.WriteString("| method | correct [95 %] | against majority [95 %] | tokens generated | tokens read | PRM calls | seconds |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f | %.0f | %.1f | %.1f |\n", row.Method, share(row.Accuracy), points(row.VsMajority),
			row.Tokens, row.PromptTokens, row.ScoringCalls, row.Seconds)
	}
	fmt.Fprintf(&b, "\n%d problems, N = %d, seed %d. Tokens, calls and seconds are means over problems. The intervals are by bootstrap over problems, "+
		"the differences paired. The searches step by step may generate what the pool of the votes took, problem by problem.\n", len(r.Problems), r.N, r.Seed)
	return b.String()
}

func share(i metric.Interval) string {
	return fmt.Sprintf("%.1f %% [%.1f, %.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}

func points(i metric.Interval) string {
	return fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}
