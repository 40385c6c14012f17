package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aprm/prm"
	"aprm/prm/casetest"
	"aprm/prm/step"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// tree is a scripted LLM: what may follow each prefix. The score of a step is written at its end, in braces.
type tree struct {
	next  map[string][]string // prefix joined by "|" → continuations, dealt in turn
	whole []string            // whole solutions, dealt in turn
	fail  map[string]bool     // continuations that fail

	mu       sync.Mutex
	requests []SampleRequest
	dealt    map[string]int
}

func (t *tree) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, req)
	if t.dealt == nil {
		t.dealt = map[string]int{}
	}
	key := strings.Join(req.Prefix, "|")
	options := t.next[key]
	if !req.OneStep {
		options = t.whole
		key = "whole behind " + key
	}
	if len(options) == 0 {
		return nil, errors.New("no continuation is scripted for " + key)
	}
	var out []Sample
	for range req.N {
		text := options[t.dealt[key]%len(options)]
		t.dealt[key]++
		s := Sample{Text: text, Finish: FinishEnd, PromptTokens: 5, CompletionTokens: len(strings.Fields(text))}
		if req.OneStep {
			s.Finish = FinishStep
		}
		if t.fail[text] {
			s.Err = errors.New("cut off")
		}
		if rest, cut := strings.CutSuffix(text, "…"); cut {
			s.Text, s.Finish = rest, FinishLength
		}
		if rest, ended := strings.CutSuffix(text, "■"); ended {
			s.Text, s.Finish = rest, FinishEnd
		}
		out = append(out, s)
	}
	return out, nil
}

// table scores steps by their text; 0.5 for those it doesn't know.
type table struct {
	scores map[string]float64
	fail   error

	mu    sync.Mutex
	calls int
}

func (t *table) Score(_ context.Context, w Working) (prm.Judgement, error) {
	t.mu.Lock()
	t.calls++
	t.mu.Unlock()
	if t.fail != nil {
		return prm.Judgement{}, t.fail
	}
	out := make([]prm.Score, len(w.Steps))
	for i, s := range w.Steps {
		p, ok := t.scores[s]
		if !ok {
			p = 0.5
		}
		out[i] = prm.Score{Step: p, Value: p / 2}
	}
	return prm.Judgement{Steps: out}, nil
}

