package generator

import "slices"

// Memory holds corruptions that fooled R lately, to be shown to the adversary as examples in place of a strategy's own.
// It is bounded and diverse: for each strategy and kind at most two, for each problem one; the oldest round goes first.
type Memory struct {
	Limit int      `json:"limit"`
	Items []Fooled `json:"items"`
}

// Trick is a correct step made wrong, that R took for correct.
type Trick struct {
	Strategy string `json:"strategy"`
	Kind     Kind   `json:"kind"`
	Before   string `json:"before"` // the correct step
	After    string `json:"after"`  // what it became
}

// Fooled is a trick as it is remembered.
type Fooled struct {
	Trick
	Problem string  `json:"problem"`
	P       float64 `json:"p"` // P(correct) that R gave it
	Round   int     `json:"round"`
}

// perTrick is how many items of one strategy and kind are kept.
const perTrick = 2

// Add remembers f, if it tells something new: of the same problem, or of a full strategy and kind, only a later or a
// better one replaces what is there.
func (m *Memory) Add(f Fooled) {
	if m.Limit <= 0 {
		return
	}
	items := slices.Clone(m.Items)
	// admit makes room for f among the items that match, at most limit of them: the worst goes, unless f is no better.
	admit := func(limit int, match func(Fooled) bool) bool {
		worst, n := -1, 0
		for i, item := range items {
			if !match(item) {
				continue
			}
			if n++; worst < 0 || item.before(items[worst]) {
				worst = i
			}
		}
		if n < limit {
			return true
		}
		if !items[worst].before(f) {
			return false
		}
		items = slices.Delete(items, worst, worst+1)
		return true
	}
	if admit(1, func(x Fooled) bool { return x.Problem == f.Problem }) &&
		admit(perTrick, func(x Fooled) bool { return x.Strategy == f.Strategy && x.Kind == f.Kind }) &&
		admit(m.Limit, func(Fooled) bool { return true }) {
		m.Items = append(items, f)
	}
}

// before says which of two items is dropped first: the older, then the one that fooled less.
func (f Fooled) before(g Fooled) bool {
	return f.Round < g.Round || f.Round == g.Round && f.P < g.P
}

// Example returns what to show for a strategy on a kind of step of a problem: the latest item of that strategy, of the
// same kind where there is one, never of the same problem.
func (m *Memory) Example(strategy string, kind Kind, problem string) (Fooled, bool) {
	var best Fooled
	found := false
	for _, item := range m.Items {
		if item.Strategy != strategy || item.Problem == problem {
			continue
		}
		if !found || (item.Kind == kind) == (best.Kind == kind) && item.Round >= best.Round || item.Kind == kind && best.Kind != kind {
			best, found = item, true
		}
	}
	return best, found
}
