package builtin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/prm/step"
)

func TestContract(t *testing.T) {
	adaptertest.Contract(t, newLLM(t, small()))
}

// TestCapabilities holds what is promised; that it is true, the contract and the tests below hold.
func TestCapabilities(t *testing.T) {
	got, err := newLLM(t, small()).Capabilities(t.Context())
	want := adapters.Capabilities{Model: "small", Server: "builtin", Streaming: true, N: true, Stop: true, StopReason: true, Seed: true,
		LogProbs: true, TopLogProbs: true, Prefill: adapters.PrefillContinued, Compact: true,
		Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: 32}}
	if got.Weights == "" {
		t.Error("no word of which weights these are")
	}
	if got.Weights = ""; err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// requests are of all kinds, so that together they make a batch whose sequences begin and end at different times.
func requests() []adapters.Request {
	var out []adapters.Request
	for i := range 12 {
		req := adapters.Request{Messages: ask(strings.Repeat("Tom has 3 boxes. ", i%4+1)), N: i%3 + 1, MaxTokens: 10 + 7*i, Temperature: 1, Seed: seeded(int64(i))}
		if i%3 == 1 {
			req.TopP, req.TopLogProbs = 0.9, 3
		}
		if i%4 == 2 {
			req.OneStep = true
		}
		if i%5 == 3 {
			req.Temperature = 0
			req.Stop = []string{"a", "7"}
		}
		out = append(out, req)
	}
	return out
}

// TestCompletionsDontDependOnTheBatch: text and log-probabilities are equal to the bit whether a completion is drawn
// alone by a model that has seen nothing, or among others by one that knows the prompt.
func TestCompletionsDontDependOnTheBatch(t *testing.T) {
	weights := write(t, small(), random(small(), 1))
	var want [][]adapters.Completion
	for _, req := range requests() {
		var done []adapters.Completion
		for i := range req.N {
			llm, err := New(weights)
			if err != nil {
				t.Fatal(err)
			}
			one := req
			one.N, one.Seed = 1, seeded(*req.Seed+int64(i))
			c, err := llm.Generate(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				c[0].Usage.PromptTokens = 0 // counted once
			}
			done = append(done, c...)
		}
		want = append(want, done)
	}

	llm, err := New(weights)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		var group sync.WaitGroup
		for i, req := range requests() {
			group.Go(func() {
				got, err := llm.Generate(t.Context(), req)
				if err != nil || !reflect.DeepEqual(got, want[i]) {
					t.Errorf("round %d, request %d: %v\ngot  %+v\nwant %+v", round, i, err, got, want[i])
				}
			})
		}
		group.Wait()
	}
}

// TestManyCompletions: more than are decoded at a time.
func TestManyCompletions(t *testing.T) {
	llm := newLLM(t, small())
	done, err := llm.Generate(t.Context(), adapters.Request{Messages: ask("Go."), N: 3*slots + 1, MaxTokens: 5, Temperature: 1, Seed: seeded(1)})
	if err != nil || len(done) != 3*slots+1 {
		t.Fatalf("%d, %v", len(done), err)
	}
	prompt, different := 0, map[string]bool{}
	for _, c := range done {
		prompt += c.Usage.PromptTokens
		different[c.Text] = true
	}
	if want := len(llm.words.prompt(ask("Go."))); prompt != want || done[0].Usage.PromptTokens != want {
		t.Errorf("the prompt of %d tokens was counted as %d", want, prompt)
	}
	if len(different) < slots {
		t.Errorf("only %d different answers", len(different))
	}
}

// TestUnseeded: without a seed, every call draws anew.
func TestUnseeded(t *testing.T) {
	llm, seen := newLLM(t, small()), map[string]bool{}
	for range 3 {
		done, err := llm.Generate(t.Context(), adapters.Request{Messages: ask("Go."), MaxTokens: 20, Temperature: 1})
		if err != nil {
			t.Fatal(err)
		}
		seen[done[0].Text] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different texts of 3", len(seen))
	}
}

