package decode

import (
	"slices"
	"strings"
	"testing"

	"aprm/prm/step"
)

// Where only programs came to the answer the LLM explains it, if there are tokens for that; what it says is shown if it
// is the same answer, and true.
func TestExplain(t *testing.T) {
	const told = "boxes = 3\npens = boxes * 12 = 3 * 12 = 36\n#### 36"
	const well = "Three boxes hold 3 * 12 = 36 pens.\n#### 36"
	for _, test := range []struct {
		name, explanation string
		options           Options
		prose             []string
		asked             bool
		text, dropped     string
	}{
		{"explained", well, Options{Explain: 60}, nil, true, well, ""},
		{"with the program", well, Options{Explain: 60, ShowProgram: true}, nil, true, boxes + "\n\n" + well, ""},
		{"not wanted", well, Options{}, nil, false, told, ""},
		{"another answer", "Three boxes hold 3 * 11 = 33 pens.\n#### 33", Options{Explain: 60}, nil, true, told, "another answer"},
		{"no answer", "I can't explain that.", Options{Explain: 60}, nil, true, told, "without the answer"},
		{"a false equation", "Three boxes hold 3 + 12 = 36 pens.\n#### 36", Options{Explain: 60}, nil, true, told, "false equation"},
		{"it fails", "", Options{Explain: 60}, nil, true, told, "failed"},
		{"no tokens are left", well, Options{Explain: 60, TokenBudget: 10, MaxTokens: 5}, nil, false, told, ""},
		{"prose came to it too", well, Options{Explain: 60, Kinds: step.Mixed, N: 4}, []string{"It is 36.\n#### 36"}, false, "It is 36.\n#### 36", ""},
		{"prose came to something else", well, Options{Explain: 60, Kinds: step.Mixed, N: 4}, []string{"#### 1", "#### 2"}, true, well, ""},
	} {
		for _, strategy := range []string{Majority, WeightedVote, Auto, Confident} {
			llm := &bilingual{prose: test.prose, programs: []string{boxes}, explanation: test.explanation}
			o := test.options
			if o.Strategy = strategy; o.N == 0 {
				o.N, o.Kinds = 2, step.OnlyPrograms
			}
			var settled strings.Builder
			o.Watch = func(e Event) { settled.WriteString(e.Settled) }
			var scorer Scorer
			if strategy == WeightedVote {
				scorer = &table{}
			}
			o.Fallback = true
			r := solve(t, llm, scorer, o)
			if r.Text != test.text || r.Answer != "36" || settled.String() != r.Text {
				t.Errorf("%s, %s: %q, %q, streamed %q", test.name, strategy, r.Text, r.Answer, settled.String())
			}
			at := slices.IndexFunc(llm.asked, func(req SampleRequest) bool { return req.Explain != "" })
			if (at >= 0) != test.asked || at >= 0 && (llm.asked[at].Explain != told || llm.asked[at].MaxTokens != 60 || llm.asked[at].N != 1) {
				t.Errorf("%s, %s: it was asked %+v", test.name, strategy, llm.asked)
			}
			last := r.Candidates[len(r.Candidates)-1]
			if test.asked && test.explanation != "" && (last.Kind != step.Prose || !strings.Contains(last.Dropped, test.dropped) || last.Chosen != (test.dropped == "")) {
				t.Errorf("%s, %s: %+v", test.name, strategy, last)
			}
			if last.Chosen && test.asked && strategy == WeightedVote && !r.Steps[0].Scored {
				t.Errorf("%s: its steps aren't scored: %+v", test.name, r.Steps)
			}
		}
	}
}
