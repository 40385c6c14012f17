package server

import "aprm/sidecar/decode"

// reportStep is a step of the answer with the PRM's scores of it.
type reportStep struct {
	Text  string  `json:"text"`
	Step  float64 `json:"step"`  // chance that the step is correct
	Value float64 `json:"value"` // chance that the solution so far ends right
}

// reportCandidate is one candidate of the search.
type reportCandidate struct {
	Text   string  `json:"text"`
	Answer string  `json:"answer,omitempty"`
	Score  float64 `json:"score"`
	Error  string  `json:"error,omitempty"`
}

func reportSteps(steps []decode.ScoredStep) []reportStep { return nil }

func reportCandidates(candidates []decode.Candidate) []reportCandidate { return nil }

func deadCandidates(r decode.Result) int { return 0 }
