package decode

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aprm/prm"
)

// stepwiseNames are the searches that are built out of steps.
func stepwiseNames() []string {
	var out []string
	for _, d := range Strategies() {
		if Stepwise(d.Name) {
			out = append(out, d.Name)
		}
	}
	return out
}

// several are those of them that keep several paths.
func several() []string {
	return slices.DeleteFunc(stepwiseNames(), func(name string) bool { return name == Guided })
}

// misleading is a tree whose best looking first step leads nowhere, and in which most whole solutions are wrong too.
func misleading() (*tree, *table) {
	t := &tree{
		next: map[string][]string{
			"":             {"A", "A", "A", "A", "B", "B", "B", "B"},
			"A":            {"A goes on", "A errs"},
			"A|A errs":     {"#### 1"},
			"B":            {"B is right"},
			"B|B is right": {"#### 2"},
		},
		whole: []string{"A\nA errs\n#### 1", "A\nA goes on\n#### 1", "B\nB is right\n#### 2"},
	}
	t.next["A|A goes on"] = t.next["A|A errs"]
	return t, &table{scores: map[string]float64{"A": 0.9, "A goes on": 0.1, "A errs": 0.15, "#### 1": 0.1, "B": 0.7, "B is right": 0.9, "#### 2": 0.9}}
}

func TestSearchesFindWhatGuidedAndMajorityMiss(t *testing.T) {
	for _, strategy := range append(several(), Guided, Majority) {
		sampler, scorer := misleading()
		want := "2"
		if strategy == Guided || strategy == Majority {
			want = "1"
		}
		r := solve(t, sampler, scorer, Options{Strategy: strategy, N: 8})
		if r.Answer != want || r.Finish != FinishEnd || r.Stopped != "" {
			t.Errorf("%s: %q, finish %q, stopped %q; want %s", strategy, r.Answer, r.Finish, r.Stopped, want)
		}
		for _, req := range sampler.requests {
			if n := len(req.Prefix); n > 0 && strings.HasPrefix(req.Prefix[n-1], "####") {
				t.Errorf("%s went on with a finished answer: %q", strategy, req.Prefix)
			}
		}
	}
}

// foreseen has a prefix head and a solution head that say what the last step is said to be, beside a step head that
// says the contrary.
type foreseen struct{ of *table }

func (f foreseen) Score(ctx context.Context, w Working) (prm.Judgement, error) {
	j, err := f.of.Score(ctx, w)
	if err != nil {
		return j, err
	}
	j.Prefix, j.Begun = j.Steps[len(j.Steps)-1].Step, true
	j.Solution, j.Whole = j.Prefix, true
	for i := range j.Steps {
		j.Steps[i].Step = 1 - j.Steps[i].Step
	}
	return j, nil
}

func TestSearchesGoByThePrefixHead(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		sampler := &tree{next: map[string][]string{"": {"A", "A", "B", "B"}, "A": {"#### 1"}, "B": {"#### 2"}}}
		scores := &table{scores: map[string]float64{"A": 0.99, "B": 0.01, "#### 1": 0.99, "#### 2": 0.01}}
		r := solve(t, sampler, foreseen{scores}, Options{Strategy: strategy, N: 4})
		if r.Answer != "1" {
			t.Errorf("%s: %q by the prefix head, want 1", strategy, r.Answer)
		}
		sampler.requests = nil
		if r = solve(t, sampler, scores, Options{Strategy: strategy, N: 4}); r.Answer != "1" {
			t.Errorf("%s: %q by the scores of steps, want 1", strategy, r.Answer)
		}
	}
}

// A path is asked for its next steps in one request, however many of them: an endpoint reads its prefix once.
func TestOnePrefixIsOneRequest(t *testing.T) {
	for _, strategy := range several() {
		if strategy == DVTS { // whose trees are kept apart
			continue
		}
		sampler, scorer := misleading()
		solve(t, sampler, scorer, Options{Strategy: strategy, N: 8})
		seen := map[string]bool{}
		for _, req := range sampler.requests {
			key := strings.Join(req.Prefix, "|")
			if seen[key] {
				t.Errorf("%s asked twice behind %q", strategy, key)
			}
			seen[key] = true
		}
	}
}

