package decode

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// trusting is a gate that lets the PRM vote.
func trusting() *Gate {
	return &Gate{Format: GateFormat, Checkpoint: "c", Model: "m", Aggregate: prm.Min, N: 8, Problems: 100, Source: "dev.jsonl",
		Measured: []Measured{{Strategy: WeightedVote, Problems: 100, Gain: 0.1, Low: 0.05, High: 0.15, Replayed: true}},
		Vote:     vote.Rule{Beta: 1, Power: 1, Nats: 0.2, Margin: 0.03, Problems: 100, Stop: vote.Stop{Lead: 1, Level: 1, At: 0.75}}}
}

func TestWhenAPlainVoteStops(t *testing.T) {
	for _, test := range []struct {
		votes string // an answer each; "-" for none
		n     int
		more  int
	}{
		{"", 8, 3},
		{"", 2, 2},
		{"aaa", 8, 0},
		{"aab", 8, 1}, // one more of a settles it
		{"aaab", 8, 0},
		{"aabb", 8, 2},
		{"aaaab", 8, 0},
		{"abc", 8, 2},
		{"aaaabbb", 8, 0}, // b could come to as many as a only, and a came first
		{"baaaabb", 8, 1}, // here it was b
		{"---", 8, 2},
		{"-----", 8, 0},
		{"aaaaaaaa", 8, 0},
	} {
		var ballots []ballot
		for _, v := range test.votes {
			ballots = append(ballots, ballot{answer: string(v), answered: v != '-', score: 0.5})
		}
		if got := more(vote.Plain, step.OnlyProse, ballots, len(ballots), test.n); got != test.more {
			p := 1.0
			if sizes, first := sizesOf(ballots); len(sizes) > 0 {
				p = overturn(sizes, first, len(ballots), test.n-len(ballots))
			}
			t.Errorf("%q of %d: %d more, want %d (chance of another winner %.3f)", test.votes, test.n, got, test.more, p)
		}
	}
}

// A score weighs its odds under trusting's rule, and the chance that the leader is right has the odds (its weight over
// that of all others and of a mean answer) · (geometric mean of its own odds): three to one, 0.75, settle it.
func TestWhenThePRMsVoteStops(t *testing.T) {
	for _, test := range []struct {
		votes  string
		scores []float64
		more   int
	}{
		{"", nil, 1},
		{"a", []float64{0.9}, 0},                                   // 1 · 9
		{"a", []float64{0.4}, 1},                                   // 1 · ⅔
		{"aab", []float64{0.6, 0.6, 0.05}, 0},                      // 3/(1/19 + 1.02) · 1.5 = 4.2
		{"aab", []float64{0.5, 0.5, 0.05}, 1},                      // 2/(1/19 + 0.68) · 1 = 2.7
		{"aab", []float64{0.9, 0.1, 0.9}, 1},                       // 9.1/(9 + 6) · 1
		{"aab", []float64{0.1, 0.1, 0.98}, 0},                      // 49/(2/9 + 16.4) · 49: few, and far better
		{"abcd", []float64{0.01, 0.01, 0, 0}, 1},                   // however bad: more may be better
		{"-----", []float64{0.5, 0.5, 0.5, 0.5, 0.5}, 0},           // nobody will give an answer
		{"abcdefg", []float64{0.3, 0.3, 0.2, 0.1, 0.1, 0, 0.2}, 1}, // all that is left
	} {
		var ballots []ballot
		for i, v := range test.votes {
			ballots = append(ballots, ballot{answer: string(v), answered: v != '-', score: test.scores[i]})
		}
		if got := more(trusting().Rule(step.OnlyProse), step.OnlyProse, ballots, len(ballots), 8); got != test.more {
			t.Errorf("%q %v: %d more, want %d", test.votes, test.scores, got, test.more)
		}
	}
}

// The bound is compared with votes drawn by the model that it is of, where nothing but one rival is to be bounded.
func TestOverturnBoundsTheChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, votes := range []string{"aaa", "aab", "aaab", "abb", "aabbc", "aaabbc"} {
		var ballots []ballot
		for _, v := range votes {
			ballots = append(ballots, ballot{answer: string(v), answered: true, score: 0.5})
		}
		const n, runs = 8, 400
		sizes, first := sizesOf(ballots)
		bound := overturn(sizes, first, len(ballots), n-len(ballots))
		winner := func(b []ballot) string { return b[vote.Plain.Of(numbered(b)).Winner].answer }
		before := winner(ballots)
		changed := 0
		for range runs {
			drawn := append([]ballot(nil), ballots...)
			for len(drawn) < n {
				k := rng.IntN(len(drawn) + 1)
				answer := fmt.Sprint("new", len(drawn))
				if k < len(drawn) {
					answer = drawn[k].answer
				}
				drawn = append(drawn, ballot{answer: answer, answered: true, score: 0.5})
			}
			if winner(drawn) != before {
				changed++
			}
		}
		if share := float64(changed) / runs; share > bound+0.06 || bound > share+0.25 {
			t.Errorf("%q: another winner in %.3f of the runs, the bound is %.3f", votes, share, bound)
		}
	}
}