// TestPrefillIsWhole: an answer cut at a line break has the tokens of the whole one, and is continued alike by a model
// that knows its beginning and by one that doesn't.
func TestPrefillIsWhole(t *testing.T) {
	llm := newLLM(t, small())
	messages := ask("Tom has 3 boxes.")
	whole, err := llm.Generate(t.Context(), adapters.Request{Messages: messages, N: 8, MaxTokens: 100, Temperature: 2, Seed: seeded(4)})
	if err != nil {
		t.Fatal(err)
	}
	var text string // of several answers, as lines are rare
	for _, c := range whole {
		text += strings.TrimSpace(c.Text)[:30] + "\n"
	}
	text = strings.TrimSpace(text)
	all, _ := llm.words.encode(text)
	cuts := 0
	for i, c := range text {
		if c != '\n' {
			continue
		}
		cuts++
		head, _ := llm.words.encode(text[:i+1])
		tail, _ := llm.words.encode(text[i+1:])
		if !reflect.DeepEqual(append(head, tail...), all) {
			t.Errorf("cut behind byte %d, the tokens differ", i)
		}
		req := adapters.Request{Messages: append(messages[:1:1], adapters.Message{Role: adapters.Assistant, Content: text[:i+1]}), MaxTokens: 10, TopLogProbs: 1}
		a, err := llm.Generate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := newLLM(t, small()).Generate(t.Context(), req)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("behind %q: %+v, then %+v, %v", text[:i+1], a, b, err)
		}
	}
	if cuts < 2 {
		t.Fatalf("the answer hardly has lines: %q", text)
	}
}

// TestGreedyContinues: what comes is the most probable token, again and again, behind the prompt and the prefill.
func TestGreedyContinues(t *testing.T) {
	llm := newLLM(t, small())
	messages := append(ask("Tom has 3 boxes."), adapters.Message{Role: adapters.Assistant, Content: "So 3 + 4 = 7\n"})
	var want strings.Builder
	s, c := new(scratch), new(cache)
	logits := last(llm, s, c, llm.words.prompt(messages))
	for range 12 {
		id := sampler{}.pick(logits, make([]float32, len(logits)))
		want.WriteString(llm.words.text(id))
		logits = last(llm, s, c, []int32{id})
	}
	done, err := llm.Generate(t.Context(), adapters.Request{MaxTokens: 12, Messages: messages})
	if err != nil || done[0].Text != want.String() {
		t.Errorf("%q, %v, want %q", done[0].Text, err, want.String())
	}
}

// last returns the logits behind some tokens.
func last(llm *LLM, s *scratch, c *cache, tokens []int32) []float32 {
	m := llm.scheduler.model
	states := m.read(s, []run{{tokens, c}})
	return append([]float32(nil), m.head(s, states[len(states)-m.Dim:], 1)[:len(m.Vocab)]...)
}

func TestContextEnds(t *testing.T) {
	llm := newLLM(t, small())
	// Twenty tokens short of the context.
	fits := strings.Repeat("7", llm.scheduler.model.Context-20-2)
	done, err := llm.Generate(t.Context(), adapters.Request{Messages: ask(fits)})
	if err != nil {
		t.Fatal(err)
	}
	if c := done[0]; c.Finish != adapters.FinishLength || c.Usage.CompletionTokens != 20 || c.Usage.PromptTokens != 236 {
		t.Errorf("%+v", c)
	}
	long := strings.Repeat("7", llm.scheduler.model.Context)
	_, generate := llm.Generate(t.Context(), adapters.Request{Messages: ask(long)})
	_, hidden := llm.Hidden(t.Context(), long, []adapters.Span{{Start: 0, End: 1}})
	for _, err := range []error{generate, hidden} {
		var upstream *adapters.UpstreamError
		if !errors.As(err, &upstream) || upstream.Status != http.StatusBadRequest || !strings.Contains(err.Error(), "256") {
			t.Errorf("too long a text: %v", err)
		}
	}
}

