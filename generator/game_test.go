package generator

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/step"
)

// newGame returns a game on scripted problems, with a journal of its own.
func newGame(t *testing.T, cfg Config, llm LLM, reward RewardModel) (*Game, *Journal) {
	t.Helper()
	j, err := OpenJournal(filepath.Join(t.TempDir(), "steps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	g, err := New(cfg, testProblems(40), Players{LLM: llm, Judge: scriptedJudge{}, Reward: reward, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	return g, j
}

// play runs a whole game.
func play(t *testing.T, cfg Config, llm LLM, reward RewardModel) (State, *Journal) {
	t.Helper()
	g, j := newGame(t, cfg, llm, reward)
	s, err := g.Run(t.Context(), g.Start(), func(State) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s, j
}

// What wins votes gains probability, what leaves steps correct loses it, and nothing falls below the floor.
func TestPolicyFollowsTheRewards(t *testing.T) {
	cfg := testConfig()
	cfg.Rounds = 5
	llm := &scripted{copies: tricksOf("operand")}
	s, _ := play(t, cfg, llm, &scriptedReward{blind: tricksOf("relation")})
	at := func(name string) float64 {
		return s.Policy.Probabilities(Additive)[slices.Index(s.Policy.Names, name)]
	}
	uniform := 1 / float64(len(s.Policy.Names))
	if at("relation") < 2*uniform {
		t.Errorf("what wins votes has %.3f, uniform is %.3f", at("relation"), uniform)
	}
	if at("operand") > uniform/2 {
		t.Errorf("always still correct, and played with %.3f, uniform is %.3f", at("operand"), uniform)
	}
	for i, p := range s.Policy.Probabilities(Additive) {
		if p < cfg.Floor {
			t.Errorf("%s fell to %.4f, below the floor", s.Policy.Names[i], p)
		}
	}
}

// What R learns: no unknown step, nothing held out, as many correct as wrong steps, pairs whole and without tokens,
// tokens on natural steps.
func TestLessons(t *testing.T) {
	cfg := testConfig()
	r := &scriptedReward{}
	_, j := play(t, cfg, &scripted{copies: map[string]bool{"missing": true, "base": true}, vague: map[string]bool{"unit": true, "count": true}}, r)

	held := make(map[string]bool)
	var unknown, paraphrases int
	for _, l := range j.Rounds(0, 1, 2) {
		if l.HeldOut {
			held[l.Prefix.Problem.ID] = true
		}
		if l.Source == Attack && l.Step == step.Unknown {
			unknown++
		}
	}
	if unknown == 0 || len(held) == 0 {
		t.Fatalf("%d unknown attacks and %d held-out problems: the script tests nothing", unknown, len(held))
	}
	for round, ex := range r.learned {
		rounds := make(map[int]bool)
		count := make(map[step.Verdict]int)
		pairs := make(map[string][]Labelled)
		for _, l := range ex {
			rounds[l.Round] = true
			count[l.Step]++
			if l.Pair != "" {
				pairs[l.Pair] = append(pairs[l.Pair], l)
			}
			if l.Source == Paraphrase {
				paraphrases++
			}
			if held[l.Prefix.Problem.ID] {
				t.Fatalf("round %d learns from held-out problem %s", round, l.Prefix.Problem.ID)
			}
			if l.Step == step.Unknown && l.Value == step.Unknown {
				t.Fatalf("round %d learns from an unknown step: %+v", round, l)
			}
			if (l.Tokens != nil) != (l.Source == Natural) {
				t.Fatalf("source %s has %d tokens", l.Source, len(l.Tokens))
			}
			if strings.Contains(l.Text, "<<") || strings.HasPrefix(l.Text, "1.") || l.Prefix.Problem.Answer != "" {
				t.Fatalf("format or reference shows: %+v", l)
			}
		}
		var right, wrong int
		for _, p := range pairs {
			for _, l := range p {
				if l.Step == step.Right {
					right++
				} else if l.Step == step.Wrong {
					wrong++
				}
			}
			if l := p; len(l) == 2 && (l[0].Prefix.Text() != l[1].Prefix.Text() || l[0].Text == l[1].Text) {
				t.Errorf("not a pair: %+v", l)
			}
		}
		if wrong == 0 || count[step.Wrong] != wrong || right < wrong {
			t.Errorf("round %d: %d wrong steps, pairs %d wrong and %d right", round, count[step.Wrong], wrong, right)
		}
		for _, want := range []int{0, max(round-1, 0), round} {
			if !rounds[want] {
				t.Errorf("round %d does not learn from round %d", round, want)
			}
		}
	}
	if paraphrases == 0 {
		t.Error("no paraphrase among the correct")
	}
}

func TestHalfOfTheTargetsAreOwn(t *testing.T) {
	cfg := testConfig()
	target := func(source Source, i int, kind Kind) Target {
		return Target{Prefix: step.Trace{Problem: step.Problem{ID: string(rune('a' + i))}}, Text: string(source), Source: source, Kind: kind}
	}
	for _, tt := range []struct {
		name        string
		own, worked int
		total, most int // targets, and the most of them that are worked
	}{
		{"plenty", 60, 60, 40, 20},
		{"few own", 5, 60, 20, 10},
		{"few worked", 60, 5, 40, 20},
		{"no own", 0, 60, 0, 0},
		{"no worked", 60, 0, 40, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var own, worked [][]Target
			for i := range tt.own {
				own = append(own, []Target{target(Own, i, Additive)})
			}
			for i := range tt.worked {
				worked = append(worked, []Target{target(Worked, i, Additive)})
			}
			got := chooseTargets(cfg, 0, own, worked)
			n := 0
			for _, g := range got {
				if g.Source == Worked {
					n++
				}
			}
			if len(got) != tt.total || n > tt.most || 2*n > len(got) {
				t.Errorf("%d targets, %d of them worked; want %d, at most %d", len(got), n, tt.total, tt.most)
			}
		})
	}
}

// referenceJudge is a judge that wants the whole reference solution, and answers on the request alone.
type referenceJudge struct{ scriptedJudge }

func (j referenceJudge) Judge(ctx context.Context, c oracle.Case) (oracle.Ruling, error) {
	if len(c.Prefix.Problem.Worked) == 0 || c.Prefix.Problem.Answer == "" || c.Reference == "" {
		return oracle.Ruling{}, errors.New("no reference")
	}
	return j.scriptedJudge.Judge(ctx, c)
}

// The reference solution is the judge's to read, and nobody else's.
func TestOnlyTheJudgeReadsTheReference(t *testing.T) {
	cfg := testConfig()
	cfg.Rounds = 1
	j, err := OpenJournal(filepath.Join(t.TempDir(), "steps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	g, err := New(cfg, testProblems(40), Players{LLM: &scripted{}, Judge: referenceJudge{}, Reward: &scriptedReward{}, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Run(t.Context(), g.Start(), func(State) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Reports[0].Failures; len(f) > 0 {
		t.Fatalf("failed: %q", f)
	}
	for _, l := range j.Rounds(0) {
		if q := l.Prefix.Problem; q.Worked != nil || q.Answer != "" {
			t.Fatalf("the reference shows: %+v", l)
		}
	}
}

var errKilled = errors.New("killed")

// replayed answers repeated requests from what it has seen, as adapters/recorded does.
type replayed struct {
	llm  LLM
	seen map[string][]adapters.Completion
	left int // fresh requests until it is killed; negative: never
	kill context.CancelFunc
}

func (r *replayed) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	id := key(req.Messages[len(req.Messages)-1].Content, req.Messages[0].Content, string(rune(*req.Seed)))
	if cs, ok := r.seen[id]; ok {
		return cs, nil
	}
	if r.left == 0 {
		r.kill()
		return nil, errKilled
	}
	r.left--
	cs, err := r.llm.Generate(ctx, req)
	if err == nil {
		r.seen[id] = cs
	}
	return cs, err
}

// A run that is killed again and again ends in the same state and the same journal as an unbroken one, and asks for no
// unit twice.
func TestResumedEqualsUnbroken(t *testing.T) {
	cfg := testConfig()
	cfg.Problems, cfg.Samples, cfg.Attacks = 6, 2, 12
	cfg.Concurrency = 1 // the scripted record is not safe for more
	reward := func() RewardModel { return &scriptedReward{blind: map[string]bool{"operator": true, "count": true}} }
	whole := &scripted{}
	want, wantJournal := play(t, cfg, whole, reward())

	llm := &scripted{}
	record := &replayed{llm: llm, seen: make(map[string][]adapters.Completion)}
	path := filepath.Join(t.TempDir(), "steps.jsonl")
	var state *State
	kills := 0
	for {
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		record.left, record.kill = 13, cancel
		g, err := New(cfg, testProblems(40), Players{LLM: record, Judge: scriptedJudge{}, Reward: reward(), Journal: j})
		if err != nil {
			t.Fatal(err)
		}
		from := g.Start()
		if state != nil {
			from = *state
		}
		end, err := g.Run(ctx, from, func(s State) error { state = &s; return nil })
		cancel()
		if err == nil {
			if timeless(end) != timeless(want) {
				t.Errorf("state differs:\n%s\n%s", timeless(end), timeless(want))
			}
			if a, b := j.Rounds(0, 1, 2), wantJournal.Rounds(0, 1, 2); len(a) != len(b) || len(a) == 0 {
				t.Errorf("journal holds %d steps, want %d", len(a), len(b))
			} else {
				for i := range a {
					if a[i].ID != b[i].ID {
						t.Fatalf("journal differs at %d: %+v, want %+v", i, a[i], b[i])
					}
				}
			}
			j.Close()
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		kills++
		j.Close()
	}
	if kills < 3 || llm.calls != whole.calls {
		t.Errorf("killed %d times, %d calls, unbroken %d", kills, llm.calls, whole.calls)
	}
}

// Any number of units at a time gives the same game.
func TestConcurrencyChangesNothing(t *testing.T) {
	cfg := testConfig()
	cfg.Rounds, cfg.Attacks = 2, 20
	cfg.Concurrency = 1
	one, _ := play(t, cfg, &scripted{}, &scriptedReward{})
	cfg.Concurrency = 7
	seven, _ := play(t, cfg, &scripted{}, &scriptedReward{})
	if timeless(one) != timeless(seven) {
		t.Error("the state depends on the concurrency")
	}
}

func TestFailedUnits(t *testing.T) {
	boom := errors.New("upstream is down")
	for _, tt := range []struct {
		name   string
		fail   func(n int) bool
		enough bool
	}{
		{"a few", func(n int) bool { return n%5 == 0 }, true},
		{"most", func(n int) bool { return n%5 != 0 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Rounds, cfg.Concurrency = 1, 1
			n := 0
			llm := &scripted{fail: func(adapters.Request) error {
				if n++; tt.fail(n) {
					return boom
				}
				return nil
			}}
			j, err := OpenJournal(filepath.Join(t.TempDir(), "steps.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			g, err := New(cfg, testProblems(40), Players{LLM: llm, Judge: scriptedJudge{}, Reward: &scriptedReward{}, Journal: j})
			if err != nil {
				t.Fatal(err)
			}
			s, err := g.Run(t.Context(), g.Start(), func(State) error { return nil })
			switch {
			case tt.enough && err != nil:
				t.Fatal(err)
			case tt.enough && (len(s.Reports[0].Failures) == 0 || !strings.Contains(s.Reports[0].String(), "upstream is down")):
				t.Error("the failures are not in the report")
			case !tt.enough && (!errors.Is(err, boom) || !strings.Contains(err.Error(), "units failed")):
				t.Errorf("got %v, want the round given up", err)
			}
		})
	}
}
