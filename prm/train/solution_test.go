package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/metric"
)

// planted makes up problems of n answers whose log odds to be right are the problem's ease plus what a rule says of
// their numbers. Number 5 of the symbols is the ease itself: it tells problems apart, and nothing of the answers to
// one.
func planted(rng *rand.Rand, problems, n int, rule func(s feature.Solution) float64) []Answer {
	var out []Answer
	for p := range problems {
		ease := rng.NormFloat64()
		for range n {
			a := Answer{Problem: fmt.Sprint("problem ", p), Solution: feature.Solution{LogProbs: new([feature.NumPooledLogProbs]float32)}}
			for _, k := range []int{0, 1, 2, 3, 7} {
				a.Solution.Symbols[k], a.Solution.LogProbs[k] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
			}
			a.Solution.Symbols[5] = float32(ease)
			if a.Right = rng.Float64() < 1/(1+math.Exp(-ease-rule(a.Solution))); !a.Right {
				a.Group = 1 + rng.IntN(4)
			}
			out = append(out, a)
		}
	}
	return out
}

func straight(s feature.Solution) float64 {
	return 1.2*float64(s.LogProbs[1]) - 1.2*float64(s.LogProbs[2]) + 0.6*float64(s.Symbols[3])
}

// within is a head's AUC of answers within their problems.
func within(h *prm.SolutionHead, answers []Answer) float64 {
	var logits []float64
	var right []bool
	var group []string
	for _, a := range answers {
		logits, right, group = append(logits, h.Logit(a.Solution)), append(right, a.Right), append(group, a.Problem)
	}
	return metric.GroupAUC(logits, right, group)
}

func fitSolution(t testing.TB, answers []Answer, contrasts []Contrast, opt SolutionOptions) (*prm.SolutionHead, SolutionReport) {
	t.Helper()
	head, report, err := FitSolution(context.Background(), answers, contrasts, opt)
	if err != nil {
		t.Fatal(err)
	}
	return head, report
}