func TestAutoStopsEarlyOnAgreement(t *testing.T) {
	sampler := &tree{whole: []string{"3 + 4 = 7\n#### 7"}}
	r := solve(t, sampler, nil, Options{Strategy: Auto, N: 8})
	if r.Answer != "7" || len(r.Candidates) != 3 || r.Auto.Drawn != 3 || r.Auto.Of != 8 || r.Auto.Vote != "plain" || r.Auto.Overturn <= 0 || r.Auto.Overturn > risk {
		t.Errorf("%q of %d candidates; %+v", r.Answer, len(r.Candidates), r.Auto)
	}
	if want := 3 * len(strings.Fields("3 + 4 = 7 #### 7")); r.CompletionTokens != want || r.PromptTokens != 15 {
		t.Errorf("%d tokens generated, want %d; %d read", r.CompletionTokens, want, r.PromptTokens)
	}
	if r.Auto.Reason != "there is no PRM, and the endpoint gives no log-probabilities" {
		t.Errorf("reason %q", r.Auto.Reason)
	}
}

func TestAutoGoesOnUnderDisagreement(t *testing.T) {
	sampler := &tree{whole: []string{"#### 1", "#### 2", "#### 3", "#### 4", "#### 2", "#### 5", "#### 6", "#### 7"}}
	r := solve(t, sampler, nil, Options{Strategy: Auto, N: 8})
	if r.Answer != "2" || len(r.Candidates) != 8 || r.Auto.Overturn != 0 {
		t.Errorf("%q of %d candidates; %+v", r.Answer, len(r.Candidates), r.Auto)
	}
	seeds := map[int64]bool{}
	for _, req := range sampler.requests {
		seeds[*req.Seed] = true
	}
	if len(seeds) != len(sampler.requests) {
		t.Errorf("%d requests with %d seeds", len(sampler.requests), len(seeds))
	}
}

func TestAutoTrustsThePRMOnlyByItsGate(t *testing.T) {
	pool := []string{"#### 1", "#### 1", "#### 1", "#### 2"}
	scores := map[string]float64{"#### 1": 0.05, "#### 2": 0.9}
	useless := trusting()
	useless.Vote.Nats = useless.Vote.Margin
	for name, test := range map[string]struct {
		gate   *Gate
		answer string
		drawn  int
		calls  int
		reason string
	}{
		"trusted":    {trusting(), "2", 4, 4, "weighed by the PRM (beta 1, power 1): +0.200 nats a problem, 0.030 are chance, by 100 of 100 problems of dev.jsonl; +10.0 points [+5.0, +15.0] against a plain vote"},
		"useless":    {useless, "1", 3, 0, "the PRM's word has no say"},
		"unmeasured": {nil, "1", 3, 0, "nothing was measured"},
	} {
		scorer := &table{scores: scores}
		r := solve(t, &tree{whole: pool}, scorer, Options{Strategy: Auto, N: 8, Gate: test.gate})
		if r.Answer != test.answer || r.Auto.Drawn != test.drawn || scorer.calls != test.calls || !strings.Contains(r.Auto.Reason, test.reason) {
			t.Errorf("%s: %q after %d draws and %d calls; %+v", name, r.Answer, r.Auto.Drawn, scorer.calls, r.Auto)
		}
	}
}

func TestTiesWithoutAGate(t *testing.T) {
	pool := []string{"#### 1", "#### 2", "#### 3", "#### 4"}
	scores := map[string]float64{"#### 1": 0.1, "#### 2": 0.2, "#### 3": 0.9, "#### 4": 0.3}
	opts := Options{Strategy: Auto, N: 4}
	if r := solve(t, &tree{whole: pool}, &table{scores: scores}, opts); r.Answer != "3" {
		t.Errorf("an unmeasured PRM breaks the tie for %q, want 3", r.Answer)
	}
	if r := solve(t, &tree{whole: pool}, &table{fail: errors.New("broken")}, opts); r.Answer != "1" {
		t.Errorf("a broken PRM: %q, want the first", r.Answer)
	}
	opts.Gate = trusting()
	opts.Gate.Vote.Beta = 0
	if r := solve(t, &tree{whole: pool}, &table{scores: scores}, opts); r.Answer != "1" {
		t.Errorf("a PRM found useless has a say: %q", r.Answer)
	}
}