func TestBeamKeepsTheBestAnswersNotTheFirst(t *testing.T) {
	sampler := &tree{next: map[string][]string{
		"":  {"#### 1", "#### 1.0", "A", "B"},
		"A": {"#### 2", "#### 3"}, "B": {"#### 4", "#### 2.0"},
	}}
	scorer := &table{scores: map[string]float64{"#### 1": 0.3, "#### 1.0": 0.35, "A": 0.9, "B": 0.8, "#### 2": 0.5, "#### 2.0": 0.45, "#### 3": 0.6, "#### 4": 0.4}}
	r := solve(t, sampler, scorer, Options{Strategy: Beam, N: 4, Expansion: 2})
	if r.Text != "A\n#### 2" {
		t.Errorf("%q; want the answer of 0.5 + 0.45, by its better text", r.Text)
	}
	for _, c := range r.Candidates[:2] {
		if c.Dropped != "not among the best 4 answers" {
			t.Errorf("the first answers: %+v", c)
		}
	}
}

// What has no answer takes no place from what has one: 2 has two votes of 0.35, 1 one of 0.4.
func TestBeamKeepsAnswersBeforeWhatHasNone(t *testing.T) {
	sampler := &tree{next: map[string][]string{"": {"I can't tell■", "A", "A"}, "A": {"#### 1", "#### 2", "The answer is 2."}}}
	scorer := &table{scores: map[string]float64{"I can't tell": 0.9, "A": 0.5, "#### 1": 0.4, "#### 2": 0.35, "The answer is 2.": 0.35}}
	if r := solve(t, sampler, scorer, Options{Strategy: Beam, N: 3, Expansion: 3}); r.Answer != "2" {
		t.Errorf("%q; %+v", r.Text, r.Candidates)
	}
}

// One of two equal steps is where the LLM ended: that doesn't end the other, whichever came first.
func TestAnEndIsNotASteps(t *testing.T) {
	for _, strategy := range several() {
		for _, first := range [][]string{{"A■", "A", "A", "A"}, {"A", "A", "A■", "A"}} {
			r := solve(t, &tree{next: map[string][]string{"": first, "A": {"#### 2"}}}, &table{}, Options{Strategy: strategy, N: 4})
			if r.Answer != "2" {
				t.Errorf("%s with %q: %q", strategy, first, r.Text)
			}
		}
	}
}

func TestBeamEndsWhenFinishedOnesHoldAllPlaces(t *testing.T) {
	sampler := &tree{next: map[string][]string{"": {"#### 1", "#### 2", "poor", "poorer"}}}
	scorer := &table{scores: map[string]float64{"#### 1": 0.8, "#### 2": 0.7, "poor": 0.3, "poorer": 0.2}}
	r := solve(t, sampler, scorer, Options{Strategy: Beam, N: 4, Expansion: 2})
	if r.Answer != "1" || len(sampler.requests) != 1 {
		t.Errorf("%q after %d requests", r.Answer, len(sampler.requests))
	}
}

// endless is a tree of the given depth without an answer.
func endless(depth int) map[string][]string {
	next, prefix := map[string][]string{}, ""
	for i := range depth {
		text := fmt.Sprintf("a step of five words %d", i)
		next[prefix] = []string{text}
		prefix = strings.TrimPrefix(prefix+"|"+text, "|")
	}
	return next
}

func TestNoStepTooMany(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		sampler := &tree{next: endless(6)}
		r := solve(t, sampler, &table{}, Options{Strategy: strategy, N: 4, MaxSteps: 3})
		if len(r.Steps) != 3 || r.Stopped != StoppedSteps || r.Finish != FinishLength || r.Answered || len(sampler.requests) > 3*4 {
			t.Errorf("%s: %d steps, stopped %q, finish %q, answered %v", strategy, len(r.Steps), r.Stopped, r.Finish, r.Answered)
		}
		for _, req := range sampler.requests {
			if len(req.Prefix) >= 3 {
				t.Errorf("%s drew a step behind %d", strategy, len(req.Prefix))
			}
		}
	}
}

func TestTheEndIsDrawnWholeNearTheBudgetsEnd(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		sampler := &capped{tree: tree{next: endless(40), whole: []string{"so\n#### 7"}}}
		w := &watcher{t: t}
		r := solve(t, sampler, &table{}, Options{Strategy: strategy, N: 4, Expansion: 2, TokenBudget: 300, Watch: w.watch})
		if r.Answer != "7" || r.Stopped != StoppedBudget || len(r.Steps) < 4 || r.CompletionTokens > 300 {
			t.Errorf("%s: %q, stopped %q, %d steps, %d tokens", strategy, r.Answer, r.Stopped, len(r.Steps), r.CompletionTokens)
		}
		w.agrees(strategy, r)
	}
}

