package eval

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// world makes up n problems with eight candidates each: a share of them is right, wrong ones scatter over four answers.
// score draws a candidate's score.
func world(rng *rand.Rand, n int, score func(right bool) float64) []Votes {
	out := make([]Votes, n)
	for i := range out {
		easy := rng.Float64()
		for range 8 {
			right := rng.Float64() < easy
			answer := "1"
			if !right {
				answer = fmt.Sprint(2 + rng.IntN(4))
			}
			out[i].Ballots = append(out[i].Ballots, decode.Ballot{Answer: answer, Answered: true, Score: score(right), Tokens: 10})
			out[i].Right = append(out[i].Right, right)
		}
	}
	return out
}

func gain(votes []Votes, r vote.Rule) (gain, drawn float64) {
	right := func(v Votes, at int) float64 {
		if at >= 0 && v.Right[at] {
			return 1
		}
		return 0
	}
	for _, v := range votes {
		by, n := decode.Replay(v.Ballots, r, true)
		plain, _ := decode.Replay(v.Ballots, vote.Plain, false)
		gain += (right(v, by) - right(v, plain)) / float64(len(votes))
		drawn += float64(n) / float64(len(votes))
	}
	return gain, drawn
}

func TestGateTrustsAGoodPRMAndNoOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	noise := func(bool) float64 { return rng.Float64() }
	scores := map[string]func(bool) float64{
		"good": func(right bool) float64 {
			if right {
				return 0.4 + 0.6*rng.Float64()
			}
			return 0.6 * rng.Float64()
		},
		"inverted": func(right bool) float64 {
			if right {
				return 0.6 * rng.Float64()
			}
			return 0.4 + 0.6*rng.Float64()
		},
		"noise":    noise,
		"constant": func(bool) float64 { return 0.5 },
		"zero":     func(bool) float64 { return 0 },
	}
	for _, name := range slices.Sorted(maps.Keys(scores)) { // they share one source of chance
		score := scores[name]
		g := NewGate(decode.Gate{N: 8}, world(rng, 400, score), nil, 1, 1000)
		if g.Vote.Trusted() != (name == "good") {
			t.Errorf("%s: trusted %v; %s", name, g.Vote.Trusted(), g.String())
		}
		change, drawn := gain(world(rng, 1000, score), g.Rule(step.OnlyProse))
		switch {
		case name == "good" && (change < 0.05 || drawn > 5):
			t.Errorf("a good PRM gains %+.3f with %.1f draws", change, drawn)
		case name != "good" && change < -0.01:
			t.Errorf("%s: auto loses %+.3f", name, change)
		}
	}

	const holdouts = 40
	trusted := func(problems int, score func(bool) float64) (times int, gain float64) {
		for i := range holdouts {
			g := NewGate(decode.Gate{N: 8}, world(rng, problems, score), nil, uint64(i), 20)
			if g.Vote.Trusted() {
				times++
			}
			gain += g.Measured[1].Gain / holdouts
		}
		return times, gain
	}
	if times, gain := trusted(60, noise); times > 3 || gain > 0.002 { // one in a hundred is to be expected at most
		t.Errorf("noise was trusted in %d of %d hold-outs, and is said to gain %+.3f", times, holdouts, gain)
	}
	// The same PRM, worth a little: few problems don't show it.
	modest := func(right bool) float64 {
		if right {
			return 0.15 + 0.85*rng.Float64()
		}
		return 0.85 * rng.Float64()
	}
	if times, _ := trusted(10, modest); times > holdouts/4 {
		t.Errorf("trusted by ten problems in %d of %d hold-outs", times, holdouts)
	}
	if times, _ := trusted(300, modest); times < holdouts*3/4 {
		t.Errorf("not trusted by 300 problems in %d of %d hold-outs", holdouts-times, holdouts)
	}
	if none := NewGate(decode.Gate{N: 8}, nil, nil, 1, 300); none.Vote != vote.Plain || none.Problems != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

