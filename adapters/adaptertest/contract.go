package adaptertest

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"aprm/adapters"
)

// solve is a conversation that any model answers in several steps.
var solve = []adapters.Message{
	{Role: adapters.System, Content: "Solve in short steps, one per line, plain text. The last line is #### and the number."},
	{Role: adapters.User, Content: "Tom has 3 boxes of 12 pens and gives 5 away. How many are left?"},
}

// Contract is what every adapter promises, whatever stands behind it: it holds for the fake and for real servers.
func Contract(t *testing.T, llm adapters.LLM) {
	ctx := t.Context()
	caps, err := llm.Capabilities(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", caps)
	seed := func(n int64) *int64 { return &n }
	generate := func(t *testing.T, req adapters.Request) []adapters.Completion {
		t.Helper()
		done, err := llm.Generate(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range done {
			if c.Err != nil {
				t.Fatalf("completion %d: %v", i, c.Err)
			}
		}
		return done
	}

	t.Run("capabilities are remembered", func(t *testing.T) {
		again, err := llm.Capabilities(ctx)
		if err != nil || again != caps {
			t.Errorf("first %+v, then %+v, %v", caps, again, err)
		}
		if caps.Model == "" || !caps.Streaming {
			t.Errorf("%+v: a model that streams is the least there is", caps)
		}
	})
	t.Run("several completions, counted", func(t *testing.T) {
		done := generate(t, adapters.Request{Messages: solve, N: 3, MaxTokens: 48, Temperature: 0.7, Seed: seed(11)})
		if len(done) != 3 {
			t.Fatalf("asked for 3, got %d", len(done))
		}
		prompt := 0
		for i, c := range done {
			if strings.TrimSpace(c.Text) == "" || c.Usage.CompletionTokens <= 0 || c.Usage.CompletionTokens > 48 {
				t.Errorf("completion %d: %q, %+v", i, c.Text, c.Usage)
			}
			if c.Finish != adapters.FinishEnd && c.Finish != adapters.FinishLength {
				t.Errorf("completion %d ended by %q", i, c.Finish)
			}
			prompt += c.Usage.PromptTokens
		}
		if prompt == 0 {
			t.Error("nothing was read, it says")
		}
	})
	t.Run("the same seed, the same text", func(t *testing.T) {
		if !caps.Seed {
			t.Skip("the endpoint has no seeds")
		}
		req := adapters.Request{Messages: solve, MaxTokens: 8, Temperature: 0, Seed: seed(5)}
		if a, b := generate(t, req)[0].Text, generate(t, req)[0].Text; a != b {
			t.Errorf("%q, then %q", a, b)
		}
	})
	t.Run("cut at max tokens", func(t *testing.T) {
		c := generate(t, adapters.Request{Messages: solve, MaxTokens: 3})[0]
		if c.Finish != adapters.FinishLength || c.Usage.CompletionTokens > 3 {
			t.Errorf("%q, finish %q, %+v", c.Text, c.Finish, c.Usage)
		}
	})
	t.Run("log-probabilities spell the text", func(t *testing.T) {
		if !caps.LogProbs {
			t.Skip("the endpoint gives none")
		}
		c := generate(t, adapters.Request{Messages: solve, MaxTokens: 40, TopLogProbs: 2, TopWanted: true})[0]
		var spelt strings.Builder
		for _, token := range c.Tokens {
			spelt.WriteString(token.Text)
			if token.LogProb > 1e-6 {
				t.Errorf("%q has log-probability %g", token.Text, token.LogProb)
			}
			if caps.TopLogProbs && len(token.Top) == 0 {
				t.Errorf("%q has no alternatives", token.Text)
			}
		}
		if !strings.Contains(spelt.String(), strings.TrimSpace(c.Text)) {
			t.Errorf("the tokens spell %q, the text is %q", spelt.String(), c.Text)
		}
		if bare := generate(t, adapters.Request{Messages: solve, MaxTokens: 4})[0]; bare.Tokens != nil {
			t.Error("log-probabilities came unasked")
		}
	})
	t.Run("one step", func(t *testing.T) {
		for i, c := range generate(t, adapters.Request{Messages: solve, N: 2, MaxTokens: 120, Temperature: 0.3, Seed: seed(3), OneStep: true, LogProbs: true}) {
			if c.Finish == adapters.FinishCut && (strings.TrimSpace(c.Text) != c.Text || c.Text == "") {
				t.Errorf("completion %d: %q has space around it", i, c.Text)
			}
			if c.Finish == adapters.FinishEnd {
				t.Logf("completion %d answered in one step: %q", i, c.Text)
			}
			if caps.LogProbs && len(c.Tokens) == 0 {
				t.Errorf("completion %d: no log-probabilities", i)
			}
			if c.Usage.CompletionTokens == 0 {
				t.Errorf("completion %d: no tokens counted", i)
			}
		}
	})
	t.Run("a prefill never comes back", func(t *testing.T) {
		begun := "Tom has 3 * 12 = 36 pens at first.\n"
		req := adapters.Request{Messages: append(append([]adapters.Message(nil), solve...), adapters.Message{Role: adapters.Assistant, Content: begun}), MaxTokens: 40, TopLogProbs: 1}
		for _, req.OneStep = range []bool{false, true} {
			c := generate(t, req)[0]
			if strings.Contains(c.Text, "at first") {
				t.Errorf("one step %v: %q repeats the prefill", req.OneStep, c.Text)
			}
			if strings.TrimSpace(c.Text) == "" {
				t.Errorf("one step %v: nothing was continued", req.OneStep)
			}
		}
	})
	t.Run("hidden states", func(t *testing.T) {
		text := "Tom has 3 boxes.\nTom has 3 × 12 = 36 pens."
		spans := []adapters.Span{{Start: 0, End: 16}, {Start: 17, End: len(text)}}
		states, err := llm.Hidden(ctx, text, spans)
		if caps.Hidden.Kind == adapters.HiddenNone {
			if err == nil {
				t.Error("there are none, and none is refused")
			}
			return
		}
		if err != nil || len(states) != 2 {
			t.Fatalf("%d states, %v", len(states), err)
		}
		for i, s := range states {
			if len(s.Last) != caps.Hidden.Width || caps.Hidden.Kind == adapters.HiddenTokens && len(s.Mean) != caps.Hidden.Width {
				t.Errorf("span %d: widths %d and %d, want %d", i, len(s.Last), len(s.Mean), caps.Hidden.Width)
			}
		}
		if states[0].Last[0] == states[1].Last[0] {
			t.Error("two places have the same state")
		}
	})
	t.Run("a client that has left", func(t *testing.T) {
		gone, leave := context.WithCancel(ctx)
		leave()
		if _, err := llm.Generate(gone, adapters.Request{Messages: solve, N: 2, MaxTokens: 40}); err == nil {
			t.Error("answered all the same")
		}
	})
}

// WithoutSeeds holds an adapter that is told to send u no seeds to that, in what it probes with too.
func WithoutSeeds(t *testing.T, u *Upstream, llm adapters.LLM) {
	t.Helper()
	caps, err := llm.Capabilities(t.Context())
	if err != nil || caps.Seed {
		t.Errorf("seeds are known to be taken: %+v, %v", caps, err)
	}
	seed := int64(7)
	if _, err := llm.Generate(t.Context(), adapters.Request{Messages: []adapters.Message{{Role: adapters.User, Content: "2 + 3?"}}, N: 2, MaxTokens: 8, Seed: &seed}); err != nil {
		t.Fatal(err)
	}
	if len(u.Requests()) < 3 {
		t.Errorf("only %d requests", len(u.Requests()))
	}
	for _, r := range u.Requests() {
		if whole, err := json.Marshal(r.Body); err != nil || bytes.Contains(whole, []byte(`"seed"`)) {
			t.Errorf("%s: %s, %v", r.Path, whole, err)
		}
	}
}
