package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/decode"
)

// script is an LLM that gives what it is told to and remembers what it was asked.
type script struct {
	mu       sync.Mutex
	caps     adapters.Capabilities
	answer   func(adapters.Request) []adapters.Completion
	hiddenOf func(text string, span adapters.Span) adapters.State
	failed   error

	requests []adapters.Request
	reads    []string
}

func (s *script) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, req)
	return s.answer(req), nil
}

func (s *script) Hidden(_ context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads = append(s.reads, text)
	if s.failed != nil {
		return nil, s.failed
	}
	var out []adapters.State
	for _, span := range spans {
		out = append(out, s.hiddenOf(text, span))
	}
	return out, nil
}

func (s *script) Capabilities(context.Context) (adapters.Capabilities, error) { return s.caps, nil }

const width = 4

// seeing is an LLM whose hidden states tell whether a step holds a 9.
func seeing() *script {
	return &script{
		caps: adapters.Capabilities{Model: "m", Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: width}},
		hiddenOf: func(text string, span adapters.Span) adapters.State {
			v := []float32{1, 0.5, 0.2, -1}
			if strings.Contains(text[span.Start:span.End], "9") {
				v = []float32{-1, 0.5, 0.2, 1}
			}
			return adapters.State{Last: v, Mean: v}
		},
	}
}