func solve(t *testing.T, sampler Sampler, scorer Scorer, opts Options) Result {
	t.Helper()
	r, err := Solve(t.Context(), sampler, scorer, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVotes(t *testing.T) {
	pool := []string{"3 + 4 = 7\n#### 7", "3 + 5 = 8\n#### 8", "3 + 5 = 8.0\n#### 8.0", "I can't tell", "3 * 4 = 12\n#### 12"}
	scores := map[string]float64{"3 + 4 = 7": 0.9, "#### 7": 0.9, "3 + 5 = 8": 0.2, "3 + 5 = 8.0": 0.3, "3 * 4 = 12": 0.95, "#### 12": 0.1, "I can't tell": 1}
	for _, test := range []struct {
		strategy  string
		aggregate prm.Aggregation
		answer    string
	}{
		{Majority, "", "8"},              // 8 and 8.0 are one answer
		{WeightedVote, prm.Min, "7"},     // with Unmeasured, √odds each: √9 against √¼ + √(3/7)
		{BestOfN, prm.Min, "7"},          // no answer, no choice, whatever its score
		{BestOfN, prm.Product, "7"},      // 0.81 against 0.095
		{WeightedVote, prm.Last, "8"},    // the last steps' values: √(9/11) against 2·√⅓
		{WeightedVote, prm.Product, "7"}, // √(81/19) against √(1/9) + √(3/17)
	} {
		r := solve(t, &tree{whole: pool}, &table{scores: scores}, Options{Strategy: test.strategy, Aggregate: test.aggregate, N: len(pool)})
		if got := strings.TrimSuffix(r.Answer, ".0"); got != test.answer {
			t.Errorf("%s, %s: %q, want %q", test.strategy, test.aggregate, r.Answer, test.answer)
		}
		chosen := 0
		for _, c := range r.Candidates {
			if c.Chosen {
				chosen++
				if c.Text != r.Text {
					t.Errorf("%s: the chosen candidate is %q, the text %q", test.strategy, c.Text, r.Text)
				}
			}
		}
		if chosen != 1 || len(r.Candidates) != len(pool) {
			t.Errorf("%s: %d chosen of %d candidates", test.strategy, chosen, len(r.Candidates))
		}
		if want := 0; r.CompletionTokens <= want || r.PromptTokens != 5*len(pool) {
			t.Errorf("%s: %d tokens generated, %d read", test.strategy, r.CompletionTokens, r.PromptTokens)
		}
	}
}

func TestMajorityNeedsNoPRMAndNeverAsksIt(t *testing.T) {
	scorer := &table{}
	r := solve(t, &tree{whole: []string{"#### 1", "#### 2"}}, scorer, Options{Strategy: Majority, N: 2})
	if r.Answer != "1" || scorer.calls != 0 {
		t.Errorf("a tie gave %q after %d scoring calls, want the first answer and none", r.Answer, scorer.calls)
	}
}

func TestNobodyHasAnAnswer(t *testing.T) {
	r := solve(t, &tree{whole: []string{"Hello there.", "Hi!"}}, nil, Options{Strategy: Majority, N: 2})
	if r.Text != "Hello there." || r.Answered {
		t.Errorf("got %q, answered %v; want the first candidate, unanswered", r.Text, r.Answered)
	}
}

func TestCutOffCandidateHasNoVote(t *testing.T) {
	r := solve(t, &tree{whole: []string{"First, 3 + 4 = 7…", "First, 3 + 4 = 7…", "3 + 5 = 8\n#### 8"}}, nil, Options{Strategy: Majority, N: 3})
	if r.Answer != "8" {
		t.Errorf("got %q, want 8", r.Answer)
	}
}

func TestDeadCandidates(t *testing.T) {
	pool := []string{"#### 1", "#### 2", "#### 2"}
	for _, strategy := range []string{Majority, BestOfN, WeightedVote} {
		r := solve(t, &tree{whole: pool, fail: map[string]bool{"#### 2": true}}, &table{}, Options{Strategy: strategy, N: 3})
		if r.Answer != "1" {
			t.Errorf("%s: %q, want the survivor's 1", strategy, r.Answer)
		}
		if len(r.Candidates) != 3 || r.Candidates[2].Dropped == "" {
			t.Errorf("%s: the dead aren't reported: %+v", strategy, r.Candidates)
		}
		_, err := Solve(t.Context(), &tree{whole: pool, fail: map[string]bool{"#### 1": true, "#### 2": true}}, &table{}, Options{Strategy: strategy, N: 3})
		if !errors.Is(err, ErrNoCandidate) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("%s with all dead: %v, want ErrNoCandidate and why", strategy, err)
		}
	}
}

// The best answer of this tree is only found by following the better step each time; the greedy path ends wrong.
func TestGuidedFindsTheBestPath(t *testing.T) {
	sampler := &tree{next: map[string][]string{
		"":                     {"2 * 3 = 6", "2 + 3 = 5"},
		"2 + 3 = 5":            {"5 * 4 = 20", "5 - 4 = 1"},
		"2 * 3 = 6":            {"6 - 4 = 2"},
		"2 + 3 = 5|5 * 4 = 20": {"#### 20"},
	}}
	scorer := &table{scores: map[string]float64{"2 + 3 = 5": 0.9, "2 * 3 = 6": 0.4, "5 * 4 = 20": 0.8, "5 - 4 = 1": 0.1, "#### 20": 0.9}}
	r := solve(t, sampler, scorer, Options{Strategy: Guided, N: 4})
	if r.Text != "2 + 3 = 5\n5 * 4 = 20\n#### 20" || r.Answer != "20" || r.Finish != FinishEnd {
		t.Errorf("got %q, answer %q, finish %q", r.Text, r.Answer, r.Finish)
	}
	if scorer.calls != 5 {
		t.Errorf("%d scoring calls; twins among the candidates should be scored once: want 5", scorer.calls)
	}
	if len(r.Steps) != 3 || r.Steps[0].Score.Step != 0.9 || !r.Steps[0].Scored {
		t.Errorf("steps: %+v", r.Steps)
	}
	for i, req := range sampler.requests {
		if !req.OneStep || req.N != 4 || !req.LogProbs {
			t.Errorf("request %d: %+v", i, req)
		}
	}
}

func TestGuidedNeverContinuesAFinishedAnswer(t *testing.T) {
	sampler := &tree{next: map[string][]string{"": {"So it is 12.■"}}}
	r := solve(t, sampler, &table{}, Options{Strategy: Guided, N: 2})
	if r.Text != "So it is 12." || len(sampler.requests) != 1 {
		t.Errorf("got %q after %d requests, want the end after one", r.Text, len(sampler.requests))
	}
}

func TestGuidedSamplesAgainBelowTheThreshold(t *testing.T) {
	sampler := &tree{next: map[string][]string{"": {"bad one", "bad two", "good■", "bad three■"}}}
	scorer := &table{scores: map[string]float64{"bad one": 0.1, "bad two": 0.2, "good": 0.9, "bad three": 0.1}}
	r := solve(t, sampler, scorer, Options{Strategy: Guided, N: 2, Threshold: 0.5})
	if r.Text != "good" || len(sampler.requests) != 2 {
		t.Errorf("got %q after %d requests", r.Text, len(sampler.requests))
	}
	if *sampler.requests[0].Seed == *sampler.requests[1].Seed {
		t.Error("sampling again with the same seed draws the same")
	}
	never := solve(t, &tree{next: map[string][]string{"": {"bad one■"}}}, scorer, Options{Strategy: Guided, N: 1, Threshold: 0.5})
	if never.Text != "bad one" {
		t.Errorf("got %q, want the best there was", never.Text)
	}
}

func TestGuidedDropsDeadEmptyAndCutSteps(t *testing.T) {
	sampler := &tree{next: map[string][]string{"": {"dead", "", "too long…", "fine■"}}, fail: map[string]bool{"dead": true}}
	r := solve(t, sampler, &table{}, Options{Strategy: Guided, N: 4})
	if r.Text != "fine" {
		t.Errorf("got %q", r.Text)
	}
	dropped := 0
	for _, c := range r.Candidates {
		if c.Dropped != "" {
			dropped++
		}
	}
	if dropped != 3 {
		t.Errorf("%d dropped, want 3: %+v", dropped, r.Candidates)
	}
}

func TestGuidedStopsAtMaxSteps(t *testing.T) {
	next := map[string][]string{}
	prefix := ""
	for i := range 6 {
		text := fmt.Sprintf("step %d", i)
		next[prefix] = []string{text}
		prefix = strings.TrimPrefix(prefix+"|"+text, "|")
	}
	r := solve(t, &tree{next: next}, &table{}, Options{Strategy: Guided, N: 1, MaxSteps: 3})
	if len(r.Steps) != 3 || r.Finish != FinishLength || r.Answered {
		t.Errorf("%d steps, finish %q, answered %v", len(r.Steps), r.Finish, r.Answered)
	}
}

func TestTokenBudgetIsNeverPassed(t *testing.T) {
	next := map[string][]string{}
	prefix := ""
	for i := range 40 {
		text := fmt.Sprintf("a step of five words %d", i)
		next[prefix] = []string{text}
		prefix = strings.TrimPrefix(prefix+"|"+text, "|")
	}
	for budget := 10; budget < 200; budget += 7 {
		sampler := &capped{tree: tree{next: next, whole: []string{"some words and then the end of it"}}}
		for _, strategy := range append(stepwiseNames(), Majority, WeightedVote) {
			r, err := Solve(t.Context(), sampler, &table{}, Options{Strategy: strategy, N: 3, MaxTokens: 30, TokenBudget: budget})
			if err != nil {
				t.Errorf("%s, budget %d: %v", strategy, budget, err)
			}
			if r.CompletionTokens > budget {
				t.Errorf("%s spent %d of %d tokens", strategy, r.CompletionTokens, budget)
			}
		}
	}
}

// capped honours MaxTokens, a word being a token.
type capped struct{ tree }

func (c *capped) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	samples, err := c.tree.Sample(ctx, req)
	for i, s := range samples {
		if words := strings.Fields(s.Text); len(words) > req.MaxTokens {
			samples[i].Text, samples[i].Finish, samples[i].CompletionTokens = strings.Join(words[:req.MaxTokens], " "), FinishLength, req.MaxTokens
		}
	}
	return samples, err
}

