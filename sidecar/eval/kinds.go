package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// KindsReport holds programs against prose, on recorded answers to the same problems.
type KindsReport struct {
	Programs    int            `json:"programs"` // that were recorded
	Valued      int            `json:"valued"`   // that gave a value
	Reasons     map[string]int `json:"reasons"`  // why others didn't
	Agreements  []Agreement    `json:"agreements"`
	Comparisons []Comparison   `json:"comparisons"`
}

// Agreement is what it says that two answers to a problem are the same: over all pairs of answers of these kinds, every
// problem weighing the same.
type Agreement struct {
	Pair   string          `json:"pair"`
	Agree  metric.Interval `json:"agree"`       // share of pairs
	Right  metric.Interval `json:"right"`       // of those that agree
	Either metric.Interval `json:"either_else"` // one of the two is right, of those that don't
}

// Comparison is the paired difference in accuracy of two rows.
type Comparison struct {
	Row     string          `json:"row"`
	Against string          `json:"against"`
	Gain    metric.Interval `json:"gain"`
	Tokens  float64         `json:"tokens"` // of the row, a share of the other's
}

// kindsMethods are the rows for programs alone, for prose and programs mixed, and for prose of as many tokens as the
// mix takes.
func (c Config) kindsMethods() []method {
	if c.Programs == 0 {
		return nil
	}
	var out []method
	of := func(kinds step.Kinds, most int) {
		var sizes []int
		for _, n := range c.sizes() {
			if n <= most && n > 1 && n&(n-1) == 0 { // 2, 4, 8: enough to see
				sizes = append(sizes, n)
			}
		}
		for _, n := range sizes {
			out = append(out, votes(n)...)
		}
		if len(sizes) > 0 {
			last := sizes[len(sizes)-1]
			out = append(out, method{name: fmt.Sprintf("auto-%d", last), strategy: decode.Auto, n: last, run: auto},
				method{name: fmt.Sprintf("pass@%d (the ceiling)", last), n: last, run: ceiling})
		}
		for i := range out {
			if out[i].kinds == "" {
				out[i].name, out[i].kinds = fmt.Sprintf("%s: %s", kinds, out[i].name), kinds
			}
		}
	}
	of(step.OnlyPrograms, c.Programs)
	of(step.Mixed, c.mix())
	for _, kinds := range []step.Kinds{step.OnlyProse, step.Mixed} {
		for _, m := range votes(c.mix()) {
			m.name, m.run, m.kinds = equalTokens(kinds, strings.TrimSuffix(m.name, fmt.Sprintf("-%d", m.n))), equally(m.run), kinds
			out = append(out, m)
		}
	}
	return out
}

// equalTokens names the row of a vote at equal tokens.
func equalTokens(kinds step.Kinds, vote string) string {
	return fmt.Sprintf("at equal tokens, %s: %s", kinds, vote)
}

// mix is how many answers are mixed at most.
func (c Config) mix() int { return min(2*c.Programs, c.Options.N/2*2) }

// equally chooses from as many answers as come nearest to the tokens of n of prose or of n mixed ones, whichever took
// less.
func equally(run func(context.Context, *contest, int) (Outcome, error)) func(context.Context, *contest, int) (Outcome, error) {
	return func(ctx context.Context, c *contest, n int) (Outcome, error) {
		prose, mixed := 0, 0
		for i := range min(n, len(c.prose)) {
			prose += c.prose[i].CompletionTokens
			mixed += []decode.Sample{c.coded[i/2], c.prose[i/2]}[i%2].CompletionTokens
		}
		budget, fits := min(prose, mixed), 1
		for fits < len(c.pool) && abs(c.tokens(fits+1)-budget) <= abs(c.tokens(fits)-budget) {
			fits++
		}
		return run(ctx, c, fits)
	}
}

func abs(x int) int { return max(x, -x) }

// inProse is why an answer that was to be a program gives no value, although it gives an answer.
const inProse = "answered in prose"

// kindsOf is what a problem's recorded answers say of programs.
type kindsOf struct {
	reasons map[string]int
	coded   int
	pairs   [len(pairings)]tallied
}

// tallied are shares of a problem's pairs.
type tallied struct{ agree, right, either, pairs float64 }

var pairings = [...]string{"a program and prose", "two of prose", "two programs"}

// ofKinds counts; nothing where there is one kind alone.
func (c *contest) ofKinds(ctx context.Context) (out kindsOf) {
	if len(c.coded) == 0 {
		return out
	}
	out.reasons, out.coded = map[string]int{}, len(c.coded)
	read := func(samples []decode.Sample) (all []decode.Reading) {
		for _, s := range samples {
			all = append(all, s.Read(ctx))
		}
		return all
	}
	prose, coded := read(c.pool), read(c.coded)
	for i, r := range coded {
		switch why, _, _ := strings.Cut(r.Why, ":"); {
		case !r.Answered:
			out.reasons[why]++
		case r.Program == nil:
			out.reasons[inProse]++
			coded[i].Answered = false // it says nothing of programs
		}
	}
	pair := func(k int, a, b decode.Reading) {
		t := &out.pairs[k]
		t.pairs++
		right := func(r decode.Reading) bool { return c.verdict(r.Answer, r.Answered) == arith.True }
		switch {
		case a.Answered && b.Answered && arith.Equal(a.Answer, b.Answer) == arith.True:
			t.agree++
			if right(a) {
				t.right++
			}
		case right(a) || right(b):
			t.either++
		}
	}
	for i, a := range prose {
		for _, b := range coded {
			pair(0, a, b)
		}
		for _, b := range prose[i+1:] {
			pair(1, a, b)
		}
	}
	for i, a := range coded {
		for _, b := range coded[i+1:] {
			pair(2, a, b)
		}
	}
	return out
}