func with(t *testing.T, llm adapters.LLM, cfg Config) *Engine {
	t.Helper()
	cfg.Open = func(string) (adapters.LLM, error) { return llm, nil }
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// taught returns a model that learned, from what the engine's LLM reads, that a step with a 9 is wrong.
func taught(t *testing.T, e *Engine) *prm.Model {
	t.Helper()
	caps, err := e.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var examples []train.Example
	for i := range 60 {
		p := fmt.Sprintf("%c%d", 'a'+i%26, i/26)
		for text, truth := range map[string]step.Verdict{"Then 2 + 3 = 5.": step.Right, "Then 2 + 3 = 9.": step.Wrong} {
			trace := step.Trace{Problem: step.Problem{ID: p, Question: "How many? " + p}, Steps: []string{"First, 1 + 1 = 2.", text}}
			states, err := e.Hidden(t.Context(), trace)
			if err != nil {
				t.Fatal(err)
			}
			in := feature.Extract(trace, 1, Evidence(states, nil, 1))
			examples = append(examples, train.Example{Input: in, Step: truth, Problem: p, Pair: p})
		}
	}
	m, _, err := train.Fit(t.Context(), nil, nil, examples, train.Options{Seed: 1, Epochs: 20, Model: caps.Identity()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestHiddenStatesAreReadOnce(t *testing.T) {
	llm := seeing()
	e := with(t, llm, Config{})
	if err := e.Use(taught(t, e)); err != nil {
		t.Fatal(err)
	}
	llm.reads = nil
	trace := step.Trace{Problem: step.Problem{Question: "Q"}, Steps: []string{"Step 1: 1 + 1 = 2.", "2. So 2 + 2 = 4."}}
	for range 2 {
		if _, _, err := e.Judge(t.Context(), trace, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := e.Judge(t.Context(), trace.With("#### 4"), nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"Q\n\n1 + 1 = 2.\nSo 2 + 2 = 4.\n", "Q\n\n1 + 1 = 2.\nSo 2 + 2 = 4.\n4\n"}
	if !reflect.DeepEqual(llm.reads, want) {
		t.Errorf("the LLM read %q, want %q: without format, and only what is new", llm.reads, want)
	}
}

// TestHiddenStatesDontTellWhatFollows: the LLM's tokenizer, as many do, makes one token of a full stop and a line break
// behind it. Were the state of a step another where nothing stands behind it yet, it would tell the last step of a trace,
// which in labelled ones is the wrong one.
func TestHiddenStatesDontTellWhatFollows(t *testing.T) {
	llm := seeing()
	llm.hiddenOf = func(text string, span adapters.Span) adapters.State {
		v := make([]float32, width)
		if strings.HasPrefix(text[span.End-1:], ".\n") {
			v[0] = 1
		}
		v[1] = float32(span.End)
		return adapters.State{Last: v, Mean: v}
	}
	whole := step.Trace{Problem: step.Problem{Question: "Q"}, Steps: []string{"1 + 1 = 2.", "So 2 + 2 = 4.", "#### 4."}}
	want, err := with(t, llm, Config{}).Hidden(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= len(whole.Steps); n++ {
		got, err := with(t, llm, Config{}).Hidden(t.Context(), step.Trace{Problem: whole.Problem, Steps: whole.Steps[:n]})
		if err != nil || !reflect.DeepEqual(got, want[:n]) {
			t.Errorf("the first %d steps: %v, %v, in the whole %v", n, got, err, want[:n])
		}
	}
}

func TestHiddenStatesAreMaskedElsewhere(t *testing.T) {
	llm := seeing()
	e := with(t, llm, Config{})
	model := taught(t, e)
	trace := step.Trace{Problem: step.Problem{Question: "Q"}, Steps: []string{"2 + 3 = 9."}}
	score := func(e *Engine) float64 {
		t.Helper()
		if err := e.Use(model); err != nil {
			t.Fatal(err)
		}
		s, _, err := e.Judge(t.Context(), trace, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s[0].Step
	}
	sighted := score(e)
	blind := score(with(t, seeing(), Config{NoHidden: true}))
	if sighted == blind {
		t.Fatal("hidden states make no difference, so the rest of this test shows nothing")
	}
	other, narrow, broken := seeing(), seeing(), seeing()
	other.caps.Model = "another"
	narrow.caps.Hidden.Width = width + 1
	broken.failed = errors.New("out of memory")
	for name, llm := range map[string]*script{"another model": other, "another width": narrow, "a server that fails": broken} {
		if got := score(with(t, llm, Config{})); got != blind {
			t.Errorf("%s: %.4f, want the masked %.4f", name, got, blind)
		}
		measuring := with(t, llm, Config{NeedHidden: true})
		if err := measuring.Use(model); err != nil {
			t.Fatal(err)
		}
		if s, _, err := measuring.Judge(t.Context(), trace, nil); err == nil {
			t.Errorf("%s: %v, where hidden states are needed", name, s)
		}
	}
}

func TestSolve(t *testing.T) {
	llm := seeing()
	llm.answer = func(req adapters.Request) []adapters.Completion {
		if req.OneStep {
			if len(req.Messages) == 2 {
				return []adapters.Completion{{Text: "2 + 3 = 9.", Finish: adapters.FinishCut}, {Text: "2 + 3 = 5.", Finish: adapters.FinishCut}}
			}
			return []adapters.Completion{{Text: "#### 5", Finish: adapters.FinishEnd}}
		}
		return []adapters.Completion{{Text: "2 + 3 = 5.\n#### 5", Finish: adapters.FinishEnd}}
	}
	e := with(t, llm, Config{Instruction: "Short steps."})
	messages := []adapters.Message{{Role: adapters.User, Content: "What is 2 + 3?"}}
	if _, err := e.Solve(t.Context(), "", messages, decode.Options{Strategy: decode.Guided, N: 2}); !errors.Is(err, decode.ErrNeedsPRM) {
		t.Errorf("guided without a PRM: %v", err)
	}
	if err := e.Use(taught(t, e)); err != nil {
		t.Fatal(err)
	}
	r, err := e.Solve(t.Context(), "", messages, decode.Options{Strategy: decode.Guided, N: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != "2 + 3 = 5.\n#### 5" || r.Answer != "5" {
		t.Errorf("got %q, answer %q", r.Text, r.Answer)
	}
	last := llm.requests[len(llm.requests)-1].Messages
	want := []adapters.Message{{Role: adapters.System, Content: "Short steps."}, messages[0], {Role: adapters.Assistant, Content: "2 + 3 = 5.\n"}}
	if !reflect.DeepEqual(last, want) {
		t.Errorf("asked %+v, want %+v", last, want)
	}
	if messages[0].Content != "What is 2 + 3?" || len(messages) != 1 {
		t.Error("the client's messages were changed")
	}
}

func TestInstruct(t *testing.T) {
	system := adapters.Message{Role: adapters.System, Content: "Be kind.\n"}
	user := adapters.Message{Role: adapters.User, Content: "Hi"}
	for _, test := range []struct {
		in   []adapters.Message
		want string
	}{
		{[]adapters.Message{user}, "Short."},
		{[]adapters.Message{system, user}, "Be kind.\n\nShort."},
	} {
		got := instruct(test.in, "Short.")
		if got[0].Role != adapters.System || got[0].Content != test.want || got[len(got)-1] != user {
			t.Errorf("%+v became %+v", test.in, got)
		}
	}
	if got := instruct([]adapters.Message{user}, ""); len(got) != 1 {
		t.Errorf("switched off, it still adds: %+v", got)
	}
}

func TestUseRefusesAnotherSplitter(t *testing.T) {
	e := with(t, seeing(), Config{})
	h := taught(t, e).Header()
	h.Splitter = step.Version + 1
	m, err := prm.New(h, prm.NewWeights(h), nil)
	if err == nil {
		err = e.Use(m)
	}
	if err == nil || !strings.Contains(err.Error(), "splitter") {
		t.Errorf("a PRM of another splitter is taken: %v", err)
	}
}

func TestScoreWithoutCheckpoint(t *testing.T) {
	e := with(t, seeing(), Config{})
	if _, _, err := e.Judge(t.Context(), step.Trace{Steps: []string{"x"}}, nil); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("got %v", err)
	}
}