// stalling answers once and then waits for the context.
type stalling struct {
	tree
	after int
}

func (s *stalling) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	if s.after == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s.after--
	return s.tree.Sample(ctx, req)
}

func TestDeadlineReturnsWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		sampler := &stalling{tree: tree{next: map[string][]string{"": {"3 + 4 = 7"}}}, after: 1}
		r, err := Solve(ctx, sampler, &table{}, Options{Strategy: Guided, N: 2})
		if err != nil || r.Text != "3 + 4 = 7" || r.Stopped != StoppedDeadline {
			t.Errorf("got %q, stopped %q, %v", r.Text, r.Stopped, err)
		}
		if _, err := Solve(ctx, &stalling{}, &table{}, Options{Strategy: Guided, N: 2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with nothing in hand: %v", err)
		}
	})
}

func TestCancelledClientGetsItsError(t *testing.T) {
	for _, strategy := range []string{Guided, Majority, WeightedVote, BestOfN} {
		ctx, cancel := context.WithCancel(t.Context())
		sampler := &stalling{tree: tree{next: map[string][]string{"": {"3 + 4 = 7"}}}, after: 1}
		if strategy != Guided {
			sampler.after = 0
		}
		done := make(chan error)
		go func() {
			_, err := Solve(ctx, sampler, &table{}, Options{Strategy: strategy, N: 2})
			done <- err
		}()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the cancellation", strategy, err)
		}
	}
}

