package tasks

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aprm/generator"
	"aprm/prm/arith"
)

// The solution of each problem holds true equations only, of numbers that the question, an earlier step or a conversion
// gives.
func TestSolutions(t *testing.T) {
	for _, split := range Splits() {
		for i := range 200 {
			p := Generate(split, 1, i)
			if !reflect.DeepEqual(p, Generate(split, 1, i)) {
				t.Fatalf("%s: not the same again", p.ID)
			}
			least, most := 2, 6
			if split == Deep {
				least, most = 7, 8
			}
			if n := len(p.Steps); n < least || n > most || p.Answer != p.Steps[n-1].Value {
				t.Errorf("%s: %d steps, answer %d", p.ID, n, p.Answer)
			}
			if slices.Contains(held, p.Family) != (split == Families) {
				t.Errorf("%s: family %s", p.ID, p.Family)
			}
			if text := p.Question + strings.Join(p.Worked(), " "); strings.ContainsAny(text, "{}") || strings.Contains(text, "%!") || strings.Contains(text, "  ") {
				t.Errorf("%s: %s", p.ID, text)
			}
			known := []string{}
			for _, n := range arith.Numbers(p.Question) {
				known = append(known, n.Value.RatString())
			}
			for _, s := range p.Steps {
				checks := arith.CheckStep(s.Text)
				if len(checks) != 1 || checks[0].Verdict != arith.True || !strings.HasSuffix(s.expr.String()+" = "+strconv.Itoa(s.Value), " = "+checks[0].Right.RatString()) {
					t.Errorf("%s: %q: %+v", p.ID, s.Text, checks)
				}
				for _, n := range s.expr.terms {
					if n > 5 && !slices.Contains(conversions, n) && !slices.Contains(known, strconv.Itoa(n)) {
						t.Errorf("%s: %q: where does %d come from?\n%s", p.ID, s.Text, n, p.Question)
					}
				}
				known = append(known, strconv.Itoa(s.Value))
			}
		}
	}
}

// No problem of one split has another's equations, in whatever order and with whatever else around them. What a model
// is trained on is of the train split.
func TestSplitsAreDisjoint(t *testing.T) {
	equation := regexp.MustCompile(`[0-9][0-9 +*/-]*= [0-9]+`)
	seen := map[string]Split{}
	check := func(split Split, p Problem) {
		key := equation.FindAllString(strings.Join(p.Worked(), "\n"), -1)
		if len(key) != len(p.Steps) {
			t.Fatalf("%s: read %q of %q", p.ID, key, p.Worked())
		}
		slices.Sort(key)
		id := p.Family + strings.Join(key, ";")
		if other, ok := seen[id]; ok && other != split {
			t.Fatalf("%s, %q, is also of %s", p.ID, key, other)
		}
		seen[id] = split
	}
	for i := range 6000 {
		check(Train, generate(Train, "corpus", 7, i))
	}
	for _, split := range Splits() {
		for i := range 1000 {
			check(split, Generate(split, uint64(i%3), i))
		}
	}
	if len(seen) < 9000 { // of 11,000
		t.Errorf("%d different problems", len(seen))
	}
}

// The held-out families tell their stories in words that training has too: what is new is how they are put together.
func TestHeldOutWords(t *testing.T) {
	word := regexp.MustCompile(`[A-Za-z]+`)
	known := map[string]bool{}
	for i := range 4000 {
		p := Generate(Train, 1, i)
		for _, w := range word.FindAllString(p.Question+" "+strings.Join(p.Worked(), " "), -1) {
			known[w] = true
		}
	}
	strange := map[string]bool{}
	for i := range 500 {
		p := Generate(Families, 1, i)
		for _, w := range word.FindAllString(p.Question+" "+strings.Join(p.Worked(), " "), -1) {
			if !known[w] {
				strange[w] = true
			}
		}
	}
	if len(strange) > 0 {
		t.Errorf("words that training lacks: %v", strange)
	}
}

