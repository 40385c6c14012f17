package draw

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm/step"
)

func prefilled(text string) adapters.Request {
	return adapters.Request{Messages: []adapters.Message{{Role: adapters.User, Content: "Go."}, {Role: adapters.Assistant, Content: text}}}
}

func TestRepeats(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		draws string
		fails int // the draw that fails, 0 for none
		want  bool
		asked int
	}{
		{"the same at once", "aa", 0, true, 1},
		{"a cold first draw", "abb", 0, true, 2},
		{"no seeds", "abc", 0, false, 2},
		{"back to the first only", "aba", 0, false, 2},
		{"no second answer", "aa", 1, false, 1},
		{"no third answer", "abb", 2, false, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			got, err := Repeats(test.draws[:1], func() (string, error) {
				asked++
				if asked == test.fails {
					return "", broken
				}
				return test.draws[asked : asked+1], nil
			})
			if got != test.want || asked != test.asked || (err != nil) != (test.fails > 0) {
				t.Errorf("%v, %v after %d draws", got, err, asked)
			}
		})
	}
}

// TestFanOutCountsEachPrompt: completions of a call each are billed for the prompt each, also one that was cut off and
// reports none.
func TestFanOutCountsEachPrompt(t *testing.T) {
	reported := []int{0, 7, 7}
	done, err := FanOut(t.Context(), len(reported), func(_ context.Context, i int) adapters.Completion {
		return adapters.Completion{Text: "x", Usage: adapters.Usage{PromptTokens: reported[i], CompletionTokens: 2}}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range done {
		if c.Usage != (adapters.Usage{PromptTokens: 7, CompletionTokens: 2}) {
			t.Errorf("completion %d: %+v", i, c.Usage)
		}
	}
}

// TestThoughtsStandBeforeTheText: what an endpoint gives apart reads as what a model marks itself.
func TestThoughtsStandBeforeTheText(t *testing.T) {
	for _, test := range []struct {
		name   string
		pieces [][2]string // thoughts, text
		want   string
	}{
		{"both", [][2]string{{"Hm", ""}, {", 5.", ""}, {"", "So 5"}, {"", "."}}, "<think>\nHm, 5.\n</think>\n\nSo 5."},
		{"in one chunk", [][2]string{{"Hm", "So 5."}}, "<think>\nHm\n</think>\n\nSo 5."},
		{"nothing but thoughts", [][2]string{{"Hm", ""}}, "<think>\nHm"},
		{"no thoughts", [][2]string{{"", "So 5."}}, "So 5."},
		{"late thoughts", [][2]string{{"", "So 5."}, {"Hm", ""}}, "So 5."},
	} {
		c := NewCollector(adapters.Request{}, false)
		for _, p := range test.pieces {
			if c.Think(p[0]) || c.Add(p[1], nil) {
				t.Errorf("%s: enough after %q", test.name, p)
			}
		}
		if got := c.Completion(adapters.FinishEnd, adapters.Usage{}, nil).Text; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCollectorSpendsNothingOnAnEcho(t *testing.T) {
	c := NewCollector(prefilled("One.\nTwo."), true)
	for _, piece := range []string{"One", ".\nT", "wo.", "\nThree", "."} {
		c.Add(piece, nil)
	}
	if got := c.Completion(adapters.FinishEnd, adapters.Usage{}, nil); got.Text != "\nThree." || got.Usage.CompletionTokens != 2 {
		t.Errorf("%q, %+v: want what is new, in two tokens", got.Text, got.Usage)
	}
}

// TestTokensOfWhatIsNew: log-probabilities are those of the text alone, also where the echo has its own and holds the
// same words. TestLessThanNothingIsNoCount: an endpoint that doesn't count must not lower a bill.
func TestLessThanNothingIsNoCount(t *testing.T) {
	c := NewCollector(adapters.Request{}, false)
	c.Add("One.", nil)
	c.Add(" Two.", nil)
	if got := c.Completion(adapters.FinishEnd, adapters.Usage{PromptTokens: -1, CompletionTokens: -1}, nil).Usage; got != (adapters.Usage{CompletionTokens: 2}) {
		t.Errorf("%+v", got)
	}
}

func TestTokensOfWhatIsNew(t *testing.T) {
	const begun = "So 2 + 2.\n"
	for _, test := range []struct {
		name    string
		stream  []string // one token each
		silent  int      // so many of the first come without log-probabilities
		oneStep bool
		want    string
	}{
		{"a step after an echo by the model", []string{"So", " 2 + 2", ".\n", "2 + 2", " = 4.", "\n", "Then"}, 0, true, "2 + 2 = 4."},
		{"a step after an echo by the server", []string{"So", " 2 + 2", ".\n", "2 + 2", " = 4.", "\n", "Then"}, 3, true, "2 + 2 = 4."},
		{"a step without an echo", []string{"2 + 2", " = 4.", "\n", "Then"}, 0, true, "2 + 2 = 4."},
		{"a whole answer after an echo", []string{"So", " 2 + 2", ".\n", "2 + 2", " = 4.", "\n", "Then"}, 0, false, "2 + 2 = 4.\nThen"},
		{"a token half echo, half new", []string{"So", " 2 + 2", ".\n2 + 2", " = 4."}, 0, false, ".\n2 + 2 = 4."},
		{"an answer that only begins alike", []string{"2", "."}, 0, false, "2."},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := prefilled(begun)
			req.OneStep = test.oneStep
			c := NewCollector(req, true)
			for i, piece := range test.stream {
				var tokens []step.Token
				if i >= test.silent {
					tokens = []step.Token{{Text: piece, LogProb: -1}}
				}
				if c.Add(piece, tokens) {
					break
				}
			}
			var spelt strings.Builder
			for _, token := range c.Completion(adapters.FinishEnd, adapters.Usage{}, nil).Tokens {
				spelt.WriteString(token.Text)
			}
			if spelt.String() != test.want {
				t.Errorf("the tokens spell %q, want %q", spelt.String(), test.want)
			}
		})
	}
}

// FuzzCollectorEcho: an echo is left out wherever the stream is cut into pieces, and a step is the first of what is
// new.
func FuzzCollectorEcho(f *testing.F) {
	f.Add("First, 1 + 1 = 2.\n", "Then 2 + 3 = 5.\n#### 5", 3, true)
	f.Add("a", "a", 1, false)
	f.Add("", "no prefill", 2, true)
	f.Fuzz(func(t *testing.T, begun, rest string, size int, oneStep bool) {
		size = 1 + size&15
		req := prefilled(begun)
		req.OneStep = oneStep
		c := NewCollector(req, true)
		want := rest
		if oneStep {
			want, _, _ = step.Next(rest)
		}
		for stream := begun + rest; stream != ""; {
			n := min(size, len(stream))
			if c.Add(stream[:n], nil) {
				break
			}
			stream = stream[n:]
		}
		if got := c.Completion(adapters.FinishEnd, adapters.Usage{}, nil).Text; got != want {
			t.Errorf("after %q came %q, want %q", begun, got, want)
		}
	})
}

func TestInWordsAsksForTheRest(t *testing.T) {
	req := prefilled("One.\nTwo.")
	last := InWords(req.Messages)[len(req.Messages)-1]
	if last.Role != adapters.User || !strings.Contains(last.Content, "One.\nTwo.") {
		t.Errorf("%+v", last)
	}
	if plain := req.Messages[:1]; len(InWords(plain)) != 1 || InWords(plain)[0] != plain[0] {
		t.Error("a conversation without a prefill was changed")
	}
	if req.Messages[1].Role != adapters.Assistant {
		t.Error("the caller's messages were changed")
	}
}