// TestCutOffFirstStep: where the client's max_tokens ends before any first step does, the beginning is the answer, as
// it is in a vote.
func TestCutOffFirstStep(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		w := &watcher{t: t}
		r := solve(t, &tree{next: map[string][]string{"": {"The boxes…", "dead", "In all boxes…"}}, fail: map[string]bool{"dead": true}}, &table{},
			Options{Strategy: strategy, N: 4, MaxTokens: 3, Watch: w.watch})
		if r.Text != "In all boxes" || r.Finish != FinishLength || r.Answered || r.Stopped != "" {
			t.Errorf("%s: %q, finish %q, stopped %q", strategy, r.Text, r.Finish, r.Stopped)
		}
		w.agrees(strategy, r)
	}
}

func TestDeadSteps(t *testing.T) {
	for _, strategy := range several() {
		// The whole of A's branch fails, as the request (nothing is scripted) and as single candidates; B's goes on.
		sampler := &tree{next: map[string][]string{
			"": {"A", "B", "dead", "B"}, "B": {"dead", "", "B is right", "cut off…"}, "B|B is right": {"dead", "#### 2"},
		}, fail: map[string]bool{"dead": true}}
		w := &watcher{t: t}
		r := solve(t, sampler, &table{scores: map[string]float64{"B": 0.6}}, Options{Strategy: strategy, N: 8, Watch: w.watch})
		if r.Answer != "2" {
			t.Errorf("%s: %q", strategy, r.Text)
		}
		w.agrees(strategy, r)

		_, err := Solve(t.Context(), &tree{next: map[string][]string{"": {"dead"}}, fail: map[string]bool{"dead": true}}, &table{}, Options{Strategy: strategy, N: 8})
		if !errors.Is(err, ErrNoCandidate) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("%s with all dead: %v, want ErrNoCandidate and why", strategy, err)
		}
		r = solve(t, &tree{next: map[string][]string{"": {"A", "B"}, "A": {"dead"}, "B": {"dead"}}, fail: map[string]bool{"dead": true}},
			&table{scores: map[string]float64{"B": 0.8}}, Options{Strategy: strategy, N: 8})
		if r.Text != "B" || r.Finish != FinishLength {
			t.Errorf("%s with all dead at the second step: %q, want the best in hand", strategy, r.Text)
		}
		if _, err := Solve(t.Context(), sampler, &table{fail: errors.New("out of order")}, Options{Strategy: strategy, N: 8}); err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("%s without any score: %v", strategy, err)
		}
	}
}

func TestNothingToAddEndsAnAnswer(t *testing.T) {
	for _, strategy := range several() {
		sampler := &tree{next: map[string][]string{"": {"The answer is 12."}, "The answer is 12.": {""}}}
		r := solve(t, sampler, &table{}, Options{Strategy: strategy, N: 4})
		if r.Text != "The answer is 12." || r.Answer != "12" || r.Finish != FinishEnd || len(sampler.requests) > 2 {
			t.Errorf("%s: %q, finish %q, %d requests", strategy, r.Text, r.Finish, len(sampler.requests))
		}
		r = solve(t, &tree{next: map[string][]string{"": {""}}}, &table{}, Options{Strategy: strategy, N: 4})
		if r.Text != "" || r.Answered || r.Finish != FinishEnd {
			t.Errorf("%s of nothing: %+v", strategy, r)
		}
	}
}

// flaky fails the first request for each prefix.
type flaky struct {
	world

	mu    sync.Mutex
	seen  map[string]int
	asked int
}

func (f *flaky) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	f.mu.Lock()
	f.asked++
	key := strings.Join(req.Prefix, "|")
	f.seen[key]++
	first := f.seen[key] == 1
	f.mu.Unlock()
	if first {
		return nil, errors.New("the upstream answered 500")
	}
	return f.world.Sample(ctx, req)
}

func TestAFailedRequestIsMadeAgain(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		f := &flaky{world: world{4}, seen: map[string]int{}}
		r := solve(t, f, noise{1}, Options{Strategy: strategy, N: 8, Expansion: 2})
		if !r.Answered || len(r.Steps) != 4 {
			t.Errorf("%s: %q after %d requests", strategy, r.Text, f.asked)
		}
	}
}

// held answers the first step and holds all other requests until their context ends.
type held struct {
	tree
	holding chan struct{}
}