// Beginnings are compared with those of as many steps alone: a number that grows with every step, and tells nothing
// else, weighs nothing.
func TestFitPrefix(t *testing.T) {
	begun := func(rng *rand.Rand, problems int) (out []Answer) {
		for _, a := range planted(rng, problems, 6, straight) {
			for steps := 1; steps <= 3; steps++ {
				b := a
				b.Steps, b.Solution.LogProbs = steps, new([feature.NumPooledLogProbs]float32)
				for k, v := range a.Solution.LogProbs {
					b.Solution.LogProbs[k] = v + float32(rng.NormFloat64())/float32(steps) // the longer, the more is known
				}
				b.Solution.Symbols[9] = float32(steps)
				out = append(out, b)
			}
		}
		return out
	}
	rng := rand.New(rand.NewPCG(3, 1))
	head, report, err := FitPrefix(context.Background(), begun(rng, 150), SolutionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if head.Units() != 0 || report.Problems <= 150 || report.Problems > 450 || !(report.LinearAUC > 0.7) {
		t.Errorf("%d units from %d comparisons, AUC %v", head.Units(), report.Problems, report.LinearAUC)
	}
	if w := head.Linear.Data[9] * head.Scale.Data[9]; w != 0 {
		t.Errorf("the number of steps weighs %v", w)
	}
	var known [4]float64
	for steps := 1; steps <= 3; steps++ {
		known[steps] = within(head, slices.DeleteFunc(begun(rng, 300), func(a Answer) bool { return a.Steps != steps }))
	}
	if !(known[1] > 0.6 && known[3] > known[1]+0.03) {
		t.Errorf("AUC of beginnings of 1, 2 and 3 steps: %.3f", known[1:])
	}
	var few TooFewError
	for _, problems := range []int{2, 9} { // of 9 there are some two dozen comparisons
		if _, _, err := FitPrefix(context.Background(), begun(rng, problems), SolutionOptions{}); !errors.As(err, &few) || few.Problems > problems {
			t.Errorf("%d problems: %v", problems, err)
		}
	}
}

func TestFitSolutionFindsARuleWithinProblems(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	answers := planted(rng, 150, 8, straight)
	done := 0
	head, report := fitSolution(t, answers, nil, SolutionOptions{Units: -1, Progress: func(n, of int) {
		if done++; n != done || of != folds+1 {
			t.Errorf("fit %d of %d, the %d. time", n, of, done)
		}
	}})
	fresh := planted(rng, 300, 8, straight)
	best := 0.0 // of the rule itself
	{
		var logits []float64
		var right []bool
		var group []string
		for _, a := range fresh {
			logits, right, group = append(logits, straight(a.Solution)), append(right, a.Right), append(group, a.Problem)
		}
		best = metric.GroupAUC(logits, right, group)
	}
	got := within(head, fresh)
	t.Logf("AUC %.3f (crosswise %.3f), of the rule itself %.3f", got, float64(report.LinearAUC), best)
	if got < best-0.03 || math.Abs(got-float64(report.LinearAUC)) > 0.05 {
		t.Errorf("AUC %.3f on fresh problems, said to be %.3f; the rule has %.3f", got, float64(report.LinearAUC), best)
	}
	if w := head.Linear.Data[5]; w != 0 {
		t.Errorf("what tells problems apart weighs %g within them", w)
	}
	if head.Units() != 0 || report.Dense || done != folds+1 || !report.Vote.Trusted() || report.Problems < 100 || report.Answers < 8*100 || len(report.Logits) != len(answers) {
		t.Errorf("%d units after %d fits, %+v", head.Units(), done, report.Vote)
	}
	if !(report.LinearLL > report.PlainLL) {
		t.Errorf("a vote by the head has %.3f, a plain one %.3f", float64(report.LinearLL), float64(report.PlainLL))
	}

	// Equal arguments, equal heads.
	again, _ := fitSolution(t, slices.Clone(answers), nil, SolutionOptions{Units: -1})
	for i, tensor := range []prm.Tensor{again.Linear, again.Centre, again.Scale} {
		if first := []prm.Tensor{head.Linear, head.Centre, head.Scale}[i]; !slices.Equal(tensor.Data, first.Data) {
			t.Errorf("%s: the same fit twice gives other numbers", tensor.Name)
		}
	}
	// Answers without a final one are there and teach nothing.
	silent := slices.Clone(answers)
	for _, a := range answers[:400] {
		a.Group, a.Right, a.Solution.Symbols[3] = -1, false, 900
		silent = append(silent, a)
	}
	deaf, of := fitSolution(t, silent, nil, SolutionOptions{Units: -1})
	if !slices.Equal(deaf.Linear.Data, head.Linear.Data) || !slices.Equal(deaf.Scale.Data, head.Scale.Data) || of.Answers != report.Answers || of.LinearAUC != report.LinearAUC {
		t.Error("answers without a final one were learned from")
	}
}

// A wrong answer that wins a plain vote weighs more than the problem's others, and no problem more than another.
func TestHardPairs(t *testing.T) {
	answers := func(problem string, groups ...int) (out []Answer) {
		for _, g := range groups {
			out = append(out, Answer{Problem: problem, Group: g, Right: g == 0})
		}
		return out
	}
	all := slices.Concat(answers("lost", 0, 1, 1, 2), answers("won", 0, 0, 0, 1, 2), answers("drawn", 0, 0, 1, 1, 2))
	for hard, want := range map[float64]map[string][]float64{
		1: {"lost": {1. / 3, 1. / 3, 1. / 3}, "won": {1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}, "drawn": {1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}},
		3: {"lost": {3. / 7, 3. / 7, 1. / 7}, "won": {1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}, "drawn": {3. / 14, 3. / 14, 1. / 14, 3. / 14, 3. / 14, 1. / 14}},
	} {
		p := &pairs{}
		p.compared(all, make([][]float32, len(all)), votersOf(all), hard)
		got := map[string][]float64{}
		for _, r := range p.rows {
			got[r.problem] = append(got[r.problem], r.weight)
		}
		for problem, weights := range want {
			if !slices.EqualFunc(got[problem], weights, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
				t.Errorf("hard %g, %s: %.3f, want %.3f", hard, problem, got[problem], weights)
			}
		}
	}
}

// Two numbers say the same of an answer, and a disguise raises the first of them: the head then rests on the other one,
// and orders answers as well as before. Disguises that change nothing leave it as it is.
func TestFitSolutionIsNotMovedByDisguises(t *testing.T) {
	answers := planted(rand.New(rand.NewPCG(4, 1)), 150, 8, func(s feature.Solution) float64 { return 1.5 * float64(s.Symbols[3]) })
	for i := range answers {
		answers[i].Solution.Symbols[7] = answers[i].Solution.Symbols[3]
	}
	dressed := func(by float32) []Answer {
		out := slices.Clone(answers)
		for i := range out {
			d := out[i].Solution.Without(feature.BlockLogProbs)
			d.Symbols[3] += by
			out[i].Disguised = []feature.Solution{d, d}
		}
		return out
	}
	plain, before := fitSolution(t, answers, nil, SolutionOptions{Units: -1})
	head, report := fitSolution(t, dressed(2), nil, SolutionOptions{Units: 4})
	moved := func(h *prm.SolutionHead) float64 {
		sum := 0.0
		for _, a := range dressed(2) {
			sum += h.Logit(a.Disguised[0]) - h.Logit(a.Solution.Without(feature.BlockLogProbs))
		}
		return sum / float64(len(answers))
	}
	if was, is := moved(plain), moved(head); was < 0.5 || math.Abs(is) > 0.2*was {
		t.Errorf("a disguise moves logits by %.2f, before it was met by %.2f", is, was)
	}
	if report.LinearAUC < before.LinearAUC-0.01 || report.Disguised != len(answers) || report.Untried {
		t.Errorf("%+v; without disguises AUC %.3f", report, float64(before.LinearAUC))
	}
	same, _ := fitSolution(t, dressed(0), nil, SolutionOptions{Units: -1})
	if !slices.Equal(same.Linear.Data, plain.Linear.Data) {
		t.Error("disguises that change nothing change the head")
	}
}

// What a number says may differ between prose and programs, and the kinds in how often they are right: the head learns
// both, and how the kinds stand to each other.
func TestFitSolutionLearnsKinds(t *testing.T) {
	kinds := func(s feature.Solution) float64 {
		if s.Program == nil {
			return 1.5 * float64(s.LogProbs[1])
		}
		return 1.2 - 1.5*float64(s.LogProbs[1]) + 1.5*float64(s.Program.Numbers()[4])
	}
	draw := func(seed uint64, problems int) []Answer {
		rng := rand.New(rand.NewPCG(seed, 9))
		answers := planted(rng, problems, 8, func(feature.Solution) float64 { return 0 })
		for i := range answers {
			a := &answers[i]
			if i%2 == 1 {
				a.Solution.Program = &feature.Program{Lines: 4, Printed: true, Number: true, Whole: rng.IntN(2) == 0}
			}
			a.Group = 0
			if a.Right = rng.Float64() < 1/(1+math.Exp(-float64(a.Solution.Symbols[5])-kinds(a.Solution))); !a.Right {
				a.Group = 1 + rng.IntN(4)
			}
		}
		return answers
	}
	head, report := fitSolution(t, draw(1, 300), nil, SolutionOptions{Seed: 1})
	if !head.ReadsPrograms() || report.Dense {
		t.Fatalf("programs %t, dense %t", head.ReadsPrograms(), report.Dense)
	}
	fresh := draw(2, 300)
	var truth []float64
	var right []bool
	var group []string
	for _, a := range fresh {
		truth, right, group = append(truth, kinds(a.Solution)), append(right, a.Right), append(group, a.Problem)
	}
	got, best := within(head, fresh), metric.GroupAUC(truth, right, group)
	t.Logf("AUC %.3f, of the truth %.3f; crosswise %.3f", got, best, float64(report.AUC()))
	if got < best-0.03 {
		t.Errorf("AUC %.3f, of the truth %.3f", got, best)
	}
	prose := slices.DeleteFunc(draw(1, 300), func(a Answer) bool { return a.Solution.Program != nil })
	if alone, _ := fitSolution(t, prose, nil, SolutionOptions{Seed: 1, Units: -1}); alone.ReadsPrograms() {
		t.Error("of prose alone it has weights for programs")
	}
}

// Weights that were found for rows give answers of both kinds in the head what they make of their rows.
func TestHeadIsOfItsRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	answers := planted(rng, 12, 8, straight)
	for i := range answers {
		s := &answers[i].Solution
		for k := range s.Symbols {
			s.Symbols[k] = float32(rng.NormFloat64())
		}
		for k := range s.LogProbs {
			s.LogProbs[k] = float32(rng.NormFloat64())
		}
		if i%7 == 0 {
			s.LogProbs = nil
		}
	}
	for _, programs := range []bool{false, true} {
		if programs {
			for i := 1; i < len(answers); i += 2 {
				answers[i].Solution.Program = &feature.Program{Lines: 1 + i%5, Printed: i%3 == 0, Number: true, Whole: i%4 == 1, Negative: i%5 == 0, Loops: i%3 == 1}
			}
		}
		design := newPairs(answers, nil, SolutionOptions{})
		width, from := design.width(), design.doubt()
		beta := make([]float64, width+1+width+1-from)
		for k := range beta {
			beta[k] = rng.NormFloat64()
		}
		const share = 0.75
		head := design.head(beta, share)
		for i, a := range answers {
			want := 0.0
			for k, v := range design.row(a.Solution) {
				want += share * beta[k] * float64(v)
				if k >= from {
					want += (1 - share) * beta[width+1+k-from] * float64(v)
				}
			}
			if got := head.Logit(a.Solution); math.Abs(got-want) > 1e-3 {
				t.Errorf("programs %t: answer %d has logit %g, its row is worth %g", programs, i, got, want)
			}
		}
	}
}

