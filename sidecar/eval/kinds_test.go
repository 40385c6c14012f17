package eval

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// bothKinds makes up n problems with eight prose answers and four programs each. Prose is right as often as a problem
// is easy; programs likewise by an ease of their own, so that their slips are others, or, where they are bad, never.
func bothKinds(rng *rand.Rand, n int, bad bool) []Votes {
	out := make([]Votes, n)
	for i := range out {
		easy := []float64{rng.Float64(), rng.Float64()}
		for k := range 12 {
			kind := k / 8
			right := rng.Float64() < easy[kind] && !(bad && kind == 1)
			b := decode.Ballot{Answer: "1", Answered: true, Score: 0.5, Tokens: 10, Kind: step.Prose}
			if kind == 1 {
				b.Kind, b.Program = step.Program, true
			}
			if !right {
				b.Answer = fmt.Sprint(2 + 10*kind + rng.IntN(2))
			}
			out[i].Ballots, out[i].Right = append(out[i].Ballots, b), append(out[i].Right, right)
		}
	}
	return out
}

// Programs are mixed with prose where that was measured to gain, and not where they are of no use; of one kind, or of
// few problems, nothing is said.
func TestNewDrawing(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	good, bad := NewDrawing(bothKinds(rng, 100, false), 1, 500), NewDrawing(bothKinds(rng, 100, true), 1, 500)
	if good == nil || good.Use != step.Mixed || good.Problems != 100 || good.Check() != nil {
		t.Fatalf("%+v", good)
	}
	if bad == nil || bad.Use != step.OnlyProse {
		t.Fatalf("%+v", bad)
	}
	even := bothKinds(rng, 60, false) // as many of either: a vote of programs and one of both kinds are held against the same prose
	for i, v := range even {
		even[i] = Votes{slices.Concat(v.Ballots[:4], v.Ballots[8:]), slices.Concat(v.Right[:4], v.Right[8:])}
	}
	rows := map[string]int{}
	for _, v := range NewDrawing(even, 1, 100).Votes {
		rows[fmt.Sprint(v.Kinds, v.N)]++
	}
	if len(rows) != 3 || slices.Max(slices.Collect(maps.Values(rows))) > 1 {
		t.Errorf("rows %v", rows)
	}
	for _, v := range good.Votes {
		if math.Abs(v.Tokens-float64(10*v.N)) > 1e-6 || v.Kinds == step.Mixed && (v.N != 8 || v.Low <= 0 || v.Gain < 0.05) || v.Kinds == step.OnlyPrograms && v.N != 4 {
			t.Errorf("%+v", v)
		}
		if v.Auto < v.Weighted-0.06 || v.AutoTokens <= 0 || v.AutoTokens >= v.Tokens {
			t.Errorf("an early stop: %+v", v)
		}
	}
	if good.Mixed.Mix.Both <= 0 {
		t.Errorf("agreement of both kinds is worth nothing: %+v", good.Mixed)
	}
	t.Log(good)
	prose := bothKinds(rng, 60, false)
	for i := range prose {
		prose[i] = prose[i].Of(step.OnlyProse)
	}
	if NewDrawing(prose, 1, 100) != nil || NewDrawing(bothKinds(rng, 20, false), 1, 100) != nil {
		t.Error("something was measured of too little")
	}
}