func (h *held) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if len(req.Prefix) == 0 {
		time.Sleep(time.Millisecond) // candidates end after they began
		return h.tree.Sample(ctx, req)
	}
	h.holding <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDeadlineAndCancellationInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, strategy := range stepwiseNames() {
			start := func() *held {
				return &held{tree{next: map[string][]string{"": {"B", "A"}}}, make(chan struct{}, 64)}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			w := &watcher{t: t}
			r, err := Solve(ctx, start(), &table{scores: map[string]float64{"A": 0.9}}, Options{Strategy: strategy, N: 8, Watch: w.watch})
			cancel()
			if err != nil || r.Text != "A" || r.Stopped != StoppedDeadline {
				t.Errorf("%s at the deadline: %q, stopped %q, %v", strategy, r.Text, r.Stopped, err)
			}
			w.agrees(strategy, r)

			ctx, cancel = context.WithCancel(t.Context())
			sampler := start()
			done := make(chan error)
			go func() {
				_, err := Solve(ctx, sampler, &table{}, Options{Strategy: strategy, N: 8})
				done <- err
			}()
			<-sampler.holding
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want the cancellation", strategy, err)
			}
		}
	})
}

// world draws steps that depend on nothing but the prefix and the seed, in answers of some steps, and takes its time.
type world struct{ steps int }

func (w world) Sample(_ context.Context, req SampleRequest) ([]Sample, error) {
	time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	var out []Sample
	for i := range req.N {
		h := hash(fmt.Sprint(req.Prefix, *req.Seed+int64(i)))
		s := Sample{Text: fmt.Sprintf("step %x", h), Finish: FinishStep, CompletionTokens: 10}
		if len(req.Prefix) == w.steps-1 || !req.OneStep {
			s.Text, s.Finish = fmt.Sprintf("#### %d", h%5), FinishEnd
		}
		out = append(out, s)
	}
	return out, nil
}

func hash(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64() % 1_000_003
}

// noise scores steps by their text alone: logits of the given spread, around 0.
type noise struct{ spread float64 }

func (n noise) Score(_ context.Context, w Working) (prm.Judgement, error) {
	time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	out := make([]prm.Score, len(w.Steps))
	for i, s := range w.Steps {
		r := rand.New(rand.NewPCG(hash(s), 1))
		p := 1 / (1 + math.Exp(-n.spread*r.NormFloat64()))
		out[i] = prm.Score{Step: p, Value: p}
	}
	return prm.Judgement{Steps: out}, nil
}

// The same search twice is the same search, whichever request was answered first, and whatever was asked in between.
func TestSearchesAreDeterministic(t *testing.T) {
	for _, d := range Strategies() {
		run := func(seed int64, entropic bool) Result {
			r := solve(t, world{5}, noise{1.5}, Options{Strategy: d.Name, N: 8, Expansion: 2, Seed: seed, TokenBudget: 350, Entropic: entropic})
			r.Elapsed = 0
			for i := range r.Candidates {
				r.Candidates[i].Began, r.Candidates[i].Ended = 0, 0
			}
			return r
		}
		a := run(3, false)
		other := run(4, true)
		b := run(3, false)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s:\n%+v\n%+v", d.Name, a, b)
		}
		if Stepwise(d.Name) && a.Text == other.Text {
			t.Errorf("%s: another seed gave the same", d.Name)
		}
	}
}

// together holds requests behind the first step until two of them have met.
type together struct {
	world
	waiting chan struct{}
	met     chan struct{}
	meet    func() // closes met
}

func (s together) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if len(req.Prefix) == 1 {
		select { // two meet
		case s.waiting <- struct{}{}:
		case <-s.waiting:
			s.meet()
		case <-s.met:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.world.Sample(ctx, req)
}

func TestPrefixesAreDrawnAtOnce(t *testing.T) {
	for _, strategy := range several() {
		met := make(chan struct{})
		s := together{world{3}, make(chan struct{}), met, sync.OnceFunc(func() { close(met) })}
		solve(t, s, noise{0.1}, Options{Strategy: strategy, N: 4, Expansion: 2})
		select {
		case <-s.met:
		default:
			t.Errorf("%s asked for one prefix after another", strategy)
		}
	}
}

func TestAPanicIsTheCallers(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "out of range") {
			t.Errorf("recovered %v", r)
		}
	}()
	concurrently(3, func(i int) { _ = []int{1, 2}[i] })
}

func TestEffectiveSampleSize(t *testing.T) {
	for _, test := range []struct {
		weights []float64
		want    float64
	}{{[]float64{1}, 1}, {[]float64{0.25, 0.25, 0.25, 0.25}, 4}, {[]float64{1, 0, 0}, 1}, {[]float64{0.5, 0.5, 0}, 2}, {[]float64{0.8, 0.1, 0.1}, 1 / 0.66}} {
		if got := ess(test.weights); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%v: %g, want %g", test.weights, got, test.want)
		}
	}
}

