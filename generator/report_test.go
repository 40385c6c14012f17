package generator

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"aprm/prm/step"
)

func TestConfigNamesEveryField(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	err := Config{Attacks: -1, Temperature: -1, Floor: 0.5, HeldOut: 1, Tau: -1, Paraphrases: 2}.Validate()
	for _, field := range []string{"rounds", "problems", "samples", "attacks", "turns", "learner", "natural", "concurrency", "max_tokens", "temperature", "tau", "floor", "step_size", "paraphrases", "held_out", "instruction"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func TestNewRefusesProblems(t *testing.T) {
	good := step.Problem{ID: "a", Question: "q", Answer: "1"}
	for name, problems := range map[string][]step.Problem{"none": nil, "twice": {good, good}, "no answer": {{ID: "a", Question: "q"}}} {
		if _, err := New(DefaultConfig(), problems, Players{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestMeasure(t *testing.T) {
	at := func(problem string, l step.Verdict, s Source) Labelled {
		return Labelled{Prefix: step.Trace{Problem: step.Problem{ID: problem}}, Step: l, Source: s}
	}
	steps := []Labelled{at("a", step.Right, Own), at("a", step.Wrong, Attack), at("a", step.Wrong, Natural), at("b", step.Right, Natural), at("b", step.Wrong, Attack)}
	m := Measure(steps, []float64{0.9, 0.2, 0.6, 0.3, 0.1})
	if m.Natural != 1 || m.Synthetic != 2 || m.DetectNat != 0 || m.DetectSyn != 1 || m.FalseAlarm != 0.5 || m.AUC != 1 {
		t.Errorf("%+v", m)
	}
	if none := Measure(nil, nil); !math.IsNaN(float64(none.ECE)) || none.Steps != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

// healthy is a report that there is no reason for an alarm in.
func healthy() Report {
	r := newReport(0, []string{"a", "b"})
	r.drawnFrom(NewPolicy([]string{"a", "b"}, DefaultConfig()))
	r.Total = StrategyReport{Asked: 40, Usable: 30, Wrong: 25, Right: 3, Unknown: 2, steps: 25, sum: 10, above: 9}
	r.HeldOut = Measured{Steps: 60, Natural: 12, Synthetic: 20, DetectNat: 0.6, DetectSyn: 0.7, FalseAlarm: 0.1, ECE: 0.05, AUC: 0.8}
	return r
}

func TestAlarms(t *testing.T) {
	for _, tt := range []struct {
		name, want string // want "" for no alarm
		change     func(*Report)
	}{
		{"healthy", "", func(*Report) {}},
		{"blind", "does not see", func(r *Report) { r.Total.above = 24 }},
		{"safe", "teach nothing", func(r *Report) { r.Total.sum, r.Total.above = 0.5, 0 }},
		{"still correct", "still correct", func(r *Report) { r.Total.Wrong, r.Total.Right = 12, 16 }},
		{"one strategy still correct", "a's attacks", func(r *Report) { r.Strategies[0].Usable, r.Strategies[0].Right = 4, 2 }},
		{"unknown", "no verdict", func(r *Report) { r.Total.Wrong, r.Total.Unknown = 12, 16 }},
		{"unusable", "no use", func(r *Report) { r.Total.Asked = 60 }},
		{"narrow", "entropy", func(r *Report) {
			for k := range r.Entropy {
				r.Entropy[k] = 0.1
			}
		}},
		{"dialect", "points apart", func(r *Report) { r.HeldOut.DetectNat = 0.2 }},
		{"false alarms", "false alarms", func(r *Report) { r.HeldOut.FalseAlarm = 0.5 }},
		{"calibration", "calibration", func(r *Report) { r.HeldOut.ECE = 0.3 }},
		{"weak", "AUC", func(r *Report) { r.HeldOut.AUC = 0.5 }},
		{"format", "format alone", func(r *Report) { r.Probes.Format = 0.8 }},
		{"too few to tell", "", func(r *Report) { r.HeldOut.AUC, r.HeldOut.Steps = 0.5, 5 }},
		{"failures", "boom", func(r *Report) { r.Failures = []string{"boom"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := healthy()
			tt.change(&r)
			r.finish()
			if tt.want == "" && len(r.Alarms) > 0 || tt.want != "" && (len(r.Alarms) != 1 || !strings.Contains(r.Alarms[0], tt.want)) {
				t.Errorf("alarms %q, want %q", r.Alarms, tt.want)
			}
			if s := r.String(); tt.want != "" && !strings.Contains(s, "ALARM") {
				t.Errorf("no alarm in the table:\n%s", s)
			}
		})
	}
}

// A round without a single wrong attack still has a report that can be written and read.
func TestReportWithoutFigures(t *testing.T) {
	r := newReport(0, []string{"a"})
	r.drawnFrom(NewPolicy([]string{"a"}, DefaultConfig()))
	r.HeldOut = Measure(nil, nil)
	r.finish()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || !math.IsNaN(float64(back.Total.Fooling)) {
		t.Errorf("%v from %s", err, b)
	}
	if said := r.String(); strings.Contains(said, "NaN") {
		t.Errorf("the report says\n%s", said)
	}
}

// awake is blind until it has learned; then it sees all but a strategy.
type awake struct {
	scriptedReward
	never string
	woken bool
}

func (a *awake) Score(ctx context.Context, ex []Labelled) ([]float64, error) {
	out, err := a.scriptedReward.Score(ctx, ex)
	for i := range out {
		if a.woken && ex[i].Source == Attack && ex[i].Strategy != a.never {
			out[i] = 0.2
		}
	}
	return out, err
}

func (a *awake) Learn(ctx context.Context, round int, ex []Labelled) (LearnReport, error) {
	a.woken = true
	return a.scriptedReward.Learn(ctx, round, ex)
}

// TestExamples: of the attacks that fooled R, with what it said of them then and says now; those of held-out problems
// before others, those that it learned most of before others, and none that never fooled it.
func TestExamples(t *testing.T) {
	blind := tricksOf("relation")
	reward := &awake{scriptedReward: scriptedReward{blind: blind}}
	for name := range blind {
		if blind[name] {
			reward.never = max(reward.never, name)
		}
	}
	cfg := testConfig()
	cfg.Attacks = 30
	game, _ := newGame(t, cfg, &scripted{}, reward)
	state, err := game.Round(t.Context(), game.Start())
	if err != nil {
		t.Fatal(err)
	}
	examples := state.Reports[0].Examples
	if len(examples) == 0 || len(examples) > mostExamples {
		t.Fatalf("%d examples", len(examples))
	}
	held := 0
	for i, e := range examples {
		now := 0.2
		if e.Strategy == reward.never {
			now = 0.95
		}
		if !blind[e.Strategy] || e.Fooled != 0.95 || e.Now != now || e.Question == "" || e.Before == "" || e.After == "" || e.Before == e.After {
			t.Errorf("%+v", e)
		}
		if e.HeldOut {
			held++
		}
		if i > 0 && (e.HeldOut && !examples[i-1].HeldOut || e.HeldOut == examples[i-1].HeldOut && e.Now < examples[i-1].Now) {
			t.Errorf("%+v comes behind %+v", e, examples[i-1])
		}
	}
	if held == 0 || held == len(examples) {
		t.Errorf("%d of %d are held out: the order is not tried", held, len(examples))
	}
	if got := playRound(t, testConfig(), &scriptedReward{}).Examples; len(got) != 0 {
		t.Errorf("nothing fooled R, and the examples are %+v", got)
	}
}

// TestVerdict: a round's last line is its verdict, as people say it; rounds count from 1.
func TestVerdict(t *testing.T) {
	r := healthy()
	r.Round = 1
	r.HeldOut = Measured{Steps: 200, Natural: 40, Synthetic: 60, DetectNat: 0.88, DetectSyn: 0.999, FalseAlarm: 0.02, ECE: 0.05, AUC: 0.8}
	r.finish()
	lines := strings.Split(strings.TrimSpace(r.String()), "\n")
	last := lines[len(lines)-1]
	for _, want := range []string{"Round 2:", "9 of 10 of the model's own errors", "99 of 100 of the attacks", "2 of 100 of the correct steps for wrong"} {
		if !strings.Contains(last, want) {
			t.Errorf("no %q in %s", want, last)
		}
	}
	for share, want := range map[float64]string{0: "none", 0.004: "1 of 100", 0.3: "3 of 10", 0.98: "98 of 100", 1: "all"} {
		if got := tenths(share); got != want {
			t.Errorf("%g: %s, want %s", share, got, want)
		}
	}
}