func TestScorerFails(t *testing.T) {
	broken := &table{fail: errors.New("out of order")}
	for _, strategy := range []string{BestOfN, WeightedVote, Guided} {
		sampler := &tree{whole: []string{"#### 1"}, next: map[string][]string{"": {"#### 1"}}}
		if _, err := Solve(t.Context(), sampler, broken, Options{Strategy: strategy, N: 2}); err == nil {
			t.Errorf("%s answered without any score", strategy)
		}
	}
}

func TestEqualSearchesMakeEqualRequests(t *testing.T) {
	run := func(seed int64) []SampleRequest {
		sampler := &tree{next: map[string][]string{"": {"a"}, "a": {"b■"}}}
		solve(t, sampler, &table{}, Options{Strategy: Guided, N: 2, Seed: seed})
		return sampler.requests
	}
	a, b, c := run(5), run(5), run(6)
	for i := range a {
		if *a[i].Seed != *b[i].Seed {
			t.Errorf("request %d: seeds %d and %d", i, *a[i].Seed, *b[i].Seed)
		}
	}
	if *a[0].Seed == *c[0].Seed || *a[0].Seed == *a[1].Seed {
		t.Error("other searches and other steps need other seeds")
	}
}

func TestGreedyReallyIsGreedy(t *testing.T) {
	sampler := &tree{whole: []string{"#### 3"}}
	solve(t, sampler, nil, Options{Strategy: Greedy, N: 8, Temperature: 0.9})
	if req := sampler.requests[0]; req.N != 1 || req.Temperature != 0 {
		t.Errorf("asked for %d at temperature %g", req.N, req.Temperature)
	}
}