// Problems all of whose answers are right, or wrong, teach as well, and answers by themselves weigh as much as the
// pairs; those of other folds do neither.
func TestAnswersAloneTeach(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	answers := planted(rng, 30, 6, func(feature.Solution) float64 { return 0 })
	for p := range 60 {
		for range 4 {
			a := Answer{Problem: fmt.Sprint("sure ", p), Right: p%2 == 0, Solution: feature.Solution{LogProbs: new([feature.NumPooledLogProbs]float32)}}
			a.Solution.LogProbs[1] = float32(rng.NormFloat64())
			if a.Right {
				a.Solution.LogProbs[1]++
			} else {
				a.Solution.LogProbs[1]--
			}
			answers = append(answers, a)
		}
	}
	design := newPairs(answers, nil, SolutionOptions{})
	if design.problems > 30 || len(design.alone) != len(answers) {
		t.Fatalf("%d problems have both, %d answers stand alone", design.problems, len(design.alone))
	}
	weights := map[bool]float64{}
	for _, sure := range []bool{false, true} {
		d := design.differences(func(problem string) bool { return sure || !strings.HasPrefix(problem, "sure") })
		var pairs, alone float64
		for i, w := range d.weight {
			if d.side[i] == 0 {
				pairs += w
			} else {
				alone += w
			}
		}
		if math.Abs(pairs-alone) > 1e-9 || sure != (len(d.weight) == len(design.rows)+len(answers)) {
			t.Errorf("pairs weigh %g, answers alone %g, in %d rows", pairs, alone, len(d.weight))
		}
		weights[sure] = design.linear(d, 0.1, nil)[design.doubt()+1]
	}
	if weights[true] < weights[false]+0.2 {
		t.Errorf("with problems of one outcome %.2f, without %.2f", weights[true], weights[false])
	}
}