func TestAutoOutlivesItsPRM(t *testing.T) {
	r := solve(t, &tree{whole: []string{"#### 1"}}, &table{fail: errors.New("out of order")}, Options{Strategy: Auto, N: 8, Gate: trusting()})
	if r.Answer != "1" || r.Auto.Vote != "plain" || !strings.Contains(r.Auto.Reason, "out of order") {
		t.Errorf("%q; %+v", r.Answer, r.Auto)
	}
}

func TestAutoEscalates(t *testing.T) {
	gate := trusting()
	gate.Escalate = Guided
	long := strings.Repeat("so many words, ", 50) + "\n"
	sampler := &tree{whole: []string{long + "#### 1", long + "#### 2", long + "#### 3"}, next: map[string][]string{"": {"2 + 3 = 5"}, "2 + 3 = 5": {"#### 5"}}}
	scorer := &table{scores: map[string]float64{"#### 1": 0.2, "#### 2": 0.2, "#### 3": 0.1, "2 + 3 = 5": 0.9, "#### 5": 0.9}}
	var told strings.Builder
	watch := func(e Event) { told.WriteString(e.Settled) }
	r := solve(t, sampler, scorer, Options{Strategy: Auto, N: 8, Gate: gate, Watch: watch})
	if r.Answer != "5" || r.Auto.Escalated != Guided || r.Auto.Drawn != 4 || told.String() != r.Text {
		t.Errorf("%q, told %q; %+v", r.Answer, told.String(), r.Auto)
	}
	sampler.next = nil // no step is to be had
	r = solve(t, sampler, scorer, Options{Strategy: Auto, N: 8, Gate: gate, Watch: watch})
	if r.Answer == "5" || !r.Answered || r.Auto.Escalated != "" {
		t.Errorf("after a search that failed: %q; %+v", r.Answer, r.Auto)
	}
	chosen := 0
	for _, c := range r.Candidates {
		if c.Chosen {
			chosen++
		}
		if (c.Kept == "") == (c.Dropped == "") {
			t.Errorf("candidate %d is kept %q and dropped %q", c.ID, c.Kept, c.Dropped)
		}
	}
	if chosen != 1 {
		t.Errorf("%d chosen", chosen)
	}
}

func TestAutoKeepsItsBudget(t *testing.T) {
	for budget := 4; budget < 60; budget += 5 {
		sampler := &capped{tree{whole: []string{"#### 1", "three words and #### 2", "#### 3 or so"}}}
		r, err := Solve(t.Context(), sampler, nil, Options{Strategy: Auto, N: 8, MaxTokens: 6, TokenBudget: budget})
		if err != nil || r.CompletionTokens > budget {
			t.Errorf("budget %d: spent %d, %v", budget, r.CompletionTokens, err)
		}
		if r.Auto.Drawn < 8 && r.Auto.Overturn > risk && r.Stopped != StoppedBudget {
			t.Errorf("budget %d: ended after %d draws, stopped %q", budget, r.Auto.Drawn, r.Stopped)
		}
	}
}

func TestAutoAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		sampler := &stalling{tree{whole: []string{"#### 1", "#### 2", "#### 3"}}, 1}
		r, err := Solve(ctx, sampler, nil, Options{Strategy: Auto, N: 8})
		if err != nil || r.Answer != "1" || r.Stopped != StoppedDeadline {
			t.Errorf("%q, stopped %q, %v", r.Answer, r.Stopped, err)
		}
		if _, err := Solve(ctx, &stalling{}, nil, Options{Strategy: Auto, N: 8}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with nothing in hand: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := Solve(gone, &tree{whole: []string{"#### 1"}}, nil, Options{Strategy: Auto}); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that left: %v", err)
		}
	})
}

func TestAutoWithTheDead(t *testing.T) {
	pool := []string{"#### 2", "#### 2", "#### 2", "#### 1"}
	r := solve(t, &tree{whole: pool, fail: map[string]bool{"#### 2": true}}, nil, Options{Strategy: Auto, N: 8})
	if r.Answer != "1" || r.Auto.Drawn != len(r.Candidates) {
		t.Errorf("%q, %d candidates; %+v", r.Answer, len(r.Candidates), r.Auto)
	}
	if _, err := Solve(t.Context(), &tree{whole: pool[:1], fail: map[string]bool{"#### 2": true}}, nil, Options{Strategy: Auto, N: 8}); !errors.Is(err, ErrNoCandidate) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("all dead: %v", err)
	}
	if _, err := Solve(t.Context(), &tree{}, nil, Options{Strategy: Auto, N: 8}); err == nil {
		t.Error("an endpoint that gives nothing gave an answer")
	}
}