func TestOptions(t *testing.T) {
	for field, opts := range map[string]Options{
		"strategy": {Strategy: "magic"}, "n:": {N: -1}, "temperature": {Temperature: 3}, "top_p": {TopP: 2}, "max_tokens": {MaxTokens: -1},
		"expansion": {Expansion: -1}, "ess_threshold": {ESSThreshold: 1.5}, "rebase_temperature": {RebaseTemperature: math.NaN()},
		"max_steps": {MaxSteps: -1}, "token_budget": {TokenBudget: -1}, "threshold": {Threshold: 1.5}, "aggregate": {Aggregate: "sum"},
	} {
		if err := opts.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v, want an error that names %s", opts, err, field)
		}
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	if _, err := Solve(t.Context(), &tree{}, nil, Options{Strategy: Guided}); !errors.Is(err, ErrNeedsPRM) {
		t.Errorf("guided without a PRM: %v", err)
	}
}

// reads keeps the tokens that each step was scored with.
type reads struct {
	mu  sync.Mutex
	got map[string]string
}

func (r *reads) Score(_ context.Context, w Working) (prm.Judgement, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range w.Steps {
		var text []string
		for _, t := range w.Tokens[i] {
			text = append(text, t.Text)
		}
		r.got[s] = strings.Join(text, "·")
	}
	return prm.Judgement{Steps: make([]prm.Score, len(w.Steps))}, nil
}

// spelled gives every sample its words as tokens, and a line break as a token of its own before and after them.
type spelled struct{ tree }

func (s *spelled) Sample(ctx context.Context, req SampleRequest) ([]Sample, error) {
	samples, err := s.tree.Sample(ctx, req)
	for i := range samples {
		tokens := []step.Token{{Text: "\n"}}
		for _, w := range strings.SplitAfter(samples[i].Text, " ") {
			for j, line := range strings.Split(w, "\n") {
				if j > 0 {
					tokens = append(tokens, step.Token{Text: "\n"})
				}
				tokens = append(tokens, step.Token{Text: line})
			}
		}
		samples[i].Tokens = append(tokens, step.Token{Text: "\n"})
	}
	return samples, err
}

// A PRM reads the tokens that spell a step, without the breaks around it, however the step was drawn: as it was
// trained.
func TestTokensOfSteps(t *testing.T) {
	for _, strategy := range []string{BestOfN, Guided} {
		sampler := &spelled{tree{whole: []string{"3 + 4 = 7\n#### 7"}, next: map[string][]string{"": {"3 + 4 = 7"}, "3 + 4 = 7": {"#### 7"}}}}
		scorer := &reads{got: map[string]string{}}
		if _, err := Solve(t.Context(), sampler, scorer, Options{Strategy: strategy, N: 2, LogProbs: true}); err != nil {
			t.Fatal(err)
		}
		if first, last := scorer.got["3 + 4 = 7"], scorer.got["#### 7"]; first != "3 ·+ ·4 ·= ·7" || last != "#### ·7" {
			t.Errorf("%s scored %q and %q", strategy, first, last)
		}
	}
}

// ranking gives whole solutions with three alternatives for their only token.
type ranking struct{ asked SampleRequest }

func (w *ranking) Sample(_ context.Context, req SampleRequest) ([]Sample, error) {
	w.asked = req
	out := make([]Sample, req.N)
	for i := range out {
		out[i] = Sample{Text: "#### 2", Finish: FinishEnd, Tokens: []step.Token{{Text: "#### 2", Top: []step.Alternative{{Text: "a"}, {Text: "b"}, {Text: "c"}}}}}
	}
	return out, nil
}

// TestAlternatives: the PRM looks at three a token, the client gets as many as it asked for.
func TestAlternatives(t *testing.T) {
	for _, strategy := range []string{Majority, WeightedVote, Guided} {
		for want := range 4 {
			llm := &ranking{}
			r := solve(t, llm, &table{}, Options{Strategy: strategy, N: 2, LogProbs: true, TopLogProbs: want})
			if len(r.Tokens) != 1 || len(r.Tokens[0].Top) != want || llm.asked.TopLogProbs != scoredTop {
				t.Errorf("%s: asked for %d, the result has %+v, the LLM was asked for %d", strategy, want, r.Tokens, llm.asked.TopLogProbs)
			}
		}
	}
}
