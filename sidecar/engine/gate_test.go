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