// TestGainsAreMeasuredCrosswise: the PRM knows every answer of the first fifth of the problems and nothing of the
// others. That is enough to be trusted, by all of them; but of those problems that gain by it none is judged by a rule
// that was found on themselves.
func TestGainsAreMeasuredCrosswise(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 8))
	votes := world(rng, 200, func(bool) float64 { return 0.5 })
	for i := 0; i < len(votes); i += folds {
		for k, right := range votes[i].Right {
			if votes[i].Ballots[k].Score = 0.1; right {
				votes[i].Ballots[k].Score = 0.9
			}
		}
	}
	g := NewGate(decode.Gate{N: 8}, votes, nil, 1, 200)
	own, _ := gain(votes, g.Vote)
	if !g.Vote.Trusted() || own < 0.01 {
		t.Fatalf("trusted %v, it gains %+.3f by its own rule", g.Vote.Trusted(), own)
	}
	for _, m := range g.Measured {
		if m.Strategy == decode.WeightedVote && m.Gain > 0 {
			t.Errorf("the weighted vote is said to gain %+.3f", m.Gain)
		}
	}
	if g.Auto.Gain > 0 {
		t.Errorf("auto is said to gain %+.3f", g.Auto.Gain)
	}
}

func TestGateOfAReport(t *testing.T) {
	report, err := Answers(t.Context(), script, problems, Config{Options: decode.Options{N: 4, Seed: 3}, Draws: 100})
	if err != nil {
		t.Fatal(err)
	}
	g := report.Gate(decode.Gate{Checkpoint: "c", Model: "m", Aggregate: prm.Min, Source: "x", Digest: Digest(problems)}, 100)
	replayed := map[string]bool{}
	for _, m := range g.Measured {
		replayed[m.Strategy] = m.Replayed
	}
	want := map[string]bool{decode.BestOfN: true, decode.WeightedVote: true, decode.Guided: false, decode.Beam: false, decode.DVTS: false, decode.Particle: false, decode.Rebase: false}
	if len(replayed) != len(want) || g.N != 4 || g.Problems != 2 || g.Vote.Trusted() {
		t.Errorf("%+v", g)
	}
	for strategy, w := range want {
		if got, ok := replayed[strategy]; !ok || got != w {
			t.Errorf("%s: measured %v, replayed %v", strategy, ok, got)
		}
	}
	without := script
	without.scores = nil
	if report, err = Answers(t.Context(), without, problems, Config{Options: decode.Options{N: 4}, Draws: 10}); err != nil || report.Gate(decode.Gate{}, 10) != nil {
		t.Errorf("a gate without a PRM: %v", err)
	}
	if Digest(problems) == Digest(problems[:1]) {
		t.Error("other problems, the same digest")
	}
}

// A step-wise strategy is escalated to only where it was measured to beat the plain vote, and the PRM's vote.
func TestGateEscalates(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	votes := world(rng, 200, func(right bool) float64 {
		if right {
			return 0.3 + 0.7*rng.Float64()
		}
		return 0.7 * rng.Float64()
	})
	row := func(method string, correct func(i int) float64) Row {
		r := Row{Method: method, N: 8, Outcomes: make([]Outcome, len(votes))}
		for i := range r.Outcomes {
			r.Outcomes[i].Correct = correct(i)
		}
		return r
	}
	plain := func(i int) float64 {
		at, _ := decode.Replay(votes[i].Ballots, vote.Plain, false)
		if votes[i].Right[at] {
			return 1
		}
		return 0
	}
	for name, test := range map[string]struct {
		correct func(i int) float64
		want    string
	}{"always right": {func(int) float64 { return 1 }, decode.Particle}, "always wrong": {func(int) float64 { return 0 }, ""}, "like the plain vote": {plain, ""}} {
		rows := []Row{row("majority-8", plain), row("particle-8", test.correct)}
		summarise(rows, len(votes), 1, 200)
		if g := NewGate(decode.Gate{N: 8}, votes, rows, 1, 200); !g.Vote.Trusted() || g.Escalate != test.want {
			t.Errorf("%s: trusted %v, escalates to %q, want %q", name, g.Vote.Trusted(), g.Escalate, test.want)
		}
	}
}

