package vote

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ballots are votes for the groups named by letters, '-' for no final answer.
func ballots(groups string, logits ...float64) []Ballot {
	out := make([]Ballot, len(groups))
	for i, g := range groups {
		if out[i].Group = int(g - 'a'); g == '-' {
			out[i].Group = -1
		}
		if len(logits) > 0 {
			out[i].Logit = logits[i]
		}
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12*max(1, math.Abs(a)) }

func TestWeight(t *testing.T) {
	ln := math.Log
	for _, test := range []struct {
		rule   Rule
		logits []float64
		want   float64
	}{
		{Plain, []float64{5, -3, 0}, ln(3)},
		{Rule{Beta: 1, Power: 1}, []float64{ln(2), ln(4)}, ln(6)},
		{Rule{Beta: 0.5, Power: 1}, []float64{ln(4), ln(9)}, ln(5)},
		{Rule{Beta: 1, Power: 2}, []float64{ln(2), ln(4)}, ln(12)}, // 2² · 3
		{Rule{Beta: 1}, []float64{ln(2), ln(4)}, ln(3)},            // the mean alone
		{Rule{Power: 2}, []float64{7, 7}, ln(4)},
		{Rule{Beta: 1000, Power: 1}, []float64{1, 2}, 2000}, // not e to the power of it
		{Rule{Beta: 1000, Power: 1}, []float64{-1, -2}, -1000},
	} {
		var group []Ballot
		for _, z := range test.logits {
			group = append(group, Ballot{Logit: z})
		}
		if got := test.rule.Weight(group); !near(got, test.want) {
			t.Errorf("%+v of %v weighs %g, want %g", test.rule, test.logits, got, test.want)
		}
	}
}

// A program says e^Programs times what prose of the same logit says; a group that both kinds reach weighs (1+m)^Both
// times as much.
func TestWeightOfBothKinds(t *testing.T) {
	ln := math.Log
	prose, program := Ballot{}, Ballot{Program: true}
	for _, test := range []struct {
		mix   Mix
		group []Ballot
		want  float64
	}{
		{Mix{}, []Ballot{prose, program}, ln(2)},
		{Mix{Programs: ln(3)}, []Ballot{program}, ln(3)},
		{Mix{Programs: ln(3)}, []Ballot{prose, prose}, ln(2)},
		{Mix{Programs: ln(3)}, []Ballot{prose, program}, ln(4)},
		{Mix{Both: 2}, []Ballot{prose, prose, prose}, ln(3)},
		{Mix{Both: 2}, []Ballot{program, program}, ln(2)},
		{Mix{Both: 2}, []Ballot{prose, program}, ln(2 * 4)},
		{Mix{Both: 1}, []Ballot{prose, program, program, prose, prose}, ln(5 * 3)},
		{Mix{Programs: ln(3), Both: 1}, []Ballot{prose, program, program}, ln(7 * 2)},
	} {
		if got := (Rule{Power: 1, Mix: test.mix}).Weight(test.group); !near(got, test.want) {
			t.Errorf("%+v of %+v weighs %g, want %g", test.mix, test.group, got, test.want)
		}
	}
}

func TestOf(t *testing.T) {
	great := Rule{Beta: 1000, Power: 1}
	for _, test := range []struct {
		name   string
		rule   Rule
		votes  []Ballot
		winner int
		shares []float64
	}{
		{"nobody is there", Plain, nil, -1, nil},
		{"nobody votes", Plain, ballots("--", 3, 4), -1, nil},
		{"a majority", Plain, ballots("abb", 9, 1, 2), 2, []float64{1. / 3, 2. / 3}}, // of its group the best
		{"of a tie the first", Plain, ballots("ab", 0, 9), 0, []float64{0.5, 0.5}},
		{"of a tie the first group, of that the best", Plain, ballots("abba", 0, 9, 9, 1), 3, []float64{0.5, 0.5}},
		{"of one logit the first", Plain, ballots("aa", 1, 1), 0, []float64{1}},
		{"who has no answer doesn't count", Plain, ballots("-b-", 9, 0, 9), 1, []float64{1}},
		{"weighed", Rule{Beta: 1, Power: 1}, ballots("aab", 0, 0, math.Log(3)), 2, []float64{0.4, 0.6}},
		{"sizes count more", Rule{Beta: 1, Power: 2}, ballots("aab", 0, 0, math.Log(3)), 0, []float64{4. / 7, 3. / 7}},
		{"sizes don't count", Rule{Beta: 1}, ballots("aaab", 0, 0, 0, 0.1), 3, nil},
		{"a great beta is best-of-N", great, ballots("aaab", 1, 1, 1, 1.1), 3, []float64{0, 1}},
	} {
		c := test.rule.Of(test.votes)
		if c.Winner != test.winner {
			t.Errorf("%s: %d wins, want %d", test.name, c.Winner, test.winner)
		}
		for i, want := range test.shares {
			if math.Abs(c.Shares[i]-want) > 1e-9 {
				t.Errorf("%s: shares %v, want %v", test.name, c.Shares, test.shares)
			}
		}
	}
	if c := Plain.Of(ballots("cab-c")); !slices.Equal(c.Groups, []int{2, 0, 1}) || !near(c.Lead(), 0.25) {
		t.Errorf("groups %v as they came, lead %g; want c, a, b, and a quarter", c.Groups, c.Lead())
	}
	if c := Plain.Of(ballots("aa")); c.Lead() != 1 {
		t.Errorf("alone the lead is %g", c.Lead())
	}
	if c := Plain.Of(ballots("ab")); c.Lead() != 0 {
		t.Errorf("of a tie the lead is %g", c.Lead())
	}
}

// A plain vote is the majority's whatever the logits, best-of-N is the limit of a great Beta, and shares are shares.
func TestLimits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		votes := make([]Ballot, 1+rng.IntN(9))
		for i := range votes {
			votes[i] = Ballot{Group: rng.IntN(5) - 1, Logit: 8 * rng.NormFloat64()}
		}
		size := map[int]int{}
		best := -1
		for i, b := range votes {
			if b.Group < 0 {
				continue
			}
			size[b.Group]++
			if best < 0 || b.Logit > votes[best].Logit {
				best = i
			}
		}
		plain := Plain.Of(votes)
		if (plain.Winner < 0) != (best < 0) {
			t.Fatalf("%v: %d wins", votes, plain.Winner)
		}
		if best < 0 {
			continue
		}
		for _, n := range size {
			if n > size[votes[plain.Winner].Group] {
				t.Fatalf("%v: a group of %d wins against one of %d", votes, size[votes[plain.Winner].Group], n)
			}
		}
		if c := (Rule{Beta: 1000, Power: 1}).Of(votes); c.Winner != best {
			t.Fatalf("%v: with a great beta %d wins, the best is %d", votes, c.Winner, best)
		}
		c := Rule{Beta: 3 * rng.Float64(), Power: 3 * rng.Float64()}.Of(votes)
		sum := 0.0
		for _, s := range c.Shares {
			sum += s
		}
		if math.Abs(sum-1) > 1e-9 || c.Lead() < 0 || c.Lead() > 1 {
			t.Fatalf("%v: shares %v, lead %g", votes, c.Shares, c.Lead())
		}
	}
}