func TestFitSolutionTakesEnoughProblems(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for name, answers := range map[string][]Answer{"nothing": nil, "few": planted(rng, 2*folds-1, 8, straight), "all right": {{Right: true, Problem: "a"}, {Right: true, Problem: "a"}}} {
		head, _, err := FitSolution(t.Context(), answers, nil, SolutionOptions{})
		if head != nil || err == nil || !strings.Contains(err.Error(), "takes at least 10; draw more answers") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := FitSolution(ctx, planted(rng, 40, 4, straight), nil, SolutionOptions{}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDenseWinsWhereTheTruthIsBent(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains twelve networks")
	}
	bent := func(s feature.Solution) float64 { return 3 * (math.Abs(float64(s.LogProbs[1])) - 0.8) }
	level := func(s feature.Solution) float64 { return 1.5 * float64(s.LogProbs[1]) }
	for name, rule := range map[string]func(feature.Solution) float64{"bent": bent, "straight": level} {
		rng := rand.New(rand.NewPCG(3, 1))
		head, report := fitSolution(t, planted(rng, 120, 8, rule), nil, SolutionOptions{Units: 8, Epochs: 10, Seed: 1})
		t.Logf("%s: linear %.3f, dense %.3f", name, float64(report.LinearAUC), float64(report.DenseAUC))
		if report.Dense != (name == "bent") || (head.Units() > 0) != report.Dense {
			t.Errorf("%s: %d units; linear %.3f (%.3f nats), dense %.3f (%.3f)", name, head.Units(),
				float64(report.LinearAUC), float64(report.LinearLL), float64(report.DenseAUC), float64(report.DenseLL))
		}
		if auc := within(head, planted(rng, 100, 8, rule)); auc < 0.7 {
			t.Errorf("%s: AUC %.3f on fresh problems", name, auc)
		}
	}
}

func TestContrastsHelpWhereTheTruthIsInThem(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	answers, fresh := planted(rng, 20, 4, straight), planted(rng, 300, 8, straight)
	var contrasts []Contrast
	for i, a := range planted(rng, 300, 2, straight) {
		if i%2 == 1 {
			continue
		}
		c := Contrast{Better: a.Solution, Worse: feature.Solution{LogProbs: new([feature.NumPooledLogProbs]float32)}, Problem: a.Problem + "'"}
		for _, k := range []int{0, 1, 2, 3, 7} {
			c.Worse.Symbols[k], c.Worse.LogProbs[k] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		if straight(c.Better) < straight(c.Worse) {
			c.Better, c.Worse = c.Worse, c.Better
		}
		contrasts = append(contrasts, c)
	}
	without, _ := fitSolution(t, answers, contrasts, SolutionOptions{Units: -1})
	with, _ := fitSolution(t, answers, contrasts, SolutionOptions{Units: -1, Contrasts: 1})
	none, _ := fitSolution(t, answers, nil, SolutionOptions{Units: -1, Contrasts: 1})
	a, b := within(without, fresh), within(with, fresh)
	t.Logf("AUC %.3f without contrasts, %.3f with them", a, b)
	if b < a+0.01 {
		t.Errorf("AUC %.3f without contrasts, %.3f with them", a, b)
	}
	if !slices.Equal(none.Linear.Data, without.Linear.Data) {
		t.Error("contrasts of no weight have some")
	}
}

// TestContrastGradient holds gorgonia's gradient of the dense layer's loss against finite differences of the loss,
// computed by hand in float64.
func TestContrastGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	const units, size = 3, 6
	head := prm.NewSolutionHead(units)
	for _, tensor := range []*prm.Tensor{&head.Linear, &head.Dense, &head.DenseBias, &head.Out} {
		normal(tensor, 0.3, rng)
	}
	var rows []pair
	for range size - 1 { // one row is padding
		r := pair{make([]float32, prm.SolutionWidth), make([]float32, prm.SolutionWidth), "p", 0.2 + rng.Float64(), 0}
		for k := range r.better {
			r.better[k], r.worse[k] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		rows = append(rows, r)
	}
	g, err := newContrastGraph(head, size)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	floors := make([]float32, len(rows))
	for i, r := range rows {
		for k, w := range head.Linear.Data {
			floors[i] += w * (r.better[k] - r.worse[k])
		}
	}
	g.fill(rows, floors, []int{0, 1, 2, 3, 4}, 1.5, nil, rng)
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	params := make([][]float64, 3) // dense, bias, out
	for i, p := range g.params {
		for _, v := range p.data {
			params[i] = append(params[i], float64(v))
		}
	}
	side := func(x []float32) float64 {
		sum := 0.0
		for u := range units {
			h := params[1][u]
			for k := range prm.SolutionWidth {
				h += float64(x[k]) * params[0][u*prm.SolutionWidth+k]
			}
			sum += max(h, 0) * params[2][u]
		}
		return sum
	}
	loss := func() float64 {
		sum := 0.0
		for i, r := range rows {
			better, worse := make([]float32, prm.SolutionWidth), make([]float32, prm.SolutionWidth)
			margin := 0.0
			for k := range prm.SolutionWidth {
				keep := g.keep[i*prm.SolutionWidth+k]
				better[k], worse[k] = r.better[k]*keep, r.worse[k]*keep
				margin += float64(head.Linear.Data[k]) * float64(r.better[k]-r.worse[k])
			}
			margin += side(better) - side(worse)
			sum += r.weight * 1.5 / 5 * softplus(-margin)
		}
		return sum
	}
	if got, want := g.value(), loss(); math.Abs(got-want) > 1e-4*max(1, want) {
		t.Errorf("the loss is %g, by hand %g", got, want)
	}
	moved := 0
	for i := range params {
		for k := range params[i] {
			const eps = 1e-5
			at := params[i][k]
			params[i][k] = at + eps
			up := loss()
			params[i][k] = at - eps
			down := loss()
			params[i][k] = at
			want := (up - down) / (2 * eps)
			if want != 0 {
				moved++
			}
			if got := float64(g.gradient(i)[k]); math.Abs(got-want) > 2e-3*(math.Abs(want)+0.1) {
				t.Fatalf("parameter %d of tensor %d: gradient %g, by differences %g", k, i, got, want)
			}
		}
	}
	if moved < len(params[0])/2 {
		t.Errorf("%d numbers matter", moved)
	}
}

// Of settings that can't be told apart the one that rests least on symbols is taken; of those that can, the best.
func TestFrugal(t *testing.T) {
	shares := []float64{0.5, 0.5, 1, 1}
	for name, test := range map[string]struct {
		losses [][]float64 // of four problems
		want   int
	}{
		"a clear winner":         {[][]float64{{3, 3, 3, 3}, {2, 2, 2, 2.1}, {1, 1, 1, 1}, {1.5, 1.5, 1.5, 1.5}}, 2},
		"nothing to tell":        {[][]float64{{3, 3, 3, 3}, {2, 1, 2, 1}, {1, 2, 1, 1.9}, {1.5, 1.5, 1.5, 1.5}}, 1},
		"the frugal one is best": {[][]float64{{1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}, {3, 3, 3, 3}}, 0},
		"all alike":              {[][]float64{{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, 0},
	} {
		if got := frugal(test.losses, func(k int) float64 { return shares[k] }); got != test.want {
			t.Errorf("%s: setting %d, want %d", name, got, test.want)
		}
	}
}

// A prior of a world that is nearly the same helps where there is little to learn from; one that says the contrary of
// it costs little, and less the more there is.
func TestPrior(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 4))
	prior, _ := fitSolution(t, planted(rng, 300, 6, func(s feature.Solution) float64 { return 1.1 * straight(s) }), nil, SolutionOptions{Units: -1})
	contrary, _ := fitSolution(t, planted(rng, 300, 6, func(s feature.Solution) float64 { return -straight(s) }), nil, SolutionOptions{Units: -1})
	test := planted(rng, 400, 6, straight)
	for _, c := range []struct {
		problems int
		gain     float64 // by the prior, at least
		loss     float64 // by the contrary one, at most
	}{{16, 0.01, 0.02}, {400, -0.002, 0.01}} {
		answers := planted(rng, c.problems, 4, straight)
		auc := func(p *prm.SolutionHead) float64 {
			head, _ := fitSolution(t, answers, nil, SolutionOptions{Units: -1, Prior: p})
			return within(head, test)
		}
		bare, with, against := auc(nil), auc(prior), auc(contrary)
		t.Logf("%d problems: AUC %.3f, with a prior %.3f, with a contrary one %.3f", c.problems, bare, with, against)
		if with < bare+c.gain || against < bare-c.loss {
			t.Errorf("%d problems: AUC %.3f, with a prior %.3f, with a contrary one %.3f", c.problems, bare, with, against)
		}
	}
}

// Held fast, the weights are the prior's, in whatever scales and with programs too.
func TestPriorHeldFast(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	prior := prm.NewSolutionHead(0)
	prior.ReadPrograms()
	for k := range prior.Linear.Data { // scales of numbers more common than here, for which nothing is capped
		prior.Linear.Data[k], prior.Scale.Data[k], prior.ProgramScale.Data[k] = float32(rng.NormFloat64()), 0.1+0.3*rng.Float32(), 0.1+0.3*rng.Float32()
	}
	for k := range prior.Program.Data {
		prior.Program.Data[k] = float32(rng.NormFloat64())
	}
	answers := planted(rng, 30, 4, straight)
	for i := range answers {
		if i%2 == 0 {
			answers[i].Solution.Program = &feature.Program{}
		}
	}
	design := newPairs(answers, nil, SolutionOptions{Prior: prior})
	head := design.head(design.linear(design.differences(func(string) bool { return true }), 1e6, nil), 1)
	weight := func(w, scale *prm.Tensor, k int) float64 { return float64(w.Data[k] * scale.Data[k]) }
	for k := range prm.SolutionWidth {
		if head.Scale.Data[k] > 0 && math.Abs(weight(&head.Linear, &head.Scale, k)-weight(&prior.Linear, &prior.Scale, k)) > 1e-3 {
			t.Errorf("number %d weighs %g in prose, %g in the prior", k, weight(&head.Linear, &head.Scale, k), weight(&prior.Linear, &prior.Scale, k))
		}
		if head.ProgramScale.Data[k] > 0 && math.Abs(weight(&head.Program, &head.ProgramScale, k)-weight(&prior.Program, &prior.ProgramScale, k)) > 1e-3 {
			t.Errorf("number %d weighs %g in programs, %g in the prior", k, weight(&head.Program, &head.ProgramScale, k), weight(&prior.Program, &prior.ProgramScale, k))
		}
	}
	prior.Scale.Data[0] *= 1000 // rare there: it counts as much here as it did there at most
	if w := newPairs(answers, nil, SolutionOptions{Prior: prior}).weights(prior)[0]; math.Abs(w) > math.Abs(float64(prior.Linear.Data[0]))+1e-6 {
		t.Errorf("a number that was rare weighs %g, %g in the prior", w, prior.Linear.Data[0])
	}
	for k := range feature.NumProgram {
		if at := prm.SolutionWidth + k; math.Abs(float64(head.Program.Data[at]-prior.Program.Data[at])) > 1e-3 {
			t.Errorf("number %d of a run weighs %g, %g in the prior", k, head.Program.Data[at], prior.Program.Data[at])
		}
	}
}
