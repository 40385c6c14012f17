package training

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"aprm/adapters"
	"aprm/generator"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/engine"
)

// script is an LLM that answers what it is told to, whose hidden states tell whether a step holds a 9, and that
// remembers what it read.
type script struct {
	caps   adapters.Capabilities
	answer func(adapters.Request) []adapters.Completion
	fails  func(text string) error // of what is read; nil for never

	mu    sync.Mutex
	reads []string
}

func (s *script) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	return s.answer(req), nil
}

func (s *script) Hidden(_ context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads = append(s.reads, text)
	if s.fails != nil {
		if err := s.fails(text); err != nil {
			return nil, err
		}
	}
	var out []adapters.State
	for _, span := range spans {
		v := []float32{1, 0.5, 0.2, -1}
		if strings.Contains(text[span.Start:span.End], "9") {
			v = []float32{-1, 0.5, 0.2, 1}
		}
		out = append(out, adapters.State{Last: v, Mean: v})
	}
	return out, nil
}

func (s *script) Capabilities(context.Context) (adapters.Capabilities, error) { return s.caps, nil }

const width = 4

func seeing() *script {
	return &script{caps: adapters.Capabilities{Model: "m", Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: width}}}
}

func over(t *testing.T, llm adapters.LLM) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func labelled(problem string, right bool, text string, prefix ...string) generator.Labelled {
	l := generator.Labelled{Prefix: step.Trace{Problem: step.Problem{ID: problem, Question: "How many? " + problem}, Steps: prefix}, Text: text,
		Step: step.Right, Pair: problem}
	if !right {
		l.Step = step.Wrong
	}
	return l
}

func lesson() []generator.Labelled {
	var out []generator.Labelled
	for i := range 60 {
		p := string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		out = append(out, labelled(p, true, "Then 2 + 3 = 5.", "First, 1 + 1 = 2."), labelled(p, false, "Then 2 + 3 = 9.", "First, 1 + 1 = 2."))
	}
	return out
}

// taught returns a model that was trained through a Learner on the lesson.
func taught(t *testing.T, e *engine.Engine) *Learner {
	t.Helper()
	l := NewLearner(e, t.TempDir(), train.Options{Seed: 1, Epochs: 20}, train.SolutionOptions{}, 1)
	if _, err := l.Learn(t.Context(), 0, lesson()); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLearnThenServe(t *testing.T) {
	llm := seeing()
	e := over(t, llm)
	learner := taught(t, e)
	if err := e.Use(learner.Model()); err != nil {
		t.Fatal(err)
	}
	if h := learner.Model().Header(); h.Model != "m" || h.Width != width {
		t.Errorf("the checkpoint says model %q, width %d", h.Model, h.Width)
	}
	trace := step.Trace{Problem: step.Problem{Question: "How many? new"}, Steps: []string{"First, 1 + 1 = 2.", "Then 2 + 3 = 5."}}
	good, _, err := e.Judge(t.Context(), trace, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad, _, err := e.Judge(t.Context(), trace.Prefix(1).With("Then 2 + 3 = 9."), nil)
	if err != nil {
		t.Fatal(err)
	}
	if good[1].Step <= bad[1].Step {
		t.Errorf("the right step scores %.3f, the wrong one %.3f", good[1].Step, bad[1].Step)
	}
	// The game scores by the same path.
	played, err := learner.Score(t.Context(), []generator.Labelled{labelled("new", true, "Then 2 + 3 = 5.", "First, 1 + 1 = 2.")})
	if err != nil {
		t.Fatal(err)
	}
	if played[0] != good[1].Step {
		t.Errorf("training scores a step %.6f, serving %.6f", played[0], good[1].Step)
	}
}

func TestResume(t *testing.T) {
	e := over(t, seeing())
	folder := t.TempDir()
	unbroken := NewLearner(e, folder, train.Options{Seed: 1, Epochs: 5, KL: 0.1}, train.SolutionOptions{}, 1)
	for round := range 2 {
		if _, err := unbroken.Learn(t.Context(), round, lesson()); err != nil {
			t.Fatal(err)
		}
	}
	resumed := NewLearner(e, folder, train.Options{Seed: 1, Epochs: 5, KL: 0.1}, train.SolutionOptions{}, 1)
	if err := resumed.Resume(1); err != nil {
		t.Fatal(err)
	}
	if _, err := resumed.Learn(t.Context(), 1, lesson()); err != nil {
		t.Fatal(err)
	}
	if a, b := unbroken.Model().ID(), resumed.Model().ID(); a != b {
		t.Errorf("resumed, the model is %s, unbroken %s", b, a)
	}
	if err := NewLearner(e, t.TempDir(), train.Options{}, train.SolutionOptions{}, 1).Resume(1); err == nil {
		t.Error("resuming from an empty folder is no error")
	}
}

// What the LLM is asked must not depend on which goroutine was faster, or a recording of it can't be played again.
func TestWhatIsReadDoesNotDependOnWhoIsFaster(t *testing.T) {
	var lessons []generator.Labelled
	for i := range 12 {
		p := string(rune('a' + i))
		for _, last := range []string{"Then 2 + 3 = 5.", "Then 2 + 3 = 9.", "So 5."} {
			lessons = append(lessons, labelled(p, last != "Then 2 + 3 = 9.", last, "First, 1 + 1 = 2.", "And 2 + 1 = 3."), labelled(p, true, "And 2 + 1 = 3.", "First, 1 + 1 = 2."))
		}
	}
	var first []string
	for range 5 {
		llm := seeing()
		l := NewLearner(over(t, llm), t.TempDir(), train.Options{Seed: 1, Epochs: 1}, train.SolutionOptions{}, 1)
		if _, err := l.Learn(t.Context(), 0, lessons); err != nil {
			t.Fatal(err)
		}
		slices.Sort(llm.reads)
		if first == nil {
			first = llm.reads
		}
		if !slices.Equal(llm.reads, first) {
			t.Fatalf("the LLM read %q, the first time %q", llm.reads, first)
		}
	}
	if len(first) != 3*12 {
		t.Errorf("%d texts were read, want each of the longest ones once", len(first))
	}
}

func TestAPRMSaysWhatItDoesNotRead(t *testing.T) {
	e := over(t, seeing())
	l := NewLearner(e, t.TempDir(), train.Options{Seed: 1, Epochs: 2, Without: []feature.Block{feature.BlockLast, feature.BlockMean, feature.BlockWords}}, train.SolutionOptions{}, 1)
	if _, err := l.Learn(t.Context(), 0, lesson()); err != nil {
		t.Fatal(err)
	}
	m := l.Model()
	if h := m.Header(); h.Width != 0 || !slices.Contains(h.Without, feature.BlockWords) {
		t.Errorf("the header has width %d and without %v", h.Width, h.Without)
	}
	tr := step.Trace{Problem: step.Problem{Question: "How many pens?"}, Steps: []string{"She buys 2 + 3 = 5 pens."}}
	in := feature.Extract(tr, 0, feature.Evidence{})
	if m.Score(in) != m.Score(in.Without(feature.BlockWords)) {
		t.Error("it reads the words that it was not trained on")
	}
}

func TestALearnerKnowsNothingAtFirst(t *testing.T) {
	scores, err := NewLearner(over(t, seeing()), t.TempDir(), train.Options{}, train.SolutionOptions{}, 1).Score(t.Context(), lesson()[:2])
	if err != nil || scores[0] != 0.5 {
		t.Errorf("before round 0: %v, %v; want one half", scores, err)
	}
}
