package generator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"aprm/adapters"
	"aprm/generator/oracle"
	"aprm/prm/step"
)

// scripted is an LLM of rules. As a solver it writes two steps and an answer, right for even seeds; as the adversary it
// does what each strategy is told to do here; asked to reword it does. Answers depend on the request alone.
type scripted struct {
	mu     sync.Mutex
	calls  int
	fail   func(req adapters.Request) error // nil: never
	copies map[string]bool                  // strategies (by definition) whose attacks stay correct
	vague  map[string]bool                  // strategies whose attacks the judge cannot tell
}

var lastNumber = regexp.MustCompile(`\d+(\D*)$`)

func (s *scripted) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(req); err != nil {
			return nil, err
		}
	}
	if req.Seed == nil {
		return nil, errors.New("a request without a seed cannot be replayed")
	}
	last := req.Messages[len(req.Messages)-1].Content
	usage := adapters.Usage{PromptTokens: 10, CompletionTokens: 5}
	if strings.HasPrefix(req.Messages[0].Content, Instruction) && req.Messages[len(req.Messages)-1].Role == adapters.Assistant {
		return s.goOn(req), nil
	}
	if len(req.Messages) == 2 { // to be solved: "Ann has A pens, buys B and then C."
		var out []adapters.Completion
		for i := range max(req.N, 1) {
			text := solution2(last, (*req.Seed+int64(i))%2 == 0)
			out = append(out, adapters.Completion{Text: text, Finish: adapters.FinishEnd, Tokens: tokensOf(text), Usage: usage})
		}
		return out, nil
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(last, "Step: "), "\n")
	rng := rand.New(rand.NewPCG(uint64(*req.Seed), 0))
	switch {
	case !strings.Contains(last, "Mistake:"):
		text = "So " + text
	case s.says(s.copies, last):
		text = "Now " + text
	case s.says(s.vague, last):
		text = "Perhaps " + text
	default:
		asked := slices.IndexFunc(Strategies(), func(st Strategy) bool { return strings.Contains(last, st.Definition) })
		text = lastNumber.ReplaceAllString(text, strconv.Itoa(1000*(1+asked)+rng.IntN(1000))+"$1")
	}
	return []adapters.Completion{{Text: text + "\nMore.", Finish: adapters.FinishEnd, Usage: usage}}, nil
}

// goOn continues a solution to the end, which is right unless the last step begins with "Perhaps"; where
// log-probabilities are asked for, every second continuation goes wrong at once, each likelier than the one before.
func (s *scripted) goOn(req adapters.Request) []adapters.Completion {
	var a, b, c int
	fmt.Sscanf(req.Messages[1].Content, "Ann has %d pens, buys %d and then %d.", &a, &b, &c)
	var out []adapters.Completion
	for i := range req.N {
		text := fmt.Sprintf("#### %d", a+b+c)
		switch {
		case req.LogProbs && i%2 == 1:
			text = fmt.Sprintf("Then %d + %d = %d pens.\n#### %d", a+b, c, a+b+c+i, a+b+c+i)
		case strings.Contains(req.Messages[2].Content, "Perhaps"):
			text = "#### 0"
		}
		tokens := tokensOf(text)
		for k := range tokens {
			tokens[k].LogProb = -1 / float64(i+1)
		}
		out = append(out, adapters.Completion{Text: text, Finish: adapters.FinishEnd, Tokens: tokens, Usage: adapters.Usage{PromptTokens: 10, CompletionTokens: 5}})
	}
	return out
}

func (s *scripted) says(names map[string]bool, prompt string) bool {
	for _, st := range Strategies() {
		if names[st.Name] && strings.Contains(prompt, st.Definition) {
			return true
		}
	}
	return false
}

func solution2(question string, right bool) string {
	var a, b, c int
	fmt.Sscanf(question, "Ann has %d pens, buys %d and then %d.", &a, &b, &c)
	if !right {
		c++
	}
	return fmt.Sprintf("1. Ann has %d + %d = %d pens.\n2. Then %d + %d = %d pens in the end.\n#### %d", a, b, a+b, a+b, c, a+b+c, a+b+c)
}