// TestChance is by hand: of answers a, a, b with odds 2, 4 and 3 a weighs 6 and b 3; an unseen one is taken to weigh
// their mean, 3.
func TestChance(t *testing.T) {
	ln := math.Log
	c := Rule{Beta: 1, Power: 1}.Of(ballots("aab-", ln(2), ln(4), ln(3), 0))
	for _, test := range []struct {
		name string
		stop Stop
		want float64 // odds
	}{
		{"nothing", Stop{}, 1},
		{"bias", Stop{Bias: ln(5)}, 5},
		{"lead", Stop{Lead: 1}, 1},              // 6 : 3 + 3
		{"level", Stop{Level: 1}, math.Sqrt(8)}, // of a's two
		{"draws", Stop{Draws: 1}, 4},            // that without an answer is one
		{"all", Stop{Bias: ln(5), Lead: 2, Level: 2, Draws: 1, At: 0, Loss: 0, Tokens: 0}, 160}, // 5 · 1² · 8 · 4
	} {
		if got := test.stop.Chance(c); !near(got, test.want/(1+test.want)) {
			t.Errorf("%s: %g, want odds of %g", test.name, got, test.want)
		}
	}
	if got := (Stop{Bias: 9}).Chance(Plain.Of(nil)); got != 0 {
		t.Errorf("when nobody votes the chance is %g", got)
	}
	alone := Rule{Beta: 1, Power: 1}.Of(ballots("a", ln(7)))
	if got := (Stop{Lead: 1}).Chance(alone); !near(got, 0.5) {
		t.Errorf("one answer leads by its own unseen like: %g", got)
	}
}

func TestCheck(t *testing.T) {
	if err := Plain.Check(); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]Rule{
		"beta -1":        {Beta: -1, Power: 1},
		"power -0.5":     {Power: -0.5},
		"[0, 1000]":      {Beta: 1e4},
		"NaN":            {Beta: math.NaN()},
		"+Inf":           {Nats: math.Inf(1)},
		"the chance 1.5": {Stop: Stop{At: 1.5}},
		"-Inf":           {Stop: Stop{Lead: math.Inf(-1)}},
	} {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

// Where more answers could be drawn than At was found with, less doubt is borne.
func TestSettled(t *testing.T) {
	s := Stop{Bias: 2, At: 0.8, Of: 4} // a chance of 0.88
	c := Plain.Of([]Ballot{{Group: 0}, {Group: 0}})
	for n, want := range map[int]bool{2: true, 4: true, 8: false} {
		if got := s.Settled(c, n); got != want {
			t.Errorf("of %d: %v", n, got)
		}
	}
	if s.Of = 0; !s.Settled(c, 8) {
		t.Error("not known with how many: At stands")
	}
}
