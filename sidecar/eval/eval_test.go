package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"aprm/prm"
	"aprm/prm/casetest"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// bench is a scripted LLM and PRM: pools of whole solutions by problem, and scores by text.
type bench struct {
	pools  map[string][]string
	scores map[string]float64 // nil for no PRM
	fail   error
}

func (b bench) Sampler(p step.Problem) (decode.Sampler, error) {
	return sampler{b.pools[p.ID], b.fail}, nil
}

func (b bench) Scorer(step.Problem) (decode.Scorer, error) {
	if b.scores == nil {
		return nil, nil
	}
	return scorer(b.scores), nil
}

type sampler struct {
	pool []string
	fail error
}

// Sample deals the pool in order; asked greedily, its last; asked for steps, the first one's steps.
func (s sampler) Sample(_ context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	var out []decode.Sample
	for i := range req.N {
		sample := decode.Sample{Text: s.pool[i%len(s.pool)], Finish: decode.FinishEnd, PromptTokens: 10, CompletionTokens: 50}
		switch {
		case req.OneStep:
			steps := strings.Split(s.pool[0], "\n")
			sample = decode.Sample{Text: steps[len(req.Prefix)], Finish: decode.FinishStep, CompletionTokens: 5}
		case req.Temperature == 0:
			sample.Text = s.pool[len(s.pool)-1]
		}
		out = append(out, sample)
	}
	return out, nil
}

type scorer map[string]float64

func (s scorer) Score(_ context.Context, w decode.Working) (prm.Judgement, error) {
	out := make([]prm.Score, len(w.Steps))
	for i, text := range w.Steps {
		out[i].Step = s[text]
	}
	return prm.Judgement{Steps: out}, nil
}

var problems = []step.Problem{{ID: "a", Question: "?", Answer: "7"}, {ID: "b", Question: "?", Answer: "8"}}

// In problem a the vote is right and the PRM picks the wrong one; in problem b it is the other way round.
var script = bench{
	pools: map[string][]string{
		"a": {"3 + 4 = 7\n#### 7", "3 * 4 = 12\n#### 12", "4 + 3 = 7\n#### 7", "3 - 4 = -1\n#### -1"},
		"b": {"2 + 6 = 8\n#### 8", "2 * 6 = 12\n#### 12", "6 * 2 = 12\n#### 12", "6 + 2 = 8\n#### 9"},
	},
	scores: map[string]float64{
		"3 + 4 = 7": 0.3, "#### 7": 0.9, "3 * 4 = 12": 0.9, "#### 12": 0.9, "4 + 3 = 7": 0.2, "3 - 4 = -1": 0.1, "#### -1": 0.1,
		"2 + 6 = 8": 0.95, "#### 8": 0.95, "2 * 6 = 12": 0.2, "6 * 2 = 12": 0.3, "6 + 2 = 8": 0.9, "#### 9": 0.1,
	},
}

func TestAnswers(t *testing.T) {
	report, err := Answers(t.Context(), script, problems, Config{Options: decode.Options{N: 4, Seed: 3}, Parallel: 2, Draws: 200})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		method  string
		correct [2]float64
		tokens  float64
	}{
		{"greedy", [2]float64{0, 0}, 50},
		{"pass@1 (mean of the pool)", [2]float64{0.5, 0.25}, 50},
		{"majority-4", [2]float64{1, 0}, 200},
		{"confident-vote-4", [2]float64{1, 0}, 200}, // there are no log-probabilities: a plain vote
		{"best-of-4", [2]float64{0, 1}, 200},
		{"weighted-vote-4", [2]float64{0, 1}, 200},
		{"auto-4", [2]float64{1, 0}, 175}, // of the first three, two agree; in the second one is to come yet that could change it
		{"guided-4", [2]float64{1, 1}, 40},
		{"beam-4", [2]float64{1, 1}, 40},
		{"dvts-4", [2]float64{1, 1}, 40},
		{"particle-4", [2]float64{1, 1}, 40},
		{"rebase-4", [2]float64{1, 1}, 40},
		{"pass@4 (the ceiling)", [2]float64{1, 1}, 200},
	}
	if len(report.Rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(report.Rows), len(want))
	}
	for i, w := range want {
		row := report.Rows[i]
		if row.Method != w.method {
			t.Fatalf("row %d is %s, want %s", i, row.Method, w.method)
		}
		for j := range problems {
			if got := row.Outcomes[j].Correct; got != w.correct[j] {
				t.Errorf("%s on %s: %v, want %v (answer %q)", w.method, problems[j].ID, got, w.correct[j], row.Outcomes[j].Answer)
			}
		}
		if row.Tokens != w.tokens {
			t.Errorf("%s: %.0f tokens, want %.0f", w.method, row.Tokens, w.tokens)
		}
		mean := (w.correct[0] + w.correct[1]) / 2
		if a := row.Accuracy; a.Mean != mean || a.Low > mean || a.High < mean {
			t.Errorf("%s: accuracy %+v, want around %v", w.method, a, mean)
		}
		if d := row.VsMajority.Mean; math.Abs(d-(mean-0.5)) > 1e-12 {
			t.Errorf("%s: %+v against majority, want %v", w.method, d, mean-0.5)
		}
	}
	again, err := Answers(t.Context(), script, problems, Config{Options: decode.Options{N: 4, Seed: 3}, Draws: 200})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := tableWithoutSeconds(report), tableWithoutSeconds(again); a != b {
		t.Errorf("the same measurement twice:\n%s\n%s", a, b)
	}
}

