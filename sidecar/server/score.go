package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"aprm/prm/step"
)

// scoring serves POST /v1/prm/score: {"problem":"…","steps":["…"]} gives one score a step.
func (s *Server) scoring(scorer StepScorer) gin.HandlerFunc {
	type score struct {
		Step  float64 `json:"step"`  // chance that the step is correct
		Value float64 `json:"value"` // chance that the solution so far ends right
	}
	type scores struct {
		Checkpoint string  `json:"checkpoint"`
		Scores     []score `json:"scores"`
	}
	return func(g *gin.Context) {
		body, err := readBody(g.Writer, g.Request, s.cfg.MaxBody)
		if err != nil {
			s.fail(g, OpenAI, err)
			return
		}
		t, err := readTrace(body)
		if err != nil {
			s.fail(g, OpenAI, err)
			return
		}
		id, ok := s.reasoner.Checkpoint()
		if !ok {
			s.fail(g, OpenAI, noCheckpoint("", "scoring needs a PRM"))
			return
		}
		found, err := scorer.ScoreSteps(s.authorized(g.Request), t)
		if err != nil {
			s.fail(g, OpenAI, err)
			return
		}
		out := scores{Checkpoint: id, Scores: make([]score, len(found))}
		for i, f := range found {
			out.Scores[i] = score{Step: f.Step, Value: f.Value}
		}
		g.Data(http.StatusOK, "application/json; charset=utf-8", compact(out))
	}
}

// readTrace reads a request to score.
func readTrace(body []byte) (t step.Trace, err error) {
	o, err := parseObject(body)
	if err != nil {
		return t, err
	}
	if err := o.read("problem", &t.Problem.Question, "a string"); err != nil {
		return t, err
	}
	if t.Problem.Question == "" {
		return t, badRequest("problem", "problem is missing: send the question as a string")
	}
	if err := o.read("steps", &t.Steps, "a list of strings"); err != nil {
		return t, err
	}
	if len(t.Steps) == 0 {
		return t, badRequest("steps", "steps is missing: send a list of at least one step")
	}
	return t, nil
}
