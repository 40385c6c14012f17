package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/server/dialect"
)

// Bounds of one request to the PRM.
const (
	maxSolutions = 256  // to score
	maxSteps     = 1024 // of each
	scoredAtOnce = 8    // solutions, of all requests
)

// scored are the PRM's scores of a solution.
type scored struct {
	scores  []prm.Score
	sighted bool // the LLM's hidden states were read for them
}

// scoring serves POST /v1/prm/score. {"problem":"…","steps":["…"]} gives one score a step;
// {"solutions":[{"problem":"…", "steps":["…"]},…]} gives that for each solution, in order.
func (s *Server) scoring(scorer StepScorer) gin.HandlerFunc {
	type score struct {
		Step  float64 `json:"step"`  // chance that the step is correct
		Value float64 `json:"value"` // chance that the solution so far ends right
	}
	type solution struct {
		Hidden bool    `json:"hidden_states"`
		Scores []score `json:"scores"`
	}
	shape := func(found scored) solution {
		out := solution{Hidden: found.sighted, Scores: make([]score, len(found.scores))}
		for i, f := range found.scores {
			out.Scores[i] = score{Step: f.Step, Value: f.Value}
		}
		return out
	}
	return func(g *gin.Context) {
		body, err := readBody(g.Request, s.cfg.MaxBody)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		traces, batch, err := readTraces(body)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		id, ok := s.reasoner.Checkpoint()
		if !ok {
			s.fail(g, dialect.OpenAI, noCheckpoint("", "scoring needs a PRM"))
			return
		}
		found, err := s.judge(g.Request, scorer, traces)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		if !batch {
			g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(struct {
				Checkpoint string `json:"checkpoint"`
				solution
			}{id, shape(found[0])}))
			return
		}
		all := struct {
			Checkpoint string     `json:"checkpoint"`
			Solutions  []solution `json:"solutions"`
		}{Checkpoint: id}
		for _, f := range found {
			all.Solutions = append(all.Solutions, shape(f))
		}
		g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(all))
	}
}

// judge scores solutions, several at a time, which requests share; the first failure is that of all.
func (s *Server) judge(r *http.Request, scorer StepScorer, traces []step.Trace) ([]scored, error) {
	ctx := s.onBehalf(r)
	if s.cfg.SearchTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.SearchTimeout)
		defer cancel()
	}
	found := make([]scored, len(traces))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scoredAtOnce)
	for i, t := range traces {
		group.Go(func() (err error) {
			defer func() { // survive looks after the request's own goroutine only
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
			}()
			if err := s.judging.Acquire(ctx, 1); err != nil {
				return err
			}
			defer s.judging.Release(1)
			if found[i].scores, found[i].sighted, err = scorer.Judge(ctx, t, nil); err == nil && len(found[i].scores) != len(t.Steps) {
				err = fmt.Errorf("the PRM gave %d scores for %d steps", len(found[i].scores), len(t.Steps))
			}
			return err
		})
	}
	return found, group.Wait()
}

// readTraces reads a request to score: one solution, or a batch of them.
func readTraces(body []byte) (traces []step.Trace, batch bool, err error) {
	o, err := dialect.Parse(body)
	if err != nil {
		return nil, false, err
	}
	var name string
	if err := o.Read("model", &name, "a string"); err != nil { // whichever it is, there is one PRM
		return nil, false, err
	}
	value, batch := o.Get("solutions")
	if !batch {
		t, err := readTrace(o, "")
		return []step.Trace{t}, false, err
	}
	for _, key := range []string{"problem", "steps"} {
		if _, ok := o.Get(key); ok {
			return nil, true, dialect.BadRequest(key, "%s stands beside solutions: send one or the other", key)
		}
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, true, dialect.BadRequest("solutions", "solutions must be a list of objects with problem and steps")
	}
	if len(list) == 0 || len(list) > maxSolutions {
		return nil, true, dialect.BadRequest("solutions", "solutions must be 1 to %d, not %d", maxSolutions, len(list))
	}
	traces = make([]step.Trace, len(list))
	for i, raw := range list {
		at := fmt.Sprintf("solutions[%d]", i)
		if o, err = dialect.Parse(raw); err != nil {
			return nil, true, dialect.BadRequest(at, "%s must be an object with problem and steps", at)
		}
		if traces[i], err = readTrace(o, at+"."); err != nil {
			return nil, true, err
		}
	}
	return traces, true, nil
}

// readTrace reads one solution; at is what its fields' names are told with.
func readTrace(o dialect.Object, at string) (t step.Trace, err error) {
	var question string
	if value, ok := o.Get("problem"); ok && json.Unmarshal(value, &question) != nil {
		return t, dialect.BadRequest(at+"problem", "%sproblem must be a string", at)
	}
	if question == "" {
		return t, dialect.BadRequest(at+"problem", "%sproblem is missing: send the question as a string", at)
	}
	t.Problem.Question = question
	var steps []*string
	if value, ok := o.Get("steps"); ok && json.Unmarshal(value, &steps) != nil {
		return t, dialect.BadRequest(at+"steps", "%ssteps must be a list of strings", at)
	}
	if len(steps) == 0 {
		return t, dialect.BadRequest(at+"steps", "%ssteps is missing: send a list of at least one step", at)
	}
	if len(steps) > maxSteps {
		return t, dialect.BadRequest(at+"steps", "%ssteps are %d, the most is %d", at, len(steps), maxSteps)
	}
	for i, s := range steps {
		if s == nil {
			return t, dialect.BadRequest(fmt.Sprintf("%ssteps[%d]", at, i), "%ssteps[%d] must be a string", at, i)
		}
		t.Steps = append(t.Steps, *s)
	}
	return t, nil
}