func tokensOf(text string) []step.Token {
	var out []step.Token
	for i := 0; i < len(text); i += 3 {
		out = append(out, step.Token{Text: text[i:min(i+3, len(text))], LogProb: -0.5})
	}
	return out
}

func testProblems(n int) []step.Problem {
	var out []step.Problem
	for i := range n {
		a, b, c := 10+i, 3+i, 5+2*i
		out = append(out, step.Problem{
			ID: fmt.Sprintf("p%d", i), Question: fmt.Sprintf("Ann has %d pens, buys %d and then %d.", a, b, c), Answer: strconv.Itoa(a + b + c),
			Worked: []string{fmt.Sprintf("First she has %d+%d = <<%d+%d=%d>>%d.", a, b, a, b, a+b, a+b), fmt.Sprintf("At last %d+%d = %d.", a+b, c, a+b+c), fmt.Sprintf("#### %d", a+b+c)},
		})
	}
	return out
}

// scriptedJudge knows the scripted adversary's marks.
type scriptedJudge struct{}

func (scriptedJudge) Judge(_ context.Context, c oracle.Case) (oracle.Ruling, error) {
	switch {
	case strings.HasPrefix(c.Step, "Perhaps"):
		return oracle.Ruling{Verdict: step.Unknown, Reason: "vague"}, nil
	case strings.HasPrefix(c.Step, "So "), strings.HasPrefix(c.Step, "Now "):
		return oracle.Ruling{Verdict: step.Right, Layer: "script", Reason: "same"}, nil
	default:
		return oracle.Ruling{Verdict: step.Wrong, Layer: "script", Reason: "other value"}, nil
	}
}

// scriptedReward gives wrong steps of the strategies it is blind to a high probability, others a low one.
type scriptedReward struct {
	blind   map[string]bool
	learned map[int][]Labelled
}

func (r *scriptedReward) Score(_ context.Context, ex []Labelled) ([]float64, error) {
	out := make([]float64, len(ex))
	for i, l := range ex {
		if l.Step != step.Unknown || l.Value != step.Unknown || l.Reason != "" {
			return nil, errors.New("the labels are showing")
		}
		switch {
		case l.Source != Attack:
			out[i] = 0.9
		case r.blind[l.Strategy]:
			out[i] = 0.95
		default:
			out[i] = 0.1
		}
	}
	return out, nil
}

// Weigh knows the strategy by the scripted adversary's numbers.
func (r *scriptedReward) Weigh(_ context.Context, candidates []Candidate) ([]float64, error) {
	out := make([]float64, len(candidates))
	for i, c := range candidates {
		n, _ := strconv.Atoi(finalNumber(c.Trace.Steps[len(c.Trace.Steps)-1]))
		switch {
		case n < 1000:
		case r.blind[Strategies()[n/1000-1].Name]:
			out[i] = 2.9
		default:
			out[i] = -2.2
		}
	}
	return out, nil
}

func (r *scriptedReward) Learn(_ context.Context, round int, ex []Labelled) (LearnReport, error) {
	if r.learned == nil {
		r.learned = make(map[int][]Labelled)
	}
	r.learned[round] = ex
	return LearnReport{Checkpoint: fmt.Sprint(round), Examples: len(ex)}, nil
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Problems, cfg.Samples, cfg.Attacks, cfg.Rounds = 12, 3, 40, 3
	return cfg
}

// timeless is a state as JSON without what the clock decides.
func timeless(s State) string {
	for i := range s.Reports {
		s.Reports[i].Minutes = 0
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// tricksOf are the strategies of an arm.
func tricksOf(arms ...string) map[string]bool {
	out := make(map[string]bool)
	for _, a := range Arms() {
		for _, name := range a.Tricks {
			out[name] = out[name] || slices.Contains(arms, a.Name)
		}
	}
	return out
}