// A replay of recorded candidates comes to what the search came to.
func TestReplay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var pool []string
		scores := map[string]float64{}
		for i := range 8 {
			text := fmt.Sprintf("It is %d\n#### %d", i, rng.IntN(4))
			pool = append(pool, text)
			scores[strings.Split(text, "\n")[0]] = rng.Float64()
			scores[strings.Split(text, "\n")[1]] = 1
		}
		for _, gate := range []*Gate{nil, trusting()} {
			var scorer Scorer
			if gate != nil {
				scorer = &table{scores: scores}
			}
			r := solve(t, &tree{whole: pool}, scorer, Options{Strategy: Auto, N: 8, Gate: gate})
			var ballots []Ballot
			for _, text := range pool {
				found := text[strings.Index(text, "#### ")+5:]
				ballots = append(ballots, Ballot{Answer: found, Answered: true, Score: scores[strings.Split(text, "\n")[0]]})
			}
			chosen, drawn := Replay(ballots, gate.Rule(step.OnlyProse), true)
			if ballots[chosen].Answer != r.Answer || drawn != r.Auto.Drawn {
				t.Fatalf("replayed: %q after %d; searched: %q, %+v", ballots[chosen].Answer, drawn, r.Answer, r.Auto)
			}
		}
	}
	if chosen, drawn := Replay(nil, vote.Plain, true); chosen != -1 || drawn != 0 {
		t.Errorf("of nothing: %d after %d", chosen, drawn)
	}
}

func TestGateFaults(t *testing.T) {
	good := `{"format":2,"checkpoint":"c","model":"m","aggregate":"min","n":8,"problems":50,"source":"x","vote":{"beta":0.5,"power":1,"nats":0.1,"margin":0.02,"problems":40,"stop":{"lead":1,"at":0.9}}}`
	g, err := ParseGate([]byte(good))
	if err != nil || !g.Of("c", "m") || g.Of("d", "m") || g.Of("c", "n") {
		t.Fatalf("%+v, %v", g, err)
	}
	for change, want := range map[string]string{
		`{`: "no gate", `[]`: "no gate", `{"format":1}`: "format is 1, this build reads 2", `{"format":2}`: "checkpoint",
		strings.Replace(good, `"beta":0.5`, `"beta":-1`, 1):                "vote: beta -1",
		strings.Replace(good, `"power":1`, `"power":-1`, 1):                "power -1",
		strings.Replace(good, `"at":0.9`, `"at":1.5`, 1):                   "the chance 1.5",
		strings.Replace(good, `"n":8`, `"n":0`, 1):                         "n: 0 candidates",
		strings.Replace(good, `"problems":50`, `"problems":0`, 1):          "problems: 0",
		strings.Replace(good, `"aggregate":"min"`, `"aggregate":"sum"`, 1): "aggregate",
		strings.Replace(good, `"source":"x"`, `"escalate":"majority"`, 1):  "escalate",
	} {
		if _, err := ParseGate([]byte(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
	var none *Gate
	if none.Of("c", "m") || none.Rule(step.OnlyProse) != vote.Plain {
		t.Error("no gate is of a PRM, and votes are plain by it")
	}
	for name, change := range map[string]func(*Gate){
		"no better than chance": func(g *Gate) { g.Vote.Nats = g.Vote.Margin },
		"beta 0":                func(g *Gate) { g.Vote.Beta = 0 },
		"no measured stop":      func(g *Gate) { g.Vote.Stop.At = 0 },
	} {
		g := trusting()
		if g.Rule(step.OnlyProse) != g.Vote {
			t.Error("a measured PRM has no say")
		}
		if change(g); g.Rule(step.OnlyProse) != vote.Plain {
			t.Errorf("%s: votes are weighed by %+v", name, g.Rule(step.OnlyProse))
		}
	}
}

func FuzzParseGate(f *testing.F) {
	f.Add([]byte(`{"format":2,"checkpoint":"c","model":"m","aggregate":"min","n":8,"problems":50,"vote":{"beta":1000,"power":2,"nats":1,"stop":{"lead":1e300,"at":0.9}}}`))
	f.Add([]byte(`{"format":2,"measured":[{"gain":1e999}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGate(data)
		if err != nil {
			return
		}
		if chosen, drawn := Replay([]Ballot{{Answer: "1", Answered: true, Score: 0.5}, {Answer: "2", Answered: true, Score: 0.7}}, g.Rule(step.OnlyProse), true); chosen < 0 || drawn < 1 {
			t.Errorf("%s: chose %d of %d", data, chosen, drawn)
		}
		_ = g.String()
	})
}