// TestMergeGates: of each strategy the measurement on more problems stands, of as many the newer one.
func TestMergeGates(t *testing.T) {
	gate := func(problems int, trust bool, measured ...decode.Measured) decode.Gate {
		g := decode.Gate{Checkpoint: "c", Model: "m", Aggregate: prm.Min, N: 8, Problems: problems, Source: fmt.Sprint(problems), Vote: vote.Plain}
		if trust {
			g.Vote = vote.Rule{Beta: 1, Power: 1, Nats: 0.2, Margin: 0.1}
		}
		for _, strategy := range []string{decode.BestOfN, decode.WeightedVote} {
			g.Measured = append(g.Measured, decode.Measured{Strategy: strategy, Problems: problems, Gain: 0.1, Low: 0.05})
		}
		g.Measured = append(g.Measured, measured...)
		g.Escalate = escalation(g)
		return g
	}
	m := func(strategy string, problems int, gain float64) decode.Measured {
		return decode.Measured{Strategy: strategy, Problems: problems, Gain: gain, Low: gain - 0.02}
	}
	for _, tt := range []struct {
		name       string
		old, fresh decode.Gate
		change     func(old, fresh *decode.Gate)
		want, kept string
		trust      bool
		escalate   string
	}{
		{name: "fewer problems", old: gate(200, true), fresh: gate(30, false),
			want: "best_of_n 200, weighted_vote 200", kept: "best_of_n 200, weighted_vote 200", trust: true},
		{name: "more problems", old: gate(30, true), fresh: gate(200, false), want: "best_of_n 200, weighted_vote 200"},
		{name: "as many: the newer", old: gate(30, true), fresh: gate(30, false), want: "best_of_n 30, weighted_vote 30"},
		{name: "fewer strategies", old: gate(100, true, m(decode.Particle, 100, 0.2)), fresh: gate(100, true),
			want: "best_of_n 100, weighted_vote 100, particle 100", kept: "particle 100", trust: true, escalate: decode.Particle},
		{name: "fewer problems, one strategy more", old: gate(100, true, m(decode.Particle, 100, 0.2)), fresh: gate(40, false, m(decode.Particle, 40, -0.1), m(decode.Beam, 40, 0.3)),
			want: "best_of_n 100, weighted_vote 100, beam 40, particle 100", kept: "best_of_n 100, weighted_vote 100, particle 100", trust: true, escalate: decode.Beam},
		{name: "too few problems to escalate by", old: gate(100, true), fresh: gate(5, false, m(decode.Beam, 5, 0.3)),
			want: "best_of_n 100, weighted_vote 100, beam 5", kept: "best_of_n 100, weighted_vote 100", trust: true},
		{name: "more problems of the votes, fewer of a search", old: gate(40, false, m(decode.Beam, 40, 0.3)), fresh: gate(100, true),
			want: "best_of_n 100, weighted_vote 100, beam 40", kept: "beam 40", trust: true, escalate: decode.Beam},
		{name: "a PRM that isn't trusted escalates nothing", old: gate(100, false, m(decode.Beam, 100, 0.3)), fresh: gate(100, false),
			want: "best_of_n 100, weighted_vote 100, beam 100", kept: "beam 100"},
		{name: "of another PRM", old: gate(200, true, m(decode.Beam, 200, 0.3)), fresh: gate(3, false), change: func(old, _ *decode.Gate) { old.Checkpoint = "other" },
			want: "best_of_n 3, weighted_vote 3"},
		{name: "of another LLM", old: gate(200, true), fresh: gate(3, false), change: func(old, _ *decode.Gate) { old.Model = "other" }, want: "best_of_n 3, weighted_vote 3"},
		{name: "scores aggregated otherwise, more problems", old: gate(40, true, m(decode.Beam, 40, 0.3)), fresh: gate(100, true),
			change: func(_, fresh *decode.Gate) { fresh.Aggregate = prm.Product }, want: "best_of_n 100, weighted_vote 100", trust: true},
		{name: "scores aggregated otherwise, fewer problems", old: gate(100, true), fresh: gate(40, true, m(decode.Beam, 40, 0.3)),
			change: func(_, fresh *decode.Gate) { fresh.Aggregate = prm.Product }, want: "best_of_n 100, weighted_vote 100", kept: "best_of_n 100, weighted_vote 100", trust: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change != nil {
				tt.change(&tt.old, &tt.fresh)
			}
			merged, kept := MergeGates(&tt.old, tt.fresh)
			list := func(rows []decode.Measured) string {
				var out []string
				for _, r := range rows {
					out = append(out, fmt.Sprintf("%s %d", r.Strategy, r.Problems))
				}
				return strings.Join(out, ", ")
			}
			if list(merged.Measured) != tt.want || list(kept) != tt.kept || merged.Vote.Trusted() != tt.trust || merged.Escalate != tt.escalate {
				t.Errorf("%s; kept %s; trusted %v, escalates to %q", list(merged.Measured), list(kept), merged.Vote.Trusted(), merged.Escalate)
			}
			if merged.Source != fmt.Sprint(merged.Problems) {
				t.Errorf("%d problems of %s", merged.Problems, merged.Source)
			}
		})
	}
	fresh := gate(3, false)
	if merged, kept := MergeGates(nil, fresh); merged.Problems != 3 || len(kept) != 0 {
		t.Errorf("%+v, %v", merged, kept)
	}
	other := gate(200, true)
	other.N = 4
	if merged, _ := MergeGates(&other, gate(300, true, m(decode.Guided, 300, 0))); merged.N != 8 || merged.Measured[2].N != 8 {
		t.Errorf("%+v", merged)
	}
	other.Measured = append(other.Measured, m(decode.Beam, 200, 0.1))
	if merged, _ := MergeGates(&other, gate(300, true)); merged.N != 8 || merged.Measured[2].N != 4 {
		t.Errorf("a search of 4 is said to be of 8: %+v", merged)
	}
	// What was measured of programs stands or goes by its own problems, whatever the votes were measured on.
	for _, tt := range []struct{ votes, newVotes, drawing, newDrawing, want int }{
		{200, 30, 88, 120, 120}, {30, 200, 88, 40, 88}, {200, 30, 88, 88, 88}, {30, 200, 88, 0, 88}, {200, 30, 0, 40, 40},
	} {
		drawn := func(votes, problems int) decode.Gate {
			g := gate(votes, true)
			if problems > 0 {
				g.Drawing = &prm.Drawing{Problems: problems}
			}
			return g
		}
		old := drawn(tt.votes, tt.drawing)
		if merged, _ := MergeGates(&old, drawn(tt.newVotes, tt.newDrawing)); merged.Drawing == nil || merged.Drawing.Problems != tt.want {
			t.Errorf("%+v: %+v", tt, merged.Drawing)
		}
	}
}

