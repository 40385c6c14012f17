package decode

import (
	"aprm/prm/arith"
	"aprm/prm/vote"
)

// Confidence is the vote of confident_vote, which needs no PRM: a candidate's logit is the mean log-probability, in
// nats, of its tokens that hold a digit (feature.Confidence). vote.Fit found it on 200 training problems of GSM8K with
// eight answers each of Qwen2.5-Coder-1.5B, and it is held for other LLMs and problems; configs/experiments/README.md
// has what it is worth there.
var Confidence = vote.Rule{Beta: 6, Power: 2, Stop: vote.Stop{Bias: 0.29, Lead: 1.13, Level: 2.04, Draws: -0.17, At: 0.88, Of: 8}}

// Unmeasured is how a PRM of which nothing was measured counts where it is asked for by name: half of what its scores
// claim.
var Unmeasured = vote.Rule{Beta: 0.5, Power: 1}

// ballot is a vote for a final answer.
type ballot struct {
	answer   string
	answered bool    // else it is not counted
	score    float64 // in [0,1], whose logit counts
	program  bool
}

func ballotsOf(solutions []solution) []ballot {
	out := make([]ballot, len(solutions))
	for i, c := range solutions {
		out[i] = ballot{c.Answer, c.Answered, c.score, c.Program != nil}
	}
	return out
}

// numbered are ballots as a vote counts them.
func numbered(ballots []ballot) []vote.Ballot {
	answers := make([]string, len(ballots))
	for i, b := range ballots {
		if b.answered {
			answers[i] = b.answer
		}
	}
	out := make([]vote.Ballot, len(ballots))
	for i, group := range arith.Groups(answers) {
		out[i] = vote.Ballot{Group: group, Logit: logit(ballots[i].score), Program: ballots[i].program}
	}
	return out
}

// Numbered are recorded ballots as a vote counts them.
func Numbered(recorded []Ballot) []vote.Ballot {
	out := make([]ballot, len(recorded))
	for i, b := range recorded {
		out[i] = ballot{b.Answer, b.Answered, b.Score, b.Program}
	}
	return numbered(out)
}