// TestLeaving: a caller who leaves in the middle is let go, with what there was, and those beside it go on.
func TestLeaving(t *testing.T) {
	llm := newLLM(t, small())
	req := adapters.Request{Messages: ask("Go."), N: 4, Temperature: 1, Seed: seeded(1)}
	want, err := llm.Generate(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 0 {
				time.AfterFunc(time.Duration(i)*time.Millisecond/2, cancel)
			}
			got, err := llm.Generate(ctx, req)
			if i%2 == 1 && (err != nil || !reflect.DeepEqual(got, want)) {
				t.Errorf("caller %d: %+v, %v", i, got, err)
			}
			for j, c := range got {
				if c.Err != nil && (!errors.Is(c.Err, context.Canceled) || !strings.HasPrefix(want[j].Text, c.Text)) {
					t.Errorf("caller %d: %+v", i, c)
				}
			}
		})
	}
	group.Wait()
	req.Timeout = time.Nanosecond
	if _, err := llm.Generate(t.Context(), req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := llm.Hidden(gone, "Go.", []adapters.Span{{Start: 0, End: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("states for nobody: %v", err)
	}
}

// TestHidden holds states to the ones computed at each token, whatever was asked for before.
func TestHidden(t *testing.T) {
	llm := newLLM(t, small())
	question, answer := "Tom has 3 boxes.", "So 3 × 12 = 36 pens.\nThe rest."
	text := question + "\n\n" + answer
	ids, ends := llm.words.encode(question)
	after, offsets := llm.words.encode(answer)
	ids, ends = append(append(ids, assistantToken), after...), append(ends, 18)
	for _, o := range offsets {
		ends = append(ends, 18+o)
	}
	rows := llm.scheduler.model.read(new(scratch), []run{{append([]int32{userToken}, ids...), new(cache)}})
	rows = append([]float32(nil), rows[32:]...)
	for _, span := range []adapters.Span{{Start: 18, End: 39}, {Start: 0, End: len(text)}, {Start: 40, End: 49}, {Start: 1, End: 2}, {Start: 5, End: 1000}} {
		got, err := llm.Hidden(t.Context(), text, []adapters.Span{span, {Start: 23, End: 24}})
		if err != nil {
			t.Fatal(err)
		}
		mean, n, last := make([]float64, 32), 0.0, 0
		for i, end := range ends {
			if begin := append([]int{0}, ends...)[i]; end > span.Start && begin < span.End {
				for j := range mean {
					mean[j] += float64(rows[i*32+j])
				}
				n, last = n+1, i
			}
		}
		for j := range mean {
			if math.Abs(mean[j]/n-float64(got[0].Mean[j])) > 1e-5 || got[0].Last[j] != rows[last*32+j] {
				t.Fatalf("span %v differs at %d", span, j)
			}
		}
	}
	for _, span := range []adapters.Span{{Start: 3, End: 3}, {Start: 5, End: 2}, {Start: len(text), End: len(text) + 4}, {Start: -3, End: 0}} {
		if _, err := llm.Hidden(t.Context(), text, []adapters.Span{span}); err == nil {
			t.Errorf("span %v has a state", span)
		}
	}
	if states, err := llm.Hidden(t.Context(), text, nil); err != nil || len(states) != 0 {
		t.Errorf("no spans: %v, %v", states, err)
	}
}

// play runs a sequence over tokens that are each certain to be drawn.
func play(t *testing.T, req adapters.Request, tokens ...string) adapters.Completion {
	t.Helper()
	words, err := newTokenizer(words(0))
	if err != nil {
		t.Fatal(err)
	}
	s := newSequence(words, req, 0, 100)
	for _, token := range tokens {
		if s.ended() {
			t.Fatalf("it ended before %q", token)
		}
		logits := make([]float32, len(words.vocab))
		for id, text := range words.vocab {
			if text == token {
				logits[id] = 50
			}
		}
		s.next(logits, make([]float32, len(logits)))
	}
	return s.completion(0)
}

func TestEndings(t *testing.T) {
	long := make([]string, 100)
	for i := range long {
		long[i] = "7"
	}
	for _, test := range []struct {
		name   string
		req    adapters.Request
		tokens []string
		text   string
		finish adapters.FinishReason
		stop   string
	}{
		{"the end", adapters.Request{}, []string{"So", " 3", "\n", "<end>"}, "So 3\n", adapters.FinishEnd, ""},
		{"the end at once", adapters.Request{}, []string{"<end>"}, "", adapters.FinishEnd, ""},
		{"no more tokens", adapters.Request{}, long, strings.Repeat("7", 100), adapters.FinishLength, ""},
		{"a stop string in a token", adapters.Request{Stop: []string{"en"}}, []string{"So", " pens"}, "So p", adapters.FinishStop, "en"},
		{"a stop string over three tokens", adapters.Request{Stop: []string{"x", "o 3\n"}}, []string{"So", " 3", "\n"}, "S", adapters.FinishStop, "o 3\n"},
		{"the first of several", adapters.Request{Stop: []string{"ns", "pe"}}, []string{" pens"}, " ", adapters.FinishStop, "pe"},
		{"half a stop string", adapters.Request{Stop: []string{"o 4"}}, []string{"So", " 3", "<end>"}, "So 3", adapters.FinishEnd, ""},
		{"the last token a stop", adapters.Request{Stop: []string{"77"}}, []string{"7", "7"}, "", adapters.FinishStop, "77"},
		{"no stop string", adapters.Request{Stop: []string{""}}, []string{"7", "<end>"}, "7", adapters.FinishEnd, ""},
		{"one step", adapters.Request{OneStep: true}, []string{"\n", "So", " 3", "\n"}, "So 3", adapters.FinishCut, ""},
		{"one step, the last", adapters.Request{OneStep: true}, []string{"So", " 3", "<end>"}, "So 3", adapters.FinishEnd, ""},
		{"one step, stopped behind it", adapters.Request{OneStep: true, Stop: []string{"7"}}, []string{"So", "\n"}, "So", adapters.FinishCut, ""},
		{"one step, stopped within", adapters.Request{OneStep: true, Stop: []string{"\n"}}, []string{"So", "\n"}, "So", adapters.FinishStop, "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, test.req.LogProbs = range []bool{false, true} {
				c := play(t, test.req, test.tokens...)
				if c.Text != test.text || c.Finish != test.finish || c.StopString != test.stop || c.Usage.CompletionTokens != len(test.tokens) {
					t.Errorf("%+v", c)
				}
				var spelt strings.Builder
				for _, token := range c.Tokens {
					spelt.WriteString(token.Text)
				}
				if test.req.LogProbs && !strings.Contains(spelt.String(), test.text) || !test.req.LogProbs && c.Tokens != nil {
					t.Errorf("the tokens are %+v", c.Tokens)
				}
			}
		})
	}
}

func TestLogProbs(t *testing.T) {
	c := play(t, adapters.Request{TopLogProbs: 2}, " pens")
	others := float64(len(words(0)) - 1)
	want := -math.Log(1 + others*math.Exp(-50))
	if got := c.Tokens[0]; math.Abs(got.LogProb-want) > 1e-6 || len(got.Top) != 2 ||
		got.Top[0] != (step.Alternative{Text: " pens", LogProb: got.LogProb}) || got.Top[1].Text != "<end>" || math.Abs(got.Top[1].LogProb+50) > 1e-4 {
		t.Errorf("%+v", got)
	}
	if c := play(t, adapters.Request{LogProbs: true}, " pens"); len(c.Tokens) != 1 || c.Tokens[0].Top != nil {
		t.Errorf("%+v", c.Tokens)
	}
}

func ExampleNew() {
	_, err := New([]byte("nothing"))
	fmt.Println(err)
	// Output: loading the builtin model: this is no file of a builtin model's weights
}