// tableWithoutSeconds is the table without its last column, which is never the same.
func tableWithoutSeconds(r Report) string {
	var b strings.Builder
	for line := range strings.Lines(r.Markdown()) {
		cells := strings.Split(line, "|")
		fmt.Fprintln(&b, strings.Join(cells[:max(1, len(cells)-2)], "|"))
	}
	return b.String()
}

func TestTable(t *testing.T) {
	report, err := Answers(t.Context(), script, problems[:1], Config{Options: decode.Options{N: 4, Seed: 3}, Strategies: []string{decode.Greedy, decode.BestOfN, decode.WeightedVote}, Draws: 50})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Rows {
		report.Rows[i].Seconds = 1.25
	}
	want := `| method | correct [95 %] | not told | against majority [95 %] | tokens generated | tokens read | LLM calls | PRM calls | seconds |
|---|---|---:|---|---:|---:|---:|---:|---:|
| greedy | 0.0 % [0.0, 0.0] | 0.0 % | -100.0 [-100.0, -100.0] | 50 | 10 | 1.0 | 0.0 | 1.2 |
| pass@1 (mean of the pool) | 50.0 % [50.0, 50.0] | 0.0 % | -50.0 [-50.0, -50.0] | 50 | 40 | 1.0 | 0.0 | 1.2 |
| majority-4 | 100.0 % [100.0, 100.0] | 0.0 % | +0.0 [+0.0, +0.0] | 200 | 40 | 1.0 | 0.0 | 1.2 |
| best-of-4 | 0.0 % [0.0, 0.0] | 0.0 % | -100.0 [-100.0, -100.0] | 200 | 40 | 1.0 | 4.0 | 1.2 |
| weighted-vote-4 | 0.0 % [0.0, 0.0] | 0.0 % | -100.0 [-100.0, -100.0] | 200 | 40 | 1.0 | 4.0 | 1.2 |
| pass@4 (the ceiling) | 100.0 % [100.0, 100.0] | 0.0 % | +0.0 [+0.0, +0.0] | 200 | 40 | 1.0 | 0.0 | 1.2 |
`
	if got := report.Markdown(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	report.AUC.Mean, report.AUC.Low, report.AUC.High = math.NaN(), math.NaN(), math.NaN()
	if got := report.Markdown(); strings.Contains(got, "NaN") || !strings.Contains(got, "AUC of whole answers within a problem: unknown") {
		t.Errorf("nothing to compare: %s", got)
	}
}

// Beginnings are told apart by their steps' number, by what a search would go by; without a PRM, and where none are
// asked for, they aren't.
func TestBeginnings(t *testing.T) {
	cfg := Config{Options: decode.Options{N: 4}, Beginnings: 3, Draws: 100}
	report, err := Answers(t.Context(), script, problems, cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Of a: 0.3 and 0.2 are right, 0.9 and 0.1 wrong; of b: 0.95 right, 0.2, 0.3 and 0.9 wrong. All have two steps, and
	// the least counts.
	want := []Beginning{{Steps: 1, Pairs: 7}, {Steps: 2, Pairs: 7}}
	if len(report.Begun) != 2 {
		t.Fatalf("%+v", report.Begun)
	}
	for i, b := range report.Begun {
		if b.Steps != want[i].Steps || b.Pairs != want[i].Pairs || math.Abs(b.AUC.Mean-5.0/7) > 1e-9 {
			t.Errorf("%+v, want %+v with an AUC of 5/7", b, want[i])
		}
	}
	if said := report.Markdown(); !strings.Contains(said, "AUC of beginnings within a problem, by their steps: 1: 0.714 ") {
		t.Error(said)
	}
	none := cfg
	none.Beginnings = 0
	for name, test := range map[string]struct {
		bench bench
		cfg   Config
	}{"none asked for": {script, none}, "no PRM": {bench{pools: script.pools}, cfg}} {
		if report, err = Answers(t.Context(), test.bench, problems, test.cfg); err != nil || report.Begun != nil || strings.Contains(report.Markdown(), "beginnings") {
			t.Errorf("%s: %v, %+v", name, err, report.Begun)
		}
	}
}

func TestWithoutPRM(t *testing.T) {
	blind := script
	blind.scores = nil
	report, err := Answers(t.Context(), blind, problems, Config{Options: decode.Options{N: 4}, Draws: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		for _, needs := range []string{"best", "weighted", "guided", "beam", "dvts", "particle", "rebase"} {
			if strings.HasPrefix(row.Method, needs) {
				t.Errorf("%s was measured without a PRM", row.Method)
			}
		}
	}
}

func TestAnswersFails(t *testing.T) {
	broken := script
	broken.fail = errors.New("no server")
	if _, err := Answers(t.Context(), broken, problems, Config{Options: decode.Options{N: 2}}); err == nil || !strings.Contains(err.Error(), "no server") {
		t.Errorf("%v", err)
	}
}

func TestSteps(t *testing.T) {
	solution := func(first int, steps ...string) step.Judged {
		return step.Judged{Trace: step.Trace{Problem: step.Problem{ID: steps[0]}, Steps: steps}, FirstWrong: first}
	}
	solutions := []step.Judged{
		solution(1, "good 1", "bad 1", "whatever"), // found
		solution(2, "good 1", "good 2", "bad 2"),   // a right step scores lower
		solution(-1, "good 1", "good 3"),           // all right
	}
	scores := map[string]float64{"good 1": 0.9, "good 2": 0.3, "good 3": 0.8, "bad 1": 0.2, "bad 2": 0.5, "whatever": 0}
	score := func(_ context.Context, tr step.Trace, _ [][]step.Token) ([]prm.Score, bool, error) {
		found, err := scorer(scores).Score(context.Background(), decode.Working{Steps: tr.Steps})
		return found.Steps, false, err
	}
	found, err := ScoreSteps(t.Context(), score, solutions, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := CompareSteps("scripted", solutions, found, 1, 100)
	// Within traces: (0.9 over 0.2), (0.9 over 0.5), (0.3 under 0.5) → 2 of 3. All steps: 0.2 is below all five, 0.5
	// below four… of five: 9 of 10.
	if got := row.WithinTrace.Mean; math.Abs(got-2.0/3) > 1e-9 {
		t.Errorf("within traces %.3f", got)
	}
	if got := row.Pooled.Mean; math.Abs(got-0.9) > 1e-9 {
		t.Errorf("pooled %.3f", got)
	}
	// At the second place: 0.2 is below 0.3 and 0.8.
	if got := row.AtPosition.Mean; got != 1 {
		t.Errorf("at the same position %.3f", got)
	}
	if row.FirstError.Mean != 0.5 || row.Steps != 7 {
		t.Errorf("first errors found: %v, of %d steps", row.FirstError, row.Steps)
	}

	// Below 0.4: the first solution's error is found, the second's isn't (the right step before it is blamed), the
	// third is cleared.
	f := MeasureSteps(solutions, found, 0.4)
	if f.N != 3 || f.ErrorAcc != 0.5 || f.CorrectAcc != 1 || math.Abs(float64(f.F1)-2.0/3) > 1e-9 || f.Threshold != 0.4 {
		t.Errorf("%+v", f)
	}
	if math.Abs(float64(f.AUC)-0.9) > 1e-9 || math.Abs(float64(f.InTrace)-2.0/3) > 1e-9 {
		t.Errorf("AUC %v, within traces %v", f.AUC, f.InTrace)
	}
	if math.IsNaN(float64(f.ECE)) || f.ECE < 0 || f.ECE > 1 {
		t.Errorf("ECE %v", f.ECE)
	}
	if f := MeasureSteps(solutions[:1], found[:1], 0.4); !math.IsNaN(float64(f.CorrectAcc)) || !math.IsNaN(float64(f.F1)) {
		t.Errorf("without right solutions: %+v", f)
	}

	places, err := ScoreSteps(t.Context(), Position, solutions, nil)
	if err != nil {
		t.Fatal(err)
	}
	position := CompareSteps("position", solutions, places, 1, 100)
	if position.WithinTrace.Mean != 1 || position.AtPosition.Mean != 0.5 {
		t.Errorf("knowing the place alone: %v within traces, %v at the same place; want 1 and 0.5", position.WithinTrace.Mean, position.AtPosition.Mean)
	}
}

func TestAPoolIsDrawnOnceAndMeasuredAtEverySize(t *testing.T) {
	cfg := Config{Options: decode.Options{N: 4, Seed: 3}, Sizes: []int{1, 2}, Draws: 50, Strategies: []string{decode.BestOfN}}
	pool, err := Draw(t.Context(), script, problems, cfg)
	if err != nil {
		t.Fatal(err)
	}
	offline := script
	offline.fail = errors.New("asked again")
	report, err := pool.Measure(t.Context(), offline, cfg)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Answers(t.Context(), script, problems, Config{Options: cfg.Options, Draws: 50})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Row{}
	for _, r := range append(whole.Rows, report.Rows...) {
		byName[r.Method] = r
	}
	for name, want := range map[string]float64{"majority-1": 1, "best-of-1": 1, "best-of-2": 0.5, "best-of-4": 0.5, "pass@2 (the ceiling)": 1} {
		r, ok := byName[name]
		if !ok || r.Accuracy.Mean != want {
			t.Errorf("%s: %+v, want %v", name, r.Accuracy, want)
		}
	}
	if r := byName["best-of-2"]; r.Tokens != 100 || r.VsMajority.Mean != r.Accuracy.Mean-byName["majority-2"].Accuracy.Mean {
		t.Errorf("%+v: want the tokens of two samples, and the vote of two beside it", r)
	}
	if _, err := pool.Measure(t.Context(), offline, Config{Options: decode.Options{N: 8}}); err == nil {
		t.Error("a pool of 4 gave a vote of 8")
	}
}

// replacing draws another in the place of a candidate that died, and hands in the dead one behind those asked for, as
// engine does.
type replacing struct{ bench }

func (r replacing) Sampler(p step.Problem) (decode.Sampler, error) {
	s, err := r.bench.Sampler(p)
	return withDead{s}, err
}

type withDead struct{ decode.Sampler }

func (w withDead) Sample(ctx context.Context, req decode.SampleRequest) ([]decode.Sample, error) {
	samples, err := w.Sampler.Sample(ctx, req)
	return append(samples, decode.Sample{Err: errors.New("cut off"), CompletionTokens: 30}), err
}

// TestTheDeadAreNotInThePool: pass@1 is the share of the answers asked for that are right, however many calls they
// took.
func TestTheDeadAreNotInThePool(t *testing.T) {
	report, err := Answers(t.Context(), replacing{script}, problems, Config{Options: decode.Options{N: 4, Seed: 3}, Draws: 200, Strategies: []string{decode.Majority}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if strings.HasPrefix(row.Method, "pass@1") && (row.Outcomes[0].Correct != 0.5 || row.Outcomes[1].Correct != 0.25 || row.Tokens != 50) {
			t.Errorf("%+v", row)
		}
	}
}

// TestWhatCannotBeToldIsSaid beside every figure, and in a sentence.
func TestWhatCannotBeToldIsSaid(t *testing.T) {
	mute := bench{pools: map[string][]string{
		"a": {"#### 7", "I don't know.", "Who could say?", "It is what it is."},
		"b": {"#### 7", "#### 7", "#### 7", "I don't know."},
	}}
	of := []step.Problem{{ID: "a", Question: "?", Answer: "7"}, {ID: "b", Question: "?", Answer: `$\frac{$`}}
	report, err := Answers(t.Context(), mute, of, Config{Options: decode.Options{N: 4, Seed: 3}, Draws: 50, Strategies: []string{decode.Greedy, decode.Majority}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Untold{Golds: 1, Answers: 8, Empty: 4, Uncompared: 3}); report.Untold == nil || *report.Untold != want {
		t.Errorf("%+v, want %+v", report.Untold, want)
	}
	for _, row := range report.Rows {
		want := map[string]float64{"greedy": 1, "pass@1 (mean of the pool)": (0.75 + 1) / 2, "majority-4": 0.5, "pass@4 (the ceiling)": 0.5}[row.Method]
		if row.Untold != want {
			t.Errorf("%s: %v can't be told, want %v", row.Method, row.Untold, want)
		}
	}
	text := report.Markdown()
	for _, want := range []string{"| 50.0 % [0.0, 100.0] | 50.0 % |", "of 8 answers drawn 4 gave nothing to extract and 3 can't be compared with the problem's; the final answers of 1 problems can't be read."} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}
