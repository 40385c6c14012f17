package decode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// bilingual is an LLM that answers in prose, or with a program where it is asked for one; each in turn.
type bilingual struct {
	prose, programs []string
	explanation     string // of a solution, where it is asked for one; "" for an error
	mu              sync.Mutex
	dealt           [2]int
	asked           []SampleRequest
}

func (b *bilingual) Sample(_ context.Context, req SampleRequest) ([]Sample, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, req)
	texts, dealt := b.prose, &b.dealt[0]
	if req.Kind == step.Program {
		texts, dealt = b.programs, &b.dealt[1]
	}
	if req.Explain != "" {
		texts, dealt = []string{b.explanation}, new(int)
	}
	if len(texts) == 0 || texts[0] == "" {
		return nil, errors.New("nothing is scripted")
	}
	var out []Sample
	for range req.N {
		text := texts[*dealt%len(texts)]
		*dealt++
		s := Sample{Text: text, Finish: FinishEnd, CompletionTokens: 5}
		if req.LogProbs {
			for line := range strings.SplitAfterSeq(text, "\n") {
				s.Tokens = append(s.Tokens, step.Token{Text: line, LogProb: -0.1})
			}
		}
		out = append(out, s)
	}
	return out, nil
}

const (
	boxes = "```python\nboxes = 3\npens = boxes * 12\nprint(pens)\n```" // 36
	slip  = "pens = 3 + 12\nprint(pens)"                                // 15
	broke = "```python\nprint(apples)\n```"
)

func kindsOf(r Result) string {
	var out []string
	for _, c := range r.Candidates {
		out = append(out, string(c.Kind))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "+")
}

// Candidates of both kinds vote together; what a person sees is prose: the working of the prose that came to the
// answer, else the program's steps.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		name            string
		kinds           step.Kinds
		n               int
		prose, programs []string
		answer, text    string
		kind            string
	}{
		{"prose by default", "", 2, []string{"It is 36.\n#### 36"}, nil, "36", "It is 36.\n#### 36", "prose"},
		{"programs alone", step.OnlyPrograms, 2, nil, []string{boxes, slip, boxes}, "36", "boxes = 3\npens = boxes * 12 = 3 * 12 = 36\n#### 36", "program"},
		{"both agree", step.Mixed, 4, []string{"It is 36.\n#### 36", "It is 15.\n#### 15"}, []string{boxes, broke}, "36", "It is 36.\n#### 36", "program+prose"},
		{"programs outvote prose", step.Mixed, 4, []string{"#### 1", "#### 2"}, []string{boxes}, "36", "boxes = 3\npens = boxes * 12 = 3 * 12 = 36\n#### 36", "program+prose"},
		{"the program came first, prose is shown", step.Mixed, 6, []string{"#### 1", "Thirty-six.\n#### 36", "#### 2"}, []string{boxes}, "36", "Thirty-six.\n#### 36", "program+prose"},
		{"no program has a value", step.Mixed, 4, []string{"#### 7"}, []string{broke}, "7", "#### 7", "program+prose"},
	} {
		for _, strategy := range []string{Majority, Confident, WeightedVote, BestOfN} {
			if strategy == BestOfN && test.name != "programs alone" && test.name != "no program has a value" {
				continue // which of several answers it takes is up to the scores
			}
			llm := &bilingual{prose: test.prose, programs: test.programs}
			scorer := &table{scores: map[string]float64{"pens = 3 + 12 = 15": 0.1}}
			r := solve(t, llm, scorer, Options{Strategy: strategy, N: test.n, Kinds: test.kinds})
			if r.Answer != test.answer || r.Text != test.text || len(r.Candidates) != test.n || kindsOf(r) != test.kind {
				t.Errorf("%s, %s: %q, %q by %d candidates of %s", test.name, strategy, r.Answer, r.Text, len(r.Candidates), kindsOf(r))
			}
			for _, c := range r.Candidates {
				if c.Text == broke && (c.Answered || !strings.HasPrefix(c.Dropped, "no value: ") || !strings.Contains(c.Dropped, "apples")) {
					t.Errorf("%s, %s: a program that fails: %+v", test.name, strategy, c)
				}
				if c.Text == boxes && c.Answer != "36" {
					t.Errorf("%s, %s: %+v", test.name, strategy, c)
				}
			}
			for _, req := range llm.asked {
				if want := map[step.Kinds]int{step.Mixed: test.n / 2}[test.kinds]; want > 0 && req.N != want {
					t.Errorf("%s, %s: %d of kind %s were asked for at once, want %d", test.name, strategy, req.N, req.Kind, want)
				}
			}
		}
	}
}