// kindsReport is nil where there is one kind alone.
func kindsReport(problems []kindsOf, rows []Row, seed uint64, draws int) *KindsReport {
	r := &KindsReport{Reasons: map[string]int{}}
	for _, p := range problems {
		r.Programs += p.coded
		for why, n := range p.reasons {
			r.Reasons[why] += n
		}
	}
	if r.Programs == 0 {
		return nil
	}
	r.Valued = r.Programs
	for _, n := range r.Reasons {
		r.Valued -= n
	}
	for k, pair := range pairings {
		ratio := func(of, over func(tallied) float64) metric.Interval {
			return metric.Bootstrap(seed, len(problems), draws, func(idx []int) float64 {
				a, b := 0.0, 0.0
				for _, i := range idx {
					if t := problems[i].pairs[k]; t.pairs > 0 {
						a, b = a+of(t)/t.pairs, b+over(t)/t.pairs
					}
				}
				return a / b
			})
		}
		all := func(t tallied) float64 { return t.pairs }
		agree := func(t tallied) float64 { return t.agree }
		r.Agreements = append(r.Agreements, Agreement{Pair: pair, Agree: ratio(agree, all),
			Right:  ratio(func(t tallied) float64 { return t.right }, agree),
			Either: ratio(func(t tallied) float64 { return t.either }, func(t tallied) float64 { return t.pairs - t.agree })})
	}
	r.Comparisons = comparisons(rows, seed, draws)
	return r
}

// comparisons hold what is drawn of programs against prose: plain votes against plain ones, weighed against weighed and
// against plain ones, of as many answers and of as many tokens.
func comparisons(rows []Row, seed uint64, draws int) (out []Comparison) {
	row := func(name string) *Row {
		if i := slices.IndexFunc(rows, func(r Row) bool { return r.Method == name }); i >= 0 {
			return &rows[i]
		}
		return nil
	}
	hold := func(name, against string) {
		a, b := row(name), row(against)
		if a == nil || b == nil {
			return
		}
		out = append(out, Comparison{Row: name, Against: against, Tokens: a.Tokens / max(b.Tokens, 1), Gain: metric.Bootstrap(seed, len(a.Outcomes), draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return a.Outcomes[i].Correct - b.Outcomes[i].Correct })
		})})
	}
	last := map[step.Kinds]int{}
	for _, r := range rows {
		kinds, _, _ := strings.Cut(r.Method, ": ")
		last[step.Kinds(kinds)] = max(last[step.Kinds(kinds)], r.N)
	}
	for _, r := range rows {
		kinds, vote, found := strings.Cut(r.Method, ": ")
		if !found || r.N < last[step.Kinds(kinds)] || step.Kinds(kinds) != step.OnlyPrograms && step.Kinds(kinds) != step.Mixed || strings.HasPrefix(vote, "pass") {
			continue
		}
		plain := fmt.Sprintf("majority-%d", r.N)
		hold(r.Method, vote)
		if vote != plain {
			hold(r.Method, plain)
		}
	}
	for _, m := range votes(0) {
		vote := strings.TrimSuffix(m.name, "-0")
		hold(equalTokens(step.Mixed, vote), equalTokens(step.OnlyProse, vote))
		if vote != "majority" {
			hold(equalTokens(step.Mixed, vote), equalTokens(step.OnlyProse, "majority"))
		}
	}
	return out
}

// String is the report's tables.
func (r *KindsReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n**Programs**: %d of %d (%.1f %%) give a value", r.Valued, r.Programs, 100*float64(r.Valued)/float64(r.Programs))
	for i, why := range sortedByCount(r.Reasons) {
		fmt.Fprintf(&b, "%s%s: %d", []string{"; of the others ", ", "}[min(i, 1)], why, r.Reasons[why])
	}
	b.WriteString(".\n\n| pairs of answers | agree [95 %] | of these right [95 %] | of others one is right [95 %] |\n|---|---|---|---|\n")
	for _, a := range r.Agreements {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", a.Pair, share(a.Agree), share(a.Right), share(a.Either))
	}
	b.WriteString("\n| paired difference | against | points [95 %] | tokens |\n|---|---|---|---:|\n")
	for _, c := range r.Comparisons {
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f %% |\n", c.Row, c.Against, points(c.Gain), 100*c.Tokens)
	}
	return b.String()
}

// sortedByCount are the keys, those of the greatest counts first.
func sortedByCount(counts map[string]int) []string {
	var out []string
	for k := range counts {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	return out
}
