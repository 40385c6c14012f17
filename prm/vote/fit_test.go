package vote

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// world makes up problems with n answers each: hard and easy ones, wrong answers scatter over four. logit draws what is
// thought of one.
func world(rng *rand.Rand, problems, n int, logit func(right bool) float64) [][]Ballot {
	out := make([][]Ballot, problems)
	for i := range out {
		easy := rng.Float64()
		for range n {
			b := Ballot{Right: rng.Float64() < easy}
			if !b.Right {
				b.Group = 1 + rng.IntN(4)
			}
			b.Logit = logit(b.Right)
			out[i] = append(out[i], b)
		}
	}
	return out
}

// knowing thinks of right answers so much better than of wrong ones, in standard deviations of its noise.
func knowing(rng *rand.Rand, by float64) func(bool) float64 {
	return func(right bool) float64 {
		if right {
			return by + rng.NormFloat64()
		}
		return rng.NormFloat64()
	}
}

// accuracy of votes by a rule.
func accuracy(problems [][]Ballot, r Rule) float64 {
	right := 0.0
	for _, p := range problems {
		if c := r.Of(p); c.Winner >= 0 && p[c.Winner].Right {
			right++
		}
	}
	return right / float64(len(problems))
}

func TestFitFindsWhatLogitsAreWorth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	r := Fit(world(rng, 400, 8, knowing(rng, 1.2)))
	if !r.Trusted() || r.Check() != nil {
		t.Fatalf("informative logits aren't trusted: %+v", r)
	}
	fresh := world(rng, 2000, 8, knowing(rng, 1.2))
	plain, weighed := accuracy(fresh, Plain), accuracy(fresh, r)
	t.Logf("%+v: %.3f, plain %.3f", r, weighed, plain)
	if weighed < plain+0.03 {
		t.Errorf("weighed votes are right in %.3f, plain ones in %.3f", weighed, plain)
	}
	// Logits twice as wide, of the same worth, count half.
	rng = rand.New(rand.NewPCG(1, 1))
	wide := knowing(rng, 1.2)
	double := Fit(world(rng, 400, 8, func(right bool) float64 { return 2 * wide(right) }))
	if ratio := r.Beta / double.Beta; ratio < 1.7 || ratio > 2.4 {
		t.Errorf("beta is %g, of doubled logits %g", r.Beta, double.Beta)
	}
	// The better they are, the more they count.
	if better := Fit(world(rng, 400, 8, knowing(rng, 2.5))); better.Beta <= r.Beta || better.Nats <= r.Nats {
		t.Errorf("better logits: %+v, after %+v", better, r)
	}
	if r.Problems < 200 || !near(r.Margin*float64(r.Problems), passed) {
		t.Errorf("the margin of %d problems is %g", r.Problems, r.Margin)
	}
}

func TestFitTrustsNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	const draws = 300
	for _, problems := range []int{40, 200} {
		trusted := 0
		for range draws {
			if Fit(world(rng, problems, 4, knowing(rng, 0))).Trusted() {
				trusted++
			}
		}
		t.Logf("noise was trusted in %d of %d hold-outs of %d problems", trusted, draws, problems)
		if trusted > 9 { // one in a hundred is promised; nine or more of 300 come by chance in one of 250
			t.Errorf("noise was trusted in %d of %d hold-outs of %d problems", trusted, draws, problems)
		}
	}
	inverted := Fit(world(rng, 400, 8, knowing(rng, -1.2)))
	if inverted.Trusted() || inverted.Beta != 0 || inverted.Power != 1 {
		t.Errorf("inverted logits: %+v", inverted)
	}
	if same := Fit(world(rng, 400, 8, func(bool) float64 { return 1 })); same.Trusted() || same.Beta != 0 || same.Power != 1 {
		t.Errorf("logits that are all alike: %+v", same)
	}
	if few := Fit(world(rng, 5, 4, knowing(rng, 0.8))); few.Trusted() {
		t.Errorf("five problems: %+v", few)
	}
	for name, p := range map[string][][]Ballot{"nothing": nil, "a problem without answers": {nil}, "nobody has an answer": {ballots("--"), ballots("-")}} {
		if r := Fit(p); r != Plain {
			t.Errorf("%s: %+v", name, r)
		}
	}
	allRight := [][]Ballot{{{Right: true}, {Right: true}}}
	if r := Fit(allRight); r != Plain {
		t.Errorf("with nothing wrong there is nothing to learn: %+v", r)
	}
}