func TestDistort(t *testing.T) {
	p := step.Problem{Question: "How many?"}
	score := func(kind string, seed int64, steps ...string) []prm.Score {
		s, err := Distort(script, kind, seed).Scorer(p)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Score(t.Context(), decode.Working{Steps: steps})
		if err != nil || len(out.Steps) != len(steps) {
			t.Fatalf("%d scores of %d steps, %v", len(out.Steps), len(steps), err)
		}
		return out.Steps
	}
	if s := score(Inverted, 1, "3 + 4 = 7")[0].Step; s != 0.7 {
		t.Errorf("0.3 inverted is %g", s)
	}
	if a, b, c := score(Noise, 1, "x")[0], score(Noise, 1, "x")[0], score(Noise, 2, "x")[0]; a != b || a == c {
		t.Errorf("noise: %v, again %v, of another seed %v", a, b, c)
	}
	mean, n := 0.0, 2000
	for i := range n {
		mean += score(Noise, 1, fmt.Sprint(i))[0].Step / float64(n)
	}
	if mean < 0.47 || mean > 0.53 {
		t.Errorf("noise has the mean %.3f", mean)
	}
	without := script
	without.scores = nil
	if s, err := Distort(without, Noise, 1).Scorer(p); s != nil || err != nil {
		t.Errorf("there is no PRM to spoil: %v, %v", s, err)
	}
}