func TestSystematicResampling(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + r.IntN(20)
		logits := make([]float64, 1+r.IntN(20))
		for i := range logits {
			logits[i] = 4 * r.NormFloat64()
		}
		weights := softmax(logits, 1)
		for _, u := range []float64{0, r.Float64(), math.Nextafter(1, 0)} {
			sum := 0
			for i, c := range systematic(weights, n, u) {
				sum += c
				if expected := float64(n) * weights[i]; math.Abs(float64(c)-expected) > 1+1e-9 {
					t.Fatalf("%d of an expected %g", c, expected)
				}
			}
			if sum != n {
				t.Fatalf("%d drawn of %d", sum, n)
			}
		}
		sum := 0
		for i, c := range deal(weights, n) {
			sum += c
			if expected := float64(n) * weights[i]; math.Abs(float64(c)-expected) > 1 {
				t.Fatalf("%d dealt of a share of %g", c, expected)
			}
		}
		if sum != n {
			t.Fatalf("%d dealt of %d", sum, n)
		}
	}
}

func TestTemperatureReachesTheSize(t *testing.T) {
	logits := []float64{3, 1, 0, -1, -4, -4, 2, 0.5}
	for _, size := range []float64{2, 4, 6, 7.5} {
		if got := ess(softmax(logits, temper(logits, size))); math.Abs(got-max(size, ess(softmax(logits, 1)))) > 0.01 {
			t.Errorf("size %g: got %g", size, got)
		}
	}
	if temper(logits, 1) != 1 {
		t.Error("a size that is reached needs no temperature")
	}
}

func TestParticlesAreDrawnAnewOnlyWhenFewCount(t *testing.T) {
	particles := func(scores ...float64) []*path {
		var out []*path
		for _, s := range scores {
			out = append(out, &path{score: s})
		}
		return out
	}
	for name, test := range map[string]struct {
		n         int
		particles []*path
		want      []int // nil: every one of them is there, and one twice
	}{
		"alike":       {4, particles(0.5, 0.5, 0.5, 0.5), []int{1, 1, 1, 1}},
		"near enough": {4, particles(0.5, 0.6, 0.4, 0.5), []int{1, 1, 1, 1}},
		"one counts":  {4, particles(0.999, 0.01, 0.01, 0.01), []int{4, 0, 0, 0}},
		"one died":    {4, particles(0.5, 0.5, 0.6), nil},
	} {
		f := &particle{options: Options{N: test.n, ESSThreshold: 0.5, Seed: 1}}
		got := f.resample(test.particles, 0)
		sum := 0
		for _, c := range got {
			sum += c
		}
		if sum != test.n || test.want != nil && !slices.Equal(got, test.want) || test.want == nil && slices.Min(got) < 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// alive is how many different first steps the particles of each early step descend from, on average.
func alive(r Result, steps int) float64 {
	roots := make([]map[int]bool, steps)
	for _, c := range r.Candidates {
		if c.At == 0 || c.At > steps {
			continue
		}
		if roots[c.At-1] == nil {
			roots[c.At-1] = map[int]bool{}
		}
		root := c
		for root.Parent > 0 {
			root = r.Candidates[root.Parent-1]
		}
		roots[c.At-1][root.ID] = true
	}
	sum := 0
	for _, at := range roots {
		sum += len(at)
	}
	return float64(sum) / float64(steps)
}

// Under a PRM that is sure of what it can't know, the entropic option keeps about twice as many beginnings alive in the
// first half.
func TestEntropicKeepsMoreAlive(t *testing.T) {
	var plain, entropic float64
	for seed := range int64(20) {
		opts := Options{Strategy: Particle, N: 16, MaxSteps: 10, Aggregate: prm.Last, Seed: seed * 1000}
		plain += alive(solve(t, world{10}, noise{2}, opts), 5) / 20
		opts.Entropic = true
		entropic += alive(solve(t, world{10}, noise{2}, opts), 5) / 20
	}
	t.Logf("%.2f plain, %.2f entropic", plain, entropic)
	if entropic < 1.6*plain || entropic > 3*plain {
		t.Errorf("%.2f beginnings alive, %.2f with the entropic option", plain, entropic)
	}
}

func TestWidthIsRightForEveryN(t *testing.T) {
	for _, strategy := range several() {
		for n := 1; n <= 9; n++ {
			r := solve(t, world{3}, noise{1}, Options{Strategy: strategy, N: n})
			perStep := map[int]int{}
			for _, c := range r.Candidates {
				perStep[c.At]++
			}
			for at, drawn := range perStep {
				if drawn > n {
					t.Errorf("%s-%d drew %d at step %d", strategy, n, drawn, at)
				}
			}
			if !r.Answered {
				t.Errorf("%s-%d: no answer", strategy, n)
			}
		}
	}
}
