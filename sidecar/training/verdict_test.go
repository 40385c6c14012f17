package training

import (
	"strings"
	"testing"

	"aprm/generator"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// TestVerdict: whoever reads the last line of a training knows whether to use what came of it.
func TestVerdict(t *testing.T) {
	gate := func(low, high float64) *decode.Gate {
		trusted := vote.Rule{Beta: 1, Power: 1, Nats: 0.3, Margin: 0.1, Problems: 100, Stop: vote.Stop{Bias: 3, At: 0.9}}
		return &decode.Gate{N: 8, Vote: trusted, Measured: []decode.Measured{{Strategy: decode.BestOfN, Low: 1, High: 1}, {Strategy: decode.WeightedVote, Problems: 300, Low: low, High: high}}}
	}
	strong := Trained{Game: []generator.Report{{}, {HeldOut: generator.Measured{Steps: 100, Natural: 20, Synthetic: 30, DetectNat: 0.9, DetectSyn: 1, FalseAlarm: 0.04}}}}
	untrusted := gate(0.02, 0.06)
	untrusted.Vote = vote.Plain
	for name, test := range map[string]struct {
		of   Trained
		gate *decode.Gate
		want []string
		not  string
	}{
		"better":        {strong, gate(0.02, 0.06), []string{"9 of 10 of the model's own errors", "all of the attacks", "4 of 100 of the correct steps for wrong", "better than a plain vote of 8 by 2 to 6 points", "300 problems", "use it"}, "chance"},
		"worse":         {strong, gate(-0.06, -0.02), []string{"by -6 to -2 points", "don't use it for votes"}, "better"},
		"chance":        {Trained{}, gate(-0.01, 0.06), []string{"may be chance", "more problems"}, "model's own errors"},
		"may weigh":     {strong, gate(-0.01, 0.06), []string{"auto weighs votes by them"}, "plain votes."},
		"untrusted":     {strong, untrusted, []string{"too little speaks for its scores", "auto takes plain votes"}, "use it"},
		"not measured":  {strong, nil, []string{"isn't known", "draw more answers"}, "use it."},
		"of no errors":  {Trained{Game: []generator.Report{{}}}, gate(0.02, 0.06), []string{"too few of the model's own errors to say (0)"}, "NaN"},
		"no such votes": {Trained{}, &decode.Gate{}, []string{"not measured"}, "use it"},
	} {
		got := test.of.Verdict(test.gate)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: it doesn't say %q: %s", name, want, got)
			}
		}
		if strings.Contains(got, test.not) || strings.Contains(got, "\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