// Every strategy of the generator's can be shown, and what is shown is a step with another value, calculated as the
// strategy says.
func TestCorrupt(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shown := map[string]int{}
	for i := range 400 {
		p := Generate(Train, 3, i)
		for k, s := range p.Steps {
			for _, strategy := range generator.Strategies() {
				text, ok := p.Corrupt(rng, k, strategy.Name)
				if !ok {
					continue
				}
				shown[strategy.Name]++
				checks := arith.CheckStep(text)
				if len(checks) != 1 || (checks[0].Verdict == arith.True) == (strategy.Name == "calculation") {
					t.Fatalf("%s of %q: %q: %+v", strategy.Name, s.Text, text, checks)
				}
				if checks[0].Right.RatString() == strconv.Itoa(s.Value) {
					t.Fatalf("%s of %q: %q has the same value", strategy.Name, s.Text, text)
				}
			}
		}
	}
	for _, strategy := range generator.Strategies() {
		if shown[strategy.Name] < 30 {
			t.Errorf("%s shown %d times", strategy.Name, shown[strategy.Name])
		}
	}
	if _, ok := Generate(Train, 1, 1).Corrupt(rng, 0, "magic"); ok {
		t.Error("an unknown strategy was shown")
	}
}

// A conversation ends with the answer to learn; requests are in the generator's own form.
func TestConversations(t *testing.T) {
	kinds := map[string]int{}
	for i := range 300 {
		for _, c := range Conversations(1, i) {
			last, ask := c[len(c)-1], c[len(c)-2]
			if last.Role != "assistant" || ask.Role != "user" || last.Content == "" {
				t.Fatalf("%+v", c)
			}
			word, _, ok := strings.Cut(ask.Content, ": ")
			switch {
			case ok && !strings.Contains(word, " "):
				kinds[word]++
			case strings.Contains(last.Content, "\n#### "):
				kinds["solved"]++
			default:
				kinds["talk"]++
			}
		}
	}
	if kinds["solved"] != 900 || kinds[generator.Reword] == 0 || len(kinds) < 14 {
		t.Errorf("%v", kinds)
	}
}

func TestJudge(t *testing.T) {
	p := Problem{Answer: 31, Steps: []Step{
		{Value: 36, expr: calc(3, "*", 12)}, {Value: 9, expr: calc(4, "+", 5)}, {Value: 27, expr: calc(36, "-", 9)}, {Value: 31, expr: calc(27, "+", 4)},
	}}
	for solution, want := range map[string]Mistake{
		"A 3 * 12 = 36.\nB 4 + 5 = 9.\nC 36 - 9 = 27.\nD 27 + 4 = 31.\n#### 31":     None,
		"B 5 + 4 = 9.\nA 12 * 3 = 36.\nC 36 - 9 = 26 pens.\nD 26 + 4 = 30\n#### 30": Arithmetic,
		"A 3 * 13 = 39.\n#### 39":                              Operand,
		"A 3 + 12 = 15.\n#### 15":                              Operation,
		"A 8 / 2 = 4.\n#### 4":                                 Other,
		"A 3 * 12 = 36.\n#### 36":                              Missed,
		"A 3 * 12 = 36.\nD 36 + 4 = 40.\n#### 40":              Operand, // B or D with one: of equals the first
		"B 4 + 6 = 10.\n#### 10":                               Operand,
		"B 4 * 5 = 20.\n#### 20":                               Operation,
		"A 3 * 12 = 36.\nB 4 + 5 = 9.\nD 9 + 4 = 13.\n#### 13": Missed,
		"No idea.\n#### 4":                                     Unread,
		"A 3 * 12 = 36.":                                       Missed,
		"":                                                     Unread,
	} {
		if got := p.Judge(solution); got != want {
			t.Errorf("%q: %q, want %q", solution, got, want)
		}
	}
	for i := range 300 {
		p := Generate(Train, 5, i)
		if m := p.Judge(strings.Join(p.Worked(), "\n") + "\n#### " + strconv.Itoa(p.Answer)); m != None {
			t.Errorf("%s: its own solution is judged %q", p.ID, m)
		}
		if m := p.Judge(strings.Join(p.Worked(), "\n") + "\n#### " + strconv.Itoa(p.Answer+1)); m != Other {
			t.Errorf("%s: its own steps are judged %q", p.ID, m)
		}
	}
}