// A program comes first, and alone where the rule says that it may be enough, else one of each; where they agree that
// settles a vote whose rule says so, else it goes on.
func TestAutoDrawsOneOfEachFirst(t *testing.T) {
	rule := vote.Rule{Beta: 1, Power: 1, Nats: 1, Margin: 0.1, Problems: 50, Stop: vote.Stop{Bias: -1, Lead: 0.5, Both: 5, At: 0.9}}
	gate := func(use step.Kinds) *Gate {
		g := trusting()
		g.Drawing = &prm.Drawing{Use: use, Programs: rule, Mixed: rule, Problems: 50}
		return g
	}
	sure := gate(step.Mixed)
	sure.Drawing.Mixed.Stop.Bias = 5
	for _, test := range []struct {
		name     string
		gate     *Gate
		kinds    step.Kinds
		programs []string
		drawn    int
		kind     string
	}{
		{"they agree", gate(step.Mixed), "", []string{boxes}, 2, "program+prose"},
		{"at odds", gate(step.Mixed), "", []string{slip, slip, boxes}, 3, "program+prose"}, // a second prose answer, and no third
		{"the gate says prose", gate(step.OnlyProse), "", nil, 0, "prose"},
		{"the program alone is enough", sure, "", []string{boxes}, 1, "program"},
		{"asked for, whatever the gate says", gate(step.OnlyProse), step.Mixed, []string{boxes}, 2, "program+prose"},
		{"nothing measured", trusting(), "", nil, 0, "prose"},
	} {
		llm := &bilingual{prose: []string{"It is 36.\n#### 36"}, programs: test.programs}
		r := solve(t, llm, &table{}, Options{Strategy: Auto, N: 8, Kinds: test.kinds, Gate: test.gate})
		if test.name == "at odds" {
			if r.Auto.Drawn < 3 {
				t.Errorf("%s: it stopped after %d", test.name, r.Auto.Drawn)
			}
		} else if test.drawn > 0 && r.Auto.Drawn != test.drawn {
			t.Errorf("%s: %d were drawn, want %d: %+v", test.name, r.Auto.Drawn, test.drawn, r.Auto)
		}
		if r.Answer != "36" || kindsOf(r) != test.kind || (r.Auto.Kinds != "") != (test.kind != "prose") {
			t.Errorf("%s: %q of %s, %+v", test.name, r.Answer, kindsOf(r), r.Auto)
		}
	}
}

// Where logits were measured to be worth nothing and the agreement of both kinds something, auto's vote counts as it
// was measured: heads, and which kinds agree.
func TestAutoCountsAgreementOfKindsWithoutLogits(t *testing.T) {
	for both, want := range map[float64]string{0: "15", 3: "36"} {
		g := trusting()
		g.Drawing = &prm.Drawing{Use: step.Mixed, Mixed: vote.Rule{Power: 1, Mix: vote.Mix{Both: both, Nats: 1, Margin: 0.1}}, Problems: 50}
		llm := &bilingual{prose: []string{"#### 36", "#### 1", "#### 2", "#### 4"}, programs: []string{boxes, slip, slip, slip}}
		r := solve(t, llm, &table{}, Options{Strategy: Auto, N: 8, Gate: g})
		if r.Answer != want || r.Auto.Vote != "plain" || r.Auto.Rule.Mix != g.Drawing.Mixed.Mix {
			t.Errorf("with %g for both kinds %q, want %q: %+v", both, r.Answer, want, r.Auto)
		}
	}
}

