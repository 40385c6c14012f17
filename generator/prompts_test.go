package generator

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
)

func testTarget() Target {
	return Target{
		Prefix: step.Trace{Problem: step.Problem{ID: "p", Question: "Ann has 3 boxes of 4 pens and loses 5. How many are left?"}, Steps: []string{"The boxes hold 3 * 4 = 12 pens."}},
		Text:   "She has 12 - 5 = 7 pens left.", Source: Own, Kind: Additive,
	}
}

func TestParseStep(t *testing.T) {
	const wrong = "She has 12 + 5 = 17 pens left."
	for _, tt := range []struct {
		name, reply string
		cut         bool
		want        string
		err         error
	}{
		{"plain", wrong, false, wrong, nil},
		{"second line", wrong + "\nThis is wrong because", false, wrong, nil},
		{"leading break", "\n\n" + wrong, false, wrong, nil},
		{"label", "Step: " + wrong, false, wrong, nil},
		{"two labels", "Rewritten step: Step 2: " + wrong, false, wrong, nil},
		{"bold label", "**Wrong:** " + wrong, false, wrong, nil},
		{"quotes", "\"" + wrong + "\"", false, wrong, nil},
		{"curly quotes", "“" + wrong + "”", false, wrong, nil},
		{"a colon of its own", "Pens left: 12 + 5 = 17.", false, "Pens left: 12 + 5 = 17.", nil},
		{"number and marks", "2. She has 12+5=<<12+5=17>>17 pens left.", false, "She has 12+5=17 pens left.", nil},
		{"empty", " \n", false, "", errEmpty},
		{"only a label", "Step:", false, "", errEmpty},
		{"verbatim", "She has 12 - 5 = 7 pens left.", false, "", errVerbatim},
		{"verbatim but for dots and spaces", "\"She has 12-5 = 7 pens  left\"", false, "", errVerbatim},
		{"a decimal point is no dot", "She has 12 - 5 = .7 pens left.", false, "She has 12 - 5 = .7 pens left.", nil},
		{"the prompt", "Next correct step: she has 7", false, "", errEcho},
		{"the prompt's end", "She has 17 pens left. The result must not be 7.", false, "", errEcho},
		{"comment", "Here the mistake is 12 + 5 = 17.", false, "", errEcho},
		{"earlier step", "The boxes hold 3 * 4 = 12 pens.", false, "", errRepeat},
		{"the example", "He has 40 / 8 = 5 stamps left.", false, "", errRepeat},
		{"the example and more", "He has 40 / 8 = 5 stamps left. She has 12 + 5 = 17 pens left.", false, "", errRepeat},
		{"only an answer", "#### 17", false, "", errNoStep},
		{"marks only", "---", false, "", errNoStep},
		{"long", strings.Repeat(wrong, 9), false, "", errLong},
		{"cut off", "She has 12 + 5 = 1", true, "", errCut},
		{"cut off later", wrong + "\nAnd so", true, wrong, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStep(tt.reply, tt.cut, testTarget(), "He has 40 - 8 = 32 stamps left.", "He has 40 / 8 = 5 stamps left.")
			if got != tt.want || !errors.Is(err, tt.err) || (err != nil) != (tt.err != nil) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzParseStep(f *testing.F) {
	f.Add("Step: \"She has 12 + 5 = 17 pens.\"\nmore", false)
	f.Add("''", true)
	f.Fuzz(func(t *testing.T, reply string, cut bool) {
		got, err := parseStep(reply, cut, testTarget())
		if (got == "") != (err != nil) {
			t.Fatalf("%q and %v", got, err)
		}
		if err == nil && (strings.Contains(got, "\n") || got != step.Normalize(got) || same(got, testTarget().Text)) {
			t.Errorf("%q made %q", reply, got)
		}
	})
}

// Attacks on one problem share their beginning; what is asked for is last.
func TestAttackPrompt(t *testing.T) {
	s := Strategies()[1]
	a := attackMessages(testTarget(), s.Definition, s.Before, s.After)
	other := testTarget()
	other.Text = "She loses 5, so 12 - 5 = 7."
	b := attackMessages(other, Strategies()[2].Definition, Strategies()[2].Before, Strategies()[2].After)
	for i := range 3 {
		if a[i] != b[i] {
			t.Errorf("message %d varies: %q, %q", i, a[i].Content, b[i].Content)
		}
	}
	last := a[len(a)-1]
	if last.Role != adapters.User || !strings.Contains(last.Content, testTarget().Text) || !strings.Contains(last.Content, "must not be 7.") {
		t.Errorf("the last message is %+v", last)
	}
	for _, m := range rewordMessages(testTarget()) {
		if strings.Contains(m.Content, "istake") {
			t.Errorf("rewording speaks of mistakes: %q", m.Content)
		}
	}
}

func TestStrategies(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range Strategies() {
		if s.Name == "" || seen[s.Name] || s.Definition == "" || same(s.Before, s.After) {
			t.Errorf("%+v: needs a name of its own, a definition and an example that changes the step", s)
		}
		seen[s.Name] = true
		if _, err := parseStep(s.After, false, Target{Text: s.Before}); err != nil {
			t.Errorf("%s: its own example is refused: %v", s.Name, err)
		}
		if _, bad := falseEquation(s.Before); bad {
			t.Errorf("%s: the correct step is wrong", s.Name)
		}
		if _, bad := falseEquation(s.After); bad != (s.Name == "calculation") {
			t.Errorf("%s: false equation %v in %q", s.Name, bad, s.After)
		}
	}
	if len(seen) < 12 {
		t.Errorf("%d strategies", len(seen))
	}
}

func TestKindOf(t *testing.T) {
	for text, want := range map[string]Kind{
		"She has 12 - 5 = 7 pens left.":                  Additive,
		"$3 + $5 = $8":                                   Additive,
		"5 apples + 3 pears = 8":                         Additive,
		"He earns 3 x 4 = 12 dollars.":                   Multiplicative,
		"3 classes * 30 cupcakes/class = 90 cupcakes":    Multiplicative,
		"12/60 = $0.2":                                   Multiplicative,
		"20% of 50 is 10.":                               Multiplicative,
		`\frac{50}{60} = \frac{5}{6} hours`:              Multiplicative,
		"He takes half of 10, which is 5.":               Multiplicative,
		"The rest is 100 - 2 * 10 = 80.":                 Mixed,
		"4*60+30=270 minutes":                            Mixed,
		"So there are 5 of them.":                        NoArithmetic,
		"A 120-page book takes long.":                    NoArithmetic,
		"He works Monday-Friday, as the question states": NoArithmetic,
	} {
		if got := KindOf(text); got != want {
			t.Errorf("KindOf(%q) = %s, want %s", text, got, want)
		}
	}
}

// A model trained on the short form is asked in it, and in nothing else, for each attack and rewording.
func TestCompact(t *testing.T) {
	target := testTarget()
	want := []adapters.Message{
		{Role: adapters.User, Content: target.Prefix.Problem.Question}, {Role: adapters.Assistant, Content: target.Prefix.Steps[0]},
		{Role: adapters.User, Content: "operator: " + target.Text},
	}
	if got := Compact(target, "operator"); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	target.Prefix.Steps = nil
	if got := Compact(target, Reword); len(got) != 2 || got[1].Content != "reword: "+target.Text {
		t.Errorf("without a prefix: %+v", got)
	}
	cfg := DefaultConfig()
	cfg.Compact = true
	var names []string
	for _, a := range cfg.arms() {
		names = append(names, a.Name)
	}
	for _, a := range planAttacks(cfg, 1, []Target{target, testTarget()}, map[string][]string{}, map[string]roundProblem{}, NewPolicy(names, cfg), &Memory{Limit: 4}) {
		if last := a.ask[len(a.ask)-1].Content; last != a.name+": "+a.target.Text || len(a.shown) > 0 {
			t.Errorf("%s is asked for by %q, showing %q", a.name, last, a.shown)
		}
	}
}