// TestLogLikelihood is by hand, of problems of three answers: votes of the first two and of all three.
func TestLogLikelihood(t *testing.T) {
	of := func(groups string, logits ...float64) []Ballot { // a is right
		out := ballots(groups, logits...)
		for i := range out {
			out[i].Right = groups[i] == 'a'
		}
		return out
	}
	ln := math.Log
	for _, test := range []struct {
		name     string
		problems [][]Ballot
		rule     Rule
		want     float64
	}{
		{"plain", [][]Ballot{of("abb")}, Plain, (ln(1./2) + ln(1./3)) / 2},
		{"sizes squared", [][]Ballot{of("abb")}, Rule{Power: 2}, (ln(1./2) + ln(1./5)) / 2},
		{"weighed", [][]Ballot{of("abc", ln(3), 0, 0)}, Rule{Beta: 1, Power: 1}, (ln(3./4) + ln(3./5)) / 2},
		{"half as much", [][]Ballot{of("abc", ln(9), 0, 0)}, Rule{Beta: 0.5, Power: 1}, (ln(3./4) + ln(3./5)) / 2},
		{"both only at last", [][]Ballot{of("aab")}, Plain, ln(2. / 3)},
		{"no answer, no vote", [][]Ballot{of("a-b")}, Plain, ln(1. / 2)},
		{"a problem, a voice", [][]Ballot{of("aab"), of("abb")}, Plain, (ln(2./3) + (ln(1./2)+ln(1./3))/2) / 2},
		{"nothing wrong says nothing", [][]Ballot{of("aab"), of("aaa"), of("bbb")}, Plain, ln(2. / 3)},
		{"nothing at all", nil, Plain, 0},
		{"as bad as can be, and often", [][]Ballot{of("a"+strings.Repeat("b", 40), append([]float64{-900}, make([]float64, 40)...)...)}, Rule{Beta: 1, Power: 1}, ln(1e-12)},
		{"no worse than that", [][]Ballot{of("ab", -900, 900)}, Rule{Beta: 1, Power: 1}, ln(1e-12)},
	} {
		if got := LogLikelihood(test.problems, test.rule); !near(got, test.want) {
			t.Errorf("%s: %g, want %g", test.name, got, test.want)
		}
	}
}

// The sums that Fit goes by are those of the votes: what LogLikelihood says is what Of gives the right answers.
func TestLogLikelihoodIsThatOfVotes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	problems := world(rng, 50, 8, knowing(rng, 1))
	for range 50 {
		r := Rule{Beta: 4 * rng.Float64(), Power: 3 * rng.Float64()}
		sum, n := 0.0, 0.0
		for _, p := range problems {
			of, sizes := 0.0, 0.0
			for k := 2; k <= len(p); k++ {
				c := r.Of(p[:k])
				won := 0.0
				for i, g := range c.Groups {
					if g == 0 {
						won += c.Shares[i]
					}
				}
				if won > 0 && len(c.Groups) > 1 {
					of, sizes = of+math.Log(won), sizes+1
				}
			}
			if sizes > 0 {
				sum, n = sum+of/sizes, n+1
			}
		}
		if got := LogLikelihood(problems, r); math.Abs(got-sum/n) > 1e-9 {
			t.Fatalf("%+v: %g, by votes %g", r, got, sum/n)
		}
	}
}

// twoKinds makes up problems whose answers are prose and programs in turn: each kind has a wrong answer of its own that
// it repeats, so that what both come to is oftener right than what one comes to as often. With blind kinds do not
// differ in anything.
func twoKinds(rng *rand.Rand, problems, n int, blind bool) [][]Ballot {
	out := make([][]Ballot, problems)
	for i := range out {
		easy := [2]float64{rng.Float64(), rng.Float64()}
		if blind {
			easy[1] = easy[0]
		}
		for j := range n {
			b := Ballot{Program: j%2 == 1, Right: rng.Float64() < easy[j%2]}
			if !b.Right {
				b.Group = 1 + rng.IntN(2)
				if !blind {
					b.Group += 2 * (j % 2)
				}
			}
			out[i] = append(out[i], b)
		}
	}
	return out
}

// What agreement across kinds is worth is found where it is worth something, makes votes better on other problems and
// lets them stop earlier; else nothing is.
func TestFitFindsWhatAgreementIsWorth(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	r := Fit(twoKinds(rng, 400, 8, false))
	if r.Mix.Both <= 0 || !(r.Mix.Nats > r.Mix.Margin) || r.Check() != nil {
		t.Fatalf("nothing was found: %+v", r)
	}
	fresh := twoKinds(rng, 4000, 8, false)
	without := r
	without.Mix = Mix{}
	with, plain := accuracy(fresh, r), accuracy(fresh, without)
	t.Logf("%+v: %.3f, without agreement %.3f", r, with, plain)
	if with < plain+0.02 {
		t.Errorf("votes are right in %.3f, without agreement in %.3f", with, plain)
	}
	if r.Stop.Both <= 0 {
		t.Errorf("agreement does not make the leader likelier to be right: %+v", r.Stop)
	}
	trusted := 0
	const draws = 200
	for range draws {
		if m := Fit(twoKinds(rng, 60, 4, true)).Mix; m.Programs != 0 || m.Both != 0 {
			trusted++
		}
	}
	t.Logf("kinds that don't differ were told apart in %d of %d hold-outs", trusted, draws)
	if trusted > 8 { // two of 200 are promised
		t.Errorf("kinds that don't differ were told apart in %d of %d hold-outs", trusted, draws)
	}
	if one := Fit(world(rng, 100, 4, knowing(rng, 1))); one.Mix != (Mix{}) {
		t.Errorf("of one kind: %+v", one.Mix)
	}
}

