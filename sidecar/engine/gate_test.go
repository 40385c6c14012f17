package engine

import (
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// A gate counts for the PRM and the LLM that it was measured of, and no other.
func TestAutoGoesByItsOwnGate(t *testing.T) {
	llm := seeing()
	llm.answer = func(req adapters.Request) []adapters.Completion {
		out := make([]adapters.Completion, max(req.N, 1))
		for i := range out {
			out[i] = adapters.Completion{Text: "#### 5", Finish: adapters.FinishEnd}
		}
		return out
	}
	e := with(t, llm, Config{})
	m := taught(t, e)
	if err := e.Use(m); err != nil {
		t.Fatal(err)
	}
	gate := decode.Gate{Format: decode.GateFormat, Checkpoint: m.ID(), Model: llm.caps.Identity(), Aggregate: prm.Min,
		Vote: vote.Rule{Beta: 1, Power: 1, Nats: 1, Margin: 0.1, Problems: 40, Stop: vote.Stop{Bias: 3, At: 0.9}}}
	solve := func(g *decode.Gate) decode.AutoReport {
		e.Trust(g)
		r, err := e.Solve(t.Context(), "", []adapters.Message{{Role: adapters.User, Content: "2 + 3?"}}, decode.Options{Strategy: decode.Auto})
		if err != nil {
			t.Fatal(err)
		}
		return r.Auto
	}
	if a := solve(&gate); a.Vote != "prm" {
		t.Errorf("its own gate: %+v", a)
	}
	foreign := gate
	foreign.Checkpoint = "another"
	for _, g := range []*decode.Gate{nil, &foreign} {
		if a := solve(g); a.Vote != "plain" || !strings.Contains(a.Reason, "nothing was measured") {
			t.Errorf("%+v: %+v", g, a)
		}
	}
}

// A PRM that was found to be of use with LLMs that it hadn't learned from goes by that with one of which nothing was
// measured, and by what was measured where there is that.
func TestAutoGoesByWhatWasFoundElsewhere(t *testing.T) {
	llm := seeing()
	e := with(t, llm, Config{})
	elsewhere := vote.Rule{Beta: 0.7, Power: 1, Nats: 1, Margin: 0.1, Problems: 40, Stop: vote.Stop{Bias: 3, At: 0.9}}
	its := elsewhere
	its.Beta = 1.3
	for name, c := range map[string]struct {
		learnedFrom string
		elsewhere   *prm.Elsewhere
		beta        float64 // 0: no gate
		source      string
	}{
		"of another, tried nowhere":   {"another", nil, 0, ""},
		"of another, tried elsewhere": {"another", &prm.Elsewhere{Models: []string{"a third"}, Problems: 40, Vote: elsewhere}, 0.7, "a third"},
		"of this one":                 {llm.caps.Identity(), &prm.Elsewhere{Models: []string{"a third"}, Problems: 40, Vote: elsewhere}, 1.3, "its own training"},
	} {
		m, err := taught(t, e).Judging(prm.NewSolutionHead(0), prm.SolutionHeader{Model: c.learnedFrom, Problems: 50, Vote: its, Elsewhere: c.elsewhere})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Use(m); err != nil {
			t.Fatal(err)
		}
		g, err := e.Gate(t.Context())
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case (g == nil) != (c.beta == 0) || g != nil && (g.Vote.Beta != c.beta || !strings.Contains(g.Source, c.source) || !g.Of(m.ID(), llm.caps.Identity())):
			t.Errorf("%s: %+v", name, g)
		}
	}
}
