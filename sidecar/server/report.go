package server

import (
	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
	"aprm/sidecar/trace"
)

// report is the prm object of an answer.
type report struct {
	Strategy     string            `json:"strategy"`        // that answered
	Asked        string            `json:"asked,omitempty"` // the strategy to be used, where another one had to answer: the PRM failed
	Applied      string            `json:"applied"`         // what was decided and why, as in the header X-Sidecar-Applied
	Checkpoint   string            `json:"checkpoint,omitempty"`
	Instruction  string            `json:"instruction,omitempty"`         // what was added to the system message
	Kinds        step.Kinds        `json:"kinds,omitempty"`               // programs or mixed; absent where all candidates are prose
	Asking       string            `json:"program_instruction,omitempty"` // what was added to the system message in place of instruction, to ask for programs
	Seed         *int64            `json:"seed,omitempty"`                // the candidates' seeds derive from it; none where the client gave none
	Answer       string            `json:"answer,omitempty"`              // the final answer found in the text
	Stopped      decode.Stopped    `json:"stopped,omitempty"`             // what ended the search before its time
	Note         string            `json:"note,omitempty"`                // what the client should know of an answer that isn't as it should be
	Auto         decode.AutoReport `json:"auto,omitzero"`                 // what auto decided, and why it trusts the PRM or doesn't
	Steps        []reportStep      `json:"steps,omitempty"`
	Candidates   []reportCandidate `json:"candidates,omitempty"`
	Tokens       reportTokens      `json:"tokens"` // really spent, over all candidates
	ScoringCalls int               `json:"scoring_calls"`
	Seconds      float64           `json:"seconds"`
	Ignored      []string          `json:"ignored,omitempty"`  // fields of the request that the search doesn't carry
	TraceID      string            `json:"trace_id,omitempty"` // where the answer has no id of its own: by which its trace is found
	Trace        *trace.Trace      `json:"trace,omitempty"`    // on request
}

type reportTokens struct {
	Prompt     int `json:"prompt"`
	Completion int `json:"completion"`
}

// reportStep is a step of the answer with the PRM's scores of it; without a PRM there are none.
type reportStep struct {
	Text  string   `json:"text"`
	Step  *float64 `json:"step,omitempty"`  // chance that the step is correct
	Value *float64 `json:"value,omitempty"` // chance that a solution that begins like this ends right
}

// reportCandidate is one of those the answer was chosen from: a whole answer or, in a search step by step, a next step.
type reportCandidate struct {
	Kind    step.Kind `json:"kind,omitempty"` // where there are programs: what it is
	Text    string    `json:"text"`           // as the model wrote it
	At      *int      `json:"at,omitempty"`   // where it is a step: the 0-based one it was for
	Answer  string    `json:"answer,omitempty"`
	Score   *float64  `json:"score,omitempty"` // aggregated over its steps
	Tokens  int       `json:"tokens"`
	Chosen  bool      `json:"chosen,omitempty"`
	Dropped string    `json:"dropped,omitempty"` // why it was
}

// report says how an answer came about.
func (s *Server) report(c *call, r decode.Result, t trace.Trace) *report {
	id, _ := s.reasoner.Checkpoint()
	rep := &report{
		Strategy:     t.Strategy,
		Asked:        t.Asked,
		Applied:      c.applied(),
		Checkpoint:   id,
		Instruction:  s.reasoner.Instruction(),
		Answer:       r.Answer,
		Stopped:      r.Stopped,
		Auto:         r.Auto,
		Tokens:       reportTokens{Prompt: r.PromptTokens, Completion: r.CompletionTokens},
		ScoringCalls: r.ScoringCalls,
		Seconds:      r.Elapsed.Seconds(),
		Ignored:      c.ask.Ignored,
	}
	if c.Dialect == dialect.Ollama && (s.cfg.Traces > 0 || s.cfg.Experience != nil) {
		rep.TraceID = t.ID
	}
	if r.Kinds.HavePrograms() {
		rep.Kinds, rep.Asking = r.Kinds, decode.AsksProgram
	}
	if !c.opts.Unseeded {
		rep.Seed = &c.opts.Seed
	}
	if c.ov.Trace != nil && *c.ov.Trace {
		rep.Trace = &t
	}
	if c.ov.Steps != nil && !*c.ov.Steps {
		return rep
	}
	for _, s := range r.Steps {
		out := reportStep{Text: s.Text}
		if s.Scored {
			out.Step, out.Value = &s.Step, &s.Value
		}
		rep.Steps = append(rep.Steps, out)
	}
	for _, candidate := range r.Candidates {
		out := reportCandidate{Text: candidate.Text, Answer: candidate.Answer, Tokens: candidate.Tokens, Chosen: candidate.Chosen, Dropped: candidate.Dropped}
		if r.Kinds.HavePrograms() {
			out.Kind = candidate.Kind
		}
		if decode.Stepwise(c.opts.Strategy) {
			out.At = &candidate.At
		}
		if candidate.Scored {
			out.Score = &candidate.Score
		}
		rep.Candidates = append(rep.Candidates, out)
	}
	return rep
}