func TestVotesOf(t *testing.T) {
	var v Votes
	for i, kind := range []step.Kind{step.Prose, "", step.Program, step.Prose, step.Program, step.Program} {
		v.Ballots, v.Right = append(v.Ballots, decode.Ballot{Answer: fmt.Sprint(i), Kind: kind}), append(v.Right, i%2 == 0)
	}
	for kinds, want := range map[step.Kinds]string{step.OnlyProse: "0 1 3", step.OnlyPrograms: "2 4 5", step.Mixed: "2 0 4 1 5 3"} {
		of := v.Of(kinds)
		var got []string
		for i, b := range of.Ballots {
			if got = append(got, b.Answer); of.Right[i] != (b.Answer == "0" || b.Answer == "2" || b.Answer == "4") {
				t.Errorf("%s: %s is right: %t", kinds, b.Answer, of.Right[i])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", kinds, got, want)
		}
	}
}

// Recorded answers of both kinds are measured alone and together, at equal numbers and at equal tokens, and what
// programs gave is counted.
func TestRecordedKinds(t *testing.T) {
	prose := func(answer string) decode.Sample {
		return decode.Sample{Kind: step.Prose, Text: "#### " + answer, Finish: decode.FinishEnd, CompletionTokens: 20}
	}
	program := func(text string) decode.Sample {
		return decode.Sample{Kind: step.Program, Text: text, Finish: decode.FinishEnd, CompletionTokens: 10}
	}
	problems := []step.Problem{{ID: "a", Question: "a?", Answer: "7"}, {ID: "b", Question: "b?", Answer: "8"}}
	samples := [][]decode.Sample{
		{prose("7"), prose("1"), prose("2"), prose("3"), program("x = 7\nprint(x)"), program("x = 14\nprint(x / 2)")},
		{prose("8"), prose("8"), prose("9"), prose("9"), program("print(y)"), program("I think it is 9.\n#### 9")},
	}
	pool, err := Recorded(t.Context(), problems, samples)
	if err != nil {
		t.Fatal(err)
	}
	report, err := pool.Measure(t.Context(), bench{}, Config{Options: decode.Options{N: 4}, Sizes: []int{2}, Programs: 2, Rotate: true, Draws: 100,
		Strategies: []string{decode.Majority, decode.Confident, decode.Auto}})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, r := range report.Rows {
		rows[r.Method] = r
	}
	for name, want := range map[string]struct{ accuracy, tokens float64 }{ // means over four orders of the answers
		"programs: majority-2":             {0.5, 20},   // a: both are right; b: none, one fails and one is prose
		"mixed: majority-4":                {0.625, 60}, // a: always; b: where both 8 are among two of prose
		"at equal tokens, mixed: majority": {0.625, 60},
		"at equal tokens, prose: majority": {0.375, 60}, // three of prose: a where 7 comes first, b where both 8 are there
		"mixed: pass@4 (the ceiling)":      {0.875, 60}, // b: where there is an 8 among two of prose
		"programs: pass@2 (the ceiling)":   {0.5, 20},
	} {
		if r, ok := rows[name]; !ok || r.Tokens != want.tokens || r.Accuracy.Mean != want.accuracy {
			t.Errorf("%s: %t, %.3f at %.0f tokens, want %.3f at %.0f", name, ok, r.Accuracy.Mean, r.Tokens, want.accuracy, want.tokens)
		}
	}
	k := report.Kinds
	if k == nil || k.Programs != 4 || k.Valued != 2 || k.Reasons["the program fails"] != 1 || k.Reasons[inProse] != 1 {
		t.Fatalf("%+v", k)
	}
	for _, a := range k.Agreements {
		want := map[string][2]float64{
			"a program and prose": {0.125, 1},    // a: 2 of 8 pairs, b: 0 of 8, half of each problem's
			"two of prose":        {1. / 6, 0.5}, // a: none of 6; b: 2 of 6, one of these right
			"two programs":        {0.5, 1},      // a: the one pair; b: nothing to compare
		}[a.Pair]
		if a.Agree.Mean < want[0]-1e-9 || a.Agree.Mean > want[0]+1e-9 || a.Right.Mean != want[1] {
			t.Errorf("%s: agree %.3f, of these right %.3f; want %.3f", a.Pair, a.Agree.Mean, a.Right.Mean, want)
		}
	}
	found := false
	for _, c := range k.Comparisons {
		found = found || c.Row == "mixed: majority-4" && c.Against == "majority-4" && c.Tokens == 0.75
	}
	if table := report.Markdown(); !found || !strings.Contains(table, "2 of 4 (50.0 %) give a value") || !strings.Contains(table, "| at equal tokens, mixed: majority | at equal tokens, prose: majority |") {
		t.Errorf("%+v\n%s", k.Comparisons, table)
	}
}

// A pool that is drawn of both kinds has them in turn, whichever request was answered first, and is voted on as it was
// drawn.
func TestDrawOfBothKinds(t *testing.T) {
	p := problems[:1]
	b := bench{pools: map[string][]string{"a": {"#### 1", "#### 7", "print(7)", "print(7)", "print(7)", "print(7)"}}}
	cfg := Config{Options: decode.Options{N: 4, Kinds: step.Mixed}, Draws: 50, Strategies: []string{decode.Majority}}
	pool, err := Draw(t.Context(), byKind{b}, p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, s := range pool.Samples(0) {
		order = append(order, string(s.Kind)+" "+s.Text)
	}
	if got := strings.Join(order, ", "); got != "program print(7), prose #### 1, program print(7), prose #### 7" {
		t.Errorf("%s", got)
	}
	report, err := pool.Measure(t.Context(), byKind{b}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Rows {
		if r.Method == "majority-4" && r.Accuracy.Mean != 1 {
			t.Errorf("%+v", r.Outcomes)
		}
	}
}

// byKind is a bench whose pool's first two are prose and the others programs.
type byKind struct{ bench }

func (b byKind) Sampler(p step.Problem) (decode.Sampler, error) {
	return kindSampler(b.pools[p.ID]), nil
}

type kindSampler []string

func (k kindSampler) Sample(_ context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	from := k[:2]
	if req.Kind == step.Program {
		from = k[2:]
	}
	var out []decode.Sample
	for _, text := range from[:req.N] {
		out = append(out, decode.Sample{Text: text, Finish: decode.FinishEnd, CompletionTokens: 3})
	}
	return out, nil
}