// Of all rules on the grid Fit takes the one that makes the right answers likeliest.
func TestFitTakesTheLikeliest(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	for range 5 {
		problems := world(rng, 100, 6, knowing(rng, 1.5))
		r := Fit(problems)
		best, without := math.Inf(-1), math.Inf(-1)
		for _, beta := range betas {
			for _, power := range powers {
				ll := LogLikelihood(problems, Rule{Beta: beta, Power: power}) - unusual(power)/float64(r.Problems)
				if best = max(best, ll); beta == 0 {
					without = max(without, ll)
				}
			}
		}
		if got := LogLikelihood(problems, r) - unusual(r.Power)/float64(r.Problems); !near(got, best) || math.Abs(r.Nats-(best-without)) > 1e-9 {
			t.Errorf("%+v has %g, the best is %g, without logits %g", r, got, best, without)
		}
	}
}

// Stopping saves answers, and costs what it says, on problems that it was not fitted to.
func TestStop(t *testing.T) {
	for _, by := range []float64{0, 1.5} {
		rng := rand.New(rand.NewPCG(5, uint64(10*by)))
		r := Fit(world(rng, 600, 8, knowing(rng, by)))
		if r.Trusted() != (by > 0) || r.Stop.At <= 0 {
			t.Fatalf("%+v", r)
		}
		if r.Stop.Loss > bearable || r.Stop.Tokens >= 0.9 || r.Stop.Tokens <= 0 {
			t.Errorf("%g better: %.3f of the answers, %.4f lost", by, r.Stop.Tokens, r.Stop.Loss)
		}
		fresh := world(rng, 4000, 8, knowing(rng, by))
		drawn, all, right := 0.0, 0.0, 0.0
		for _, p := range fresh {
			k := 1
			for ; k < len(p) && r.Stop.Chance(r.Of(p[:k])) < r.Stop.At; k++ {
			}
			drawn, all = drawn+float64(k), all+float64(len(p))
			if p[r.Of(p[:k]).Winner].Right {
				right++
			}
		}
		loss := accuracy(fresh, r) - right/float64(len(fresh))
		t.Logf("%g better: %.3f of the answers (said %.3f), %.4f lost (said %.4f)", by, drawn/all, r.Stop.Tokens, loss, r.Stop.Loss)
		if math.Abs(drawn/all-r.Stop.Tokens) > 0.05 || loss > bearable+0.015 {
			t.Errorf("%g better: %.3f of the answers, said %.3f; %.4f lost, said %.4f", by, drawn/all, r.Stop.Tokens, loss, r.Stop.Loss)
		}
	}
}

func TestFitIsDeterministic(t *testing.T) {
	draw := func() Rule {
		rng := rand.New(rand.NewPCG(6, 1))
		return Fit(world(rng, 100, 8, knowing(rng, 1)))
	}
	first := draw()
	for range 3 {
		if again := draw(); again != first {
			t.Fatalf("%+v, again %+v", first, again)
		}
	}
	// The names of groups mean nothing.
	rng := rand.New(rand.NewPCG(6, 1))
	renamed := world(rng, 100, 8, knowing(rng, 1))
	for i, p := range renamed {
		for j := range p {
			p[j].Group = 1000*(i+1) - 7*p[j].Group
		}
	}
	if again := Fit(renamed); again != first {
		t.Errorf("%+v, with groups of other names %+v", first, again)
	}
}

// TestFitAcross: the same questions answered by more LLMs alike are no more than the questions answered by one, and
// none of which there are two are what Fit has.
func TestFitAcross(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	problems := world(rng, 40, 4, knowing(rng, 0.3))
	times := func(n int) Rule {
		var questions [][][]Ballot
		for _, p := range problems {
			questions = append(questions, slices.Repeat([][]Ballot{p}, n))
		}
		return FitAcross(questions)
	}
	one := Fit(problems)
	if one.Trusted() || one.Nats <= 0 || one.Nats < one.Margin/8 {
		t.Fatalf("nothing that eight LLMs alike would be taken for more than chance by: %+v", one)
	}
	if all := Fit(slices.Repeat(problems, 8)); !all.Trusted() {
		t.Fatalf("as many questions would not do: %+v", all)
	}
	for _, n := range []int{1, 2, 8} {
		if got := times(n); got.Beta != one.Beta || got.Problems != one.Problems || !near(got.Nats, one.Nats) || got.Margin != one.Margin {
			t.Errorf("%d LLMs: %+v, one %+v", n, got, one)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	for _, problems := range []int{60, 400} {
		b.Run(fmt.Sprintf("%dx8", problems), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(7, 1))
			of := world(rng, problems, 8, knowing(rng, 1))
			for b.Loop() {
				Fit(of)
			}
		})
	}
}