// What was measured of votes over prose says nothing of votes over programs, nor the other way round; each says which
// it speaks of.
func TestEveryKindIsWeighedByItsOwnMeasurement(t *testing.T) {
	rule := trusting().Vote
	rule.Power = 2
	prose, programs := trusting(), trusting()
	programs.Vote, programs.Drawing = vote.Rule{}, &prm.Drawing{Use: step.OnlyPrograms, Programs: rule, Problems: 40}
	weak := vote.Rule{Power: 1, Margin: 0.1, Problems: 40}
	both := trusting()
	both.Drawing = &prm.Drawing{Use: step.Mixed, Programs: rule, Mixed: weak, Problems: 40}
	for _, test := range []struct {
		name   string
		gate   *Gate
		kinds  step.Kinds
		weighs vote.Rule // a vote that is asked for by name
		auto   vote.Rule
		says   string
	}{
		{"prose of prose", prose, step.OnlyProse, prose.Vote, prose.Vote, "votes are weighed by the PRM"},
		{"mixed of prose", prose, step.Mixed, Unmeasured, vote.Plain, "nothing was measured of this PRM's word over programs and prose"},
		{"programs of prose", prose, step.OnlyPrograms, Unmeasured, vote.Plain, "nothing was measured of this PRM's word over programs"},
		{"prose of programs", programs, step.OnlyProse, Unmeasured, vote.Plain, "nothing was measured of this PRM's word; "},
		{"programs of programs", programs, step.OnlyPrograms, rule, rule, "votes over programs are weighed by the PRM (beta 1, power 2): "},
		{"mixed of programs", programs, step.Mixed, Unmeasured, vote.Plain, "nothing was measured of this PRM's word over programs and prose"},
		{"mixed of mixed", both, step.Mixed, weak, vote.Plain, "the PRM's word has no say over programs and prose: +0.000 nats a problem, 0.100 are chance, by 40 of 40 problems"},
	} {
		var o Options
		o.By(test.gate)
		if got := o.withDefaults().rule(test.kinds); got != test.weighs {
			t.Errorf("%s: votes count by %+v, want %+v", test.name, got, test.weighs)
		}
		if got := test.gate.Rule(test.kinds); got != test.auto {
			t.Errorf("%s: auto's votes count by %+v, want %+v", test.name, got, test.auto)
		}
		llm := &bilingual{prose: []string{"#### 36"}, programs: []string{boxes}}
		if r := solve(t, llm, &table{}, Options{Strategy: Auto, N: 4, Kinds: test.kinds, Gate: test.gate}); !strings.HasPrefix(r.Auto.Reason, test.says) {
			t.Errorf("%s: %q, want %q", test.name, r.Auto.Reason, test.says)
		}
	}
	for gate, want := range map[*Gate]bool{prose: true, programs: true, both: false} {
		if gate.Weighs() != want {
			t.Errorf("%s: weighs %t", gate, !want)
		}
	}
}

// The program comes as a block of code where it is asked for, before the working, whoever came to the answer.
func TestShowProgram(t *testing.T) {
	const code = "```python\nboxes = 3\npens = boxes * 12\nprint(pens)\n```\n\n"
	for _, prose := range []string{"It is 36.\n#### 36", "#### 1"} {
		r := solve(t, &bilingual{prose: []string{prose}, programs: []string{boxes, boxes}}, nil, Options{Strategy: Majority, N: 4, Kinds: step.Mixed, ShowProgram: true})
		want := code + "boxes = 3\npens = boxes * 12 = 3 * 12 = 36\n#### 36"
		if prose != "#### 1" {
			want = code + prose
		}
		if r.Text != want && !(prose == "#### 1" && r.Text == prose) {
			t.Errorf("%q", r.Text)
		}
	}
}

// A vote takes whole answers; what builds them step by step says so.
func TestKindsAreForVotes(t *testing.T) {
	for _, d := range Strategies() {
		err := Options{Strategy: d.Name, Kinds: step.Mixed}.Validate()
		if (err == nil) != Votes(d.Name) || err != nil && !strings.Contains(err.Error(), "kinds: ") {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if err := (Options{Kinds: "verse"}).Validate(); err == nil || !strings.Contains(err.Error(), "kinds: ") {
		t.Errorf("verse: %v", err)
	}
}

// With a budget, in waves, each turn still has its own kind, and none is passed.
func TestMixedWithinABudget(t *testing.T) {
	llm := &bilingual{prose: []string{"#### 36"}, programs: []string{boxes}}
	r := solve(t, llm, nil, Options{Strategy: Majority, N: 8, Kinds: step.Mixed, MaxTokens: 5, TokenBudget: 15})
	if r.CompletionTokens != 15 || r.Stopped != StoppedBudget || kindsOf(r) != "program+prose" {
		t.Errorf("%d tokens, %q, %s", r.CompletionTokens, r.Stopped, kindsOf(r))
	}
}

// The steps of a program have the tokens of the lines that they came from, wherever in the answer the program stands.
func TestTokensOfAProgram(t *testing.T) {
	s := Sample{Kind: step.Program, Text: "Here it is:\n```python\n    boxes = 3\n    pens = boxes * 12\n    print(pens)\n```\nDone."}
	for _, text := range []string{"Here it", " is:\n", "```python\n", "    boxes", " = 3\n", "    pens =", " boxes * 12", "\n", "    print(pens)", "\n", "```\nDone."} {
		s.Tokens = append(s.Tokens, step.Token{Text: text})
	}
	r := s.Read(t.Context())
	var got []string
	for i, tokens := range r.Tokens {
		line := ""
		for _, token := range tokens {
			line += token.Text
		}
		got = append(got, fmt.Sprintf("%s|%s", r.Steps[i], strings.TrimSpace(line)))
	}
	want := "boxes = 3|boxes = 3; pens = boxes * 12 = 3 * 12 = 36|pens = boxes * 12; #### 36|print(pens)"
	if strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
